#include "leaving.h"

#include <thread>

#include "agent/log.h"
#include "agent/uploads.h"
#include "answers.h"
#include "registration.h"

namespace assay::worker {

namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 200ms;
constexpr auto kTroubleWait = 2000ms;

/// True when the ledger no longer has the lease as active.
bool left(const WorkerSettings& settings, agent::Party& party, const market::Lease& lease) {
    // Leaving is no way out of an audit: the ledger refuses it while a part is open.
    if (lease.open_parts > 0) return false;
    const auto sent = party.send(market::LeaseLeave{lease.id});
    const agent::LogFields fields = {{"lease", agent::shortened(lease.id.hex())},
                                     {"lane", std::to_string(lease.lane)}};
    if (!sent) {
        if (agent::is_refusal(sent.error(), market::Refusal::lease_ended)) return true;
        agent::log(agent::LogLevel::warning, "lease.trouble", sent.error().text(), fields);
        return false;
    }
    std::error_code error;
    std::filesystem::remove_all(settings.data_folder / "leases" / lease.id.hex(), error);
    agent::log(agent::LogLevel::info, "lease.left", "handed the lane over", fields);
    return true;
}

}  // namespace

void leave_everything(const WorkerSettings& settings, const agent::Identity& identity,
                      std::uint32_t nonce_lane) {
    client::Client node(settings.node_url, {});
    agent::Party party(identity, node, nonce_lane);
    const PartStore parts(settings.data_folder / "parts");
    const agent::BlobKeeper keeper(settings.data_folder / "owed");
    agent::Uploads uploads(settings.node_url);
    Duties duties(party, parts, keeper, uploads);
    const Answers answers(settings, identity, keeper, uploads);
    withdraw_offers(party);
    while (true) {
        const auto leases = node.leases_of(identity.account());
        if (!leases) {
            agent::log(agent::LogLevel::warning, "node.trouble", leases.error().text());
            std::this_thread::sleep_for(kTroubleWait);
            continue;
        }
        bool done = true;
        duties.look();
        for (const market::Lease& lease : *leases) {
            if (lease.state == market::LeaseState::active && !left(settings, party, lease))
                done = false;
        }
        if (done) return;
        std::this_thread::sleep_for(kLookEvery);
    }
}

}  // namespace assay::worker
