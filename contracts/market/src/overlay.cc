#include "market/overlay.h"

#include <algorithm>

namespace assay::market {
namespace {

using base::Bytes;
using base::ByteView;

bool begins_with(ByteView key, ByteView prefix) {
    return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

/// `from`, or the prefix itself when `from` lies before everything that has it.
ByteView later_of(ByteView from, ByteView prefix) {
    return KeyOrder{}(from, prefix) ? prefix : from;
}

}  // namespace

std::optional<Bytes> Overlay::get(ByteView key) const {
    const auto found = changes_.find(key);
    return found != changes_.end() ? found->second : base_.get(key);
}

std::optional<std::pair<Bytes, Bytes>> Overlay::seek(ByteView from, ByteView prefix) const {
    const ByteView start = later_of(from, prefix);
    auto written = changes_.lower_bound(start);
    while (written != changes_.end() && !written->second && begins_with(written->first, prefix))
        ++written;
    const bool have_written =
        written != changes_.end() && written->second && begins_with(written->first, prefix);

    Bytes base_from(start.begin(), start.end());
    while (true) {
        auto stored = base_.seek(base_from, prefix);
        if (!stored) break;
        if (have_written && !KeyOrder{}(stored->first, written->first))
            break;  // the written one comes first, or replaces it
        const auto change = changes_.find(stored->first);
        if (change == changes_.end()) return stored;
        // A change of this key before `written` can only be an erasure: look behind it.
        base_from = std::move(stored->first);
        base_from.push_back(0);
    }
    if (!have_written) return std::nullopt;
    return std::pair{written->first, *written->second};
}

void Overlay::put(ByteView key, ByteView value) {
    changes_[Bytes(key.begin(), key.end())] = Bytes(value.begin(), value.end());
}

void Overlay::erase(ByteView key) { changes_[Bytes(key.begin(), key.end())] = std::nullopt; }

void Overlay::drop_unchanged() {
    std::erase_if(changes_,
                  [this](const auto& change) { return base_.get(change.first) == change.second; });
}

std::optional<Bytes> MemoryState::get(ByteView key) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    return found->second;
}

std::optional<std::pair<Bytes, Bytes>> MemoryState::seek(ByteView from, ByteView prefix) const {
    const auto found = entries_.lower_bound(later_of(from, prefix));
    if (found == entries_.end() || !begins_with(found->first, prefix)) return std::nullopt;
    return *found;
}

void MemoryState::put(ByteView key, ByteView value) {
    const auto it = entries_.lower_bound(key);
    if (it != entries_.end() && !KeyOrder{}(key, it->first))
        it->second.assign(value.begin(), value.end());
    else
        entries_.emplace_hint(it, Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end()));
}

void MemoryState::erase(ByteView key) {
    if (const auto it = entries_.find(key); it != entries_.end()) entries_.erase(it);
}

void MemoryState::write(const StateChanges& changes) {
    for (const auto& [key, value] : changes) {
        if (value)
            put(key, *value);
        else
            erase(key);
    }
}

}  // namespace assay::market
