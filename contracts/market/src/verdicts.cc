#include <algorithm>

#include "base/check.h"
#include "disputes.h"
#include "settlement.h"

namespace assay::market {

namespace {

bool has_state(const std::vector<Audit>& audits, AuditState state) {
    return std::any_of(audits.begin(), audits.end(), [&](const Audit& audit) { return audit.state == state; });
}

/// An audit that changed moves what it belongs to.
void after_change(Context& context, const Audit& audit) {
    switch (audit.kind) {
        case AuditKind::segment: advance_part(context, audit.part); break;
        case AuditKind::merge: advance_merge(context, audit.id); break;
        case AuditKind::vote_segment:
        case AuditKind::vote_merge:
            if (const auto vote = vote_of_juror(context, audit)) advance_vote(context, vote->id);
            break;
    }
}

/// What a verdict must look like, whatever it says.
bool well_formed(const Audit& audit, const Verdict& verdict) {
    const bool roots_only = audit.kind == AuditKind::merge || audit.kind == AuditKind::vote_merge;
    switch (verdict.kind) {
        case VerdictKind::invalid: return !verdict.end_root.is_zero() && verdict.steps_digest.is_zero();
        case VerdictKind::valid: return verdict.end_root.is_zero() && (roots_only == verdict.steps_digest.is_zero());
        case VerdictKind::plant: return !roots_only && verdict.end_root.is_zero() && !verdict.steps_digest.is_zero();
    }
    return false;
}

/// An `invalid` that names what was committed says nothing.
bool contradicts_itself(const Context& context, const Audit& audit, const Verdict& verdict) {
    if (verdict.kind != VerdictKind::invalid) return false;
    if (audit.kind == AuditKind::merge || audit.kind == AuditKind::vote_merge) {
        const auto merge = find_merge(context.state, audit.job, audit.round);
        return merge && merge->root == verdict.end_root;
    }
    const auto part = find_part(context.state, audit.part);
    if (!part) return false;
    for (const DeliveredSegment& segment : part->delivered) {
        if (segment.segment != audit.segment) continue;
        return segment.leaf.end_field == verdict.end_root || segment.leaf.end_field == plant_field(verdict.end_root);
    }
    return false;
}

}  // namespace

Refusal apply_verdict_seal(Context& context, const VerdictSeal& message) {
    auto audit = find_audit(context.state, message.audit);
    if (!audit) return Refusal::audit_unknown;
    if (audit->auditor != context.sender) return Refusal::audit_not_yours;
    if (audit->state != AuditState::open) return Refusal::audit_state;
    if (context.live > audit->deadline) return Refusal::deadline_passed;
    if (message.seal.is_zero()) return Refusal::wrong_seal;

    clear_timer(context, {audit->deadline, TimerKind::audit, audit->id.hash, 0});
    audit->seal = message.seal;
    audit->state = AuditState::sealed;
    audit->deadline = {};
    save(context.state, *audit);
    emit(context, EventKind::audit_sealed,
         {{"audit", audit->id.hex()}, {"validator", audit->auditor.hex()}, {"job", audit->job.hex()}});
    after_change(context, *audit);
    return Refusal::none;
}

Refusal apply_verdict_reveal(Context& context, const VerdictReveal& message) {
    auto audit = find_audit(context.state, message.audit);
    if (!audit) return Refusal::audit_unknown;
    if (audit->auditor != context.sender) return Refusal::audit_not_yours;
    // A sealed audit without a deadline waits for the seals of others.
    if (audit->state != AuditState::sealed || audit->deadline.value == 0) return Refusal::audit_state;
    if (verdict_seal(audit->id, audit->auditor, message.verdict, message.nonce) != audit->seal) return Refusal::wrong_seal;
    if (!well_formed(*audit, message.verdict) || contradicts_itself(context, *audit, message.verdict)) return Refusal::wrong_verdict;

    clear_timer(context, {audit->deadline, TimerKind::audit, audit->id.hash, 0});
    audit->verdict = message.verdict;
    audit->state = AuditState::revealed;
    audit->deadline = {};
    save(context.state, *audit);
    emit(context, EventKind::audit_revealed,
         {{"audit", audit->id.hex()}, {"validator", audit->auditor.hex()}, {"job", audit->job.hex()}, {"part", audit->part.hex()},
          {"segment", std::to_string(audit->segment)}, {"verdict", std::string(to_word(message.verdict.kind))},
          {"end_root", message.verdict.end_root.hex()}});
    after_change(context, *audit);
    return Refusal::none;
}

Refusal apply_verdict_withdraw(Context& context, const VerdictWithdraw& message) {
    auto audit = find_audit(context.state, message.audit);
    if (!audit) return Refusal::audit_unknown;
    if (audit->auditor != context.sender) return Refusal::audit_not_yours;
    if (audit->kind != AuditKind::segment || audit->state != AuditState::revealed || !audit->verdict) return Refusal::audit_state;
    auto dispute = find_dispute(context.state, dispute_id(audit->id.hash));
    // Without an accusation there is something to take back only while a game about step digests is open.
    if (audit->verdict->kind != VerdictKind::invalid && !dispute) return Refusal::wrong_verdict;
    auto vote = find_vote(context.state, audit->id.hash);
    if (vote) {
        if (vote->state != VoteState::open) return Refusal::judgement_open;
        for (const base::AuditId& id : vote->audits) {
            if (id == audit->id) continue;
            const auto juror = find_audit(context.state, id);
            ASSAY_CHECK(juror.has_value());
            if (juror->state == AuditState::sealed || juror->state == AuditState::revealed) return Refusal::judgement_open;
        }
    }
    if (dispute && (dispute->state != DisputeState::open || dispute->traced)) return Refusal::judgement_open;
    if (!debit(context, context.sender, audit->price)) return Refusal::insufficient_balance;

    const base::Amount fees = dispute ? base::minimum(dispute->asserter_spent, audit->price) : base::Amount{};
    if (!fees.is_zero()) {
        credit(context, audit->worker, fees);
        emit(context, EventKind::paid, {{"account", audit->worker.hex()}, {"amount", fees.decimal()}, {"reason", "dispute_fees"},
                                        {"job", audit->job.hex()}, {"dispute", dispute->id.hex()}});
    }
    credit(context, SystemAccount::insurance, audit->price - fees);
    auto job = find_job(context.state, audit->job);
    ASSAY_CHECK(job.has_value());
    if (vote) drop_vote(context, *job, *vote, AuditPay::none);
    if (dispute) withdraw_dispute(context, *dispute);
    save(context.state, *job);
    end_audit_duty(context, audit->auditor, audit->lock);
    audit->lock = {};
    audit->state = AuditState::withdrawn;
    save(context.state, *audit);
    emit(context, EventKind::audit_withdrawn,
         {{"audit", audit->id.hex()}, {"validator", audit->auditor.hex()}, {"job", audit->job.hex()}});
    auto part = find_part(context.state, audit->part);
    ASSAY_CHECK(part.has_value());
    redraw_segment(context, *job, *part, *audit);
    part->state = PartState::drawn;
    save(context.state, *part);
    advance_part(context, part->id);
    return Refusal::none;
}

void on_audit_due(Context& context, const Timer& timer) {
    auto audit = find_audit(context.state, base::AuditId{timer.subject});
    if (!audit || audit->deadline != timer.due) return;
    if (audit->state != AuditState::open && audit->state != AuditState::sealed) return;
    if (audit->state == AuditState::open && waits_for_chunk(context, audit->job, audit->round)) {
        audit->deadline = context.in(context.parameters.grace_ms);
        set_timer(context, {audit->deadline, TimerKind::audit, audit->id.hash, 0});
        save(context.state, *audit);
        return;
    }
    end_audit_duty(context, audit->auditor, audit->lock);
    punish_miss(context, audit->auditor, audit->price);
    audit->lock = {};
    audit->deadline = {};
    audit->state = AuditState::missed;
    save(context.state, *audit);
    emit(context, EventKind::audit_missed,
         {{"audit", audit->id.hex()}, {"validator", audit->auditor.hex()}, {"job", audit->job.hex()}});
    switch (audit->kind) {
        case AuditKind::segment: {
            const auto job = find_job(context.state, audit->job);
            auto part = find_part(context.state, audit->part);
            ASSAY_CHECK(job && part);
            redraw_segment(context, *job, *part, *audit);
            save(context.state, *part);
            advance_part(context, part->id);
            break;
        }
        case AuditKind::merge: redraw_merge(context, *audit); break;
        case AuditKind::vote_segment:
        case AuditKind::vote_merge: redraw_juror(context, *audit); break;
    }
}

void advance_part(Context& context, const base::PartId& id) {
    auto part = find_part(context.state, id);
    ASSAY_CHECK(part.has_value());
    if (part->state != PartState::drawn && part->state != PartState::judged) return;
    std::vector<Audit> audits = audits_of_part(context, *part);
    if (has_state(audits, AuditState::drawn) || has_state(audits, AuditState::open)) return;
    if (has_state(audits, AuditState::sealed)) {
        for (Audit& audit : audits) ask_reveal(context, audit);
        return;
    }
    const bool referee = by_referee(context, *find_job(context.state, part->key.job));
    bool judged = false;
    for (const Audit& audit : audits) {
        if (audit.state != AuditState::revealed) continue;
        const auto dispute = find_dispute(context.state, dispute_id(audit.id.hash));
        const bool about_steps = dispute && dispute->state == DisputeState::open;
        if (audit.verdict->kind != VerdictKind::invalid && !about_steps) continue;
        judged = true;
        if (part->state != PartState::judged) {
            part->state = PartState::judged;
            part->deadline = {};
            save(context.state, *part);
        }
        if (find_vote(context.state, audit.id.hash) || dispute) continue;
        if (referee) {
            open_audit_dispute(context, audit);
        } else {
            open_vote(context, audit);
        }
        // A vote without enough jurors is decided at once and voids the part; so is a game without moves.
        const auto now = find_part(context.state, id);
        if (!now || now->state != PartState::judged) return;
    }
    if (judged) return;
    part->state = PartState::revealed;
    part->deadline = context.in(context.parameters.grace_ms);
    set_timer(context, {part->deadline, TimerKind::part_close, part->id.hash, 0});
    save(context.state, *part);
    emit(context, EventKind::part_due_close, {{"part", part->id.hex()}, {"job", part->key.job.hex()},
                                              {"worker", part->key.worker.hex()}, {"lease", part->lease.hex()}});
}

}  // namespace assay::market
