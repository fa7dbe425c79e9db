#include "ground_truth.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/encoding.h"
#include "market/commitment.h"
#include "world.h"

namespace assay::sim {

namespace {

using market::MoveRefusal;

base::Hash fact(const base::Hash& start, std::uint32_t round, std::uint32_t lane,
                std::uint32_t first_step, const base::Hash& field) {
    return base::Hasher("sim.truth")
        .add(start)
        .add_u32(round)
        .add_u32(lane)
        .add_u32(first_step)
        .add(field)
        .finish();
}

market::GameStatus status_of(std::uint8_t moves, bool true_claim) {
    market::GameStatus status;
    status.game = {moves, static_cast<std::uint8_t>(true_claim ? 1 : 0)};
    status.turn = moves % 2 == 0 ? market::Side::asserter : market::Side::challenger;
    status.traced = moves >= GroundTruth::kTraced;
    if (moves == GroundTruth::kMoves)
        status.winner = true_claim ? market::Side::asserter : market::Side::challenger;
    return status;
}

base::Hash tile_hash(const base::Hash& root, std::uint32_t tile) {
    return base::Hasher("sim.tile").add(root).add_u32(tile).finish();
}

/// What a question knows: 0 nothing, 1 the tiles' hashes, 2 a tile is asked for, 3 it is known.
struct QuestionGame {
    base::Hash root;
    std::uint8_t stage = 0;
    std::uint32_t tile = 0;
};

base::Bytes encode(const QuestionGame& game) {
    base::Encoder out;
    out.hash(game.root).u8(game.stage).u32(game.tile);
    return out.take();
}

QuestionGame question_of(base::ByteView bytes) {
    base::Decoder in(bytes);
    QuestionGame game;
    game.root = in.hash();
    game.stage = in.u8();
    game.tile = in.u32();
    EXPECT_TRUE(in.finished());
    return game;
}

}  // namespace

base::Hash true_cell(const CellPlace& place, const base::VrfOutput& spot, std::uint32_t cell) {
    base::Hasher hasher("sim.cell");
    hasher.add_u8(static_cast<std::uint8_t>(place.stage))
        .add_u32(place.round)
        .add_u32(place.lane)
        .add_u32(place.first_step)
        .add(place.start);
    return hasher.add(spot).add_u32(cell).finish();
}

std::vector<base::Hash> true_cells(const CellPlace& place, const base::VrfOutput& spot) {
    std::vector<base::Hash> cells;
    for (std::uint32_t i = 0; i < market::kCells; ++i) cells.push_back(true_cell(place, spot, i));
    return cells;
}

void GroundTruth::know(const base::Hash& start, std::uint32_t round, std::uint32_t lane,
                       std::uint32_t first_step, const base::Hash& end) {
    truths_.insert(fact(start, round, lane, first_step, end));
}

bool GroundTruth::knows(const base::Hash& start, std::uint32_t round, std::uint32_t lane,
                        std::uint32_t first_step, const base::Hash& end) const {
    return truths_.count(fact(start, round, lane, first_step, end)) != 0;
}

tl::expected<market::JobFacts, market::SpecError> GroundTruth::facts(const market::JobSpec& spec,
                                                                     base::ByteView encoded) const {
    market::JobFacts facts;
    facts.program_root = base::Hasher("sim.program").add_sized(encoded).finish();
    facts.costs = {10'000'000'000, 1'000'000'000, 1000, 1000, 1000, 1000};
    if (!spec.has_merge()) facts.costs.merge_flops = facts.costs.payload_bytes = 0;
    facts.init_flops = 1'000'000;
    facts.init_bytes = facts.data_bytes = blob_bytes_;
    facts.payload_bytes = spec.has_merge() ? blob_bytes_ : 0;
    return facts;
}

market::QuestionStatus GroundTruth::open_question(const market::QuestionSubject& subject) const {
    return {encode(QuestionGame{subject.root}), 0, false};
}

base::Bytes GroundTruth::right_answer(base::ByteView question) const {
    const QuestionGame game = question_of(question);
    if (game.stage == 2) {
        base::Bytes blob = blob_of(game.root, blob_bytes_);
        const std::size_t start =
            std::min<std::size_t>(game.tile * base::kBlobLeafBytes, blob.size());
        const std::size_t end = std::min(start + base::kBlobLeafBytes, blob.size());
        return {blob.begin() + static_cast<std::ptrdiff_t>(start),
                blob.begin() + static_cast<std::ptrdiff_t>(end)};
    }
    base::Bytes bytes;
    for (std::uint32_t tile = 0; tile < kTiles; ++tile) {
        const base::Hash hash = tile_hash(game.root, tile);
        bytes.insert(bytes.end(), hash.bytes.begin(), hash.bytes.end());
    }
    return bytes;
}

tl::expected<market::QuestionStatus, MoveRefusal> GroundTruth::answer(base::ByteView question,
                                                                      base::ByteView bytes) const {
    QuestionGame game = question_of(question);
    if (game.stage != 0 && game.stage != 2) return tl::unexpected(MoveRefusal::not_your_turn);
    const base::Bytes right = right_answer(question);
    if (bytes.size() != right.size()) return tl::unexpected(MoveRefusal::wrong_count);
    if (!std::equal(bytes.begin(), bytes.end(), right.begin()))
        return tl::unexpected(MoveRefusal::wrong_hash);
    ++game.stage;
    return market::QuestionStatus{encode(game), game.stage == 1 ? kTiles : 0, game.stage == 3};
}

tl::expected<market::QuestionStatus, MoveRefusal> GroundTruth::ask(base::ByteView question,
                                                                   std::uint32_t child) const {
    QuestionGame game = question_of(question);
    if (game.stage != 1) return tl::unexpected(MoveRefusal::wrong_move);
    if (child >= kTiles) return tl::unexpected(MoveRefusal::wrong_place);
    game.stage = 2;
    game.tile = child;
    return market::QuestionStatus{encode(game), 0, false};
}

tl::expected<bool, MoveRefusal> GroundTruth::leaf_differs(base::ByteView question,
                                                          std::uint64_t leaf,
                                                          base::ByteView bytes) const {
    QuestionGame game = question_of(question);
    if (game.stage != 3) return tl::unexpected(MoveRefusal::wrong_move);
    if (leaf != game.tile) return tl::unexpected(MoveRefusal::wrong_place);
    game.stage = 2;
    const base::Bytes right = right_answer(encode(game));
    return !std::equal(bytes.begin(), bytes.end(), right.begin(), right.end());
}

bool GroundTruth::true_claim(const market::GameSubject& subject) const {
    switch (subject.stage) {
        case market::GameStage::init:
            return subject.asserted == init_root_;
        case market::GameStage::merge:
            return merged_root(subject.start_root, subject.payload_roots) == subject.asserted;
        case market::GameStage::segment:
            return knows(subject.start_root, subject.round, subject.lane, subject.first_step,
                         subject.asserted);
        case market::GameStage::cell: {
            const CellPlace place{subject.about, subject.round, subject.lane, subject.first_step,
                                  subject.start_root};
            return true_cell(place, subject.spot, subject.cell) == subject.asserted;
        }
    }
    return false;
}

market::GameStatus GroundTruth::open(const market::GameSubject& subject) const {
    return status_of(0, true_claim(subject));
}

tl::expected<market::GameStatus, MoveRefusal> GroundTruth::play(base::ByteView game,
                                                                market::Side side,
                                                                base::ByteView given) const {
    if (game.size() != 2 || given.size() != 1 || given[0] != 1)
        return tl::unexpected(MoveRefusal::malformed);
    if (game[0] >= kMoves) return tl::unexpected(MoveRefusal::over);
    if (status_of(game[0], game[1] != 0).turn != side)
        return tl::unexpected(MoveRefusal::not_your_turn);
    return status_of(static_cast<std::uint8_t>(game[0] + 1), game[1] != 0);
}

}  // namespace assay::sim
