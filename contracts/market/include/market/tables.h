#pragma once

#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "market/objects.h"

/// Keys of the state (docs/formats/market_state.md): one tag byte per table, then fields of fixed
/// size; integers big-endian so that byte order is their order.
namespace assay::market {

/// A number that sorts the greatest first.
struct Descending {
    std::uint64_t value = 0;
    Descending(std::uint64_t number) : value(number) {}  // NOLINT: a key is made of plain values
};
/// Sorts what is open first.
struct OpenFirst {
    bool open = true;
    OpenFirst(bool is_open) : open(is_open) {}  // NOLINT: a key is made of plain values
};

/// Every table: name, tag, fields of its key. Index tables have empty values unless stated.
// clang-format off
#define ASSAY_MARKET_TABLES(X)                                                                     \
    X(chain, 0x01)                                                                                 \
    X(parameters, 0x02, base::Hash)                                                                \
    X(timer, 0x03, base::TimeMs, TimerKind, base::Hash, std::uint64_t)                             \
    X(account, 0x10, base::AccountId)                                                              \
    X(nonce, 0x11, base::AccountId, std::uint32_t)           /* u64 next nonce, little-endian */   \
    X(past_key, 0x12, base::AccountId, base::PublicKey)      /* u64 live time: when it was replaced */ \
    X(stake, 0x13, base::AccountId, Role)                                                          \
    X(unbonding, 0x14, base::AccountId, Role, std::uint64_t)                                       \
    X(validator, 0x15, base::AccountId)                                                            \
    X(validator_by_stake, 0x16, Descending, base::AccountId)                                       \
    X(offer, 0x20, base::OfferId)                                                                  \
    X(offer_by_price, 0x21, base::Amount, std::uint64_t, base::OfferId)        /* price, arrival */ \
    X(offer_of_worker, 0x22, base::AccountId, base::OfferId)                                       \
    X(record, 0x23, base::AccountId)                                                               \
    X(job, 0x30, base::JobId)                                                                      \
    X(job_by_state, 0x31, JobState, base::JobId)                                                   \
    X(spec, 0x32, base::JobId)                                              /* canonical spec */   \
    X(lane, 0x33, base::JobId, std::uint32_t)                                                      \
    X(round, 0x34, base::JobId, std::uint32_t)                                                     \
    X(merge, 0x35, base::JobId, std::uint32_t)                                                     \
    X(history, 0x36, base::JobId, std::uint64_t)                                                   \
    X(lease, 0x40, base::LeaseId)                                                                  \
    X(lease_of_worker, 0x41, base::AccountId, base::LeaseId)                                       \
    X(lease_of_job, 0x42, base::JobId, base::LeaseId)                                              \
    X(party, 0x43, base::JobId, base::AccountId)            /* who has or had a lease of the job */ \
    X(part, 0x50, base::PartId)                                                                    \
    X(part_of_job, 0x51, base::JobId, std::uint32_t, std::uint32_t, std::uint32_t, base::PartId)   \
    X(epoch, 0x52, std::uint64_t)                                                                  \
    X(epoch_commitment, 0x53, std::uint64_t, base::PartId)                                         \
    X(epoch_member, 0x54, std::uint64_t, base::AccountId)                                          \
    X(claim, 0x55, base::PartId, std::uint32_t)                                                    \
    X(audit, 0x60, base::AuditId)                                                                  \
    X(audit_of_validator, 0x61, base::AccountId, base::AuditId)                                    \
    X(audit_of_job, 0x62, base::JobId, base::AuditId)                                              \
    X(audit_of_claim, 0x63, base::PartId, std::uint32_t, base::AuditId)                            \
    X(evidence, 0x64, base::Hash)                                  /* slashing is idempotent */    \
    X(jailed, 0x65, base::TimeMs, base::AccountId)               /* u64 weight, little-endian */   \
    X(question, 0x70, base::Hash)                                                                  \
    X(question_of_job, 0x71, base::JobId, std::uint32_t, base::Hash)  /* kNoRound: its own blobs */ \
    X(question_of_obliged, 0x72, base::AccountId, base::Hash)                                      \
    X(question_of_asker, 0x73, base::AccountId, base::Hash)                                        \
    X(question_duty, 0x74, base::AccountId)                                                        \
    X(question_bytes, 0x75, base::Hash)          /* QuestionStatus::question of a state question */ \
    X(question_of_subject, 0x76, base::Hash, base::Hash)                                           \
    X(dispute, 0x80, base::DisputeId)                                                              \
    X(dispute_of_account, 0x81, base::AccountId, Side, base::DisputeId)            /* open ones */ \
    X(dispute_of_job, 0x82, base::JobId, OpenFirst, base::DisputeId)                               \
    X(dispute_of_target, 0x83, base::PartId, std::uint32_t, base::DisputeId)       /* open ones */ \
    X(game, 0x84, base::DisputeId)               /* GameStatus::game, while the dispute is open */ \
    X(challenge_seal, 0x85, base::AccountId, std::uint64_t)                                        \
    X(pool, 0x86, base::Hash)                                                                      \
    X(pool_of_target, 0x87, base::PartId, std::uint32_t, base::Hash)                               \
    X(pool_member, 0x88, base::Hash, std::uint32_t)                                                \
    X(game_load, 0x89, base::AccountId)
// clang-format on

#define ASSAY_MARKET_TABLE(name, tag, ...) name = tag,
enum class Table : std::uint8_t { ASSAY_MARKET_TABLES(ASSAY_MARKET_TABLE) };
#undef ASSAY_MARKET_TABLE

base::Bytes table_prefix(Table table);

/// One field of a key is written behind the others.
void append_bytes(base::Bytes& key, base::ByteView bytes);
void append_number(base::Bytes& key, std::uint64_t value, unsigned bytes);
template <class Field>
void append_field(base::Bytes& key, const Field& field) {
    if constexpr (std::is_enum_v<Field>)
        append_number(key, static_cast<std::uint8_t>(field), 1);
    else if constexpr (std::is_unsigned_v<Field>)
        append_number(key, field, sizeof(Field));
    else if constexpr (std::is_same_v<Field, Descending>)
        append_number(key, ~field.value, 8);
    else if constexpr (std::is_same_v<Field, OpenFirst>)
        append_number(key, field.open ? 0 : 1, 1);
    else if constexpr (std::is_same_v<Field, base::TimeMs>)
        append_number(key, field.value, 8);
    else if constexpr (std::is_same_v<Field, base::Amount>)
        append_number(key, field.grains(), 8);
    else
        append_bytes(key, field.view());
}

/// Makes the keys of one table: lane_key(job, 3), or with fewer fields what keys begin with:
/// lane_key.prefix(job).
template <Table table, class... Fields>
struct TableKey {
    using Tuple = std::tuple<Fields...>;
    base::Bytes operator()(const Fields&... fields) const { return prefix(fields...); }
    template <class... First>
    [[nodiscard]] base::Bytes prefix(const First&... first) const {
        static_assert(sizeof...(First) <= sizeof...(Fields));
        base::Bytes key = table_prefix(table);
        key.reserve(80);
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (append_field<std::tuple_element_t<I, Tuple>>(key, first), ...);
        }
        (std::index_sequence_for<First...>{});
        return key;
    }
};
#define ASSAY_MARKET_TABLE(name, tag, ...) \
    inline constexpr TableKey<Table::name __VA_OPT__(, ) __VA_ARGS__> name##_key{};
ASSAY_MARKET_TABLES(ASSAY_MARKET_TABLE)
#undef ASSAY_MARKET_TABLE

/// What is stored: type, table, and what its key is made of.
// clang-format off
#define ASSAY_MARKET_ROWS(X)                                                    \
    X(Account, account, v.id)                                                   \
    X(Stake, stake, v.account, v.role)                                          \
    X(Unbonding, unbonding, v.account, v.role, v.number)                        \
    X(Validator, validator, v.account)                                          \
    X(WorkRecord, record, v.worker)                                             \
    X(Offer, offer, v.id)                                                       \
    X(Job, job, v.id)                                                           \
    X(Lane, lane, v.job, v.lane)                                                \
    X(Round, round, v.job, v.round)                                             \
    X(MergeRecord, merge, v.job, v.round)                                       \
    X(Lease, lease, v.id)                                                       \
    X(Part, part, v.id)                                                         \
    X(Claim, claim, v.subject, v.segment)                                       \
    X(Epoch, epoch, v.number)                                                   \
    X(EpochMember, epoch_member, v.epoch, v.validator)                          \
    X(EpochCommitment, epoch_commitment, v.epoch, v.id)                         \
    X(Audit, audit, v.id)                                                       \
    X(Question, question, v.id)                                                 \
    X(QuestionDuty, question_duty, v.account)                                   \
    X(Pool, pool, v.id)                                                         \
    X(PoolMember, pool_member, v.pool, v.number)                                \
    X(Dispute, dispute, v.id)                                                   \
    X(GameLoad, game_load, v.account)                                           \
    X(ChallengeSeal, challenge_seal, v.account, v.number)                       \
    X(Chain, chain)
// clang-format on

template <class T>
struct Row;
#define ASSAY_MARKET_ROW(Type, name, ...)                           \
    template <>                                                     \
    struct Row<Type> {                                              \
        static constexpr const auto& key = name##_key;              \
        static base::Bytes key_of([[maybe_unused]] const Type& v) { \
            return name##_key(__VA_ARGS__);                         \
        }                                                           \
    };
ASSAY_MARKET_ROWS(ASSAY_MARKET_ROW)
#undef ASSAY_MARKET_ROW

base::Bytes key_of(const Timer& timer);
/// Nothing when the bytes are no key of a timer.
std::optional<Timer> timer_from_key(base::ByteView key);

}  // namespace assay::market
