#pragma once

#include <optional>

#include "rollback.h"
#include "settlement.h"

/// Games between who did the work and who says that it is wrong. The rules keep turn, clocks and bonds; what a move means is the referee's
/// (market/referee.h). The rule of store.h about copies holds.
namespace assay::market {

// disputes.cc
/// Disputes of this job are decided by a referee.
bool by_referee(const Context& context, const Job& job);
/// An auditor's revealed `invalid` opens a game; its audit's lock is its bond. Loads and saves what it needs.
void open_audit_dispute(Context& context, const Audit& accusation);
/// Digests that the worker showed for an audit are not those that the auditor found: opens a game about them. Loads and saves what it needs.
void open_steps_dispute(Context& context, const Audit& audit, const std::vector<base::Hash>& digests);
/// Starts a challenge that is filled in but for game, turn and clocks. Saves it.
void open_challenge_dispute(Context& context, Dispute& dispute);
/// What an open dispute is about is void, or its job is over: all of a part's segments, or of a merge. Bonds return.
void drop_disputes(Context& context, const base::PartId& target);
/// The auditor took its verdict back.
void withdraw_dispute(Context& context, Dispute& dispute);

// merges.cc
/// A merge was refuted by a game: the round waits for the next member's. False when no member is left that may post.
bool merge_refuted(Context& context, Job& job, const Dispute& dispute, Undone& undone);

// slashing.cc
/// Takes a fee and the auditors' fees from a lease's lock, for work that is void already (`undone`).
void take_fee(Context& context, Job& job, const base::LeaseId& lease, SlashReason reason, const base::Hash& evidence, base::Amount fee,
              std::uint32_t segments, const Undone& undone, const GameFees& fees = {});

}  // namespace assay::market
