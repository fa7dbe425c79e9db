#include "prover/player.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/check.h"
#include "base/encoding.h"
#include "dispute/bounds.h"
#include "sides.h"

namespace assay::dispute {
namespace {

using market::GameStage;
using market::GameSubject;
using program::Kind;
using testing::Arena;
using testing::Fault;
using testing::Outcome;
using testing::play_out;
using testing::ScalarReplayer;

constexpr PlayerOptions kUnchecked{false};

/// The first tile, the last, and the one at the right edge.
std::set<std::uint32_t> edge_tiles(const program::Tensor& out) {
    return {faults::tile_at(out, faults::Position::first),
            faults::tile_at(out, faults::Position::edge),
            faults::tile_at(out, faults::Position::last)};
}

struct Played {
    std::set<Kind> kinds;
    int games = 0;
    std::size_t moves_max = 0;
    MoveBytes bounds{};
};

/// Both games about a fault: asserted by the faulty side, and disputed by it. False where the fault
/// changes nothing in the end.
bool honest_wins_about(const Arena& arena, const Fault& fault, Played& played) {
    ScalarReplayer faulty(arena.fixture, fault);
    const auto lie = arena.history_of(faulty);
    const GameSubject lying = arena.asserted_by(*lie);
    const GameSubject true_one = arena.asserted_by(*arena.truth);
    if (lying.asserted == true_one.asserted) return false;
    const auto label = [&] {
        return "stage " + std::to_string(int(fault.stage)) + " unit " + std::to_string(fault.unit) +
               " instruction " + std::to_string(fault.instruction) + " kind " +
               std::to_string(int(arena.fixture.program.instructions[fault.instruction].kind)) +
               " element " + std::to_string(fault.element);
    };
    for (const Side honest : {Side::asserter, Side::challenger}) {
        const GameSubject& subject = honest == Side::asserter ? true_one : lying;
        History& first = honest == Side::asserter ? *arena.truth : *lie;
        History& second = honest == Side::asserter ? *lie : *arena.truth;
        Player asserter(subject, Side::asserter, first, kUnchecked);
        Player challenger(subject, Side::challenger, second, kUnchecked);
        const Outcome outcome = play_out(subject, asserter, challenger);
        EXPECT_EQ(outcome.failure, "") << label();
        EXPECT_EQ(outcome.winner, honest) << label();
        EXPECT_TRUE(outcome.traced) << label();
        EXPECT_TRUE(std::holds_alternative<PostOpenings>(outcome.moves.back())) << label();
        for (const Move& move : outcome.moves)
            EXPECT_LE(encode_move(move).size(), played.bounds.at(move.index())) << label();
        played.moves_max = std::max(played.moves_max, outcome.moves.size());
        ++played.games;
    }
    played.kinds.insert(arena.fixture.program.instructions[fault.instruction].kind);
    return true;
}

/// For every kind of every part of a stage, a few instructions; for each its edge tiles.
void play_every_kind(const Arena& arena, Stage stage, std::uint32_t step, Played& played) {
    const program::Program& program = arena.fixture.program;
    const std::vector<Unit> units =
        units_of(program, stage, static_cast<std::uint32_t>(arena.subject.payload_roots.size()));
    std::map<std::pair<program::Part, Kind>, int> done;
    played.bounds = move_bytes_max(program, arena.truth->records().frame);
    for (std::uint32_t unit = 0; unit < units.size(); ++unit) {
        const auto [first, last] = program.range(units[unit].part);
        for (std::uint32_t i = first; i < last; ++i) {
            const program::Instruction& instruction = program.instructions[i];
            const program::Tensor& out = program.tensors[instruction.out.tensor];
            int& count = done[{instruction.part, instruction.kind}];
            if (count >= 2) continue;
            bool any = false;
            for (const std::uint32_t tile : edge_tiles(out)) {
                const auto element = faults::element_in(instruction, out, tile);
                if (!element) continue;
                any |= honest_wins_about(arena, {stage, step, unit, i, *element}, played);
            }
            if (any) ++count;
        }
    }
}

TEST(Player, HonestWinsAboutEveryKindOfAStep) {
    const Arena arena(testing::ragged_gpt(), GameStage::segment, 3);
    Played played;
    play_every_kind(arena, Stage::step, 2, played);
    EXPECT_EQ(played.kinds, (std::set{Kind::load, Kind::random, Kind::gather, Kind::scatter_add,
                                      Kind::map, Kind::reduce, Kind::matmul}));
    EXPECT_GT(played.games, 40);
    RecordProperty("games", played.games);
    RecordProperty("moves_max", static_cast<int>(played.moves_max));
}

TEST(Player, HonestWinsAboutEveryKindOfAStepOfATable) {
    const Arena arena(testing::wide_mlp(), GameStage::segment, 1);
    Played played;
    play_every_kind(arena, Stage::step, 1, played);
    EXPECT_EQ(played.kinds, (std::set{Kind::load, Kind::map, Kind::reduce, Kind::matmul}));
}

TEST(Player, HonestWinsAboutEveryKindOfAPayload) {
    const Arena arena(testing::ragged_gpt(), GameStage::segment, 2, true);
    Played played;
    play_every_kind(arena, Stage::payload, 0, played);
    EXPECT_FALSE(played.kinds.empty());
    // The other half of a round's end.
    Played steps;
    play_every_kind(arena, Stage::step, 1, steps);
    EXPECT_EQ(steps.kinds.size(), 7U);
}

TEST(Player, HonestWinsAboutEveryKindOfAMerge) {
    const Arena arena(testing::ragged_gpt(), GameStage::merge);
    Played played;
    play_every_kind(arena, Stage::merge, 0, played);
    EXPECT_FALSE(played.kinds.empty());
}

TEST(Player, HonestWinsAboutEveryKindOfTheInitialState) {
    const Arena arena(testing::ragged_gpt(), GameStage::init);
    Played played;
    play_every_kind(arena, Stage::init, 0, played);
    EXPECT_TRUE(played.kinds.contains(Kind::random));
}

/// A fault of the first step that changes the end of the segment.
Fault some_fault(const Arena& arena) {
    const program::Program& program = arena.fixture.program;
    const auto [first, last] = program.range(program::Part::sequence);
    for (std::uint32_t i = first; i < last; ++i) {
        const Fault fault{Stage::step, arena.subject.first_step, 0, i, 0};
        if (program.instructions[i].kind != Kind::matmul) continue;
        ScalarReplayer faulty(arena.fixture, fault);
        const auto lie = arena.history_of(faulty);
        if (*lie->root_after(arena.subject.steps) != *arena.truth->root_after(arena.subject.steps))
            return fault;
    }
    base::fail_check("some matmul matters", __FILE__, __LINE__);
}

TEST(Player, IsAFunctionOfTheGameAndOfPublicData) {
    const Arena arena(testing::ragged_gpt(), GameStage::segment, 3, true, false);
    ScalarReplayer faulty(arena.fixture, some_fault(arena));
    const auto lie = arena.history_of(faulty);
    const GameSubject subject = arena.asserted_by(*lie);
    const LedgerReferee referee;
    market::GameStatus status = referee.open(subject);
    while (!status.winner) {
        const bool posts = status.turn == Side::asserter;
        Player player(subject, status.turn, posts ? *lie : *arena.truth, kUnchecked);
        const auto decision = player.next(status.game);
        ASSERT_TRUE(decision.has_value());
        // Started again: nothing is remembered.
        ScalarReplayer again_replayer(arena.fixture,
                                      posts ? std::optional(some_fault(arena)) : std::nullopt);
        History again(terms_of(subject), again_replayer, arena.data);
        const auto same = Player(subject, status.turn, again, kUnchecked).next(status.game);
        ASSERT_TRUE(same.has_value());
        EXPECT_EQ(same->move, decision->move);
        const auto next = referee.play(status.game, status.turn, encode_move(decision->move));
        ASSERT_TRUE(next.has_value());
        status = *next;
    }
    EXPECT_EQ(status.winner, Side::challenger);
}

TEST(Player, ResignsWhenItsOwnReplayGivesTheOtherRoot) {
    const Arena arena(testing::ragged_gpt(), GameStage::segment, 3);
    ScalarReplayer faulty(arena.fixture, some_fault(arena));
    const auto lie = arena.history_of(faulty);
    // An asserter that replays honestly what it asserted falsely.
    GameSubject subject = arena.asserted_by(*lie);
    Player sorry(subject, Side::asserter, *arena.truth);
    Player challenger(subject, Side::challenger, *arena.truth);
    Outcome outcome = play_out(subject, sorry, challenger);
    EXPECT_EQ(outcome.winner, Side::challenger);
    EXPECT_EQ(outcome.asserter, Ground::own_root);
    EXPECT_FALSE(outcome.traced);
    // A challenger that finds what was asserted.
    subject = arena.asserted_by(*arena.truth);
    Player asserter(subject, Side::asserter, *arena.truth);
    Player mistaken(subject, Side::challenger, *arena.truth);
    outcome = play_out(subject, asserter, mistaken);
    EXPECT_EQ(outcome.winner, Side::asserter);
    EXPECT_EQ(outcome.challenger, Ground::own_root);
    EXPECT_FALSE(outcome.traced);
}

/// As if a kernel had a bug: the fault is in the replayer, and the scalar definition lacks it.
TEST(Player, ResignsWhenTheScalarDefinitionDisownsItsKernels) {
    const Arena arena(testing::ragged_gpt(), GameStage::segment, 3);
    ScalarReplayer faulty(arena.fixture, some_fault(arena));
    const auto lie = arena.history_of(faulty);
    GameSubject subject = arena.asserted_by(*lie);
    Player asserter(subject, Side::asserter, *lie);
    Player challenger(subject, Side::challenger, *arena.truth);
    Outcome outcome = play_out(subject, asserter, challenger);
    EXPECT_EQ(outcome.failure, "");
    EXPECT_EQ(outcome.winner, Side::challenger);
    EXPECT_EQ(outcome.asserter, Ground::scalar);
    EXPECT_FALSE(outcome.traced);

    subject = arena.asserted_by(*arena.truth);
    Player honest(subject, Side::asserter, *arena.truth);
    Player buggy(subject, Side::challenger, *lie);
    outcome = play_out(subject, honest, buggy);
    EXPECT_EQ(outcome.failure, "");
    EXPECT_EQ(outcome.winner, Side::asserter);
    EXPECT_EQ(outcome.challenger, Ground::scalar);
    EXPECT_FALSE(outcome.traced);
}

/// As workers and validators play: by a job's executor, checked by the scalar definition.
TEST(Player, PlaysByTheExecutorOfAJob) {
    const Arena arena(testing::ragged_gpt(), GameStage::segment, 2, true);
    const std::filesystem::path blob =
        std::filesystem::path(::testing::TempDir()) / "dispute_player_tokens";
    base::Encoder words;
    for (const std::uint32_t word : arena.fixture.words) words.u32(word);
    std::ofstream(blob, std::ios::binary)
        .write(reinterpret_cast<const char*>(words.view().data()),
               static_cast<std::streamsize>(words.view().size()));
    runtime::ExecutorOptions options;
    const auto job = runtime::Job::open(testing::with_data(testing::ragged_gpt()), blob, options);
    ASSERT_TRUE(job.has_value()) << job.error();
    JobReplayer replayer(**job, options);
    History kernels(terms_of(arena.subject), replayer, arena.data);
    EXPECT_EQ(arena.asserted_by(kernels).asserted, arena.asserted_by(*arena.truth).asserted);

    ScalarReplayer faulty(arena.fixture, some_fault(arena));
    const auto lie = arena.history_of(faulty);
    for (const Side honest : {Side::asserter, Side::challenger}) {
        const bool asserts = honest == Side::asserter;
        const GameSubject subject = arena.asserted_by(asserts ? kernels : *lie);
        Player player(subject, honest, kernels);
        Player liar(subject, asserts ? Side::challenger : Side::asserter, *lie, kUnchecked);
        const Outcome outcome =
            asserts ? play_out(subject, player, liar) : play_out(subject, liar, player);
        EXPECT_EQ(outcome.failure, "");
        EXPECT_EQ(outcome.winner, honest);
        EXPECT_TRUE(std::holds_alternative<PostOpenings>(outcome.moves.back()));
    }
    std::filesystem::remove(blob);
}

TEST(Player, RefusesGamesThatAreNotItsOwn) {
    const Arena arena(testing::ragged_gpt(), GameStage::segment, 2);
    const GameSubject subject = arena.asserted_by(*arena.truth);
    const base::Bytes game = LedgerReferee().open(subject).game;
    const auto error = [&](const GameSubject& mine, Side side, const base::Bytes& bytes) {
        return Player(mine, side, *arena.truth).next(bytes).error().error;
    };
    EXPECT_EQ(error(subject, Side::challenger, game), PlayError::not_our_turn);
    EXPECT_EQ(error(subject, Side::asserter, base::Bytes{1, 2, 3}), PlayError::not_a_game);
    GameSubject other = subject;
    other.lane = 0;
    EXPECT_EQ(error(other, Side::asserter, game), PlayError::other_subject);
    other = subject;
    other.program_root = subject.start_root;
    EXPECT_EQ(error(other, Side::asserter, LedgerReferee().open(other).game),
              PlayError::other_subject);
    const auto over = LedgerReferee().play(game, Side::asserter, encode_move(Resign{}));
    EXPECT_EQ(error(subject, Side::asserter, over->game), PlayError::over);
}

TEST(Player, StopsWhenAskedAndSaysWhatIsMissing) {
    const Arena arena(testing::ragged_gpt(), GameStage::segment, 3);
    const GameSubject subject = arena.asserted_by(*arena.truth);
    const base::Bytes game = LedgerReferee().open(subject).game;
    std::vector<std::uint32_t> seen;
    ScalarReplayer replayer(arena.fixture);
    History stopped(terms_of(subject), replayer, arena.data, {[&](const ReplayReport& report) {
                        seen.push_back(report.done);
                        EXPECT_EQ(report.steps, 3U);
                        return report.done != 2;
                    }});
    Player player(subject, Side::asserter, stopped);
    EXPECT_EQ(player.next(game).error().error, PlayError::stopped);
    EXPECT_EQ(seen, (std::vector<std::uint32_t>{1, 2}));
    ASSERT_TRUE(player.next(game).has_value());  // and goes on from there
    EXPECT_EQ(seen, (std::vector<std::uint32_t>{1, 2, 3}));

    class Nothing final : public PublicData {
        tl::expected<commit::State, std::string> start_state() override {
            return tl::unexpected(std::string("no checkpoint"));
        }
        tl::expected<commit::State, std::string> round_start_state() override {
            return tl::unexpected(std::string("no opening"));
        }
        tl::expected<commit::Payload, std::string> payload(std::size_t) override {
            return tl::unexpected(std::string("no payload"));
        }
    } nothing;
    History empty(terms_of(subject), replayer, nothing);
    const auto missing = Player(subject, Side::asserter, empty).next(game);
    EXPECT_EQ(missing.error().error, PlayError::no_data);
    EXPECT_EQ(missing.error().detail, "no checkpoint");
}

}  // namespace
}  // namespace assay::dispute
