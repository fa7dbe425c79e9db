#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <random>

#include "../runtime/jobs.h"
#include "desk.h"
#include "sides.h"

/// Games of an honest side against one that does whatever comes to its mind: the moves of a side
/// with an error, of one without, made-up moves of the phase, bits flipped, all mixed. The honest
/// side never loses. ASSAY_DISPUTE_GAMES says how many games are played, 3,000 without it.
namespace assay::dispute {
namespace {

using market::GameStage;
using market::GameSubject;
using testing::Arena;
using testing::Fault;
using testing::ScalarReplayer;

constexpr PlayerOptions kUnchecked{false};
constexpr int kGamesDefault = 3000;

market::JobSpec tiny_mlp() {
    market::JobSpec spec = runtime::testing::small_mlp();
    auto& model = std::get<market::MlpModel>(spec.model);
    model.hidden = {3};
    model.rows_per_sequence = 2;
    auto& data = std::get<market::TableData>(spec.data);
    data.features = 35;  // two tiles
    data.classes = 2;
    spec.batch = 2;
    return spec;
}

market::JobSpec tiny_gpt() {
    market::JobSpec spec = runtime::testing::with_dropout(runtime::testing::ragged_gpt());
    auto& model = std::get<market::GptModel>(spec.model);
    model.layers = 1;
    model.heads = 1;
    model.width = 4;
    model.context = 3;
    auto& data = std::get<market::TokenData>(spec.data);
    data.vocabulary = 35;
    spec.batch = 2;
    return spec;
}

/// Numbers of a fixed generator, the same everywhere.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t below(std::uint64_t n) { return engine_() % n; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    base::Hash noise() { return base::Hasher("assay.noise").add_u64(engine_()).finish(); }
    template <class T>
    const T& one_of(const std::vector<T>& all) {
        return all[below(all.size())];
    }

  private:
    std::mt19937_64 engine_;
};

Fault random_fault(const Arena& arena, Dice& dice) {
    const program::Program& program = arena.fixture.program;
    std::vector<Stage> stages = {Stage::step};
    if (arena.subject.closes_round) stages.push_back(Stage::payload);
    if (arena.subject.stage == GameStage::init) stages = {Stage::init};
    if (arena.subject.stage == GameStage::merge) stages = {Stage::merge};
    Fault fault;
    fault.stage = dice.one_of(stages);
    fault.step = arena.subject.first_step +
                 static_cast<std::uint32_t>(dice.below(std::max(1U, arena.subject.steps)));
    const auto units = units_of(program, fault.stage,
                                static_cast<std::uint32_t>(arena.subject.payload_roots.size()));
    fault.unit = static_cast<std::uint32_t>(dice.below(units.size()));
    const auto [first, last] = program.range(units[fault.unit].part);
    fault.instruction = first + static_cast<std::uint32_t>(dice.below(last - first));
    const program::Tensor& out =
        program.tensors[program.instructions[fault.instruction].out.tensor];
    fault.element = dice.below(std::uint64_t{out.rows} * out.cols);
    return fault;
}

/// A dishonest side's view: replayed with an error that changes the end.
struct Lie {
    std::unique_ptr<ScalarReplayer> replayer;
    std::unique_ptr<History> history;
    GameSubject subject;
};

struct Ground {
    Ground(const market::JobSpec& spec, GameStage stage, std::uint32_t steps, bool closes_round,
           std::size_t lies_count)
        : arena(spec, stage, steps, closes_round) {
        Dice dice(7);
        truth = arena.asserted_by(*arena.truth);
        while (lies.size() < lies_count) {
            Lie lie;
            lie.replayer =
                std::make_unique<ScalarReplayer>(arena.fixture, random_fault(arena, dice));
            lie.history = arena.history_of(*lie.replayer);
            lie.subject = arena.asserted_by(*lie.history);
            if (lie.subject.asserted != truth.asserted) lies.push_back(std::move(lie));
        }
    }
    Arena arena;
    GameSubject truth;
    std::vector<Lie> lies;
};

/// Two leaves with sources that are theirs, wherever they stand.
ShowMisplaced misplaced(const Game& game, Desk& desk, Dice& dice) {
    const std::vector<Covered> all = desk.covered();
    const std::vector<base::Hash>& posted = game.posted();
    const auto place_of_root = [&](const base::Hash& root) {
        const auto found = std::ranges::find(posted, root);
        return static_cast<std::uint32_t>(found == posted.end() ? 0 : found - posted.begin());
    };
    const Covered &a = dice.one_of(all), &b = dice.one_of(all);
    return {place_of_root(a.root), place_of_root(b.root), desk.source_of(a, !a.writer),
            desk.source_of(b, !b.writer)};
}

/// Moves that fit the phase by their form; some by more.
std::optional<Move> made_up(const Game& game, Desk* desk, Dice& dice) {
    const auto small = [&](std::uint64_t n) { return static_cast<std::uint32_t>(dice.below(n)); };
    const auto noises = [&](std::size_t n) {
        std::vector<base::Hash> all;
        for (std::size_t i = 0; i < n; ++i) all.push_back(dice.noise());
        return all;
    };
    const auto some_source = [&] {
        const std::vector<Covered> all = desk->covered();
        const Covered& entry = dice.one_of(all);
        const bool as_it_was = !entry.writer || (!entry.before.is_zero() && dice.one_in(2));
        return desk->source_of(entry, as_it_was);
    };
    switch (game.phase()) {
        case Phase::half:
            return PickHalf{dice.one_in(2)};
        case Phase::roots:
            return PostRoots{noises(game.points().size())};
        case Phase::pick_root:
            return Pick{small(game.posted().size() + 2)};
        case Phase::stage:
        case Phase::partial:
            return PostRoot{dice.noise()};
        case Phase::unit:
            return PostUnit{dice.noise(), dice.noise()};
        case Phase::contest:
            return Contest{dice.one_in(2)};
        case Phase::children:
            return PostChildren{
                noises(child_counts(game.search().count, game.terms().fan_out).size())};
        case Phase::pick_child:
            return Pick{small(game.posted().size() + 1)};
        case Phase::tile:
            return PostTile{base::Bytes(dice.below(64), 1)};
        case Phase::cell:
            if (dice.one_in(4)) return PickCell{kPaddingItem, 0};
            return PickCell{small(3), small(4)};
        case Phase::openings:
            return PostOpenings{base::Bytes(dice.below(64), 1)};
        case Phase::leaves:
            return PostLeaves{noises(3)};
        case Phase::objection:
            if (desk == nullptr || dice.one_in(3))
                return ShowExtra{small(game.posted().size() + 1)};
            if (dice.one_in(2)) return ShowAbsent{some_source()};
            return misplaced(game, *desk, dice);
        case Phase::source:
            if (desk != nullptr) return PostSource{some_source()};
            return std::nullopt;
        case Phase::statement:
        case Phase::tensor:
        case Phase::writer:
        case Phase::over:
            break;
    }
    return std::nullopt;
}

/// The dishonest side: who it is changes from game to game, what it does from move to move.
class Rogue {
  public:
    Rogue(Ground& ground, const Terms& terms, Side side, std::size_t lie, Dice& dice)
        : ground_(ground), side_(side), lie_(lie), dice_(dice), terms_(terms) {
        chaos_ = 1 + dice.below(12);
    }
    /// Bytes of some move. `tame`: what the side with the error would say.
    std::optional<base::Bytes> move(const base::Bytes& bytes, bool tame) {
        if (tame || !dice_.one_in(chaos_)) return of_player(*ground_.lies[lie_].history, bytes);
        const Game game = *decode_game(bytes);
        switch (dice_.below(4)) {
            case 0:
                return of_player(*ground_.arena.truth, bytes);
            case 1:
                return of_player(*dice_.one_of(histories()), bytes);
            case 2: {
                auto flipped = of_player(*ground_.lies[lie_].history, bytes);
                if (flipped)
                    (*flipped)[dice_.below(flipped->size())] ^=
                        static_cast<std::uint8_t>(1U << dice_.below(8));
                return flipped;
            }
            default:
                return made_up_bytes(game);
        }
    }

  private:
    std::vector<History*> histories() {
        std::vector<History*> all;
        for (const Lie& lie : ground_.lies) all.push_back(lie.history.get());
        return all;
    }
    std::optional<base::Bytes> of_player(History& history, const base::Bytes& bytes) {
        const auto decision = Player(terms_, side_, history, kUnchecked).next(bytes);
        if (!decision || std::holds_alternative<Resign>(decision->move)) return std::nullopt;
        return encode_move(decision->move);
    }
    std::optional<base::Bytes> made_up_bytes(const Game& game) {
        std::optional<Desk> desk;
        if (game.phase() == Phase::objection || game.phase() == Phase::source) {
            History& history = dice_.one_in(2) ? *ground_.arena.truth : *ground_.lies[lie_].history;
            desk.emplace(game, **history.at(place_of(game)));
        }
        const auto move = made_up(game, desk ? &*desk : nullptr, dice_);
        if (!move) return std::nullopt;
        return encode_move(*move);
    }

    Ground& ground_;
    const Side side_;
    const std::size_t lie_;
    Dice& dice_;
    const Terms terms_;
    std::uint64_t chaos_;
};

enum class End : std::uint8_t { judged, shown, given_up, lost };

/// One game; `lost` when the honest side did not win it.
End play(Ground& ground, Dice& dice, std::string& failure) {
    constexpr int kRefusalsMax = 6, kMovesMax = 300;
    const Side honest = dice.one_in(2) ? Side::asserter : Side::challenger;
    const auto lie = static_cast<std::size_t>(dice.below(ground.lies.size()));
    Terms terms = terms_of(honest == Side::asserter ? ground.truth : ground.lies[lie].subject);
    terms.fan_out = 2U << dice.below(5);
    Player player(terms, honest, *ground.arena.truth, kUnchecked);
    Rogue rogue(ground, terms, honest == Side::asserter ? Side::challenger : Side::asserter, lie,
                dice);
    const LedgerReferee referee;
    market::GameStatus status;
    status.game = encode_game(Game(terms));
    std::size_t last = 0;
    for (int moves = 0, refused = 0; !status.winner; ++moves) {
        if (moves > kMovesMax) {
            failure = "the game does not end";
            return End::lost;
        }
        const bool ours = status.turn == honest;
        std::optional<base::Bytes> move;
        if (ours) {
            const auto decision = player.next(status.game);
            if (decision && decision->ground == dispute::Ground::plays)
                move = encode_move(decision->move);
        } else {
            move = rogue.move(status.game, refused >= kRefusalsMax);
        }
        if (!move && ours) {
            failure = "the honest side has no move";
            return End::lost;
        }
        auto next = move ? referee.play(status.game, status.turn, *move)
                         : tl::unexpected(MoveRefusal::malformed);
        if (!next) {
            if (ours) {
                failure = "an honest move is refused: " + std::to_string(int(next.error()));
                return End::lost;
            }
            if (++refused > kRefusalsMax) return End::given_up;
            continue;
        }
        if (!ours) refused = 0;
        last = move->front() - 1U;
        status = std::move(*next);
    }
    if (status.winner != honest) {
        failure = "the honest side lost by move " + std::to_string(last);
        return End::lost;
    }
    return last == 11 ? End::judged : End::shown;
}

TEST(RandomGames, TheHonestSideNeverLoses) {
    const char* given = std::getenv("ASSAY_DISPUTE_GAMES");
    const int games = given != nullptr ? std::atoi(given) : kGamesDefault;
    ASSERT_GT(games, 0);
    std::vector<std::unique_ptr<Ground>> grounds;
    grounds.push_back(std::make_unique<Ground>(tiny_mlp(), GameStage::segment, 3, true, 24));
    grounds.push_back(std::make_unique<Ground>(tiny_gpt(), GameStage::segment, 2, false, 16));
    grounds.push_back(std::make_unique<Ground>(tiny_mlp(), GameStage::merge, 1, false, 12));
    grounds.push_back(std::make_unique<Ground>(tiny_mlp(), GameStage::init, 1, false, 4));
    std::map<End, int> ends;
    for (int seed = 0; seed < games; ++seed) {
        Dice dice(static_cast<std::uint64_t>(seed) + 1);
        std::string failure;
        const End end = play(*dice.one_of(grounds), dice, failure);
        ASSERT_NE(end, End::lost) << "seed " << seed << ": " << failure;
        ++ends[end];
    }
    std::cout << games << " games: " << ends[End::judged] << " judged, " << ends[End::shown]
              << " ended by what was shown or by a resignation, " << ends[End::given_up]
              << " without a fitting move\n";
    EXPECT_GT(ends[End::judged], games / 10);
}

}  // namespace
}  // namespace assay::dispute
