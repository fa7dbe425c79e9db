#pragma once

#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/merkle.h"

/// The receipt log: an RFC 9162 tree (SHA-256) that only grows. The hash of every complete subtree
/// is a record that never changes, so any older size can still be proved. Pure functions over a
/// reader.
namespace assay::ledger {

/// A complete subtree: the 2^level leaves from index x 2^level.
struct LogPlace {
    std::uint8_t level = 0;
    std::uint64_t index = 0;
    auto operator<=>(const LogPlace&) const = default;
};

class LogReader {
  public:
    virtual ~LogReader() = default;
    /// The hash of a complete subtree that the log contains (anything else aborts).
    [[nodiscard]] virtual base::Hash subtree(const LogPlace& place) const = 0;
};

struct LogUpdate {
    std::uint64_t size = 0;
    base::Hash root;
    std::map<LogPlace, base::Hash> records;
};

/// Appends leaf hashes to a log of `size` leaves: about two hashes a leaf and one path at the end.
LogUpdate append_log(const LogReader& reader, std::uint64_t size,
                     std::span<const base::Hash> leaf_hashes);
/// Root of the first `size` leaves.
base::Hash log_root(const LogReader& reader, std::uint64_t size);
/// Requires index < size.
base::InclusionProof prove_inclusion(const LogReader& reader, std::uint64_t index,
                                     std::uint64_t size);
/// Requires 0 < old_size <= new_size.
std::vector<base::Hash> prove_consistency(const LogReader& reader, std::uint64_t old_size,
                                          std::uint64_t new_size);

}  // namespace assay::ledger
