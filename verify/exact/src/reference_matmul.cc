#include <algorithm>
#include <cstdint>
#include <vector>

#include "exact/math.h"
#include "reference_access.h"

namespace assay::exact {
namespace {

constexpr std::int64_t kBlockColumns = 256;  ///< blocks of k are cut at its multiples

/// Where C[row, col] starts: +0, the bias row, the tensor it continues, or the output itself.
float start_of(const program::Instruction& instruction, const ItemView& out, const ItemView* third,
               std::uint32_t row, std::uint32_t col) {
    switch (instruction.start) {
        case program::MatmulStart::zero:
            return 0.0F;
        case program::MatmulStart::bias:
            return third->f32(0, col);
        case program::MatmulStart::continues:
            return third != nullptr ? third->f32(row, col) : out.f32(row, col);
    }
    return 0.0F;
}

std::int32_t integer_start_of(const program::Instruction& instruction, const ItemView& out,
                              const ItemView* third, std::uint32_t row, std::uint32_t col) {
    switch (instruction.start) {
        case program::MatmulStart::zero:
            return 0;
        case program::MatmulStart::bias:
            return third->i32(0, col);
        case program::MatmulStart::continues:
            return third != nullptr ? third->i32(row, col) : out.i32(row, col);
    }
    return 0;
}

/// The columns of the region that are computed in this row; the others are +0.
IndexRange computed_columns(const program::Instruction& instruction, const ItemView& out,
                            const Region& region, std::uint32_t row) {
    const IndexRange band = band_range(instruction.out_band, row, out.cols());
    const std::int64_t first =
        std::clamp<std::int64_t>(band.first, region.col_begin, region.col_end);
    return {first, std::clamp<std::int64_t>(band.second, first, region.col_end)};
}

/// Rule 3: per output element, blocks of k upwards; in each a chain acc = fma(a, b, acc) from +0
/// over ascending k, then C = C + acc. The loop over columns is innermost only for speed: every
/// column is a chain of its own.
void real_row(const program::Instruction& instruction, const ItemView& out, const ItemView& a,
              const std::vector<float>& b, const ItemView* third, const Region& region,
              std::uint32_t row) {
    const std::int64_t depth = a.cols();
    const std::size_t width = region.col_end - region.col_begin;
    const IndexRange k_range = band_range(instruction.k_band, row, depth);
    const IndexRange columns = computed_columns(instruction, out, region, row);
    std::vector<float> sum(width), chain(width);
    for (std::int64_t col = columns.first; col < columns.second; ++col) {
        const auto j = static_cast<std::uint32_t>(col);
        sum[j - region.col_begin] = start_of(instruction, out, third, row, j);
    }
    const std::size_t first = static_cast<std::size_t>(columns.first) - region.col_begin;
    const std::size_t last = static_cast<std::size_t>(columns.second) - region.col_begin;
    for (std::int64_t block = 0; block < depth; block += kBlockColumns) {
        const std::int64_t begin = std::max(block, k_range.first);
        const std::int64_t end = std::min({block + kBlockColumns, depth, k_range.second});
        if (begin >= end) continue;  // A block with no k in the band is not added.
        std::fill(chain.begin(), chain.end(), 0.0F);
        for (std::int64_t k = begin; k < end; ++k) {
            const float left = flush_operand(a.f32(row, static_cast<std::uint32_t>(k)));
            const float* right = b.data() + static_cast<std::size_t>(k) * width;
            for (std::size_t j = first; j < last; ++j) chain[j] = fma_f32(left, right[j], chain[j]);
        }
        for (std::size_t j = first; j < last; ++j) sum[j] = sum[j] + chain[j];
    }
    for (std::size_t j = 0; j < width; ++j) {
        const bool computed = j >= first && j < last;
        out.put_f32(row, region.col_begin + static_cast<std::uint32_t>(j),
                    computed ? sum[j] : 0.0F);
    }
}

/// The exact integer form: every order gives the same sum modulo 2^32.
void integer_row(const program::Instruction& instruction, const ItemView& out, const ItemView& a,
                 const ItemView& b, const ItemView* third, const Region& region,
                 std::uint32_t row) {
    const IndexRange k_range = band_range(instruction.k_band, row, a.cols());
    const IndexRange columns = computed_columns(instruction, out, region, row);
    for (std::uint32_t col = region.col_begin; col < region.col_end; ++col) {
        if (col < columns.first || col >= columns.second) {
            out.put_i32(row, col, 0);
            continue;
        }
        auto sum = static_cast<std::uint32_t>(integer_start_of(instruction, out, third, row, col));
        for (std::int64_t k = k_range.first; k < k_range.second; ++k) {
            const auto at = static_cast<std::uint32_t>(k);
            sum += static_cast<std::uint32_t>(a.i32(row, at)) *
                   static_cast<std::uint32_t>(b.i32(at, col));
        }
        out.put_i32(row, col, static_cast<std::int32_t>(sum));
    }
}

/// The region's columns of B, flushed, row-major.
std::vector<float> packed_columns(const ItemView& b, const Region& region) {
    std::vector<float> packed;
    packed.reserve(std::size_t{b.rows()} * (region.col_end - region.col_begin));
    for (std::uint32_t k = 0; k < b.rows(); ++k) {
        for (std::uint32_t col = region.col_begin; col < region.col_end; ++col)
            packed.push_back(flush_operand(b.f32(k, col)));
    }
    return packed;
}

}  // namespace

void reference_matmul(const program::Instruction& instruction, const ReferenceContext& context,
                      const Region& region) {
    const ItemView out(instruction.out, region.item, context);
    const ItemView a(instruction.in[0], region.item, context),
        b(instruction.in[1], region.item, context);
    std::optional<ItemView> third;
    if (instruction.in.size() > 2) third.emplace(instruction.in[2], region.item, context);
    const ItemView* third_view = third ? &*third : nullptr;
    ASSAY_CHECK(a.cols() == b.rows());
    if (out.computing() == program::DType::i32) {
        for (std::uint32_t row = region.row_begin; row < region.row_end; ++row) {
            integer_row(instruction, out, a, b, third_view, region, row);
        }
        return;
    }
    const std::vector<float> columns = packed_columns(b, region);
    for (std::uint32_t row = region.row_begin; row < region.row_end; ++row) {
        real_row(instruction, out, a, columns, third_view, region, row);
    }
}

}  // namespace assay::exact
