#include "runtime/executor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>

#include "equipment.h"
#include "evaluation.h"
#include "exact/environment.h"
#include "part_plan.h"
#include "recompute.h"
#include "targets.h"

namespace assay::runtime {

using program::Part;
using program::TensorClass;
using program::TensorId;

namespace {

std::size_t bytes_of(const program::Tensor& tensor) {
    return std::size_t{tensor.rows} * tensor.cols * program::size_of(tensor.dtype);
}

std::vector<std::uint32_t> range_of(std::uint32_t first, std::uint32_t last) {
    std::vector<std::uint32_t> list(last - first);
    std::iota(list.begin(), list.end(), first);
    return list;
}

unsigned default_micro_batch(const program::Program& program) {
    constexpr std::uint64_t kRows = 2048, kBytesMin = std::uint64_t{512} << 20U;
    const program::Cost cost = program::cost_of(program);
    const std::uint64_t by_rows = kRows / std::max(1U, program.sequence_rows);
    const std::uint64_t by_memory =
        std::max(kBytesMin, cost.state_bytes / 2) / std::max<std::uint64_t>(1, cost.sequence_bytes);
    return static_cast<unsigned>(
        std::clamp<std::uint64_t>(std::min(by_rows, by_memory), 1, program.batch));
}

/// The options as they hold. The reference runs one sequence at a time on one thread.
ExecutorOptions effective(const program::Program& program, ExecutorOptions options) {
    if (kernels_of(options.target) == nullptr) options.threads = options.micro_batch = 1;
    options.threads = std::max(1U, options.threads);
    if (options.micro_batch == 0) options.micro_batch = default_micro_batch(program);
    options.micro_batch = std::clamp<unsigned>(options.micro_batch, 1, std::max(1U, program.batch));
    return options;
}

}  // namespace

struct Executor::Impl {
    Impl(const program::Program& p, const ExecutorOptions& o);

    [[nodiscard]] std::vector<std::uint32_t> order_of(Part part) const;
    void find_sparse();
    /// Runs a part's plan on the state whose addresses are in `places`.
    void run(const PartPlan& part, const Moment& moment);
    void run(Part part, const Moment& moment) {
        run(*parts[static_cast<std::size_t>(part) - 1], moment);
    }
    void place_state(const commit::State& state);
    void clear_accumulators(Part part);
    std::size_t place_accumulators(Part part);
    [[nodiscard]] std::vector<TensorId> of_class(TensorClass cls) const;

    const program::Program& program;
    ExecutorOptions options;
    exact::FloatEnvironment environment;  ///< for compiling; every public call takes its own
    Equipment equipment;
    Machine machine;
    Evaluation evaluation;  ///< the program without dropout
    std::array<std::unique_ptr<PartPlan>, program::kParts> parts;
    std::unique_ptr<PartPlan> window;
    std::vector<TensorId> state_tensors, payload_tensors;
    SparseAccumulators sparse;
    commit::Buffer arena, accumulators;
    Places places;
};

Executor::Impl::Impl(const program::Program& p, const ExecutorOptions& o)
    : program(p),
      options(effective(p, o)),
      equipment(p, options),
      machine(equipment.machine()),
      evaluation(p),
      places(fixed_places(p)) {
    state_tensors = p.state_tensors();
    payload_tensors = of_class(TensorClass::payload);
    if (machine.kernels != nullptr) find_sparse();
    machine.sparse = &sparse;
    std::size_t arena_bytes = 0, local_bytes = 0;
    for (std::size_t i = 0; i < program::kParts; ++i) {
        const auto part = static_cast<Part>(i + 1);
        parts[i] = std::make_unique<PartPlan>(p, order_of(part), machine,
                                              part == Part::sequence ? options.micro_batch : 1);
        arena_bytes = std::max(arena_bytes, parts[i]->arena_bytes());
        local_bytes = std::max(local_bytes, parts[i]->local_bytes());
    }
    window = std::make_unique<PartPlan>(
        evaluation.program(), range_of(p.range(Part::sequence).first, p.forward_end), machine, 1);
    arena = commit::Buffer(std::max({arena_bytes, window->arena_bytes(), std::size_t{64}}));
    local_bytes = std::max(local_bytes, window->local_bytes());
    equipment.reserve_local(local_bytes);
    const std::size_t bytes =
        std::max(place_accumulators(Part::sequence), place_accumulators(Part::merge_lane));
    accumulators = commit::Buffer(std::max<std::size_t>(bytes, 64));
    place_accumulators(Part::sequence);
    place_accumulators(Part::merge_lane);
}

std::vector<std::uint32_t> Executor::Impl::order_of(Part part) const {
    if (part == Part::sequence && options.recompute) return recomputing_order(program);
    const auto [first, last] = program.range(part);
    return range_of(first, last);
}

/// Accumulators that only one scatter_add writes and only maps of the update part read, whole and
/// row by row.
void Executor::Impl::find_sparse() {
    for (const program::Instruction& scatter : program.instructions) {
        if (scatter.kind != program::Kind::scatter_add || scatter.part != Part::sequence) continue;
        const TensorId id = scatter.out.tensor;
        const program::Tensor& tensor = program.tensors[id];
        const auto whole = [&](const program::View& view) {
            return !view.transposed && view.rows == tensor.rows && view.cols == tensor.cols;
        };
        bool fits = tensor.dtype == program::DType::f32 && scatter.items == 1 && whole(scatter.out);
        for (const program::Instruction& other : program.instructions) {
            if (&other == &scatter) continue;
            for (const program::View& view : other.in) {
                if (view.tensor != id) continue;
                fits = fits && other.part == Part::update && other.kind == program::Kind::map &&
                       other.items == 1 && whole(view) && other.out.rows == tensor.rows;
            }
        }
        const std::uint64_t touched = std::uint64_t{program.batch} * scatter.in[0].seen_rows();
        if (fits) sparse.try_emplace(id, tensor.rows, tensor.cols, touched);
    }
}

std::vector<TensorId> Executor::Impl::of_class(TensorClass cls) const {
    std::vector<TensorId> ids;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (program.tensors[id].cls == cls) ids.push_back(id);
    }
    return ids;
}

/// Addresses of a part's accumulators from the start of their buffer on; steps and merges share it,
/// never at the same time.
std::size_t Executor::Impl::place_accumulators(Part part) {
    std::size_t bytes = 0;
    const auto [first, last] = program.range(part);
    for (std::uint32_t i = first; i < last; ++i) {
        const TensorId id = program.instructions[i].out.tensor;
        if (program.tensors[id].cls != TensorClass::accumulator || sparse.contains(id)) continue;
        if (accumulators.size() > 0) places.base[id] = accumulators.data() + bytes;
        bytes += (bytes_of(program.tensors[id]) + 63) / 64 * 64;
    }
    return bytes;
}

void Executor::Impl::clear_accumulators(Part part) {
    for (auto& [id, rows] : sparse) rows.clear();
    const auto [first, last] = program.range(part);
    for (std::uint32_t i = first; i < last; ++i) {
        const program::Instruction& instruction = program.instructions[i];
        const TensorId id = instruction.out.tensor;
        if (program.tensors[id].cls != TensorClass::accumulator || sparse.contains(id)) continue;
        // Kernels write a matmul's sum with the first sequence and need no zeros before it.
        const bool real = program.tensors[id].dtype == program::DType::f32;
        const bool written = part == Part::sequence && machine.kernels != nullptr && real &&
                             instruction.kind == program::Kind::matmul && instruction.items == 1;
        if (!written) std::memset(places.base[id], 0, bytes_of(program.tensors[id]));
    }
}

void Executor::Impl::place_state(const commit::State& state) {
    ASSAY_CHECK(state.tensors.size() == state_tensors.size());
    for (std::size_t i = 0; i < state_tensors.size(); ++i) {
        ASSAY_CHECK(state.tensors[i].size() >= bytes_of(program.tensors[state_tensors[i]]));
        places.base[state_tensors[i]] = writable(state.tensors[i].data());
    }
}

void Executor::Impl::run(const PartPlan& part, const Moment& moment) {
    part.run(places, arena.data(), moment);
}

Executor::Executor(const program::Program& program, ExecutorOptions options)
    : impl_(std::make_unique<Impl>(program, options)) {}

Executor::~Executor() = default;

void Executor::run_init(commit::State& state) {
    const exact::FloatEnvironment environment;
    impl_->place_state(state);
    Moment moment;
    moment.lane = exact::kInitLane;
    impl_->run(Part::init, moment);
}

namespace {

exact::DatasetWords words_of(const DataView& data) {
    return {data.words, data.train_count, data.row_words};
}

template <class T>
T scalar(const Places& places, TensorId id) {
    T value;
    std::memcpy(&value, places.base[id], sizeof value);
    return value;
}

}  // namespace

StepResult Executor::run_step(commit::State& state, const DataView& data, std::uint32_t round,
                              std::uint32_t lane, std::uint32_t h) {
    const exact::FloatEnvironment environment;
    Impl& impl = *impl_;
    impl.place_state(state);
    const auto result = [&] {
        return StepResult{scalar<float>(impl.places, impl.program.loss),
                          scalar<float>(impl.places, impl.program.norm),
                          scalar<std::int32_t>(impl.places, impl.program.fault)};
    };
    if (result().fault != 0) return result();
    Moment moment;
    moment.lane = lane;
    moment.global_step = round * impl.program.round_steps + h;
    moment.table_row = moment.global_step;
    moment.dataset = words_of(data);
    impl.run(Part::prologue, moment);
    impl.clear_accumulators(Part::sequence);
    for (std::uint32_t b = 0; b < impl.program.batch; b += impl.options.micro_batch) {
        moment.first_sequence = b;
        moment.slots = std::min(impl.options.micro_batch, impl.program.batch - b);
        impl.run(Part::sequence, moment);
    }
    moment.first_sequence = 0;
    moment.slots = 1;
    impl.run(Part::update, moment);
    return result();
}

void Executor::run_payload(const commit::State& round_start, const commit::State& end,
                           std::uint32_t round, commit::Payload& out) {
    const exact::FloatEnvironment environment;
    Impl& impl = *impl_;
    impl.place_state(end);
    for (const TensorId id : impl.of_class(TensorClass::round_start)) {
        const auto of = std::ranges::find(impl.state_tensors, impl.program.tensors[id].start_of);
        ASSAY_CHECK(of != impl.state_tensors.end());
        impl.places.base[id] = writable(
            round_start.tensors[static_cast<std::size_t>(of - impl.state_tensors.begin())].data());
    }
    ASSAY_CHECK(out.tensors.size() == impl.payload_tensors.size());
    for (std::size_t i = 0; i < impl.payload_tensors.size(); ++i)
        impl.places.base[impl.payload_tensors[i]] = out.tensors[i].data();
    Moment moment;
    moment.table_row = round;
    impl.run(Part::payload, moment);
}

void Executor::run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                         std::uint32_t round) {
    const exact::FloatEnvironment environment;
    Impl& impl = *impl_;
    impl.place_state(state);
    Moment moment;
    moment.table_row = round;
    moment.members = static_cast<std::uint32_t>(members.size());
    impl.clear_accumulators(Part::merge_lane);
    for (const commit::Payload* member : members) {
        ASSAY_CHECK(member->tensors.size() == impl.payload_tensors.size());
        for (std::size_t i = 0; i < impl.payload_tensors.size(); ++i) {
            impl.places.base[impl.payload_tensors[i]] = writable(member->tensors[i].data());
        }
        impl.run(Part::merge_lane, moment);
    }
    impl.run(Part::merge, moment);
}

float Executor::window_loss(const commit::State& state, const DataView& data, std::uint64_t start) {
    const exact::FloatEnvironment environment;
    Impl& impl = *impl_;
    impl.place_state(state);
    Moment moment;
    moment.dataset = words_of(data);
    moment.window_start = start;
    impl.run(Part::prologue, moment);
    impl.clear_accumulators(Part::sequence);
    impl.run(*impl.window, moment);
    const float sum = scalar<float>(impl.places, impl.program.loss_accumulator);
    return sum / static_cast<float>(impl.program.sequence_rows);
}

std::size_t Executor::planned_bytes() const {
    std::size_t bytes = impl_->arena.size() + impl_->accumulators.size() + impl_->equipment.bytes();
    for (const auto& [id, rows] : impl_->sparse) bytes += rows.bytes();
    return bytes;
}

}  // namespace assay::runtime
