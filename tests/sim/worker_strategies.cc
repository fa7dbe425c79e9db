#include "worker_strategies.h"

namespace assay::sim {

using base::Hash;

bool Liar::lies_at(const SegmentPlace& place) const {
    if (lies_ppm_ >= kWhole) return true;
    const Hash word = base::Hasher("sim.lies")
                          .add(place.start)
                          .add_u32(place.segment)
                          .add_u32(place.lane)
                          .finish();
    return base::scale_u64(base::first_u64(word), kWhole) < lies_ppm_;
}

Hash Liar::false_root(const World&, const SegmentPlace&, const Hash& honest_end) const {
    return base::Hasher("sim.lie").add_sized(base::view_of(name_)).add(honest_end).finish();
}

SegmentWork Liar::train(const World& world, const SegmentPlace& place, const Hash& honest_end) {
    if (!lies_at(place)) return {honest_end, kWhole};
    return {false_root(world, place, honest_end), computed_ppm_};
}

Hash OthersCheckpoint::false_root(const World& world, const SegmentPlace& place,
                                  const Hash&) const {
    const auto job = market::find_job(world.state(), place.job);
    for (std::uint32_t lane = 0; lane < job->shape.lanes; ++lane) {
        if (lane == place.lane) continue;
        for (const market::Part& part :
             market::parts_of_lane(world.state(), place.job, place.round, lane)) {
            if (part.first_segment + part.segments == place.segment + 1) return part.end_root;
        }
    }
    return job->opening_root == place.start ? job->final_root : job->opening_root;
}

WorkerConduct::Drawn RetractsWhatIsDrawn::drawn(const World&, const market::Part& part) {
    return tried_[part.id]++ == 0 ? Drawn::retract : Drawn::confess;
}

bool Procrastinates::accepts(const World& world, const market::Job& job,
                             const market::Reservation& asked) {
    const std::vector<market::Lane> lanes = market::lanes_of(world.state(), job.id);
    return std::any_of(lanes.begin(), lanes.end(), [&](const market::Lane& lane) {
        return std::find(lane.asked.begin(), lane.asked.end(), asked) != lane.asked.end() &&
               is_last_moment(world, lane.ask_ends);
    });
}

void OneMachine::work(const World& world, const base::AccountId& self) {
    if (working_ && ready_ms_ > world.live().value) return;
    if (working_) ready_.insert(*working_);
    working_.reset();
    std::uint64_t first = ~std::uint64_t{0};
    for (const market::Dispute& dispute : market::disputes_of_account(
             world.state(), self, market::Side::asserter, std::nullopt, 1000)) {
        const Move move{dispute.id, dispute.moves};
        if (dispute.turn != market::Side::asserter || ready_.count(move) != 0 ||
            dispute.deadline.value >= first)
            continue;
        first = dispute.deadline.value;
        working_ = move;
    }
    ready_ms_ = world.live().value + replay_ms_;
}

Play OneMachine::plays(const World& world, const market::Dispute& dispute) {
    work(world, dispute.asserter);
    return ready_.count({dispute.id, dispute.moves}) != 0 ? Play::move : Play::wait;
}

bool StallsLate::commits(const World& world, const market::Job& job, const market::Lease& lease) {
    const auto lane = market::find_lane(world.state(), job.id, lease.lane);
    return lane->committed_parts + 1 < job.shape.parts_per_round();
}

}  // namespace assay::sim
