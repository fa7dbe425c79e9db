// One auditor's duty from its draw to its pay.

#include <algorithm>
#include <set>

#include "base/check.h"
#include "disputes.h"
#include "market/hold.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

Duty duty_of(const Job& job, ClaimKind kind) {
    switch (kind) {
        case ClaimKind::segment:
            return {job.audit_price, job.costs.segment_flops};
        case ClaimKind::merge:
            return {job.merge_audit_price, job.costs.merge_flops};
        case ClaimKind::init:
            return {job.init_audit_price, job.init_flops};
    }
    ASSAY_CHECK(false);
    return {};
}

Amount greatest_price(const Job& job) { return audit_prices(job).greatest(); }

namespace {

Attributes audit_attributes(const Audit& audit) {
    return {{"audit", audit.id.hex()},
            {"kind", std::string(to_word(audit.kind))},
            {"claim", std::string(to_word(audit.claim))},
            {"validator", audit.auditor.hex()},
            {"job", audit.job.hex()},
            {"round", std::to_string(audit.round)},
            {"lane", std::to_string(audit.lane)},
            {"subject", audit.subject.hex()},
            {"segment", std::to_string(audit.segment)}};
}

bool has_ended(const Audit& audit) {
    return audit.state == AuditState::missed || audit.state == AuditState::settled;
}

/// Takes at most `most` from a purse.
Amount take_from(Amount& purse, Amount most) {
    const Amount taken = base::minimum(purse, most);
    purse -= taken;
    return taken;
}

/// The promise goes back to where it came from.
void return_promise(Job& job, Claim& claim, Audit& audit) {
    job.hold.drawn -= audit.price;
    job.hold.audits += audit.price;
    claim.fund += audit.fund;
    audit.price = audit.fund = {};
}

/// The audit is over: clock, duty, and its place among what the claim waits for.
void end_audit(Context& context, Claim& claim, Audit& audit, AuditState state) {
    if (audit.deadline.value != 0)
        clear_timer(context, {audit.deadline, TimerKind::audit, audit.id.hash, 0});
    audit.deadline = {};
    audit.state = state;
    end_audit_duty(context, audit.auditor, audit.flops);
    audit.lock = {};
    ASSAY_CHECK(claim.open > 0);
    --claim.open;
    if (audit.kind == AuditKind::control) {
        if (auto* controlled = live_audit(context, audit.controls)) {
            ASSAY_CHECK(controlled->controls_open > 0);
            --controlled->controls_open;
        }
    }
    advance_later(context, claim.subject, claim.segment);
}

}  // namespace

void advance_later(Context& context, const base::PartId& subject, std::uint64_t number) {
    set_timer(context, {context.live, TimerKind::advance, subject.hash, number});
}

void draw_audit(Context& context, Job& job, Claim& claim, const Drawn& drawn) {
    const EpochCommitment& commitment = *drawn.commitment;
    const bool control = commitment.kind == CommitmentKind::control;
    const Duty duty = duty_of(job, claim.kind);
    Audit audit;
    audit.kind = control ? AuditKind::control : AuditKind::audit;
    audit.claim = claim.kind;
    audit.job = job.id;
    audit.round = claim.round;
    audit.lane = claim.lane;
    audit.subject = claim.subject;
    audit.segment = claim.segment;
    audit.worker = claim.worker;
    audit.lease = claim.lease;
    audit.auditor = drawn.member->validator;
    audit.epoch = commitment.epoch;
    audit.epoch_opened = find_epoch(context.state, commitment.epoch).value().opened_at;
    audit.controls = commitment.audit;
    audit.flops = duty.flops;
    audit.lock = audit_lock(duty.price, parameters_of(context, job).control_ppm)
                     .value_or(Amount::of(Amount::kMax));
    audit.drawn_at = context.live;
    audit.id = audit_id(commitment.id, claim.segment, commitment.epoch, audit.auditor);
    // Fines of who missed it pay first. The pool covers the rest but for a chance below 10^-8
    // (audits_bound); then it pays what it has.
    const Amount pay = audit_pay(duty.price, drawn.exponent).value_or(duty.price);
    audit.fund = take_from(claim.fund, pay);
    audit.price = take_from(job.hold.audits, pay - audit.fund);
    job.hold.drawn += audit.price;
    begin_audit_duty(context, audit.auditor, audit.lock, audit.flops);
    ++claim.open;
    if (control) ++need_audit(context, audit.controls).controls_open;
    Attributes attributes = audit_attributes(audit);
    attributes.emplace_back("worker", audit.worker.hex());
    if (control) attributes.emplace_back("controls", audit.controls.hex());
    emit(context, EventKind::audit_drawn, std::move(attributes));
    if (drawn.started) start_audit(context, audit);
    save(context.state, audit);
}

void start_audit(Context& context, Audit& audit) {
    ASSAY_CHECK(audit.state == AuditState::drawn);
    audit.state = AuditState::open;
    audit.deadline = context.in(audit_time_ms(context, audit.auditor));
    set_timer(context, {audit.deadline, TimerKind::audit, audit.id.hash, 0});
    Attributes attributes = audit_attributes(audit);
    attributes.emplace_back("deadline", std::to_string(audit.deadline.value));
    emit(context, EventKind::audit_open, std::move(attributes));
}

void settle_audit(Context& context, Job& job, Claim& claim, Audit& audit, AuditPay pay) {
    if (has_ended(audit)) return;
    Amount paid;
    if (pay == AuditPay::full) {
        paid = audit.price + audit.fund;
        job.hold.drawn -= audit.price;
        job.spent.auditors += audit.price;
        audit.paid = true;
        market::pay(context, audit.auditor, paid, "audit", job.id, audit.id.hash);
        audit.price = audit.fund = {};
        if (audit.kind == AuditKind::audit && audit.verdict &&
            audit.verdict->kind == VerdictKind::valid)
            ++claim.valid;
    } else {
        return_promise(job, claim, audit);
    }
    end_audit(context, claim, audit, AuditState::settled);
    emit(context, EventKind::audit_settled,
         {{"audit", audit.id.hex()},
          {"validator", audit.auditor.hex()},
          {"job", job.id.hex()},
          {"paid", paid.decimal()}});
}

void settle_audit(Context& context, const base::AuditId& id, AuditPay pay) {
    Audit& audit = need_audit(context, id);
    auto* job = live_job(context, audit.job);
    auto* claim = live_claim(context, audit.subject, audit.segment);
    ASSAY_CHECK(job && claim);
    settle_audit(context, *job, *claim, audit, pay);
}

void redraw_claim(Context& context, const Job& job, Claim& claim) {
    ++claim.redraws;
    ++claim.draws;
    claim.missed = 0;
    EpochCommitment commitment;
    commitment.id = redraw_commitment_id(claim.subject, claim.segment, claim.redraws);
    commitment.kind = CommitmentKind::redraw;
    commitment.job = job.id;
    commitment.subject = claim.subject;
    commitment.segment = claim.segment;
    commitment.root = commitment.id.hash;
    const std::uint64_t epoch = join_epoch(context, commitment);
    emit(context, EventKind::claim_redrawn,
         {{"job", job.id.hex()},
          {"subject", claim.subject.hex()},
          {"segment", std::to_string(claim.segment)},
          {"redraws", std::to_string(claim.redraws)},
          {"epoch", std::to_string(epoch)}});
}

namespace {

/// Nobody asks any more whether the audit was right: whoever worked at a control of it is paid.
/// Changes job and claim.
void end_controls(Context& context, Job& job, Claim& claim, const Audit& audit) {
    drop_defended(context, job, audit);
    for (Audit& control :
         live(context, audits_of_claim(context.state, audit.subject, audit.segment, kTouchedMax))) {
        if (control.controls != audit.id || has_ended(control)) continue;
        // One that calls the work wrong goes on to its game, whoever it controls.
        if (control.verdict && control.verdict->kind == VerdictKind::invalid) continue;
        const bool worked = control.state != AuditState::drawn && control.state != AuditState::open;
        settle_audit(context, job, claim, control, worked ? AuditPay::full : AuditPay::none);
    }
}

/// What drawing it once more is expected to cost, so that nobody can use up a job's pool by missing
/// what it is drawn for.
Amount redraw_cost(const Context& context, const Job& job, const Claim& claim) {
    const Parameters parameters = parameters_of(context, job);
    const std::uint64_t expected = expected_with_controls(
        std::max(parameters.rate_sure_ppm, claim.rate_ppm), parameters.control_ppm);
    const std::uint64_t audits = (expected + (std::uint64_t{1} << 32U) - 1) >> 32U;
    return base::multiply(duty_of(job, claim.kind).price,
                          std::max<std::uint64_t>(parameters.miss_prices, audits))
        .value_or(Amount::of(Amount::kMax));
}

}  // namespace

void fail_audit(Context& context, Job& job, Claim& claim, Audit& audit) {
    ASSAY_CHECK(!has_ended(audit));
    // Nobody showed the data: who had none before could not judge, and that is the submitter's
    // doing.
    const bool without_data = job.state == JobState::settling &&
                              job.reason == CloseReason::data_missing &&
                              audit.state == AuditState::open;
    const Amount fine = without_data ? Amount{} : redraw_cost(context, job, claim);
    const Amount taken = take_any_stake(context, audit.auditor, Role::validator, fine);
    if (!taken.is_zero())
        emit(context, EventKind::fined,
             {{"validator", audit.auditor.hex()},
              {"amount", taken.decimal()},
              {"reason", "missed"}});
    return_promise(job, claim, audit);
    claim.fund += taken;
    end_audit(context, claim, audit, AuditState::missed);
    emit(context, EventKind::audit_missed,
         {{"audit", audit.id.hex()}, {"validator", audit.auditor.hex()}, {"job", audit.job.hex()}});
    if (audit.kind == AuditKind::audit) {
        end_controls(context, job, claim, audit);
        // Not at once: if every miss were a draw of its own, those who miss on purpose would
        // multiply.
        ++claim.missed;
        return;
    }
    // Cells that are public already could be copied: such a control is not drawn again. Nor is it
    // while another one is open or ahead.
    Audit& controlled = need_audit(context, audit.controls);
    if (controlled.state != AuditState::revealed || !controlled.cells.empty() ||
        controlled.controls_open > 0)
        return;
    ++controlled.redraws;
    ++controlled.controls_open;
    EpochCommitment commitment;
    commitment.id = control_commitment_id(controlled.id, controlled.redraws);
    commitment.kind = CommitmentKind::control;
    commitment.job = job.id;
    commitment.subject = claim.subject;
    commitment.segment = claim.segment;
    commitment.audit = controlled.id;
    commitment.root = controlled.verdict->cells_digest;
    join_epoch(context, commitment);
}

Amount end_claims(Context& context, Job& job, const base::PartId& subject) {
    Amount paid;
    for (Claim& claim : live(context, claims_of(context.state, subject, kTouchedMax))) {
        for (Audit& audit :
             live(context, audits_of_claim(context.state, subject, claim.segment, kTouchedMax))) {
            if (has_ended(audit)) continue;
            const bool worked = audit.state == AuditState::sealed ||
                                audit.state == AuditState::revealed ||
                                audit.state == AuditState::disputed;
            if (worked) paid += audit.price + audit.fund;
            settle_audit(context, job, claim, audit, worked ? AuditPay::full : AuditPay::none);
        }
        burn(context, claim.fund, "missed", claim.subject.hash);
        claim.fund = {};
        claim.draws = claim.missed = 0;
        if (!claim.over) {
            claim.over = true;
            ASSAY_CHECK(job.open_claims > 0);
            --job.open_claims;
        }
        // Nothing was drawn: nothing will ask for it again, and nothing would remove it with the
        // job.
        if (audits_of_claim(context.state, subject, claim.segment, 1).empty())
            erase(context.state, claim);
    }
    return paid;
}

AuditFact fact_of(const Audit& audit) {
    ASSAY_CHECK(audit.verdict.has_value());
    return {audit.segment, audit.id, audit.auditor, audit.verdict->kind, audit.verdict->end_root};
}

std::vector<AuditFact> facts_of(const Context& context, const base::PartId& subject) {
    std::vector<AuditFact> facts;
    for (const Claim& claim : claims_of(context.state, subject, kTouchedMax)) {
        for (const Audit& audit :
             audits_of_claim(context.state, subject, claim.segment, kTouchedMax)) {
            if (audit.kind == AuditKind::audit && audit.paid && audit.verdict)
                facts.push_back(fact_of(audit));
        }
    }
    return facts;
}

std::uint64_t audited_segments(const Context& context, const base::PartId& subject) {
    const auto claims = claims_of(context.state, subject, kTouchedMax);
    return static_cast<std::uint64_t>(std::count_if(
        claims.begin(), claims.end(), [](const Claim& claim) { return claim.valid > 0; }));
}

}  // namespace assay::market
