#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>

namespace assay::equality {

/// Floats with a page on either side that may not be touched: whoever reads or writes before the
/// first or behind the last element dies, on every instruction set. The elements lie against the
/// page behind them, or against the one before.
class Guarded {
  public:
    Guarded(std::size_t count, bool against_end)
        : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
        const std::size_t bytes = count * sizeof(float);
        const std::size_t inner = (bytes + page_ - 1) / page_ * page_;
        size_ = inner + 2 * page_;
        void* memory =
            ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) std::abort();
        base_ = static_cast<std::byte*>(memory);
        if (::mprotect(base_, page_, PROT_NONE) != 0 ||
            ::mprotect(base_ + page_ + inner, page_, PROT_NONE) != 0)
            std::abort();
        data_ = reinterpret_cast<float*>(base_ + page_ + (against_end ? inner - bytes : 0));
        count_ = count;
    }
    ~Guarded() { ::munmap(base_, size_); }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    [[nodiscard]] float* data() { return data_; }
    [[nodiscard]] std::span<float> span() { return {data_, count_}; }

  private:
    std::size_t page_ = 0, size_ = 0, count_ = 0;
    std::byte* base_ = nullptr;
    float* data_ = nullptr;
};

}  // namespace assay::equality
