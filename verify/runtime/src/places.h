#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "program/program.h"
#include "runtime/backend.h"

/// Where tensors are while a part runs.
namespace assay::runtime {

/// Places hold no const addresses; written through are only those of what instructions define.
inline std::byte* writable(const void* data) {
    return static_cast<std::byte*>(const_cast<void*>(data));
}

inline std::size_t bytes_of(const program::Tensor& tensor) {
    return std::size_t{tensor.rows} * tensor.cols * program::size_of(tensor.dtype);
}

/// Base address of every tensor and the distance between the copies of two sequences that run
/// together (0: shared by all).
struct Places {
    std::vector<std::byte*> base;
    std::vector<std::size_t> slot_stride;
    [[nodiscard]] std::byte* at(program::TensorId tensor, std::size_t slot) const {
        return base[tensor] + slot * slot_stride[tensor];
    }
};

/// Addresses of tables and constants, and of nothing else.
inline Places fixed_places(const program::Program& program) {
    Places places;
    places.base.assign(program.tensors.size(), nullptr);
    places.slot_stride.assign(program.tensors.size(), 0);
    for (const program::Table& table : program.tables)
        places.base[table.tensor] = writable(table.values.data());
    for (const program::Constant& constant : program.constants)
        places.base[constant.tensor] = writable(constant.bits.data());
    return places;
}

/// One batch item of a view in one slot: the stored rectangle.
struct Rectangle {
    std::byte* data = nullptr;         ///< first element
    std::uint64_t element = 0;         ///< its index in the whole tensor
    std::size_t stride = 0;            ///< elements from row to row
    std::uint32_t rows = 0, cols = 0;  ///< as stored
    bool transposed = false;
    program::DType dtype = program::DType::f32;

    [[nodiscard]] bool words() const {
        return dtype == program::DType::f32 || dtype == program::DType::i32;
    }
    [[nodiscard]] bool dense() const { return stride == cols || rows == 1; }
    [[nodiscard]] std::uint32_t seen_rows() const { return transposed ? cols : rows; }
    [[nodiscard]] std::uint32_t seen_cols() const { return transposed ? rows : cols; }
    [[nodiscard]] float* f32() const { return reinterpret_cast<float*>(data); }
    [[nodiscard]] const float* row(std::size_t r) const { return f32() + r * stride; }
};

inline Rectangle rectangle(const program::Program& program, const program::View& view,
                           std::uint32_t item, std::size_t slot, const Places& places,
                           const Moment& moment) {
    const program::Tensor& tensor = program.tensors[view.tensor];
    const std::uint64_t row = std::uint64_t{view.row} + std::uint64_t{item} * view.item_row_stride +
                              (view.row_from_step ? moment.table_row : 0U);
    const std::uint64_t col = std::uint64_t{view.col} + std::uint64_t{item} * view.item_col_stride;
    ASSAY_CHECK(row + view.rows <= tensor.rows && col + view.cols <= tensor.cols);
    std::byte* base = places.at(view.tensor, slot);
    ASSAY_CHECK(base != nullptr);
    Rectangle r;
    r.element = row * tensor.cols + col;
    r.data = base + r.element * program::size_of(tensor.dtype);
    r.stride = tensor.cols;
    r.rows = view.rows;
    r.cols = view.cols;
    r.transposed = view.transposed;
    r.dtype = tensor.dtype;
    return r;
}

}  // namespace assay::runtime
