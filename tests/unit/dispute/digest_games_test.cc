#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/merkle.h"
#include "commit/digest.h"
#include "desk.h"
#include "dispute/bounds.h"
#include "sides.h"

/// Games about step digests: who lies loses, whatever the lie is about and whichever side tells it.
namespace assay::dispute {
namespace {

using base::Hash;
using commit::DigestParts;
using market::GameStage;
using market::GameStatus;
using testing::Arena;
using testing::Fault;
using testing::Outcome;
using testing::ScalarReplayer;

constexpr std::uint32_t kSteps = 4;
constexpr std::uint32_t kShown[] = {1, 3};
constexpr PlayerOptions kNoScalars{false};

const Arena& arena() {
    static const Arena the_arena(testing::ragged_gpt(), GameStage::segment, kSteps, false, false);
    return the_arena;
}

/// A worker that shows these parts' digests, at the places of kShown.
market::GameSubject shows(const std::vector<DigestParts>& parts) {
    market::GameSubject subject = arena().subject;
    subject.stage = GameStage::steps;
    for (std::size_t i = 0; i < parts.size(); ++i)
        subject.shown.push_back({kShown[i], commit::digest_of(parts[i])});
    return subject;
}

std::vector<DigestParts> parts_of(History& history) {
    std::vector<DigestParts> parts;
    for (const std::uint32_t step : kShown) parts.push_back(*history.digest_parts(step));
    return parts;
}

const std::vector<DigestParts>& true_parts() {
    static const std::vector<DigestParts> parts = parts_of(*arena().truth);
    return parts;
}

/// A game played by hand through the referee's bytes.
struct Table {
    explicit Table(const market::GameSubject& of)
        : subject(of), status(LedgerReferee().open(of)) {}
    std::optional<MoveRefusal> play(const Move& move) {
        auto next = LedgerReferee().play(status.game, status.turn, encode_move(move));
        if (!next) return next.error();
        status = std::move(*next);
        return std::nullopt;
    }
    [[nodiscard]] Game game() const { return *decode_game(status.game); }
    /// The honest player's move for whoever is on turn.
    [[nodiscard]] tl::expected<Decision, PlayFailure> honest() const {
        return Player(subject, status.turn, *arena().truth, kNoScalars).next(status.game);
    }
    std::optional<MoveRefusal> play_honest() {
        const auto decision = honest();
        EXPECT_TRUE(decision.has_value()) << (decision ? "" : decision.error().detail);
        EXPECT_EQ(decision->ground, Ground::plays);
        return play(decision->move);
    }

    market::GameSubject subject;
    GameStatus status;
};

PostDigest posting(const DigestParts& parts) {
    return {open_frame(arena().truth->records()), *arena().truth->root_after(kShown[0] + 1), parts};
}

/// At the place of a part of the first digest, of which both sides hold that it is of the true state.
Table at_place(std::uint32_t part, const DigestParts& parts = true_parts()[0]) {
    Table table(shows({parts, true_parts()[1]}));
    EXPECT_EQ(table.play(Pick{0}), std::nullopt);
    EXPECT_EQ(table.play(posting(parts)), std::nullopt);
    EXPECT_EQ(table.play(Pick{part}), std::nullopt);
    return table;
}

Outcome play_out(const market::GameSubject& subject, History& asserter, History& challenger) {
    Player a(subject, Side::asserter, asserter, kNoScalars);
    Player c(subject, Side::challenger, challenger, kNoScalars);
    return testing::play_out(subject, a, c);
}

TEST(DigestGame, EveryPartOfATrueDigestIsShown) {
    for (std::uint32_t part = kLossPart; part < kDigestPartsEnd; ++part) {
        Table table = at_place(part);
        EXPECT_TRUE(table.status.traced);
        EXPECT_EQ(table.status.turn, Side::asserter);
        ASSERT_EQ(table.play_honest(), std::nullopt) << part;
        if (part < kTilePart) {
            EXPECT_EQ(table.status.winner, Side::asserter);
            continue;
        }
        // No record shows that the list of weights is wrong, and an honest challenger says so.
        ASSERT_EQ(table.game().phase(), Phase::layout);
        const ProgramRecords& records = arena().truth->records();
        for (std::uint32_t id = 0; id < records.frame.tensors; ++id)
            EXPECT_EQ(table.play(ShowWeight{open_record(records, records.frame.tensor_leaf(id))}),
                      MoveRefusal::wrong_place);
        EXPECT_EQ(table.play(ShowWeight{open_record(records, 0)}), MoveRefusal::wrong_record);
        EXPECT_EQ(table.play(ShowWeight{open_record(records, records.frame.instruction_leaf(0))}),
                  MoveRefusal::wrong_record);
        EXPECT_EQ(table.honest()->ground, Ground::own_root);
        EXPECT_EQ(table.play(Resign{}), std::nullopt);
        EXPECT_EQ(table.status.winner, Side::asserter);
    }
}

TEST(DigestGame, AFalsePartOfATrueStateIsFoundAndCannotBeShown) {
    for (std::uint32_t part = kLossPart; part < kDigestPartsEnd; ++part) {
        DigestParts lie = true_parts()[0];
        if (part == kLossPart) lie.loss_bits ^= 1U;
        if (part == kNormPart) lie.norm_bits ^= 1U;
        if (part >= kTilePart) lie.tiles[part - kTilePart].bytes[7] ^= 1U;
        Table table(shows({lie, true_parts()[1]}));
        ASSERT_EQ(table.play_honest(), std::nullopt);
        EXPECT_EQ(table.honest()->ground, Ground::own_root) << "who computes rightly gives it up";
        ASSERT_EQ(table.play(posting(lie)), std::nullopt);
        ASSERT_EQ(table.play_honest(), std::nullopt);
        EXPECT_EQ(table.game().part(), part);
        // What the state has does not hash to what was posted.
        Table other = at_place(part);
        EXPECT_EQ(table.play(other.honest()->move), MoveRefusal::wrong_hash);
        EXPECT_EQ(table.honest().error().error, PlayError::no_move);
        EXPECT_EQ(table.status.turn, Side::asserter) << "its clock decides";
    }
}

TEST(DigestGame, AFalseListOfWeightsIsFoundByOneRecord) {
    const program::Program& program = arena().fixture.program;
    Table honest = at_place(kTilePart);
    const auto right = std::get<PostPlace>(honest.honest()->move);
    ASSERT_GT(right.weights.size(), 2U);
    const auto moment = static_cast<program::TensorId>(
        std::ranges::find_if(program.tensors, [](const program::Tensor& t) {
            return t.cls == program::TensorClass::state && !t.weight;
        }) - program.tensors.begin());
    const std::function<void(std::vector<WeightTiles>&)> changes[] = {
        [](auto& w) { w.erase(w.begin()); },
        [](auto& w) { w.pop_back(); },
        [](auto& w) { w.front().tiles += 1; },
        [](auto& w) { w.back().tiles += 1000; },
        [moment](auto& w) {
            w.push_back({moment, 7});
            std::ranges::sort(w, {}, &WeightTiles::tensor);
        }};
    const auto state = arena().truth->state_after(kShown[0] + 1);
    const commit::State copy = (*state)->clone();
    const std::vector<program::TensorId> ids = program.state_tensors();
    const auto leaves_of = [&](program::TensorId id) {
        const auto at = static_cast<std::size_t>(std::ranges::find(ids, id) - ids.begin());
        return tile_leaves(program.tensors[id], copy.tensors[at].data());
    };
    int found = 0;
    for (const auto& change : changes) {
        std::vector<WeightTiles> weights = right.weights;
        change(weights);
        std::uint64_t tiles = 0;
        for (const WeightTiles& w : weights) tiles += w.tiles;
        for (std::uint32_t j = 0; j < commit::kDigestTiles; ++j) {
            const Terms terms = terms_of(honest.subject);
            std::uint64_t tile = commit::digest_tile(terms.job.spec_root, terms.round, terms.lane,
                                                     terms.first_step + kShown[0], j, tiles);
            const auto weight = std::ranges::find_if(weights, [&](const WeightTiles& w) {
                if (tile < w.tiles) return true;
                tile -= w.tiles;
                return false;
            });
            const std::vector<Hash> leaves = leaves_of(weight->tensor);
            if (leaves.size() != weight->tiles || !program.tensors[weight->tensor].weight) continue;
            DigestParts lie = true_parts()[0];
            lie.tiles[j] = leaves[tile];
            if (lie == true_parts()[0]) continue;
            Table table = at_place(kTilePart + j, lie);
            PostPlace post;
            post.weights = weights;
            const ProgramRecords& records = arena().truth->records();
            post.tensor = open_record(records, records.frame.tensor_leaf(weight->tensor));
            post.tree = tree_of(leaves);
            post.path = base::merkle_prove(base::MerkleFamily::blake2b, leaves, tile).path;
            const Hash descriptor =
                commit::descriptor_leaf(descriptor_after(terms, kShown[0] + 1));
            const auto rank = std::ranges::find(ids, weight->tensor) - ids.begin();
            post.proof = base::merkle_prove(base::MerkleFamily::blake2b,
                                            state_leaves(program, copy, descriptor, 1),
                                            static_cast<std::uint64_t>(rank) + 1);
            ASSERT_EQ(table.play(post), std::nullopt) << "it stands, but for the list";
            ASSERT_EQ(table.game().phase(), Phase::layout);
            ASSERT_EQ(table.play_honest(), std::nullopt);
            EXPECT_EQ(table.status.winner, Side::challenger);
            ++found;
        }
    }
    EXPECT_GT(found, 10) << "the lies were about something";
}

TEST(DigestGame, AFalseStateIsJudgedByItsSteps) {
    const Arena& at = arena();
    // The last instruction of the update in the second step: the digest of the true state cannot be
    // defended, nor that of the false one.
    const auto [first, last] = at.fixture.program.range(program::Part::update);
    ASSERT_LT(first, last);
    Fault fault;
    fault.step = 1;
    fault.unit = static_cast<std::uint32_t>(units_of(at.fixture.program, Stage::step, 0).size() - 1);
    fault.instruction = first;
    ScalarReplayer faulty(at.fixture, fault);
    const auto other = at.history_of(faulty);
    ASSERT_NE(*other->root_after(2), *at.truth->root_after(2));
    const Outcome worker = play_out(shows(parts_of(*other)), *other, *at.truth);
    EXPECT_EQ(worker.failure, "");
    EXPECT_EQ(worker.winner, Side::challenger);
    EXPECT_TRUE(worker.traced);
    const Outcome auditor = play_out(shows(true_parts()), *at.truth, *other);
    EXPECT_EQ(auditor.failure, "");
    EXPECT_EQ(auditor.winner, Side::asserter);
    EXPECT_TRUE(auditor.traced);
}

TEST(DigestGame, WhoFindsNothingWrongGivesUp) {
    const Outcome outcome = play_out(shows(true_parts()), *arena().truth, *arena().truth);
    EXPECT_EQ(outcome.winner, Side::asserter);
    EXPECT_EQ(outcome.challenger, Ground::own_root);
    EXPECT_FALSE(outcome.traced);
    DigestParts lie = true_parts()[1];
    lie.norm_bits ^= 1U;
    const Outcome second = play_out(shows({true_parts()[0], lie}), *arena().truth, *arena().truth);
    EXPECT_EQ(second.winner, Side::challenger);
    EXPECT_EQ(second.asserter, Ground::own_root);
    EXPECT_FALSE(second.traced) << "giving it up is cheap until then";
    EXPECT_EQ(second.moves.front(), Move{Pick{1}});
}

TEST(DigestGame, MovesThatDoNotFitAreRefused) {
    Table table(shows(true_parts()));
    EXPECT_EQ(table.status.turn, Side::challenger);
    EXPECT_EQ(table.play(Pick{2}), MoveRefusal::wrong_place);
    EXPECT_EQ(table.play(Contest{true}), MoveRefusal::wrong_move);
    ASSERT_EQ(table.play(Pick{0}), std::nullopt);
    const PostDigest right = posting(true_parts()[0]);
    PostDigest wrong = right;
    wrong.parts = true_parts()[1];
    EXPECT_EQ(table.play(wrong), MoveRefusal::wrong_hash);
    wrong = right;
    wrong.frame[40] ^= 1U;
    EXPECT_EQ(table.play(wrong), MoveRefusal::wrong_record);
    EXPECT_EQ(table.play(PostStatement{right.frame, false, {}, {}}), MoveRefusal::wrong_move);
    ASSERT_EQ(table.play(right), std::nullopt);
    EXPECT_FALSE(table.status.traced);
    EXPECT_EQ(table.play(Pick{kDigestPartsEnd}), MoveRefusal::wrong_place);
    ASSERT_EQ(table.play(Pick{kNormPart}), std::nullopt);
    const PostScalar norm = std::get<PostScalar>(table.honest()->move);
    const PostScalar loss = std::get<PostScalar>(at_place(kLossPart).honest()->move);
    EXPECT_EQ(table.play(loss), MoveRefusal::wrong_record) << "the tensor of the loss";
    PostScalar bad = norm;
    bad.header = norm.tensor;
    EXPECT_EQ(table.play(bad), MoveRefusal::wrong_record);
    bad = norm;
    bad.tensor.record.back() ^= 1U;
    EXPECT_EQ(table.play(bad), MoveRefusal::wrong_record);
    bad = norm;
    bad.proof.path.front().bytes[0] ^= 1U;
    EXPECT_EQ(table.play(bad), MoveRefusal::wrong_hash);
    EXPECT_EQ(table.play(std::get<PostPlace>(at_place(kTilePart).honest()->move)),
              MoveRefusal::wrong_move);
    EXPECT_EQ(table.play(norm), std::nullopt);
    EXPECT_EQ(table.status.winner, Side::asserter);
    EXPECT_EQ(table.play(Resign{}), MoveRefusal::over);
}

TEST(DigestGame, PlacesThatDoNotStandAreRefused) {
    Table table = at_place(kTilePart + 3);
    const PostPlace right = std::get<PostPlace>(table.honest()->move);
    const auto refused = [&](MoveRefusal refusal, const std::function<void(PostPlace&)>& change) {
        PostPlace wrong = right;
        change(wrong);
        EXPECT_EQ(table.play(wrong), refusal);
    };
    refused(MoveRefusal::wrong_count, [](PostPlace& p) { p.weights.clear(); });
    refused(MoveRefusal::wrong_count, [](PostPlace& p) {
        for (WeightTiles& w : p.weights) w.tiles = 0;
    });
    refused(MoveRefusal::wrong_place, [](PostPlace& p) { std::swap(p.weights[0], p.weights[1]); });
    refused(MoveRefusal::wrong_place, [](PostPlace& p) { p.weights[1] = p.weights[0]; });
    refused(MoveRefusal::wrong_place, [](PostPlace& p) {
        p.weights.push_back({arena().truth->records().frame.tensors, 1});
    });
    refused(MoveRefusal::wrong_record, [](PostPlace& p) {
        p.tensor = open_record(arena().truth->records(), 0);
    });
    refused(MoveRefusal::wrong_hash, [](PostPlace& p) { p.tree.bytes[0] ^= 1U; });
    refused(MoveRefusal::wrong_hash, [](PostPlace& p) { p.path.push_back({}); });
    refused(MoveRefusal::wrong_hash, [](PostPlace& p) { p.proof.path.pop_back(); });
    EXPECT_EQ(table.play(std::get<PostScalar>(at_place(kLossPart).honest()->move)),
              MoveRefusal::wrong_move);
    EXPECT_EQ(table.play(right), std::nullopt);
}

/// What the list and its openings take for the largest model of the presets stays far below a move.
TEST(DigestGame, ListsAsManyWeightsAsPrograms) {
    program::Program program = arena().fixture.program;
    EXPECT_EQ(check_judgeable(program, arena().truth->records().frame), std::nullopt);
    program::Tensor weight;
    weight.cls = program::TensorClass::state;
    weight.rows = weight.cols = 1;
    weight.weight = true;
    while (program.weight_tensors().size() <= kWeightsMax) program.tensors.push_back(weight);
    const auto reason = check_judgeable(program, ProgramRecords(program).frame);
    ASSERT_TRUE(reason.has_value());
    EXPECT_EQ(*reason, "more weights than one move can list");
}

}  // namespace
}  // namespace assay::dispute
