#include <gtest/gtest.h>

#include <random>

#include "base/check.h"
#include "base/merkle.h"
#include "desk.h"
#include "opened.h"
#include "program/cells.h"
#include "sides.h"

/// Asserters whose lie is no computation: false roots over right results, and right results under
/// false roots. The honest challenger is the prover's.
namespace assay::dispute {
namespace {

using base::Hash;
using testing::arena;
using testing::Arena;
using testing::Fault;
using testing::noise;
using testing::ScalarReplayer;

constexpr std::uint32_t kSteps = testing::kArenaSteps;

struct Lie {
    enum class Kind : std::uint8_t {
        states,        ///< one bit of one output, with partial states that turn false on the way
        accumulators,  ///< honest outputs of a sequence, a false root over accumulators
        state,         ///< an honest trace, a false state root
        state_list,    ///< right leaves under the state root, but one more, or two swapped
        noise,         ///< hashes of nothing from some root on
    } kind = Kind::states;
    std::uint32_t step = 0, unit = 0, instruction = 0;
    std::uint64_t element = 0;
    std::uint32_t variant = 0;
};

/// Right outputs, and for one sequence other accumulators.
class TwistedReplayer final : public Replayer {
  public:
    TwistedReplayer(const Arena& at, const Lie& lie)
        : lie_(lie),
          scalar_(at.fixture, lie.kind == Lie::Kind::states
                                  ? std::optional(Fault{Stage::step, lie.step, lie.unit,
                                                        lie.instruction, lie.element})
                                  : std::nullopt) {}
    [[nodiscard]] const program::Program& program() const override { return scalar_.program(); }
    [[nodiscard]] exact::DatasetWords dataset() const override { return scalar_.dataset(); }
    [[nodiscard]] unsigned threads() const override { return 1; }
    void run_init(commit::State& state) override { scalar_.run_init(state); }
    void run_step(commit::State& state, std::uint32_t round, std::uint32_t lane,
                  std::uint32_t step) override {
        scalar_.run_step(state, round, lane, step);
    }
    void run_payload(const commit::State& round_start, const commit::State& end,
                     std::uint32_t round, commit::Payload& out) override {
        scalar_.run_payload(round_start, end, round, out);
    }
    void run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                   std::uint32_t round) override {
        scalar_.run_merge(state, members, round);
    }
    StageTrace stage(const StageInputs& inputs) override {
        StageTrace trace = scalar_.stage(inputs);
        if (lie_.kind != Lie::Kind::accumulators || inputs.step != lie_.step) return trace;
        std::vector<Hash>& roots = trace.accumulators[lie_.unit];
        const std::size_t at = lie_.element % roots.size();
        if (lie_.variant % 2 == 0) {
            roots[at] = noise(1);
        } else {
            std::swap(roots[at], roots[(at + 1) % roots.size()]);
        }
        trace.leaves[lie_.unit] =
            loop_leaf(inputs.descriptor, trace.units[lie_.unit], tree_of(roots));
        return trace;
    }
    UnitTrace unit(const StageInputs& inputs, std::size_t position) override {
        return scalar_.unit(inputs, position);
    }
    Evidence evidence(const StageInputs& inputs, StageTrace stage, UnitTrace unit,
                      std::size_t position, std::uint32_t instruction,
                      const Hash& round_start_descriptor) override {
        return scalar_.evidence(inputs, std::move(stage), std::move(unit), position, instruction,
                                round_start_descriptor);
    }

  private:
    const Lie lie_;
    ScalarReplayer scalar_;
};

/// Posts what it claims to believe, as consistently as its lie allows.
class Liar {
  public:
    Liar(const Lie& lie, const Terms& terms)
        : lie_(lie),
          terms_(terms),
          replayer_(arena(), lie),
          history_(std::make_unique<History>(terms, replayer_, arena().data,
                                             HistoryOptions{{}, 8, 10'000})) {}

    /// What it asserts: about a cell it makes up what its computation does not give it.
    Hash asserted() {
        if (!terms_.is_about_cell()) return root(kSteps);
        return lie_.kind == Lie::Kind::states ? *history_->cell_hash() : noise(4);
    }

    Hash root(std::uint32_t steps) {
        if (steps <= lie_.step) return *arena().truth->root_after(steps);
        if (lie_.kind == Lie::Kind::states) return *history_->root_after(steps);
        if (steps == lie_.step + 1 && lists()) return tree_of(false_leaves());
        return noise(steps);
    }
    std::optional<Move> move(const Game& game) {
        if (game.phase() == Phase::statement)
            return PostStatement{open_frame(history_->records()),
                                 root(terms_.is_about_cell() ? terms_.cell.steps : kSteps),
                                 {}};
        if (game.phase() == Phase::roots) {
            PostRoots post;
            for (const std::uint32_t point : game.points()) post.roots.push_back(root(point));
            return post;
        }
        Desk desk(game, **history_->at(place_of(game)));
        if (testing::LeafLiar::is_about_leaves(game) && !game.in_unit() && lists() &&
            game.steps().second == lie_.step + 1) {
            return testing::LeafLiar(false_leaves()).move(game, desk);
        }
        if (lie_.kind == Lie::Kind::states) {
            if (const auto lying = lie_about_states(game, desk)) return lying;
        }
        auto decision = assert_by_trace(desk);
        if (!decision) return std::nullopt;
        return std::move(decision->move);
    }

  private:
    [[nodiscard]] bool lists() const {
        return lie_.kind == Lie::Kind::state || lie_.kind == Lie::Kind::state_list;
    }
    /// Leaves of the state after the lie's step, but for the lie.
    std::vector<Hash> false_leaves() {
        std::vector<Hash> leaves = leaves_after(lie_.step + 1);
        const std::vector<Hash> before = leaves_after(lie_.step);
        const std::size_t at = 1 + lie_.element % (leaves.size() - 1);
        if (lie_.kind == Lie::Kind::state) {
            leaves[at] = noise(2);
            return leaves;
        }
        switch (lie_.variant % 3) {
            case 0:  // a leaf of nothing
                leaves.insert(leaves.begin() + static_cast<std::ptrdiff_t>(at), noise(3));
                break;
            case 1:  // a tensor as it is, and as it was
                leaves.insert(leaves.begin() + static_cast<std::ptrdiff_t>(at), before[at]);
                break;
            default:
                std::swap(leaves[at], leaves[at == 1 ? 2 : at - 1]);
                break;
        }
        return leaves;
    }
    static std::vector<Hash> leaves_after(std::uint32_t steps) {
        return (*arena().truth->at({Stage::step, steps}))->leaves_before();
    }
    /// Everything about the partial states of the false output.
    std::optional<Move> lie_about_states(const Game& game, Desk& desk) {
        const Facts& facts = game.facts();
        const bool here = facts.step == lie_.step && facts.unit == lie_.unit &&
                          game.claim().instruction == lie_.instruction;
        const bool about = game.phase() == Phase::partial || game.phase() == Phase::openings ||
                           (game.phase() == Phase::children && game.list() == Game::List::states);
        if (!here || !about || game.claim().item == kPaddingItem) return std::nullopt;
        if (!narrows(desk.instruction().kind)) return std::nullopt;
        std::vector<PartialState> states = desk.states();
        for (std::size_t s = lie_.variant % states.size(); s < states.size(); ++s)
            states[s][0] ^= 1U;
        if (game.phase() == Phase::partial) return PostRoot{partial_root(states)};
        if (game.phase() == Phase::openings) {
            StageHistory& history = desk.history();
            return PostOpenings{
                encode_openings(open_claim(history.program(), history.records(), desk.evidence(),
                                           facts, game.claim(), states))};
        }
        std::vector<Hash> leaves;
        for (const PartialState& state : states)
            leaves.push_back(base::merkle_leaf(base::MerkleFamily::blake2b, encode_partial(state)));
        PostChildren post;
        std::size_t at = game.search().first;
        for (const std::uint64_t count : child_counts(game.search().count, game.terms().fan_out)) {
            post.nodes.push_back(
                tree_of({leaves.begin() + static_cast<std::ptrdiff_t>(at),
                         leaves.begin() + static_cast<std::ptrdiff_t>(at + count)}));
            at += count;
        }
        return post;
    }

    const Lie lie_;
    const Terms terms_;
    TwistedReplayer replayer_;
    std::unique_ptr<History> history_;
};

Lie random_lie(std::mt19937& dice) {
    const auto below = [&dice](std::size_t n) { return static_cast<std::uint32_t>(dice() % n); };
    Lie lie;
    lie.kind = static_cast<Lie::Kind>(below(5));
    lie.step = below(kSteps);
    lie.unit = below(lie.kind == Lie::Kind::accumulators ? 2 : 3);
    const program::Program& program = arena().fixture.program;
    const auto [first, last] =
        program.range(lie.unit < 2 ? program::Part::sequence : program::Part::update);
    lie.instruction = first + below(last - first);
    const program::Tensor& out = program.tensors[program.instructions[lie.instruction].out.tensor];
    lie.element = dice() % (std::uint64_t{out.rows} * out.cols);
    lie.variant = below(100);
    return lie;
}

/// Whether the challenger showed that the asserter was wrong; false: the asserter fell silent.
/// Nothing when the lie changes no root.
std::optional<bool> shown(Liar& liar, Terms terms, History& truth, const std::string& label) {
    terms.asserted = liar.asserted();
    const Hash right = terms.is_about_cell() ? *truth.cell_hash() : *truth.root_after(kSteps);
    if (terms.asserted == right) return std::nullopt;
    Player challenger(terms, Side::challenger, truth, {false});
    const LedgerReferee referee;
    market::GameStatus status;
    status.game = encode_game(Game(terms));
    for (int moves = 0; !status.winner; ++moves) {
        if (moves > 300) base::fail_check("the game ends", __FILE__, __LINE__);
        std::optional<Move> move;
        if (status.turn == Side::asserter) {
            move = liar.move(*decode_game(status.game));
            if (!move) return false;
        } else {
            auto decision = challenger.next(status.game);
            EXPECT_TRUE(decision.has_value()) << label;
            if (!decision) return std::nullopt;
            EXPECT_EQ(decision->ground, Ground::plays) << label;
            move = std::move(decision->move);
        }
        auto next = referee.play(status.game, status.turn, encode_move(*move));
        if (!next && status.turn == Side::asserter) return false;
        EXPECT_TRUE(next.has_value()) << label << " refused " << move->index();
        if (!next) return std::nullopt;
        status = std::move(*next);
    }
    EXPECT_EQ(status.winner, Side::challenger) << label;
    return true;
}

/// What a run of random lies came to.
class Tally {
  public:
    void add(const Lie& lie, bool by_showing, const std::string& label) {
        ++games_;
        ++kinds_[lie.kind];
        by_showing_ += by_showing ? 1 : 0;
        // What can be shown to be wrong is shown; only hashes of nothing lose by silence.
        if (lie.kind == Lie::Kind::states) {
            EXPECT_TRUE(by_showing) << label;
        }
    }
    void expect_enough() const {
        EXPECT_EQ(kinds_.size(), 5U);
        EXPECT_GT(games_, 70);
        EXPECT_GT(by_showing_, 40);
    }

  private:
    int games_ = 0, by_showing_ = 0;
    std::map<Lie::Kind, int> kinds_;
};

TEST(Liars, LoseToTheHonestChallenger) {
    Tally tally;
    for (std::uint32_t seed = 0; seed < 130; ++seed) {
        std::mt19937 dice(seed);
        const Lie lie = random_lie(dice);
        Terms terms = terms_of(arena().subject);
        terms.fan_out = 2U << (dice() % 5);
        Liar liar(lie, terms);
        const std::string label = "seed " + std::to_string(seed) + " lie " +
                                  std::to_string(int(lie.kind)) + " step " +
                                  std::to_string(lie.step) + " unit " + std::to_string(lie.unit) +
                                  " instruction " + std::to_string(lie.instruction);
        const auto result = shown(liar, terms, *arena().truth, label);
        if (result) tally.add(lie, *result, label);
    }
    tally.expect_enough();
}

/// A cell in the step of the lie or after it, where an error may reach it.
DisputedCell random_cell(const Lie& lie, std::mt19937& dice) {
    const program::Program& program = arena().fixture.program;
    DisputedCell cell;
    if (dice() % 2 == 0) {
        cell.unit = {program::Part::sequence, static_cast<std::uint32_t>(dice() % program.batch)};
    } else {
        cell.unit = {program::Part::update, 0};
    }
    cell.steps = lie.step + static_cast<std::uint32_t>(dice() % (kSteps - lie.step));
    const auto drawable = program::cell_instructions(program, cell.unit.part);
    cell.instruction = drawable[dice() % drawable.size()];
    const program::Tensor& out = program.tensors[program.instructions[cell.instruction].out.tensor];
    cell.tile = static_cast<std::uint32_t>(dice() % tile_count(out));
    return cell;
}

TEST(Liars, LoseAboutCellsToTheHonestChallenger) {
    Tally tally;
    for (std::uint32_t seed = 0; seed < 100; ++seed) {
        std::mt19937 dice(seed);
        const Lie lie = random_lie(dice);
        Terms terms = terms_of(arena().subject);
        terms.stage = market::GameStage::cell;
        terms.about = market::GameStage::segment;
        terms.cell = random_cell(lie, dice);
        terms.fan_out = 2U << (dice() % 5);
        ScalarReplayer honest(arena().fixture);
        History truth(terms, honest, arena().data, HistoryOptions{{}, 8, 10'000});
        Liar liar(lie, terms);
        const std::string label =
            "seed " + std::to_string(seed) + " lie " + std::to_string(int(lie.kind)) + " step " +
            std::to_string(lie.step) + " cell after " + std::to_string(terms.cell.steps) +
            " instruction " + std::to_string(terms.cell.instruction);
        const auto result = shown(liar, terms, truth, label);
        if (result) tally.add(lie, *result, label);
    }
    tally.expect_enough();
}

}  // namespace
}  // namespace assay::dispute
