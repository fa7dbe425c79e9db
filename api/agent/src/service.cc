#include "agent/service.h"

#include <utility>

#include "agent/events.h"
#include "agent/log.h"
#include "agent/stop.h"
#include "dispute/environment.h"
#include "runtime/self_check.h"

namespace assay::agent {

namespace {

using namespace std::chrono_literals;

constexpr auto kEventWait = 2000ms;
constexpr auto kTroubleWait = 1000ms;

}  // namespace

StartError start_error(const client::ClientError& error, const std::string& what) {
    return {error.status == 0 ? ExitCode::unreachable : ExitCode::refused, "registration.trouble",
            what + ": " + error.text()};
}

tl::expected<std::unique_ptr<Service>, StartError> Service::start(
    const std::string& node_url, const std::filesystem::path& folder, client::KeySet keys) {
    if (const auto wrong = dispute::check_environment())
        return tl::unexpected(StartError{ExitCode::check_failed, "build.wrong", *wrong});
    auto lock = FolderLock::acquire(folder);
    if (!lock) return tl::unexpected(StartError{ExitCode::data, "folder.trouble", lock.error()});
    client::Client node(node_url, patient_options());
    auto chain = node.chain();
    if (!chain)
        return tl::unexpected(StartError{ExitCode::unreachable, "node.unreachable",
                                         node_url + ": " + chain.error().text()});
    return std::unique_ptr<Service>(
        new Service(folder, std::move(*lock), std::move(node), std::move(*chain), std::move(keys)));
}

Service::Service(const std::filesystem::path& folder, FolderLock lock, client::Client node,
                 client::ChainInfo chain, client::KeySet keys)
    : folder_(folder),
      lock_(std::move(lock)),
      node_(std::move(node)),
      chain_(std::move(chain)),
      identity_(std::move(keys), chain_.chain_id),
      party_(identity_, node_, kDutyNonceLane) {}

void Service::follow(const std::function<void()>& look, const std::function<void()>& woken) {
    EventFollower follower(node_, folder_ / "cursor");
    while (!stop_requested()) {
        look();
        const auto events = follower.next(kEventWait);
        if (!events) {
            if (stop_requested()) return;
            log(LogLevel::warning, "node.trouble", events.error().text());
            wait_for_stop(kTroubleWait);
            continue;
        }
        log_events_about(*events, identity_.account());
        if (!events->empty()) woken();
    }
}

tl::expected<void, StartError> ensure_stake(Party& party, market::Role role,
                                            const std::optional<base::Amount>& wanted) {
    const base::AccountId& id = party.identity().account();
    const auto stake = party.node().stake(id, role);
    if (!stake && !stake.error().not_found())
        return tl::unexpected(start_error(stake.error(), "stake"));
    const base::Amount active = stake ? stake->active : base::Amount{};
    if (!wanted && !active.is_zero()) return {};
    const auto account = party.node().account(id);
    if (!account) return tl::unexpected(start_error(account.error(), "account"));
    const base::Amount enough = wanted.value_or(base::Amount::of(account->balance.grains() / 2));
    if (active >= enough) return {};
    const auto sent = party.send(market::StakeBond{role, enough - active});
    if (!sent) return tl::unexpected(start_error(sent.error(), "stake_bond"));
    log(LogLevel::info, "stake.bonded", "bonded stake", {{"grains", (enough - active).decimal()}});
    return {};
}

tl::expected<std::uint64_t, StartError> speed_of_machine(std::optional<double> gflops,
                                                         const std::filesystem::path& folder,
                                                         const runtime::ExecutorOptions& executor) {
    const auto measured =
        gflops ? std::optional(*gflops * 1e9) : runtime::measure_flops(folder, executor, 1.0);
    if (!measured)
        return tl::unexpected(
            StartError{ExitCode::data, "speed.trouble",
                       "the speed of this machine could not be measured in the data folder"});
    return static_cast<std::uint64_t>(*measured);
}

ExitCode not_started(const StartError& error) {
    // Told to stop while it waited for the node: that is no failure.
    if (stop_requested()) return ExitCode::success;
    log(LogLevel::error, error.event, error.text);
    return error.code;
}

}  // namespace assay::agent
