#include <array>
#include <bit>
#include <vector>

#include "exact/math.h"
#include "reference_access.h"

namespace assay::exact {

using program::DType;
using program::Node;
using program::Op;

namespace {

/// The 32 bits of a node's value and how to read them.
struct Value {
    std::uint32_t bits = 0;
    bool real = true;
    [[nodiscard]] float f32() const { return std::bit_cast<float>(bits); }
    [[nodiscard]] std::int32_t i32() const { return std::bit_cast<std::int32_t>(bits); }
};
Value real(float x) { return {std::bit_cast<std::uint32_t>(x), true}; }
Value integer(std::int32_t x) { return {std::bit_cast<std::uint32_t>(x), false}; }
Value truth(bool x) { return integer(x ? 1 : 0); }

/// An operand is read at the element itself, or at its row or column 0 where it has only one.
Value read_operand(const ItemView& view, std::uint32_t row, std::uint32_t col) {
    const std::uint32_t r = view.rows() == 1 ? 0 : row;
    const std::uint32_t c = view.cols() == 1 ? 0 : col;
    return view.computing() == DType::f32 ? real(view.f32(r, c)) : integer(view.i32(r, c));
}

/// add, sub and mul of i32 are modulo 2^32.
Value integer_arithmetic(Op op, const Value& a, const Value& b) {
    ASSAY_CHECK(op == Op::add || op == Op::sub || op == Op::mul);
    const std::uint32_t bits =
        op == Op::add ? a.bits + b.bits : (op == Op::sub ? a.bits - b.bits : a.bits * b.bits);
    return {bits, false};
}

bool compare(Op op, const Value& a, const Value& b) {
    if (op == Op::equal) return a.real ? a.f32() == b.f32() : a.i32() == b.i32();
    if (op == Op::less) return a.real ? a.f32() < b.f32() : a.i32() < b.i32();
    return a.real ? a.f32() <= b.f32() : a.i32() <= b.i32();
}

/// Nodes with two arguments. max(a, b) = a > b ? a : b, min alike: signed zeros and NaN follow from
/// the compare.
Value binary(Op op, const Value& a, const Value& b) {
    ASSAY_CHECK(a.real == b.real);
    if (!a.real) return integer_arithmetic(op, a, b);
    const float x = a.f32(), y = b.f32();
    if (op == Op::add) return real(x + y);
    if (op == Op::sub) return real(x - y);
    if (op == Op::mul) return real(x * y);
    if (op == Op::div) return real(x / y);
    if (op == Op::min) return real(x < y ? x : y);
    ASSAY_CHECK(op == Op::max);
    return real(x > y ? x : y);
}

Value evaluate_node(const Node& node, const std::vector<Value>& values,
                    const std::vector<ItemView>& operands, std::uint32_t row, std::uint32_t col) {
    const auto a = [&] { return values[node.a]; };
    const auto b = [&] { return values[node.b]; };
    const auto c = [&] { return values[node.c]; };
    switch (node.op) {
        case Op::operand:
            return read_operand(operands[node.a], row, col);
        case Op::constant_f32:
            return {node.bits, true};
        case Op::constant_i32:
            return {node.bits, false};
        case Op::row_index:
            return integer(static_cast<std::int32_t>(row));
        case Op::col_index:
            return integer(static_cast<std::int32_t>(col));
        case Op::add:
        case Op::sub:
        case Op::mul:
        case Op::div:
        case Op::min:
        case Op::max:
            return binary(node.op, a(), b());
        case Op::fma:
            return real(fma_f32(a().f32(), b().f32(), c().f32()));
        case Op::sqrt:
            return real(sqrt_f32(a().f32()));
        case Op::neg:
            return real(neg_f32(a().f32()));
        case Op::abs:
            return real(abs_f32(a().f32()));
        case Op::equal:
        case Op::less:
        case Op::less_equal:
            return truth(compare(node.op, a(), b()));
        case Op::select:
            return a().i32() != 0 ? b() : c();
        case Op::exp:
            return real(exp_f32(a().f32()));
        case Op::log:
            return real(log_f32(a().f32()));
        case Op::tanh:
            return real(tanh_f32(a().f32()));
        case Op::erf:
            return real(erf_f32(a().f32()));
        case Op::sin2pi:
            return real(sin2pi_f32(a().f32()));
        case Op::cos2pi:
            return real(cos2pi_f32(a().f32()));
        case Op::to_f32:
            return a().real ? a() : real(to_f32(a().i32()));
        case Op::to_i32:
            return a().real ? integer(to_i32(a().f32())) : a();
    }
    base::fail_check("unknown operation", __FILE__, __LINE__);
    return {};
}

}  // namespace

void reference_map(const program::Instruction& instruction, const ReferenceContext& context,
                   const Region& region) {
    const ItemView out(instruction.out, region.item, context);
    std::vector<ItemView> operands;
    operands.reserve(instruction.in.size());
    for (const program::View& view : instruction.in)
        operands.emplace_back(view, region.item, context);
    std::vector<Value> values(instruction.expression.size());
    for (std::uint32_t row = region.row_begin; row < region.row_end; ++row) {
        for (std::uint32_t col = region.col_begin; col < region.col_end; ++col) {
            for (std::size_t i = 0; i < values.size(); ++i) {
                values[i] = evaluate_node(instruction.expression[i], values, operands, row, col);
            }
            const Value& result = values.back();
            if (out.computing() == DType::f32) {
                ASSAY_CHECK(result.real);
                out.put_f32(row, col, result.f32());
            } else {
                ASSAY_CHECK(!result.real);
                out.put_i32(row, col, result.i32());
            }
        }
    }
}

}  // namespace assay::exact
