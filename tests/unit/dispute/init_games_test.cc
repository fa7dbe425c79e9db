#include <gtest/gtest.h>

#include "base/merkle.h"
#include "dispute/bounds.h"
#include "sides.h"

/// Games about the initial state: whoever asserts its root, the submitter or a validator, against
/// whoever computed another.
namespace assay::dispute {
namespace {

using base::Hash;
using market::GameStage;
using market::GameSubject;
using program::Part;
using testing::Arena;
using testing::Fault;
using testing::LeafLiar;
using testing::noise;
using testing::Outcome;
using testing::play_out;
using testing::ScalarReplayer;

constexpr PlayerOptions kUnchecked{false};

/// One bit in each instruction of init, both ways round, by the subject's bytes alone. Checked by
/// the scalar definition too, where a side is right.
void play_every_instruction(const market::JobSpec& spec) {
    const Arena arena(spec, GameStage::init);
    const program::Program& program = arena.fixture.program;
    const MoveBytes bounds = move_bytes_max(program, arena.truth->records().frame);
    const GameSubject right = arena.asserted_by(*arena.truth);
    const auto [first, last] = program.range(Part::init);
    ASSERT_GT(last - first, 10U);
    for (std::uint32_t i = first; i < last; ++i) {
        const program::Instruction& instruction = program.instructions[i];
        const program::Tensor& out = program.tensors[instruction.out.tensor];
        const auto element =
            faults::element_in(instruction, out, faults::tile_at(out, faults::Position::last));
        ASSERT_TRUE(element.has_value());
        ScalarReplayer faulty(arena.fixture, Fault{Stage::init, 0, 0, i, *element});
        const auto lie = arena.history_of(faulty);
        const GameSubject wrong = arena.asserted_by(*lie);
        ASSERT_NE(wrong.asserted, right.asserted)
            << "init computes nothing that is not in the state";
        for (const Side honest : {Side::asserter, Side::challenger}) {
            const bool asserts = honest == Side::asserter;
            const GameSubject& subject = asserts ? right : wrong;
            Player asserter(subject, Side::asserter, asserts ? *arena.truth : *lie, {asserts});
            Player challenger(subject, Side::challenger, asserts ? *lie : *arena.truth, {!asserts});
            const Outcome outcome = play_out(subject, asserter, challenger);
            EXPECT_EQ(outcome.failure, "") << i;
            EXPECT_EQ(outcome.winner, honest) << i;
            EXPECT_TRUE(std::holds_alternative<PostOpenings>(outcome.moves.back())) << i;
            for (const Move& move : outcome.moves)
                EXPECT_LE(encode_move(move).size(), bounds[move.index()]) << i;
        }
    }
}

TEST(InitGames, HonestWinsAboutEveryInstructionOfAGpt) {
    play_every_instruction(testing::ragged_gpt());
}

TEST(InitGames, HonestWinsAboutEveryInstructionOfAnMlp) {
    play_every_instruction(testing::wide_mlp());
}

TEST(InitGames, MistakenSidesResign) {
    const Arena arena(testing::ragged_gpt(), GameStage::init);
    GameSubject subject = arena.asserted_by(*arena.truth);
    Player asserter(subject, Side::asserter, *arena.truth);
    Player mistaken(subject, Side::challenger, *arena.truth);
    Outcome outcome = play_out(subject, asserter, mistaken);
    EXPECT_EQ(outcome.winner, Side::asserter);
    EXPECT_EQ(outcome.challenger, Ground::own_root);
    subject.asserted = noise(1);
    Player sorry(subject, Side::asserter, *arena.truth);
    Player challenger(subject, Side::challenger, *arena.truth);
    outcome = play_out(subject, sorry, challenger);
    EXPECT_EQ(outcome.winner, Side::challenger);
    EXPECT_EQ(outcome.asserter, Ground::own_root);
}

/// Right outputs under a root over other leaves.
TEST(InitGames, FalseRootsOverRightOutputsLose) {
    const Arena arena(testing::ragged_gpt(), GameStage::init);
    const testing::Fixture& fixture = arena.fixture;
    const std::vector<Hash> right =
        state_leaves(fixture.program, fixture.start, fixture.opening_leaf(), 1);
    ASSERT_EQ(tree_of(right), arena.asserted_by(*arena.truth).asserted);
    std::vector<std::vector<Hash>> lies(7, right);
    lies[0][0] = noise(1);                            // another descriptor
    lies[1][3] = noise(2);                            // a leaf of nothing
    lies[2].erase(lies[2].begin() + 5);               // one less
    lies[3].pop_back();                               // the last one less
    std::swap(lies[4][4], lies[4][9]);                // another order
    lies[5].insert(lies[5].begin() + 2, lies[5][2]);  // one twice
    lies[6].push_back(noise(3));                      // one more
    for (std::size_t i = 0; i < lies.size(); ++i) {
        const LeafLiar liar(lies[i]);
        GameSubject subject = arena.subject;
        subject.asserted = liar.root();
        Player challenger(subject, Side::challenger, *arena.truth, kUnchecked);
        market::GameStatus status = LedgerReferee().open(subject);
        bool silent = false;
        while (!status.winner && !silent) {
            const Game game = *decode_game(status.game);
            std::optional<Move> move;
            if (status.turn == Side::challenger) {
                auto decision = challenger.next(status.game);
                ASSERT_TRUE(decision.has_value()) << i;
                ASSERT_EQ(decision->ground, Ground::plays) << i;
                move = std::move(decision->move);
            } else if (game.phase() == Phase::statement) {
                move = PostStatement{open_frame(arena.truth->records()), liar.root(), {}};
            } else {
                Desk desk(game, **arena.truth->at(place_of(game)));
                if (LeafLiar::is_about_leaves(game)) {
                    move = liar.move(game, desk);
                } else {
                    move = assert_by_trace(desk)->move;
                }
            }
            const auto next =
                move ? LedgerReferee().play(status.game, status.turn, encode_move(*move))
                     : tl::unexpected(MoveRefusal::malformed);
            if (!next) {
                ASSERT_EQ(status.turn, Side::asserter) << i;
                silent = true;
            } else {
                status = *next;
            }
        }
        // Nothing can be said for a leaf of nothing, or for a tensor after itself.
        const bool nothing_to_say = i == 1 || i == 5 || i == 6;
        EXPECT_EQ(silent, nothing_to_say) << i;
        if (!silent) {
            EXPECT_EQ(status.winner, Side::challenger) << i;
        }
    }
}

}  // namespace
}  // namespace assay::dispute
