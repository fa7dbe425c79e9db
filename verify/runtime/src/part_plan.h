#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "exact/kernels.h"
#include "exact/pool.h"
#include "fused_softmax.h"
#include "instruction_code.h"
#include "places.h"
#include "program/program.h"
#include "touched_rows.h"

namespace assay::runtime {

/// Threads and their scratch, shared by all plans of one executor.
struct Machine {
    const exact::Kernels* kernels = nullptr;
    exact::ThreadPool* pool = nullptr;
    std::vector<ThreadScratch>* scratch = nullptr;
    std::vector<exact::MatmulWorkspace>* workspaces = nullptr;
    /// Accumulators that are held as their touched rows.
    SparseAccumulators* sparse = nullptr;
};

/// A value that only one run sees lives in the memory of the thread that computes it and is gone
/// after the block of rows (or the batch item) that it belongs to: it never leaves the cache.
struct LocalValue {
    program::View view;       ///< as its writer sees it
    std::size_t offset = 0;   ///< in the thread's local memory
    bool whole_item = false;  ///< else a block of rows
    bool sparse = false;      ///< an accumulator held as touched rows, spread out for the block
};

/// Instructions of a run between which nothing else has to happen: either one matmul, or any number
/// of instructions by rows that go block by block.
struct Stage {
    std::uint32_t first = 0, last = 0;  ///< in Run::order
    bool by_rows = false;
    std::uint32_t block_rows = 0;
    std::vector<LocalValue> locals;  ///< blocks of rows
    std::optional<FusedSoftmax> softmax = std::nullopt;
    std::uint32_t softmax_first = 0;  ///< position of its first instruction in Run::order
};

/// Instructions that run together. Fusing is a matter of speed: each piece of each instruction
/// computes what it would compute alone.
struct Run {
    enum class Form : std::uint8_t {
        rows,          ///< blocks of rows, each through all instructions
        items,         ///< whole batch items (attention heads), each through all stages
        matmul,        ///< matmuls that do not read each other's results, on all threads
        contribution,  ///< one map into an accumulator, sequences ascending
        whole,         ///< one instruction without kernel, or scatter_add, sequences
                       ///< ascending
    };
    Form form = Form::whole;
    std::vector<std::uint32_t> order;  ///< positions in PartPlan's list of instructions
    std::vector<Stage> stages;         ///< forms rows (one) and items
    std::vector<LocalValue> locals;    ///< whole items
};

/// How a list of instructions becomes runs.
enum class Cut : std::uint8_t {
    fused,     ///< as fast as possible
    separate,  ///< one run per instruction, in the list's order, and every value whole in the arena
};

/// What looks at a plan of separate runs; both get the position in the list.
struct PlanWatch {
    /// Operands are there, the result's memory too; addresses of what is no value may still be
    /// changed in the plan's places.
    std::function<void(std::uint32_t)> before;
    /// The result is there. An accumulator that the instruction was the last to read may have been
    /// overwritten by it. False: the rest is not run.
    std::function<bool(std::uint32_t)> after;
};

/// A list of a part's instructions compiled: cut into runs, and the memory of its values planned
/// (offsets assigned once from their lives). Keeps references to the program; not thread-safe.
class PartPlan {
  public:
    /// `list`: indices of instructions in an order that respects what they read; an instruction may
    /// stand in it more than once (recomputation). `slots_max`: sequences that run together at
    /// most.
    PartPlan(const program::Program& program, std::span<const std::uint32_t> list,
             const Machine& machine, std::uint32_t slots_max, Cut cut = Cut::fused);

    /// Bytes of arena that the values need, for slots_max slots.
    [[nodiscard]] std::size_t arena_bytes() const { return arena_bytes_; }
    /// Bytes of local memory that each thread needs.
    [[nodiscard]] std::size_t local_bytes() const { return local_bytes_; }
    /// Longest row that a reduction may have to gather.
    static std::size_t row_floats(const program::Program& program);
    /// `places` has the addresses of everything but values, which lie in `arena`.
    void run(Places& places, std::byte* arena, const Moment& moment) const;
    /// The same of a separate plan, looked at.
    void run(Places& places, std::byte* arena, const Moment& moment, const PlanWatch& watch) const;

  private:
    /// A value from its definition to its last reader.
    struct Life {
        program::TensorId tensor = 0;
        std::uint32_t writer = 0;  ///< position
        std::size_t first_run = 0, last_run = 0, first_stage = 0, last_stage = 0;
        std::size_t bytes = 0, offset = 0;
        bool local = false;
        std::optional<program::TensorId>
            in_place;  ///< the accumulator in whose place it is written
    };
    void cut();
    [[nodiscard]] Run start_run(std::uint32_t position) const;
    void extend(Run& run, std::vector<bool>& taken) const;
    void split_stages(Run& run) const;
    void find_lives(std::span<const std::uint32_t> list);
    void place_locals();
    void fuse();
    [[nodiscard]] bool only_inside(std::size_t run, const Stage& stage, std::uint32_t first,
                                   std::uint32_t last) const;
    void plan_memory(std::uint32_t slots_max);
    [[nodiscard]] bool contributes(const InstructionCode& code) const;
    [[nodiscard]] bool joins(const Run& run, const InstructionCode& code) const;
    [[nodiscard]] std::optional<program::TensorId> in_place_of(const Life& life) const;
    [[nodiscard]] const program::Instruction& at(std::uint32_t position) const {
        return codes_[position].instruction();
    }

    void place_values(std::size_t run, Places& places, std::byte* arena) const;
    void prepare(std::size_t run, Places& places, std::byte* arena, const Moment& moment) const;
    void execute(const Run& run, const Places& places, const Moment& moment) const;
    void bind(const LocalValue& local, std::uint32_t item, std::uint32_t first, std::uint32_t last,
              ThreadScratch& scratch) const;
    void run_blocks(const Run& run, const Stage& stage, const Moment& moment, std::uint32_t item,
                    std::size_t slot, std::uint32_t first, std::uint32_t last,
                    ThreadScratch& scratch) const;
    void run_rows(const Run& run, const Moment& moment) const;
    void run_items(const Run& run, const Moment& moment) const;
    void run_matmul(const Run& run, const Places& places, const Moment& moment) const;
    void run_contribution(const Run& run, const Moment& moment) const;
    void run_whole(const Run& run, const Places& places, const Moment& moment) const;
    void scatter(const program::Instruction& instruction, const Places& places,
                 const Moment& moment, std::size_t slot) const;

    const program::Program& program_;
    Machine machine_;
    Cut cut_;
    std::deque<InstructionCode> codes_;
    std::vector<Run> runs_;
    std::vector<Life> lives_;             ///< by first_run
    std::vector<std::size_t> lives_end_;  ///< of each run
    std::size_t arena_bytes_ = 0, local_bytes_ = 0;
};

}  // namespace assay::runtime
