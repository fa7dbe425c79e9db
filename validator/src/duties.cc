#include "duties.h"

#include <algorithm>
#include <set>

#include "agent/log.h"
#include "market/tables.h"

namespace assay::validator {

namespace {

/// Epochs looked at in one go after a long absence; older ones are over.
constexpr std::uint64_t kEpochsBack = 64;

}  // namespace

void Duties::contribute() {
    const auto bytes = party_.node().state_value(market::chain_key());
    const auto chain = bytes ? market::decode<market::Chain>(*bytes) : std::nullopt;
    if (!chain) {
        if (!bytes) agent::log(agent::LogLevel::warning, "node.trouble", bytes.error().text());
        return;
    }
    if (chain->epoch_next > kEpochsBack) epoch_from_ = std::max(epoch_from_, chain->epoch_next - kEpochsBack);
    bool all_over = true;
    for (std::uint64_t number = epoch_from_; number < chain->epoch_next; ++number) {
        const auto epoch = party_.node().epoch(number);
        if (!epoch && !epoch.error().not_found()) return;
        const bool over = !epoch || epoch->state == market::EpochState::drawing || epoch->state == market::EpochState::done;
        all_over = all_over && over;
        if (all_over) epoch_from_ = number + 1;
        if (epoch && epoch->state == market::EpochState::contributing) contribute_to(*epoch);
    }
}

void Duties::contribute_to(const market::Epoch& epoch) {
    const agent::Identity& identity = party_.identity();
    const auto member = std::find_if(epoch.members.begin(), epoch.members.end(),
                                     [&](const market::EpochMember& m) { return m.validator == identity.account(); });
    if (member == epoch.members.end() || member->y) return;
    const base::Bytes alpha = market::contribution_alpha(identity.chain_id(), epoch.number, epoch.commitments_root);
    const auto sent = party_.send(market::EpochContribute{epoch.number, base::vrf_prove(identity.vrf(), alpha)});
    if (!sent) {
        const bool late = agent::is_refusal(sent.error(), market::Refusal::already_contributed) ||
                          agent::is_refusal(sent.error(), market::Refusal::epoch_closed);
        if (!late) agent::log(agent::LogLevel::warning, "epoch.trouble", sent.error().text(), {{"epoch", std::to_string(epoch.number)}});
        return;
    }
    agent::log(agent::LogLevel::info, "epoch.contributed", "contributed to the draw", {{"epoch", std::to_string(epoch.number)}});
}

std::vector<market::Audit> Duties::look_at_audits() {
    std::vector<market::Audit> open;
    auto audits = party_.node().audits_of(party_.identity().account());
    if (!audits) {
        agent::log(agent::LogLevel::warning, "node.trouble", audits.error().text());
        return open;
    }
    std::set<base::AuditId> of_use;
    for (market::Audit& audit : *audits) {
        switch (audit.state) {
            case market::AuditState::drawn: of_use.insert(audit.id); break;
            case market::AuditState::open:
                of_use.insert(audit.id);
                open.push_back(std::move(audit));
                break;
            case market::AuditState::sealed:
                of_use.insert(audit.id);
                if (audit.deadline.value != 0) reveal(audit);  // asked for: everybody has sealed
                break;
            case market::AuditState::revealed:
            case market::AuditState::missed:
            case market::AuditState::withdrawn:
            case market::AuditState::settled: break;
        }
    }
    for (const base::AuditId& id : verdicts_.list()) {
        if (!of_use.contains(id)) verdicts_.remove(id);
    }
    return open;
}

void Duties::reveal(const market::Audit& audit) {
    const agent::LogFields fields = {{"audit", agent::shortened(audit.id.hex())}, {"job", agent::shortened(audit.job.hex())},
                                     {"round", std::to_string(audit.round)}};
    const auto sealed = verdicts_.load(audit.id);
    if (!sealed) {
        agent::log(agent::LogLevel::error, "verdict.lost", "sealed a verdict that is not in the data folder", fields);
        return;
    }
    const auto sent = party_.send(market::VerdictReveal{audit.id, sealed->verdict, sealed->nonce});
    if (!sent) {
        if (!agent::is_refusal(sent.error(), market::Refusal::audit_state)) {
            agent::log(agent::LogLevel::warning, "reveal.trouble", sent.error().text(), fields);
        }
        return;
    }
    agent::log(agent::LogLevel::info, "audit.revealed", "revealed: " + std::string(market::to_word(sealed->verdict.kind)), fields);
}

}  // namespace assay::validator
