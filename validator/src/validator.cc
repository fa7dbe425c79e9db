#include "validator/validator.h"

#include "agent/log.h"
#include "agent/service.h"
#include "agent/stop.h"
#include "auditor.h"
#include "duties.h"
#include "games/desk.h"
#include "registration.h"

namespace assay::validator {

namespace {

void follow(const ValidatorSettings& settings, agent::Service& service, Recomputer& recomputer,
            games::Conduct& conduct) {
    const agent::Identity& identity = service.identity();
    const VerdictStore verdicts(settings.data_folder / "verdicts");
    Contributions contributions(service.party(), settings.data_folder,
                                {service.chain().chain_id, service.chain().operator_key});
    Duties duties(service.party(), verdicts, contributions);
    Auditor auditor(settings, identity, verdicts, recomputer);
    Asker asker(settings, identity);
    // Of what a verdict was made from the dataset stays here.
    const replay::KeptBlobs kept = [&settings](const base::JobId& job, const base::BlobRoot&) {
        return std::optional(settings.data_folder / "jobs" / job.hex() / "dataset");
    };
    games::Desk desk(
        {settings.node_url, settings.data_folder / "disputes", settings.executor, kept}, identity,
        conduct);
    service.follow(
        [&] {
            duties.come_back();
            contributions.contribute();
            for (const market::Audit& audit : duties.look_at_audits()) auditor.offer(audit);
        },
        [&] {
            desk.wake();
            asker.wake();
        });
}

}  // namespace

agent::ExitCode run_validator(ValidatorSettings settings, client::KeySet keys,
                              Recomputer& recomputer, games::Conduct& conduct) {
    auto started = agent::Service::start(settings.node_url, settings.data_folder, std::move(keys));
    if (!started) return agent::not_started(started.error());
    agent::Service& service = **started;
    if (auto registered = ensure_registered(service.party(), settings); !registered)
        return agent::not_started(registered.error());
    agent::log(agent::LogLevel::info, "validator.ready", "waits for epochs and audits",
               {{"account", service.identity().account().hex()}});
    follow(settings, service, recomputer, conduct);
    if (settings.away_on_exit) declare_away(settings.node_url, service.identity());
    agent::log(agent::LogLevel::info, "validator.ended",
               "stopped; every sealed verdict is on disk");
    return agent::is_unfit() ? agent::ExitCode::check_failed : agent::ExitCode::success;
}

}  // namespace assay::validator
