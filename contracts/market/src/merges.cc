#include <algorithm>

#include "base/check.h"
#include "disputes.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

namespace {

/// Somebody must post: waiting for the first time, or for the root that a vote found.
bool is_due(const MergeRecord& merge) {
    return merge.state == MergeState::waiting || (merge.state == MergeState::replaced && merge.blob.is_zero());
}

void set_turn(Context& context, MergeRecord& merge, const Round& round, std::uint32_t turn) {
    merge.turn = turn;
    merge.deadline = context.in(context.parameters.grace_ms);
    set_timer(context, {merge.deadline, TimerKind::merge, merge.job.hash, merge.round});
    save(context.state, merge);
    emit(context, EventKind::merge_due, {{"job", merge.job.hex()}, {"round", std::to_string(merge.round)},
                                         {"worker", round.members[turn].worker.hex()}, {"turn", std::to_string(turn)}});
}

bool is_barred(const MergeRecord& merge, const base::AccountId& worker) {
    return std::find(merge.barred.begin(), merge.barred.end(), worker) != merge.barred.end();
}

/// The first member from `from` on that may post.
std::optional<std::uint32_t> next_turn(const MergeRecord& merge, const Round& round, std::uint32_t from) {
    for (std::uint32_t turn = from; turn < round.members.size(); ++turn) {
        if (!is_barred(merge, round.members[turn].worker)) return turn;
    }
    return std::nullopt;
}

/// The merge is settled: `outcome` stands with `root`.
void merge_settled(Context& context, Job& job, MergeRecord& merge, MergeState outcome, std::vector<AuditFact> facts) {
    merge.state = outcome;
    save(context.state, merge);
    auto round = find_round(context.state, job.id, merge.round);
    ASSAY_CHECK(round.has_value());
    round->merge_audited = outcome != MergeState::replaced;
    save(context.state, *round);
    append_history(context, job, MergeAudited{merge.round, merge.attempt, outcome, merge.root, std::move(facts)});
    emit(context, EventKind::merge_audited, {{"job", job.id.hex()}, {"round", std::to_string(merge.round)},
                                             {"outcome", std::string(to_word(outcome))}, {"root", merge.root.hex()}});
    start_window_if_done(context, job, merge.round);
}

}  // namespace

void wait_for_merge(Context& context, const Job& job, std::uint32_t round, std::size_t members) {
    ASSAY_CHECK(members > 0);
    MergeRecord merge;
    merge.job = job.id;
    merge.round = round;
    if (const auto undone = find_merge(context.state, job.id, round)) merge.attempt = undone->attempt;
    const auto record = find_round(context.state, job.id, round);
    ASSAY_CHECK(record.has_value());
    set_turn(context, merge, *record, 0);
}

Refusal apply_merge_post(Context& context, const MergePost& message) {
    auto job = find_job(context.state, message.job);
    if (!job) return Refusal::job_unknown;
    if (job->state != JobState::running) return Refusal::job_state;
    auto round = find_round(context.state, job->id, message.round);
    auto merge = find_merge(context.state, job->id, message.round);
    if (!round || !merge || message.round != job->round) return merge && round ? Refusal::merge_known : Refusal::merge_not_due;
    if (!is_due(*merge)) return Refusal::merge_known;
    const auto member = std::find_if(round->members.begin(), round->members.end(),
                                     [&](const RoundMember& m) { return m.worker == context.sender; });
    const auto turn = static_cast<std::uint64_t>(member - round->members.begin());
    if (member == round->members.end() || turn > merge->turn || is_barred(*merge, context.sender)) return Refusal::not_your_turn;
    const bool replaces = merge->state == MergeState::replaced;
    if (message.merge_root.is_zero() || (replaces && message.merge_root != merge->root)) return Refusal::merge_unexpected;
    if (message.receipt.blob.is_zero() || !verify_receipt(message.receipt, context.chain.operator_key, context.chain.id)) {
        return Refusal::receipt_invalid;
    }
    if (message.receipt.bytes != job->init_bytes) return Refusal::receipt_size_wrong;
    if (message.receipt.kept_until_block_time.value < context.block.time.value + context.parameters.grace_ms) {
        return Refusal::receipt_expires_early;
    }

    clear_timer(context, {merge->deadline, TimerKind::merge, job->id.hash, message.round});
    merge->deadline = {};
    merge->poster = context.sender;
    merge->lease = member->lease;
    merge->root = message.merge_root;
    merge->blob = message.receipt.blob;
    merge->bytes = message.receipt.bytes;
    if (!replaces) {
        merge->state = MergeState::posted;
        merge->commitment = merge_commitment_id(context.chain.id, job->id, message.round, merge->attempt);
        merge->epoch = join_epoch(context, {0, merge->commitment, true, job->id, message.round, merge->root});
    }
    save(context.state, *merge);
    round->state = RoundState::merged;
    round->closing_root = merge->root;
    round->closing_blob = merge->blob;
    round->merged_at = context.live;
    round->merge_audited = replaces;
    save(context.state, *round);
    append_history(context, *job, RoundMerged{message.round, merge->attempt, merge->poster, merge->root, merge->blob});
    emit(context, EventKind::merge_posted, {{"job", job->id.hex()}, {"round", std::to_string(message.round)},
                                            {"root", merge->root.hex()}, {"worker", merge->poster.hex()}});
    open_next_round(context, *job);
    start_window_if_done(context, *job, message.round);
    save(context.state, *job);
    return Refusal::none;
}

void on_merge_due(Context& context, const Timer& timer) {
    auto job = find_job(context.state, base::JobId{timer.subject});
    if (!job || is_terminal(job->state)) return;
    const auto round_number = static_cast<std::uint32_t>(timer.number);
    auto merge = find_merge(context.state, job->id, round_number);
    if (!merge || !is_due(*merge) || merge->deadline != timer.due) return;
    const auto round = find_round(context.state, job->id, round_number);
    ASSAY_CHECK(round.has_value());
    if (job->state == JobState::paused || waits_for_chunk(context, job->id, round_number)) {
        set_turn(context, *merge, *round, merge->turn);
    } else if (const auto next = next_turn(*merge, *round, merge->turn + 1)) {
        set_turn(context, *merge, *round, *next);
    } else {
        fail_job(context, *job, CloseReason::no_merge);
        save(context.state, *job);
    }
}

void renew_merge_turn(Context& context, const base::JobId& job, std::uint32_t number) {
    auto merge = find_merge(context.state, job, number);
    const auto round = find_round(context.state, job, number);
    if (!merge || !is_due(*merge) || merge->deadline.value == 0 || !round || merge->turn >= round->members.size()) return;
    clear_timer(context, {merge->deadline, TimerKind::merge, job.hash, number});
    set_turn(context, *merge, *round, merge->turn);
}

void draw_merge_audit(Context& context, const EpochCommitment& commitment, const Epoch& epoch) {
    auto job = find_job(context.state, commitment.job);
    if (!job || is_terminal(job->state)) return;
    auto merge = find_merge(context.state, commitment.job, commitment.round);
    if (!merge || merge->commitment != commitment.id || merge->state != MergeState::posted || !merge->audit.is_zero()) return;
    Audit wanted;
    wanted.kind = AuditKind::merge;
    wanted.job = job->id;
    wanted.round = commitment.round;
    wanted.part = commitment.id;
    wanted.worker = merge->poster;
    wanted.lease = merge->lease;
    wanted.epoch = epoch.number;
    wanted.price = job->merge_audit_price;
    auto audit = assign_audit(context, *job, wanted, 0, {}, false);
    if (!audit) {
        merge_settled(context, *job, *merge, MergeState::unaudited, {});
        save(context.state, *job);
        return;
    }
    merge->audit = audit->id;
    save(context.state, *merge);
    start_audit(context, *job, *audit);
}

void advance_merge(Context& context, const base::AuditId& id) {
    auto audit = find_audit(context.state, id);
    ASSAY_CHECK(audit.has_value());
    if (audit->state == AuditState::sealed) {
        ask_reveal(context, *audit);
        return;
    }
    if (audit->state != AuditState::revealed) return;
    auto job = find_job(context.state, audit->job);
    if (audit->verdict->kind == VerdictKind::invalid) {
        if (!by_referee(context, *job)) {
            open_vote(context, *audit);
        } else if (!find_dispute(context.state, dispute_id(audit->id.hash))) {
            open_audit_dispute(context, *audit);
        }
        return;
    }
    auto merge = find_merge(context.state, audit->job, audit->round);
    ASSAY_CHECK(job && merge && merge->audit == id);
    settle_audit(context, *job, *audit, AuditPay::hold);
    merge_settled(context, *job, *merge, MergeState::audited, {fact_of(*audit)});
    save(context.state, *job);
}

void redraw_merge(Context& context, const Audit& old) {
    auto job = find_job(context.state, old.job);
    auto merge = find_merge(context.state, old.job, old.round);
    ASSAY_CHECK(job.has_value());
    if (!merge || merge->audit != old.id) return;
    std::optional<Audit> next;
    if (old.redraws < context.parameters.redraws_max) {
        Audit wanted;
        wanted.kind = AuditKind::merge;
        wanted.job = old.job;
        wanted.round = old.round;
        wanted.part = old.part;
        wanted.worker = old.worker;
        wanted.lease = old.lease;
        wanted.epoch = old.epoch;
        wanted.redraws = old.redraws + 1;
        wanted.price = old.price;
        next = assign_audit(context, *job, wanted, old.place + 1, {old.auditor}, false);
    }
    if (!next) {
        merge_settled(context, *job, *merge, MergeState::unaudited, {});
        save(context.state, *job);
        return;
    }
    merge->audit = next->id;
    save(context.state, *merge);
    start_audit(context, *job, *next);
}

void merge_vote_decided(Context& context, Job& job, const Vote& vote, bool upheld) {
    auto merge = find_merge(context.state, job.id, vote.round);
    ASSAY_CHECK(merge.has_value());
    std::vector<AuditFact> facts;
    for (const base::AuditId& id : vote.audits) {
        if (const auto audit = find_audit(context.state, id); audit && audit->verdict) facts.push_back(fact_of(*audit));
    }
    if (!upheld) {
        merge_settled(context, job, *merge, MergeState::failed, std::move(facts));
        fail_job(context, job, CloseReason::merge_unresolved);
        return;
    }
    Undone undone;
    return_to_merge(context, job, vote.round, merge->poster, undone);
    merge->root = vote.claim;
    merge->blob = {};
    merge_settled(context, job, *merge, MergeState::replaced, std::move(facts));
    ++merge->attempt;
    set_turn(context, *merge, *find_round(context.state, job.id, vote.round), 0);
    emit(context, EventKind::merge_replaced, {{"job", job.id.hex()}, {"round", std::to_string(vote.round)}, {"root", vote.claim.hex()}});
    convict(context, job, {vote.lease, SlashReason::judgement, vote.id, vote.round + 1, {}, {}, true}, std::move(undone));
}

bool merge_refuted(Context& context, Job& job, const Dispute& dispute, Undone& undone) {
    auto merge = find_merge(context.state, job.id, dispute.round);
    ASSAY_CHECK(merge && merge->commitment == dispute.part);
    drop_disputes(context, merge->commitment);
    std::vector<AuditFact> facts;
    if (auto audit = find_audit(context.state, merge->audit)) {
        const bool worked = audit->state == AuditState::sealed || audit->state == AuditState::revealed;
        settle_audit(context, job, *audit, worked ? AuditPay::hold : AuditPay::none);
        if (audit->verdict) facts.push_back(fact_of(*audit));
    }
    return_to_merge(context, job, dispute.round, merge->poster, undone);
    merge_settled(context, job, *merge, MergeState::failed, std::move(facts));
    // The game proved this root wrong and no other right: the next member posts, under a new attempt with an audit of its own.
    MergeRecord next;
    next.job = job.id;
    next.round = dispute.round;
    next.attempt = merge->attempt + 1;
    next.barred = merge->barred;
    next.barred.push_back(merge->poster);
    auto round = find_round(context.state, job.id, dispute.round);
    round->merge_audited = false;
    save(context.state, *round);
    const auto turn = next_turn(next, *round, 0);
    if (!turn) {
        save(context.state, next);
        return false;
    }
    set_turn(context, next, *round, *turn);
    return true;
}

}  // namespace assay::market
