#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "market/objects.h"
#include "market/state.h"

/// Typed reads of the state, for rules and API alike. Lists are in key order, give at most `limit` entries after the id `after` and cost a
/// seek per entry. Stored bytes that don't decode are a bug and abort.
namespace assay::market {

Chain load_chain(const StateReader& state);
Parameters load_parameters(const StateReader& state, const base::Hash& id);
Parameters current_parameters(const StateReader& state);
/// Live time of a block at `height` with time `block_time` on top of this state.
base::TimeMs live_time(const Chain& chain, base::Height height, base::TimeMs block_time, std::uint64_t live_step_ms_max);

std::optional<Account> find_account(const StateReader& state, const base::AccountId& id);
base::Amount balance_of(const StateReader& state, const base::AccountId& id);
std::uint64_t next_nonce(const StateReader& state, const base::AccountId& id, std::uint32_t nonce_lane);
std::optional<Stake> find_stake(const StateReader& state, const base::AccountId& id, Role role);
std::vector<Unbonding> unbondings_of(const StateReader& state, const base::AccountId& id, Role role);
std::optional<Validator> find_validator(const StateReader& state, const base::AccountId& id);
/// Declared validators with stake, the greatest stake first.
std::vector<base::AccountId> validators_by_stake(const StateReader& state, std::size_t limit);

std::optional<Offer> find_offer(const StateReader& state, const base::OfferId& id);
std::vector<Offer> offers_by_price(const StateReader& state, std::size_t limit);
std::vector<Offer> offers_of(const StateReader& state, const base::AccountId& worker, std::size_t limit);

/// As stored: halvings that are due since are not done (market/pricing.h, halved).
std::optional<WorkRecord> find_record(const StateReader& state, const base::AccountId& worker);

std::optional<Job> find_job(const StateReader& state, const base::JobId& id);
std::vector<Job> jobs(const StateReader& state, const std::optional<base::JobId>& after, std::size_t limit);
std::vector<Job> jobs_in_state(const StateReader& state, JobState job_state, const std::optional<base::JobId>& after, std::size_t limit);
std::optional<base::Bytes> find_spec(const StateReader& state, const base::JobId& id);
std::optional<Lane> find_lane(const StateReader& state, const base::JobId& job, std::uint32_t lane);
std::vector<Lane> lanes_of(const StateReader& state, const base::JobId& job);
std::optional<Round> find_round(const StateReader& state, const base::JobId& job, std::uint32_t round);
std::optional<MergeRecord> find_merge(const StateReader& state, const base::JobId& job, std::uint32_t round);
/// Encoded entries from `first` on.
std::vector<base::Bytes> history_of(const StateReader& state, const base::JobId& job, std::uint64_t first, std::size_t limit);

std::optional<Lease> find_lease(const StateReader& state, const base::LeaseId& id);
std::vector<Lease> leases_of_worker(const StateReader& state, const base::AccountId& worker, const std::optional<base::LeaseId>& after, std::size_t limit);
std::vector<Lease> leases_of_job(const StateReader& state, const base::JobId& job, const std::optional<base::LeaseId>& after, std::size_t limit);

std::optional<Part> find_part(const StateReader& state, const base::PartId& id);
/// Parts in the order of round, lane, part; those of one round only when given.
std::vector<Part> parts_of_job(const StateReader& state, const base::JobId& job, std::optional<std::uint32_t> round, const std::optional<base::PartId>& after, std::size_t limit);
std::vector<Part> parts_of_lane(const StateReader& state, const base::JobId& job, std::uint32_t round, std::uint32_t lane);
std::optional<Epoch> find_epoch(const StateReader& state, std::uint64_t number);
std::vector<EpochCommitment> commitments_of_epoch(const StateReader& state, std::uint64_t epoch, const std::optional<base::PartId>& after, std::size_t limit);

std::optional<Audit> find_audit(const StateReader& state, const base::AuditId& id);
std::vector<Audit> audits_of_validator(const StateReader& state, const base::AccountId& validator, const std::optional<base::AuditId>& after, std::size_t limit);
std::vector<Audit> audits_of_job(const StateReader& state, const base::JobId& job, const std::optional<base::AuditId>& after, std::size_t limit);
std::optional<Vote> find_vote(const StateReader& state, const base::Hash& id);

std::optional<ChunkChallenge> find_chunk(const StateReader& state, const base::Hash& id);
/// Open challenges of a job: by round, those of its own blobs (kNoRound) last; those of one round only when given.
std::vector<ChunkChallenge> chunks_of_job(const StateReader& state, const base::JobId& job, std::optional<std::uint32_t> round,
                                          const std::optional<base::Hash>& after, std::size_t limit);
/// Open challenges that the account is obliged to answer.
std::vector<ChunkChallenge> chunks_of_account(const StateReader& state, const base::AccountId& obliged,
                                              const std::optional<base::Hash>& after, std::size_t limit);
std::optional<ChunkDuty> find_chunk_duty(const StateReader& state, const base::AccountId& account);
std::optional<Dispute> find_dispute(const StateReader& state, const base::DisputeId& id);
/// The bytes of an open dispute's game, as the referee takes them.
std::optional<base::Bytes> find_game(const StateReader& state, const base::DisputeId& id);
/// Open disputes in which the account is the asserter, or challenges (as auditor, player or in the pool behind it).
std::vector<Dispute> disputes_of_account(const StateReader& state, const base::AccountId& account, Side side,
                                         const std::optional<base::DisputeId>& after, std::size_t limit);
/// The open ones, or those that are over.
std::vector<Dispute> disputes_of_job(const StateReader& state, const base::JobId& job, bool open,
                                     const std::optional<base::DisputeId>& after, std::size_t limit);
/// Open disputes about one segment of a part (or, with segment 0, about a merge by its commitment); about all of its segments when none is given.
std::vector<Dispute> disputes_of_target(const StateReader& state, const base::PartId& part, std::optional<std::uint32_t> segment,
                                        std::size_t limit);
std::vector<ChallengeSeal> seals_of(const StateReader& state, const base::AccountId& account);
/// What the game of a dispute is about. Nothing once what it is about is void or gone.
std::optional<GameSubject> game_subject(const StateReader& state, const Dispute& dispute);
/// The leaf of one segment that its worker has opened: delivered, or shown when the part was closed.
std::optional<SegmentLeaf> opened_leaf(const StateReader& state, const Part& part, std::uint32_t segment);
/// What a challenge of a segment (or merge) has to bond in a block with this base fee: challenge_bond_factor x the cost of a replay + the
/// fees of a game. Nothing when that is no amount.
std::optional<base::Amount> challenge_bond(const Parameters& parameters, const Job& job, DisputeTarget target, base::Amount base_fee);

/// Timers in order of due time, at most `limit`.
std::vector<Timer> timers(const StateReader& state, std::size_t limit);

}  // namespace assay::market
