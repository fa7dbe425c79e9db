#include "map_code.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "exact/storage.h"
#include "program/operations.h"

namespace assay::runtime {

using exact::ChunkOp;
using program::DType;
using program::Node;
using program::Op;

namespace {

ChunkOp integer_op(Op op) {
    ASSAY_CHECK(op == Op::add || op == Op::sub || op == Op::mul || op == Op::equal ||
                op == Op::less || op == Op::less_equal);
    if (op == Op::add) return ChunkOp::add_i32;
    if (op == Op::sub) return ChunkOp::sub_i32;
    if (op == Op::mul) return ChunkOp::mul_i32;
    if (op == Op::equal) return ChunkOp::equal_i32;
    return op == Op::less ? ChunkOp::less_i32 : ChunkOp::less_equal_i32;
}

ChunkOp real_op(Op op) {
    switch (op) {
        case Op::add:
            return ChunkOp::add;
        case Op::sub:
            return ChunkOp::sub;
        case Op::mul:
            return ChunkOp::mul;
        case Op::div:
            return ChunkOp::div;
        case Op::fma:
            return ChunkOp::fma;
        case Op::sqrt:
            return ChunkOp::sqrt;
        case Op::neg:
            return ChunkOp::neg;
        case Op::abs:
            return ChunkOp::abs;
        case Op::min:
            return ChunkOp::min;
        case Op::max:
            return ChunkOp::max;
        case Op::equal:
            return ChunkOp::equal;
        case Op::less:
            return ChunkOp::less;
        case Op::less_equal:
            return ChunkOp::less_equal;
        case Op::exp:
            return ChunkOp::exp;
        case Op::log:
            return ChunkOp::log;
        case Op::tanh:
            return ChunkOp::tanh;
        case Op::erf:
            return ChunkOp::erf;
        case Op::sin2pi:
            return ChunkOp::sin2pi;
        case Op::cos2pi:
            return ChunkOp::cos2pi;
        case Op::to_i32:
            return ChunkOp::to_i32;
        case Op::operand:
        case Op::constant_f32:
        case Op::constant_i32:
        case Op::row_index:
        case Op::col_index:
        case Op::select:
        case Op::to_f32:
            break;
    }
    base::fail_check("not an operation on floats", __FILE__, __LINE__);
    return ChunkOp::add;
}

/// Whether each node is a float (else an i32).
std::vector<bool> types_of(const program::Program& program,
                           const program::Instruction& instruction) {
    std::vector<bool> real;
    for (const Node& node : instruction.expression) {
        const std::uint32_t arguments[] = {node.a, node.b, node.c};
        real.push_back(program::gives_real(node.op, [&](int i) -> bool {
            if (node.op != Op::operand) return real[arguments[i]];
            const DType dtype = program.tensors[instruction.in[node.a].tensor].dtype;
            return exact::computing_type(dtype) == DType::f32;
        }));
    }
    return real;
}

ChunkOp chunk_op(const Node& node, const std::vector<bool>& real) {
    if (node.op == Op::select) return ChunkOp::select;
    if (node.op == Op::to_f32) return ChunkOp::to_f32;
    return real[node.a] ? real_op(node.op) : integer_op(node.op);
}

std::uint32_t first_word(const Rectangle& operand, std::uint32_t row) {
    float word = 0;
    read_words(operand, row, 0, 1, &word);
    return std::bit_cast<std::uint32_t>(word);
}

void number_columns(float* to, std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t c = 0; c < count; ++c) to[c] = std::bit_cast<float>(first + c);
}

template <class Narrow, class Widen>
void read_as(const Rectangle& from, std::uint32_t row, std::uint32_t col, std::uint32_t cols,
             float* out, Widen widen) {
    const std::size_t step = from.transposed ? from.stride : 1;
    const std::size_t start = from.transposed ? col * from.stride + row : row * from.stride + col;
    for (std::size_t i = 0; i < cols; ++i) {
        Narrow x;
        std::memcpy(&x, from.data + (start + i * step) * sizeof(Narrow), sizeof(Narrow));
        const auto word = widen(x);
        static_assert(sizeof word == 4);
        std::memcpy(out + i, &word, 4);
    }
}

template <class Word, class Narrow>
void write_as(const Rectangle& to, std::uint32_t row, std::uint32_t col, std::uint32_t cols,
              const float* words, Narrow narrow) {
    for (std::size_t i = 0; i < cols; ++i) {
        Word word;
        std::memcpy(&word, words + i, 4);
        const auto x = narrow(word);
        std::memcpy(to.data + (row * to.stride + col + i) * sizeof x, &x, sizeof x);
    }
}

}  // namespace

void read_words(const Rectangle& from, std::uint32_t row, std::uint32_t col, std::uint32_t cols,
                float* out) {
    switch (from.dtype) {
        case DType::f32:
        case DType::i32:
            if (!from.transposed) {
                std::memcpy(out, from.data + (row * from.stride + col) * 4, std::size_t{cols} * 4);
                return;
            }
            return read_as<std::uint32_t>(from, row, col, cols, out,
                                          [](std::uint32_t x) { return x; });
        case DType::i8:
            return read_as<std::int8_t>(from, row, col, cols, out,
                                        [](std::int8_t x) { return std::int32_t{x}; });
        case DType::u16:
            return read_as<std::uint16_t>(from, row, col, cols, out,
                                          [](std::uint16_t x) { return std::int32_t{x}; });
        case DType::f16:
            return read_as<std::uint16_t>(from, row, col, cols, out, exact::f32_from_f16);
        case DType::bf16:
            return read_as<std::uint16_t>(from, row, col, cols, out, exact::f32_from_bf16);
    }
}

void write_words(const Rectangle& to, std::uint32_t row, std::uint32_t col, std::uint32_t cols,
                 const float* words) {
    switch (to.dtype) {
        case DType::f32:
        case DType::i32:
            std::memcpy(to.data + (row * to.stride + col) * 4, words, std::size_t{cols} * 4);
            return;
        case DType::i8:
            return write_as<std::int32_t>(to, row, col, cols, words, [](std::int32_t x) {
                return static_cast<std::int8_t>(exact::clamp_i32(x, -128, 127));
            });
        case DType::u16:
            return write_as<std::int32_t>(to, row, col, cols, words, [](std::int32_t x) {
                return static_cast<std::uint16_t>(exact::clamp_i32(x, 0, 65535));
            });
        case DType::f16:
            return write_as<float>(to, row, col, cols, words, exact::f16_from_f32);
        case DType::bf16:
            return write_as<float>(to, row, col, cols, words, exact::bf16_from_f32);
    }
}

/// How the rows and columns of one call are cut into chunks.
struct MapCode::Geometry {
    std::uint32_t width = 0;    ///< columns of the output
    std::uint32_t segment = 0;  ///< columns of a chunk
    std::uint32_t rows = 0;     ///< whole rows of a chunk; 1 when a row is longer than a chunk
};

MapCode::MapCode(const program::Program& program, const program::Instruction& instruction,
                 const exact::Kernels& kernels)
    : nodes_(instruction.expression), fill_(kernels.fill) {
    ASSAY_CHECK(!nodes_.empty() && nodes_.size() <= program::kNodesMax);
    find_compiled(program, instruction, kernels);
    if (compiled_ != nullptr) return;
    const std::vector<bool> real = types_of(program, instruction);
    std::vector<std::size_t> last_use(nodes_.size(), 0);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const int count = program::arguments_of(nodes_[i].op);
        if (count > 0) last_use[nodes_[i].a] = i;
        if (count > 1) last_use[nodes_[i].b] = i;
        if (count > 2) last_use[nodes_[i].c] = i;
    }
    std::uint8_t next = 0;
    std::vector<std::uint8_t> free;
    std::vector<bool> computed(nodes_.size(), false);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const Node& node = nodes_[i];
        const int count = program::arguments_of(node.op);
        if (count == 0) {
            buffer_[i] = next++;
            if (node.op == Op::operand) read_.push_back(i);
            if (node.op == Op::constant_f32 || node.op == Op::constant_i32) fixed_.push_back(i);
            if (node.op == Op::row_index || node.op == Op::col_index) indices_.push_back(i);
            continue;
        }
        // A result may take the buffer of an argument that is not needed again.
        const auto release = [&](std::uint32_t argument) {
            if (computed[argument] && last_use[argument] == i &&
                std::ranges::find(free, buffer_[argument]) == free.end()) {
                free.push_back(buffer_[argument]);
            }
        };
        release(node.a);
        if (count > 1) release(node.b);
        if (count > 2) release(node.c);
        computed[i] = true;
        if (free.empty()) {
            buffer_[i] = next++;
        } else {
            buffer_[i] = free.back();
            free.pop_back();
        }
        const bool nothing =
            (node.op == Op::to_f32 && real[node.a]) || (node.op == Op::to_i32 && !real[node.a]);
        const auto n = [](std::uint32_t x) { return static_cast<std::uint8_t>(x); };
        steps_.push_back(
            {nothing ? nullptr : kernels.chunk[static_cast<std::size_t>(chunk_op(node, real))],
             n(node.a), count > 1 ? n(node.b) : kNone, count > 2 ? n(node.c) : kNone,
             static_cast<std::uint8_t>(i)});
    }
    out_buffer_ = next;
    ASSAY_CHECK(next < kMapBuffers);
}

/// What is the same in every chunk: constants, operands of one element, rows that repeat.
void MapCode::prepare(const Geometry& g, std::span<const Rectangle> in, float* scratch,
                      Pointers& at) const {
    const std::size_t n = std::size_t{g.rows} * g.segment;
    for (const std::size_t node : fixed_) {
        fill_(buffer(node, scratch), n, nodes_[node].bits);
        at[node] = buffer(node, scratch);
    }
    for (const std::size_t node : indices_) {
        if (nodes_[node].op != Op::col_index || g.segment != g.width) continue;
        for (std::uint32_t r = 0; r < g.rows; ++r)
            number_columns(buffer(node, scratch) + std::size_t{r} * g.width, 0, g.width);
    }
    for (const std::size_t node : read_) {
        const Rectangle& operand = in[nodes_[node].a];
        if (operand.seen_rows() != 1) continue;
        float* to = buffer(node, scratch);
        if (operand.seen_cols() == 1) {
            fill_(to, n, first_word(operand, 0));
            at[node] = to;
        } else if (g.segment == g.width) {
            read_words(operand, 0, 0, g.width, to);
            for (std::uint32_t r = 1; r < g.rows; ++r)
                std::memcpy(to + std::size_t{r} * g.width, to, std::size_t{g.width} * 4);
            at[node] = to;
        }
    }
}

/// What differs from chunk to chunk: rows [row, row + rows) x columns [col, col + cols).
void MapCode::bind(const Geometry& g, std::span<const Rectangle> in, std::uint32_t row,
                   std::uint32_t rows, std::uint32_t col, std::uint32_t cols, float* scratch,
                   Pointers& at) const {
    for (const std::size_t node : read_) {
        const Rectangle& operand = in[nodes_[node].a];
        float* to = buffer(node, scratch);
        const bool one_row = operand.seen_rows() == 1, one_col = operand.seen_cols() == 1;
        if (one_row && (one_col || g.segment == g.width)) continue;
        if (one_col && g.width != 1) {
            for (std::uint32_t r = 0; r < rows; ++r)
                fill_(to + std::size_t{r} * cols, cols, first_word(operand, row + r));
            at[node] = to;
        } else if (operand.words() && !operand.transposed && (operand.dense() || rows == 1)) {
            at[node] = operand.row(one_row ? 0 : row) + col;
        } else {
            for (std::uint32_t r = 0; r < rows; ++r)
                read_words(operand, one_row ? 0 : row + r, col, cols, to + std::size_t{r} * cols);
            at[node] = to;
        }
    }
    for (const std::size_t node : indices_) {
        float* to = buffer(node, scratch);
        at[node] = to;
        if (nodes_[node].op == Op::row_index) {
            for (std::uint32_t r = 0; r < rows; ++r)
                fill_(to + std::size_t{r} * cols, cols, row + r);
        } else if (g.segment != g.width) {
            number_columns(to, col, cols);
        }
    }
}

void MapCode::find_compiled(const program::Program& program,
                            const program::Instruction& instruction,
                            const exact::Kernels& kernels) {
    const auto is_word = [&](const program::View& view) {
        const DType type = program.tensors[view.tensor].dtype;
        return (type == DType::f32 || type == DType::i32) && !view.transposed;
    };
    if (kernels.maps == nullptr || !is_word(instruction.out)) return;
    std::uint8_t integers = 0;
    for (std::size_t i = 0; i < instruction.in.size(); ++i) {
        const program::View& view = instruction.in[i];
        if (!is_word(view)) return;
        const auto bit = static_cast<std::uint8_t>(1U << i);
        if (program.tensors[view.tensor].dtype == DType::i32)
            integers = static_cast<std::uint8_t>(integers | bit);
        if (view.cols == 1 && instruction.out.cols != 1)
            columns_ = static_cast<std::uint8_t>(columns_ | bit);
    }
    const auto shape = exact::find_map_shape(nodes_, columns_, integers);
    if (!shape) return;
    compiled_ = kernels.maps[*shape];
    const Node& root = nodes_.back();
    if (root.op == Op::select && nodes_[root.a].op == Op::less_equal) {
        const Node& compare = nodes_[root.a];
        causal_ = nodes_[compare.a].op == Op::col_index && nodes_[compare.b].op == Op::row_index &&
                  nodes_[root.c].op == Op::constant_f32;
    }
    for (const Node& node : nodes_)
        counts_ = counts_ || node.op == Op::row_index || node.op == Op::col_index;
}

void MapCode::run_compiled(const Rectangle& out, std::span<const Rectangle> in, std::uint32_t first,
                           std::uint32_t last) const {
    exact::MapCall call;
    call.nodes = nodes_;
    call.out = out.f32() + first * out.stride;
    call.out_stride = out.stride;
    call.rows = last - first;
    call.cols = out.cols;
    call.first_row = first;
    // Rows that lie behind each other everywhere are one long row.
    bool one_row = !counts_ && (out.stride == out.cols || call.rows == 1);
    for (std::size_t i = 0; i < in.size(); ++i) {
        const bool repeats = in[i].rows == 1;
        call.in[i] = in[i].row(repeats ? 0 : first);
        call.stride[i] = repeats ? 0 : in[i].stride;
        const bool column = ((columns_ >> i) & 1U) != 0;
        if (call.rows > 1) one_row = one_row && (column ? repeats : call.stride[i] == out.cols);
    }
    if (one_row) {
        call.cols *= call.rows;
        call.rows = 1;
    }
    if (causal_ && last < out.cols) {
        // Above the diagonal of all these rows stands the constant.
        for (std::uint32_t row = first; row < last; ++row)
            fill_(out.f32() + row * out.stride + last, out.cols - last,
                  nodes_[nodes_.back().c].bits);
        call.cols = last;
    }
    compiled_(call);
}

void MapCode::run(const Rectangle& out, std::span<const Rectangle> in, std::uint32_t first,
                  std::uint32_t last, float* scratch) const {
    if (compiled_ != nullptr) return run_compiled(out, in, first, last);
    Geometry g;
    g.width = out.cols;
    g.segment = std::min<std::uint32_t>(g.width, kChunk);
    g.rows = g.width < kChunk && out.dense() ? static_cast<std::uint32_t>(kChunk) / g.width : 1;
    g.rows = std::min(g.rows, last - first);
    Pointers at{};
    prepare(g, in, scratch, at);
    const std::size_t result = nodes_.size() - 1;
    for (std::uint32_t row = first; row < last; row += g.rows) {
        const std::uint32_t rows = std::min(g.rows, last - row);
        for (std::uint32_t col = 0; col < g.width; col += g.segment) {
            const std::uint32_t cols = std::min(g.segment, g.width - col);
            const std::size_t n = std::size_t{rows} * cols;
            bind(g, in, row, rows, col, cols, scratch, at);
            float* target = out.words() ? out.f32() + row * out.stride + col
                                        : scratch + std::size_t{out_buffer_} * kChunk;
            for (const Step& step : steps_) {
                float* to = step.out == result ? target : buffer(step.out, scratch);
                if (step.function == nullptr) {
                    std::memcpy(to, at[step.a], n * 4);
                } else {
                    step.function(at[step.a], step.b == kNone ? nullptr : at[step.b],
                                  step.c == kNone ? nullptr : at[step.c], to, n);
                }
                at[step.out] = to;
            }
            if (at[result] == target && out.words()) continue;
            for (std::uint32_t r = 0; r < rows; ++r) {
                write_words(out, row + r, col, cols,
                            static_cast<const float*>(at[result]) + std::size_t{r} * cols);
            }
        }
    }
}

}  // namespace assay::runtime
