#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "exact/kernels.h"
#include "exact/pool.h"
#include "instruction_code.h"
#include "places.h"
#include "program/program.h"

namespace assay::runtime {

/// Threads and their scratch, shared by all plans of one executor.
struct Machine {
    const exact::Kernels* kernels = nullptr;  ///< null: the reference runs every instruction
    exact::ThreadPool* pool = nullptr;
    std::vector<ThreadScratch>* scratch = nullptr;
    std::vector<exact::MatmulWorkspace>* workspaces = nullptr;
};

/// Instructions that run together. Fusing is a matter of speed: each piece of each instruction
/// computes what it would compute alone.
struct Run {
    enum class Form : std::uint8_t {
        rows,   ///< blocks of rows, each through all instructions: values stay in the cache between
                ///< them
        items,  ///< whole batch items (attention heads), each through all instructions
        matmul,        ///< one matmul on all threads
        contribution,  ///< one map into an accumulator, sequences ascending
        whole,         ///< one instruction that only the reference runs, or scatter_add, sequences
                       ///< ascending
    };
    Form form = Form::whole;
    std::uint32_t first = 0, last = 0;  ///< positions in PartPlan's list of instructions
};

/// A range of a part's instructions compiled: cut into runs, and the memory of its values planned
/// (offsets assigned once from their lives). Keeps references to the program; not thread-safe.
class PartPlan {
  public:
    /// `slots_max`: sequences that run together at most.
    PartPlan(const program::Program& program, std::uint32_t first, std::uint32_t last,
             const Machine& machine, std::uint32_t slots_max);

    /// Bytes of arena that the values need, for slots_max slots.
    [[nodiscard]] std::size_t arena_bytes() const { return arena_bytes_; }
    /// Longest row that a reduction may have to gather.
    static std::size_t row_floats(const program::Program& program);
    /// Enters the addresses of this plan's values into `places`.
    void place_values(Places& places, std::byte* arena) const;
    void run(const Places& places, const Moment& moment) const;

  private:
    struct Life {
        program::TensorId tensor = 0;
        std::size_t first_run = 0, last_run = 0;
        std::size_t bytes = 0, offset = 0;
    };
    void cut();
    void plan_memory(std::uint32_t slots_max);
    [[nodiscard]] bool contributes(const InstructionCode& code) const;
    [[nodiscard]] bool joins_rows(const Run& run, const InstructionCode& code) const;
    [[nodiscard]] bool joins_items(const Run& run, const InstructionCode& code) const;

    void run_rows(const Run& run, const Places& places, const Moment& moment) const;
    void run_items(const Run& run, const Places& places, const Moment& moment) const;
    void run_matmul(const Run& run, const Places& places, const Moment& moment) const;
    void run_contribution(const Run& run, const Places& places, const Moment& moment) const;
    void run_whole(const Run& run, const Places& places, const Moment& moment) const;

    const program::Program& program_;
    Machine machine_;
    std::deque<InstructionCode> codes_;
    std::vector<Run> runs_;
    std::vector<Life> lives_;
    std::size_t arena_bytes_ = 0;
};

}  // namespace assay::runtime
