#include "worker/worker.h"

#include <algorithm>
#include <set>

#include "agent/durable_file.h"
#include "agent/events.h"
#include "agent/log.h"
#include "agent/stop.h"
#include "agent/uploads.h"
#include "answers.h"
#include "dispute/environment.h"
#include "duties.h"
#include "games/desk.h"
#include "lane_runner.h"
#include "leaving.h"
#include "matching.h"
#include "registration.h"
#include "runtime/self_check.h"
#include "worker/machine_check.h"

namespace assay::worker {

namespace {

using namespace std::chrono_literals;

constexpr auto kEventWait = 2000ms;
constexpr std::uint32_t kDutyNonceLane = 0;

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
        std::uint32_t nonce_lane = kDutyNonceLane + 1;
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

void follow(const WorkerSettings& settings, const agent::Identity& identity, client::Client& node,
            agent::Party& party, const runtime::ProducerFactory& producer,
            games::Conduct& conduct) {
    const PartStore parts(settings.data_folder / "parts");
    agent::EventFollower follower(node, settings.data_folder / "cursor");
    const agent::BlobKeeper keeper(settings.data_folder / "owed");
    agent::Uploads uploads(settings.node_url);
    Answers answers(settings, identity, keeper, uploads);
    Duties duties(party, parts, keeper, uploads);
    Runners runners(settings, identity, parts, keeper, producer);
    const replay::KeptBlobs kept = [&keeper](const base::JobId&, const base::BlobRoot& blob) {
        return keeper.find(blob);
    };
    const std::uint64_t memory =
        settings.memory_bytes != 0 ? settings.memory_bytes : usable_memory();
    games::Desk desk(
        {settings.node_url, settings.data_folder / "disputes", settings.executor, kept, memory / 4},
        identity, conduct);
    while (!agent::stop_requested()) {
        const auto leases = node.leases_of(identity.account());
        if (leases) {
            runners.reconcile(leases_to_work(node, *leases));
            accept_lanes(party, *leases);
        }
        duties.look();
        const auto events = follower.next(kEventWait);
        if (!events) {
            agent::log(agent::LogLevel::warning, "node.trouble", events.error().text());
            agent::wait_for_stop(1000ms);
            continue;
        }
        agent::log_events_about(*events, identity.account());
        if (events->empty()) continue;
        runners.wake();
        answers.wake();
        desk.wake();
    }
    runners.end();
}

}  // namespace

agent::ExitCode run_worker(const WorkerSettings& settings, client::KeySet keys,
                           const runtime::ProducerFactory& producer, games::Conduct& conduct) {
    if (const auto wrong = dispute::check_environment()) {
        agent::log(agent::LogLevel::error, "build.wrong", *wrong);
        return agent::ExitCode::check_failed;
    }
    auto lock = agent::FolderLock::acquire(settings.data_folder);
    if (!lock) {
        agent::log(agent::LogLevel::error, "folder.trouble", lock.error());
        return agent::ExitCode::data;
    }
    client::Client node(settings.node_url, agent::patient_options());
    const auto chain = node.chain();
    if (!chain) {
        if (agent::stop_requested()) return agent::ExitCode::success;
        agent::log(agent::LogLevel::error, "node.unreachable",
                   settings.node_url + ": " + chain.error().text());
        return agent::ExitCode::unreachable;
    }
    const agent::Identity identity(std::move(keys), chain->chain_id);
    agent::Party party(identity, node, kDutyNonceLane);

    const auto measured =
        settings.gflops ? std::optional(*settings.gflops * 1e9)
                        : runtime::measure_flops(settings.data_folder, settings.executor, 1.0);
    if (!measured) {
        agent::log(agent::LogLevel::error, "speed.trouble",
                   "the speed of this machine could not be measured in the data folder");
        return agent::ExitCode::data;
    }
    const std::uint64_t memory =
        settings.memory_bytes != 0 ? settings.memory_bytes : usable_memory();
    if (auto registered =
            ensure_registered(party, settings, static_cast<std::uint64_t>(*measured), memory);
        !registered) {
        if (agent::stop_requested()) return agent::ExitCode::success;
        agent::log(agent::LogLevel::error, "registration.trouble", registered.error().text);
        return registered.error().code;
    }
    agent::log(agent::LogLevel::info, "worker.ready", "waits for leases and works them",
               {{"account", identity.account().hex()}});
    follow(settings, identity, node, party, producer, conduct);
    if (settings.leave_on_exit) {
        leave_everything(settings, identity, kDutyNonceLane);
    } else if (settings.withdraw_on_exit) {
        client::Client last(settings.node_url, {});
        agent::Party parting(identity, last, kDutyNonceLane);
        withdraw_offers(parting);
    }
    agent::log(agent::LogLevel::info, "worker.ended", "stopped; everything owed is on disk");
    return agent::is_unfit() ? agent::ExitCode::check_failed : agent::ExitCode::success;
}

}  // namespace assay::worker
