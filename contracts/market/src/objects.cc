#include "market/objects.h"

#include "archive.h"
#include "base/check.h"

namespace assay::market {

// One list of fields per type, in the order of docs/formats/market_state.md. `V` is the type, const
// when writing.

template <class A, Same<KeyRecord> V>
void fields(A& a, V& v) {
    a(v.cold, v.hot, v.vrf, v.valid_from, v.registered_at);
}

template <class A, Same<Account> V>
void fields(A& a, V& v) {
    a(v.id, v.balance, v.keys);
}

template <class A, Same<Stake> V>
void fields(A& a, V& v) {
    a(v.account);
    a.choice(v.role, Role::worker, Role::sequencer);
    a(v.active, v.shares, v.locked, v.jailed_at, v.convicted_at, v.tombstoned, v.unbondings,
      v.unbonding_next);
}

template <class A, Same<Unbonding> V>
void fields(A& a, V& v) {
    a(v.account);
    a.choice(v.role, Role::worker, Role::sequencer);
    a(v.number, v.amount, v.matures_at);
}

template <class A, Same<Validator> V>
void fields(A& a, V& v) {
    a(v.account, v.profile, v.flops_per_second, v.weight_max, v.away, v.open_audits, v.open_flops,
      v.declared_at);
}

template <class A, Same<WorkRecord> V>
void fields(A& a, V& v) {
    a(v.worker, v.amount, v.in_use, v.halved_at);
}

template <class A, Same<Offer> V>
void fields(A& a, V& v) {
    a(v.id, v.worker, v.price_per_gflop, v.segment_ms, v.profile, v.memory_bytes,
      v.flops_per_second, v.slots, v.slots_used, v.bond, v.arrival, v.withdrawn, v.ignored,
      v.asleep_until);
}

template <class A, Same<JobCosts> V>
void fields(A& a, V& v) {
    a(v.segment_flops, v.merge_flops, v.state_bytes, v.payload_bytes, v.memory_bytes, v.weights);
}

template <class A, Same<JobShape> V>
void fields(A& a, V& v) {
    a(v.profile, v.lanes, v.rounds, v.round_steps, v.segment_steps, v.part_segments, v.min_lanes,
      v.price_ceiling, v.audit_rate_ppm, v.audit_lag, v.round_deadline_s, v.public_job);
}

template <class A, Same<Hold> V>
void fields(A& a, V& v) {
    a(v.segment_pay, v.audits, v.drawn, v.fees);
}

template <class A, Same<Spent> V>
void fields(A& a, V& v) {
    a(v.workers, v.auditors, v.protocol_fees, v.refunded, v.pauses, v.unproved);
}

template <class A, Same<Job> V>
void fields(A& a, V& v) {
    a(v.id, v.submitter, v.nonce_lane, v.nonce, v.spec_root, v.program_root, v.init_root,
      v.init_blob, v.params_id, v.costs, v.init_flops, v.shape, v.audit_price, v.merge_audit_price,
      v.init_audit_price, v.held, v.hold, v.spent);
    a.choice(v.state, JobState::open, JobState::settling);
    a.choice(v.reason, CloseReason::none, CloseReason::no_auditors);
    a.choice(v.end_state, JobState::open, JobState::settling);
    a(v.posted_at, v.state_since, v.deadline, v.window_ends, v.paused_ms, v.init_passed, v.round,
      v.opening_root, v.opening_blob, v.final_rounds, v.final_root, v.final_blob, v.final_segments,
      v.audited_segments, v.unproved_segments, v.active_leases, v.expected, v.backlog_flops,
      v.open_claims, v.open_disputes, v.open_questions, v.history, v.history_count, v.closed_at,
      v.data_blob, v.init_bytes, v.data_bytes, v.payload_bytes, v.transaction);
}

template <class A, Same<Reservation> V>
void fields(A& a, V& v) {
    a(v.offer, v.worker, v.price, v.lock, v.bond, v.record_used, v.rate_ppm, v.segment_ms,
      v.accepted);
}

template <class A, Same<Lane> V>
void fields(A& a, V& v) {
    a(v.job, v.lane, v.lease, v.leases, v.passed_parts, v.committed_parts, v.next_start_root,
      v.next_start_blob, v.vacant_since);
    a.choice(v.wait, LaneWait::none, LaneWait::audit_backlog);
    a(v.expected, v.funded_at, v.asked, v.ask, v.ask_ends, v.excluded, v.match_after, v.relet_price,
      v.relet_segments, v.relet_pot);
}

template <class A, Same<Lease> V>
void fields(A& a, V& v) {
    a(v.id, v.job, v.lane, v.worker, v.offer, v.price, v.rate_ppm, v.lock, v.bond, v.segment_ms);
    a.choice(v.state, LeaseState::active, LeaseState::settled);
    a.choice(v.end, LeaseEnd::none, LeaseEnd::conceded);
    a(v.started_at, v.ended_at, v.deadline, v.start_round, v.start_part, v.last_round, v.commits,
      v.open_parts, v.passed_segments, v.paid_segments, v.record_used, v.extensions);
}

template <class A, Same<Receipt> V>
void fields(A& a, V& v) {
    a(v.blob, v.bytes, v.kept_until_block_time, v.signature);
}

template <class A, Same<RoundMember> V>
void fields(A& a, V& v) {
    a(v.lane, v.worker, v.lease, v.part, v.end_root, v.payload_root, v.payload_blob, v.end_blob);
}

template <class A, Same<Round> V>
void fields(A& a, V& v) {
    a(v.job, v.round);
    a.choice(v.state, RoundState::open, RoundState::failed);
    a(v.opening_root, v.opening_blob, v.opened_at, v.deadline, v.extended, v.closed_at, v.members,
      v.closing_root, v.closing_blob, v.merged_at, v.window_ends, v.open_parts, v.merge_audited,
      v.open_disputes, v.open_questions);
}

template <class A, Same<MergeRecord> V>
void fields(A& a, V& v) {
    a(v.job, v.round, v.attempt);
    a.choice(v.state, MergeState::waiting, MergeState::refuted);
    a(v.turn, v.deadline, v.poster, v.lease, v.root, v.blob, v.commitment, v.bytes, v.barred,
      v.extensions, v.transaction);
}

template <class A, Same<PartKey> V>
void fields(A& a, V& v) {
    a(v.job, v.round, v.lane, v.stage, v.part, v.worker, v.attempt);
}

template <class A, Same<SegmentLeaf> V>
void fields(A& a, V& v) {
    a(v.salt, v.start_root, v.end_field);
}

template <class A, Same<DeliveredSegment> V>
void fields(A& a, V& v) {
    a(v.segment, v.leaf, v.start_blob, v.start_bytes);
}

template <class A, Same<Part> V>
void fields(A& a, V& v) {
    a(v.id, v.key, v.lease);
    a.choice(v.state, PartState::committed, PartState::unproved);
    a(v.tree_root, v.first_segment, v.segments, v.start_root, v.end_root, v.start_blob, v.end_blob,
      v.payload_root, v.payload_blob, v.last_loss_bits, v.transaction, v.closing, v.epoch,
      v.committed_at, v.deadline, v.delivered, v.draws, v.open_claims, v.expected, v.passed_at,
      v.end_bytes, v.payload_bytes, v.passed_entry);
}

template <class A, Same<Claim> V>
void fields(A& a, V& v) {
    a(v.subject, v.segment);
    a.choice(v.kind, ClaimKind::segment, ClaimKind::init);
    a(v.job, v.round, v.lane, v.worker, v.lease, v.rate_ppm, v.draws, v.open, v.redraws, v.valid,
      v.sought, v.missed, v.fund, v.over);
}

template <class A, Same<EpochMember> V>
void fields(A& a, V& v) {
    a(v.epoch, v.validator, v.weight, v.y, v.transaction, v.barred_from);
}

template <class A, Same<Epoch> V>
void fields(A& a, V& v) {
    a(v.number);
    a.choice(v.state, EpochState::open, EpochState::done);
    a(v.opened_at, v.deadline, v.commitments_root, v.commitments, v.log_size, v.log_root, v.members,
      v.contributed, v.weight, v.jailed_weight, v.contributed_weight, v.void_, v.member_after,
      v.weight_after, v.draw_after, v.draw_segment, v.draw_member);
    a.choice(v.draw_phase, DrawPhase::look, DrawPhase::draw);
    a(v.draw_unbarred, v.draw_weight, v.drawn, v.members_hash);
}

template <class A, Same<EpochCommitment> V>
void fields(A& a, V& v) {
    a(v.epoch, v.id);
    a.choice(v.kind, CommitmentKind::part, CommitmentKind::job);
    a(v.job, v.subject, v.segment, v.audit, v.round, v.root);
}

template <class A, Same<Verdict> V>
void fields(A& a, V& v) {
    a.choice(v.kind, VerdictKind::valid, VerdictKind::invalid);
    a(v.end_root, v.cells_digest);
}

template <class A, Same<Audit> V>
void fields(A& a, V& v) {
    a(v.id);
    a.choice(v.kind, AuditKind::audit, AuditKind::control);
    a.choice(v.claim, ClaimKind::segment, ClaimKind::init);
    a(v.job, v.round, v.lane, v.subject, v.segment, v.worker, v.lease, v.auditor, v.epoch,
      v.controls, v.price, v.fund, v.lock, v.flops);
    a.choice(v.state, AuditState::drawn, AuditState::settled);
    a(v.epoch_opened, v.drawn_at, v.deadline, v.seal, v.verdict, v.spot, v.salt, v.cells,
      v.controls_open, v.redraws, v.extensions, v.paid, v.revealed);
}

template <class A, Same<StoredTarget> V>
void fields(A& a, V& v) {
    a.choice(v.kind, StoredKind::checkpoint, StoredKind::start);
    a(v.subject, v.number);
}

template <class A, Same<Question> V>
void fields(A& a, V& v) {
    a(v.id);
    a.choice(v.kind, QuestionKind::chunk, QuestionKind::state);
    a(v.target, v.chunk, v.blob, v.bytes, v.root, v.job, v.round, v.obliged, v.lease, v.asker,
      v.bond, v.answered, v.rounds, v.answerer, v.opened_at, v.deadline);
}

template <class A, Same<QuestionDuty> V>
void fields(A& a, V& v) {
    a(v.account, v.raised, v.owed, v.owed_ms);
}

template <class A, Same<ChallengeTarget> V>
void fields(A& a, V& v) {
    a.choice(v.kind, DisputeTarget::segment, DisputeTarget::cell);
    a(v.part, v.segment, v.job, v.round);
}

template <class A, Same<ChallengeSeal> V>
void fields(A& a, V& v) {
    a(v.account, v.number, v.digest, v.height, v.deadline);
}

template <class A, Same<Pool> V>
void fields(A& a, V& v) {
    a(v.id, v.target, v.job, v.round, v.lane, v.claimed, v.opened_height, v.members, v.started,
      v.playing, v.batch);
}

template <class A, Same<PoolMember> V>
void fields(A& a, V& v) {
    a(v.pool, v.number, v.account);
    a.choice(v.role, Role::worker, Role::sequencer);
    a(v.bond, v.sealed);
}

template <class A, Same<Dispute> V>
void fields(A& a, V& v) {
    a(v.id);
    a.choice(v.target, DisputeTarget::segment, DisputeTarget::cell);
    a.choice(v.state, DisputeState::open, DisputeState::dropped);
    a(v.job, v.round, v.lane, v.part, v.segment, v.lease, v.asserter, v.challenger, v.audit,
      v.defended, v.pool);
    a.choice(v.role, Role::worker, Role::sequencer);
    a(v.bond, v.asserted, v.claimed, v.cell);
    a.choice(v.turn, Side::asserter, Side::challenger);
    a(v.traced, v.opened_height, v.opened_at, v.turn_since, v.deadline, v.asserter_ms,
      v.challenger_ms, v.planned_ms, v.moves, v.asserter_spent, v.challenger_spent);
}

template <class A, Same<GameLoad> V>
void fields(A& a, V& v) {
    a(v.account, v.games, v.planned_ms);
}

template <class A, Same<Chain> V>
void fields(A& a, V& v) {
    a(v.id, v.operator_key, v.app_version, v.params_id, v.recorded_height, v.recorded_block_time,
      v.recorded_live, v.base_fee, v.block_weight, v.epoch_next, v.epoch_open, v.backlog_flops,
      v.arrivals, v.supply);
}

template <class A, Same<AuditFact> V>
void fields(A& a, V& v) {
    a(v.segment, v.audit, v.auditor);
    a.choice(v.verdict, VerdictKind::valid, VerdictKind::invalid);
    a(v.end_root);
}

template <class A, Same<PartPassed> V>
void fields(A& a, V& v) {
    a(v.key, v.part, v.first_segment, v.tree_root, v.start_root, v.end_root, v.payload_root,
      v.leaves, v.audits);
}

template <class A, Same<PartVoided> V>
void fields(A& a, V& v) {
    a(v.key, v.part, v.unproved);
}

template <class A, Same<RoundClosed> V>
void fields(A& a, V& v) {
    a(v.round, v.opening_root, v.members);
}

template <class A, Same<RoundMerged> V>
void fields(A& a, V& v) {
    a(v.round, v.attempt, v.poster, v.root, v.blob);
}

template <class A, Same<MergeAudited> V>
void fields(A& a, V& v) {
    a(v.round, v.attempt);
    a.choice(v.outcome, MergeState::waiting, MergeState::refuted);
    a(v.root, v.audits);
}

template <class A, Same<InitAudited> V>
void fields(A& a, V& v) {
    a(v.root, v.audits);
}

template <class A, Same<RoundFinal> V>
void fields(A& a, V& v) {
    a(v.round, v.root, v.segments, v.audited);
}

template <class A, Same<Slashed> V>
void fields(A& a, V& v) {
    a(v.worker, v.lease);
    a.choice(v.reason, SlashReason::judgement, SlashReason::wrong_blob);
    a(v.evidence, v.amount);
}

template <class A, Same<JobClosed> V>
void fields(A& a, V& v) {
    a.choice(v.state, JobState::open, JobState::settling);
    a.choice(v.reason, CloseReason::none, CloseReason::no_auditors);
    a(v.final_root, v.final_rounds, v.spent);
}

namespace {

template <class T>
base::Bytes write(const T& value) {
    base::Encoder out;
    Writer writer(out);
    fields(writer, value);
    return out.take();
}

template <class T>
std::optional<T> read(base::ByteView bytes) {
    base::Decoder in(bytes);
    Reader reader(in);
    T value;
    fields(reader, value);
    if (!in.finished()) return std::nullopt;
    return value;
}

/// Reads alternative number `tag` of the history entries.
template <std::size_t I = 0>
std::optional<JobHistoryEntry> read_entry(std::size_t tag, base::ByteView bytes) {
    if constexpr (I == std::variant_size_v<JobHistoryEntry>) {
        return std::nullopt;
    } else {
        if (tag != I) return read_entry<I + 1>(tag, bytes);
        auto value = read<std::variant_alternative_t<I, JobHistoryEntry>>(bytes);
        if (!value) return std::nullopt;
        return JobHistoryEntry{std::in_place_index<I>, std::move(*value)};
    }
}

}  // namespace

base::Bytes encode(const Account& value) { return write(value); }
base::Bytes encode(const Stake& value) { return write(value); }
base::Bytes encode(const Unbonding& value) { return write(value); }
base::Bytes encode(const Validator& value) { return write(value); }
base::Bytes encode(const WorkRecord& value) { return write(value); }
base::Bytes encode(const Offer& value) { return write(value); }
base::Bytes encode(const Job& value) { return write(value); }
base::Bytes encode(const Lane& value) { return write(value); }
base::Bytes encode(const Lease& value) { return write(value); }
base::Bytes encode(const Receipt& value) { return write(value); }
base::Bytes encode(const Round& value) { return write(value); }
base::Bytes encode(const MergeRecord& value) { return write(value); }
base::Bytes encode(const Part& value) { return write(value); }
base::Bytes encode(const Claim& value) { return write(value); }
base::Bytes encode(const Epoch& value) { return write(value); }
base::Bytes encode(const EpochMember& value) { return write(value); }
base::Bytes encode(const EpochCommitment& value) { return write(value); }
base::Bytes encode(const Audit& value) { return write(value); }
base::Bytes encode(const Question& value) { return write(value); }
base::Bytes encode(const QuestionDuty& value) { return write(value); }
base::Bytes encode(const Pool& value) { return write(value); }
base::Bytes encode(const PoolMember& value) { return write(value); }
base::Bytes encode(const Dispute& value) { return write(value); }
base::Bytes encode(const GameLoad& value) { return write(value); }
base::Bytes encode(const ChallengeSeal& value) { return write(value); }
base::Bytes encode(const Chain& value) { return write(value); }

base::Bytes encode(const JobHistoryEntry& value) {
    base::Encoder out;
    out.u8(static_cast<std::uint8_t>(value.index()));
    Writer writer(out);
    std::visit([&](const auto& entry) { fields(writer, entry); }, value);
    return out.take();
}

template <class T>
std::optional<T> decode(base::ByteView bytes) {
    return read<T>(bytes);
}
template std::optional<Account> decode<Account>(base::ByteView);
template std::optional<Stake> decode<Stake>(base::ByteView);
template std::optional<Unbonding> decode<Unbonding>(base::ByteView);
template std::optional<Validator> decode<Validator>(base::ByteView);
template std::optional<WorkRecord> decode<WorkRecord>(base::ByteView);
template std::optional<Offer> decode<Offer>(base::ByteView);
template std::optional<Job> decode<Job>(base::ByteView);
template std::optional<Lane> decode<Lane>(base::ByteView);
template std::optional<Lease> decode<Lease>(base::ByteView);
template std::optional<Receipt> decode<Receipt>(base::ByteView);
template std::optional<Round> decode<Round>(base::ByteView);
template std::optional<MergeRecord> decode<MergeRecord>(base::ByteView);
template std::optional<Part> decode<Part>(base::ByteView);
template std::optional<Claim> decode<Claim>(base::ByteView);
template std::optional<Epoch> decode<Epoch>(base::ByteView);
template std::optional<EpochMember> decode<EpochMember>(base::ByteView);
template std::optional<EpochCommitment> decode<EpochCommitment>(base::ByteView);
template std::optional<Audit> decode<Audit>(base::ByteView);
template std::optional<Question> decode<Question>(base::ByteView);
template std::optional<QuestionDuty> decode<QuestionDuty>(base::ByteView);
template std::optional<Pool> decode<Pool>(base::ByteView);
template std::optional<PoolMember> decode<PoolMember>(base::ByteView);
template std::optional<Dispute> decode<Dispute>(base::ByteView);
template std::optional<GameLoad> decode<GameLoad>(base::ByteView);
template std::optional<ChallengeSeal> decode<ChallengeSeal>(base::ByteView);
template std::optional<Chain> decode<Chain>(base::ByteView);

template <>
std::optional<JobHistoryEntry> decode<JobHistoryEntry>(base::ByteView bytes) {
    if (bytes.empty()) return std::nullopt;
    return read_entry(bytes[0], bytes.subspan(1));
}

base::AccountId account_id(const base::Hash& chain_id, const base::PublicKey& cold) {
    return {base::Hasher("assay.account").add(chain_id).add(cold.view()).finish()};
}

base::AccountId system_account(SystemAccount account) {
    return {base::Hasher("assay.system").add_u8(static_cast<std::uint8_t>(account)).finish()};
}

base::Hash chunk_question_id(const StoredTarget& target, std::uint64_t chunk) {
    return base::Hasher("assay.chunk")
        .add_u8(static_cast<std::uint8_t>(target.kind))
        .add(target.subject)
        .add_u32(target.number)
        .add_u64(chunk)
        .finish();
}

base::Hash state_question_id(const StoredTarget& target, const base::AccountId& asker) {
    return base::Hasher("assay.question")
        .add_u8(static_cast<std::uint8_t>(target.kind))
        .add(target.subject)
        .add_u32(target.number)
        .add(asker.hash)
        .finish();
}

base::Hash challenge_digest(const base::AccountId& account, const ChallengeTarget& target,
                            const base::Hash& claimed, const base::Hash& nonce) {
    return base::Hasher("assay.challenge")
        .add(account.hash)
        .add_u8(static_cast<std::uint8_t>(target.kind))
        .add(target.part.hash)
        .add_u32(target.segment)
        .add(target.job.hash)
        .add_u32(target.round)
        .add(claimed)
        .add(nonce)
        .finish();
}

base::Hash pool_id(const ChallengeTarget& target, const base::Hash& claimed) {
    return base::Hasher("assay.pool")
        .add(target.part.hash)
        .add_u32(target.segment)
        .add(claimed)
        .finish();
}

base::DisputeId dispute_id(const base::Hash& cause, std::uint32_t number) {
    return {base::Hasher("assay.dispute").add(cause).add_u32(number).finish()};
}

base::Hash extend_history(const base::Hash& history, base::ByteView encoded_entry) {
    return base::Hasher("assay.history").add(history).add(encoded_entry).finish();
}

bool verify_receipt(const Receipt& receipt, const base::PublicKey& store,
                    const base::Hash& chain_id) {
    return base::verify(
        store, receipt.signature, kReceiptDomain, chain_id,
        receipt_message(receipt.blob, receipt.bytes, receipt.kept_until_block_time));
}

bool is_terminal(JobState state) {
    switch (state) {
        case JobState::open:
        case JobState::running:
        case JobState::paused:
        case JobState::verifying:
        case JobState::settling:
            return false;
        case JobState::completed:
        case JobState::failed:
        case JobState::cancelled:
        case JobState::expired:
        case JobState::insufficient_funds:
        case JobState::diverged:
            return true;
    }
    return false;
}

}  // namespace assay::market
