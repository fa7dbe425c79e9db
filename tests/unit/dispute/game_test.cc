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
    EXPECT_EQ(game.apply(Side::asserter,
                         PostStatement{open_frame(arena().truth->records()), terms.asserted, {}}),
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

Desk desk_of(const Game& game) { return {game, **arena().truth->at(place_of(game))}; }

/// Plays on to a leaf of the honest root, whose source the asserter has posted.
Game at_reply(std::uint64_t leaf) {
    Game game = at_objection();
    EXPECT_EQ(game.apply(Side::challenger, Contest{true}), std::nullopt);
    while (game.phase() != Phase::reply && !game.winner()) {
        const Side side = game.turn();
        Move move = Pick{0};
        if (side == Side::asserter) {
            move = honest_move(game);
        } else {
            std::uint64_t end = game.search().first;
            std::uint32_t index = 0;
            for (const std::uint64_t count :
                 child_counts(game.search().count, game.terms().fan_out)) {
                end += count;
                if (leaf < end) break;
                ++index;
            }
            move = Pick{index};
        }
        EXPECT_EQ(game.apply(side, move), std::nullopt);
    }
    return game;
}

TEST(Game, TheDescriptorsLeafDecidesAtOnce) { EXPECT_EQ(at_reply(0).winner(), Side::asserter); }

TEST(Game, NothingCanBeShownAgainstAnHonestLeaf) {
    const ProgramRecords& records = arena().truth->records();
    const std::vector<Covered> all = [] {
        const Game game = at_objection();
        return desk_of(game).covered();
    }();
    const auto shown = [&](program::TensorId id) {
        return ShowSkipped{open_record(records, records.frame.tensor_leaf(id)), std::nullopt};
    };
    for (const std::size_t leaf : {std::size_t{1}, std::size_t{2}, std::size_t{7}, all.size()}) {
        Game game = at_reply(leaf);
        ASSERT_EQ(game.phase(), Phase::reply);
        EXPECT_EQ(game.turn(), Side::challenger);
        const Covered& entry = all[leaf - 1];
        EXPECT_EQ(game.gap().second, entry.id);
        for (const Covered& other : all)
            EXPECT_EQ(game.apply(Side::challenger, shown(other.id)), MoveRefusal::wrong_place);
        EXPECT_EQ(game.apply(Side::challenger, shown(entry.id + 1'000)), MoveRefusal::wrong_record);
        ShowSkipped forged = shown(entry.id);
        forged.tensor.leaf = static_cast<std::uint32_t>(records.frame.tensor_leaf(entry.id + 1));
        EXPECT_EQ(game.apply(Side::challenger, forged), MoveRefusal::wrong_record);
        ShowSkipped written = shown(entry.id);
        written.writer = open_record(records, records.frame.instruction_leaf(*entry.writer));
        EXPECT_EQ(game.apply(Side::challenger, written), MoveRefusal::wrong_record);
        EXPECT_EQ(game.apply(Side::challenger, ShowWriter{*written.writer}),
                  MoveRefusal::wrong_place);
        EXPECT_EQ(game.apply(Side::challenger, Contest{true}), MoveRefusal::wrong_move);
        EXPECT_EQ(game.winner(), std::nullopt);
    }
}

TEST(Game, RefusesSourcesThatDoNotFitTheLeaf) {
    Game game = at_objection();
    ASSERT_EQ(game.apply(Side::challenger, Contest{true}), std::nullopt);
    while (game.phase() != Phase::source) {
        const Move move = game.turn() == Side::asserter ? honest_move(game) : Move{Pick{1}};
        ASSERT_EQ(game.apply(game.turn(), move), std::nullopt);
    }
    const auto honest = std::get<PostSource>(honest_move(game));
    ASSERT_TRUE(honest.left.has_value());
    Desk desk = desk_of(game);
    const std::vector<Covered> all = desk.covered();
    const auto refused = [&](const PostSource& move) { return game.apply(Side::asserter, move); };
    PostSource post = honest;
    post.left = std::nullopt;
    EXPECT_EQ(refused(post), MoveRefusal::wrong_count);
    post = honest;
    post.left->tree = noise(1);
    EXPECT_EQ(refused(post), MoveRefusal::wrong_hash);
    post = honest;
    post.left->path.push_back(noise(2));
    EXPECT_EQ(refused(post), MoveRefusal::wrong_hash);
    post = honest;
    post.left->tensor.record.push_back(0);
    EXPECT_EQ(refused(post), MoveRefusal::wrong_record);
    post = honest;
    post.source = desk.source_of(all[game.search().first], !all[game.search().first].writer);
    EXPECT_EQ(refused(post), MoveRefusal::wrong_hash);
    post = honest;
    post.source.tree = noise(3);
    EXPECT_EQ(refused(post), MoveRefusal::wrong_hash);
    post = honest;
    post.source.writer =
        open_record(arena().truth->records(), arena().truth->records().frame.instruction_leaf(0));
    EXPECT_EQ(refused(post), MoveRefusal::wrong_record);
    EXPECT_EQ(refused(honest), std::nullopt);
}

TEST(Game, RefusesCountsOfLeavesThatDoNotFit) {
    Game game = begun();
    while (game.phase() != Phase::leaves) {
        const Move move = game.turn() == Side::asserter      ? honest_move(game)
                          : game.phase() == Phase::pick_root ? Move{Pick{0}}
                                                             : Move{Contest{false}};
        ASSERT_EQ(game.apply(game.turn(), move), std::nullopt);
    }
    const auto honest = std::get<PostLeaves>(honest_move(game));
    const auto with = [&](std::uint32_t count) {
        PostLeaves post = honest;
        post.count = count;
        return game.apply(Side::asserter, post);
    };
    EXPECT_EQ(with(0), MoveRefusal::wrong_count);
    EXPECT_EQ(with(1), MoveRefusal::wrong_count) << "a descriptor alone has no last tensor";
    EXPECT_EQ(with(honest.count / 2), MoveRefusal::wrong_hash);
    EXPECT_EQ(with(arena().truth->records().frame.tensors + 2), MoveRefusal::wrong_count);
    PostLeaves post = honest;
    post.last = std::nullopt;
    EXPECT_EQ(game.apply(Side::asserter, post), MoveRefusal::wrong_count);
    post = honest;
    post.last->tree = noise(1);
    EXPECT_EQ(game.apply(Side::asserter, post), MoveRefusal::wrong_hash);
    EXPECT_EQ(game.apply(Side::asserter, honest), std::nullopt);
    EXPECT_EQ(game.phase(), Phase::objection);
    EXPECT_EQ(game.apply(Side::challenger, Contest{false}), MoveRefusal::wrong_place);
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
        program::TensorId last = 0;
        for (program::TensorId id = 0; id < fixture.program.tensors.size(); ++id) {
            const program::Tensor& tensor = fixture.program.tensors[id];
            if (tensor.cls != (stage == Stage::payload ? TensorClass::payload : TensorClass::state))
                continue;
            leaves.push_back(commit::tensor_root(tensor, bytes[at++].data()));
            last = id;
        }
        PostStatement statement{open_frame(arena().truth->records()), tree_of(leaves), {}};
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
        const auto count = static_cast<std::uint32_t>(leaves.size());
        const ProgramRecords& records = arena().truth->records();
        const program::Tensor& tensor = fixture.program.tensors[last];
        PostLeaves post{
            count,
            Neighbour{open_record(records, records.frame.tensor_leaf(last)),
                      tree_of(tile_leaves(tensor, bytes.back().data())),
                      base::merkle_prove(base::MerkleFamily::blake2b, leaves, count - 1).path}};
        EXPECT_EQ(game.apply(Side::asserter, post), std::nullopt) << int(stage);
        // The first leaf, which is the descriptor but for a payload, is as the game expects it.
        ASSERT_EQ(game.apply(Side::challenger, Contest{true}), std::nullopt);
        if (stage != Stage::payload) {
            EXPECT_EQ(game.next_descriptor(), leaves.front());
        }
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
