#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "base/check.h"
#include "program/program.h"

namespace assay::runtime {

/// A scatter_add's accumulator held as the rows that were touched: a step touches a few hundred
/// rows of a vocabulary of tens of thousands. All other rows are +0. Not thread-safe; reading is.
class TouchedRows {
  public:
    TouchedRows(std::uint32_t rows, std::uint32_t cols, std::uint64_t touched_max)
        : cols_(cols),
          place_(rows, kUntouched),
          values_(std::size_t{cols} * std::min<std::uint64_t>(rows, touched_max)) {}

    [[nodiscard]] std::uint32_t rows() const { return static_cast<std::uint32_t>(place_.size()); }
    [[nodiscard]] std::uint32_t cols() const { return cols_; }
    [[nodiscard]] std::size_t bytes() const { return (place_.size() + values_.size()) * 4; }

    void clear() {
        for (const std::uint32_t row : touched_) place_[row] = kUntouched;
        touched_.clear();
    }
    /// The sum of a row so far; +0 where it was not touched before.
    float* row(std::uint32_t r) {
        if (place_[r] == kUntouched) {
            place_[r] = static_cast<std::uint32_t>(touched_.size());
            touched_.push_back(r);
            ASSAY_CHECK(touched_.size() * cols_ <= values_.size());
            std::memset(values_.data() + std::size_t{place_[r]} * cols_, 0, cols_ * sizeof(float));
        }
        return values_.data() + std::size_t{place_[r]} * cols_;
    }
    /// Rows [first, last), dense.
    void spread(std::uint32_t first, std::uint32_t last, float* to) const {
        for (std::uint32_t r = first; r < last; ++r, to += cols_) {
            if (place_[r] == kUntouched) {
                std::memset(to, 0, cols_ * sizeof(float));
            } else {
                std::memcpy(to, values_.data() + std::size_t{place_[r]} * cols_,
                            cols_ * sizeof(float));
            }
        }
    }

  private:
    static constexpr std::uint32_t kUntouched = 0xffffffffU;
    std::uint32_t cols_;
    std::vector<std::uint32_t> place_;  ///< of each row in values_
    std::vector<std::uint32_t> touched_;
    std::vector<float> values_;
};

using SparseAccumulators = std::map<program::TensorId, TouchedRows>;

}  // namespace assay::runtime
