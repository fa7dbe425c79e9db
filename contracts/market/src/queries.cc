#include "market/queries.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/encoding.h"
#include "market/tables.h"

namespace assay::market {

namespace {

using base::Bytes;
using base::ByteView;

/// A stored value: what does not decode was not written by these rules.
template <class T>
T must_decode(ByteView bytes) {
    auto value = decode<T>(bytes);
    ASSAY_CHECK(value.has_value());
    return std::move(*value);
}

template <class T>
std::optional<T> find(const StateReader& state, const Bytes& key) {
    const auto bytes = state.get(key);
    if (!bytes) return std::nullopt;
    return must_decode<T>(*bytes);
}

/// The least key greater than `key`.
Bytes after_key(Bytes key) {
    key.push_back(0);
    return key;
}

/// Calls `visit(key, value)` for entries under `prefix` from `from` on until it returns false.
template <class Visit>
void scan(const StateReader& state, Bytes from, const Bytes& prefix, Visit visit) {
    while (auto entry = state.seek(from, prefix)) {
        if (!visit(entry->first, entry->second)) return;
        from = after_key(std::move(entry->first));
    }
}

/// The id in the last 32 bytes of an index key.
template <class IdType>
IdType last_id(ByteView key) {
    ASSAY_CHECK(key.size() > 32);
    const auto hash = base::hash_from_bytes(key.subspan(key.size() - 32));
    ASSAY_CHECK(hash.has_value());
    return IdType{*hash};
}

/// The key without its last 32 bytes: prefix of an index.
Bytes without_id(Bytes key) {
    key.erase(key.end() - 32, key.end());
    return key;
}

/// Objects that an index names, in its order.
template <class T, class IdType, class Find>
std::vector<T> indexed(const StateReader& state, const Bytes& prefix, Bytes from, std::size_t limit,
                       Find find_one) {
    std::vector<T> out;
    scan(state, std::move(from), prefix, [&](const Bytes& key, const Bytes&) {
        if (out.size() >= limit) return false;
        auto value = find_one(state, last_id<IdType>(key));
        ASSAY_CHECK(value.has_value());
        out.push_back(std::move(*value));
        return true;
    });
    return out;
}

}  // namespace

Chain load_chain(const StateReader& state) {
    auto chain = find<Chain>(state, chain_key());
    ASSAY_CHECK(chain.has_value());
    return std::move(*chain);
}

Parameters load_parameters(const StateReader& state, const base::Hash& id) {
    const auto bytes = state.get(parameters_key(id));
    ASSAY_CHECK(bytes.has_value());
    const auto parameters = decode_parameters(*bytes);
    ASSAY_CHECK(parameters.has_value());
    return *parameters;
}

Parameters current_parameters(const StateReader& state) {
    return load_parameters(state, load_chain(state).params_id);
}

base::TimeMs live_time(const Chain& chain, base::Height height, base::TimeMs block_time,
                       std::uint64_t live_step_ms_max) {
    const std::uint64_t elapsed = block_time > chain.recorded_block_time
                                      ? block_time.value - chain.recorded_block_time.value
                                      : 0;
    const std::uint64_t blocks =
        height > chain.recorded_height ? height.value - chain.recorded_height.value : 0;
    const std::uint64_t blocks_bound =
        std::numeric_limits<std::uint64_t>::max() / std::max<std::uint64_t>(live_step_ms_max, 1);
    const std::uint64_t most = blocks > blocks_bound ? std::numeric_limits<std::uint64_t>::max()
                                                     : blocks * live_step_ms_max;
    return {chain.recorded_live.value + std::min(elapsed, most)};
}

std::optional<Account> find_account(const StateReader& state, const base::AccountId& id) {
    return find<Account>(state, account_key(id));
}

base::Amount balance_of(const StateReader& state, const base::AccountId& id) {
    const auto account = find_account(state, id);
    return account ? account->balance : base::Amount{};
}

std::uint64_t next_nonce(const StateReader& state, const base::AccountId& id,
                         std::uint32_t nonce_lane) {
    const auto bytes = state.get(nonce_key(id, nonce_lane));
    if (!bytes) return 0;
    base::Decoder in(*bytes);
    const std::uint64_t nonce = in.u64();
    ASSAY_CHECK(in.finished());
    return nonce;
}

std::optional<Stake> find_stake(const StateReader& state, const base::AccountId& id, Role role) {
    return find<Stake>(state, stake_key(id, role));
}

std::vector<Unbonding> unbondings_of(const StateReader& state, const base::AccountId& id,
                                     Role role) {
    std::vector<Unbonding> out;
    Bytes prefix = unbonding_key(id, role, 0);
    prefix.erase(prefix.end() - 8, prefix.end());
    scan(state, prefix, prefix, [&](const Bytes&, const Bytes& value) {
        out.push_back(must_decode<Unbonding>(value));
        return true;
    });
    return out;
}

std::optional<Validator> find_validator(const StateReader& state, const base::AccountId& id) {
    return find<Validator>(state, validator_key(id));
}

std::vector<base::AccountId> validators_by_stake(const StateReader& state, std::size_t limit) {
    std::vector<base::AccountId> out;
    const Bytes prefix = table_prefix(Table::validator_by_stake);
    scan(state, prefix, prefix, [&](const Bytes& key, const Bytes&) {
        if (out.size() >= limit) return false;
        out.push_back(last_id<base::AccountId>(key));
        return true;
    });
    return out;
}

std::optional<Offer> find_offer(const StateReader& state, const base::OfferId& id) {
    return find<Offer>(state, offer_key(id));
}

std::vector<Offer> offers_by_price(const StateReader& state, std::size_t limit) {
    const Bytes prefix = table_prefix(Table::offer_by_price);
    return indexed<Offer, base::OfferId>(state, prefix, prefix, limit, find_offer);
}

std::vector<Offer> offers_of(const StateReader& state, const base::AccountId& worker,
                             std::size_t limit) {
    const Bytes prefix = without_id(offer_of_worker_key(worker, {}));
    return indexed<Offer, base::OfferId>(state, prefix, prefix, limit, find_offer);
}

std::optional<WorkRecord> find_record(const StateReader& state, const base::AccountId& worker) {
    return find<WorkRecord>(state, record_key(worker));
}

std::optional<Job> find_job(const StateReader& state, const base::JobId& id) {
    return find<Job>(state, job_key(id));
}

std::vector<Job> jobs(const StateReader& state, const std::optional<base::JobId>& after,
                      std::size_t limit) {
    std::vector<Job> out;
    const Bytes prefix = table_prefix(Table::job);
    scan(state, after ? after_key(job_key(*after)) : prefix, prefix,
         [&](const Bytes&, const Bytes& value) {
             if (out.size() >= limit) return false;
             out.push_back(must_decode<Job>(value));
             return true;
         });
    return out;
}

std::vector<Job> jobs_in_state(const StateReader& state, JobState job_state,
                               const std::optional<base::JobId>& after, std::size_t limit) {
    const Bytes prefix = without_id(job_by_state_key(job_state, {}));
    return indexed<Job, base::JobId>(
        state, prefix, after ? after_key(job_by_state_key(job_state, *after)) : prefix, limit,
        find_job);
}

std::optional<base::Bytes> find_spec(const StateReader& state, const base::JobId& id) {
    return state.get(spec_key(id));
}

std::optional<Lane> find_lane(const StateReader& state, const base::JobId& job,
                              std::uint32_t lane) {
    return find<Lane>(state, lane_key(job, lane));
}

std::vector<Lane> lanes_of(const StateReader& state, const base::JobId& job) {
    std::vector<Lane> out;
    Bytes prefix = lane_key(job, 0);
    prefix.erase(prefix.end() - 4, prefix.end());
    scan(state, prefix, prefix, [&](const Bytes&, const Bytes& value) {
        out.push_back(must_decode<Lane>(value));
        return true;
    });
    return out;
}

std::optional<Round> find_round(const StateReader& state, const base::JobId& job,
                                std::uint32_t round) {
    return find<Round>(state, round_key(job, round));
}

std::optional<MergeRecord> find_merge(const StateReader& state, const base::JobId& job,
                                      std::uint32_t round) {
    return find<MergeRecord>(state, merge_key(job, round));
}

std::vector<base::Bytes> history_of(const StateReader& state, const base::JobId& job,
                                    std::uint64_t first, std::size_t limit) {
    std::vector<Bytes> out;
    Bytes prefix = history_key(job, 0);
    prefix.erase(prefix.end() - 8, prefix.end());
    scan(state, history_key(job, first), prefix, [&](const Bytes&, const Bytes& value) {
        if (out.size() >= limit) return false;
        out.push_back(value);
        return true;
    });
    return out;
}

std::optional<Lease> find_lease(const StateReader& state, const base::LeaseId& id) {
    return find<Lease>(state, lease_key(id));
}

std::vector<Lease> leases_of_worker(const StateReader& state, const base::AccountId& worker,
                                    const std::optional<base::LeaseId>& after, std::size_t limit) {
    const Bytes prefix = without_id(lease_of_worker_key(worker, {}));
    return indexed<Lease, base::LeaseId>(
        state, prefix, after ? after_key(lease_of_worker_key(worker, *after)) : prefix, limit,
        find_lease);
}

std::vector<Lease> leases_of_job(const StateReader& state, const base::JobId& job,
                                 const std::optional<base::LeaseId>& after, std::size_t limit) {
    const Bytes prefix = without_id(lease_of_job_key(job, {}));
    return indexed<Lease, base::LeaseId>(state, prefix,
                                         after ? after_key(lease_of_job_key(job, *after)) : prefix,
                                         limit, find_lease);
}

std::optional<Part> find_part(const StateReader& state, const base::PartId& id) {
    return find<Part>(state, part_key(id));
}

std::vector<Part> parts_of_job(const StateReader& state, const base::JobId& job,
                               std::optional<std::uint32_t> round,
                               const std::optional<base::PartId>& after, std::size_t limit) {
    PartKey key;
    key.job = job;
    key.round = round.value_or(0);
    Bytes prefix = part_of_job_key(key, {});
    prefix.resize(round ? 1 + 32 + 4 : 1 + 32);
    Bytes from = prefix;
    if (after) {
        const auto part = find_part(state, *after);
        if (!part || part->key.job != job) return {};
        from = after_key(part_of_job_key(part->key, part->id));
    }
    return indexed<Part, base::PartId>(state, prefix, std::move(from), limit, find_part);
}

std::vector<Part> parts_of_lane(const StateReader& state, const base::JobId& job,
                                std::uint32_t round, std::uint32_t lane) {
    PartKey key;
    key.job = job;
    key.round = round;
    key.lane = lane;
    Bytes prefix = part_of_job_key(key, {});
    prefix.resize(1 + 32 + 4 + 4);
    return indexed<Part, base::PartId>(state, prefix, prefix,
                                       std::numeric_limits<std::size_t>::max(), find_part);
}

std::optional<Epoch> find_epoch(const StateReader& state, std::uint64_t number) {
    return find<Epoch>(state, epoch_key(number));
}

std::vector<EpochCommitment> commitments_of_epoch(const StateReader& state, std::uint64_t epoch,
                                                  const std::optional<base::PartId>& after,
                                                  std::size_t limit) {
    std::vector<EpochCommitment> out;
    const Bytes prefix = without_id(epoch_commitment_key(epoch, {}));
    scan(state, after ? after_key(epoch_commitment_key(epoch, *after)) : prefix, prefix,
         [&](const Bytes&, const Bytes& value) {
             if (out.size() >= limit) return false;
             out.push_back(must_decode<EpochCommitment>(value));
             return true;
         });
    return out;
}

std::optional<Audit> find_audit(const StateReader& state, const base::AuditId& id) {
    return find<Audit>(state, audit_key(id));
}

std::vector<Audit> audits_of_validator(const StateReader& state, const base::AccountId& validator,
                                       const std::optional<base::AuditId>& after,
                                       std::size_t limit) {
    const Bytes prefix = without_id(audit_of_validator_key(validator, {}));
    return indexed<Audit, base::AuditId>(
        state, prefix, after ? after_key(audit_of_validator_key(validator, *after)) : prefix, limit,
        find_audit);
}

std::vector<Audit> audits_of_job(const StateReader& state, const base::JobId& job,
                                 const std::optional<base::AuditId>& after, std::size_t limit) {
    const Bytes prefix = without_id(audit_of_job_key(job, {}));
    return indexed<Audit, base::AuditId>(state, prefix,
                                         after ? after_key(audit_of_job_key(job, *after)) : prefix,
                                         limit, find_audit);
}

std::optional<Vote> find_vote(const StateReader& state, const base::Hash& id) {
    return find<Vote>(state, vote_key(id));
}

std::optional<ChunkChallenge> find_chunk(const StateReader& state, const base::Hash& id) {
    return find<ChunkChallenge>(state, chunk_key(id));
}

namespace {

std::vector<ChunkChallenge> listed_chunks(const StateReader& state, const Bytes& prefix, const Bytes& from, std::size_t limit) {
    std::vector<ChunkChallenge> out;
    scan(state, from, prefix, [&](const Bytes& key, const Bytes&) {
        if (out.size() >= limit) return false;
        auto found = find_chunk(state, base::hash_from_bytes(base::ByteView(key).last(32)).value());
        ASSAY_CHECK(found.has_value());
        out.push_back(std::move(*found));
        return true;
    });
    return out;
}

}  // namespace

std::vector<ChunkChallenge> chunks_of_job(const StateReader& state, const base::JobId& job, std::optional<std::uint32_t> round,
                                          const std::optional<base::Hash>& after, std::size_t limit) {
    Bytes prefix = chunk_of_job_key(job, round.value_or(0), {});
    prefix.resize(round ? 1 + 32 + 4 : 1 + 32);
    Bytes from = prefix;
    if (after) {
        const auto last = find_chunk(state, *after);
        if (!last || last->job != job) return {};
        from = after_key(chunk_of_job_key(job, last->round, last->id));
    }
    return listed_chunks(state, prefix, from, limit);
}

std::vector<ChunkChallenge> chunks_of_account(const StateReader& state, const base::AccountId& obliged,
                                              const std::optional<base::Hash>& after, std::size_t limit) {
    const Bytes prefix = without_id(chunk_of_account_key(obliged, {}));
    return listed_chunks(state, prefix, after ? after_key(chunk_of_account_key(obliged, *after)) : prefix, limit);
}

std::optional<ChunkDuty> find_chunk_duty(const StateReader& state, const base::AccountId& account) {
    return find<ChunkDuty>(state, chunk_duty_key(account));
}

std::optional<Dispute> find_dispute(const StateReader& state, const base::DisputeId& id) {
    return find<Dispute>(state, dispute_key(id));
}

std::optional<Bytes> find_game(const StateReader& state, const base::DisputeId& id) {
    return state.get(game_key(id));
}

std::vector<Dispute> disputes_of_account(const StateReader& state, const base::AccountId& account,
                                         Side side, const std::optional<base::DisputeId>& after,
                                         std::size_t limit) {
    const Bytes prefix = without_id(dispute_of_account_key(account, side, {}));
    return indexed<Dispute, base::DisputeId>(
        state, prefix, after ? after_key(dispute_of_account_key(account, side, *after)) : prefix,
        limit, find_dispute);
}

std::vector<Dispute> disputes_of_job(const StateReader& state, const base::JobId& job, bool open,
                                     const std::optional<base::DisputeId>& after,
                                     std::size_t limit) {
    const Bytes prefix = without_id(dispute_of_job_key(job, open, {}));
    return indexed<Dispute, base::DisputeId>(
        state, prefix, after ? after_key(dispute_of_job_key(job, open, *after)) : prefix, limit,
        find_dispute);
}

std::vector<Dispute> disputes_of_target(const StateReader& state, const base::PartId& part,
                                        std::optional<std::uint32_t> segment, std::size_t limit) {
    Bytes prefix = without_id(dispute_of_target_key(part, segment.value_or(0), {}));
    if (!segment) prefix.resize(1 + 32);
    return indexed<Dispute, base::DisputeId>(state, prefix, prefix, limit, find_dispute);
}

std::vector<ChallengeSeal> seals_of(const StateReader& state, const base::AccountId& account) {
    std::vector<ChallengeSeal> out;
    Bytes prefix = challenge_seal_key(account, 0);
    prefix.erase(prefix.end() - 8, prefix.end());
    scan(state, prefix, prefix, [&](const Bytes&, const Bytes& value) {
        out.push_back(must_decode<ChallengeSeal>(value));
        return true;
    });
    return out;
}

std::optional<SegmentLeaf> opened_leaf(const StateReader& state, const Part& part,
                                       std::uint32_t segment) {
    if (part.state == PartState::passed) {
        const auto bytes = state.get(history_key(part.key.job, part.passed_entry));
        if (!bytes) return std::nullopt;
        const auto entry = must_decode<JobHistoryEntry>(*bytes);
        const auto* passed = std::get_if<PartPassed>(&entry);
        ASSAY_CHECK(passed != nullptr && passed->part == part.id);
        if (segment >= passed->leaves.size()) return std::nullopt;
        return passed->leaves[segment];
    }
    for (const DeliveredSegment& delivered : part.delivered) {
        if (delivered.segment == segment) return delivered.leaf;
    }
    return std::nullopt;
}

std::optional<GameSubject> game_subject(const StateReader& state, const Dispute& dispute) {
    const auto job = find_job(state, dispute.job);
    const auto spec = find_spec(state, dispute.job);
    const auto round = find_round(state, dispute.job, dispute.round);
    if (!job || !spec || !round) return std::nullopt;
    GameSubject subject;
    subject.spec = *spec;
    subject.program_root = job->program_root;
    subject.round = dispute.round;
    subject.asserted = dispute.asserted;
    subject.round_start_root = round->opening_root;
    if (dispute.round > 0) {
        const auto before = find_round(state, dispute.job, dispute.round - 1);
        if (!before) return std::nullopt;
        subject.previous_round_root = before->opening_root;
    }
    if (dispute.target == DisputeTarget::merge) {
        subject.stage = GameStage::merge;
        subject.start_root = round->opening_root;
        for (const RoundMember& member : round->members)
            subject.payload_roots.push_back(member.payload_root);
        return subject;
    }
    const auto part = find_part(state, dispute.part);
    const auto leaf = part ? opened_leaf(state, *part, dispute.segment) : std::nullopt;
    if (!leaf) return std::nullopt;
    const std::uint32_t segment = part->first_segment + dispute.segment;
    subject.stage = GameStage::segment;
    subject.lane = dispute.lane;
    subject.first_step = segment * job->shape.segment_steps;
    subject.steps = job->shape.segment_steps;
    subject.start_root = leaf->start_root;
    if (dispute.target == DisputeTarget::steps) {
        const auto audit = find_audit(state, dispute.audit);
        if (!audit) return std::nullopt;
        subject.stage = GameStage::steps;
        const auto steps = opened_steps(audit->y, audit->id, job->shape.segment_steps);
        ASSAY_CHECK(steps.size() == dispute.digests.size());
        for (std::size_t i = 0; i < steps.size(); ++i)
            subject.shown.push_back({steps[i], dispute.digests[i]});
        return subject;
    }
    subject.closes_round =
        job->shape.has_merge() && segment + 1 == job->shape.segments_per_round();
    return subject;
}

std::optional<base::Amount> challenge_bond(const Parameters& parameters, const Job& job,
                                           DisputeTarget target, base::Amount base_fee) {
    const base::Amount replay =
        target == DisputeTarget::merge ? job.merge_audit_price : job.audit_price;
    const auto work = base::multiply(replay, parameters.challenge_bond_factor);
    const auto fees = base::multiply(base_fee, parameters.dispute_game_weight);
    return work && fees ? base::add(*work, *fees) : std::nullopt;
}

std::vector<Timer> timers(const StateReader& state, std::size_t limit) {
    std::vector<Timer> out;
    const Bytes prefix = table_prefix(Table::timer);
    scan(state, prefix, prefix, [&](const Bytes& key, const Bytes&) {
        if (out.size() >= limit) return false;
        const auto timer = timer_from_key(key);
        ASSAY_CHECK(timer.has_value());
        out.push_back(*timer);
        return true;
    });
    return out;
}

}  // namespace assay::market
