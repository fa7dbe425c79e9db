#include <algorithm>
#include <limits>
#include <vector>

#include "base/wide.h"
#include "program/operations.h"
#include "program/program.h"

namespace assay::program {
namespace {

using base::Uint128;

std::uint64_t saturated(Uint128 value) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    return value > kMost ? kMost : static_cast<std::uint64_t>(value);
}

std::uint64_t bytes_of(const Tensor& tensor) {
    return std::uint64_t{tensor.rows} * tensor.cols * size_of(tensor.dtype);
}

/// How many n in [0, count) satisfy lo <= n - row <= hi.
std::uint64_t within(const Band& band, std::int64_t row, std::int64_t count) {
    const std::int64_t first = band.lo ? std::max<std::int64_t>(0, row + *band.lo) : 0;
    const std::int64_t last = band.hi ? std::min<std::int64_t>(count, row + *band.hi + 1) : count;
    return last > first ? static_cast<std::uint64_t>(last - first) : 0;
}

/// Multiply-adds count 2; nodes of a map, additions and comparisons 1; copies and random words 1
/// per element.
std::uint64_t flops_of(const Instruction& instruction) {
    const std::uint64_t elements =
        std::uint64_t{instruction.items} * instruction.out.rows * instruction.out.cols;
    switch (instruction.kind) {
        case Kind::load:
            return 0;
        case Kind::random:
        case Kind::gather:
            return elements;
        case Kind::scatter_add:
            return std::uint64_t{instruction.in[0].rows} * instruction.in[0].cols;
        case Kind::map: {
            const auto nodes = std::ranges::count_if(
                instruction.expression, [](const Node& node) { return computes(node.op); });
            return elements * static_cast<std::uint64_t>(nodes);
        }
        case Kind::reduce: {
            const std::uint64_t read =
                std::uint64_t{instruction.items} * instruction.in[0].rows * instruction.in[0].cols;
            return instruction.reduce == ReduceOp::dot ? 2 * read : read;
        }
        case Kind::matmul:
            break;
    }
    if (instruction.out_band.open() && instruction.k_band.open())
        return 2 * elements * instruction.in[0].seen_cols();
    std::uint64_t products = 0;
    const std::int64_t depth = instruction.in[0].seen_cols();
    for (std::int64_t row = 0; row < instruction.out.rows; ++row) {
        products += within(instruction.out_band, row, instruction.out.cols) *
                    within(instruction.k_band, row, depth);
    }
    return 2 * products * instruction.items;
}

/// The most bytes of values of one part that live at the same time, each from its definition to its
/// last reader.
std::uint64_t peak_of_values(const Program& program, Part part) {
    const auto [first, last] = program.range(part);
    std::vector<std::uint32_t> last_use(program.tensors.size(), 0);
    for (std::uint32_t i = first; i < last; ++i) {
        for (const View& view : program.instructions[i].in) last_use[view.tensor] = i;
    }
    std::uint64_t live = 0, peak = 0;
    std::vector<std::vector<TensorId>> ends(last - first);
    for (std::uint32_t i = first; i < last; ++i) {
        const TensorId out = program.instructions[i].out.tensor;
        if (program.tensors[out].cls == TensorClass::value) {
            live += bytes_of(program.tensors[out]);
            ends[std::max(last_use[out], i) - first].push_back(out);
        }
        peak = std::max(peak, live);
        for (const TensorId id : ends[i - first]) live -= bytes_of(program.tensors[id]);
    }
    return peak;
}

}  // namespace

std::uint64_t Cost::peak_bytes(std::uint32_t micro_batch) const {
    return fixed_bytes + sequence_bytes * micro_batch;
}

std::uint64_t merge_flops(std::uint64_t weights, std::uint32_t lanes) {
    return saturated(Uint128{weights} * (6 * std::uint64_t{lanes} + 12));
}

Cost cost_of(const Program& program) {
    Cost cost;
    std::uint64_t once = 0;
    for (const Instruction& instruction : program.instructions) {
        if (instruction.part == Part::init) cost.init_flops += flops_of(instruction);
        if (instruction.part == Part::sequence) cost.flops_per_sequence += flops_of(instruction);
        if (instruction.part == Part::prologue || instruction.part == Part::update)
            once += flops_of(instruction);
    }
    cost.flops_per_step = saturated(Uint128{cost.flops_per_sequence} * program.batch + once);

    std::vector<bool> of_merge(program.tensors.size());
    const auto [merge_first, merge_last] = program.range(Part::merge_lane);
    for (std::uint32_t i = merge_first; i < merge_last; ++i)
        of_merge[program.instructions[i].out.tensor] = true;

    std::uint64_t held = 0, merge_sums = 0;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        const Tensor& tensor = program.tensors[id];
        const std::uint64_t bytes = bytes_of(tensor);
        switch (tensor.cls) {
            case TensorClass::state:
                cost.state_bytes += bytes;
                if (tensor.weight) cost.weights += std::uint64_t{tensor.rows} * tensor.cols;
                break;
            case TensorClass::payload:
                cost.payload_bytes += bytes;
                break;
            case TensorClass::accumulator:
                (of_merge[id] ? merge_sums : held) += bytes;
                break;
            case TensorClass::frozen:
            case TensorClass::constant:
            case TensorClass::table:
            case TensorClass::round_start:
                held += bytes;
                break;
            case TensorClass::data:
            case TensorClass::value:
                break;
        }
    }
    // Training holds the state, the round's opening state, accumulators and tables; the merge comes
    // after it, with sums instead.
    const std::uint64_t training =
        held + peak_of_values(program, Part::update) + cost.payload_bytes;
    const std::uint64_t merging =
        merge_sums + cost.payload_bytes + peak_of_values(program, Part::merge);
    cost.fixed_bytes = cost.state_bytes + std::max(training, merging);
    cost.sequence_bytes = peak_of_values(program, Part::sequence);
    return cost;
}

}  // namespace assay::program
