#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>

#include "random_sides.h"

/// Games of an honest side against one that does whatever comes to its mind: the moves of a side
/// with an error, of one without, made-up moves of the phase, bits flipped, all mixed. The honest
/// side never loses. ASSAY_DISPUTE_GAMES says how many games are played, 3,000 without it.
namespace assay::dispute {
namespace {

using market::GameStage;
using testing::Dice;
using testing::Quarrel;
using testing::Rogue;
using testing::tiny_gpt;
using testing::tiny_mlp;

constexpr PlayerOptions kUnchecked{false};
constexpr int kGamesDefault = 3000;

enum class End : std::uint8_t { judged, shown, given_up, lost };

/// One game; `lost` when the honest side did not win it.
End play(Quarrel& quarrel, Dice& dice, std::string& failure) {
    constexpr int kRefusalsMax = 6, kMovesMax = 300;
    const Side honest = dice.one_in(2) ? Side::asserter : Side::challenger;
    const auto lie = static_cast<std::size_t>(dice.below(quarrel.lies.size()));
    Terms terms = terms_of(honest == Side::asserter ? quarrel.truth : quarrel.lies[lie].subject);
    terms.fan_out = 2U << dice.below(5);
    Player player(terms, honest, *quarrel.arena.truth, kUnchecked);
    Rogue rogue(quarrel, terms, honest == Side::asserter ? Side::challenger : Side::asserter, lie,
                dice);
    const LedgerReferee referee;
    market::GameStatus status;
    const Game game(terms);
    status.game = encode_game(game);
    status.turn = game.turn();
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
            if (decision && decision->ground == Ground::plays) move = encode_move(decision->move);
            const auto phase = static_cast<int>(decode_game(status.game)->phase());
            failure = "in phase " + std::to_string(phase) + ": " +
                      (decision ? std::string(name_of(decision->ground)) : decision.error().detail);
        } else {
            move = rogue.move(status.game, refused >= kRefusalsMax);
        }
        if (!move && ours) {
            failure = "the honest side has no move " + failure;
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
    std::vector<std::unique_ptr<Quarrel>> quarrels;
    quarrels.push_back(std::make_unique<Quarrel>(tiny_mlp(), GameStage::segment, 3, true, 24));
    quarrels.push_back(std::make_unique<Quarrel>(tiny_gpt(), GameStage::segment, 2, false, 16));
    quarrels.push_back(std::make_unique<Quarrel>(tiny_mlp(), GameStage::merge, 1, false, 12));
    quarrels.push_back(std::make_unique<Quarrel>(tiny_mlp(), GameStage::init, 1, false, 4));
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
        quarrels.push_back(
            std::make_unique<Quarrel>(tiny_mlp(), GameStage::segment, 3, true, 4, true, seed));
        quarrels.push_back(
            std::make_unique<Quarrel>(tiny_gpt(), GameStage::segment, 2, false, 4, true, seed));
    }
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
        quarrels.push_back(
            std::make_unique<Quarrel>(tiny_mlp(), GameStage::merge, 1, false, 3, true, seed));
        quarrels.push_back(
            std::make_unique<Quarrel>(tiny_mlp(), GameStage::init, 1, false, 1, true, seed));
    }
    std::map<End, int> ends;
    for (int seed = 0; seed < games; ++seed) {
        Dice dice(static_cast<std::uint64_t>(seed) + 1);
        std::string failure;
        const End end = play(*dice.one_of(quarrels), dice, failure);
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
