#include "evaluation.h"

#include <bit>
#include <set>

namespace assay::runtime {

using program::Instruction;
using program::Node;
using program::Op;

namespace {

/// select(mask, x * c, d): c becomes 1. The constant has nodes of its own users only, since equal
/// nodes are shared within one map: a map that used 1/keep elsewhere too would be changed there,
/// which no builder emits.
void open_masks(Instruction& instruction, const std::set<program::TensorId>& masks) {
    program::Expression& nodes = instruction.expression;
    for (const Node& node : nodes) {
        if (node.op != Op::select || nodes[node.a].op != Op::operand) continue;
        if (!masks.contains(instruction.in[nodes[node.a].a].tensor) || nodes[node.b].op != Op::mul)
            continue;
        const Node product = nodes[node.b];
        for (const std::uint32_t factor : {product.a, product.b}) {
            if (nodes[factor].op == Op::constant_f32)
                nodes[factor].bits = std::bit_cast<std::uint32_t>(1.0F);
        }
    }
}

}  // namespace

Evaluation::Evaluation(const program::Program& program) : program_(program) {
    std::set<program::TensorId> masks;
    for (Instruction& instruction : program_.instructions) {
        if (instruction.kind == program::Kind::random &&
            instruction.distribution == program::Distribution::mask) {
            instruction.keep_ppb = 1'000'000'000;
            masks.insert(instruction.out.tensor);
        }
        if (instruction.kind == program::Kind::map) open_masks(instruction, masks);
    }
}

}  // namespace assay::runtime
