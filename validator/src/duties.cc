#include "duties.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "agent/log.h"

namespace assay::validator {

namespace {

agent::LogFields fields_of(const market::Audit& audit) {
    return {{"audit", agent::shortened(audit.id.hex())},
            {"kind", std::string(market::to_word(audit.kind))},
            {"claim", std::string(market::to_word(audit.claim))},
            {"job", agent::shortened(audit.job.hex())},
            {"round", std::to_string(audit.round)}};
}

base::TimeMs wall_clock() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return base::TimeMs{static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count())};
}

}  // namespace

bool jail_is_over(const market::Stake& stake, const client::ChainInfo& chain, base::TimeMs now) {
    if (stake.jailed_at.value == 0) return false;
    const std::uint64_t passed =
        now.value > chain.block_time.value ? now.value - chain.block_time.value : 0;
    const std::uint64_t next_live =
        chain.live_time.value + std::min(passed, chain.parameters.live_step_ms_max);
    return next_live >= stake.jailed_at.value + chain.parameters.jail_ms;
}

void Duties::come_back() {
    const auto stake = party_.node().stake(party_.identity().account(), market::Role::validator);
    if (!stake || stake->jailed_at.value == 0 || stake->tombstoned) return;
    const auto chain = party_.node().chain();
    if (!chain || !jail_is_over(*stake, *chain, wall_clock())) return;
    // Whoever will not sign is better off in jail than fined again.
    if (!contributions_.trusts_operator()) return;
    const auto sent = party_.send(market::ValidatorReturn{});
    if (sent)
        return agent::log(agent::LogLevel::warning, "validator.returned",
                          "was jailed and has returned: look why this account was absent");
    const bool early = agent::is_refusal(sent.error(), market::Refusal::jail_not_over) ||
                       agent::is_refusal(sent.error(), market::Refusal::not_jailed);
    if (!early)
        agent::log(agent::LogLevel::warning, "validator.trouble",
                   "cannot return from jail: " + sent.error().text());
}

std::vector<market::Audit> Duties::look_at_audits() {
    std::vector<market::Audit> to_replay;
    auto audits = party_.node().audits_of(party_.identity().account());
    if (!audits) {
        agent::log(agent::LogLevel::warning, "node.trouble", audits.error().text());
        return to_replay;
    }
    std::set<base::AuditId> of_use;
    for (market::Audit& audit : *audits) {
        switch (audit.state) {
            case market::AuditState::drawn:
                of_use.insert(audit.id);
                break;
            case market::AuditState::open:
                of_use.insert(audit.id);
                to_replay.push_back(std::move(audit));
                break;
            case market::AuditState::sealed:
            case market::AuditState::revealed: {
                of_use.insert(audit.id);
                if (!audit.revealed.is_zero()) contributions_.watch(audit.revealed);
                const bool invalid =
                    audit.verdict && audit.verdict->kind == market::VerdictKind::invalid;
                const auto sealed = verdicts_.load(audit.id);
                if (sealed && audit.deadline.value != 0) answer(audit, *sealed);
                // The folder was lost: what was sealed is found again by replaying.
                if (!sealed && !invalid && audit.cells.empty())
                    to_replay.push_back(std::move(audit));
                break;
            }
            case market::AuditState::disputed:
                of_use.insert(audit.id);
                break;
            case market::AuditState::missed:
            case market::AuditState::settled:
                break;
        }
    }
    for (const base::AuditId& id : verdicts_.list()) {
        if (!of_use.contains(id)) verdicts_.remove(id);
    }
    return to_replay;
}

/// Its clock runs: of an audit for the reveal and later for the cells, of a control for the cells
/// or for saying that there are none.
void Duties::answer(const market::Audit& audit, const SealedVerdict& sealed) {
    const bool valid = sealed.verdict.kind == market::VerdictKind::valid;
    const bool control = audit.kind == market::AuditKind::control;
    const bool first = audit.state == market::AuditState::sealed;
    if (first && !(control && valid)) return reveal(audit, sealed);
    if (valid) open_cells(audit, sealed);
}

void Duties::reveal(const market::Audit& audit, const SealedVerdict& sealed) {
    market::VerdictReveal message{audit.id, sealed.verdict, sealed.nonce, std::nullopt};
    const bool valid = sealed.verdict.kind == market::VerdictKind::valid;
    if (valid)
        message.proof =
            base::vrf_prove(party_.identity().vrf(), market::spot_alpha(audit.id, sealed.root));
    const auto sent = party_.send(message);
    if (!sent) {
        if (!agent::is_refusal(sent.error(), market::Refusal::audit_state)) {
            agent::log(agent::LogLevel::warning, "reveal.trouble", sent.error().text(),
                       fields_of(audit));
        }
        return;
    }
    agent::log(agent::LogLevel::info, "audit.revealed",
               "revealed: " + std::string(market::to_word(sealed.verdict.kind)), fields_of(audit));
}

void Duties::open_cells(const market::Audit& audit, const SealedVerdict& sealed) {
    const auto sent = party_.send(market::CellsOpen{audit.id, sealed.salt, sealed.cells});
    if (!sent) {
        if (!agent::is_refusal(sent.error(), market::Refusal::audit_state)) {
            agent::log(agent::LogLevel::warning, "cells.trouble", sent.error().text(),
                       fields_of(audit));
        }
        return;
    }
    agent::log(agent::LogLevel::info, "audit.cells_opened", "opened the cells behind a verdict",
               fields_of(audit));
}

}  // namespace assay::validator
