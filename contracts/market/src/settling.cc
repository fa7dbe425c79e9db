// A job that ends before its rounds are final. Its end stops new commitments and nothing else: what
// is committed is judged, so that no deadline, cancel or silence makes pay or a refund of work that
// nobody has looked at.

#include <algorithm>
#include <set>

#include "base/check.h"
#include "disputes.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

std::uint32_t rounds_end(const Job& job) { return std::min(job.round + 1, job.shape.rounds); }

/// Nothing new is trained or posted: leases end, asked workers are free, clocks of rounds and
/// merges stop.
void stop_training(Context& context, Job& job) {
    for (Lane& lane : live(context, lanes_of(context.state, job.id))) {
        drop_asked(context, lane);
        unfund_lane(context, job, lane);
        if (lane.lease.is_zero()) continue;
        LaneRelease release;
        release.end = LeaseEnd::job_closed;
        release.exclude = false;
        release.keep_parts = lane.committed_parts;
        release.start_root = lane.next_start_root;
        release.start_blob = lane.next_start_blob;
        release_lane(context, job, lane.lane, release);
    }
    for (std::uint32_t number = job.final_rounds; number < rounds_end(job); ++number) {
        auto* round = live_round(context, job.id, number);
        if (!round) continue;
        if (round->deadline.value != 0)
            clear_timer(context, {round->deadline, TimerKind::round_deadline, job.id.hash, number});
        if (round->window_ends.value != 0)
            clear_timer(context, {round->window_ends, TimerKind::window, job.id.hash, number});
        round->deadline = round->window_ends = {};
        auto* merge = live_merge(context, job.id, number);
        if (!merge || merge->deadline.value == 0) continue;
        clear_timer(context, {merge->deadline, TimerKind::merge, job.id.hash, number});
        merge->deadline = {};
    }
}

bool any_open_part(const Context& context, const Job& job) {
    for (std::uint32_t number = job.final_rounds; number < rounds_end(job); ++number) {
        const auto round = find_round(context.state, job.id, number);
        if (round && round->open_parts != 0) return true;
    }
    return false;
}

/// The window of what was judged last: everything that passed may still be challenged.
void open_window(Context& context, Job& job) {
    const base::TimeMs ends = context.in(challenge_window_ms(context, job));
    for (std::uint32_t number = job.final_rounds; number < rounds_end(job); ++number) {
        auto* round = live_round(context, job.id, number);
        if (!round) continue;
        round->window_ends = ends;
    }
    job.window_ends = ends;
    set_timer(context, {ends, TimerKind::settle, job.id.hash, kSettleJob});
}

/// Pays what has passed, and ends the job.
void pay_and_finish(Context& context, Job& job) {
    std::set<base::LeaseId> leases;
    for (std::uint32_t number = job.final_rounds; number < rounds_end(job); ++number) {
        for (Part& part : parts_of_job(context.state, job.id, number, std::nullopt, kPartRowsMax)) {
            leases.insert(part.lease);
            if (part.state != PartState::passed) continue;
            job.final_segments += part.segments;
            job.audited_segments += audited_segments(context, part.id);
            pay_part(context, job, part);
            save(context.state, part);
            drop_pools(context, part.id);
        }
        if (const auto merge = find_merge(context.state, job.id, number))
            drop_pools(context, merge->commitment);
        auto* round = live_round(context, job.id, number);
        if (!round) continue;
        round->state = RoundState::failed;
        round->window_ends = {};
    }
    const JobState end = job.end_state;
    const CloseReason reason = job.reason;
    finish_job(context, job, end, reason);
    for (const base::LeaseId& lease : leases) settle_lease_if_done(context, lease);
}

/// Drawn and not judged, although nobody works at it: its auditors never came back. It, and what
/// starts from it, is unproved.
void give_up_unjudged(Context& context, Job& job) {
    for (std::uint32_t number = job.final_rounds; number < rounds_end(job); ++number) {
        std::set<std::uint32_t> broken;
        bool any = false;
        for (Part& part : parts_of_job(context.state, job.id, number, std::nullopt, kPartRowsMax)) {
            if (is_open(part)) broken.insert(part.key.lane);
            if (!can_void(part) || !broken.contains(part.key.lane)) continue;
            void_part(context, job, part, true);
            any = true;
        }
        const auto merge = find_merge(context.state, job.id, number);
        const auto claim = merge ? find_claim(context.state, merge->commitment, 0) : std::nullopt;
        const bool merge_open = claim && !claim->over;
        if (!any && !merge_open) continue;
        if (merge_open) end_claims(context, job, merge->commitment);
        // Later rounds start from this one's merge.
        for (std::uint32_t later = number + 1; later < rounds_end(job); ++later) {
            for (Part& part :
                 parts_of_job(context.state, job.id, later, std::nullopt, kPartRowsMax)) {
                if (can_void(part)) void_part(context, job, part, true);
            }
            const auto next = find_merge(context.state, job.id, later);
            if (next && !next->commitment.is_zero()) end_claims(context, job, next->commitment);
        }
        return;
    }
}

bool claim_runs(const Context& context, const base::PartId& subject, std::uint32_t segment) {
    // What is revealed and waits for a control that no epoch draws any more has no clock: nobody
    // works at it.
    const auto audits = audits_of_claim(context.state, subject, segment, kTouchedMax);
    return std::any_of(audits.begin(), audits.end(), [](const Audit& a) {
        return a.deadline.value != 0 || a.state == AuditState::drawn;
    });
}

/// Somebody works at what is not judged yet.
bool anybody_audits(const Context& context, const Job& job) {
    for (std::uint32_t number = job.final_rounds; number < rounds_end(job); ++number) {
        const auto merge = find_merge(context.state, job.id, number);
        if (merge && claim_runs(context, merge->commitment, 0)) return true;
        for (const Part& part :
             parts_of_job(context.state, job.id, number, std::nullopt, kPartRowsMax)) {
            if (!is_open(part)) continue;
            for (const Claim& claim : claims_of(context.state, part.id, kTouchedMax)) {
                if (!claim.over && claim_runs(context, part.id, claim.segment)) return true;
            }
        }
    }
    return false;
}

/// Somebody works, asks or plays: the time of settling stands still.
bool anybody_busy(const Context& context, const Job& job) {
    return job.open_disputes != 0 || job.open_questions != 0 || anybody_audits(context, job);
}

/// A lane has waited so long for money for its audits that nobody will pay: its worker would stand
/// there with its lock.
bool waits_for_money(const Context& context, const Job& job) {
    const std::uint64_t longest = parameters_of(context, job).open_ms_max;
    const auto lanes = lanes_of(context.state, job.id);
    return job.state == JobState::running &&
           std::any_of(lanes.begin(), lanes.end(), [&](const Lane& lane) {
               return lane.wait == LaneWait::audit_funds &&
                      lane.funded_at.value + longest <= context.live.value;
           });
}

/// Something has waited for its judgement longer than a job that settles would, and nobody works,
/// asks or plays: its auditors never came back. Without this the locks of those who did the work
/// would wait for ever, and so would the submitter, who can't cancel what is trained.
bool waits_in_vain(const Context& context, const Job& job) {
    const std::uint64_t longest = parameters_of(context, job).settle_ms_max;
    const auto old = [&](base::TimeMs since) {
        return since.value != 0 && since.value + longest <= context.live.value;
    };
    bool waits = false;
    for (std::uint32_t number = job.final_rounds; number < rounds_end(job) && !waits; ++number) {
        const auto round = find_round(context.state, job.id, number);
        waits = round && round->state == RoundState::merged && !round->merge_audited &&
                old(round->merged_at);
        if (!round || round->open_parts == 0) continue;
        const auto parts = parts_of_job(context.state, job.id, number, std::nullopt, kPartRowsMax);
        waits = waits || std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
                    return is_open(part) && old(part.committed_at);
                });
    }
    return waits && !anybody_busy(context, job);
}

}  // namespace

void watch_job(Context& context, Job& job) {
    if (job.state == JobState::settling) return;
    if (waits_in_vain(context, job)) return fail_job(context, job, CloseReason::no_auditors);
    if (waits_for_money(context, job)) return fail_job(context, job, CloseReason::hold_used_up);
    set_timer(context, {context.in(parameters_of(context, job).settle_ms_max), TimerKind::settle,
                        job.id.hash, kWatchJob});
}

void begin_settling(Context& context, Job& job, JobState state, CloseReason reason) {
    ASSAY_CHECK(is_terminal(state));
    if (is_terminal(job.state) || job.state == JobState::settling) return;
    if (job.state == JobState::open) {
        drop_disputes(context, job, init_commitment_id(job.id));
        end_claims(context, job, init_commitment_id(job.id));
        drop_questions(context, job, job.id.hash);
        for (Lane& lane : live(context, lanes_of(context.state, job.id))) {
            drop_asked(context, lane);
        }
        finish_job(context, job, state, reason);
        return;
    }
    if (job.state == JobState::paused) end_pause(context, job);
    job.state = JobState::settling;
    job.end_state = state;
    job.reason = reason;
    job.state_since = context.live;
    job.window_ends = {};
    job.deadline = context.in(parameters_of(context, job).settle_ms_max);
    stop_training(context, job);
    set_timer(context, {job.deadline, TimerKind::settle, job.id.hash, kSettleJob});
    set_timer(context, {context.in(1), TimerKind::settle, job.id.hash, kSettleJob});
    emit(context, EventKind::job_settling,
         {{"job", job.id.hex()},
          {"state", std::string(to_word(state))},
          {"reason", std::string(to_word(reason))}});
}

void fail_job(Context& context, Job& job, CloseReason reason) {
    begin_settling(context, job, JobState::failed, reason);
}

bool settled_long_enough(const Context& context, const Job& job) {
    if (job.state != JobState::settling) return false;
    if (job.window_ends.value != 0) return context.live >= job.window_ends;
    const base::TimeMs ends{job.state_since.value + parameters_of(context, job).settle_ms_max};
    return context.live >= ends && !anybody_audits(context, job);
}

void settle_on(Context& context, Job& job) {
    if (job.state != JobState::settling) return;
    const bool judged = !any_open_part(context, job) && job.open_claims == 0;
    if (!judged) {
        job.window_ends = {};
        if (context.live < job.deadline) return;
        if (anybody_busy(context, job)) {
            job.deadline = context.in(context.parameters.grace_ms);
            set_timer(context, {job.deadline, TimerKind::settle, job.id.hash, kSettleJob});
            return;
        }
        give_up_unjudged(context, job);
        set_timer(context, {context.in(1), TimerKind::settle, job.id.hash, kSettleJob});
        return;
    }
    if (job.window_ends.value == 0) return open_window(context, job);
    if (context.live < job.window_ends || job.open_disputes != 0 || job.open_questions != 0) return;
    pay_and_finish(context, job);
}

}  // namespace assay::market
