// The initial state that a submitter posts is drawn and judged like a segment. The submitter need
// not be there: an auditor that found the posted root defends it, with its lock, against one that
// did not.

#include <algorithm>

#include "base/check.h"
#include "disputes.h"
#include "settlement.h"

namespace assay::market {

namespace {

/// Redraws that look for somebody who finds the posted root, before it counts as wrong.
constexpr std::uint32_t kInitRedrawsMax = 3;

bool says(const Audit& audit, VerdictKind kind) {
    return audit.state == AuditState::revealed && audit.verdict && audit.verdict->kind == kind;
}

/// Who says `invalid` with an open game, or waits for one.
bool plays(const Context& context, const Audit& audit) {
    const auto dispute = find_dispute(context.state, dispute_id(audit.id.hash));
    return dispute && dispute->state == DisputeState::open;
}

void pass_init(Context& context, Job& job, const Claim& claim) {
    if (job.init_passed || !claim.judged()) return;
    job.init_passed = true;
    count_sure(context, job, ClaimKind::init, false);
    append_history(context, job, InitAudited{job.init_root, facts_of(context, claim.subject)});
    emit(context, EventKind::init_passed, {{"job", job.id.hex()}, {"root", job.init_root.hex()}});
    for (std::uint32_t lane = 0; lane < job.shape.lanes; ++lane) want_match(context, job.id, lane);
}

/// Nobody stands for the posted root: the submitter pays the audits and gets the rest back.
void refute_init(Context& context, Job& job) {
    drop_disputes(context, job, init_commitment_id(job.id));
    drop_questions(context, job, job.id.hash);
    end_claims(context, job, init_commitment_id(job.id));
    finish_job(context, job, JobState::failed, CloseReason::wrong_init);
}

}  // namespace

void advance_init(Context& context, Job& job, Claim& claim) {
    const auto audits =
        live(context, audits_of_claim(context.state, claim.subject, claim.segment, kTouchedMax));
    std::uint32_t against = 0;
    bool playing = false;
    const Audit* accuser = nullptr;
    for (const Audit& audit : audits) {
        if (!says(audit, VerdictKind::invalid)) continue;
        ++against;
        playing = playing || plays(context, audit);
        if (accuser == nullptr) accuser = &audit;
    }
    if (accuser == nullptr) {
        for (Audit& audit : audits) {
            if (audit.kind == AuditKind::audit && says(audit, VerdictKind::valid) &&
                audit.controls_open == 0)
                settle_audit(context, job, claim, audit, AuditPay::full);
        }
        claim.sought = 0;
        pass_init(context, job, claim);
        return;
    }
    if (playing) return;
    const auto defender = std::find_if(audits.begin(), audits.end(), [](const Audit& audit) {
        return audit.kind == AuditKind::audit && says(audit, VerdictKind::valid) &&
               audit.deadline.value == 0;
    });
    if (defender != audits.end()) {
        open_init_dispute(context, job, *accuser, *defender);
        return;
    }
    if (claim.open > against || claim.draws > 0) return;
    if (claim.sought < kInitRedrawsMax) {
        ++claim.sought;
        redraw_claim(context, job, claim);
    } else {
        refute_init(context, job);
    }
}

}  // namespace assay::market
