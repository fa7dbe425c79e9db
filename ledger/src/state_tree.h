#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/state_tree.h"
#include "market/key_order.h"

/// The storing side of the state tree (proof side and hash rules: base/state_tree.h; bytes:
/// docs/formats/ledger_store.md). Every node is a record under its position (depth and the bits
/// that lead to it), so one change touches about log2(n) records. Pure functions over a reader;
/// nothing is kept between calls.
namespace assay::ledger {

/// Where node records are read from.
class TreeReader {
  public:
    virtual ~TreeReader() = default;
    [[nodiscard]] virtual std::optional<base::Bytes> node(base::ByteView key) const = 0;
};

/// A key's new value hash, or nothing when the key was erased.
using TreeChanges = std::map<base::Hash, std::optional<base::Hash>>;  // by path

struct TreeUpdate {
    base::Hash root;
    std::map<base::Bytes, std::optional<base::Bytes>, market::KeyOrder>
        records;  ///< what to put, or to erase, by key
};

/// Applies changes to the stored tree. The reader must give a well-formed tree (anything else
/// aborts).
TreeUpdate update_tree(const TreeReader& reader, const TreeChanges& changes);
base::Hash tree_root(const TreeReader& reader);
base::StateProof prove_path(const TreeReader& reader, const base::Hash& path);

/// The root by the definition alone, from all leaves: an independent second way, for verification
/// and tests.
base::Hash root_from_scratch(const std::map<base::Hash, base::Hash>& value_hash_by_path);

}  // namespace assay::ledger
