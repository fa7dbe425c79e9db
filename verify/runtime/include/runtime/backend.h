#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "program/program.h"

namespace assay::runtime {

/// Which instruction set the fast kernels use. `scalar` runs the definition itself (verify/exact's
/// reference), instruction by instruction.
enum class Target : std::uint8_t { scalar, sse4, avx2, avx512, neon, best };
/// Nothing when the name is unknown or this machine lacks the instructions.
std::optional<Target> target_from_name(std::string_view name);
std::vector<std::string> available_targets();

struct ExecutorOptions {
    unsigned threads = 1;
    /// Sequences run together. 0: about two thousand rows, which is where more stop paying, as long
    /// as their activations take no more than half the state's memory (or 512 MiB).
    unsigned micro_batch = 0;
    Target target = Target::best;
    /// Compute a layer's activations again when the backward pass needs them instead of keeping
    /// those of all layers: about a third more time, memory of one layer and one value per layer.
    bool recompute = false;
};

/// The dataset as the load instructions see it: token words or f32 bits of table rows, and the
/// sizes of the training split.
struct DataView {
    std::span<const std::uint32_t> words;
    std::uint64_t train_count = 0;  ///< tokens, or rows
    std::uint32_t row_words = 1;    ///< 1 for tokens; features + 1 for tables
};

/// What the results of one run of a part depend on besides tensors.
struct Moment {
    std::uint32_t table_row = 0;       ///< round x H + h in a step; the round in payload and merge
    std::uint32_t lane = 0;            ///< of the Philox key; exact::kInitLane in init
    std::uint32_t global_step = 0;     ///< round x H + h; 0 outside steps
    std::uint32_t first_sequence = 0;  ///< slot s runs sequence first_sequence + s of the batch
    std::uint32_t slots = 1;           ///< sequences of this run
    std::uint32_t members = 0;         ///< merge only
    DataView data;                     ///< step only
    std::optional<std::uint64_t> window_start = std::nullopt;  ///< run_window only
};

/// What looks at an instruction, by its number in the program; may be empty.
struct Watch {
    /// Its operands are there; it is the time to bind what it defines.
    std::function<void(std::uint32_t instruction)> before;
    /// Its result is there; of its operands an accumulator may be overwritten. False: nothing more
    /// of the part is run.
    std::function<bool(std::uint32_t instruction)> after;
};

/// Runs parts of one program with exact bits. How a step, a round or a trace goes is the driver's
/// affair (Executor, and the prover's machine); this is the seam below it. Not thread-safe.
class Backend {
  public:
    Backend() = default;
    virtual ~Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;

    /// Where a tensor lies that is no value, table or constant, and stays until it is bound again;
    /// written if an instruction of the part defines it. State, round start and payload are always
    /// bound; accumulators are when somebody looks at them, who then zeroes them before the first
    /// sequence or member.
    virtual void bind(program::TensorId tensor, const std::byte* data) = 0;
    /// Zeroes the accumulators of a loop that are not bound.
    virtual void clear_accumulators(program::Part loop) = 0;
    /// Runs a part, in the sequence part `moment.slots` sequences.
    virtual void run(program::Part part, const Moment& moment) = 0;
    /// Runs a part for one sequence and shows every instruction. Those that run again (recompute)
    /// are not shown again.
    virtual void run(program::Part part, const Moment& moment, const Watch& watch) = 0;
    /// The forward pass of the window at `moment.window_start`, without dropout.
    virtual void run_window(const Moment& moment) = 0;
    /// Elements of a tensor that is no value, or of a value that is alive where a watch looks.
    [[nodiscard]] virtual const std::byte* data(program::TensorId tensor) const = 0;

    /// The most sequences of one run.
    [[nodiscard]] virtual unsigned slots_max() const { return 1; }
    /// Bytes for everything that `run` and `run_window` need of their own.
    [[nodiscard]] virtual std::size_t planned_bytes() = 0;
};

/// The back end of the options' target: the one place that names them all. `looked_at`: made for
/// watching, one sequence at a time, with accumulators bound from outside. Keeps a reference to the
/// program.
std::unique_ptr<Backend> make_backend(const program::Program& program,
                                      const ExecutorOptions& options, bool looked_at);

}  // namespace assay::runtime
