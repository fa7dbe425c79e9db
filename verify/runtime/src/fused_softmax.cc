#include "fused_softmax.h"

#include <bit>
#include <tuple>

namespace assay::runtime {

using program::DType;
using program::Expression;
using program::Instruction;
using program::Kind;
using program::Op;
using program::ReduceOp;

namespace {

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

/// select(col <= row, x * scale, -inf)
Expression scaled(std::uint32_t scale_bits) {
    return {{Op::col_index},
            {Op::row_index},
            {Op::less_equal, 0, 1},
            {Op::operand, 0},
            {Op::constant_f32, 0, 0, 0, scale_bits},
            {Op::mul, 3, 4},
            {Op::constant_f32, 0, 0, 0, 0xff800000U},
            {Op::select, 2, 5, 6}};
}
/// t = exp(z - m); select(t < 2^-63, 0, t)
Expression exponential() {
    return {{Op::operand, 0},
            {Op::operand, 1},
            {Op::sub, 0, 1},
            {Op::exp, 2},
            {Op::constant_f32, 0, 0, 0, bits(0x1p-63F)},
            {Op::less, 3, 4},
            {Op::constant_f32, 0, 0, 0, bits(0.0F)},
            {Op::select, 5, 6, 3}};
}
/// 1 / s
Expression reciprocal() {
    return {{Op::constant_f32, 0, 0, 0, bits(1.0F)}, {Op::operand, 0}, {Op::div, 0, 1}};
}
/// e * r
Expression product() { return {{Op::operand, 0}, {Op::operand, 1}, {Op::mul, 0, 1}}; }

bool is_map(const Instruction& i, const Expression& expression, std::size_t operands) {
    return i.kind == Kind::map && i.expression == expression && i.in.size() == operands;
}
bool is_reduce(const Instruction& i, ReduceOp op) {
    return i.kind == Kind::reduce && i.reduce == op && i.in.size() == 1;
}

}  // namespace

std::optional<FusedSoftmax> FusedSoftmax::match(
    const program::Program& program,
    std::span<const Instruction* const, kInstructions> instructions,
    const exact::Kernels& kernels) {
    const auto& [z, m, e, s, r, p] = std::tie(*instructions[0], *instructions[1], *instructions[2],
                                              *instructions[3], *instructions[4], *instructions[5]);
    if (kernels.causal_softmax == nullptr || z.kind != Kind::map || z.expression.size() != 8)
        return std::nullopt;
    const std::uint32_t scale_bits = z.expression[4].bits;
    const bool forms = is_map(z, scaled(scale_bits), 1) && is_reduce(m, ReduceOp::max) &&
                       is_map(e, exponential(), 2) && is_reduce(s, ReduceOp::sum) &&
                       is_map(r, reciprocal(), 1) && is_map(p, product(), 2);
    if (!forms) return std::nullopt;
    const bool chained = m.in[0] == z.out && e.in[0] == z.out && e.in[1] == m.out &&
                         s.in[0] == e.out && r.in[0] == s.out && p.in[0] == e.out &&
                         p.in[1] == r.out;
    const auto is_f32 = [&](const program::View& view) {
        return program.tensors[view.tensor].dtype == DType::f32 && !view.transposed;
    };
    for (const Instruction* i : instructions) {
        if (!is_f32(i->out)) return std::nullopt;
    }
    const bool widths = z.in[0].cols == z.out.cols && p.out.cols == z.out.cols && z.out.cols > 1;
    if (!chained || !widths || !is_f32(z.in[0])) return std::nullopt;
    FusedSoftmax fused;
    fused.scores_ = z.in[0];
    fused.probabilities_ = p.out;
    fused.scale_ = std::bit_cast<float>(scale_bits);
    fused.kernel_ = kernels.causal_softmax;
    return fused;
}

void FusedSoftmax::run(const program::Program& program, const Places& places, const Moment& moment,
                       std::uint32_t item, std::size_t slot, std::uint32_t first,
                       std::uint32_t last) const {
    const Rectangle in = rectangle(program, scores_, item, slot, places, moment);
    const Rectangle out = rectangle(program, probabilities_, item, slot, places, moment);
    for (std::uint32_t row = first; row < last; ++row)
        kernel_(in.row(row), row, in.cols, scale_, out.f32() + row * out.stride);
}

}  // namespace assay::runtime
