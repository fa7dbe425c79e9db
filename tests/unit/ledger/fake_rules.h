#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <string>

#include "base/signature.h"
#include "ledger/clock.h"
#include "ledger/rule_set.h"

/// A market of one page for the ledger's own tests: 256 numbered accounts with nonces, transfers
/// with a fee of one grain, and timers.
namespace assay::ledger::fake {

struct Transfer {
    std::uint8_t from = 1, to = 2;
    std::uint64_t nonce = 0;
    std::uint64_t amount = 1;
    std::uint64_t timer_delay_ms = 0;  ///< not 0: something is due that long after the block
    bool make_money = false;           ///< a bug on purpose: the receiver gets one grain more
    bool spoil_seal = false;           ///< the stand-in for a wrong signature
};

inline constexpr std::uint64_t kSupply = 1'000'000;
inline constexpr std::uint64_t kGenesisTime = 1'700'000'000'000;
inline constexpr std::uint8_t kFees = 255;
/// A block takes one transfer to kHeavy and none to kTooHeavy, and a million of others.
inline constexpr std::uint8_t kHeavy = 200, kTooHeavy = 201;
inline constexpr std::uint64_t kBlockWeightMax = 1'000'000;

base::Bytes genesis(std::uint8_t variant = 0);
base::Hash chain_id(std::uint8_t variant = 0);
base::Bytes encode(const Transfer& transfer, const base::Hash& chain = chain_id());
const RuleSet& rules();

std::uint64_t balance(const market::StateReader& state, std::uint8_t account);
std::uint64_t nonce(const market::StateReader& state, std::uint8_t account);
base::Bytes balance_key(std::uint8_t account);

base::SecretKey operator_key(std::uint8_t number = 7);

/// A clock that stands still until it is moved.
class ManualClock : public Clock {
  public:
    [[nodiscard]] base::TimeMs now() const override { return {now_.load()}; }
    void advance(std::uint64_t ms) { now_ += ms; }

  private:
    std::atomic<std::uint64_t> now_{kGenesisTime};
};

/// A directory of its own that disappears with the object.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace assay::ledger::fake
