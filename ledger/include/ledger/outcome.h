#pragma once

#include <cstdint>
#include <optional>

#include "ledger/block.h"

namespace assay::ledger {

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

}  // namespace assay::ledger
