#pragma once

#include <cstddef>
#include <vector>

#include "part_plan.h"

namespace assay::runtime {

/// Threads, their scratch and the kernels of a target: what all plans of one executor share.
class Equipment {
  public:
    Equipment(const program::Program& program, unsigned threads, const exact::Kernels& kernels);
    Equipment(const Equipment&) = delete;  // machines point into it
    Equipment& operator=(const Equipment&) = delete;

    /// Without sparse accumulators.
    [[nodiscard]] Machine machine();
    /// Local memory for plans that need so many bytes of each thread.
    void reserve_local(std::size_t bytes);
    [[nodiscard]] std::size_t bytes() const;

  private:
    const exact::Kernels& kernels_;
    std::vector<ThreadScratch> scratch_;
    std::vector<exact::MatmulWorkspace> workspaces_;
    exact::ThreadPool pool_;
};

}  // namespace assay::runtime
