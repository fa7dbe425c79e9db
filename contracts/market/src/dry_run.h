#pragma once

#include <map>
#include <optional>

#include "market/state.h"

namespace assay::market {

/// Writes in memory on top of a state that stays as it is: for admission. Not thread-safe; the
/// state outlives it.
class DryRun : public StateWriter {
  public:
    explicit DryRun(const StateReader& state) : state_(state) {}
    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override;
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override;
    void put(base::ByteView key, base::ByteView value) override;
    void erase(base::ByteView key) override;

  private:
    const StateReader& state_;
    std::map<base::Bytes, std::optional<base::Bytes>> changes_;  // nothing: erased
};

}  // namespace assay::market
