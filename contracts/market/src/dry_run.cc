#include "dry_run.h"

#include <algorithm>

namespace assay::market {

namespace {

base::Bytes copy(base::ByteView bytes) { return {bytes.begin(), bytes.end()}; }

bool begins_with(const base::Bytes& key, base::ByteView prefix) {
    return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

}  // namespace

std::optional<base::Bytes> DryRun::get(base::ByteView key) const {
    const auto change = changes_.find(copy(key));
    return change == changes_.end() ? state_.get(key) : change->second;
}

std::optional<std::pair<base::Bytes, base::Bytes>> DryRun::seek(base::ByteView from,
                                                                base::ByteView prefix) const {
    const base::Bytes start = copy(from);
    // The first entry below that no change hides, against the first change that is no erasure.
    auto below = state_.seek(start, prefix);
    while (below && changes_.contains(below->first)) {
        base::Bytes next = below->first;
        next.push_back(0);
        below = state_.seek(next, prefix);
    }
    auto change = changes_.lower_bound(start);
    while (change != changes_.end() && begins_with(change->first, prefix) && !change->second)
        ++change;
    const bool changed = change != changes_.end() && begins_with(change->first, prefix);
    if (!changed) return below;
    if (below && below->first < change->first) return below;
    return std::pair{change->first, *change->second};
}

void DryRun::put(base::ByteView key, base::ByteView value) { changes_[copy(key)] = copy(value); }
void DryRun::erase(base::ByteView key) { changes_[copy(key)] = std::nullopt; }

}  // namespace assay::market
