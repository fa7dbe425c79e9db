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

/// Of every type of row. What would say nothing (an empty work record, no duty, no game) leaves the
/// state instead.
template <class T>
void save(StateWriter& state, const T& value);
/// With its index entries and, of a job, question or dispute, the bytes beside it; the row must
/// exist, and lists under its id go before.
template <class T>
void erase(StateWriter& state, const T& value);

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
