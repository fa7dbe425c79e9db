#pragma once

#include <functional>

#include "base/check.h"
#include "context.h"
#include "market/objects.h"
#include "market/queries.h"
#include "market/tables.h"

/// What a handler works on: live copies of rows (work.h), timers, evidence and history. A function
/// that takes `Job&` (or another row by reference) changes it; nobody saves what is live.
namespace assay::market {

/// live_lane(context, job, 3): the one live copy of a row, or null.
template <class T, class Id>
struct LiveFinder;
template <class T, class... Id>
struct LiveFinder<T, std::tuple<Id...>> {
    T* operator()(Context& context, const Id&... id) const {
        return context.state.template find<T>(Row<T>::key(id...));
    }
};
/// need_lane(context, job, 3): of a row that exists.
template <class T, class Id>
struct NeedFinder;
template <class T, class... Id>
struct NeedFinder<T, std::tuple<Id...>> {
    T& operator()(Context& context, const Id&... id) const {
        T* found = context.state.template find<T>(Row<T>::key(id...));
        ASSAY_CHECK(found != nullptr);
        return *found;
    }
};
#define ASSAY_MARKET_ROW(Type, name, ...)                                         \
    inline constexpr LiveFinder<Type, decltype(name##_key)::Tuple> live_##name{}; \
    inline constexpr NeedFinder<Type, decltype(name##_key)::Tuple> need_##name{};
ASSAY_MARKET_ROWS(ASSAY_MARKET_ROW)
#undef ASSAY_MARKET_ROW

/// A row that did not exist; its live copy.
template <class T>
T& add(Context& context, const T& row) {
    context.state.save(row);
    return *context.state.template find<T>(Row<T>::key_of(row));
}

/// The live copies of rows that were listed: iterate with `T&`.
template <class T>
std::vector<std::reference_wrapper<T>> live(Context& context, const std::vector<T>& listed) {
    std::vector<std::reference_wrapper<T>> rows;
    for (const T& row : listed) {
        T* found = context.state.template find<T>(Row<T>::key_of(row));
        ASSAY_CHECK(found != nullptr);
        rows.push_back(*found);
    }
    return rows;
}

/// Timers. Setting one twice is the same as once; clearing one that is not there does nothing. A
/// handler compares the timer's due time with its object's deadline and ignores it when they
/// differ.
void set_timer(Context& context, const Timer& timer);
void clear_timer(Context& context, const Timer& timer);

/// Erases at most `most` entries under a prefix; false when there was none.
bool erase_some(StateWriter& state, const base::Bytes& prefix, std::size_t most);

/// True when the evidence was new: slashing is idempotent.
bool note_evidence(Context& context, const base::Hash& id);

/// Adds an entry to the job's history.
void append_history(Context& context, Job& job, const JobHistoryEntry& entry);

}  // namespace assay::market
