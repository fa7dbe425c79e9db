#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/merkle.h"
#include "base/signature.h"
#include "base/state_tree.h"
#include "ledger/block.h"
#include "ledger/clock.h"
#include "ledger/rule_set.h"
#include "market/rules.h"
#include "market/state.h"

namespace assay::ledger {

/// Why a store could not be opened.
enum class OpenProblem : std::uint8_t {
    not_found = 1,       ///< no chain in the directory and no genesis given
    already_open = 2,    ///< another process (or Node) owns the directory
    wrong_genesis = 3,   ///< the directory holds another chain, or the genesis is not well-formed
    wrong_operator = 4,  ///< the head was signed by another key
    wrong_format = 5,    ///< written by another version of this program
    corrupt = 6,         ///< the store contradicts itself; `detail` says where
    storage = 7,         ///< the disk or RocksDB said no
};
struct OpenError {
    OpenProblem problem;
    std::string detail;  ///< one sentence for people
};

struct Options {
    const Clock* clock = &system_clock();  ///< outlives the node
    const RuleSet* rules = nullptr;        ///< required; outlives the node
    std::size_t queue_transactions_max = 4096;
    std::size_t queue_bytes_max = std::size_t{64} << 20U;
    std::size_t block_transactions_max = 1024;
    std::size_t block_bytes_max = std::size_t{4} << 20U;
    /// A block is made at least this often while a timer is pending (PROTOCOL: live time advances
    /// at most 5 s a block).
    std::uint64_t block_interval_ms_max = 5000;
};

/// What became of a submitted transaction.
struct Outcome {
    enum class Status : std::uint8_t {
        in_block = 1,  ///< durable; `receipt` is set, its code may be a refusal that paid its fee
        refused = 2,   ///< the rules refuse it against the head; it is in no block and may become
                       ///< valid later
        busy = 3,      ///< the queue is full: try again
        stopped = 4,   ///< the node is shutting down: try again elsewhere or later
    };
    Status status = Status::stopped;
    base::TransactionId id;
    market::Refusal code = market::Refusal::none;  ///< of in_block and refused
    std::optional<Receipt> receipt;
};

/// One consistent, immutable view of the ledger as it stood after a block. Any number may exist;
/// each belongs to one thread at a time and must be destroyed before its Node. Cheap to make
/// (microseconds); hold it for a request, not for minutes (it pins old data on disk).
class Snapshot {
  public:
    [[nodiscard]] const Head& head() const;
    [[nodiscard]] const market::StateReader& state() const;
    /// The rules' context of the block that would come next, for dry runs at `now`.
    [[nodiscard]] market::BlockContext next_block(base::TimeMs now) const;

    /// Membership or absence of `key` under head().state_root: check with base::state_verify.
    [[nodiscard]] base::StateProof state_proof(base::ByteView key) const;

    [[nodiscard]] std::optional<Receipt> receipt(const base::TransactionId& id) const;
    [[nodiscard]] std::optional<Block> block(base::Height height) const;
    /// Leaf hash `index` of the receipt log under the tree of `size` leaves. Nothing unless index <
    /// size <= head().log_size.
    [[nodiscard]] std::optional<base::InclusionProof> receipt_inclusion(std::uint64_t index,
                                                                        std::uint64_t size) const;
    /// Nothing unless 0 < old_size <= new_size <= head().log_size.
    [[nodiscard]] std::optional<std::vector<base::Hash>> receipt_consistency(
        std::uint64_t old_size, std::uint64_t new_size) const;

    /// At most `limit` (bounded by kEventsMax) events after the cursor; nothing given: from the
    /// first one.
    [[nodiscard]] std::vector<StoredEvent> events(std::optional<EventCursor> after,
                                                  std::size_t limit) const;
    static constexpr std::size_t kEventsMax = 1000;

    Snapshot(Snapshot&&) noexcept;
    Snapshot& operator=(Snapshot&&) noexcept;
    ~Snapshot();

  private:
    friend class Node;
    struct Impl;
    explicit Snapshot(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Counters since the node was opened, for /metrics.
struct Metrics {
    std::uint64_t blocks = 0, transactions = 0, refused_in_block = 0, refused_at_admission = 0,
                  refused_busy = 0, events = 0;
    std::uint64_t block_bytes = 0;  ///< of all blocks written
    std::uint64_t execute_us = 0, tree_us = 0,
                  write_us = 0;  ///< time in rules, trees and synced writes
    std::uint64_t state_writes = 0;
    std::uint64_t queue_transactions = 0, queue_bytes = 0;  ///< now
};

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
