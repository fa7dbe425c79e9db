#include "matching.h"

#include <algorithm>

#include "agent/log.h"

namespace assay::worker {

namespace {

/// A slot that no lease has is a reservation's. Without one there is nothing to look for.
bool any_reserved(client::Client& node, const base::AccountId& worker,
                  const std::vector<market::Lease>& leases) {
    const auto offers = node.offers_of(worker);
    if (!offers) return false;
    std::uint64_t used = 0;
    for (const market::Offer& offer : *offers) used += offer.slots_used;
    const auto held = std::count_if(leases.begin(), leases.end(), [](const market::Lease& l) {
        return l.state != market::LeaseState::settled;
    });
    return used > static_cast<std::uint64_t>(held);
}

bool accept(agent::Party& party, const market::Lane& lane) {
    const agent::LogFields fields = {{"job", agent::shortened(lane.job.hex())},
                                     {"lane", std::to_string(lane.lane)}};
    const auto sent = party.send(market::LeaseAccept{lane.job, lane.lane});
    if (sent) {
        agent::log(agent::LogLevel::info, "lane.accepted", "was asked for a lane and accepts",
                   fields);
        return true;
    }
    // Not reserved any more: it was too late, or a cheaper worker has the lane.
    if (!agent::is_refusal(sent.error(), market::Refusal::not_reserved)) {
        agent::log(agent::LogLevel::warning, "lane.trouble", sent.error().text(), fields);
    }
    return false;
}

}  // namespace

std::size_t accept_lanes(agent::Party& party, const std::vector<market::Lease>& leases) {
    const base::AccountId& self = party.identity().account();
    if (!any_reserved(party.node(), self, leases)) return 0;
    std::size_t accepted = 0;
    for (const market::JobState state : {market::JobState::open, market::JobState::running}) {
        const auto jobs = party.node().jobs(market::to_word(state));
        for (const market::Job& job : jobs ? *jobs : std::vector<market::Job>{}) {
            if (!job.init_passed) continue;
            const auto lanes = party.node().lanes(job.id);
            for (const market::Lane& lane : lanes ? *lanes : std::vector<market::Lane>{}) {
                const bool asked = std::any_of(
                    lane.asked.begin(), lane.asked.end(),
                    [&](const market::Reservation& r) { return r.worker == self && !r.accepted; });
                if (asked && accept(party, lane)) ++accepted;
            }
        }
    }
    return accepted;
}

}  // namespace assay::worker
