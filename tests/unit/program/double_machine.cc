#include "double_machine.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace assay::program {

DoubleMachine::DoubleMachine(const Program& program) : program_(program) {
    for (const Tensor& tensor : program.tensors)
        values_.emplace_back(std::size_t{tensor.rows} * tensor.cols);
    for (const Table& table : program.tables)
        std::ranges::copy(table.values, values_[table.tensor].begin());
    for (const Constant& constant : program.constants) {
        for (std::size_t i = 0; i < constant.bits.size(); ++i) {
            values_[constant.tensor][i] =
                static_cast<double>(std::bit_cast<float>(constant.bits[i]));
        }
    }
}

double DoubleMachine::loss_sum(const exact::DatasetWords& dataset, std::uint32_t step) {
    const auto first = program_.range(Part::sequence).first;
    std::ranges::fill(values_[program_.loss_accumulator], 0.0);
    for (std::uint32_t sequence = 0; sequence < program_.batch; ++sequence) {
        for (std::uint32_t i = first; i < program_.forward_end; ++i)
            run(program_.instructions[i], dataset, step, sequence);
    }
    return values_[program_.loss_accumulator][0];
}

double& DoubleMachine::at(const View& view, std::uint32_t item, std::uint32_t row,
                          std::uint32_t col) {
    const std::uint64_t r =
        view.row + std::uint64_t{item} * view.item_row_stride + (view.transposed ? col : row);
    const std::uint64_t c =
        view.col + std::uint64_t{item} * view.item_col_stride + (view.transposed ? row : col);
    return values_[view.tensor].at(r * program_.tensors[view.tensor].cols + c);
}

void DoubleMachine::run(const Instruction& instruction, const exact::DatasetWords& dataset,
                        std::uint32_t step, std::uint32_t sequence) {
    switch (instruction.kind) {
        case Kind::load:
        case Kind::random:
            return run_from_reference(instruction, dataset, step, sequence);
        case Kind::gather:
        case Kind::scatter_add:
            return run_indexed(instruction);
        case Kind::map:
        case Kind::reduce:
        case Kind::matmul:
            break;
    }
    for (std::uint32_t item = 0; item < instruction.items; ++item) run_item(instruction, item);
}

void DoubleMachine::run_item(const Instruction& instruction, std::uint32_t item) {
    for (std::uint32_t row = 0; row < instruction.out.rows; ++row) {
        for (std::uint32_t col = 0; col < instruction.out.cols; ++col) {
            double result = 0;
            if (instruction.kind == Kind::map) result = evaluate(instruction, item, row, col);
            if (instruction.kind == Kind::reduce) result = reduce_row(instruction, item, row);
            if (instruction.kind == Kind::matmul)
                result = matmul_element(instruction, item, row, col);
            at(instruction.out, item, row, col) = result;
        }
    }
}

void DoubleMachine::run_indexed(const Instruction& instruction) {
    ASSAY_CHECK(instruction.kind == Kind::gather);
    for (std::uint32_t row = 0; row < instruction.out.rows; ++row) {
        const auto from = static_cast<std::uint32_t>(at(instruction.in[1], 0, row, 0));
        for (std::uint32_t col = 0; col < instruction.out.cols; ++col) {
            at(instruction.out, 0, row, col) = at(instruction.in[0], 0, from, col);
        }
    }
}

void DoubleMachine::run_from_reference(const Instruction& instruction,
                                       const exact::DatasetWords& dataset, std::uint32_t step,
                                       std::uint32_t sequence) {
    const Tensor& tensor = program_.tensors[instruction.out.tensor];
    std::vector<std::uint32_t> words(std::size_t{tensor.rows} * tensor.cols);
    std::vector<exact::TensorMemory> memories(program_.tensors.size());
    memories[instruction.out.tensor] = {reinterpret_cast<std::byte*>(words.data()), tensor.rows,
                                        tensor.cols, tensor.dtype};
    exact::ReferenceContext context;
    context.tensors = memories;
    context.dataset = dataset;
    context.global_step = step;
    context.sequence = sequence;
    exact::run_reference(program_, instruction, context);
    for (std::size_t i = 0; i < words.size(); ++i) {
        values_[instruction.out.tensor][i] =
            tensor.dtype == DType::f32 ? static_cast<double>(std::bit_cast<float>(words[i]))
                                       : static_cast<double>(static_cast<std::int32_t>(words[i]));
    }
}

double DoubleMachine::reduce_row(const Instruction& instruction, std::uint32_t item,
                                 std::uint32_t row) {
    const View& x = instruction.in[0];
    double result =
        instruction.reduce == ReduceOp::max ? -std::numeric_limits<double>::infinity() : 0.0;
    for (std::uint32_t col = 0; col < x.seen_cols(); ++col) {
        const double value = at(x, item, row, col);
        if (instruction.reduce == ReduceOp::max) result = std::max(result, value);
        if (instruction.reduce == ReduceOp::sum) result += value;
        if (instruction.reduce == ReduceOp::dot)
            result += value * at(instruction.in[1], item, row, col);
    }
    return result;
}

double DoubleMachine::matmul_element(const Instruction& instruction, std::uint32_t item,
                                     std::uint32_t row, std::uint32_t col) {
    const auto inside = [](const Band& band, std::int64_t offset) {
        return (!band.lo || offset >= *band.lo) && (!band.hi || offset <= *band.hi);
    };
    const auto r = static_cast<std::int64_t>(row);
    if (!inside(instruction.out_band, static_cast<std::int64_t>(col) - r)) return 0.0;
    double sum = 0;
    if (instruction.start == MatmulStart::bias) sum = at(instruction.in[2], item, 0, col);
    if (instruction.start == MatmulStart::continues) {
        sum = at(instruction.in.size() > 2 ? instruction.in[2] : instruction.out, item, row, col);
    }
    for (std::uint32_t k = 0; k < instruction.in[0].seen_cols(); ++k) {
        if (!inside(instruction.k_band, static_cast<std::int64_t>(k) - r)) continue;
        sum += at(instruction.in[0], item, row, k) * at(instruction.in[1], item, k, col);
    }
    return sum;
}

namespace {

/// Of an operation on values that are there.
double result_of(Op op, double a, double b, double c) {
    switch (op) {
        case Op::add:
            return a + b;
        case Op::sub:
            return a - b;
        case Op::mul:
            return a * b;
        case Op::div:
            return a / b;
        case Op::fma:
            return a * b + c;
        case Op::sqrt:
            return std::sqrt(a);
        case Op::neg:
            return -a;
        case Op::abs:
            return std::fabs(a);
        case Op::min:
            return std::min(a, b);
        case Op::max:
            return std::max(a, b);
        case Op::equal:
            return a == b ? 1 : 0;
        case Op::less:
            return a < b ? 1 : 0;
        case Op::less_equal:
            return a <= b ? 1 : 0;
        case Op::select:
            return a != 0 ? b : c;
        case Op::exp:
            return std::exp(a);
        case Op::log:
            return std::log(a);
        case Op::tanh:
            return std::tanh(a);
        case Op::erf:
            return std::erf(a);
        case Op::sin2pi:
            return std::sin(2 * M_PI * a);
        case Op::cos2pi:
            return std::cos(2 * M_PI * a);
        case Op::to_f32:
            return a;
        case Op::to_i32:
            return std::nearbyint(a);
        case Op::operand:
        case Op::constant_f32:
        case Op::constant_i32:
        case Op::row_index:
        case Op::col_index:
            break;
    }
    base::fail_check("no operation on values", __FILE__, __LINE__);
}

}  // namespace

double DoubleMachine::evaluate(const Instruction& instruction, std::uint32_t item,
                               std::uint32_t row, std::uint32_t col) {
    std::vector<double> v;
    for (const Node& n : instruction.expression) {
        if (n.op == Op::operand) {
            const View& view = instruction.in[n.a];
            v.push_back(
                at(view, item, view.seen_rows() == 1 ? 0 : row, view.seen_cols() == 1 ? 0 : col));
        } else if (n.op == Op::constant_f32) {
            v.push_back(static_cast<double>(std::bit_cast<float>(n.bits)));
        } else if (n.op == Op::constant_i32) {
            v.push_back(static_cast<double>(std::bit_cast<std::int32_t>(n.bits)));
        } else if (n.op == Op::row_index || n.op == Op::col_index) {
            v.push_back(n.op == Op::row_index ? row : col);
        } else {
            const auto value = [&](std::uint32_t i) { return i < v.size() ? v[i] : 0.0; };
            v.push_back(result_of(n.op, value(n.a), value(n.b), value(n.c)));
        }
    }
    return v.back();
}

}  // namespace assay::program
