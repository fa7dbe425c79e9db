#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"
#include "market/objects.h"

/// Keys of the state (docs/formats/market_state.md): one tag byte per table, then fields of fixed
/// size; integers big-endian so that byte order is their order. Index tables have empty values
/// unless stated.
namespace assay::market {

enum class Table : std::uint8_t {
    chain = 0x01,
    parameters = 0x02,
    timer = 0x03,
    account = 0x10,
    nonce = 0x11,
    past_key = 0x12,
    stake = 0x13,
    unbonding = 0x14,
    validator = 0x15,
    validator_by_stake = 0x16,
    offer = 0x20,
    offer_by_price = 0x21,
    offer_of_worker = 0x22,
    record = 0x23,
    job = 0x30,
    job_by_state = 0x31,
    spec = 0x32,
    lane = 0x33,
    round = 0x34,
    merge = 0x35,
    history = 0x36,
    lease = 0x40,
    lease_of_worker = 0x41,
    lease_of_job = 0x42,
    party = 0x43,
    part = 0x50,
    part_of_job = 0x51,
    epoch = 0x52,
    epoch_commitment = 0x53,
    epoch_member = 0x54,
    claim = 0x55,
    audit = 0x60,
    audit_of_validator = 0x61,
    audit_of_job = 0x62,
    audit_of_claim = 0x63,
    evidence = 0x64,
    jailed = 0x65,
    question = 0x70,
    question_of_job = 0x71,
    question_of_obliged = 0x72,
    question_of_asker = 0x73,
    question_duty = 0x74,
    question_bytes = 0x75,
    question_of_subject = 0x76,
    dispute = 0x80,
    dispute_of_account = 0x81,
    dispute_of_job = 0x82,
    dispute_of_target = 0x83,
    game = 0x84,
    challenge_seal = 0x85,
    pool = 0x86,
    pool_of_target = 0x87,
    pool_member = 0x88,
    game_load = 0x89,
};

base::Bytes table_prefix(Table table);

base::Bytes chain_key();
base::Bytes parameters_key(const base::Hash& id);
base::Bytes timer_key(const Timer& timer);
/// Nothing when the bytes are no timer key.
std::optional<Timer> timer_from_key(base::ByteView key);

base::Bytes account_key(const base::AccountId& id);
base::Bytes nonce_key(const base::AccountId& id,
                      std::uint32_t lane);  ///< value: u64 next nonce, little-endian
base::Bytes past_key_key(
    const base::AccountId& id,
    const base::PublicKey& key);  ///< value: u64 live time at which it was replaced
base::Bytes stake_key(const base::AccountId& id, Role role);
base::Bytes unbonding_key(const base::AccountId& id, Role role, std::uint64_t number);
base::Bytes validator_key(const base::AccountId& id);
base::Bytes validator_by_stake_key(std::uint64_t weight,
                                   const base::AccountId& id);  ///< greatest stake first

base::Bytes offer_key(const base::OfferId& id);
base::Bytes offer_by_price_key(base::Amount price, std::uint64_t arrival, const base::OfferId& id);
base::Bytes offer_of_worker_key(const base::AccountId& worker, const base::OfferId& id);
base::Bytes record_key(const base::AccountId& worker);

base::Bytes job_key(const base::JobId& id);
base::Bytes job_by_state_key(JobState state, const base::JobId& id);
base::Bytes spec_key(const base::JobId& id);  ///< value: canonical spec bytes
base::Bytes lane_key(const base::JobId& job, std::uint32_t lane);
base::Bytes round_key(const base::JobId& job, std::uint32_t round);
base::Bytes merge_key(const base::JobId& job, std::uint32_t round);
base::Bytes history_key(const base::JobId& job, std::uint64_t index);

base::Bytes lease_key(const base::LeaseId& id);
base::Bytes lease_of_worker_key(const base::AccountId& worker, const base::LeaseId& id);
base::Bytes lease_of_job_key(const base::JobId& job, const base::LeaseId& id);

base::Bytes party_key(const base::JobId& job,
                      const base::AccountId& account);  ///< who has or had a lease of the job

base::Bytes part_key(const base::PartId& id);
/// Order: round, lane, part, then id.
base::Bytes part_of_job_key(const PartKey& part, const base::PartId& id);
base::Bytes epoch_key(std::uint64_t number);
base::Bytes epoch_commitment_key(std::uint64_t epoch, const base::PartId& id);
base::Bytes epoch_member_key(std::uint64_t epoch, const base::AccountId& validator);
base::Bytes claim_key(const base::PartId& subject, std::uint32_t segment);

base::Bytes audit_key(const base::AuditId& id);
base::Bytes audit_of_validator_key(const base::AccountId& validator, const base::AuditId& id);
base::Bytes audit_of_job_key(const base::JobId& job, const base::AuditId& id);
/// Order: segment, then id. Audits and controls of a claim.
base::Bytes audit_of_claim_key(const base::PartId& subject, std::uint32_t segment,
                               const base::AuditId& id);
/// Validators that are jailed, by the time at which they were.
base::Bytes jailed_key(base::TimeMs since,
                       const base::AccountId& id);  ///< value: u64 weight, little-endian
base::Bytes evidence_key(const base::Hash& id);     ///< value: empty; slashing is idempotent

base::Bytes question_key(const base::Hash& id);
/// Order: round (kNoRound for the job's own blobs), then id.
base::Bytes question_of_job_key(const base::JobId& job, std::uint32_t round, const base::Hash& id);
base::Bytes question_of_obliged_key(const base::AccountId& obliged, const base::Hash& id);
base::Bytes question_of_subject_key(const base::Hash& subject, const base::Hash& id);
base::Bytes question_of_asker_key(const base::AccountId& asker, const base::Hash& id);
base::Bytes question_duty_key(const base::AccountId& account);
base::Bytes question_bytes_key(
    const base::Hash& id);  ///< value: QuestionStatus::question of a state question
base::Bytes dispute_key(const base::DisputeId& id);
base::Bytes dispute_of_account_key(const base::AccountId& account, Side side,
                                   const base::DisputeId& id);  ///< open ones
base::Bytes dispute_of_job_key(const base::JobId& job, bool open,
                               const base::DisputeId& id);  ///< open ones first
base::Bytes dispute_of_target_key(const base::PartId& part, std::uint32_t segment,
                                  const base::DisputeId& id);  ///< open ones
base::Bytes game_key(
    const base::DisputeId& id);  ///< value: GameStatus::game, while the dispute is open
base::Bytes pool_key(const base::Hash& id);
base::Bytes pool_of_target_key(const base::PartId& part, std::uint32_t segment,
                               const base::Hash& id);
base::Bytes pool_member_key(const base::Hash& pool, std::uint32_t number);
base::Bytes game_load_key(const base::AccountId& account);
base::Bytes challenge_seal_key(const base::AccountId& account, std::uint64_t number);

}  // namespace assay::market
