// Availability is decided by challenge, never by a claim: who committed to a blob shows any 64 KiB of it that somebody asks for, or is
// treated as who computed it wrongly. Otherwise withholding would be the cheap exit of a cheat who was drawn.

#include <algorithm>

#include "base/check.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// Everything about a challenge that follows from its target; the refusal when nobody can be challenged about it.
tl::expected<ChunkChallenge, Refusal> about_part(const Context& context, const ChunkTarget& target) {
    const auto part = find_part(context.state, base::PartId{target.subject});
    if (!part) return tl::unexpected(Refusal::target_unknown);
    ChunkChallenge out;
    if (target.kind == ChunkTargetKind::start) {
        // What the part itself starts from is somebody else's checkpoint, merge or initial state.
        if (target.number == 0) return tl::unexpected(Refusal::target_unknown);
        const auto delivered = std::find_if(part->delivered.begin(), part->delivered.end(),
                                            [&](const DeliveredSegment& d) { return d.segment == target.number; });
        if (delivered == part->delivered.end()) return tl::unexpected(Refusal::target_unknown);
        out.blob = delivered->start_blob;
        out.bytes = delivered->start_bytes;
    } else {
        const bool end = target.kind == ChunkTargetKind::checkpoint;
        out.blob = end ? part->end_blob : part->payload_blob;
        out.bytes = end ? part->end_bytes : part->payload_bytes;
    }
    if (out.blob.is_zero()) return tl::unexpected(Refusal::target_unknown);
    if (!can_void(*part)) return tl::unexpected(Refusal::target_closed);
    out.job = part->key.job;
    out.round = part->key.round;
    out.obliged = part->key.worker;
    out.lease = part->lease;
    return out;
}

tl::expected<ChunkChallenge, Refusal> about_merge(const Context& context, const ChunkTarget& target) {
    const auto merge = find_merge(context.state, base::JobId{target.subject}, target.number);
    if (!merge || merge->blob.is_zero()) return tl::unexpected(Refusal::target_unknown);
    ChunkChallenge out;
    out.blob = merge->blob;
    out.bytes = merge->bytes;
    out.job = merge->job;
    out.round = merge->round;
    out.obliged = merge->poster;
    out.lease = merge->lease;
    return out;
}

tl::expected<ChunkChallenge, Refusal> about_job(const Context& context, const ChunkTarget& target) {
    const auto job = find_job(context.state, base::JobId{target.subject});
    if (!job) return tl::unexpected(Refusal::target_unknown);
    // Before somebody has a lease nobody needs the data.
    if (is_terminal(job->state) || job->state == JobState::open) return tl::unexpected(Refusal::target_closed);
    ChunkChallenge out;
    out.blob = target.kind == ChunkTargetKind::init ? job->init_blob : job->data_blob;
    out.bytes = target.kind == ChunkTargetKind::init ? job->init_bytes : job->data_bytes;
    out.job = job->id;
    out.obliged = job->submitter;
    return out;
}

tl::expected<ChunkChallenge, Refusal> about(const Context& context, const ChunkTarget& target) {
    switch (target.kind) {
        case ChunkTargetKind::checkpoint:
        case ChunkTargetKind::payload:
        case ChunkTargetKind::start: return about_part(context, target);
        case ChunkTargetKind::merge: return about_merge(context, target);
        case ChunkTargetKind::init:
        case ChunkTargetKind::data: return about_job(context, target);
    }
    return tl::unexpected(Refusal::target_unknown);
}

/// A round can be challenged until its window is over: a later challenge could hold its payment for ever.
bool can_be_challenged(const Context& context, const ChunkChallenge& challenge) {
    if (challenge.round == kNoRound) return true;
    const auto job = find_job(context.state, challenge.job);
    const auto round = find_round(context.state, challenge.job, challenge.round);
    if (!job || is_terminal(job->state) || !round) return false;
    if (round->state == RoundState::final || round->state == RoundState::failed) return false;
    return round->window_ends.value == 0 || context.live < round->window_ends;
}

/// An answer costs its sender the fee of 64 KiB; the factor leaves room for the base fee to rise, and pays for the work.
std::optional<Amount> bond_of(const Context& context) {
    const std::uint64_t weight = message_weight(ChunkAnswer{}, kChunkAnswerBytesMax);
    const auto fee = base::multiply(context.chain.base_fee, weight);
    const auto bond = fee ? base::multiply(*fee, context.parameters.chunk_bond_factor) : std::nullopt;
    if (!bond) return std::nullopt;
    return base::maximum(*bond, context.parameters.chunk_bond_min);
}

ChunkDuty duty_of(const Context& context, const base::AccountId& account) {
    auto duty = find_chunk_duty(context.state, account);
    return duty ? *duty : ChunkDuty{account, 0, 0, {}};
}

void count_challenge(Context& context, const ChunkChallenge& challenge, bool more) {
    const auto change = [&](std::uint32_t& count) {
        ASSAY_CHECK(more || count > 0);
        count = more ? count + 1 : count - 1;
    };
    ChunkDuty raised = duty_of(context, challenge.challenger);
    change(raised.raised);
    save(context.state, raised);
    ChunkDuty owed = duty_of(context, challenge.obliged);
    change(owed.owed);
    if (more) owed.last_deadline = challenge.deadline;
    save(context.state, owed);
}

Attributes attributes_of(const ChunkChallenge& challenge) {
    return {{"challenge", challenge.id.hex()},
            {"job", challenge.job.hex()},
            {"target", std::string(to_word(challenge.target.kind))},
            {"subject", challenge.target.subject.hex()},
            {"number", std::to_string(challenge.target.number)},
            {"chunk", std::to_string(challenge.chunk)},
            {"blob", challenge.blob.hex()},
            {"obliged", challenge.obliged.hex()},
            {"challenger", challenge.challenger.hex()}};
}

/// The challenge is over: its bond goes to `to`. Finality may have waited for it.
void end_challenge(Context& context, const ChunkChallenge& challenge, const base::AccountId& to) {
    erase(context.state, challenge);
    count_challenge(context, challenge, false);
    credit(context, to, challenge.bond);
    if (challenge.round != kNoRound) set_timer(context, {context.in(1), TimerKind::settle, challenge.job.hash, 0});
}

void fail_for_data(Context& context, Job& job) {
    settle_segments_on_close(context, job, true);
    finish_job(context, job, JobState::failed, CloseReason::data_missing);
}

/// The job still rests on what was challenged.
bool still_matters(const Context& context, const Job& job, const ChunkChallenge& challenge) {
    if (is_terminal(job.state)) return false;
    if (challenge.round == kNoRound) return true;
    const auto round = find_round(context.state, job.id, challenge.round);
    if (!round || round->state == RoundState::final || round->state == RoundState::failed) return false;
    const auto now = about(context, challenge.target);
    return now && now->blob == challenge.blob && now->lease == challenge.lease;
}

}  // namespace

bool waits_for_chunk(const Context& context, const base::JobId& job, std::uint32_t round) {
    const auto open = [&](std::uint32_t number) { return !chunks_of_job(context.state, job, number, std::nullopt, 1).empty(); };
    return open(round) || (round > 0 && open(round - 1)) || open(kNoRound);
}

Refusal apply_chunk_challenge(Context& context, const ChunkChallengePost& message) {
    auto made = about(context, message.target);
    if (!made) return made.error();
    ChunkChallenge challenge = *made;
    if (!can_be_challenged(context, challenge)) return Refusal::target_closed;
    if (message.chunk >= base::blob_chunks(challenge.bytes)) return Refusal::chunk_out_of_range;
    challenge.id = chunk_challenge_id(message.target, message.chunk);
    if (find_chunk(context.state, challenge.id)) return Refusal::chunk_challenged;
    if (duty_of(context, context.sender).raised >= context.parameters.chunks_raised_max) return Refusal::too_many_challenges;
    const auto bond = bond_of(context);
    if (!bond) return Refusal::amount_too_large;
    if (!debit(context, context.sender, *bond)) return Refusal::insufficient_balance;

    challenge.target = message.target;
    challenge.chunk = message.chunk;
    challenge.challenger = context.sender;
    challenge.bond = *bond;
    challenge.opened_at = context.live;
    // Challenges of one account queue: a flood gives its victim time in proportion, and nobody is refused because of it. A limit for each
    // target would let who withholds fill it with chunks that it has.
    const ChunkDuty owed = duty_of(context, challenge.obliged);
    challenge.deadline = context.in(context.parameters.grace_ms);
    if (owed.owed > 0) {
        challenge.deadline =
            std::max(challenge.deadline, base::TimeMs{owed.last_deadline.value + context.parameters.chunk_answer_ms});
    }
    save(context.state, challenge);
    count_challenge(context, challenge, true);
    set_timer(context, {challenge.deadline, TimerKind::chunk, challenge.id, 0});
    Attributes attributes = attributes_of(challenge);
    attributes.emplace_back("deadline", std::to_string(challenge.deadline.value));
    attributes.emplace_back("bond", challenge.bond.decimal());
    emit(context, EventKind::chunk_challenged, std::move(attributes));
    return Refusal::none;
}

Refusal apply_chunk_answer(Context& context, const ChunkAnswer& message) {
    const auto challenge = find_chunk(context.state, message.challenge);
    if (!challenge) return Refusal::challenge_unknown;
    if (!base::verify_chunk(challenge->blob, challenge->bytes, challenge->chunk, message.bytes, message.proof)) return Refusal::wrong_chunk;

    clear_timer(context, {challenge->deadline, TimerKind::chunk, challenge->id, 0});
    end_challenge(context, *challenge, context.sender);
    if (challenge->round != kNoRound) renew_merge_turn(context, challenge->job, challenge->round);
    Attributes attributes = attributes_of(*challenge);
    attributes.emplace_back("answerer", context.sender.hex());
    attributes.emplace_back("bond", challenge->bond.decimal());
    emit(context, EventKind::chunk_answered, std::move(attributes));
    return Refusal::none;
}

void on_chunk_due(Context& context, const Timer& timer) {
    const auto challenge = find_chunk(context.state, timer.subject);
    if (!challenge || challenge->deadline != timer.due) return;
    auto job = find_job(context.state, challenge->job);
    ASSAY_CHECK(job.has_value());
    if (job->state == JobState::paused) {
        // Clocks stand in a pause.
        ChunkChallenge later = *challenge;
        later.deadline = context.in(context.parameters.grace_ms);
        save(context.state, later);
        set_timer(context, {later.deadline, TimerKind::chunk, later.id, 0});
        return;
    }
    end_challenge(context, *challenge, challenge->challenger);
    if (!still_matters(context, *job, *challenge)) {
        emit(context, EventKind::chunk_dropped, attributes_of(*challenge));
        return;
    }
    emit(context, EventKind::chunk_missing, attributes_of(*challenge));
    if (challenge->round == kNoRound) {
        fail_for_data(context, *job);
    } else {
        Conviction conviction{challenge->lease, SlashReason::no_chunk, challenge->id, challenge->round};
        // The bounty covers what the challenge cost: it is no prize.
        if (challenge->challenger != challenge->obliged) conviction.reporters.push_back(challenge->challenger);
        conviction.bounty_max = challenge->bond;
        convict(context, *job, conviction);
        close_round_if_done(context, *job);
        start_window_if_done(context, *job, challenge->round);
    }
    save(context.state, *job);
}

}  // namespace assay::market
