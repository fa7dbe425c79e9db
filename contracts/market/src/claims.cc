// What all auditors of one claim wait for together: seals before reveals, cells of a control before
// those of the audit, and the end.

#include <algorithm>

#include "base/check.h"
#include "disputes.h"
#include "settlement.h"

namespace assay::market {

namespace {

using Audits = std::vector<std::reference_wrapper<Audit>>;

bool works(const Audit& audit) {
    return audit.state == AuditState::drawn || audit.state == AuditState::open;
}

/// Somebody owes the next move within grace.
void ask(Context& context, Audit& audit, EventKind kind) {
    if (audit.deadline.value != 0) return;
    audit.deadline = context.in(context.parameters.grace_ms);
    set_timer(context, {audit.deadline, TimerKind::audit, audit.id.hash, 0});
    emit(context, kind,
         {{"audit", audit.id.hex()},
          {"validator", audit.auditor.hex()},
          {"job", audit.job.hex()},
          {"deadline", std::to_string(audit.deadline.value)}});
}

/// The auditors of a claim reveal together, when nobody works any more.
void ask_reveals(Context& context, const Audits& audits) {
    const bool busy = std::any_of(audits.begin(), audits.end(), [](const Audit& a) {
        return a.kind == AuditKind::audit && works(a);
    });
    if (busy) return;
    for (Audit& audit : audits) {
        if (audit.kind == AuditKind::audit && audit.state == AuditState::sealed)
            ask(context, audit, EventKind::audit_reveal_due);
    }
}

/// All controls of one audit seal before it opens its cells, and it opens them before they do:
/// nobody can copy.
void ask_cells(Context& context, const Audits& audits, Audit& audit) {
    bool busy = false, sealed = false;
    std::uint32_t open = 0;
    for (const Audit& control : audits) {
        if (control.controls != audit.id || control.state == AuditState::missed ||
            control.state == AuditState::settled)
            continue;
        ++open;
        busy = busy || works(control);
        sealed = sealed || control.state == AuditState::sealed;
    }
    // Another one may be drawn yet: nothing may be public before it has sealed.
    if (busy || !sealed || audit.controls_open > open) return;
    if (audit.cells.empty()) {
        ask(context, audit, EventKind::audit_cells_due);
        return;
    }
    for (Audit& control : audits) {
        if (control.controls == audit.id && control.state == AuditState::sealed)
            ask(context, control, EventKind::audit_cells_due);
    }
}

/// Nobody looks at a `valid` any more: it is paid.
void settle_valids(Context& context, Job& job, Claim& claim, const Audits& audits) {
    for (Audit& audit : audits) {
        if (audit.kind != AuditKind::audit || audit.state != AuditState::revealed ||
            audit.controls_open > 0)
            continue;
        if (audit.verdict->kind == VerdictKind::valid)
            settle_audit(context, job, claim, audit, AuditPay::full);
    }
}

void claim_over(Context& context, Job& job, Claim& claim) {
    claim.over = true;
    burn(context, claim.fund, "missed", claim.subject.hash);
    claim.fund = {};
    ASSAY_CHECK(job.open_claims > 0);
    --job.open_claims;
    emit(context, EventKind::claim_judged,
         {{"job", job.id.hex()},
          {"claim", std::string(to_word(claim.kind))},
          {"subject", claim.subject.hex()},
          {"segment", std::to_string(claim.segment)},
          {"valid", std::to_string(claim.valid)},
          {"redraws", std::to_string(claim.redraws)}});
    switch (claim.kind) {
        case ClaimKind::segment: {
            auto* part = live_part(context, claim.subject);
            ASSAY_CHECK(part && part->open_claims > 0);
            --part->open_claims;
            advance_later(context, part->id, kAdvancePart);
            break;
        }
        case ClaimKind::merge:
            merge_judged(context, job, claim);
            break;
        case ClaimKind::init:
            break;
    }
}

void advance_claim(Context& context, const base::PartId& subject, std::uint32_t segment) {
    auto* claim = live_claim(context, subject, segment);
    if (!claim || claim->over) return;
    Job& job = need_job(context, claim->job);
    const Audits audits =
        live(context, audits_of_claim(context.state, subject, segment, kTouchedMax));
    ask_reveals(context, audits);
    for (Audit& audit : audits) {
        if (audit.kind == AuditKind::audit && audit.state == AuditState::revealed &&
            audit.verdict->kind == VerdictKind::valid)
            ask_cells(context, audits, audit);
    }
    // A `valid` of an initial state stays, as its defence, while another one says that it is wrong.
    if (claim->kind == ClaimKind::init)
        advance_init(context, job, *claim);
    else
        settle_valids(context, job, *claim, audits);
    if (is_terminal(job.state)) return;
    if (claim->open == 0 && claim->draws == 0 && claim->missed > 0 && !claim->over)
        redraw_claim(context, job, *claim);
    if (claim->judged() && !claim->over) {
        claim_over(context, job, *claim);
        // Nothing was drawn: nothing will ask for it again, and nothing would remove it with the
        // job.
        if (audits.empty()) erase(context.state, *claim);
    }
    if (job.state == JobState::settling)
        set_timer(context, {context.live, TimerKind::settle, job.id.hash, kSettleJob});
}

}  // namespace

void open_claim(Context& context, Job& job, Claim claim) {
    claim.draws = 1;
    ++job.open_claims;
    save(context.state, claim);
}

void on_advance(Context& context, const Timer& timer) {
    const base::PartId subject{timer.subject};
    if (timer.number == kAdvancePart)
        advance_part(context, subject);
    else
        advance_claim(context, subject, static_cast<std::uint32_t>(timer.number));
}

}  // namespace assay::market
