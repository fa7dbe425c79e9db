#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/signature.h"
#include "ledger/block.h"
#include "ledger/options.h"
#include "ledger/outcome.h"
#include "ledger/rule_set.h"
#include "ledger/snapshot.h"

namespace assay::ledger {

/// A `solo` node: the store, the rules and the sequencer in one process. One writer thread makes
/// blocks; every public function may be called from any thread. Owns its directory (a second open
/// is refused). On any write error it prints why and aborts.
class Node {
  public:
    /// Opens the chain in `dir`, or creates it from canonical genesis bytes
    /// (market::encode_genesis). With genesis bytes and an existing chain the two must be the same
    /// chain. Keeps the key for signing heads.
    static tl::expected<std::unique_ptr<Node>, OpenError> open(
        const std::filesystem::path& dir, std::optional<base::ByteView> genesis,
        base::SecretKey operator_key, const Options& options = {});

    /// Queues a raw signed transaction. `done` runs exactly once: in the caller's thread when the
    /// answer is known at once (malformed, busy, already in a block), else in the writer thread,
    /// after the block is durable. It must be quick and must not call submit or shutdown.
    void submit(base::Bytes raw, std::function<void(const Outcome&)> done);

    [[nodiscard]] Snapshot snapshot() const;

    /// Runs `on_block` in the writer thread after every durable block, until the subscription is
    /// destroyed (which waits for a call in progress, so never destroy it inside the callback). It
    /// must be quick: post to your own thread and read events from a snapshot.
    class Subscription {
      public:
        Subscription() = default;
        Subscription(Subscription&& other) noexcept;
        Subscription& operator=(Subscription&& other) noexcept;
        ~Subscription();

      private:
        friend class Node;
        Node* node_ = nullptr;
        std::uint64_t id_ = 0;
    };
    [[nodiscard]] Subscription subscribe(std::function<void(const Head&)> on_block);
    /// Blocks until the head is above `height`, the deadline has passed, or the node stops. True
    /// when it is above.
    bool wait_above(base::Height height, std::chrono::milliseconds deadline) const;

    [[nodiscard]] const base::Hash& chain_id() const;
    [[nodiscard]] const base::PublicKey& operator_key() const;
    [[nodiscard]] base::Bytes genesis() const;  ///< the canonical bytes the chain began with
    [[nodiscard]] Metrics metrics() const;
    /// Makes the sequencer look at its clock again: for tests that move one.
    void wake();

    /// Stops the writer after the block it is working on; what is still queued is answered
    /// `stopped`. Idempotent; the destructor calls it.
    void shutdown();
    ~Node();

  private:
    Node();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

struct VerifyProgress {
    std::uint64_t height = 0, height_last = 0;
};
struct VerifyReport {
    Head head;
    std::uint64_t blocks = 0, transactions = 0, events = 0, state_entries = 0;
};
/// Replays the whole chain in `dir` from genesis in memory and compares every result, event, root
/// and record with what is stored; recomputes the state tree from scratch at the end and checks
/// supply after every block. The error says what differs first. Opens read-only.
tl::expected<VerifyReport, std::string> verify_chain(
    const std::filesystem::path& dir, const std::function<void(const VerifyProgress&)>& progress,
    const RuleSet& rules);

}  // namespace assay::ledger
