#pragma once

#include <optional>
#include <set>
#include <vector>

#include "settlement.h"

/// From a judgement to the state in which the job goes on. A caller notes what is void (undo_lane,
/// undo_worker, or return_to_merge for a wrong merge), then calls roll_back once; who pays for it
/// is slashing.cc's.
namespace assay::market {

/// Work of somebody who did nothing wrong, void because it was built on something wrong.
struct LostWork {
    base::AccountId worker;
    base::PartId part;
    base::Amount price;
};

/// Challengers of one segment, whatever root they claim, whose games a judgement of something else
/// has ended.
struct Overtaken {
    base::PartId part;
    std::uint32_t segment = 0;
    std::vector<base::AccountId> accounts;
};

/// What a judgement has made void so far.
struct Undone {
    std::set<base::LeaseId> leases;  ///< under which the void parts were made
    base::Amount audit_fees;         ///< that auditors were paid for them, now or earlier
    std::vector<LostWork> lost;      ///< parts of others than the culprit that nobody had accused:
                                     ///< passed ones, with an audit lag committed ones too
    std::optional<base::Height>
        public_since;  ///< who seals a challenge later only saw that the worker falls; nothing:
                       ///< nobody knows since when it was plain
    std::vector<Overtaken>
        overtaken;  ///< challengers of the culprit's void parts, sealed before that
    std::optional<std::uint32_t> reopen;  ///< the first closed round whose members' work is void
    std::set<std::uint32_t> lanes;        ///< of the open round, whose work is void
};

/// The part stands and is not paid yet.
bool can_void(const Part& part);

/// Voids every part of a lane's round from `first_part` on, whoever made it: each starts where the
/// one before it ended. Final rounds stay.
void undo_lane(Context& context, Job& job, std::uint32_t round, std::uint32_t lane,
               std::uint32_t first_part, const base::AccountId& culprit, Undone& undone);
/// Voids all parts of one worker in `from_round` and later rounds, and what stands on them in their
/// lanes.
void undo_worker(Context& context, Job& job, const base::AccountId& worker,
                 std::uint32_t from_round, Undone& undone);
/// Takes back everything after `round`: parts, merges, the rounds themselves.
void undo_rounds_after(Context& context, Job& job, std::uint32_t round,
                       const base::AccountId& culprit, Undone& undone);
/// Sends the job back to what stands: when a closed round lost a member's work, everything after it
/// is taken back and it opens again with the parts that stand; lanes go on after their last part.
void roll_back(Context& context, Job& job, const base::AccountId& culprit, Undone& undone);
/// A merge was wrong: everything after its round is taken back and the round waits for a merge
/// again, its members unchanged.
void return_to_merge(Context& context, Job& job, std::uint32_t round,
                     const base::AccountId& culprit, Undone& undone);

// disputes.cc
/// Who challenges a part that becomes void and has lost no game about it.
void note_overtaken(const Context& context, const base::PartId& part, Undone& undone);

// slashing.cc
/// Who is paid from what the loser of a game, or a convict, loses.
struct Rewards {
    base::AccountId winner;  ///< of a game: gets the fees of its moves back
    base::Amount fees = {};
    std::vector<base::AccountId> right =
        {};  ///< challengers with the same root that were overtaken: they share one replay
    std::vector<base::AccountId> reporters = {};  ///< share the bounty
    base::Amount share =
        {};  ///< what one replay is worth: most that `right` get together, and that a bounty is
    std::optional<base::Height> public_since = {};
    base::PartId judged =
        {};  ///< with `segment`: what a game was about, whose challengers are `right` or wrong
    std::uint32_t segment = 0;
};

/// Why and how a worker is convicted.
struct Conviction {
    base::LeaseId lease;
    SlashReason reason = SlashReason::judgement;
    base::Hash evidence;           ///< id of the dispute, question, part or report
    std::uint32_t from_round = 0;  ///< its parts of this round and later ones are void
    Rewards rewards = {};
};
/// Slashes the lease's lock, voids the worker's parts, rolls back, pays the harmed out of at most
/// half of what was taken and burns the rest, so that no incident pays anybody more than the
/// offender lost; releases the worker's lanes. `undone`: what is void already. Returns what was
/// taken.
base::Amount convict(Context& context, Job& job, const Conviction& conviction, Undone undone = {});
/// A worker gives a part up: it is void with what stands on it, `fee` and the auditors' fees are
/// taken from the lease's lock, the lane is matched again.
void give_up(Context& context, Job& job, const Part& part, SlashReason reason,
             const base::Hash& evidence, base::Amount fee, const Rewards& rewards = {});

}  // namespace assay::market
