#include "program/operations.h"

namespace assay::program {

int arguments_of(Op op) {
    switch (op) {
        case Op::operand:
        case Op::constant_f32:
        case Op::constant_i32:
        case Op::row_index:
        case Op::col_index:
            return 0;
        case Op::sqrt:
        case Op::neg:
        case Op::abs:
        case Op::exp:
        case Op::log:
        case Op::tanh:
        case Op::erf:
        case Op::sin2pi:
        case Op::cos2pi:
        case Op::to_f32:
        case Op::to_i32:
            return 1;
        case Op::add:
        case Op::sub:
        case Op::mul:
        case Op::div:
        case Op::min:
        case Op::max:
        case Op::equal:
        case Op::less:
        case Op::less_equal:
        case Op::mod_mul_high:
            return 2;
        case Op::fma:
        case Op::select:
            return 3;
    }
    return 0;
}

}  // namespace assay::program
