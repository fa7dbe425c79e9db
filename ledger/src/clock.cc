#include "ledger/clock.h"

#include <chrono>

namespace assay::ledger {
namespace {

class SystemClock : public Clock {
  public:
    [[nodiscard]] base::TimeMs now() const override {
        const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
        return base::TimeMs{ms < 0 ? 0U : static_cast<std::uint64_t>(ms)};
    }
};

}  // namespace

const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

}  // namespace assay::ledger
