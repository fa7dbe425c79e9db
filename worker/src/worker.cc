#include "worker/worker.h"

#include <algorithm>
#include <set>

#include "agent/log.h"
#include "agent/service.h"
#include "agent/stop.h"
#include "agent/uploads.h"
#include "answers.h"
#include "duties.h"
#include "games/desk.h"
#include "lane_runner.h"
#include "leaving.h"
#include "matching.h"
#include "registration.h"
#include "worker/machine_check.h"

namespace assay::worker {

namespace {

using namespace std::chrono_literals;

/// The leases this process works, one runner each.
class Runners {
  public:
    Runners(const WorkerSettings& settings, const agent::Identity& identity, const PartStore& parts,
            const agent::BlobKeeper& keeper, const runtime::ProducerFactory& producer)
        : settings_(settings),
          identity_(identity),
          parts_(parts),
          keeper_(keeper),
          producer_(producer) {}

    void reconcile(const std::set<base::LeaseId>& leases) {
        for (const base::LeaseId& lease : leases) {
            if (!runners_.contains(lease)) start(lease);
        }
        for (auto it = runners_.begin(); it != runners_.end();) {
            if (!leases.contains(it->first)) it->second->abandon();
            it = it->second->finished() ? runners_.erase(it) : std::next(it);
        }
    }

    void wake() {
        for (auto& [id, runner] : runners_) runner->wake();
    }

    /// Leaves the lanes as they are on disk; returns when every thread has ended.
    void end() { runners_.clear(); }

  private:
    void start(const base::LeaseId& lease) {
        std::set<std::uint32_t> used;
        for (const auto& [id, runner] : runners_) used.insert(runner->nonce_lane());
        std::uint32_t nonce_lane = agent::kDutyNonceLane + 1;
        while (used.contains(nonce_lane)) ++nonce_lane;
        runners_.emplace(lease, std::make_unique<LaneRunner>(settings_, identity_, parts_, keeper_,
                                                             lease, nonce_lane, producer_()));
    }

    const WorkerSettings& settings_;
    const agent::Identity& identity_;
    const PartStore& parts_;
    const agent::BlobKeeper& keeper_;
    const runtime::ProducerFactory& producer_;
    std::map<base::LeaseId, std::unique_ptr<LaneRunner>> runners_;
};

/// Active leases, and those that have ended and are asked for a merge again.
std::set<base::LeaseId> leases_to_work(client::Client& node,
                                       const std::vector<market::Lease>& leases) {
    std::set<base::LeaseId> out;
    std::vector<const market::Lease*> ended;
    for (const market::Lease& lease : leases) {
        if (lease.state == market::LeaseState::active) out.insert(lease.id);
        if (lease.state == market::LeaseState::ended) ended.push_back(&lease);
    }
    if (ended.empty()) return out;
    const auto jobs = node.jobs(market::to_word(market::JobState::running));
    for (const market::Job& job : jobs ? *jobs : std::vector<market::Job>{}) {
        const bool ours = std::any_of(ended.begin(), ended.end(), [&](const market::Lease* lease) {
            return lease->job == job.id;
        });
        const auto round =
            ours ? node.round(job.id, job.round) : tl::unexpected(client::ClientError());
        for (const market::Lease* lease : ended) {
            if (round && lease->job == job.id && owes_merge(job, *round, *lease))
                out.insert(lease->id);
        }
    }
    return out;
}

void follow(const WorkerSettings& settings, agent::Service& service,
            const runtime::ProducerFactory& producer, games::Conduct& conduct,
            std::uint64_t memory) {
    const agent::Identity& identity = service.identity();
    const PartStore parts(settings.data_folder / "parts");
    const agent::BlobKeeper keeper(settings.data_folder / "owed");
    agent::Uploads uploads(settings.node_url);
    Answers answers(settings, identity, keeper, uploads);
    Duties duties(service.party(), parts, keeper, uploads);
    Runners runners(settings, identity, parts, keeper, producer);
    const replay::KeptBlobs kept = [&keeper](const base::JobId&, const base::BlobRoot& blob) {
        return keeper.find(blob);
    };
    games::Desk desk(
        {settings.node_url, settings.data_folder / "disputes", settings.executor, kept, memory / 4},
        identity, conduct);
    service.follow(
        [&] {
            const auto leases = service.node().leases_of(identity.account());
            if (leases) {
                runners.reconcile(leases_to_work(service.node(), *leases));
                accept_lanes(service.party(), *leases);
            }
            duties.look();
        },
        [&] {
            runners.wake();
            answers.wake();
            desk.wake();
        });
    runners.end();
}

}  // namespace

agent::ExitCode run_worker(const WorkerSettings& settings, client::KeySet keys,
                           const runtime::ProducerFactory& producer, games::Conduct& conduct) {
    auto started = agent::Service::start(settings.node_url, settings.data_folder, std::move(keys));
    if (!started) return agent::not_started(started.error());
    agent::Service& service = **started;
    const auto speed =
        agent::speed_of_machine(settings.gflops, settings.data_folder, settings.executor);
    if (!speed) return agent::not_started(speed.error());
    const std::uint64_t memory =
        settings.memory_bytes != 0 ? settings.memory_bytes : usable_memory();
    if (auto registered = ensure_registered(service.party(), settings, *speed, memory); !registered)
        return agent::not_started(registered.error());
    agent::log(agent::LogLevel::info, "worker.ready", "waits for leases and works them",
               {{"account", service.identity().account().hex()}});
    follow(settings, service, producer, conduct, memory);
    if (settings.leave_on_exit) {
        leave_everything(settings, service.identity(), agent::kDutyNonceLane);
    } else if (settings.withdraw_on_exit) {
        client::Client last(settings.node_url, {});
        agent::Party parting(service.identity(), last, agent::kDutyNonceLane);
        withdraw_offers(parting);
    }
    agent::log(agent::LogLevel::info, "worker.ended", "stopped; everything owed is on disk");
    return agent::is_unfit() ? agent::ExitCode::check_failed : agent::ExitCode::success;
}

}  // namespace assay::worker
