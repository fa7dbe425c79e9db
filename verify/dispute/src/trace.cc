#include "dispute/trace.h"

#include "base/merkle.h"

namespace assay::dispute {

using base::Hash;

namespace {

Hash tree(const std::vector<Hash>& leaves) {
    return base::merkle_root(base::MerkleFamily::blake2b, leaves);
}

Hash tagged(std::string_view tag, const Hash& descriptor, const Unit& unit, const Hash& content) {
    base::Hasher hasher(tag);
    hasher.add(descriptor).add_u8(static_cast<std::uint8_t>(unit.part)).add_u32(unit.index);
    return hasher.add(content).finish();
}

}  // namespace

Hash unit_root(const Hash& descriptor, const Unit& unit, const Hash& outputs_tree) {
    return tagged("assay.unit", descriptor, unit, outputs_tree);
}

Hash loop_leaf(const Hash& descriptor, const Unit& unit, const Hash& accumulators_tree) {
    return tagged("assay.loop", descriptor, unit, accumulators_tree);
}

Hash StageTrace::root() const { return tree(leaves); }

Hash UnitTrace::root(const Hash& descriptor) const {
    return unit_root(descriptor, unit, tree(outputs));
}

}  // namespace assay::dispute
