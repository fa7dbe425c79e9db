#include "ground_truth.h"

#include <algorithm>

#include "market/commitment.h"
#include "world.h"

namespace assay::sim {

namespace {

base::Hash fact(const base::Hash& start, std::uint32_t round, std::uint32_t lane, std::uint32_t first_step, const base::Hash& field) {
    return base::Hasher("sim.truth").add(start).add_u32(round).add_u32(lane).add_u32(first_step).add(field).finish();
}

market::GameStatus status_of(std::uint8_t moves, bool true_claim) {
    market::GameStatus status;
    status.game = {moves, static_cast<std::uint8_t>(true_claim ? 1 : 0)};
    status.turn = moves % 2 == 0 ? market::Side::asserter : market::Side::challenger;
    status.traced = moves >= GroundTruth::kTraced;
    if (moves == GroundTruth::kMoves) status.winner = true_claim ? market::Side::asserter : market::Side::challenger;
    return status;
}

}  // namespace

void GroundTruth::know(const base::Hash& start, std::uint32_t round, std::uint32_t lane, std::uint32_t first_step, const base::Hash& end) {
    truths_.insert(fact(start, round, lane, first_step, end));
    truths_.insert(fact(start, round, lane, first_step, market::plant_field(end)));
}

bool GroundTruth::true_claim(const market::GameSubject& subject) const {
    if (subject.stage == market::GameStage::merge) return merged_root(subject.start_root, subject.payload_roots) == subject.asserted;
    if (subject.stage == market::GameStage::steps) {
        return std::all_of(subject.shown.begin(), subject.shown.end(),
                           [&](const market::ShownDigest& s) { return trained_digest(subject.start_root, s.step) == s.digest; });
    }
    return truths_.count(fact(subject.start_root, subject.round, subject.lane, subject.first_step, subject.asserted)) != 0;
}

market::GameStatus GroundTruth::open(const market::GameSubject& subject) const { return status_of(0, true_claim(subject)); }

tl::expected<market::GameStatus, market::MoveRefusal> GroundTruth::play(base::ByteView game, market::Side side, base::ByteView given) const {
    if (game.size() != 2 || given.size() != 1 || given[0] != 1) return tl::unexpected(market::MoveRefusal::malformed);
    if (game[0] >= kMoves) return tl::unexpected(market::MoveRefusal::over);
    if (status_of(game[0], game[1] != 0).turn != side) return tl::unexpected(market::MoveRefusal::not_your_turn);
    return status_of(static_cast<std::uint8_t>(game[0] + 1), game[1] != 0);
}

}  // namespace assay::sim
