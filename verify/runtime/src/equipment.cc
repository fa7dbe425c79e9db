#include "equipment.h"

namespace assay::runtime {

Equipment::Equipment(const program::Program& program, unsigned threads,
                     const exact::Kernels& kernels)
    : kernels_(kernels), workspaces_(threads), pool_(threads) {
    for (std::size_t t = 0; t < workspaces_.size(); ++t)
        scratch_.emplace_back(PartPlan::row_floats(program), program::kOperandsMax);
}

Machine Equipment::machine() { return {&kernels_, &pool_, &scratch_, &workspaces_, nullptr}; }

void Equipment::reserve_local(std::size_t bytes) {
    for (ThreadScratch& scratch : scratch_) {
        if (scratch.local.size() < bytes) scratch.local = commit::Buffer(bytes);
    }
}

std::size_t Equipment::bytes() const {
    std::size_t bytes = exact::MatmulWorkspace::bytes() * workspaces_.size();
    for (const ThreadScratch& scratch : scratch_) bytes += scratch.bytes();
    return bytes;
}

}  // namespace assay::runtime
