#include "registration.h"

#include "agent/log.h"
#include "runtime/self_check.h"

namespace assay::validator {

namespace {

constexpr std::string_view kProfile = "f32";
constexpr std::uint32_t kExitNonceLane = 0;

RegistrationError problem(const client::ClientError& error, const std::string& what) {
    return {error.status == 0 ? agent::ExitCode::unreachable : agent::ExitCode::refused,
            what + ": " + error.text()};
}

tl::expected<void, RegistrationError> ensure_stake(agent::Party& party,
                                                   const ValidatorSettings& settings) {
    const base::AccountId& id = party.identity().account();
    const auto stake = party.node().stake(id, market::Role::validator);
    if (!stake && !stake.error().not_found())
        return tl::unexpected(problem(stake.error(), "stake"));
    const base::Amount active = stake ? stake->active : base::Amount{};
    if (!settings.stake && !active.is_zero()) return {};
    const auto account = party.node().account(id);
    if (!account) return tl::unexpected(problem(account.error(), "account"));
    const base::Amount wanted =
        settings.stake.value_or(base::Amount::of(account->balance.grains() / 2));
    if (active >= wanted) return {};
    const auto sent = party.send(market::StakeBond{market::Role::validator, wanted - active});
    if (!sent) return tl::unexpected(problem(sent.error(), "stake_bond"));
    agent::log(agent::LogLevel::info, "stake.bonded", "bonded stake",
               {{"grains", (wanted - active).decimal()}});
    return {};
}

tl::expected<void, RegistrationError> ensure_declared(agent::Party& party,
                                                      const ValidatorSettings& settings) {
    const auto declared = party.node().validator(party.identity().account());
    if (!declared && !declared.error().not_found())
        return tl::unexpected(problem(declared.error(), "validator"));
    const bool fits = declared && declared->profile == kProfile &&
                      declared->weight_max == settings.weight_max && !declared->away;
    if (fits && !settings.gflops) return {};
    market::ValidatorDeclare message;
    message.profile = kProfile;
    message.weight_max = settings.weight_max;
    if (declared && !settings.gflops) {
        message.flops_per_second = declared->flops_per_second;
    } else {
        const auto measured =
            settings.gflops ? std::optional(*settings.gflops * 1e9)
                            : runtime::measure_flops(settings.data_folder, settings.executor, 1.0);
        if (!measured) {
            return tl::unexpected(RegistrationError{
                agent::ExitCode::data,
                "the speed of this machine could not be measured in the data folder"});
        }
        message.flops_per_second = static_cast<std::uint64_t>(*measured);
    }
    if (fits && declared->flops_per_second == message.flops_per_second) return {};
    const auto sent = party.send(message);
    if (!sent) return tl::unexpected(problem(sent.error(), "validator_declare"));
    agent::log(agent::LogLevel::info, "validator.declared", "declared",
               {{"gflops", std::to_string(message.flops_per_second / 1'000'000'000)},
                {"weight_max", message.weight_max.decimal()}});
    return {};
}

}  // namespace

tl::expected<void, RegistrationError> ensure_registered(agent::Party& party,
                                                        const ValidatorSettings& settings) {
    if (const auto keys = agent::ensure_keys(party); !keys)
        return tl::unexpected(problem(keys.error(), "keys_set"));
    if (auto stake = ensure_stake(party, settings); !stake) return stake;
    return ensure_declared(party, settings);
}

void declare_away(const std::string& node_url, const agent::Identity& identity) {
    // The end is asked for already: a connection that does not look at that, and does not wait for
    // long.
    client::ClientOptions options;
    options.retry_for = std::chrono::milliseconds{3000};
    client::Client node(node_url, options);
    agent::Party party(identity, node, kExitNonceLane);
    const auto declared = node.validator(identity.account());
    if (!declared) return;
    if (declared->open_audits > 0) {
        agent::log(agent::LogLevel::warning, "validator.owes",
                   "ends while it owes audits: start it again before their deadlines, or pay for "
                   "missing them",
                   {{"audits", std::to_string(declared->open_audits)}});
    }
    if (declared->away) return;
    const auto sent = party.send(market::ValidatorDeclare{
        declared->profile, declared->flops_per_second, declared->weight_max, true});
    if (sent)
        return agent::log(agent::LogLevel::info, "validator.away",
                          "declared to be away: nothing new is drawn for this account");
    agent::log(agent::LogLevel::warning, "validator.trouble",
               "cannot declare to be away: " + sent.error().text());
}

}  // namespace assay::validator
