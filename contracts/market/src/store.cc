#include "store.h"

#include "base/check.h"
#include "base/encoding.h"

namespace assay::market {

namespace {

const base::Bytes kEmpty;

/// Index key of a validator, or nothing while it may not become a member of an epoch.
std::optional<base::Bytes> stake_index(const StateReader& state, const base::AccountId& id) {
    const auto validator = find_validator(state, id);
    const auto stake = find_stake(state, id, Role::validator);
    if (!validator || !stake || validator->away || stake->tombstoned || stake->jailed_at.value != 0)
        return std::nullopt;
    const std::uint64_t weight = weight_of(*validator, *stake);
    if (weight == 0) return std::nullopt;
    return validator_by_stake_key(weight, id);
}

/// Lists a validator as jailed from the save that jails it until the one that frees it, with the
/// weight it has in the first: what it loses or takes out later is still missing.
void list_jailed(StateWriter& state, const std::optional<Stake>& before, const Stake& after) {
    const base::TimeMs since = before ? before->jailed_at : base::TimeMs{};
    if (since == after.jailed_at) return;
    if (since.value != 0) state.erase(jailed_key(since, after.account));
    if (after.jailed_at.value == 0) return;
    const auto validator = find_validator(state, after.account);
    base::Encoder weight;
    weight.u64(validator ? weight_of(*validator, after) : after.active.grains());
    state.put(jailed_key(after.jailed_at, after.account), weight.take());
}

/// Runs a write that may move a validator in the index of stakes.
template <class Write>
void reindex_validator(StateWriter& state, const base::AccountId& id, Write write) {
    const auto before = stake_index(state, id);
    write();
    const auto after = stake_index(state, id);
    if (before == after) return;
    if (before) state.erase(*before);
    if (after) state.put(*after, kEmpty);
}

/// The place of an offer in the order book, or nothing when it takes no new leases.
std::optional<base::Bytes> book_index(const Offer& offer) {
    if (offer.withdrawn || offer.slots_used >= offer.slots) return std::nullopt;
    return offer_by_price_key(offer.price_per_gflop, offer.arrival, offer.id);
}

/// Where a dispute is listed: by job always, by account and target while it is open.
std::vector<base::Bytes> dispute_indexes(const Dispute& value) {
    const bool open = value.state == DisputeState::open;
    if (!open) return {dispute_of_job_key(value.job, open, value.id)};
    return {dispute_of_job_key(value.job, open, value.id),
            dispute_of_target_key(value.part, value.segment, value.id),
            dispute_of_account_key(value.asserter, Side::asserter, value.id),
            dispute_of_account_key(value.challenger, Side::challenger, value.id)};
}

std::vector<base::Bytes> question_indexes(const Question& value) {
    return {question_of_job_key(value.job, value.round, value.id),
            question_of_obliged_key(value.obliged, value.id),
            question_of_asker_key(value.asker, value.id),
            question_of_subject_key(value.target.subject, value.id)};
}

std::vector<base::Bytes> audit_indexes(const Audit& value) {
    return {audit_of_validator_key(value.auditor, value.id), audit_of_job_key(value.job, value.id),
            audit_of_claim_key(value.subject, value.segment, value.id)};
}

void put_all(StateWriter& state, const std::vector<base::Bytes>& keys) {
    for (const base::Bytes& key : keys) state.put(key, kEmpty);
}
void erase_all(StateWriter& state, const std::vector<base::Bytes>& keys) {
    for (const base::Bytes& key : keys) state.erase(key);
}

}  // namespace

void save(StateWriter& state, const Account& value) {
    state.put(account_key(value.id), encode(value));
}

void save(StateWriter& state, const Stake& value) {
    const auto write = [&] { state.put(stake_key(value.account, value.role), encode(value)); };
    if (value.role != Role::validator) {
        write();
        return;
    }
    list_jailed(state, find_stake(state, value.account, value.role), value);
    reindex_validator(state, value.account, write);
}

void save(StateWriter& state, const Unbonding& value) {
    state.put(unbonding_key(value.account, value.role, value.number), encode(value));
}

void save(StateWriter& state, const Validator& value) {
    reindex_validator(state, value.account,
                      [&] { state.put(validator_key(value.account), encode(value)); });
}

void save(StateWriter& state, const WorkRecord& value) {
    if (value.amount.is_zero() && value.in_use.is_zero()) {
        state.erase(record_key(value.worker));
    } else {
        state.put(record_key(value.worker), encode(value));
    }
}

void save(StateWriter& state, const Offer& value) {
    const auto before = find_offer(state, value.id);
    const auto old_place = before ? book_index(*before) : std::nullopt;
    const auto new_place = book_index(value);
    if (old_place && old_place != new_place) state.erase(*old_place);
    if (new_place && old_place != new_place) state.put(*new_place, kEmpty);
    if (!before) state.put(offer_of_worker_key(value.worker, value.id), kEmpty);
    state.put(offer_key(value.id), encode(value));
}

void save(StateWriter& state, const Job& value) {
    const auto before = find_job(state, value.id);
    if (before && before->state != value.state)
        state.erase(job_by_state_key(before->state, value.id));
    if (!before || before->state != value.state)
        state.put(job_by_state_key(value.state, value.id), kEmpty);
    state.put(job_key(value.id), encode(value));
}

void save(StateWriter& state, const Lane& value) {
    state.put(lane_key(value.job, value.lane), encode(value));
}
void save(StateWriter& state, const Round& value) {
    state.put(round_key(value.job, value.round), encode(value));
}
void save(StateWriter& state, const MergeRecord& value) {
    state.put(merge_key(value.job, value.round), encode(value));
}

void save(StateWriter& state, const Lease& value) {
    if (!state.get(lease_key(value.id))) {
        state.put(lease_of_worker_key(value.worker, value.id), kEmpty);
        state.put(lease_of_job_key(value.job, value.id), kEmpty);
    }
    state.put(lease_key(value.id), encode(value));
}

void save(StateWriter& state, const Part& value) {
    if (!state.get(part_key(value.id))) state.put(part_of_job_key(value.key, value.id), kEmpty);
    state.put(part_key(value.id), encode(value));
}

void save(StateWriter& state, const Epoch& value) {
    state.put(epoch_key(value.number), encode(value));
}
void save(StateWriter& state, const EpochCommitment& value) {
    state.put(epoch_commitment_key(value.epoch, value.id), encode(value));
}

void save(StateWriter& state, const Claim& value) {
    state.put(claim_key(value.subject, value.segment), encode(value));
}
void save(StateWriter& state, const EpochMember& value) {
    state.put(epoch_member_key(value.epoch, value.validator), encode(value));
}

void save(StateWriter& state, const Audit& value) {
    if (!state.get(audit_key(value.id))) put_all(state, audit_indexes(value));
    state.put(audit_key(value.id), encode(value));
}

void save(StateWriter& state, const Question& value) {
    if (!state.get(question_key(value.id))) put_all(state, question_indexes(value));
    state.put(question_key(value.id), encode(value));
}
void save(StateWriter& state, const QuestionDuty& value) {
    if (value.raised == 0 && value.owed == 0)
        state.erase(question_duty_key(value.account));
    else
        state.put(question_duty_key(value.account), encode(value));
}

void save(StateWriter& state, const Pool& value) {
    if (!state.get(pool_key(value.id)))
        state.put(pool_of_target_key(value.target.part, value.target.segment, value.id), kEmpty);
    state.put(pool_key(value.id), encode(value));
}
void save(StateWriter& state, const PoolMember& value) {
    state.put(pool_member_key(value.pool, value.number), encode(value));
}

void save(StateWriter& state, const Dispute& value) {
    if (const auto before = find_dispute(state, value.id))
        erase_all(state, dispute_indexes(*before));
    put_all(state, dispute_indexes(value));
    state.put(dispute_key(value.id), encode(value));
}

void save(StateWriter& state, const GameLoad& value) {
    if (value.games == 0)
        state.erase(game_load_key(value.account));
    else
        state.put(game_load_key(value.account), encode(value));
}

void save(StateWriter& state, const ChallengeSeal& value) {
    state.put(challenge_seal_key(value.account, value.number), encode(value));
}

void save(StateWriter& state, const Chain& value) { state.put(chain_key(), encode(value)); }

void erase(StateWriter& state, const Unbonding& value) {
    state.erase(unbonding_key(value.account, value.role, value.number));
}

void erase(StateWriter& state, const Validator& value) {
    reindex_validator(state, value.account, [&] { state.erase(validator_key(value.account)); });
}

void erase(StateWriter& state, const Offer& value) {
    if (const auto place = book_index(value)) state.erase(*place);
    state.erase(offer_of_worker_key(value.worker, value.id));
    state.erase(offer_key(value.id));
}

void erase(StateWriter& state, const Job& value) {
    state.erase(job_by_state_key(value.state, value.id));
    state.erase(spec_key(value.id));
    state.erase(job_key(value.id));
}

void erase(StateWriter& state, const Lane& value) { state.erase(lane_key(value.job, value.lane)); }
void erase(StateWriter& state, const Round& value) {
    state.erase(round_key(value.job, value.round));
}
void erase(StateWriter& state, const MergeRecord& value) {
    state.erase(merge_key(value.job, value.round));
}

void erase(StateWriter& state, const Lease& value) {
    state.erase(lease_of_worker_key(value.worker, value.id));
    state.erase(lease_of_job_key(value.job, value.id));
    state.erase(lease_key(value.id));
}

void erase(StateWriter& state, const Part& value) {
    state.erase(part_of_job_key(value.key, value.id));
    state.erase(part_key(value.id));
}

void erase(StateWriter& state, const Epoch& value) { state.erase(epoch_key(value.number)); }
void erase(StateWriter& state, const EpochCommitment& value) {
    state.erase(epoch_commitment_key(value.epoch, value.id));
}

void erase(StateWriter& state, const Claim& value) {
    state.erase(claim_key(value.subject, value.segment));
}
void erase(StateWriter& state, const EpochMember& value) {
    state.erase(epoch_member_key(value.epoch, value.validator));
}

void erase(StateWriter& state, const Audit& value) {
    erase_all(state, audit_indexes(value));
    state.erase(audit_key(value.id));
}

void erase(StateWriter& state, const Question& value) {
    erase_all(state, question_indexes(value));
    state.erase(question_bytes_key(value.id));
    state.erase(question_key(value.id));
}

void erase(StateWriter& state, const Pool& value) {
    state.erase(pool_of_target_key(value.target.part, value.target.segment, value.id));
    state.erase(pool_key(value.id));
}
void erase(StateWriter& state, const PoolMember& value) {
    state.erase(pool_member_key(value.pool, value.number));
}

void erase(StateWriter& state, const Dispute& value) {
    erase_all(state, dispute_indexes(value));
    state.erase(game_key(value.id));
    state.erase(dispute_key(value.id));
}

void erase(StateWriter& state, const ChallengeSeal& value) {
    state.erase(challenge_seal_key(value.account, value.number));
}

void set_timer(Context& context, const Timer& timer) {
    base::Bytes key = timer_key(timer);
    context.state.put(key, kEmpty);
    if (context.fresh_timers != nullptr) context.fresh_timers->insert(std::move(key));
}
void clear_timer(Context& context, const Timer& timer) {
    const base::Bytes key = timer_key(timer);
    context.state.erase(key);
    if (context.fresh_timers != nullptr) context.fresh_timers->erase(key);
}

bool erase_some(StateWriter& state, const base::Bytes& prefix, std::size_t most) {
    for (std::size_t erased = 0; erased < most; ++erased) {
        const auto entry = state.seek(prefix, prefix);
        if (!entry) return erased > 0;
        state.erase(entry->first);
    }
    return true;
}

bool note_evidence(Context& context, const base::Hash& id) {
    const base::Bytes key = evidence_key(id);
    if (context.state.get(key)) return false;
    context.state.put(key, kEmpty);
    return true;
}

void append_history(Context& context, Job& job, const JobHistoryEntry& entry) {
    const base::Bytes bytes = encode(entry);
    context.state.put(history_key(job.id, job.history_count), bytes);
    job.history = extend_history(job.history, bytes);
    job.history_count += 1;
}

}  // namespace assay::market
