#include "registration.h"

#include "agent/log.h"
#include "runtime/self_check.h"

namespace assay::validator {

namespace {

constexpr std::string_view kProfile = "f32";

RegistrationError problem(const client::ClientError& error, const std::string& what) {
    return {error.status == 0 ? agent::ExitCode::unreachable : agent::ExitCode::refused, what + ": " + error.text()};
}

tl::expected<void, RegistrationError> ensure_stake(agent::Party& party, const ValidatorSettings& settings) {
    const base::AccountId& id = party.identity().account();
    const auto stake = party.node().stake(id, market::Role::validator);
    if (!stake && !stake.error().not_found()) return tl::unexpected(problem(stake.error(), "stake"));
    const base::Amount active = stake ? stake->active : base::Amount{};
    if (!settings.stake && !active.is_zero()) return {};
    const auto account = party.node().account(id);
    if (!account) return tl::unexpected(problem(account.error(), "account"));
    const base::Amount wanted = settings.stake.value_or(base::Amount::of(account->balance.grains() / 2));
    if (active >= wanted) return {};
    const auto sent = party.send(market::StakeBond{market::Role::validator, wanted - active});
    if (!sent) return tl::unexpected(problem(sent.error(), "stake_bond"));
    agent::log(agent::LogLevel::info, "stake.bonded", "bonded stake", {{"grains", (wanted - active).decimal()}});
    return {};
}

tl::expected<void, RegistrationError> ensure_declared(agent::Party& party, const ValidatorSettings& settings) {
    const auto declared = party.node().validator(party.identity().account());
    if (!declared && !declared.error().not_found()) return tl::unexpected(problem(declared.error(), "validator"));
    if (declared && declared->profile == kProfile && declared->capacity == settings.capacity && !settings.gflops) return {};
    const auto measured = settings.gflops ? std::optional(*settings.gflops * 1e9)
                                          : runtime::measure_flops(settings.data_folder, settings.executor, 1.0);
    if (!measured) return tl::unexpected(RegistrationError{agent::ExitCode::data, "the speed of this machine could not be measured in the data folder"});
    market::ValidatorDeclare message;
    message.profile = kProfile;
    message.flops_per_second = static_cast<std::uint64_t>(*measured);
    message.capacity = settings.capacity;
    if (declared && declared->capacity == message.capacity && declared->flops_per_second == message.flops_per_second) return {};
    const auto sent = party.send(message);
    if (!sent) return tl::unexpected(problem(sent.error(), "validator_declare"));
    agent::log(agent::LogLevel::info, "validator.declared", "declared",
               {{"capacity", std::to_string(message.capacity)}, {"gflops", std::to_string(message.flops_per_second / 1'000'000'000)}});
    return {};
}

}  // namespace

tl::expected<void, RegistrationError> ensure_registered(agent::Party& party, const ValidatorSettings& settings) {
    if (const auto keys = agent::ensure_keys(party); !keys) return tl::unexpected(problem(keys.error(), "keys_set"));
    if (auto stake = ensure_stake(party, settings); !stake) return stake;
    return ensure_declared(party, settings);
}

}  // namespace assay::validator
