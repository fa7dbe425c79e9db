#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "chain.h"
#include "ledger/options.h"
#include "ledger/outcome.h"

namespace assay::ledger {

/// The `solo` engine: one writer thread that takes transactions from a bounded queue and drives the
/// application. While a block is being synced the next transactions collect in the queue, so the
/// size of blocks follows the load (group commit). It makes a block when a transaction waits and
/// when a timer is due, and at least every `block_interval_ms_max` while one is pending.
class Solo {
  public:
    using Done = std::function<void(const Outcome&)>;

    Solo(Chain& chain, const Store& store, const Options& options);
    /// Stops the writer; what is still queued is answered `stopped`.
    ~Solo();
    void start(std::function<void(const Head&)> on_block);
    void stop();

    void submit(base::Bytes raw, Done done);
    void wake();
    bool wait_above(base::Height height, std::chrono::milliseconds deadline) const;
    [[nodiscard]] Metrics metrics() const;

  private:
    struct Waiting {
        base::TransactionId id;
        base::Bytes raw;
        std::uint64_t weight = 0;
    };
    void run(const std::stop_token& stop);
    /// What to try in the next block; nothing when the writer has to stop.
    std::optional<std::vector<Waiting>> collect(const std::stop_token& stop);
    void make_block(std::vector<Waiting> batch);
    void plan_next(bool changed);
    void answer(const base::TransactionId& id, Outcome outcome);
    void count_block(const Finalized& finalized);
    [[nodiscard]] bool timer_due(base::TimeMs now) const { return wake_at_ && *wake_at_ <= now; }

    Chain& chain_;
    const Store& store_;
    const Options& options_;
    base::Hash chain_id_;
    std::function<void(const Head&)> on_block_;

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::deque<Waiting> queue_;
    std::size_t queue_bytes_ = 0;
    /// Who waits for a transaction that is queued or being executed.
    std::map<base::TransactionId, std::vector<Done>> waiters_;
    bool woken_ = false;
    bool stopped_ = false;
    base::Height height_;
    Metrics metrics_;

    std::optional<base::TimeMs> wake_at_;  ///< writer thread only
    std::jthread writer_;                  ///< last: it uses everything above
};

}  // namespace assay::ledger
