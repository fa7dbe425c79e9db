#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "sides.h"

/// One honest side in many games at once, whose states do not fit into memory together.
namespace assay::dispute {
namespace {

using market::GameStage;
using market::GameSubject;
using testing::Arena;
using testing::Fault;
using testing::ScalarReplayer;

constexpr PlayerOptions kUnchecked{false};
constexpr std::size_t kGames = 12;
constexpr std::uint32_t kSteps = 5;

class CountingReplayer final : public faults::FaultyReplayer {
  public:
    explicit CountingReplayer(const testing::Fixture& fixture)
        : FaultyReplayer(fixture.program, fixture.dataset) {}
    void run_step(commit::State& state, std::uint32_t round, std::uint32_t lane,
                  std::uint32_t step) override {
        ++steps;
        FaultyReplayer::run_step(state, round, lane, step);
    }
    std::size_t steps = 0;
};

/// What becomes of a game between two of its moves.
enum class Between : std::uint8_t { stays, rests, rests_without_its_file, starts_again };

struct HonestGame {
    HonestGame(const Arena& arena_in, const GameSubject& subject_in, Side side_in,
               std::filesystem::path file_in)
        : arena(arena_in),
          subject(subject_in),
          side(side_in),
          file(std::move(file_in)),
          replayer(arena.fixture),
          status(LedgerReferee().open(subject)) {
        begin();
    }
    void begin() {
        history = std::make_unique<History>(terms_of(subject), replayer, arena.data);
        player = std::make_unique<Player>(subject, side, *history, kUnchecked);
    }
    const Arena& arena;
    const GameSubject subject;
    const Side side;
    const std::filesystem::path file;
    CountingReplayer replayer;
    market::GameStatus status;
    std::unique_ptr<History> history;
    std::unique_ptr<Player> player;
};

class ManyGames : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string name =
            (std::filesystem::temp_directory_path() / "assay-many-games-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
        const program::Program& program = arena.fixture.program;
        const auto [first, last] = program.range(program::Part::sequence);
        for (std::uint32_t i = first; i < last && !lie; ++i) {
            if (program.instructions[i].kind != program::Kind::matmul) continue;
            faulty = std::make_unique<ScalarReplayer>(
                arena.fixture, Fault{Stage::step, arena.subject.first_step + 2, 0, i, 0});
            auto found = arena.history_of(*faulty);
            if (*found->root_after(kSteps) != *arena.truth->root_after(kSteps))
                lie = std::move(found);
        }
        ASSERT_TRUE(lie);
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    /// Plays all games in turns, one move each; every second one as the asserter. How many steps
    /// the honest side replayed.
    std::size_t replayed(Between between) {
        std::vector<std::unique_ptr<HonestGame>> games;
        for (std::size_t i = 0; i < kGames; ++i) {
            const Side side = i % 2 == 0 ? Side::asserter : Side::challenger;
            const GameSubject subject =
                arena.asserted_by(side == Side::asserter ? *arena.truth : *lie);
            games.push_back(
                std::make_unique<HonestGame>(arena, subject, side, folder / std::to_string(i)));
        }
        moves = 0;
        for (bool open = true; open;) {
            open = false;
            for (const auto& game : games) {
                if (game->status.winner) continue;
                open = true;
                if (!move(*game, between)) return 0;
            }
        }
        std::size_t steps = 0;
        for (const auto& game : games) {
            EXPECT_EQ(game->status.winner, game->side);
            steps += game->replayer.steps;
        }
        return steps;
    }
    bool move(HonestGame& game, Between between) {
        const bool ours = game.status.turn == game.side;
        Player liar(game.subject, game.side == Side::asserter ? Side::challenger : Side::asserter,
                    *lie, kUnchecked);
        const auto decision = (ours ? *game.player : liar).next(game.status.game);
        EXPECT_TRUE(decision.has_value());
        const auto next = decision ? LedgerReferee().play(game.status.game, game.status.turn,
                                                          encode_move(decision->move))
                                   : tl::expected<market::GameStatus, market::MoveRefusal>();
        EXPECT_TRUE(next.has_value());
        if (!decision || !next) return false;
        game.status = *next;
        if (!ours) return true;
        ++moves;
        if (between == Between::starts_again) game.begin();
        if (between == Between::rests || between == Between::rests_without_its_file) {
            game.history->rest(game.file);
            EXPECT_FALSE(game.history->is_awake());
        }
        if (between == Between::rests_without_its_file) std::filesystem::remove(game.file);
        return true;
    }

    const Arena arena{testing::ragged_gpt(), GameStage::segment, kSteps, false, false};
    std::filesystem::path folder;
    std::unique_ptr<ScalarReplayer> faulty;
    std::unique_ptr<History> lie;
    std::size_t moves = 0;
};

TEST_F(ManyGames, AreReplayedOnceEachThoughTheyRestBetweenMoves) {
    const std::size_t in_memory = replayed(Between::stays), resting = replayed(Between::rests),
                      again = replayed(Between::starts_again);
    std::cout << "[ figures  ] " << kGames << " games of " << kSteps << " steps, " << moves
              << " moves: " << resting << " steps replayed where they rest in files, " << in_memory
              << " where all stay in memory, " << again << " where each move starts again"
              << std::endl;
    EXPECT_EQ(resting, in_memory);
    EXPECT_LE(resting, 2 * kGames * kSteps) << "to the end, and to the disputed step";
    EXPECT_GT(again, 2 * resting);
}

TEST_F(ManyGames, AreWonWithoutTheirFiles) {
    EXPECT_GT(replayed(Between::rests_without_its_file), 0U);
}

}  // namespace
}  // namespace assay::dispute
