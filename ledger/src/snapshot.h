#pragma once

#include "base/check.h"
#include "ledger/rule_set.h"
#include "ledger/snapshot.h"
#include "records.h"

namespace assay::ledger {

/// A view of the store and the head that it holds: both come from the same batch, so they always
/// fit.
struct Snapshot::Impl {
    StoreView view;
    StoredState state;
    Head head;
    const market::Referee* referee;

    Impl(StoreView given, const RuleSet& rules)
        : view(std::move(given)), state(view), referee(rules.referee) {
        const auto stored = stored_head(view);
        ASSAY_CHECK(stored.has_value());
        head = *stored;
    }
};

}  // namespace assay::ledger
