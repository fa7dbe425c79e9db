#include "equipment.h"

#include <algorithm>

#include "targets.h"

namespace assay::runtime {

Equipment::Equipment(const program::Program& program, const ExecutorOptions& options)
    : kernels_(kernels_of(options.target)),
      workspaces_(std::max(1U, options.threads)),
      pool_(std::max(1U, options.threads)) {
    for (std::size_t t = 0; t < workspaces_.size(); ++t)
        scratch_.emplace_back(PartPlan::row_floats(program), program::kOperandsMax);
}

Machine Equipment::machine() { return {kernels_, &pool_, &scratch_, &workspaces_, nullptr}; }

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

Places fixed_places(const program::Program& program) {
    Places places;
    places.base.assign(program.tensors.size(), nullptr);
    places.slot_stride.assign(program.tensors.size(), 0);
    for (const program::Table& table : program.tables)
        places.base[table.tensor] = writable(table.values.data());
    for (const program::Constant& constant : program.constants)
        places.base[constant.tensor] = writable(constant.bits.data());
    return places;
}

}  // namespace assay::runtime
