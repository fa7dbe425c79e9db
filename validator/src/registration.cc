#include "registration.h"

#include "agent/log.h"

namespace assay::validator {

namespace {

constexpr std::string_view kProfile = "f32";

tl::expected<void, agent::StartError> ensure_declared(agent::Party& party,
                                                      const ValidatorSettings& settings) {
    const auto declared = party.node().validator(party.identity().account());
    if (!declared && !declared.error().not_found())
        return tl::unexpected(agent::start_error(declared.error(), "validator"));
    const bool fits = declared && declared->profile == kProfile &&
                      declared->weight_max == settings.weight_max && !declared->away;
    if (fits && !settings.gflops) return {};
    market::ValidatorDeclare message;
    message.profile = kProfile;
    message.weight_max = settings.weight_max;
    if (declared && !settings.gflops) {
        message.flops_per_second = declared->flops_per_second;
    } else {
        const auto speed =
            agent::speed_of_machine(settings.gflops, settings.data_folder, settings.executor);
        if (!speed) return tl::unexpected(speed.error());
        message.flops_per_second = *speed;
    }
    if (fits && declared->flops_per_second == message.flops_per_second) return {};
    const auto sent = party.send(message);
    if (!sent) return tl::unexpected(agent::start_error(sent.error(), "validator_declare"));
    agent::log(agent::LogLevel::info, "validator.declared", "declared",
               {{"gflops", std::to_string(message.flops_per_second / 1'000'000'000)},
                {"weight_max", message.weight_max.decimal()}});
    return {};
}

}  // namespace

tl::expected<void, agent::StartError> ensure_registered(agent::Party& party,
                                                        const ValidatorSettings& settings) {
    if (const auto keys = agent::ensure_keys(party); !keys)
        return tl::unexpected(agent::start_error(keys.error(), "keys_set"));
    if (auto stake = agent::ensure_stake(party, market::Role::validator, settings.stake); !stake)
        return stake;
    return ensure_declared(party, settings);
}

void declare_away(const std::string& node_url, const agent::Identity& identity) {
    // The end is asked for already: a connection that does not look at that, and does not wait for
    // long.
    client::ClientOptions options;
    options.retry_for = std::chrono::milliseconds{3000};
    client::Client node(node_url, options);
    agent::Party party(identity, node, agent::kDutyNonceLane);
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
