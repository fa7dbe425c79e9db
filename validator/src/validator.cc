#include "validator/validator.h"

#include "agent/durable_file.h"
#include "agent/events.h"
#include "agent/log.h"
#include "agent/stop.h"
#include "auditor.h"
#include "dispute/environment.h"
#include "duties.h"
#include "games/desk.h"
#include "registration.h"

namespace assay::validator {

namespace {

using namespace std::chrono_literals;

constexpr auto kEventWait = 2000ms;
constexpr std::uint32_t kDutyNonceLane = 0;

void follow(const ValidatorSettings& settings, const agent::Identity& identity,
            const client::ChainInfo& chain, client::Client& node, agent::Party& party,
            Recomputer& recomputer, games::Conduct& conduct) {
    const VerdictStore verdicts(settings.data_folder / "verdicts");
    agent::EventFollower follower(node, settings.data_folder / "cursor");
    Contributions contributions(party, settings.data_folder, {chain.chain_id, chain.operator_key});
    Duties duties(party, verdicts, contributions);
    Auditor auditor(settings, identity, verdicts, recomputer);
    Asker asker(settings, identity);
    // Of what a verdict was made from the dataset stays here.
    const replay::KeptBlobs kept = [&settings](const base::JobId& job, const base::BlobRoot&) {
        return std::optional(settings.data_folder / "jobs" / job.hex() / "dataset");
    };
    games::Desk desk(
        {settings.node_url, settings.data_folder / "disputes", settings.executor, kept}, identity,
        conduct);
    while (!agent::stop_requested()) {
        duties.come_back();
        contributions.contribute();
        for (const market::Audit& audit : duties.look_at_audits()) auditor.offer(audit);
        const auto events = follower.next(kEventWait);
        if (!events) {
            if (agent::stop_requested()) break;
            agent::log(agent::LogLevel::warning, "node.trouble", events.error().text());
            agent::wait_for_stop(1000ms);
            continue;
        }
        agent::log_events_about(*events, identity.account());
        if (events->empty()) continue;
        desk.wake();
        asker.wake();
    }
}

}  // namespace

agent::ExitCode run_validator(ValidatorSettings settings, client::KeySet keys,
                              Recomputer& recomputer, games::Conduct& conduct) {
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
    if (auto registered = ensure_registered(party, settings); !registered) {
        if (agent::stop_requested()) return agent::ExitCode::success;
        agent::log(agent::LogLevel::error, "registration.trouble", registered.error().text);
        return registered.error().code;
    }
    agent::log(agent::LogLevel::info, "validator.ready", "waits for epochs and audits",
               {{"account", identity.account().hex()}});
    follow(settings, identity, *chain, node, party, recomputer, conduct);
    if (settings.away_on_exit) declare_away(settings.node_url, identity);
    agent::log(agent::LogLevel::info, "validator.ended",
               "stopped; every sealed verdict is on disk");
    return agent::is_unfit() ? agent::ExitCode::check_failed : agent::ExitCode::success;
}

}  // namespace assay::validator
