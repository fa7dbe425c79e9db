#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/bytes.h"
#include "commit/safetensors.h"

namespace assay::commit {

/// A matrix of numbers as a source file stores it. `data` points into the source's bytes.
struct NumericArray {
    std::string type;                  ///< F32 F64 I8 U8 I16 U16 I32 U32 I64 U64
    std::vector<std::uint64_t> shape;  ///< one or two sizes
    bool column_major = false;
    base::ByteView data;
    /// Requires row < rows, col < cols.
    [[nodiscard]] double at(std::uint64_t row, std::uint64_t col) const;
    [[nodiscard]] std::uint64_t rows() const { return shape.at(0); }
    [[nodiscard]] std::uint64_t cols() const { return shape.size() > 1 ? shape[1] : 1; }
};

/// NumPy's .npy, versions 1 to 3, little-endian, one or two dimensions. Strict about header and
/// size.
tl::expected<NumericArray, std::string> parse_npy(base::ByteView bytes);
tl::expected<NumericArray, std::string> numeric_array(const SafeTensor& tensor);

}  // namespace assay::commit
