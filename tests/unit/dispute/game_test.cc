#include "dispute/game.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

#include "base/check.h"
#include "base/merkle.h"
#include "dispute/ledger_referee.h"
#include "prover/evidence.h"
#include "exact/environment.h"
#include "exact/reference_step.h"
#include "fixture.h"
#include "market/commitment.h"

namespace assay::dispute {
namespace {

using base::Hash;
using program::TensorClass;
using program::TensorId;
using testing::Fixture;

constexpr std::uint32_t kSteps = 5;

Hash tree(const std::vector<Hash>& leaves) {
    return base::merkle_root(base::MerkleFamily::blake2b, leaves);
}

/// What an honest party knows of five steps from a round's start.
struct World {
    World() : fixture(testing::ragged_gpt()), records(fixture.program) {
        const exact::FloatEnvironment environment;
        exact::ReferenceMachine machine(fixture.program);
        machine.run_init();
        for (std::uint32_t s = 0; s <= kSteps; ++s) {
            states.push_back(commit::State::zeros(fixture.program));
            const auto bytes = machine.state();
            for (std::size_t i = 0; i < bytes.size(); ++i)
                std::memcpy(states[s].tensors[i].data(), bytes[i].data(), bytes[i].size());
            leaves.push_back({commit::descriptor_leaf(descriptor(s))});
            const auto ids = fixture.program.state_tensors();
            for (std::size_t i = 0; i < ids.size(); ++i)
                leaves[s].push_back(commit::tensor_root(fixture.program.tensors[ids[i]],
                                                        states[s].tensors[i].data()));
            roots.push_back(tree(leaves[s]));
            if (s < kSteps) machine.run_step(fixture.dataset, 0, 1, s);
        }
    }
    commit::StateDescriptor descriptor(std::uint32_t step) const {
        if (step == 0) return fixture.opening;
        commit::StateDescriptor d = fixture.after_step;
        d.step = step;
        return d;
    }
    StageInputs inputs(std::uint32_t step) const {
        StageInputs in = fixture.inputs(Stage::step);
        in.start = &states[step];
        in.step = step;
        in.descriptor = leaves[step][0];
        return in;
    }
    const StageTrace& stage(std::uint32_t step) {
        const auto found = stages.find(step);
        if (found != stages.end()) return found->second;
        return stages[step] = trace_stage(inputs(step));
    }
    const UnitTrace& unit(std::uint32_t step, std::uint32_t position) {
        const auto found = units.find({step, position});
        if (found != units.end()) return found->second;
        return units[{step, position}] = trace_unit(inputs(step), position);
    }
    Evidence evidence(std::uint32_t step, std::uint32_t position, std::uint32_t instruction) {
        return collect_evidence(inputs(step), stage(step), unit(step, position), position,
                                instruction, {});
    }
    Terms terms(const Hash& end_root, std::uint32_t fan_out) const {
        Terms t;
        t.job = {fixture.spec_root, fixture.program_root, "f32"};
        t.data_root = fixture.data_root();
        t.data_bytes = fixture.words.size() * 4;
        t.train_count = fixture.dataset.train_count;
        t.lane = 1;
        t.steps = kSteps;
        t.round_start_root = t.start_root = roots[0];
        t.asserted = end_root;
        t.fan_out = fan_out;
        return t;
    }
    PostStatement statement(const Hash& end_root) const {
        return {open_frame(records), false, end_root, {}};
    }
    /// A game about the five steps whose statement was made.
    Game begun(const Hash& end_root, std::uint32_t fan_out) const {
        Game game(terms(end_root, fan_out));
        EXPECT_EQ(game.apply(Side::asserter, statement(end_root)), std::nullopt);
        return game;
    }

    Fixture fixture;
    ProgramRecords records;
    std::vector<commit::State> states;
    std::vector<std::vector<Hash>> leaves;  ///< of the state root after each step
    std::vector<Hash> roots;
    std::map<std::uint32_t, StageTrace> stages;
    std::map<std::pair<std::uint32_t, std::uint32_t>, UnitTrace> units;
};

/// Tests share it: it is read, and caches.
World& world() {
    static World the_world;
    return the_world;
}

/// Where an asserter departs from the truth.
struct Lie {
    enum class Kind : std::uint8_t {
        none,
        output,        ///< one bit of one output; states of the cell up to it are honest
        states,        ///< the same, with partial states that turn false on the way
        accumulators,  ///< honest outputs of a sequence, a false root over accumulators
        state,         ///< an honest trace, a false state root
        state_list,    ///< right leaves under the state root, but one more, or two swapped
        noise,         ///< hashes of nothing from some root on
    } kind = Kind::none;
    std::uint32_t step = 0, unit = 0, instruction = 0;
    std::uint64_t element = 0;
    std::uint32_t state_step = 0;
};

Hash noise(std::uint64_t n) {
    return base::Hasher("assay.noise").add_u64(n).finish();
}

std::vector<Hash> tile_leaves(const program::Tensor& tensor, const std::byte* data) {
    std::vector<Hash> leaves;
    const std::size_t size = program::size_of(tensor.dtype);
    for (std::uint32_t row = 0; row < tensor.rows; row += 32) {
        for (std::uint32_t col = 0; col < tensor.cols; col += 32) {
            base::Bytes tile;
            for (std::uint32_t r = row; r < std::min(row + 32, tensor.rows); ++r) {
                const auto* from = reinterpret_cast<const std::uint8_t*>(data) +
                                   (std::size_t{r} * tensor.cols + col) * size;
                tile.insert(tile.end(), from, from + std::min(32U, tensor.cols - col) * size);
            }
            leaves.push_back(base::merkle_leaf(base::MerkleFamily::blake2b, tile));
        }
    }
    return leaves;
}
Hash tree_of(const program::Tensor& tensor, const std::byte* data) {
    return tree(tile_leaves(tensor, data));
}

/// Posts what it believes; the honest asserter is the one without a lie.
class Asserter {
  public:
    explicit Asserter(const Lie& lie) : lie_(lie), w_(world()), program_(w_.fixture.program) {}

    Hash root(std::uint32_t step) const {
        if (lie_.kind == Lie::Kind::none || step <= lie_.step) return w_.roots[step];
        if (false_state(step)) return tree(state_leaves(step));
        return noise(step);
    }
    std::optional<Move> move(const Game& game) {
        const Facts& facts = game.facts();
        switch (game.phase()) {
            case Phase::statement:
                return w_.statement(root(kSteps));
            case Phase::roots: {
                PostRoots post;
                for (const std::uint32_t point : game.points()) post.roots.push_back(root(point));
                return post;
            }
            case Phase::stage:
                return PostRoot{tree(stage(game).leaves)};
            case Phase::unit: {
                PostUnit post{tree(outputs(facts.step, facts.unit)), {}};
                const std::vector<Hash> accumulators = stage(game).accumulators[facts.unit];
                if (!accumulators.empty()) post.accumulators = tree(accumulators);
                return post;
            }
            case Phase::tensor: {
                const Evidence evidence = evidence_of(game);
                const program::Instruction& instruction =
                    program_.instructions[game.claim().instruction];
                Claim claim{game.claim().instruction, 0, kPaddingItem, 0, {}};
                const Openings openings =
                    open_claim(program_, w_.records, evidence, facts, claim, {});
                return PostTensor{
                    openings.instruction,
                    open_record(w_.records, w_.records.frame.tensor_leaf(instruction.out.tensor)),
                    openings.tensors[0].tree};
            }
            case Phase::children:
                return PostChildren{children(game)};
            case Phase::tile: {
                const Evidence evidence = evidence_of(game);
                Claim claim{game.claim().instruction, game.claim().tile, kPaddingItem, 0, {}};
                return PostTile{
                    open_claim(program_, w_.records, evidence, facts, claim, {}).tiles[0].elements};
            }
            case Phase::partial:
                return PostRoot{partial_root(states(game))};
            case Phase::openings: {
                const Evidence evidence = evidence_of(game);
                const auto cell_states =
                    narrows(instruction(game).kind) && game.claim().item != kPaddingItem
                        ? states(game)
                        : std::vector<PartialState>{};
                return PostOpenings{encode_openings(
                    open_claim(program_, w_.records, evidence, facts, game.claim(), cell_states))};
            }
            case Phase::leaves:
                if (game.list() == Game::List::outputs)
                    return PostLeaves{stage(game).accumulators[facts.unit]};
                return PostLeaves{state_leaves(facts.step + 1)};
            case Phase::source:
                return source_answer(game, game.extra());
            case Phase::writer:  // the test's random challengers ask for none
            case Phase::half:
            case Phase::pick_root:
            case Phase::pick_child:
            case Phase::contest:
            case Phase::cell:
            case Phase::objection:
            case Phase::over:
                break;
        }
        return std::nullopt;
    }

    std::vector<Hash> outputs(std::uint32_t step, std::uint32_t position) {
        std::vector<Hash> all = w_.unit(step, position).outputs;
        if (!false_output(step, position)) return all;
        const Evidence evidence = lying_evidence();
        const program::Instruction& in = program_.instructions[lie_.instruction];
        all[lie_.instruction - w_.records.frame.range(in.part).first] =
            commit::tensor_root(program_.tensors[in.out.tensor], evidence.output.data());
        return all;
    }
    StageTrace stage(const Game& game) {
        const std::uint32_t step = game.facts().step;
        StageTrace trace = w_.stage(step);
        if (step != lie_.step) return trace;
        const bool lies = lie_.kind == Lie::Kind::output || lie_.kind == Lie::Kind::states ||
                          lie_.kind == Lie::Kind::accumulators;
        if (!lies) return trace;
        const Unit unit = trace.units[lie_.unit];
        const Hash descriptor = game.facts().descriptor;
        if (is_loop(unit.part)) {
            std::vector<Hash>& roots = trace.accumulators[lie_.unit];
            const std::size_t at = lie_.element % roots.size();
            if (lie_.state_step % 2 == 0) {
                roots[at] = noise(1);
            } else {
                std::swap(roots[at], roots[(at + 1) % roots.size()]);
            }
            trace.leaves[lie_.unit] =
                loop_leaf(descriptor, unit, tree(trace.accumulators[lie_.unit]));
        } else {
            trace.leaves[lie_.unit] = unit_root(descriptor, unit, tree(outputs(step, lie_.unit)));
        }
        return trace;
    }
    std::vector<PartialState> states(const Game& game) {
        const Evidence evidence = evidence_of(game);
        const program::Instruction& in = instruction(game);
        const auto cell =
            cell_of(in, program_.tensors[in.out.tensor], game.claim().tile, game.claim().item);
        auto all = partial_states(program_, w_.records, evidence, game.facts(), *cell);
        if (lie_.kind == Lie::Kind::states && false_output(game.facts().step, game.facts().unit) &&
            game.claim().instruction == lie_.instruction) {
            for (std::size_t s = lie_.state_step % all.size(); s < all.size(); ++s) all[s][0] ^= 1U;
        }
        return all;
    }
    std::vector<Hash> list(const Game& game) {
        switch (game.list()) {
            case Game::List::units:
                return stage(game).leaves;
            case Game::List::outputs:
                return outputs(game.facts().step, game.facts().unit);
            case Game::List::tiles: {
                const program::Tensor& out = program_.tensors[instruction(game).out.tensor];
                return tile_leaves(out, evidence_of(game).output.data());
            }
            case Game::List::states: {
                std::vector<Hash> leaves;
                for (const PartialState& state : states(game))
                    leaves.push_back(
                        base::merkle_leaf(base::MerkleFamily::blake2b, encode_partial(state)));
                return leaves;
            }
        }
        return {};
    }
    std::vector<Hash> children(const Game& game) {
        const std::vector<Hash> all = list(game);
        std::vector<Hash> nodes;
        std::size_t at = game.search().first;
        for (const std::uint64_t count : child_counts(game.search().count, fan_out)) {
            nodes.push_back(
                base::merkle_root(base::MerkleFamily::blake2b, std::span(all).subspan(at, count)));
            at += count;
        }
        return nodes;
    }
    Evidence evidence_of(const Game& game) {
        const Facts& facts = game.facts();
        const bool lying =
            false_output(facts.step, facts.unit) && game.claim().instruction == lie_.instruction;
        Evidence evidence = lying ? lying_evidence()
                                  : w_.evidence(facts.step, facts.unit, game.claim().instruction);
        evidence.unit.outputs = outputs(facts.step, facts.unit);
        evidence.stage = stage(game);
        return evidence;
    }
    const program::Instruction& instruction(const Game& game) const {
        return program_.instructions[game.claim().instruction];
    }

    /// The source of a posted leaf, as far as it has one.
    static std::optional<Move> source_answer(const Game& game, std::uint32_t leaf);

    std::uint32_t fan_out = 4;

  private:
    bool false_output(std::uint32_t step, std::uint32_t position) const {
        return (lie_.kind == Lie::Kind::output || lie_.kind == Lie::Kind::states) &&
               step == lie_.step && position == lie_.unit;
    }
    Evidence lying_evidence() {
        Evidence evidence = w_.evidence(lie_.step, lie_.unit, lie_.instruction);
        const program::Tensor& out =
            program_.tensors[program_.instructions[lie_.instruction].out.tensor];
        const std::size_t elements = std::size_t{out.rows} * out.cols;
        evidence.output.data()[lie_.element % elements * program::size_of(out.dtype)] ^=
            std::byte{1};
        return evidence;
    }
    bool false_state(std::uint32_t step) const {
        return (lie_.kind == Lie::Kind::state || lie_.kind == Lie::Kind::state_list) &&
               step == lie_.step + 1;
    }
    std::vector<Hash> state_leaves(std::uint32_t step) const {
        return false_state(step) ? falsify(w_.leaves[step], w_.leaves[step - 1]) : w_.leaves[step];
    }
    std::vector<Hash> falsify(std::vector<Hash> leaves, const std::vector<Hash>& before) const {
        const std::size_t at = 1 + lie_.element % (leaves.size() - 1);
        if (lie_.kind == Lie::Kind::state) {
            leaves[at] = noise(2);
            return leaves;
        }
        switch (lie_.state_step % 3) {
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
    const Lie lie_;
    World& w_;
    const program::Program& program_;
};

/// What a root that follows from the outputs should cover: tensors in order, each with its source.
struct Covered {
    TensorId id = 0;
    Hash root, before;  ///< before: as the stage found it; zeros for accumulators
    std::optional<std::uint32_t> writer;
};
std::vector<Covered> covered(const Game& game) {
    World& w = world();
    const bool unit = game.list() == Game::List::outputs;
    const std::uint32_t step = game.facts().step;
    const auto position =
        unit ? game.facts().unit : static_cast<std::uint32_t>(w.stage(step).units.size() - 1);
    const UnitTrace& trace = w.unit(step, position);
    const auto [first, last] = w.records.frame.range(trace.unit.part);
    const TensorClass cls = unit ? TensorClass::accumulator : TensorClass::state;
    std::vector<Covered> all;
    std::size_t rank = 0;
    for (TensorId id = 0; id < w.fixture.program.tensors.size(); ++id) {
        if (w.fixture.program.tensors[id].cls != cls) continue;
        Covered entry;
        entry.id = id;
        for (std::uint32_t i = first; i < last; ++i) {
            if (w.fixture.program.instructions[i].out.tensor == id) entry.writer = i;
        }
        ++rank;
        if (!unit) entry.before = w.leaves[step][rank];
        if (!entry.writer && unit) continue;  // of the merge
        entry.root = entry.writer ? trace.outputs[*entry.writer - first] : entry.before;
        all.push_back(entry);
    }
    return all;
}
Source source_of(const Game& game, const Covered& entry, bool as_it_was) {
    World& w = world();
    const bool unit = game.list() == Game::List::outputs;
    const std::uint32_t step = game.facts().step;
    const StageTrace& stage = w.stage(step);
    Source source;
    source.tensor = open_record(w.records, w.records.frame.tensor_leaf(entry.id));
    if (as_it_was) {
        const auto ids = w.fixture.program.state_tensors();
        const auto rank = static_cast<std::size_t>(std::ranges::find(ids, entry.id) - ids.begin());
        source.tree =
            tree_of(w.fixture.program.tensors[entry.id], w.states[step].tensors[rank].data());
        source.proof = base::merkle_prove(base::MerkleFamily::blake2b, w.leaves[step], rank + 1);
        return source;
    }
    const auto position =
        unit ? game.facts().unit : static_cast<std::uint32_t>(stage.units.size() - 1);
    const UnitTrace& trace = w.unit(step, position);
    const auto first = w.records.frame.range(trace.unit.part).first;
    source.writer = open_record(w.records, w.records.frame.instruction_leaf(*entry.writer));
    source.outputs = tree(trace.outputs);
    source.proof =
        base::merkle_prove(base::MerkleFamily::blake2b, trace.outputs, *entry.writer - first);
    source.tree = tree_of(w.fixture.program.tensors[entry.id],
                          w.evidence(step, position, *entry.writer).output.data());
    if (!unit)
        source.unit_path =
            base::merkle_prove(base::MerkleFamily::blake2b, stage.leaves, position).path;
    return source;
}
std::optional<Move> Asserter::source_answer(const Game& game, std::uint32_t leaf) {
    for (const Covered& entry : covered(game)) {
        if (entry.root == game.posted()[leaf])
            return PostSource{source_of(game, entry, !entry.writer)};
        if (entry.before == game.posted()[leaf]) return PostSource{source_of(game, entry, true)};
    }
    return std::nullopt;
}

/// Compares with the truth and names the first difference.
class Challenger {
  public:
    explicit Challenger(std::uint32_t fan_out) { truth_.fan_out = fan_out; }

    std::optional<Move> move(const Game& game) {
        switch (game.phase()) {
            case Phase::pick_root: {
                const auto points = game.points();
                std::uint32_t i = 0;
                while (i < points.size() && game.posted()[i] == world().roots[points[i]]) ++i;
                return Pick{i};
            }
            case Phase::contest:
                return Contest{!list_is_right(game)};
            case Phase::pick_child: {
                const auto honest = truth_.children(game);
                std::uint32_t i = 0;
                while (i + 1 < honest.size() && game.posted()[i] == honest[i]) ++i;
                return Pick{i};
            }
            case Phase::cell:
                return cell(game);
            case Phase::objection:
                return objection(game);
            case Phase::statement:
            case Phase::half:
            case Phase::roots:
            case Phase::stage:
            case Phase::unit:
            case Phase::tensor:
            case Phase::tile:
            case Phase::children:
            case Phase::partial:
            case Phase::openings:
            case Phase::leaves:
            case Phase::source:
            case Phase::writer:
            case Phase::over:
                break;
        }
        return std::nullopt;
    }

  private:
    bool list_is_right(const Game& game) {
        if (game.list() == Game::List::states)
            return game.claim().partial_root == partial_root(truth_.states(game));
        if (game.list() == Game::List::units)
            return game.facts().stage_root == tree(truth_.stage(game).leaves);
        return game.facts().unit_root ==
               world().unit(game.facts().step, game.facts().unit).root(game.facts().descriptor);
    }
    /// The first element of the posted tile that differs: its item, and its row in the cell.
    std::optional<Move> cell(const Game& game) {
        const Evidence evidence = truth_.evidence_of(game);
        const program::Instruction& in = truth_.instruction(game);
        const program::Tensor& out = world().fixture.program.tensors[in.out.tensor];
        Claim claim{game.claim().instruction, game.claim().tile, kPaddingItem, 0, {}};
        const base::Bytes honest =
            open_claim(world().fixture.program, world().records, evidence, game.facts(), claim, {})
                .tiles[0]
                .elements;
        const std::size_t at =
            static_cast<std::size_t>(std::ranges::mismatch(honest, game.tile()).in1 -
                                     honest.begin()) /
            program::size_of(out.dtype);
        const std::uint32_t across = (out.cols + 31) / 32;
        const std::uint32_t col0 = claim.tile % across * 32, width = std::min(32U, out.cols - col0);
        const auto row = claim.tile / across * 32 + static_cast<std::uint32_t>(at) / width;
        const auto col = col0 + static_cast<std::uint32_t>(at) % width;
        for (std::uint32_t item = 0; item < in.items; ++item) {
            const auto c = cell_of(in, out, claim.tile, item);
            if (!c) continue;
            const std::uint32_t item_row = in.out.row + item * in.out.item_row_stride;
            const std::uint32_t item_col = in.out.col + item * in.out.item_col_stride;
            if (row < item_row + c->row || row >= item_row + c->row + c->rows ||
                col < item_col + c->col || col >= item_col + c->col + c->cols) {
                continue;
            }
            return PickCell{item, narrows(in.kind) ? 0 : row - item_row - c->row};
        }
        return PickCell{kPaddingItem, 0};
    }
    /// A source that is missing; else a leaf without one; else two that do not ascend.
    static std::optional<Move> objection(const Game& game) {
        const std::vector<Covered> all = covered(game);
        const std::vector<Hash>& posted = game.posted();
        const std::uint32_t first = game.list() == Game::List::outputs ? 0 : 1;
        struct Known {
            const Covered* entry = nullptr;
            bool as_it_was = false;
        };
        std::vector<Known> known;
        for (const Covered& entry : all) {
            if (std::ranges::find(posted, entry.root) == posted.end())
                return ShowAbsent{source_of(game, entry, !entry.writer)};
        }
        for (std::uint32_t leaf = first; leaf < posted.size(); ++leaf) {
            Known found;
            for (const Covered& entry : all) {
                if (entry.root == posted[leaf])
                    found = {&entry, !entry.writer};
                else if (entry.before == posted[leaf])
                    found = {&entry, true};
            }
            if (found.entry == nullptr) return ShowExtra{leaf};
            known.push_back(found);
        }
        for (std::uint32_t b = 1; b < known.size(); ++b) {
            for (std::uint32_t a = 0; a < b; ++a) {
                if (known[a].entry->id < known[b].entry->id) continue;
                return ShowMisplaced{first + a, first + b,
                                     source_of(game, *known[a].entry, known[a].as_it_was),
                                     source_of(game, *known[b].entry, known[b].as_it_was)};
            }
        }
        return std::nullopt;
    }

    Asserter truth_{Lie{}};
};

/// Any challenger move that the phase allows, without looking at anything.
std::optional<Move> random_challenge(const Game& game, std::mt19937& dice) {
    const auto below = [&dice](std::size_t n) { return static_cast<std::uint32_t>(dice() % n); };
    if (game.phase() == Phase::pick_root) return Pick{below(game.posted().size() + 1)};
    if (game.phase() == Phase::pick_child) return Pick{below(game.posted().size())};
    if (game.phase() == Phase::contest) return Contest{below(4) != 0};
    if (game.phase() == Phase::objection) return ShowExtra{below(game.posted().size())};
    if (game.phase() != Phase::cell) return std::nullopt;
    const auto& in = world().fixture.program.instructions[game.claim().instruction];
    if (below(8) == 0) return PickCell{kPaddingItem, 0};
    return PickCell{below(in.items), narrows(in.kind) ? 0 : below(32)};
}

/// Applies a move, to the game and to its bytes, as the ledger would: both go on alike.
std::optional<MoveRefusal> apply(Game& game, Side side, const Move& move) {
    const auto status = LedgerReferee().play(encode_game(game), side, encode_move(move));
    const auto refusal = game.apply(side, move);
    EXPECT_EQ(status.has_value(), !refusal);
    if (!status) {
        EXPECT_EQ(status.error(), refusal);
        return refusal;
    }
    EXPECT_EQ(status->game, encode_game(game));
    EXPECT_EQ(status->winner, game.winner());
    EXPECT_EQ(status->traced, game.traced());
    if (!game.winner()) {
        EXPECT_EQ(status->turn, game.turn());
    }
    return refusal;
}

/// Plays to the end. A side without a move, or whose move is refused twenty times, runs out of
/// time.
template <class AsserterMove, class ChallengerMove>
Side play(Game& game, AsserterMove asserter, ChallengerMove challenger, bool& by_clock) {
    by_clock = false;
    int refused = 0;
    for (int moves = 0; moves < 500 && !game.winner(); ++moves) {
        const Side side = game.turn();
        const auto move = side == Side::asserter ? asserter(game) : challenger(game);
        if (!move || refused > 20) {
            by_clock = true;
            return side == Side::asserter ? Side::challenger : Side::asserter;
        }
        refused = apply(game, side, *move) ? refused + 1 : 0;
    }
    if (!game.winner()) base::fail_check("the game ends", __FILE__, __LINE__);
    return *game.winner();
}

Lie random_lie(std::mt19937& dice) {
    const auto below = [&dice](std::size_t n) { return static_cast<std::uint32_t>(dice() % n); };
    Lie lie;
    lie.kind = static_cast<Lie::Kind>(1 + below(6));
    lie.step = below(kSteps);
    lie.unit = below(lie.kind == Lie::Kind::accumulators ? 2 : 3);
    const auto part = lie.unit < 2 ? program::Part::sequence : program::Part::update;
    const auto [first, last] = world().records.frame.range(part);
    lie.instruction = first + below(last - first);
    lie.element = dice();
    lie.state_step = below(100);
    return lie;
}

TEST(Game, TheHonestChallengerAlwaysWins) {
    int shown = 0;
    for (std::uint32_t seed = 0; seed < 120; ++seed) {
        std::mt19937 dice(seed);
        const Lie lie = random_lie(dice);
        const std::uint32_t fan_out = 2U << (dice() % 5);
        Asserter asserter(lie);
        asserter.fan_out = fan_out;
        Challenger challenger(fan_out);
        Game game(world().terms(asserter.root(kSteps), fan_out));
        bool by_clock = false;
        const Side winner = play(
            game, [&](const Game& g) { return asserter.move(g); },
            [&](const Game& g) { return challenger.move(g); }, by_clock);
        EXPECT_EQ(winner, Side::challenger)
            << "seed " << seed << " lie " << int(lie.kind) << " step " << lie.step << " unit "
            << lie.unit << " instruction " << lie.instruction;
        // What can be shown to be wrong is shown; only hashes of nothing lose by silence.
        if (lie.kind == Lie::Kind::output || lie.kind == Lie::Kind::states) {
            EXPECT_FALSE(by_clock) << "seed " << seed;
        }
        shown += by_clock ? 0 : 1;
    }
    EXPECT_GT(shown, 60);
}

TEST(Game, TheHonestAsserterAlwaysWins) {
    for (std::uint32_t seed = 0; seed < 120; ++seed) {
        std::mt19937 dice(seed);
        const std::uint32_t fan_out = 2U << (dice() % 5);
        Asserter asserter(Lie{});
        asserter.fan_out = fan_out;
        Game game(world().terms(world().roots[kSteps], fan_out));
        bool by_clock = false;
        const Side winner = play(
            game, [&](const Game& g) { return asserter.move(g); },
            [&](const Game& g) { return random_challenge(g, dice); }, by_clock);
        EXPECT_EQ(winner, Side::asserter) << "seed " << seed << " refusal "
                                          << (game.refusal() ? name_of(*game.refusal()) : "none");
    }
}

/// Plays to the objection against the root after the first step, whose leaves are honest.
Game at_objection(Asserter& asserter) {
    Game game = world().begun(world().roots[kSteps], 4);
    while (game.phase() != Phase::objection) {
        const Side side = game.turn();
        const Move move = side == Side::asserter             ? *asserter.move(game)
                          : game.phase() == Phase::pick_root ? Move{Pick{0}}
                                                             : Move{Contest{false}};
        EXPECT_EQ(game.apply(side, move), std::nullopt);
    }
    return game;
}

TEST(Game, ATensorWithAWriterNeedNotBeAsItWas) {
    Asserter asserter(Lie{});
    Game game = at_objection(asserter);
    const auto all = covered(game);
    const auto written =
        std::ranges::find_if(all, [](const Covered& c) { return c.root != c.before; });
    ASSERT_NE(written, all.end());
    EXPECT_EQ(game.apply(Side::challenger, ShowAbsent{source_of(game, *written, false)}),
              MoveRefusal::wrong_place);
    ASSERT_EQ(game.apply(Side::challenger, ShowAbsent{source_of(game, *written, true)}),
              std::nullopt);
    EXPECT_EQ(game.phase(), Phase::writer);
    EXPECT_EQ(game.unwritten(), written->id);
    World& w = world();
    EXPECT_EQ(game.apply(Side::asserter,
                         PostWriter{open_record(
                             w.records, w.records.frame.instruction_leaf(*written->writer + 1))}),
              MoveRefusal::wrong_record);
    EXPECT_EQ(game.apply(Side::asserter,
                         PostWriter{open_record(
                             w.records, w.records.frame.instruction_leaf(*written->writer))}),
              std::nullopt);
    EXPECT_EQ(game.winner(), Side::asserter);
}

TEST(Game, HonestLeavesCannotBeObjectedTo) {
    Asserter asserter(Lie{});
    const Game game = at_objection(asserter);
    const auto all = covered(game);
    ASSERT_EQ(all.size() + 1, game.posted().size());
    const auto source = [&](std::size_t i) { return source_of(game, all[i], !all[i].writer); };
    Game copy = game;
    EXPECT_EQ(copy.apply(Side::challenger, ShowMisplaced{1, 2, source(0), source(1)}),
              MoveRefusal::wrong_place);
    EXPECT_EQ(copy.apply(Side::challenger, ShowMisplaced{2, 1, source(1), source(0)}),
              MoveRefusal::wrong_place);
    EXPECT_EQ(copy.apply(Side::challenger, ShowMisplaced{1, 2, source(1), source(0)}),
              MoveRefusal::wrong_hash);
    EXPECT_EQ(copy.apply(Side::challenger, ShowExtra{0}), MoveRefusal::wrong_place);
    Source wrong = source(0);
    wrong.tree = noise(9);
    EXPECT_EQ(copy.apply(Side::challenger, ShowAbsent{wrong}), MoveRefusal::wrong_hash);
    wrong = source(0);
    wrong.tensor = source(1).tensor;
    EXPECT_EQ(copy.apply(Side::challenger, ShowAbsent{wrong}), MoveRefusal::wrong_record);
    for (std::uint32_t leaf = 1; leaf < 8; ++leaf) {
        copy = game;
        ASSERT_EQ(copy.apply(Side::challenger, ShowExtra{leaf}), std::nullopt);
        ASSERT_EQ(copy.apply(Side::asserter, *asserter.move(copy)), std::nullopt);
        EXPECT_EQ(copy.winner(), Side::asserter);
    }
}

/// In the other stages too the root that the asserter committed to follows from the trace.
TEST(Game, KnowsWhatOtherStagesLeadTo) {
    const Fixture& fixture = world().fixture;
    for (const Stage stage : {Stage::init, Stage::payload, Stage::merge}) {
        const StageInputs inputs = fixture.inputs(stage);
        Terms terms = world().terms({}, 4);
        terms.steps = 1;
        std::vector<Hash> leaves;
        commit::StateDescriptor after = fixture.opening;
        if (stage == Stage::merge) {
            after.round = 1;
            after.round_start_root = terms.start_root;
        }
        if (stage != Stage::payload) leaves.push_back(commit::descriptor_leaf(after));
        const auto bytes = fixture.expected(stage);
        std::size_t at = 0;
        for (const program::Tensor& tensor : fixture.program.tensors) {
            if (tensor.cls == (stage == Stage::payload ? TensorClass::payload : TensorClass::state))
                leaves.push_back(commit::tensor_root(tensor, bytes[at++].data()));
        }
        PostStatement statement{open_frame(world().records), false, tree(leaves), {}};
        terms.asserted = tree(leaves);
        if (stage == Stage::init) terms.stage = market::GameStage::init;
        if (stage == Stage::merge) {
            terms.stage = market::GameStage::merge;
            for (const commit::Payload& payload : fixture.payloads)
                terms.payload_roots.push_back(commit::payload_root(fixture.program, payload));
        }
        if (stage == Stage::payload) {
            terms.closes_round = true;
            statement.state_root =
                commit::state_root(fixture.program, fixture.stepped, fixture.after_step);
            statement.payload_root = tree(leaves);
            terms.asserted = market::round_end_root(statement.state_root, statement.payload_root);
        }
        Game game(terms);
        ASSERT_EQ(game.apply(Side::asserter, statement), std::nullopt);
        if (stage == Stage::payload) {
            ASSERT_EQ(game.apply(Side::challenger, PickHalf{true}), std::nullopt);
        }
        ASSERT_EQ(game.phase(), Phase::stage);
        ASSERT_EQ(game.apply(Side::asserter, PostRoot{trace_stage(inputs).root()}), std::nullopt);
        EXPECT_EQ(game.facts().descriptor, inputs.descriptor);
        ASSERT_EQ(game.apply(Side::challenger, Contest{false}), std::nullopt);
        EXPECT_EQ(game.apply(Side::asserter, PostLeaves{{noise(1)}}), MoveRefusal::wrong_hash);
        EXPECT_EQ(game.apply(Side::asserter, PostLeaves{leaves}), std::nullopt) << int(stage);
    }
}

TEST(Game, RefusesMovesThatDoNotFit) {
    Game game = world().begun(world().roots[kSteps], 4);
    EXPECT_EQ(game.phase(), Phase::roots);
    EXPECT_EQ(game.points(), (std::vector<std::uint32_t>{1, 2, 3}));
    EXPECT_EQ(game.apply(Side::challenger, Pick{0}), MoveRefusal::not_your_turn);
    EXPECT_EQ(game.apply(Side::asserter, PostRoot{}), MoveRefusal::wrong_move);
    EXPECT_EQ(game.apply(Side::asserter, PostRoots{}), MoveRefusal::wrong_count);
    EXPECT_EQ(game.apply(Side::asserter, PostRoots{{noise(1), noise(2), noise(3)}}), std::nullopt);
    EXPECT_EQ(game.apply(Side::challenger, Pick{4}), MoveRefusal::wrong_place);
    EXPECT_EQ(game.apply(Side::challenger, Pick{0}), std::nullopt);
    EXPECT_EQ(game.phase(), Phase::stage);
    EXPECT_EQ(game.apply(Side::asserter, PostRoot{noise(4)}), std::nullopt);
    EXPECT_EQ(game.apply(Side::challenger, Contest{true}), std::nullopt);
    EXPECT_EQ(game.apply(Side::asserter, PostChildren{{noise(5)}}), MoveRefusal::wrong_count);
    EXPECT_EQ(game.apply(Side::asserter, PostChildren{{noise(5), noise(6), noise(7)}}),
              MoveRefusal::wrong_hash);
    EXPECT_EQ(game.winner(), std::nullopt);
    EXPECT_EQ(game.apply(Side::challenger, Resign{}), std::nullopt);
    EXPECT_EQ(game.winner(), Side::asserter);
    EXPECT_EQ(game.apply(Side::asserter, Resign{}), MoveRefusal::over);
}

TEST(ChildCounts, FollowTheShapeOfTheTree) {
    EXPECT_EQ(child_counts(5, 4), (std::vector<std::uint64_t>{2, 2, 1}));
    EXPECT_EQ(child_counts(1, 4), (std::vector<std::uint64_t>{1}));
    EXPECT_EQ(child_counts(7, 2), (std::vector<std::uint64_t>{4, 3}));
    for (std::uint32_t count = 1; count < 40; ++count) {
        std::vector<Hash> leaves;
        for (std::uint32_t i = 0; i < count; ++i) leaves.push_back(noise(i));
        for (const std::uint32_t fan_out : {2U, 4U, 16U}) {
            std::vector<Hash> nodes;
            std::size_t at = 0;
            for (const std::uint64_t n : child_counts(count, fan_out)) {
                nodes.push_back(base::merkle_root(base::MerkleFamily::blake2b,
                                                  std::span(leaves).subspan(at, n)));
                at += n;
            }
            EXPECT_EQ(at, count);
            EXPECT_LE(nodes.size(), fan_out);
            EXPECT_EQ(join_children(count, fan_out, nodes), tree(leaves));
        }
    }
}

}  // namespace
}  // namespace assay::dispute
