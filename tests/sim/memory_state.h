#pragma once

#include <algorithm>
#include <map>

#include "market/state.h"

namespace assay::sim {

/// The ordered state of a simulated node: one map. Copyable, so a test can keep a snapshot.
class MemoryState : public market::StateWriter {
  public:
    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override {
        const auto it = entries_.find(base::Bytes(key.begin(), key.end()));
        if (it == entries_.end()) return std::nullopt;
        return it->second;
    }

    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(base::ByteView from, base::ByteView prefix) const override {
        const auto it = entries_.lower_bound(base::Bytes(from.begin(), from.end()));
        if (it == entries_.end() || it->first.size() < prefix.size()) return std::nullopt;
        if (!std::equal(prefix.begin(), prefix.end(), it->first.begin())) return std::nullopt;
        return *it;
    }

    void put(base::ByteView key, base::ByteView value) override {
        entries_[base::Bytes(key.begin(), key.end())] = base::Bytes(value.begin(), value.end());
    }

    void erase(base::ByteView key) override { entries_.erase(base::Bytes(key.begin(), key.end())); }

    [[nodiscard]] const std::map<base::Bytes, base::Bytes>& entries() const { return entries_; }

  private:
    std::map<base::Bytes, base::Bytes> entries_;
};

}  // namespace assay::sim
