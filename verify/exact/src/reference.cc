#include "exact/reference.h"

#include <cstring>

#include "reference_access.h"

namespace assay::exact {

using program::Instruction;
using program::Kind;

namespace {

/// Elements of the output outside all items are +0 (padding rows between stacked items).
void zero_padding(const program::Program& program, const Instruction& instruction,
                  const ReferenceContext& context) {
    const program::Tensor& tensor = program.tensors[instruction.out.tensor];
    const std::uint64_t covered =
        std::uint64_t{instruction.items} * instruction.out.rows * instruction.out.cols;
    const std::uint64_t whole = std::uint64_t{tensor.rows} * tensor.cols;
    if (covered == whole) return;
    std::memset(context.tensors[instruction.out.tensor].data, 0,
                whole * program::size_of(tensor.dtype));
}

void run_region(const program::Program& program, const Instruction& instruction,
                const ReferenceContext& context, const Region& region) {
    switch (instruction.kind) {
        case Kind::map:
            return reference_map(instruction, context, region);
        case Kind::reduce:
            return reference_reduce(instruction, context, region);
        case Kind::matmul:
            return reference_matmul(instruction, context, region);
        case Kind::random:
            return reference_random(program, instruction, context, region);
        case Kind::gather:
            return reference_gather(instruction, context, region);
        case Kind::load:
        case Kind::scatter_add:
            break;
    }
    base::fail_check("loads and scatters have no cells", __FILE__, __LINE__);
}

}  // namespace

void run_reference(const program::Program& program, const Instruction& instruction,
                   const ReferenceContext& context) {
    ASSAY_CHECK(context.tensors.size() == program.tensors.size());
    zero_padding(program, instruction, context);
    switch (instruction.kind) {
        case Kind::load:
            return reference_load(program, instruction, context);
        case Kind::scatter_add:
            return reference_scatter_add(instruction, context);
        case Kind::random:
        case Kind::gather:
        case Kind::map:
        case Kind::reduce:
        case Kind::matmul:
            break;
    }
    for (std::uint32_t item = 0; item < instruction.items; ++item) {
        run_region(program, instruction, context,
                   {item, 0, instruction.out.seen_rows(), 0, instruction.out.seen_cols()});
    }
}

void run_reference_cell(const program::Program& program, const Instruction& instruction,
                        const ReferenceContext& context, const Cell& cell) {
    ASSAY_CHECK(context.tensors.size() == program.tensors.size());
    ASSAY_CHECK(cell.item < instruction.items &&
                cell.row + cell.rows <= instruction.out.seen_rows() &&
                cell.col + cell.cols <= instruction.out.seen_cols());
    run_region(program, instruction, context,
               {cell.item, cell.row, cell.row + cell.rows, cell.col, cell.col + cell.cols});
}

void reference_gather(const Instruction& instruction, const ReferenceContext& context,
                      const Region& region) {
    const ItemView out(instruction.out, 0, context), source(instruction.in[0], 0, context),
        index(instruction.in[1], 0, context);
    const bool real = source.computing() == program::DType::f32;
    for (std::uint32_t row = region.row_begin; row < region.row_end; ++row) {
        const std::int32_t from = index.i32(row, 0);
        const bool inside = from >= 0 && static_cast<std::uint32_t>(from) < source.rows();
        for (std::uint32_t col = region.col_begin; col < region.col_end; ++col) {
            if (real) {
                out.put_f32(row, col,
                            inside ? source.f32(static_cast<std::uint32_t>(from), col) : 0.0F);
            } else {
                out.put_i32(row, col,
                            inside ? source.i32(static_cast<std::uint32_t>(from), col) : 0);
            }
        }
    }
}

void reference_scatter_add(const Instruction& instruction, const ReferenceContext& context) {
    const ItemView accumulator(instruction.out, 0, context), x(instruction.in[0], 0, context),
        index(instruction.in[1], 0, context);
    for (std::uint32_t t = 0; t < x.rows(); ++t) {
        const std::int32_t to = index.i32(t, 0);
        if (to < 0 || static_cast<std::uint32_t>(to) >= accumulator.rows()) continue;
        const auto row = static_cast<std::uint32_t>(to);
        for (std::uint32_t col = 0; col < x.cols(); ++col) {
            accumulator.put_f32(row, col, accumulator.f32(row, col) + x.f32(t, col));
        }
    }
}

}  // namespace assay::exact
