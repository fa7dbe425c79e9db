#pragma once

#include <algorithm>
#include <cstring>
#include <map>

#include "market/state.h"

namespace assay::sim {

/// The ordered state of a simulated node: one map. Copyable, so a test can keep a snapshot.
class MemoryState : public market::StateWriter {
  public:
    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override {
        const auto it = entries_.find(key);
        if (it == entries_.end()) return std::nullopt;
        return it->second;
    }

    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override {
        const auto it = entries_.lower_bound(from);
        if (it == entries_.end() || it->first.size() < prefix.size()) return std::nullopt;
        if (!std::equal(prefix.begin(), prefix.end(), it->first.begin())) return std::nullopt;
        return *it;
    }

    void put(base::ByteView key, base::ByteView value) override {
        const auto it = entries_.lower_bound(key);
        if (it != entries_.end() &&
            std::equal(key.begin(), key.end(), it->first.begin(), it->first.end()))
            it->second.assign(value.begin(), value.end());
        else
            entries_.emplace_hint(it, base::Bytes(key.begin(), key.end()),
                                  base::Bytes(value.begin(), value.end()));
    }

    void erase(base::ByteView key) override {
        if (const auto it = entries_.find(key); it != entries_.end()) entries_.erase(it);
    }

    /// The order of bytes; finds by a view.
    struct Less {
        using is_transparent = void;
        bool operator()(base::ByteView a, base::ByteView b) const {
            const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
            return order != 0 ? order < 0 : a.size() < b.size();
        }
    };
    using Entries = std::map<base::Bytes, base::Bytes, Less>;
    [[nodiscard]] const Entries& entries() const { return entries_; }

  private:
    Entries entries_;
};

}  // namespace assay::sim
