#include "store.h"

#include "base/check.h"
#include "base/encoding.h"

namespace assay::market {

namespace {

using base::Bytes;

const Bytes kEmpty;

/// Index key of a validator, or nothing while it may not become a member of an epoch.
std::vector<Bytes> stake_index(const StateReader& state, const base::AccountId& id) {
    const auto validator = find_validator(state, id);
    const auto stake = find_stake(state, id, Role::validator);
    if (!validator || !stake || validator->away || stake->tombstoned || stake->jailed_at.value != 0)
        return {};
    const std::uint64_t weight = weight_of(*validator, *stake);
    if (weight == 0) return {};
    return {validator_by_stake_key(weight, id)};
}

/// Lists a validator as jailed from the save that jails it until the one that frees it, with the
/// weight it has in the first: what it loses or takes out later is still missing.
void list_jailed(StateWriter& state, const Stake* before, const Stake& after) {
    const base::TimeMs since = before ? before->jailed_at : base::TimeMs{};
    if (since == after.jailed_at) return;
    if (since.value != 0) state.erase(jailed_key(since, after.account));
    if (after.jailed_at.value == 0) return;
    const auto validator = find_validator(state, after.account);
    base::Encoder weight;
    weight.u64(validator ? weight_of(*validator, after) : after.active.grains());
    state.put(jailed_key(after.jailed_at, after.account), weight.take());
}

// Where a row is listed beside its own table.

std::vector<Bytes> indexes(const Offer& v) {
    std::vector<Bytes> keys = {offer_of_worker_key(v.worker, v.id)};
    if (!v.withdrawn && v.slots_used < v.slots)  // else it takes no new leases
        keys.push_back(offer_by_price_key(v.price_per_gflop, v.arrival, v.id));
    return keys;
}
std::vector<Bytes> indexes(const Job& v) { return {job_by_state_key(v.state, v.id)}; }
std::vector<Bytes> indexes(const Lease& v) {
    return {lease_of_worker_key(v.worker, v.id), lease_of_job_key(v.job, v.id)};
}
std::vector<Bytes> indexes(const Part& v) {
    return {part_of_job_key(v.key.job, v.key.round, v.key.lane, v.key.part, v.id)};
}
std::vector<Bytes> indexes(const Audit& v) {
    return {audit_of_validator_key(v.auditor, v.id), audit_of_job_key(v.job, v.id),
            audit_of_claim_key(v.subject, v.segment, v.id)};
}
std::vector<Bytes> indexes(const Question& v) {
    return {question_of_job_key(v.job, v.round, v.id), question_of_obliged_key(v.obliged, v.id),
            question_of_asker_key(v.asker, v.id), question_of_subject_key(v.target.subject, v.id)};
}
std::vector<Bytes> indexes(const Pool& v) {
    return {pool_of_target_key(v.target.part, v.target.segment, v.id)};
}
std::vector<Bytes> indexes(const Dispute& v) {
    const bool open = v.state == DisputeState::open;
    std::vector<Bytes> keys = {dispute_of_job_key(v.job, open, v.id)};
    if (!open) return keys;
    keys.push_back(dispute_of_target_key(v.part, v.segment, v.id));
    keys.push_back(dispute_of_account_key(v.asserter, Side::asserter, v.id));
    keys.push_back(dispute_of_account_key(v.challenger, Side::challenger, v.id));
    return keys;
}

// What a row says when there is nothing to say.

bool is_nothing(const WorkRecord& v) { return v.amount.is_zero() && v.in_use.is_zero(); }
bool is_nothing(const QuestionDuty& v) { return v.raised == 0 && v.owed == 0; }
bool is_nothing(const GameLoad& v) { return v.games == 0; }

// What is kept beside a row under the same id.

Bytes beside(const Job& v) { return spec_key(v.id); }
Bytes beside(const Question& v) { return question_bytes_key(v.id); }
Bytes beside(const Dispute& v) { return game_key(v.id); }

/// Erases entries that are no more and writes those that are new.
void move_entries(StateWriter& state, const std::vector<Bytes>& before,
                  const std::vector<Bytes>& after) {
    for (const Bytes& key : before)
        if (std::ranges::find(after, key) == after.end()) state.erase(key);
    for (const Bytes& key : after)
        if (std::ranges::find(before, key) == before.end()) state.put(key, kEmpty);
}

/// Runs a write that may move a validator in the index of stakes.
template <class Write>
void reindex_validator(StateWriter& state, const base::AccountId& id, Write write) {
    const auto before = stake_index(state, id);
    write();
    move_entries(state, before, stake_index(state, id));
}

/// Lists of other rows never change.
template <class T>
inline constexpr bool kMoves =
    std::is_same_v<T, Offer> || std::is_same_v<T, Job> || std::is_same_v<T, Dispute>;

template <class T>
void write_row(StateWriter& state, const Bytes& key, const T* before, const T& value) {
    if constexpr (requires { is_nothing(value); })
        if (is_nothing(value)) return state.erase(key);
    const auto write = [&] { state.put(key, encode(value)); };
    if constexpr (std::is_same_v<T, Stake>) {
        if (value.role != Role::validator) return write();
        list_jailed(state, before, value);
        return reindex_validator(state, value.account, write);
    } else if constexpr (std::is_same_v<T, Validator>) {
        return reindex_validator(state, value.account, write);
    } else if constexpr (requires { indexes(value); }) {
        if (before == nullptr || kMoves<T>)
            move_entries(state, before ? indexes(*before) : std::vector<Bytes>{}, indexes(value));
    }
    write();
}

}  // namespace

template <class T>
void save(StateWriter& state, const T& value) {
    const Bytes key = Row<T>::key_of(value);
    const auto before = find_row<T>(state, key);
    write_row(state, key, before ? &*before : nullptr, value);
}

template <class T>
void save_over(StateWriter& state, const T& before, const T& value) {
    write_row(state, Row<T>::key_of(value), &before, value);
}

template <class T>
void erase(StateWriter& state, const T& value) {
    const auto write = [&] { state.erase(Row<T>::key_of(value)); };
    if constexpr (std::is_same_v<T, Validator>) {
        return reindex_validator(state, value.account, write);
    } else if constexpr (requires { indexes(value); }) {
        move_entries(state, indexes(value), {});
    }
    if constexpr (requires { beside(value); }) state.erase(beside(value));
    write();
}

#define ASSAY_MARKET_ROW(Type, ...)                                  \
    template void save(StateWriter&, const Type&);                   \
    template void save_over(StateWriter&, const Type&, const Type&); \
    template void erase(StateWriter&, const Type&);
ASSAY_MARKET_ROWS(ASSAY_MARKET_ROW)
#undef ASSAY_MARKET_ROW

void set_timer(Context& context, const Timer& timer) {
    base::Bytes key = key_of(timer);
    context.state.put(key, kEmpty);
    if (context.fresh_timers != nullptr) context.fresh_timers->insert(std::move(key));
}
void clear_timer(Context& context, const Timer& timer) {
    const base::Bytes key = key_of(timer);
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
