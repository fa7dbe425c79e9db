#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/check.h"
#include "base/ids.h"
#include "market/objects.h"
#include "market/state.h"
#include "market/tables.h"

/// Typed reads of the state, for rules and API alike. Lists are in key order, give at most `limit`
/// entries after the id `after` and cost a seek per entry. Stored bytes that don't decode are a bug
/// and abort.
namespace assay::market {

/// The row under a key, or nothing.
template <class T>
std::optional<T> find_row(const StateReader& state, base::ByteView key) {
    const auto bytes = state.get(key);
    if (!bytes) return std::nullopt;
    auto value = decode<T>(*bytes);
    ASSAY_CHECK(value.has_value());
    return value;
}

/// find_lane(state, job, 3), and so for every type of row.
template <class T, class Id>
struct Finder;
template <class T, class... Id>
struct Finder<T, std::tuple<Id...>> {
    std::optional<T> operator()(const StateReader& state, const Id&... id) const {
        return find_row<T>(state, Row<T>::key(id...));
    }
};
#define ASSAY_MARKET_ROW(Type, name, ...) \
    inline constexpr Finder<Type, decltype(name##_key)::Tuple> find_##name{};
ASSAY_MARKET_ROWS(ASSAY_MARKET_ROW)
#undef ASSAY_MARKET_ROW

/// The least key greater than `key`.
base::Bytes after_key(base::Bytes key);

/// At most `limit` rows under `prefix`, in the order of their keys, from `from` on.
template <class T>
std::vector<T> rows(const StateReader& state, base::Bytes from, const base::Bytes& prefix,
                    std::size_t limit) {
    std::vector<T> out;
    while (out.size() < limit) {
        auto entry = state.seek(from, prefix);
        if (!entry) break;
        auto value = decode<T>(entry->second);
        ASSAY_CHECK(value.has_value());
        out.push_back(std::move(*value));
        from = after_key(std::move(entry->first));
    }
    return out;
}
/// The same of the rows that an index names by the last 32 bytes of its keys.
template <class T>
std::vector<T> indexed(const StateReader& state, base::Bytes from, const base::Bytes& prefix,
                       std::size_t limit) {
    std::vector<T> out;
    while (out.size() < limit) {
        auto entry = state.seek(from, prefix);
        if (!entry) break;
        base::Bytes key = Row<T>::key.prefix();
        key.insert(key.end(), entry->first.end() - 32, entry->first.end());
        auto value = find_row<T>(state, key);
        ASSAY_CHECK(value.has_value());
        out.push_back(std::move(*value));
        from = after_key(std::move(entry->first));
    }
    return out;
}

/// leases_of_job(state, job, after, limit): rows that the table `Keys` lists under its first
/// fields. The table is that of the rows, or an index.
template <class T, const auto& Keys, class... First>
struct Listed {
    using Tuple = typename std::remove_cvref_t<decltype(Keys)>::Tuple;
    using Id = std::tuple_element_t<sizeof...(First), Tuple>;
    std::vector<T> operator()(const StateReader& state, const First&... first,
                              const std::optional<Id>& after, std::size_t limit) const {
        const base::Bytes prefix = Keys.prefix(first...);
        base::Bytes from = after ? after_key(Keys.prefix(first..., *after)) : prefix;
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(Keys)>,
                                     std::remove_cvref_t<decltype(Row<T>::key)>>)
            return rows<T>(state, std::move(from), prefix, limit);
        else
            return indexed<T>(state, std::move(from), prefix, limit);
    }
};

Chain load_chain(const StateReader& state);
Parameters load_parameters(const StateReader& state, const base::Hash& id);
Parameters current_parameters(const StateReader& state);
/// Live time of a block at `height` with time `block_time` on top of this state.
base::TimeMs live_time(const Chain& chain, base::Height height, base::TimeMs block_time,
                       std::uint64_t live_step_ms_max);

base::Amount balance_of(const StateReader& state, const base::AccountId& id);
std::uint64_t next_nonce(const StateReader& state, const base::AccountId& id,
                         std::uint32_t nonce_lane);
std::vector<Unbonding> unbondings_of(const StateReader& state, const base::AccountId& id,
                                     Role role);
/// Declared validators with stake that are not away, the greatest weight first.
std::vector<base::AccountId> validators_by_stake(const StateReader& state, std::size_t limit);
/// The same after a place in the list that somebody had, whoever has it now.
struct Rank {
    std::uint64_t weight = 0;
    base::AccountId validator;
};
std::vector<Rank> validators_after(const StateReader& state, const std::optional<Rank>& after,
                                   std::size_t limit);
/// Grains that count in draws: the stake, or less by the validator's own declaration.
std::uint64_t weight_of(const Validator& validator, const Stake& stake);

std::vector<Offer> offers_by_price(const StateReader& state, std::size_t limit);
std::vector<Offer> offers_of(const StateReader& state, const base::AccountId& worker,
                             std::size_t limit);

inline constexpr Listed<Job, job_key> jobs{};
inline constexpr Listed<Job, job_by_state_key, JobState> jobs_in_state{};
std::optional<base::Bytes> find_spec(const StateReader& state, const base::JobId& id);
std::vector<Lane> lanes_of(const StateReader& state, const base::JobId& job);
/// Encoded entries from `first` on.
std::vector<base::Bytes> history_of(const StateReader& state, const base::JobId& job,
                                    std::uint64_t first, std::size_t limit);

inline constexpr Listed<Lease, lease_of_worker_key, base::AccountId> leases_of_worker{};
inline constexpr Listed<Lease, lease_of_job_key, base::JobId> leases_of_job{};

/// Parts in the order of round, lane, part; those of one round only when given.
std::vector<Part> parts_of_job(const StateReader& state, const base::JobId& job,
                               std::optional<std::uint32_t> round,
                               const std::optional<base::PartId>& after, std::size_t limit);
std::vector<Part> parts_of_lane(const StateReader& state, const base::JobId& job,
                                std::uint32_t round, std::uint32_t lane);
inline constexpr Listed<EpochCommitment, epoch_commitment_key, std::uint64_t>
    commitments_of_epoch{};

inline constexpr Listed<EpochMember, epoch_member_key, std::uint64_t> members_of_epoch{};
/// Validators that were jailed at `since` or later and have not returned, with the weight they had
/// then.
std::uint64_t jailed_weight(const StateReader& state, base::TimeMs since, std::size_t limit);

inline constexpr Listed<Audit, audit_of_validator_key, base::AccountId> audits_of_validator{};
inline constexpr Listed<Audit, audit_of_job_key, base::JobId> audits_of_job{};
/// Audits and controls of one claim, of all claims of a subject when no segment is given.
std::vector<Audit> audits_of_claim(const StateReader& state, const base::PartId& subject,
                                   std::optional<std::uint32_t> segment, std::size_t limit);
/// Ascending by segment.
std::vector<Claim> claims_of(const StateReader& state, const base::PartId& subject,
                             std::size_t limit);
/// The root that was committed under a claim's subject: a part's tree root, a merge's or an initial
/// root. Nothing when it is gone.
std::optional<base::Hash> committed_root(const StateReader& state, const base::JobId& job,
                                         std::uint32_t round, ClaimKind kind,
                                         const base::PartId& subject);

/// The referee's bytes of an open state question.
std::optional<base::Bytes> find_question_bytes(const StateReader& state, const base::Hash& id);
/// Open questions of a job: by round, those of its own blobs (kNoRound) last; those of one round
/// only when given.
std::vector<Question> questions_of_job(const StateReader& state, const base::JobId& job,
                                       std::optional<std::uint32_t> round,
                                       const std::optional<base::Hash>& after, std::size_t limit);
/// Open questions about one part, or about a job's blobs and merges: StoredTarget::subject.
inline constexpr Listed<Question, question_of_subject_key, base::Hash> questions_of_subject{};
/// Open questions that the account is obliged to answer, or has asked.
inline constexpr Listed<Question, question_of_obliged_key, base::AccountId> questions_owed{};
inline constexpr Listed<Question, question_of_asker_key, base::AccountId> questions_asked{};
/// What the referee is told of a state question. Nothing once what it is about is void or gone.
std::optional<QuestionSubject> question_subject(const StateReader& state,
                                                const StoredTarget& target);

std::vector<Pool> pools_of_target(const StateReader& state, const base::PartId& part,
                                  std::optional<std::uint32_t> segment, std::size_t limit);
/// The bytes of an open dispute's game, as the referee takes them.
std::optional<base::Bytes> find_game(const StateReader& state, const base::DisputeId& id);
/// Open disputes that the account plays on that side.
inline constexpr Listed<Dispute, dispute_of_account_key, base::AccountId, Side>
    disputes_of_account{};
/// The open ones, or those that are over.
inline constexpr Listed<Dispute, dispute_of_job_key, base::JobId, OpenFirst> disputes_of_job{};
/// Open disputes about one segment of a part (or, with segment 0, about a merge by its commitment);
/// about all of its segments when none is given.
std::vector<Dispute> disputes_of_target(const StateReader& state, const base::PartId& part,
                                        std::optional<std::uint32_t> segment, std::size_t limit);
std::vector<ChallengeSeal> seals_of(const StateReader& state, const base::AccountId& account);
/// What the game of a dispute is about. Nothing once what it is about is void or gone.
std::optional<GameSubject> game_subject(const StateReader& state, const Dispute& dispute);
/// The leaf of one segment that its worker has opened: delivered, or shown when the part was
/// closed.
std::optional<SegmentLeaf> opened_leaf(const StateReader& state, const Part& part,
                                       std::uint32_t segment);
/// What a challenge of a segment (or merge) has to bond in a block with this base fee:
/// challenge_bond_factor x the cost of a replay + the fees of a game. Nothing when that is no
/// amount.
std::optional<base::Amount> challenge_bond(const Parameters& parameters, const Job& job,
                                           DisputeTarget target, base::Amount base_fee);

/// Timers in order of due time, at most `limit`.
std::vector<Timer> timers(const StateReader& state, std::size_t limit);

}  // namespace assay::market
