#pragma once

#include <cstdint>

#include "program/program.h"

namespace assay::program {

/// Number of arguments of a map's node that are earlier nodes (an operand has none).
int arguments_of(Op op);
/// Nodes that compute: neither operands nor constants nor indices.
inline bool computes(Op op) { return arguments_of(op) > 0; }

/// Of what a node of a map is: a float, an i32, or the same as something it refers to.
enum class ResultType : std::uint8_t {
    real = 1,
    integer = 2,
    of_operand = 3,   ///< computing type of the operand's tensor
    of_argument = 4,  ///< of its first argument
    of_choice = 5,    ///< of the second, where the first chooses
};
constexpr ResultType result_type(Op op) {
    switch (op) {
        case Op::operand:
            return ResultType::of_operand;
        case Op::constant_i32:
        case Op::row_index:
        case Op::col_index:
        case Op::equal:
        case Op::less:
        case Op::less_equal:
        case Op::to_i32:
            return ResultType::integer;
        case Op::add:
        case Op::sub:
        case Op::mul:
            return ResultType::of_argument;
        case Op::select:
            return ResultType::of_choice;
        case Op::constant_f32:
        case Op::div:
        case Op::fma:
        case Op::sqrt:
        case Op::neg:
        case Op::abs:
        case Op::min:
        case Op::max:
        case Op::exp:
        case Op::log:
        case Op::tanh:
        case Op::erf:
        case Op::sin2pi:
        case Op::cos2pi:
        case Op::to_f32:
        case Op::mod_mul_high:
            return ResultType::real;
    }
    return ResultType::real;
}

}  // namespace assay::program
