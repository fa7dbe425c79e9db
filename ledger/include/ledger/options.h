#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "ledger/clock.h"
#include "ledger/rule_set.h"

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

}  // namespace assay::ledger
