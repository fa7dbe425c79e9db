#pragma once

#include <optional>

#include "rollback.h"
#include "settlement.h"

/// Games. The rules keep turn, clocks and bonds; what a move means is the referee's
/// (market/referee.h).
namespace assay::market {

// game_clocks.cc
/// One replay of what the game is about, on the job's minimum class or as the lease promised,
/// whichever is slower.
std::uint64_t planned_ms(const Context& context, const Job& job, const Dispute& dispute);
/// One more or less game that the account has to replay.
void count_load(Context& context, const base::AccountId& account, std::uint64_t planned, bool more);
/// All the time that a player has for its moves.
std::uint64_t clock_ms(const Context& context, const Job& job, const Dispute& dispute,
                       const base::AccountId& player);
void stop_clock(Context& context, Dispute& dispute);
void start_clock(Context& context, Dispute& dispute, Side turn);

// disputes.cc
/// An auditor's revealed `invalid` of a segment or merge opens a game; its audit's lock is its
/// bond.
void open_audit_dispute(Context& context, const Audit& accusation);
/// Between an auditor that found another initial root and one that found the posted one, each with
/// its lock. Changes the job.
void open_init_dispute(Context& context, Job& job, const Audit& accuser, const Audit& defender);
/// Between an auditor and a control of it, about the first cell that they have otherwise.
void open_cell_dispute(Context& context, const Audit& audit, const Audit& control,
                       std::uint32_t cell);
/// The next members of a pool play, each a game of its own. Changes the pool.
void start_players(Context& context, Pool& pool);
/// What open disputes are about is void, or the job is over: all of a part's segments, or of a
/// merge. Bonds return, pools dissolve. Changes the job.
void drop_disputes(Context& context, Job& job, const base::PartId& target);

/// Nobody challenges this any more: bonds of who waits return, pools dissolve.
void drop_pools(Context& context, const base::PartId& target);
/// The audit counts for nothing: other games in which its auditor defends it, about its cells or an
/// initial state, are over. Changes the job.
void drop_defended(Context& context, Job& job, const Audit& defended);

Refusal refusal_of(MoveRefusal refusal);

// challenges.cc
/// What a challenge disputes, found in the state: asserter, its lease, and what it asserts.
struct Challenged {
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    base::LeaseId lease;
    base::AccountId asserter;
    base::Hash asserted;
};
/// `joins`: for somebody who comes now, within the window. A pool goes on after it: the round waits
/// while any member plays.
tl::expected<Challenged, Refusal> find_challenged(const Context& context,
                                                  const ChallengeTarget& target, bool joins);

// merges.cc
/// A merge was refuted by a game: the round waits for the next member's. False when no member is
/// left that may post.
bool merge_refuted(Context& context, Job& job, const Dispute& dispute, Undone& undone);

// slashing.cc
/// Takes a fee and the auditors' fees from a lease's lock, for work that is void already
/// (`undone`).
void take_fee(Context& context, Job& job, const base::LeaseId& lease, SlashReason reason,
              const base::Hash& evidence, base::Amount fee, std::uint32_t segments,
              const Undone& undone, const Rewards& rewards = {});

}  // namespace assay::market
