#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "market/objects.h"
#include "market/state.h"

/// Typed reads of the state, for rules and API alike. Lists are in key order, give at most `limit`
/// entries after the id `after` and cost a seek per entry. Stored bytes that don't decode are a bug
/// and abort.
namespace assay::market {

Chain load_chain(const StateReader& state);
Parameters load_parameters(const StateReader& state, const base::Hash& id);
Parameters current_parameters(const StateReader& state);
/// Live time of a block at `height` with time `block_time` on top of this state.
base::TimeMs live_time(const Chain& chain, base::Height height, base::TimeMs block_time,
                       std::uint64_t live_step_ms_max);

std::optional<Account> find_account(const StateReader& state, const base::AccountId& id);
base::Amount balance_of(const StateReader& state, const base::AccountId& id);
std::uint64_t next_nonce(const StateReader& state, const base::AccountId& id,
                         std::uint32_t nonce_lane);
std::optional<Stake> find_stake(const StateReader& state, const base::AccountId& id, Role role);
std::vector<Unbonding> unbondings_of(const StateReader& state, const base::AccountId& id,
                                     Role role);
std::optional<Validator> find_validator(const StateReader& state, const base::AccountId& id);
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

std::optional<Offer> find_offer(const StateReader& state, const base::OfferId& id);
std::vector<Offer> offers_by_price(const StateReader& state, std::size_t limit);
std::vector<Offer> offers_of(const StateReader& state, const base::AccountId& worker,
                             std::size_t limit);

/// As stored: halvings that are due since are not done (market/pricing.h, halved).
std::optional<WorkRecord> find_record(const StateReader& state, const base::AccountId& worker);

std::optional<Job> find_job(const StateReader& state, const base::JobId& id);
std::vector<Job> jobs(const StateReader& state, const std::optional<base::JobId>& after,
                      std::size_t limit);
std::vector<Job> jobs_in_state(const StateReader& state, JobState job_state,
                               const std::optional<base::JobId>& after, std::size_t limit);
std::optional<base::Bytes> find_spec(const StateReader& state, const base::JobId& id);
std::optional<Lane> find_lane(const StateReader& state, const base::JobId& job, std::uint32_t lane);
std::vector<Lane> lanes_of(const StateReader& state, const base::JobId& job);
std::optional<Round> find_round(const StateReader& state, const base::JobId& job,
                                std::uint32_t round);
std::optional<MergeRecord> find_merge(const StateReader& state, const base::JobId& job,
                                      std::uint32_t round);
/// Encoded entries from `first` on.
std::vector<base::Bytes> history_of(const StateReader& state, const base::JobId& job,
                                    std::uint64_t first, std::size_t limit);

std::optional<Lease> find_lease(const StateReader& state, const base::LeaseId& id);
std::vector<Lease> leases_of_worker(const StateReader& state, const base::AccountId& worker,
                                    const std::optional<base::LeaseId>& after, std::size_t limit);
std::vector<Lease> leases_of_job(const StateReader& state, const base::JobId& job,
                                 const std::optional<base::LeaseId>& after, std::size_t limit);

std::optional<Part> find_part(const StateReader& state, const base::PartId& id);
/// Parts in the order of round, lane, part; those of one round only when given.
std::vector<Part> parts_of_job(const StateReader& state, const base::JobId& job,
                               std::optional<std::uint32_t> round,
                               const std::optional<base::PartId>& after, std::size_t limit);
std::vector<Part> parts_of_lane(const StateReader& state, const base::JobId& job,
                                std::uint32_t round, std::uint32_t lane);
std::optional<Epoch> find_epoch(const StateReader& state, std::uint64_t number);
std::vector<EpochCommitment> commitments_of_epoch(const StateReader& state, std::uint64_t epoch,
                                                  const std::optional<base::PartId>& after,
                                                  std::size_t limit);

std::optional<EpochMember> find_member(const StateReader& state, std::uint64_t epoch,
                                       const base::AccountId& validator);
std::vector<EpochMember> members_of_epoch(const StateReader& state, std::uint64_t epoch,
                                          const std::optional<base::AccountId>& after,
                                          std::size_t limit);
/// Validators that were jailed at `since` or later and have not returned, with the weight they had
/// then.
std::uint64_t jailed_weight(const StateReader& state, base::TimeMs since, std::size_t limit);

std::optional<Audit> find_audit(const StateReader& state, const base::AuditId& id);
std::vector<Audit> audits_of_validator(const StateReader& state, const base::AccountId& validator,
                                       const std::optional<base::AuditId>& after,
                                       std::size_t limit);
std::vector<Audit> audits_of_job(const StateReader& state, const base::JobId& job,
                                 const std::optional<base::AuditId>& after, std::size_t limit);
/// Audits and controls of one claim, of all claims of a subject when no segment is given.
std::vector<Audit> audits_of_claim(const StateReader& state, const base::PartId& subject,
                                   std::optional<std::uint32_t> segment, std::size_t limit);
std::optional<Claim> find_claim(const StateReader& state, const base::PartId& subject,
                                std::uint32_t segment);
/// Ascending by segment.
std::vector<Claim> claims_of(const StateReader& state, const base::PartId& subject,
                             std::size_t limit);
/// The root that was committed under a claim's subject: a part's tree root, a merge's or an initial
/// root. Nothing when it is gone.
std::optional<base::Hash> committed_root(const StateReader& state, const base::JobId& job,
                                         std::uint32_t round, ClaimKind kind,
                                         const base::PartId& subject);

std::optional<Question> find_question(const StateReader& state, const base::Hash& id);
/// The referee's bytes of an open state question.
std::optional<base::Bytes> find_question_bytes(const StateReader& state, const base::Hash& id);
/// Open questions of a job: by round, those of its own blobs (kNoRound) last; those of one round
/// only when given.
std::vector<Question> questions_of_job(const StateReader& state, const base::JobId& job,
                                       std::optional<std::uint32_t> round,
                                       const std::optional<base::Hash>& after, std::size_t limit);
/// Open questions about one part, or about a job's blobs and merges: StoredTarget::subject.
std::vector<Question> questions_of_subject(const StateReader& state, const base::Hash& subject,
                                           const std::optional<base::Hash>& after,
                                           std::size_t limit);
/// Open questions that the account is obliged to answer, or has asked.
std::vector<Question> questions_owed(const StateReader& state, const base::AccountId& obliged,
                                     const std::optional<base::Hash>& after, std::size_t limit);
std::vector<Question> questions_asked(const StateReader& state, const base::AccountId& asker,
                                      const std::optional<base::Hash>& after, std::size_t limit);
std::optional<QuestionDuty> find_question_duty(const StateReader& state,
                                               const base::AccountId& account);
/// What the referee is told of a state question. Nothing once what it is about is void or gone.
std::optional<QuestionSubject> question_subject(const StateReader& state,
                                                const StoredTarget& target);

std::optional<Pool> find_pool(const StateReader& state, const base::Hash& id);
std::vector<Pool> pools_of_target(const StateReader& state, const base::PartId& part,
                                  std::optional<std::uint32_t> segment, std::size_t limit);
std::optional<PoolMember> find_pool_member(const StateReader& state, const base::Hash& pool,
                                           std::uint32_t number);
std::optional<GameLoad> find_game_load(const StateReader& state, const base::AccountId& account);
std::optional<Dispute> find_dispute(const StateReader& state, const base::DisputeId& id);
/// The bytes of an open dispute's game, as the referee takes them.
std::optional<base::Bytes> find_game(const StateReader& state, const base::DisputeId& id);
/// Open disputes that the account plays on that side.
std::vector<Dispute> disputes_of_account(const StateReader& state, const base::AccountId& account,
                                         Side side, const std::optional<base::DisputeId>& after,
                                         std::size_t limit);
/// The open ones, or those that are over.
std::vector<Dispute> disputes_of_job(const StateReader& state, const base::JobId& job, bool open,
                                     const std::optional<base::DisputeId>& after,
                                     std::size_t limit);
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
