#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "disputes.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

namespace {

/// Somebody must post.
bool is_due(const MergeRecord& merge) { return merge.state == MergeState::waiting; }

/// To fetch what the members have sent, to merge on the job's minimum class, and to bring the state
/// to the store.
std::uint64_t merge_turn_ms(const Context& context, const base::JobId& id, const Round& round) {
    const Job job = find_job(context.state, id).value();
    const Parameters parameters = parameters_of(context, job);
    const auto merging = static_cast<base::Uint128>(job.costs.merge_flops) * 1000 *
                         parameters.audit_time_factor / parameters.reference_flops;
    const std::uint64_t bytes = job.init_bytes + round.members.size() * job.payload_bytes;
    return parameters.grace_ms +
           static_cast<std::uint64_t>(std::min<base::Uint128>(merging, parameters.audit_ms_max)) +
           transfer_ms(bytes);
}

void set_turn(Context& context, MergeRecord& merge, const Round& round, std::uint32_t turn) {
    if (turn != merge.turn) merge.extensions = 0;
    merge.turn = turn;
    merge.deadline = context.in(merge_turn_ms(context, merge.job, round));
    set_timer(context, {merge.deadline, TimerKind::merge, merge.job.hash, merge.round});
    save(context.state, merge);
    emit(context, EventKind::merge_due,
         {{"job", merge.job.hex()},
          {"round", std::to_string(merge.round)},
          {"worker", round.members[turn].worker.hex()},
          {"turn", std::to_string(turn)}});
}

bool is_barred(const MergeRecord& merge, const base::AccountId& worker) {
    return std::find(merge.barred.begin(), merge.barred.end(), worker) != merge.barred.end();
}

/// The first member from `from` on that may post.
std::optional<std::uint32_t> next_turn(const MergeRecord& merge, const Round& round,
                                       std::uint32_t from) {
    for (std::uint32_t turn = from; turn < round.members.size(); ++turn) {
        if (!is_barred(merge, round.members[turn].worker)) return turn;
    }
    return std::nullopt;
}

/// The merge is settled: `outcome` stands with `root`.
void merge_settled(Context& context, Job& job, MergeRecord& merge, MergeState outcome,
                   std::vector<AuditFact> facts) {
    merge.state = outcome;
    Round& round = need_round(context, job.id, merge.round);
    round.merge_audited = outcome == MergeState::audited;
    append_history(context, job,
                   MergeAudited{merge.round, merge.attempt, outcome, merge.root, std::move(facts)});
    emit(context, EventKind::merge_audited,
         {{"job", job.id.hex()},
          {"round", std::to_string(merge.round)},
          {"outcome", std::string(to_word(outcome))},
          {"root", merge.root.hex()}});
    start_window_if_done(context, job, merge.round);
}

/// It had its turn and was silent, and lost its lease for it.
bool was_silent(const Context& context, const RoundMember& member, const Round& round) {
    const auto lease = find_lease(context.state, member.lease);
    return lease && lease->end == LeaseEnd::deadline && lease->ended_at >= round.closed_at;
}

/// Nobody posts: lanes of those who were silent train the round's last part again, under others,
/// and the silent are not paid for theirs: a round without its merge is worth nothing. Whoever had
/// left before owes no merge and is paid.
void train_again(Context& context, Job& job, const Round& round) {
    Undone undone;
    for (const RoundMember& member : round.members) {
        if (!was_silent(context, member, round)) continue;
        const auto part = find_part(context.state, member.part);
        ASSAY_CHECK(part.has_value());
        undo_lane(context, job, round.round, member.lane, part->key.part, part->key.worker, undone);
    }
    if (!undone.reopen) return fail_job(context, job, CloseReason::no_merge);
    roll_back(context, job, {}, undone);
    for (const base::LeaseId& lease : undone.leases) settle_lease_if_done(context, lease);
}

}  // namespace

void wait_for_merge(Context& context, const Job& job, std::uint32_t round, std::size_t members) {
    ASSAY_CHECK(members > 0);
    MergeRecord merge;
    merge.job = job.id;
    merge.round = round;
    if (const auto undone = find_merge(context.state, job.id, round))
        merge.attempt = undone->attempt;
    const auto record = find_round(context.state, job.id, round);
    ASSAY_CHECK(record.has_value());
    set_turn(context, merge, *record, 0);
}

Refusal apply_merge_post(Context& context, const MergePost& message) {
    auto* job = live_job(context, message.job);
    if (!job) return Refusal::job_unknown;
    if (job->state != JobState::running) return Refusal::job_state;
    auto* round = live_round(context, job->id, message.round);
    auto* merge = live_merge(context, job->id, message.round);
    if (!round || !merge || message.round != job->round)
        return merge && round ? Refusal::merge_known : Refusal::merge_not_due;
    if (!is_due(*merge)) return Refusal::merge_known;
    const auto member =
        std::find_if(round->members.begin(), round->members.end(),
                     [&](const RoundMember& m) { return m.worker == context.sender; });
    const auto turn = static_cast<std::uint64_t>(member - round->members.begin());
    if (member == round->members.end() || turn > merge->turn || is_barred(*merge, context.sender))
        return Refusal::not_your_turn;
    if (message.merge_root.is_zero()) return Refusal::merge_unexpected;
    if (message.receipt.blob.is_zero() ||
        !verify_receipt(message.receipt, context.chain.operator_key, context.chain.id)) {
        return Refusal::receipt_invalid;
    }
    if (message.receipt.bytes != job->init_bytes) return Refusal::receipt_size_wrong;
    if (message.receipt.kept_until_block_time.value <
        context.block.time.value + context.parameters.grace_ms) {
        return Refusal::receipt_expires_early;
    }

    clear_timer(context, {merge->deadline, TimerKind::merge, job->id.hash, message.round});
    merge->deadline = {};
    merge->poster = context.sender;
    merge->lease = member->lease;
    merge->root = message.merge_root;
    merge->blob = message.receipt.blob;
    merge->bytes = message.receipt.bytes;
    merge->transaction = context.transaction;
    merge->state = MergeState::posted;
    merge->commitment =
        merge_commitment_id(context.chain.id, job->id, message.round, merge->attempt);
    join_epoch(context, {0,
                         merge->commitment,
                         CommitmentKind::merge,
                         job->id,
                         merge->commitment,
                         0,
                         {},
                         message.round,
                         merge->root});
    Claim claim;
    claim.subject = merge->commitment;
    claim.kind = ClaimKind::merge;
    claim.job = job->id;
    claim.round = message.round;
    claim.worker = merge->poster;
    claim.lease = merge->lease;
    open_claim(context, *job, claim);
    round->state = RoundState::merged;
    round->closing_root = merge->root;
    round->closing_blob = merge->blob;
    round->merged_at = context.live;
    round->merge_audited = false;
    append_history(
        context, *job,
        RoundMerged{message.round, merge->attempt, merge->poster, merge->root, merge->blob});
    emit(context, EventKind::merge_posted,
         {{"job", job->id.hex()},
          {"round", std::to_string(message.round)},
          {"root", merge->root.hex()},
          {"worker", merge->poster.hex()}});
    open_next_round(context, *job);
    start_window_if_done(context, *job, message.round);
    return Refusal::none;
}

void on_merge(Context& context, const Timer& timer) {
    auto* job = live_job(context, base::JobId{timer.subject});
    if (!job || is_terminal(job->state) || job->state == JobState::settling) return;
    const auto round_number = static_cast<std::uint32_t>(timer.number);
    auto* merge = live_merge(context, job->id, round_number);
    if (!merge || !is_due(*merge) || merge->deadline != timer.due) return;
    const auto round = find_round(context.state, job->id, round_number);
    ASSAY_CHECK(round.has_value());
    const bool paused = job->state == JobState::paused;
    const bool asks = merge->turn < round->members.size() &&
                      has_asked(context, round->members[merge->turn].worker, job->id);
    const bool lacks = merge->extensions < kExtensionsMax &&
                       (asks || waits_for_answer(context, job->id, round_number));
    if (lacks || paused) {
        if (!paused) ++merge->extensions;
        set_turn(context, *merge, *round, merge->turn);
        return;
    }
    // Being silent here holds everybody up, as missing a lane's deadline does.
    if (merge->turn < round->members.size())
        release_lease(context, *job, round->members[merge->turn].lease, LeaseEnd::deadline, true);
    if (const auto next = next_turn(*merge, *round, merge->turn + 1))
        set_turn(context, *merge, *round, *next);
    else
        train_again(context, *job, *round);
}

void renew_merge_turn(Context& context, const base::JobId& job, std::uint32_t number) {
    auto* merge = live_merge(context, job, number);
    const auto round = find_round(context.state, job, number);
    if (!merge || !is_due(*merge) || merge->deadline.value == 0 || !round ||
        merge->turn >= round->members.size())
        return;
    // Questions cost a bond that their answers pay: without a bound a friend who answers would hold
    // the job for that.
    if (merge->extensions >= kExtensionsMax) return;
    ++merge->extensions;
    clear_timer(context, {merge->deadline, TimerKind::merge, job.hash, number});
    set_turn(context, *merge, *round, merge->turn);
}

void merge_judged(Context& context, Job& job, const Claim& claim) {
    auto* merge = live_merge(context, job.id, claim.round);
    if (!merge || merge->commitment != claim.subject || merge->state != MergeState::posted) return;
    merge_settled(context, job, *merge, MergeState::audited, facts_of(context, claim.subject));
}

bool merge_refuted(Context& context, Job& job, const Dispute& dispute, Undone& undone) {
    auto* merge = live_merge(context, job.id, dispute.round);
    ASSAY_CHECK(merge && merge->commitment == dispute.part);
    drop_disputes(context, job, merge->commitment);
    drop_merge_questions(context, job, dispute.round);
    std::vector<AuditFact> facts = facts_of(context, merge->commitment);
    end_claims(context, job, merge->commitment);
    return_to_merge(context, job, dispute.round, merge->poster, undone);
    merge_settled(context, job, *merge, MergeState::refuted, std::move(facts));
    // The game proved this root wrong and no other right: the next member posts, under a new
    // attempt with an audit of its own.
    MergeRecord next;
    next.job = job.id;
    next.round = dispute.round;
    next.attempt = merge->attempt + 1;
    next.barred = merge->barred;
    next.barred.push_back(merge->poster);
    auto* round = live_round(context, job.id, dispute.round);
    round->merge_audited = false;
    // A job that settles commits nothing new.
    if (job.state == JobState::settling) {
        save(context.state, next);
        return true;
    }
    const auto turn = next_turn(next, *round, 0);
    if (!turn) {
        save(context.state, next);
        return false;
    }
    set_turn(context, next, *round, *turn);
    return true;
}

}  // namespace assay::market
