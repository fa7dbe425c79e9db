#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "exact/reference.h"
#include "exact/storage.h"

/// Elements of views as the reference reads and writes them: one at a time, widened from and
/// narrowed to the storage type.
namespace assay::exact {

using IndexRange = std::pair<std::int64_t, std::int64_t>;

/// The indices n in [0, count) with lo <= n - row <= hi.
inline IndexRange band_range(const program::Band& band, std::int64_t row, std::int64_t count) {
    const std::int64_t first = band.lo ? std::max<std::int64_t>(0, row + *band.lo) : 0;
    const std::int64_t last = band.hi ? std::min<std::int64_t>(count, row + *band.hi + 1) : count;
    return {first, std::max(first, last)};
}

/// One batch item of a view, resolved to memory. (row, col) are those the instruction sees, after
/// transposition.
class ItemView {
  public:
    ItemView(const program::View& view, std::uint32_t item, const ReferenceContext& context)
        : memory_(context.tensors[view.tensor]),
          transposed_(view.transposed),
          rows_(view.seen_rows()),
          cols_(view.seen_cols()) {
        ASSAY_CHECK(memory_.data != nullptr);
        row_ = std::uint64_t{view.row} + std::uint64_t{item} * view.item_row_stride +
               (view.row_from_step ? context.table_row : 0U);
        col_ = std::uint64_t{view.col} + std::uint64_t{item} * view.item_col_stride;
        ASSAY_CHECK(row_ + view.rows <= memory_.rows && col_ + view.cols <= memory_.cols);
        stride_ = memory_.window_cols == 0 ? memory_.cols : memory_.window_cols;
    }
    [[nodiscard]] std::uint32_t rows() const { return rows_; }
    [[nodiscard]] std::uint32_t cols() const { return cols_; }
    [[nodiscard]] program::DType dtype() const { return memory_.dtype; }
    [[nodiscard]] program::DType computing() const { return computing_type(memory_.dtype); }
    /// Position of an element in the whole tensor, row-major: the element index of random
    /// instructions.
    [[nodiscard]] std::uint64_t index(std::uint32_t row, std::uint32_t col) const {
        const std::uint64_t r = row_ + (transposed_ ? col : row);
        const std::uint64_t c = col_ + (transposed_ ? row : col);
        return r * memory_.cols + c;
    }
    [[nodiscard]] float f32(std::uint32_t row, std::uint32_t col) const {
        const std::uint64_t at = place(row, col);
        if (memory_.dtype == program::DType::f32) return read<float>(at);
        const auto bits = read<std::uint16_t>(at);
        return memory_.dtype == program::DType::bf16 ? f32_from_bf16(bits) : f32_from_f16(bits);
    }
    [[nodiscard]] std::int32_t i32(std::uint32_t row, std::uint32_t col) const {
        const std::uint64_t at = place(row, col);
        if (memory_.dtype == program::DType::i32) return read<std::int32_t>(at);
        return memory_.dtype == program::DType::i8 ? std::int32_t{read<std::int8_t>(at)}
                                                   : std::int32_t{read<std::uint16_t>(at)};
    }
    void put_f32(std::uint32_t row, std::uint32_t col, float value) const {
        const std::uint64_t at = place(row, col);
        if (memory_.dtype == program::DType::f32) return write(at, value);
        write(at,
              memory_.dtype == program::DType::bf16 ? bf16_from_f32(value) : f16_from_f32(value));
    }
    void put_i32(std::uint32_t row, std::uint32_t col, std::int32_t value) const {
        const std::uint64_t at = place(row, col);
        if (memory_.dtype == program::DType::i32) return write(at, value);
        if (memory_.dtype == program::DType::i8)
            return write(at, static_cast<std::int8_t>(clamp_i32(value, -128, 127)));
        write(at, static_cast<std::uint16_t>(clamp_i32(value, 0, 65535)));
    }

  private:
    /// Where an element lies in memory. That it lies in the window is the caller's duty.
    [[nodiscard]] std::uint64_t place(std::uint32_t row, std::uint32_t col) const {
        const std::uint64_t r = row_ + (transposed_ ? col : row) - memory_.window_row;
        const std::uint64_t c = col_ + (transposed_ ? row : col) - memory_.window_col;
        return r * stride_ + c;
    }
    template <class T>
    [[nodiscard]] T read(std::uint64_t at) const {
        T value;
        std::memcpy(&value, memory_.data + at * sizeof(T), sizeof(T));
        return value;
    }
    template <class T>
    void write(std::uint64_t at, T value) const {
        std::memcpy(memory_.data + at * sizeof(T), &value, sizeof(T));
    }
    const TensorMemory& memory_;
    bool transposed_ = false;
    std::uint32_t rows_ = 0, cols_ = 0;
    std::uint64_t row_ = 0, col_ = 0, stride_ = 0;
};

}  // namespace assay::exact
