// What a judgement makes void goes back here, and only here: parts of a lane, rounds that were
// built on them, and the place where the job goes on. Nothing in here moves money.

#include "rollback.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "disputes.h"

namespace assay::market {

bool can_void(const Part& part) {
    switch (part.state) {
        case PartState::committed:
        case PartState::auditing:
        case PartState::closing:
        case PartState::passed:
            return true;
        case PartState::settled:
        case PartState::retracted:
        case PartState::void_:
        case PartState::unproved:
            return false;
    }
    return false;
}

namespace {

base::Amount price_of(const Context& context, const Part& part) {
    const auto lease = find_lease(context.state, part.lease);
    ASSAY_CHECK(lease.has_value());
    const auto price = base::multiply(lease->price, part.segments);
    ASSAY_CHECK(price.has_value());
    return *price;
}

/// One part that stands becomes void; what it cost others is noted.
void undo_part(Context& context, Job& job, const base::PartId& id, const base::AccountId& culprit,
               Undone& undone) {
    Part& part = need_part(context, id);
    if (!can_void(part)) return;
    bool accused = false;
    std::uint64_t paid = 0;
    for (const Claim& claim : claims_of(context.state, part.id, kTouchedMax)) {
        for (const Audit& audit :
             audits_of_claim(context.state, part.id, claim.segment, kTouchedMax)) {
            if (part.state == PartState::passed && audit.paid) ++paid;
            accused = accused || (audit.verdict && audit.verdict->kind == VerdictKind::invalid);
        }
    }
    if (const auto fees = base::multiply(job.audit_price, paid)) undone.audit_fees += *fees;
    if (part.key.worker == culprit) note_overtaken(context, part.id, undone);
    // With an audit lag others go on before their audits are over: what they committed is work that
    // nobody has doubted.
    const bool counts = part.state == PartState::passed || (job.shape.audit_lag > 0 && !accused);
    if (counts && part.key.worker != culprit)
        undone.lost.push_back({part.key.worker, part.id, price_of(context, part)});
    undone.audit_fees += void_part(context, job, part);
    undone.leases.insert(part.lease);
}

/// The merge of a round that is undone or opened again: its audits, its games and its clock end.
/// The number goes on when the round is merged again, so that no two commitments and audits of one
/// round share an id.
void end_merge(Context& context, Job& job, std::uint32_t round) {
    auto* merge = live_merge(context, job.id, round);
    if (!merge) return;
    drop_merge_questions(context, job, round);
    if (!merge->commitment.is_zero()) {
        drop_disputes(context, job, merge->commitment);
        end_claims(context, job, merge->commitment);
    }
    clear_timer(context, {merge->deadline, TimerKind::merge, job.id.hash, round});
    MergeRecord next;
    next.job = job.id;
    next.round = round;
    next.attempt = merge->attempt + 1;
    next.state = MergeState::refuted;
    save(context.state, next);
}

void clear_round_timers(Context& context, const Round& round) {
    if (round.deadline.value != 0)
        clear_timer(context,
                    {round.deadline, TimerKind::round_deadline, round.job.hash, round.round});
    if (round.window_ends.value != 0)
        clear_timer(context, {round.window_ends, TimerKind::window, round.job.hash, round.round});
}

/// The job trains again from the opening of a round that exists.
void train_from(Job& job, const Round& round, base::TimeMs live) {
    job.round = round.round;
    job.opening_root = round.opening_root;
    job.opening_blob = round.opening_blob;
    if (job.state != JobState::verifying) return;
    job.state = JobState::running;
    job.state_since = live;
}

void reopen_round(Context& context, Job& job, std::uint32_t number) {
    end_merge(context, job, number);
    auto* round = live_round(context, job.id, number);
    ASSAY_CHECK(round && round->state != RoundState::open && round->state != RoundState::final);
    clear_round_timers(context, *round);
    round->state = RoundState::open;
    round->extended = false;
    round->merge_audited = false;
    round->members.clear();
    round->closing_root = {};
    round->closing_blob = {};
    round->closed_at = round->merged_at = round->window_ends = round->deadline = {};
    train_from(job, *round, context.live);
    emit(context, EventKind::round_reopened,
         {{"job", job.id.hex()},
          {"round", std::to_string(number)},
          {"root", round->opening_root.hex()}});
}

}  // namespace

void undo_lane(Context& context, Job& job, std::uint32_t round, std::uint32_t lane,
               std::uint32_t first_part, const base::AccountId& culprit, Undone& undone) {
    if (round < job.final_rounds) return;
    bool any = false;
    for (const Part& part : parts_of_lane(context.state, job.id, round, lane)) {
        if (part.key.part < first_part || !can_void(part)) continue;
        undo_part(context, job, part.id, culprit, undone);
        any = true;
    }
    if (!any) return;
    const auto record = find_round(context.state, job.id, round);
    ASSAY_CHECK(record.has_value());
    if (record->state == RoundState::open) {
        undone.lanes.insert(lane);
        return;
    }
    const bool member = std::any_of(record->members.begin(), record->members.end(),
                                    [&](const RoundMember& m) { return m.lane == lane; });
    if (member) undone.reopen = std::min(undone.reopen.value_or(round), round);
}

void undo_worker(Context& context, Job& job, const base::AccountId& worker,
                 std::uint32_t from_round, Undone& undone) {
    const std::uint32_t end = std::min(job.round + 1, job.shape.rounds);
    for (std::uint32_t round = std::max(from_round, job.final_rounds); round < end; ++round) {
        // Each lane once, from the worker's first part on.
        std::map<std::uint32_t, std::uint32_t> first;
        for (const Part& part :
             parts_of_job(context.state, job.id, round, std::nullopt, kPartRowsMax)) {
            if (part.key.worker != worker || !can_void(part)) continue;
            const auto known = first.try_emplace(part.key.lane, part.key.part).first;
            known->second = std::min(known->second, part.key.part);
        }
        for (const auto& [lane, part] : first)
            undo_lane(context, job, round, lane, part, worker, undone);
    }
}

void undo_rounds_after(Context& context, Job& job, std::uint32_t round,
                       const base::AccountId& culprit, Undone& undone) {
    for (std::uint32_t later = std::min(job.round + 1, job.shape.rounds); later-- > round + 1;) {
        if (!find_round(context.state, job.id, later)) continue;
        for (const Part& part :
             parts_of_job(context.state, job.id, later, std::nullopt, kPartRowsMax))
            undo_part(context, job, part.id, culprit, undone);
        end_merge(context, job, later);
        const auto record = find_round(context.state, job.id, later);
        clear_round_timers(context, *record);
        erase(context.state, *record);
    }
}

void roll_back(Context& context, Job& job, const base::AccountId& culprit, Undone& undone) {
    if (undone.reopen) {
        undo_rounds_after(context, job, *undone.reopen, culprit, undone);
        reopen_round(context, job, *undone.reopen);
        undone.lanes.clear();
        for (std::uint32_t lane = 0; lane < job.shape.lanes; ++lane) undone.lanes.insert(lane);
    }
    if (undone.lanes.empty()) return;
    resume_lanes(context, job, undone.lanes);
    // What is complete without the void parts goes on in the next block.
    set_timer(context, {context.in(1), TimerKind::settle, job.id.hash, 0});
}

void return_to_merge(Context& context, Job& job, std::uint32_t number,
                     const base::AccountId& culprit, Undone& undone) {
    undo_rounds_after(context, job, number, culprit, undone);
    auto* round = live_round(context, job.id, number);
    ASSAY_CHECK(round && round->state == RoundState::merged);
    clear_round_timers(context, *round);
    round->state = RoundState::closed;
    round->closing_root = {};
    round->closing_blob = {};
    round->merged_at = round->window_ends = {};
    round->merge_audited = false;
    train_from(job, *round, context.live);
    // Nobody owes a part until the next round opens again.
    for (Lane& lane : live(context, lanes_of(context.state, job.id))) {
        if (auto* lease = live_lease(context, lane.lease); lease && lease->deadline.value != 0) {
            clear_timer(context,
                        {lease->deadline, TimerKind::lane_deadline, job.id.hash, lane.lane});
            lease->deadline = {};
        }
        lane.passed_parts = lane.committed_parts = restart_of(context, job, lane.lane).keep_parts;
    }
}

}  // namespace assay::market
