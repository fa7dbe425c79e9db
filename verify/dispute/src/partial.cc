#include "dispute/partial.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "base/encoding.h"
#include "exact/item_view.h"
#include "exact/math.h"

namespace assay::dispute {

using exact::Cell;
using exact::ItemView;
using exact::ReferenceContext;
using program::Instruction;
using program::Kind;
using program::ReduceOp;
using program::View;

namespace {

constexpr std::uint32_t kStep = 32;    ///< of k, columns or t
constexpr std::uint32_t kBlock = 256;  ///< of k: where chains are added to sums
constexpr std::uint32_t kLanes = 32;
constexpr std::uint32_t kNaN = 0x7fc00000U;

std::uint32_t word_of(float x) { return x == x ? std::bit_cast<std::uint32_t>(x) : kNaN; }
float real(std::uint32_t word) { return std::bit_cast<float>(word); }

bool integers(const Instruction& instruction, const ReferenceContext& context) {
    return context.tensors[instruction.out.tensor].dtype == program::DType::i32;
}

std::size_t elements(const Cell& cell) { return std::size_t{cell.rows} * cell.cols; }

/// The columns of the cell that a row of a matmul computes.
exact::IndexRange computed(const Instruction& instruction, const Cell& cell, std::uint32_t row) {
    const exact::IndexRange band =
        exact::band_range(instruction.out_band, row, instruction.out.cols);
    const std::int64_t last = std::int64_t{cell.col} + cell.cols;
    const std::int64_t first = std::clamp<std::int64_t>(band.first, cell.col, last);
    return {first, std::clamp<std::int64_t>(band.second, first, last)};
}

void advance_integers(const Instruction& instruction, const ReferenceContext& context,
                      const Cell& cell, std::uint32_t step, PartialState& sums) {
    const ItemView a(instruction.in[0], cell.item, context),
        b(instruction.in[1], cell.item, context);
    const std::int64_t first = std::int64_t{step} * kStep;
    const std::int64_t last = std::min<std::int64_t>(first + kStep, a.cols());
    for (std::uint32_t i = 0; i < cell.rows; ++i) {
        const std::uint32_t row = cell.row + i;
        const exact::IndexRange band = exact::band_range(instruction.k_band, row, a.cols());
        const exact::IndexRange columns = computed(instruction, cell, row);
        for (std::int64_t col = columns.first; col < columns.second; ++col) {
            const auto c = static_cast<std::uint32_t>(col);
            std::uint32_t& sum = sums[std::size_t{i} * cell.cols + (c - cell.col)];
            for (std::int64_t k = std::max(first, band.first); k < std::min(last, band.second);
                 ++k) {
                const auto at = static_cast<std::uint32_t>(k);
                sum += static_cast<std::uint32_t>(a.i32(row, at)) *
                       static_cast<std::uint32_t>(b.i32(at, c));
            }
        }
    }
}

void advance_matmul(const Instruction& instruction, const ReferenceContext& context,
                    const Cell& cell, std::uint32_t step, PartialState& state) {
    const ItemView a(instruction.in[0], cell.item, context),
        b(instruction.in[1], cell.item, context);
    const std::int64_t depth = a.cols();
    const std::int64_t first = std::int64_t{step} * kStep, last = std::min(first + kStep, depth);
    const std::int64_t block = first / kBlock * kBlock, block_end = std::min(block + kBlock, depth);
    for (std::uint32_t i = 0; i < cell.rows; ++i) {
        const std::uint32_t row = cell.row + i;
        const exact::IndexRange band = exact::band_range(instruction.k_band, row, depth);
        const exact::IndexRange columns = computed(instruction, cell, row);
        const bool added = std::max(block, band.first) < std::min(block_end, band.second);
        for (std::int64_t col = columns.first; col < columns.second; ++col) {
            const auto c = static_cast<std::uint32_t>(col);
            std::uint32_t& chain = state[std::size_t{i} * cell.cols + (c - cell.col)];
            std::uint32_t& sum =
                state[elements(cell) + std::size_t{i} * cell.cols + (c - cell.col)];
            float acc = real(chain);
            for (std::int64_t k = std::max(first, band.first); k < std::min(last, band.second);
                 ++k) {
                const auto at = static_cast<std::uint32_t>(k);
                acc = exact::fma_f32(exact::flush_operand(a.f32(row, at)),
                                     exact::flush_operand(b.f32(at, c)), acc);
            }
            chain = word_of(acc);
            if (last != block_end) continue;
            if (added) sum = word_of(real(sum) + acc);
            chain = 0;
        }
    }
}

void advance_reduce(const Instruction& instruction, const ReferenceContext& context,
                    const Cell& cell, std::uint32_t step, PartialState& state) {
    const ItemView x(instruction.in[0], cell.item, context);
    const ItemView y(instruction.in.back(), cell.item, context);
    const std::uint32_t first = step * kStep, last = std::min(first + kStep, x.cols());
    for (std::uint32_t i = 0; i < cell.rows; ++i) {
        const std::uint32_t row = cell.row + i;
        for (std::uint32_t col = first; col < last; ++col) {
            const float value = x.f32(row, col);
            switch (instruction.reduce) {
                case ReduceOp::sum: {
                    std::uint32_t& lane = state[std::size_t{i} * kLanes + col % kLanes];
                    lane = word_of(real(lane) + value);
                    break;
                }
                case ReduceOp::dot: {
                    std::uint32_t& lane = state[std::size_t{i} * kLanes + col % kLanes];
                    lane =
                        word_of(exact::fma_f32(exact::flush_operand(value),
                                               exact::flush_operand(y.f32(row, col)), real(lane)));
                    break;
                }
                case ReduceOp::max:
                    if (value > real(state[i])) state[i] = word_of(value);
                    break;
            }
        }
    }
}

void advance_scatter(const Instruction& instruction, const ReferenceContext& context,
                     const Cell& cell, std::uint32_t step, PartialState& state) {
    const ItemView x(instruction.in[0], cell.item, context),
        index(instruction.in[1], cell.item, context);
    const std::uint32_t first = step * kStep, last = std::min(first + kStep, x.rows());
    for (std::uint32_t t = first; t < last; ++t) {
        const std::int64_t to = index.i32(t, 0);
        if (to < cell.row || to >= std::int64_t{cell.row} + cell.rows) continue;
        const auto i = static_cast<std::size_t>(to - cell.row);
        for (std::uint32_t j = 0; j < cell.cols; ++j) {
            std::uint32_t& sum = state[i * cell.cols + j];
            sum = word_of(real(sum) + x.f32(t, cell.col + j));
        }
    }
}

float tree_sum(const std::uint32_t* words) {
    std::array<float, kLanes> lanes{};
    for (std::uint32_t l = 0; l < kLanes; ++l) lanes[l] = real(words[l]);
    for (std::uint32_t s = kLanes / 2; s > 0; s /= 2) {
        for (std::uint32_t l = 0; l < s; ++l) lanes[l] = lanes[l] + lanes[l + s];
    }
    return lanes[0];
}

}  // namespace

std::size_t partial_words(const Instruction& instruction, bool is_integer, const Cell& cell) {
    switch (instruction.kind) {
        case Kind::reduce:
            return instruction.reduce == ReduceOp::max ? cell.rows
                                                       : std::size_t{cell.rows} * kLanes;
        case Kind::scatter_add:
            return elements(cell);
        case Kind::matmul:
            return is_integer ? elements(cell) : 2 * elements(cell);
        case Kind::load:
        case Kind::random:
        case Kind::gather:
        case Kind::map:
            return 0;
    }
    return 0;
}

PartialState start_partial(const Instruction& instruction, const View* start,
                           const ReferenceContext& context, const Cell& cell) {
    const bool is_integer = integers(instruction, context);
    PartialState state(partial_words(instruction, is_integer, cell), 0);
    if (instruction.kind == Kind::reduce) {
        if (instruction.reduce == ReduceOp::max)
            std::ranges::fill(state, word_of(-std::numeric_limits<float>::infinity()));
        return state;
    }
    if (start == nullptr) return state;
    const bool row_of_bias =
        instruction.kind == Kind::matmul && instruction.start == program::MatmulStart::bias;
    const ItemView from(*start, cell.item, context);
    const std::size_t sums = state.size() - elements(cell);
    for (std::uint32_t i = 0; i < cell.rows; ++i) {
        exact::IndexRange columns = {cell.col, std::int64_t{cell.col} + cell.cols};
        if (instruction.kind == Kind::matmul) columns = computed(instruction, cell, cell.row + i);
        for (std::int64_t col = columns.first; col < columns.second; ++col) {
            const auto c = static_cast<std::uint32_t>(col);
            const std::uint32_t row = row_of_bias ? 0 : cell.row + i;
            state[sums + std::size_t{i} * cell.cols + (c - cell.col)] =
                is_integer ? static_cast<std::uint32_t>(from.i32(row, c))
                           : word_of(from.f32(row, c));
        }
    }
    return state;
}

void advance_partial(const Instruction& instruction, const ReferenceContext& context,
                     const Cell& cell, std::uint32_t step, PartialState& state) {
    switch (instruction.kind) {
        case Kind::matmul:
            if (integers(instruction, context))
                return advance_integers(instruction, context, cell, step, state);
            return advance_matmul(instruction, context, cell, step, state);
        case Kind::reduce:
            return advance_reduce(instruction, context, cell, step, state);
        case Kind::scatter_add:
            return advance_scatter(instruction, context, cell, step, state);
        case Kind::load:
        case Kind::random:
        case Kind::gather:
        case Kind::map:
            break;
    }
    base::fail_check("direct kinds have no partial states", __FILE__, __LINE__);
}

void finish_partial(const Instruction& instruction, const PartialState& state,
                    const ReferenceContext& context, const Cell& cell) {
    const ItemView out(instruction.out, cell.item, context);
    const bool is_integer = integers(instruction, context);
    for (std::uint32_t i = 0; i < cell.rows; ++i) {
        if (instruction.kind == Kind::reduce) {
            const float value = instruction.reduce == ReduceOp::max
                                    ? real(state[i]) + 0.0F
                                    : tree_sum(state.data() + std::size_t{i} * kLanes);
            out.put_f32(cell.row + i, cell.col, value);
            continue;
        }
        for (std::uint32_t j = 0; j < cell.cols; ++j) {
            // Outside the output band of a matmul the sums are +0.
            const std::uint32_t word =
                state[state.size() - elements(cell) + std::size_t{i} * cell.cols + j];
            if (is_integer) {
                out.put_i32(cell.row + i, cell.col + j, static_cast<std::int32_t>(word));
            } else {
                out.put_f32(cell.row + i, cell.col + j, real(word));
            }
        }
    }
}

base::Bytes encode_partial(const PartialState& state) {
    base::Encoder encoder;
    for (const std::uint32_t word : state) encoder.u32(word);
    return encoder.take();
}

PartialState decode_partial(base::ByteView bytes) {
    base::Decoder decoder(bytes);
    PartialState state(bytes.size() / sizeof(std::uint32_t));
    for (std::uint32_t& word : state) word = decoder.u32();
    return state;
}

}  // namespace assay::dispute
