#pragma once

#include "program/program.h"

namespace assay::program {

/// Number of arguments of a map's node that are earlier nodes (an operand has none).
int arguments_of(Op op);
/// Nodes that compute: neither operands nor constants nor indices.
inline bool computes(Op op) {
    return arguments_of(op) > 0;
}

}  // namespace assay::program
