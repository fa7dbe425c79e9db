#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// The operations of a map's nodes, once: everything that checks, writes, describes or documents
/// them reads this list (docs/numerics.md says what they do to the last bit).
namespace assay::program {

// clang-format off
/// Name, number in the bytes, "result:arguments" and how the listings write it. Types: r is f32, i
/// is i32, t one of the two and the same wherever it stands; an operand is of its tensor's
/// computing type. Comparisons give 1 or 0, false on NaN; `select` is a != 0 ? b : c.
#define ASSAY_PROGRAM_OPS(X) \
    X(operand,      1, "t:",    "") \
    X(constant_f32,  2, "r:",    "") \
    X(constant_i32,  3, "i:",    "") \
    X(row_index,    4, "i:",    "row") \
    X(col_index,    5, "i:",    "col") \
    X(add,         10, "t:tt",  "+") \
    X(sub,         11, "t:tt",  "-") \
    X(mul,         12, "t:tt",  "*") \
    X(div,         13, "r:rr",  "/") \
    X(fma,         14, "r:rrr", "fma") \
    X(sqrt,        15, "r:r",   "sqrt") \
    X(neg,         16, "r:r",   "-") \
    X(abs,         17, "r:r",   "abs") \
    X(min,         18, "r:rr",  "min") \
    X(max,         19, "r:rr",  "max") \
    X(equal,       30, "i:tt",  "==") \
    X(less,        31, "i:tt",  "<") \
    X(less_equal,  32, "i:tt",  "<=") \
    X(select,      40, "t:itt", "select") \
    X(exp,         50, "r:r",   "exp") \
    X(log,         51, "r:r",   "log") \
    X(tanh,        52, "r:r",   "tanh") \
    X(erf,         53, "r:r",   "erf") \
    X(sin2pi,      54, "r:r",   "sin2pi") \
    X(cos2pi,      55, "r:r",   "cos2pi") \
    X(to_f32,      60, "r:i",   "f32") \
    X(to_i32,      61, "i:r",   "i32")
// clang-format on

enum class Op : std::uint8_t {
#define ASSAY_PROGRAM_OP(name, number, types, symbol) name = number,
    ASSAY_PROGRAM_OPS(ASSAY_PROGRAM_OP)
#undef ASSAY_PROGRAM_OP
};

struct OpFacts {
    Op op;
    std::string_view word;
    std::string_view types;
    std::string_view symbol;
    [[nodiscard]] constexpr int arguments() const { return static_cast<int>(types.size()) - 2; }
};
inline constexpr std::array kOps = {
#define ASSAY_PROGRAM_OP(name, number, types, symbol) OpFacts{Op::name, #name, types, symbol},
    ASSAY_PROGRAM_OPS(ASSAY_PROGRAM_OP)
#undef ASSAY_PROGRAM_OP
};
inline constexpr std::size_t kOpNumbers = static_cast<std::size_t>(kOps.back().op) + 1;

/// Null when no operation has the number.
constexpr const OpFacts* op_from(std::uint8_t number) {
    constexpr auto kByNumber = [] {
        std::array<const OpFacts*, kOpNumbers> all{};
        for (const OpFacts& facts : kOps) all[static_cast<std::size_t>(facts.op)] = &facts;
        return all;
    }();
    return number < kOpNumbers ? kByNumber[number] : nullptr;
}
constexpr const OpFacts& facts_of(Op op) { return *op_from(static_cast<std::uint8_t>(op)); }

/// Number of arguments of a map's node that are earlier nodes (an operand has none).
constexpr int arguments_of(Op op) { return facts_of(op).arguments(); }
/// Nodes that compute: neither operands nor constants nor indices.
constexpr bool computes(Op op) { return arguments_of(op) > 0; }

/// Whether a node is an f32 (else an i32). `is_real(i)`: of its i-th argument, or of the operand.
template <class IsReal>
constexpr bool gives_real(Op op, IsReal is_real) {
    const std::string_view types = facts_of(op).types;
    if (types[0] != 't') return types[0] == 'r';
    return is_real(op == Op::operand ? 0 : static_cast<int>(types.find('t', 1)) - 2);
}

}  // namespace assay::program
