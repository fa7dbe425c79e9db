#include <algorithm>

#include "base/check.h"
#include "disputes.h"
#include "market/pricing.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// What a verdict must look like, whatever it says.
bool well_formed(const Verdict& verdict) {
    switch (verdict.kind) {
        case VerdictKind::invalid:
            return !verdict.end_root.is_zero() && verdict.cells_digest.is_zero();
        case VerdictKind::valid:
            return verdict.end_root.is_zero() && !verdict.cells_digest.is_zero();
    }
    return false;
}

/// An `invalid` that names what was committed says nothing.
bool contradicts_itself(const Context& context, const Audit& audit, const Verdict& verdict) {
    if (verdict.kind != VerdictKind::invalid) return false;
    if (audit.claim != ClaimKind::segment)
        return committed_root(context.state, audit.job, audit.round, audit.claim, audit.subject) ==
               verdict.end_root;
    const auto part = find_part(context.state, audit.subject);
    const auto leaf = part ? opened_leaf(context.state, *part, audit.segment) : std::nullopt;
    return leaf && leaf->end_field == verdict.end_root;
}

void stop_clock(Context& context, Audit& audit) {
    if (audit.deadline.value != 0)
        clear_timer(context, {audit.deadline, TimerKind::audit, audit.id.hash, 0});
    audit.deadline = {};
}

/// The sender's audit in that state; `due`: with its clock running.
tl::expected<Audit*, Refusal> own_audit(Context& context, const base::AuditId& id) {
    auto* audit = live_audit(context, id);
    if (!audit) return tl::unexpected(Refusal::audit_unknown);
    if (audit->auditor != context.sender) return tl::unexpected(Refusal::audit_not_yours);
    return audit;
}

/// A key that is younger than what drew the audit could have been tried until it chose cells that
/// are cheap to compute.
bool chooses_cells(const Context& context, const KeyRecord& keys, const Audit& audit) {
    return vrf_key_counts(context, keys, audit.epoch_opened);
}

/// A revealed `valid` is a leaf of the open epoch, and may be drawn there to be controlled.
void offer_to_control(Context& context, Audit& audit) {
    EpochCommitment commitment;
    commitment.id = control_commitment_id(audit.id, 0);
    commitment.kind = CommitmentKind::control;
    commitment.job = audit.job;
    commitment.subject = audit.subject;
    commitment.segment = audit.segment;
    commitment.audit = audit.id;
    commitment.root = audit.verdict->cells_digest;
    join_epoch(context, commitment);
    audit.controls_open = 1;
}

/// The cells of a control against those of the audit.
void compare_cells(Context& context, Audit& control) {
    auto* controlled = live_audit(context, control.controls);
    ASSAY_CHECK(controlled && controlled->cells.size() == kCells && control.cells.size() == kCells);
    for (std::uint32_t i = 0; i < kCells; ++i) {
        if (control.cells[i] == controlled->cells[i]) continue;
        control.state = controlled->state = AuditState::disputed;
        open_cell_dispute(context, *controlled, control, i);
        return;
    }
    settle_audit(context, control.id, AuditPay::full);
}

}  // namespace

Refusal apply_verdict_seal(Context& context, const VerdictSeal& message) {
    const auto own = own_audit(context, message.audit);
    if (!own) return own.error();
    Audit* audit = *own;
    if (audit->state != AuditState::open) return Refusal::audit_state;
    if (context.live > audit->deadline) return Refusal::deadline_passed;
    if (message.seal.is_zero()) return Refusal::wrong_seal;

    stop_clock(context, *audit);
    audit->seal = message.seal;
    audit->state = AuditState::sealed;
    emit(context, EventKind::audit_sealed,
         {{"audit", audit->id.hex()},
          {"validator", audit->auditor.hex()},
          {"job", audit->job.hex()}});
    advance_later(context, audit->subject, audit->segment);
    return Refusal::none;
}

Refusal apply_verdict_reveal(Context& context, const VerdictReveal& message) {
    const auto own = own_audit(context, message.audit);
    if (!own) return own.error();
    Audit* audit = *own;
    const Verdict& verdict = message.verdict;
    // Without a deadline it waits for others. Of a control only an `invalid` is a verdict: a
    // `valid` opens its cells.
    if (audit->state != AuditState::sealed || audit->deadline.value == 0)
        return Refusal::audit_state;
    const bool valid = verdict.kind == VerdictKind::valid;
    if (valid && audit->kind == AuditKind::control) return Refusal::wrong_verdict;
    if (verdict_seal(audit->id, audit->auditor, verdict, message.nonce) != audit->seal)
        return Refusal::wrong_seal;
    if (!well_formed(verdict) || contradicts_itself(context, *audit, verdict))
        return Refusal::wrong_verdict;
    if (valid != message.proof.has_value()) return Refusal::proof_invalid;
    if (valid) {
        const auto account = find_account(context.state, context.sender);
        const auto root =
            committed_root(context.state, audit->job, audit->round, audit->claim, audit->subject);
        ASSAY_CHECK(account && root);
        if (!account->keys || !chooses_cells(context, *account->keys, *audit))
            return Refusal::vrf_key_missing;
        const auto beta =
            base::vrf_verify(account->keys->vrf, spot_alpha(audit->id, *root), *message.proof);
        if (!beta) return Refusal::proof_invalid;
        audit->spot = *beta;
    }

    stop_clock(context, *audit);
    audit->verdict = verdict;
    audit->state = AuditState::revealed;
    audit->revealed = context.transaction;
    if (valid) offer_to_control(context, *audit);
    emit(context, EventKind::audit_revealed,
         {{"audit", audit->id.hex()},
          {"validator", audit->auditor.hex()},
          {"job", audit->job.hex()},
          {"subject", audit->subject.hex()},
          {"segment", std::to_string(audit->segment)},
          {"verdict", std::string(to_word(verdict.kind))},
          {"end_root", verdict.end_root.hex()}});
    if (!valid && audit->claim != ClaimKind::init) open_audit_dispute(context, *audit);
    advance_later(context, audit->subject, audit->segment);
    return Refusal::none;
}

Refusal apply_cells_open(Context& context, const CellsOpen& message) {
    const auto own = own_audit(context, message.audit);
    if (!own) return own.error();
    Audit* audit = *own;
    const bool control = audit->kind == AuditKind::control;
    if (audit->state != (control ? AuditState::sealed : AuditState::revealed) ||
        audit->deadline.value == 0)
        return Refusal::audit_state;
    if (message.cells.size() != kCells) return Refusal::wrong_cells;
    const Verdict shown{VerdictKind::valid, {}, cells_digest(message.salt, message.cells)};
    if (control ? verdict_seal(audit->id, audit->auditor, shown, message.salt) != audit->seal
                : *audit->verdict != shown)
        return Refusal::wrong_cells;

    stop_clock(context, *audit);
    audit->salt = message.salt;
    audit->cells = message.cells;
    if (control) {
        audit->verdict = shown;
        audit->state = AuditState::revealed;
        audit->revealed = context.transaction;
    }
    emit(context, EventKind::audit_cells_opened,
         {{"audit", audit->id.hex()},
          {"validator", audit->auditor.hex()},
          {"job", audit->job.hex()}});
    if (control) compare_cells(context, *audit);
    advance_later(context, audit->subject, audit->segment);
    return Refusal::none;
}

namespace {

/// Its cells are asked for and do not come: there was nothing behind the `valid`.
void lose_lock(Context& context, Audit& audit) {
    auto* job = live_job(context, audit.job);
    auto* claim = live_claim(context, audit.subject, audit.segment);
    ASSAY_CHECK(job && claim);
    const Amount taken = take_any_stake(context, audit.auditor, Role::validator, audit.lock);
    burn(context, taken, "no_cells", audit.id.hash);
    emit(context, EventKind::fined,
         {{"validator", audit.auditor.hex()}, {"amount", taken.decimal()}, {"reason", "no_cells"}});
    fail_audit(context, *job, *claim, audit);
}

}  // namespace

void on_audit(Context& context, const Timer& timer) {
    auto* audit = live_audit(context, base::AuditId{timer.subject});
    if (!audit || audit->deadline != timer.due) return;
    const bool works = audit->state == AuditState::open;
    // Who has asked for what it needs misses nothing while the question is open. Data is asked for
    // once for all, by whoever is first.
    const bool asked =
        has_asked(context, audit->auditor, audit->job) || asks_for_data(context, audit->job);
    const bool lacks = lacks_answer(context, audit->auditor, audit->job);
    const bool asks = audit->extensions < kExtensionsMax && asked;
    if (works && (lacks || asks)) {
        if (!lacks) ++audit->extensions;
        audit->deadline = context.in(
            std::max(context.parameters.grace_ms, audit_time_ms(context, audit->auditor)));
        set_timer(context, {audit->deadline, TimerKind::audit, audit->id.hash, 0});
        return;
    }
    audit->deadline = {};
    if (audit->kind == AuditKind::audit && audit->state == AuditState::revealed)
        return lose_lock(context, *audit);
    auto* job = live_job(context, audit->job);
    auto* claim = live_claim(context, audit->subject, audit->segment);
    ASSAY_CHECK(job && claim);
    fail_audit(context, *job, *claim, *audit);
}

}  // namespace assay::market
