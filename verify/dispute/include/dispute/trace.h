#pragma once

#include <vector>

#include "dispute/stage.h"

/// Traces: what a party posts of a stage so that a disagreement about it can be narrowed
/// (docs/formats/trace.md). What computes them is in prover.
namespace assay::dispute {

/// A stage by its units. The leaf of a sequence or member covers the accumulators after it; the
/// leaf of a part that runs once is its unit root.
struct StageTrace {
    std::vector<Unit> units;
    std::vector<base::Hash> leaves;  ///< one per unit
    std::vector<std::vector<base::Hash>>
        accumulators;  ///< tensor roots after each unit of the loop; empty elsewhere
    [[nodiscard]] base::Hash root() const;
    bool operator==(const StageTrace&) const = default;
};

/// One unit by its instructions: the tensor root of each output, in the order of the part.
struct UnitTrace {
    Unit unit;
    std::vector<base::Hash> outputs;
    [[nodiscard]] base::Hash root(const base::Hash& descriptor) const;
    bool operator==(const UnitTrace&) const = default;
};

/// H("assay.unit", descriptor, u8 part, u32 index, tree over the outputs).
base::Hash unit_root(const base::Hash& descriptor, const Unit& unit,
                     const base::Hash& outputs_tree);
/// H("assay.loop", descriptor, u8 part, u32 index, tree over the accumulators' tensor roots).
base::Hash loop_leaf(const base::Hash& descriptor, const Unit& unit,
                     const base::Hash& accumulators_tree);

}  // namespace assay::dispute
