#pragma once

#include "context.h"
#include "market/objects.h"
#include "market/queries.h"
#include "market/state.h"
#include "market/tables.h"

/// Typed writes: each keeps the index tables of its object in step. Reading is market/queries.h.
///
/// One rule keeps copies from going stale: a function that takes `Job&` (or another object by
/// reference) changes it and leaves saving to its caller; everything that it loads itself it also
/// saves. So a caller saves what it changed before it calls something that loads the same object by
/// id, and never holds two copies.
namespace assay::market {

void save(StateWriter& state, const Account& value);
void save(StateWriter& state, const Stake& value);
void save(StateWriter& state, const Unbonding& value);
void save(StateWriter& state, const Validator& value);
void save(StateWriter& state, const WorkRecord& value);  ///< an empty record leaves the state
void save(StateWriter& state, const Offer& value);
void save(StateWriter& state, const Job& value);
void save(StateWriter& state, const Lane& value);
void save(StateWriter& state, const Round& value);
void save(StateWriter& state, const MergeRecord& value);
void save(StateWriter& state, const Lease& value);
void save(StateWriter& state, const Part& value);
void save(StateWriter& state, const Claim& value);
void save(StateWriter& state, const Epoch& value);
void save(StateWriter& state, const EpochMember& value);
void save(StateWriter& state, const EpochCommitment& value);
void save(StateWriter& state, const Audit& value);
void save(StateWriter& state, const Question& value);
void save(StateWriter& state, const QuestionDuty& value);  ///< erases it when nothing is open
void save(StateWriter& state, const Pool& value);
void save(StateWriter& state, const PoolMember& value);
void save(StateWriter& state, const Dispute& value);
void save(StateWriter& state, const GameLoad& value);  ///< erases it when there is no game
void save(StateWriter& state, const ChallengeSeal& value);
void save(StateWriter& state, const Chain& value);

/// Erase the object and its index entries; the object must exist.
void erase(StateWriter& state, const Unbonding& value);
void erase(StateWriter& state, const Validator& value);
void erase(StateWriter& state, const Offer& value);
void erase(StateWriter& state,
           const Job& value);  ///< with its spec; the lists under its id go before
void erase(StateWriter& state, const Lane& value);
void erase(StateWriter& state, const Round& value);
void erase(StateWriter& state, const MergeRecord& value);
void erase(StateWriter& state, const Lease& value);
void erase(StateWriter& state, const Part& value);
void erase(StateWriter& state, const Claim& value);
void erase(StateWriter& state, const Epoch& value);
void erase(StateWriter& state, const EpochMember& value);
void erase(StateWriter& state, const EpochCommitment& value);
void erase(StateWriter& state, const Audit& value);
void erase(StateWriter& state, const Question& value);  ///< with its bytes
void erase(StateWriter& state, const Pool& value);
void erase(StateWriter& state, const PoolMember& value);
void erase(StateWriter& state, const Dispute& value);  ///< with its game
void erase(StateWriter& state, const ChallengeSeal& value);

/// Timers. Setting one twice is the same as once; clearing one that is not there does nothing. A
/// handler compares the timer's due time with its object's deadline and ignores it when they
/// differ.
void set_timer(Context& context, const Timer& timer);
void clear_timer(Context& context, const Timer& timer);

/// Erases at most `most` entries under a prefix; false when there was none.
bool erase_some(StateWriter& state, const base::Bytes& prefix, std::size_t most);

/// True when the evidence was new: slashing is idempotent.
bool note_evidence(Context& context, const base::Hash& id);

/// Adds an entry to the job's history; the caller saves the job.
void append_history(Context& context, Job& job, const JobHistoryEntry& entry);

}  // namespace assay::market
