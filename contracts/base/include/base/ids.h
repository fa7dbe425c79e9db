#pragma once

#include "base/hash.h"

namespace assay::base {

/// A 32-byte identifier of one kind of thing; different kinds do not mix.
template <class Kind>
struct Id {
    Hash hash{};

    auto operator<=>(const Id&) const = default;
    [[nodiscard]] ByteView view() const { return hash.view(); }
    [[nodiscard]] std::string hex() const { return hash.hex(); }
    [[nodiscard]] bool is_zero() const { return hash.is_zero(); }
};

using AccountId = Id<struct AccountKind>;
using JobId = Id<struct JobKind>;
using OfferId = Id<struct OfferKind>;
using LeaseId = Id<struct LeaseKind>;
using PartId =
    Id<struct PartKind>;  ///< one commitment: (job, round, lane, stage, part, worker, attempt)
using AuditId = Id<struct AuditKind>;
using DisputeId = Id<struct DisputeKind>;
using TransactionId = Id<struct TransactionKind>;
using BlobRoot = Id<struct BlobKind>;  ///< chunk-tree root of a blob, see chunk_tree.h

/// A counter of one kind of thing; different kinds do not mix.
template <class Kind>
struct Count {
    std::uint64_t value = 0;
    auto operator<=>(const Count&) const = default;
};

using Height = Count<struct HeightKind>;
/// Milliseconds since the Unix epoch (block time) or since genesis (live time); which one is in the
/// name of the variable.
using TimeMs = Count<struct TimeMsKind>;

}  // namespace assay::base
