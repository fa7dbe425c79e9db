#include "program/rules.h"

#include <algorithm>

#include <vector>

#include "program/operations.h"

namespace assay::program {
namespace {

using Reason = std::optional<std::string>;

constexpr std::uint32_t kIntegerDepthMax = 131'072;
constexpr std::uint32_t kItemsMax = 1U << 20U;

bool is_real(const Tensor& tensor) {
    return tensor.dtype == DType::f32 || tensor.dtype == DType::f16 || tensor.dtype == DType::bf16;
}

Reason check_view(const Program& program, const Instruction& instruction, const View& view) {
    if (view.tensor >= program.tensors.size()) return "a view names no tensor";
    const Tensor& tensor = program.tensors[view.tensor];
    if (view.rows == 0 || view.cols == 0) return "a view of " + tensor.name + " is empty";
    const std::uint64_t steps = instruction.items - 1;
    const std::uint64_t last_row = view.row + steps * view.item_row_stride + view.rows;
    const std::uint64_t last_col = view.col + steps * view.item_col_stride + view.cols;
    if (last_row > tensor.rows || last_col > tensor.cols)
        return "a view reaches outside " + tensor.name;
    if (instruction.items == 1 && (view.item_row_stride != 0 || view.item_col_stride != 0)) {
        // A single head keeps its strides; they are never used.
        if (view.item_row_stride != 0 && view.item_row_stride < view.rows)
            return "item strides of " + tensor.name + " are too small";
    }
    if (view.row_from_step != (tensor.cls == TensorClass::table))
        return "only tables are read at the step's row";
    if (view.row_from_step &&
        (view.rows != 1 || view.row != 0 || view.transposed || view.item_row_stride != 0)) {
        return "table " + tensor.name + " is not read one row at a time";
    }
    if (tensor.cls == TensorClass::table) {
        const std::uint64_t steps_in_all = std::uint64_t{program.rounds} * program.round_steps;
        const bool by_step = instruction.part == Part::prologue ||
                             instruction.part == Part::sequence || instruction.part == Part::update;
        if (instruction.part == Part::init) return "init reads a table";
        if (tensor.rows != (by_step ? steps_in_all : program.rounds))
            return "table " + tensor.name + " has the wrong number of rows";
    }
    return std::nullopt;
}

/// The items of the output are disjoint, in order, and cover their tensor but for padding rows
/// below each item.
Reason check_output(const Program& program, const Instruction& instruction) {
    const View& out = instruction.out;
    const Tensor& tensor = program.tensors[out.tensor];
    if (out.transposed || out.row != 0 || out.col != 0)
        return "the output does not start at the origin of " + tensor.name;
    if (out.item_row_stride != 0) {
        if (out.item_col_stride != 0) return "the output's items move both ways";
        if (out.item_row_stride % 32 != 0 || out.item_row_stride < out.rows ||
            out.item_row_stride - out.rows >= 32) {
            return "stacked items do not start on multiples of 32 rows";
        }
        if (std::uint64_t{instruction.items} * out.item_row_stride != tensor.rows ||
            out.cols != tensor.cols) {
            return "the output does not cover " + tensor.name;
        }
        return std::nullopt;
    }
    if (out.rows != tensor.rows) return "the output does not cover " + tensor.name;
    if (instruction.items > 1 && out.item_col_stride != out.cols)
        return "the output's items overlap or leave gaps";
    if (std::uint64_t{instruction.items} * out.cols != tensor.cols)
        return "the output does not cover " + tensor.name;
    return std::nullopt;
}

Reason check_load(const Program& program, const Instruction& instruction) {
    const Tensor& out = program.tensors[instruction.out.tensor];
    if (!instruction.in.empty() || instruction.items != 1) return "a load has operands or items";
    const bool column = out.cols == 1 && out.dtype == DType::i32;
    switch (instruction.source) {
        case LoadSource::tokens:
            if (!column || out.rows != program.sequence_rows || instruction.row_offset > 1)
                return "a load of tokens has the wrong shape";
            break;
        case LoadSource::table_labels:
            if (!column || out.rows != program.sequence_rows)
                return "a load of labels has the wrong shape";
            break;
        case LoadSource::table_features:
            if (out.dtype != DType::f32 || out.rows != program.sequence_rows)
                return "a load of features has the wrong shape";
            break;
        case LoadSource::member_count:
            if (!column || out.rows != 1) return "the member count is not a 1x1 i32";
            if (instruction.part != Part::merge) return "the member count is loaded outside merge";
            return std::nullopt;
        case LoadSource::payload:
            return "payloads are read in place";
    }
    if (instruction.part != Part::sequence) return "data is loaded outside the sequence part";
    return std::nullopt;
}

Reason check_random(const Program& program, const Instruction& instruction) {
    const Tensor& out = program.tensors[instruction.out.tensor];
    if (!instruction.in.empty()) return "a random has operands";
    if (instruction.part != Part::init && instruction.part != Part::sequence)
        return "a random stands outside init and sequence";
    const bool mask = instruction.distribution == Distribution::mask;
    if (out.dtype != (mask ? DType::i32 : DType::f32)) return "a random has the wrong type";
    if (mask ? instruction.keep_ppb > 1'000'000'000U : instruction.keep_ppb != 0)
        return "a random has a wrong share to keep";
    return std::nullopt;
}

Reason check_indexed(const Program& program, const Instruction& instruction) {
    if (instruction.items != 1 || instruction.in.size() != 2)
        return "a gather or scatter has the wrong operands";
    const View& other = instruction.in[0];
    const View& index = instruction.in[1];
    const Tensor& tensor = program.tensors[other.tensor];
    const Tensor& out = program.tensors[instruction.out.tensor];
    const bool scatter = instruction.kind == Kind::scatter_add;
    if (program.tensors[index.tensor].dtype != DType::i32 || index.seen_cols() != 1)
        return "an index is not a column of i32";
    const std::uint32_t rows = scatter ? other.seen_rows() : instruction.out.rows;
    if (index.seen_rows() != rows || other.seen_cols() != instruction.out.cols)
        return "shapes of a gather or scatter do not agree";
    if (scatter &&
        (out.dtype != DType::f32 || out.cls != TensorClass::accumulator || !is_real(tensor))) {
        return "a scatter does not add to an f32 accumulator";
    }
    if (!scatter && (is_real(tensor) != is_real(out))) return "a gather changes the type";
    return std::nullopt;
}

/// Whether the node's arguments, `real` or i32 each, are what the operation takes. Sets `result`.
Reason check_node(const Node& node, const std::vector<bool>& real, bool& result) {
    const OpFacts& facts = facts_of(node.op);
    const std::uint32_t arguments[] = {node.a, node.b, node.c};
    result = gives_real(node.op, [&](int i) { return real[arguments[i]]; });
    std::optional<bool> same;
    for (int i = 0; i < facts.arguments(); ++i) {
        const bool is = real[arguments[i]];
        const char wanted = facts.types[static_cast<std::size_t>(i) + 2];
        const bool fits = wanted == 't' ? same.value_or(is) == is : (wanted == 'r') == is;
        if (wanted == 't') same = is;
        if (fits) continue;
        if (wanted == 't')
            return "arguments of a node, " + std::string(facts.word) + ", mix f32 and i32";
        return "a node, " + std::string(facts.word) + ", needs " + (wanted == 'r' ? "f32" : "i32");
    }
    return std::nullopt;
}

Reason check_map(const Program& program, const Instruction& instruction) {
    if (instruction.in.size() > kOperandsMax) return "a map has more than 8 operands";
    if (instruction.expression.empty() || instruction.expression.size() > kNodesMax)
        return "a map has no node or more than 32";
    for (const View& view : instruction.in) {
        const bool rows_fit = view.seen_rows() == 1 || view.seen_rows() == instruction.out.rows;
        const bool cols_fit = view.seen_cols() == 1 || view.seen_cols() == instruction.out.cols;
        if (!rows_fit || !cols_fit) return "an operand of a map has another shape than the output";
    }
    std::vector<bool> types;
    for (std::size_t i = 0; i < instruction.expression.size(); ++i) {
        const Node& node = instruction.expression[i];
        if (op_from(static_cast<std::uint8_t>(node.op)) == nullptr) return "an unknown operation";
        bool type = true;
        if (node.op == Op::operand) {
            if (node.a >= instruction.in.size()) return "a node reads an operand that is not there";
            type = is_real(program.tensors[instruction.in[node.a].tensor]);
        } else {
            const std::uint32_t arguments[] = {node.a, node.b, node.c};
            for (int k = 0; k < arguments_of(node.op); ++k) {
                if (arguments[k] >= i) return "a node reads a later one";
            }
            if (auto reason = check_node(node, types, type)) return reason;
        }
        types.push_back(type);
    }
    const bool real = is_real(program.tensors[instruction.out.tensor]);
    if (types.back() != real) return "a map's result has another type than its output";
    return std::nullopt;
}

Reason check_reduce(const Program& program, const Instruction& instruction) {
    const std::size_t operands = instruction.reduce == ReduceOp::dot ? 2 : 1;
    if (instruction.in.size() != operands) return "a reduction has the wrong number of operands";
    const View& first = instruction.in[0];
    for (const View& view : instruction.in) {
        if (!is_real(program.tensors[view.tensor])) return "a reduction of integers";
        if (view.seen_rows() != first.seen_rows() || view.seen_cols() != first.seen_cols())
            return "operands of a dot differ in shape";
    }
    if (instruction.out.rows != first.seen_rows() || instruction.out.cols != 1)
        return "a reduction has the wrong output shape";
    if (program.tensors[instruction.out.tensor].dtype != DType::f32)
        return "a reduction is not f32";
    return std::nullopt;
}

Reason check_matmul(const Program& program, const Instruction& instruction) {
    if (instruction.in.size() < 2 || instruction.in.size() > 3)
        return "a matmul has the wrong number of operands";
    const View& a = instruction.in[0];
    const View& b = instruction.in[1];
    const View& out = instruction.out;
    if (a.seen_cols() != b.seen_rows() || a.seen_rows() != out.rows || b.seen_cols() != out.cols)
        return "shapes of a matmul do not agree";
    const Tensor& ta = program.tensors[a.tensor];
    const Tensor& tb = program.tensors[b.tensor];
    const Tensor& tc = program.tensors[out.tensor];
    const bool real = is_real(ta) && is_real(tb) && tc.dtype == DType::f32;
    const bool exact = ta.dtype == DType::i8 && tb.dtype == DType::i8 && tc.dtype == DType::i32;
    if (!real && !exact) return "a matmul is neither f32 nor i8 x i8 -> i32";
    if (exact && a.seen_cols() > kIntegerDepthMax)
        return "an integer matmul is deeper than 131,072";
    for (const View& view : {a, b}) {
        if (view.tensor == out.tensor) return "a matmul reads the tensor it writes";
    }
    const bool third = instruction.in.size() == 3;
    if (third && is_real(program.tensors[instruction.in[2].tensor]) != real)
        return "what a matmul starts from has another type";
    switch (instruction.start) {
        case MatmulStart::zero:
            return third ? Reason{"a matmul from zero has a third operand"} : Reason{};
        case MatmulStart::bias:
            if (!third || instruction.in[2].seen_rows() != 1 ||
                instruction.in[2].seen_cols() != out.cols) {
                return "a bias is not a row of the output's width";
            }
            return std::nullopt;
        case MatmulStart::continues:
            if (third && (instruction.in[2].tensor == out.tensor ||
                          instruction.in[2].seen_rows() != out.rows ||
                          instruction.in[2].seen_cols() != out.cols)) {
                return "what a matmul continues has another shape";
            }
            if (!third && tc.cls != TensorClass::accumulator)
                return "only accumulators are continued in place";
            return std::nullopt;
    }
    return "an unknown start of a matmul";
}

// --- tiles

std::uint32_t touched(std::uint64_t first, std::uint64_t count) {
    return static_cast<std::uint32_t>((first + count - 1) / 32 - first / 32 + 1);
}

/// A range of rows or columns of an item.
struct Extent {
    std::uint32_t first = 0, count = 0;
};

/// The first two cells of an item along one dimension; later ones are aligned like the second.
/// `origin` is where the item starts.
std::vector<Extent> cells_along(std::uint64_t origin, std::uint32_t length) {
    const auto first =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(length, 32 - origin % 32));
    std::vector<Extent> cells = {{0, first}};
    if (first < length) cells.push_back({first, std::min(32U, length - first)});
    return cells;
}

/// Tiles of one operand over rows x cols as the instruction sees them; a dimension of one element
/// is broadcast.
std::uint32_t tiles_of(const View& view, std::uint32_t item, Extent rows, Extent cols) {
    if (view.seen_rows() == 1) rows = {0, 1};
    if (view.seen_cols() == 1) cols = {0, 1};
    const Extent stored_rows = view.transposed ? cols : rows;
    const Extent stored_cols = view.transposed ? rows : cols;
    const std::uint64_t row =
        view.row + std::uint64_t{item} * view.item_row_stride + stored_rows.first;
    const std::uint64_t col =
        view.col + std::uint64_t{item} * view.item_col_stride + stored_cols.first;
    return touched(row, stored_rows.count) * touched(col, stored_cols.count);
}

std::uint32_t tiles_of_cell(const Instruction& instruction, std::uint32_t item, Extent rows,
                            Extent cols) {
    std::uint32_t tiles = 0;
    switch (instruction.kind) {
        case Kind::load:
        case Kind::random:
            return 0;
        case Kind::gather:
            return 1 + tiles_of(instruction.in[0], item, {0, 1}, cols);
        case Kind::scatter_add:
            return 2 + tiles_of(instruction.in[0], item, {0, 32}, cols);
        case Kind::map:
            for (const View& view : instruction.in) tiles += tiles_of(view, item, rows, cols);
            return tiles;
        case Kind::reduce:
            for (const View& view : instruction.in)
                tiles += tiles_of(view, item, rows, {0, std::min(32U, view.seen_cols())});
            return tiles + 1;
        case Kind::matmul: {
            const std::uint32_t depth = std::min(32U, instruction.in[0].seen_cols());
            return tiles_of(instruction.in[0], item, rows, {0, depth}) +
                   tiles_of(instruction.in[1], item, {0, depth}, cols) + 2;
        }
    }
    return tiles;
}

}  // namespace

std::optional<std::string> check_instruction(const Program& program,
                                             const Instruction& instruction) {
    if (instruction.items == 0 || instruction.items > kItemsMax)
        return "the number of items is wrong";
    if (auto reason = check_view(program, instruction, instruction.out)) return reason;
    for (const View& view : instruction.in) {
        if (auto reason = check_view(program, instruction, view)) return reason;
    }
    if (auto reason = check_output(program, instruction)) return reason;
    switch (instruction.kind) {
        case Kind::load:
            return check_load(program, instruction);
        case Kind::random:
            return check_random(program, instruction);
        case Kind::gather:
        case Kind::scatter_add:
            return check_indexed(program, instruction);
        case Kind::map:
            return check_map(program, instruction);
        case Kind::reduce:
            return check_reduce(program, instruction);
        case Kind::matmul:
            return check_matmul(program, instruction);
    }
    return "an unknown kind";
}

std::uint32_t tiles_opened(const Program&, const Instruction& instruction) {
    std::uint32_t most = 0;
    for (std::uint32_t item = 0; item < instruction.items; ++item) {
        const View& out = instruction.out;
        const std::uint64_t row = out.row + std::uint64_t{item} * out.item_row_stride;
        const std::uint64_t col = out.col + std::uint64_t{item} * out.item_col_stride;
        for (const Extent rows : cells_along(row, out.rows)) {
            for (const Extent cols : cells_along(col, out.cols)) {
                most = std::max(most, tiles_of_cell(instruction, item, rows, cols));
            }
        }
    }
    return most;
}

}  // namespace assay::program
