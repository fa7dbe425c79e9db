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

/// For lists that the rules keep short.
constexpr std::size_t kEverything = std::numeric_limits<std::size_t>::max();

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

/// The weight in a key of validator_by_stake.
std::uint64_t weight_in(ByteView key) {
    std::uint64_t inverted = 0;
    for (const std::uint8_t byte : key.subspan(1, 8)) inverted = inverted << 8U | byte;
    return ~inverted;
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

/// Objects under a prefix, in the order of their keys.
template <class T>
std::vector<T> values(const StateReader& state, Bytes from, const Bytes& prefix,
                      std::size_t limit) {
    std::vector<T> out;
    scan(state, std::move(from), prefix, [&](const Bytes&, const Bytes& value) {
        if (out.size() >= limit) return false;
        out.push_back(must_decode<T>(value));
        return true;
    });
    return out;
}

/// Of objects whose id is a plain hash.
struct NamedByHash {
    base::Hash hash;
};

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
    Bytes prefix = unbonding_key(id, role, 0);
    prefix.erase(prefix.end() - 8, prefix.end());
    return values<Unbonding>(state, prefix, prefix, kEverything);
}

std::optional<Validator> find_validator(const StateReader& state, const base::AccountId& id) {
    return find<Validator>(state, validator_key(id));
}

std::uint64_t weight_of(const Validator& validator, const Stake& stake) {
    if (validator.weight_max.is_zero()) return stake.active.grains();
    return base::minimum(stake.active, validator.weight_max).grains();
}

std::vector<Rank> validators_after(const StateReader& state, const std::optional<Rank>& after,
                                   std::size_t limit) {
    const Bytes prefix = table_prefix(Table::validator_by_stake);
    std::vector<Rank> out;
    scan(state, after ? after_key(validator_by_stake_key(after->weight, after->validator)) : prefix,
         prefix, [&](const Bytes& key, const Bytes&) {
             if (out.size() >= limit) return false;
             out.push_back({weight_in(key), last_id<base::AccountId>(key)});
             return true;
         });
    return out;
}

std::vector<base::AccountId> validators_by_stake(const StateReader& state, std::size_t limit) {
    std::vector<base::AccountId> out;
    for (const Rank& rank : validators_after(state, std::nullopt, limit))
        out.push_back(rank.validator);
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
    const Bytes prefix = table_prefix(Table::job);
    return values<Job>(state, after ? after_key(job_key(*after)) : prefix, prefix, limit);
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
    Bytes prefix = lane_key(job, 0);
    prefix.erase(prefix.end() - 4, prefix.end());
    return values<Lane>(state, prefix, prefix, kEverything);
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
    return indexed<Part, base::PartId>(state, prefix, prefix, kEverything, find_part);
}

std::optional<Epoch> find_epoch(const StateReader& state, std::uint64_t number) {
    return find<Epoch>(state, epoch_key(number));
}

std::vector<EpochCommitment> commitments_of_epoch(const StateReader& state, std::uint64_t epoch,
                                                  const std::optional<base::PartId>& after,
                                                  std::size_t limit) {
    const Bytes prefix = without_id(epoch_commitment_key(epoch, {}));
    return values<EpochCommitment>(
        state, after ? after_key(epoch_commitment_key(epoch, *after)) : prefix, prefix, limit);
}

std::optional<EpochMember> find_member(const StateReader& state, std::uint64_t epoch,
                                       const base::AccountId& validator) {
    return find<EpochMember>(state, epoch_member_key(epoch, validator));
}

std::vector<EpochMember> members_of_epoch(const StateReader& state, std::uint64_t epoch,
                                          const std::optional<base::AccountId>& after,
                                          std::size_t limit) {
    const Bytes prefix = without_id(epoch_member_key(epoch, {}));
    return values<EpochMember>(state, after ? after_key(epoch_member_key(epoch, *after)) : prefix,
                               prefix, limit);
}

std::uint64_t jailed_weight(const StateReader& state, base::TimeMs since, std::size_t limit) {
    std::uint64_t weight = 0;
    std::size_t seen = 0;
    scan(state, jailed_key(since, {}), table_prefix(Table::jailed),
         [&](const Bytes&, const Bytes& value) {
             if (seen == limit) return false;
             base::Decoder in(value);
             weight += in.u64();
             ASSAY_CHECK(in.finished());
             seen += 1;
             return true;
         });
    return weight;
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

std::vector<Audit> audits_of_claim(const StateReader& state, const base::PartId& subject,
                                   std::optional<std::uint32_t> segment, std::size_t limit) {
    Bytes prefix = without_id(audit_of_claim_key(subject, segment.value_or(0), {}));
    if (!segment) prefix.resize(1 + 32);
    return indexed<Audit, base::AuditId>(state, prefix, prefix, limit, find_audit);
}

std::optional<Claim> find_claim(const StateReader& state, const base::PartId& subject,
                                std::uint32_t segment) {
    return find<Claim>(state, claim_key(subject, segment));
}

std::vector<Claim> claims_of(const StateReader& state, const base::PartId& subject,
                             std::size_t limit) {
    Bytes prefix = claim_key(subject, 0);
    prefix.resize(1 + 32);
    return values<Claim>(state, prefix, prefix, limit);
}

std::optional<Question> find_question(const StateReader& state, const base::Hash& id) {
    return find<Question>(state, question_key(id));
}

std::optional<Bytes> find_question_bytes(const StateReader& state, const base::Hash& id) {
    return state.get(question_bytes_key(id));
}

namespace {

std::vector<Question> listed_questions(const StateReader& state, const Bytes& prefix,
                                       const Bytes& from, std::size_t limit) {
    return indexed<Question, NamedByHash>(state, prefix, from, limit,
                                          [](const StateReader& reader, const NamedByHash& id) {
                                              return find_question(reader, id.hash);
                                          });
}

}  // namespace

std::vector<Question> questions_of_subject(const StateReader& state, const base::Hash& subject,
                                           const std::optional<base::Hash>& after,
                                           std::size_t limit) {
    const Bytes prefix = without_id(question_of_subject_key(subject, {}));
    return listed_questions(
        state, prefix, after ? after_key(question_of_subject_key(subject, *after)) : prefix, limit);
}

std::vector<Question> questions_of_job(const StateReader& state, const base::JobId& job,
                                       std::optional<std::uint32_t> round,
                                       const std::optional<base::Hash>& after, std::size_t limit) {
    Bytes prefix = question_of_job_key(job, round.value_or(0), {});
    prefix.resize(round ? 1 + 32 + 4 : 1 + 32);
    Bytes from = prefix;
    if (after) {
        const auto last = find_question(state, *after);
        if (!last || last->job != job) return {};
        from = after_key(question_of_job_key(job, last->round, last->id));
    }
    return listed_questions(state, prefix, from, limit);
}

std::vector<Question> questions_owed(const StateReader& state, const base::AccountId& obliged,
                                     const std::optional<base::Hash>& after, std::size_t limit) {
    const Bytes prefix = without_id(question_of_obliged_key(obliged, {}));
    return listed_questions(
        state, prefix, after ? after_key(question_of_obliged_key(obliged, *after)) : prefix, limit);
}

std::vector<Question> questions_asked(const StateReader& state, const base::AccountId& asker,
                                      const std::optional<base::Hash>& after, std::size_t limit) {
    const Bytes prefix = without_id(question_of_asker_key(asker, {}));
    return listed_questions(
        state, prefix, after ? after_key(question_of_asker_key(asker, *after)) : prefix, limit);
}

std::optional<QuestionDuty> find_question_duty(const StateReader& state,
                                               const base::AccountId& account) {
    return find<QuestionDuty>(state, question_duty_key(account));
}

std::optional<Pool> find_pool(const StateReader& state, const base::Hash& id) {
    return find<Pool>(state, pool_key(id));
}

std::vector<Pool> pools_of_target(const StateReader& state, const base::PartId& part,
                                  std::optional<std::uint32_t> segment, std::size_t limit) {
    Bytes prefix = without_id(pool_of_target_key(part, segment.value_or(0), {}));
    if (!segment) prefix.resize(1 + 32);
    return indexed<Pool, NamedByHash>(state, prefix, prefix, limit,
                                      [](const StateReader& reader, const NamedByHash& id) {
                                          return find_pool(reader, id.hash);
                                      });
}

std::optional<PoolMember> find_pool_member(const StateReader& state, const base::Hash& pool,
                                           std::uint32_t number) {
    return find<PoolMember>(state, pool_member_key(pool, number));
}

std::optional<GameLoad> find_game_load(const StateReader& state, const base::AccountId& account) {
    return find<GameLoad>(state, game_load_key(account));
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
    Bytes prefix = challenge_seal_key(account, 0);
    prefix.erase(prefix.end() - 8, prefix.end());
    return values<ChallengeSeal>(state, prefix, prefix, kEverything);
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
