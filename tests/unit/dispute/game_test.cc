#include "dispute/game.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/merkle.h"
#include "desk.h"
#include "market/commitment.h"
#include "sides.h"

namespace assay::dispute {
namespace {

using base::Hash;
using program::TensorClass;
using testing::arena;
using testing::noise;

constexpr std::uint32_t kSteps = testing::kArenaSteps;

/// A true statement about the five steps was made.
Game begun() {
    Terms terms = terms_of(arena().asserted_by(*arena().truth));
    terms.fan_out = 4;
    Game game(terms);
    EXPECT_EQ(
        game.apply(Side::asserter,
                   PostStatement{open_frame(arena().truth->records()), false, terms.asserted, {}}),
        std::nullopt);
    return game;
}

Move honest_move(const Game& game) {
    const auto decision =
        Player(game.terms(), Side::asserter, *arena().truth, {false}).next(encode_game(game));
    EXPECT_TRUE(decision.has_value());
    return decision->move;
}

/// Plays to the objection against the root after the first step, whose leaves are honest.
Game at_objection() {
    Game game = begun();
    while (game.phase() != Phase::objection) {
        const Side side = game.turn();
        const Move move = side == Side::asserter             ? honest_move(game)
                          : game.phase() == Phase::pick_root ? Move{Pick{0}}
                                                             : Move{Contest{false}};
        EXPECT_EQ(game.apply(side, move), std::nullopt);
    }
    return game;
}

Desk desk_of(const Game& game) {
    return {game, **arena().truth->at(place_of(game))};
}

TEST(Game, ATensorWithAWriterNeedNotBeAsItWas) {
    Game game = at_objection();
    Desk desk = desk_of(game);
    const auto all = desk.covered();
    const auto written =
        std::ranges::find_if(all, [](const Covered& c) { return c.root != c.before; });
    ASSERT_NE(written, all.end());
    EXPECT_EQ(game.apply(Side::challenger, ShowAbsent{desk.source_of(*written, false)}),
              MoveRefusal::wrong_place);
    ASSERT_EQ(game.apply(Side::challenger, ShowAbsent{desk.source_of(*written, true)}),
              std::nullopt);
    EXPECT_EQ(game.phase(), Phase::writer);
    EXPECT_EQ(game.unwritten(), written->id);
    const ProgramRecords& records = arena().truth->records();
    const auto writer = [&](std::uint32_t instruction) {
        return PostWriter{open_record(records, records.frame.instruction_leaf(instruction))};
    };
    EXPECT_EQ(game.apply(Side::asserter, writer(*written->writer + 1)), MoveRefusal::wrong_record);
    EXPECT_EQ(honest_move(game), Move{writer(*written->writer)});
    EXPECT_EQ(game.apply(Side::asserter, writer(*written->writer)), std::nullopt);
    EXPECT_EQ(game.winner(), Side::asserter);
}

TEST(Game, HonestLeavesCannotBeObjectedTo) {
    const Game game = at_objection();
    Desk desk = desk_of(game);
    const auto all = desk.covered();
    ASSERT_EQ(all.size() + 1, game.posted().size());
    const auto source = [&](std::size_t i) { return desk.source_of(all[i], !all[i].writer); };
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
        ASSERT_EQ(copy.apply(Side::asserter, honest_move(copy)), std::nullopt);
        EXPECT_EQ(copy.winner(), Side::asserter);
    }
}

/// In the other stages too the root that the asserter committed to follows from the trace.
TEST(Game, KnowsWhatOtherStagesLeadTo) {
    const testing::Fixture& fixture = arena().fixture;
    for (const Stage stage : {Stage::init, Stage::payload, Stage::merge}) {
        const StageInputs inputs = fixture.inputs(stage);
        Terms terms = terms_of(arena().subject);
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
        PostStatement statement{open_frame(arena().truth->records()), false, tree_of(leaves), {}};
        terms.asserted = tree_of(leaves);
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
            statement.payload_root = tree_of(leaves);
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
    Game game = begun();
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
            EXPECT_EQ(join_children(count, fan_out, nodes), tree_of(leaves));
        }
    }
}

}  // namespace
}  // namespace assay::dispute
