#include "cpu_backend.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "exact/environment.h"
#include "recompute.h"

namespace assay::runtime {

using program::Part;
using program::Program;
using program::TensorClass;
using program::TensorId;

namespace {

std::vector<std::uint32_t> range_of(std::uint32_t first, std::uint32_t last) {
    std::vector<std::uint32_t> list(last - first);
    std::iota(list.begin(), list.end(), first);
    return list;
}

unsigned default_micro_batch(const Program& program) {
    constexpr std::uint64_t kRows = 2048, kBytesMin = std::uint64_t{512} << 20U;
    const program::Cost cost = program::cost_of(program);
    const std::uint64_t by_rows = kRows / std::max(1U, program.sequence_rows);
    const std::uint64_t by_memory =
        std::max(kBytesMin, cost.state_bytes / 2) / std::max<std::uint64_t>(1, cost.sequence_bytes);
    return static_cast<unsigned>(
        std::clamp<std::uint64_t>(std::min(by_rows, by_memory), 1, program.batch));
}

/// The options as they hold.
ExecutorOptions effective(const Program& program, ExecutorOptions options, bool looked_at) {
    options.threads = std::max(1U, options.threads);
    if (looked_at) options.micro_batch = 1;
    if (options.micro_batch == 0) options.micro_batch = default_micro_batch(program);
    options.micro_batch = std::clamp<unsigned>(options.micro_batch, 1, std::max(1U, program.batch));
    return options;
}

}  // namespace

CpuBackend::CpuBackend(const Program& program, const ExecutorOptions& options,
                       const exact::Kernels& kernels, bool looked_at)
    : program_(program),
      options_(effective(program, options, looked_at)),
      equipment_(program, options_.threads, kernels),
      machine_(equipment_.machine()),
      places_(fixed_places(program)) {
    machine_.sparse = &sparse_;
    if (looked_at) return;  // accumulators are bound
    find_sparse();
    const std::size_t bytes =
        std::max(place_accumulators(Part::sequence), place_accumulators(Part::merge_lane));
    accumulators_ = commit::Buffer(std::max<std::size_t>(bytes, 64));
    place_accumulators(Part::sequence);
    place_accumulators(Part::merge_lane);
}

/// Accumulators that only one scatter_add writes and only maps of the update part read, whole and
/// row by row.
void CpuBackend::find_sparse() {
    for (const program::Instruction& scatter : program_.instructions) {
        if (scatter.kind != program::Kind::scatter_add || scatter.part != Part::sequence) continue;
        const TensorId id = scatter.out.tensor;
        const program::Tensor& tensor = program_.tensors[id];
        const auto whole = [&](const program::View& view) {
            return !view.transposed && view.rows == tensor.rows && view.cols == tensor.cols;
        };
        bool fits = tensor.dtype == program::DType::f32 && scatter.items == 1 && whole(scatter.out);
        for (const program::Instruction& other : program_.instructions) {
            if (&other == &scatter) continue;
            for (const program::View& view : other.in) {
                if (view.tensor != id) continue;
                fits = fits && other.part == Part::update && other.kind == program::Kind::map &&
                       other.items == 1 && whole(view) && other.out.rows == tensor.rows;
            }
        }
        const std::uint64_t touched = std::uint64_t{program_.batch} * scatter.in[0].seen_rows();
        if (fits) sparse_.try_emplace(id, tensor.rows, tensor.cols, touched);
    }
}

/// Addresses of a loop's accumulators from the start of their buffer on; steps and merges share it,
/// never at the same time.
std::size_t CpuBackend::place_accumulators(Part loop) {
    std::size_t bytes = 0;
    const auto [first, last] = program_.range(loop);
    for (std::uint32_t i = first; i < last; ++i) {
        const TensorId id = program_.instructions[i].out.tensor;
        if (program_.tensors[id].cls != TensorClass::accumulator || sparse_.contains(id)) continue;
        if (accumulators_.size() > 0) places_.base[id] = accumulators_.data() + bytes;
        bytes += (bytes_of(program_.tensors[id]) + 63) / 64 * 64;
    }
    return bytes;
}

void CpuBackend::clear_accumulators(Part loop) {
    for (auto& [id, rows] : sparse_) rows.clear();
    const auto [first, last] = program_.range(loop);
    for (std::uint32_t i = first; i < last; ++i) {
        const program::Instruction& instruction = program_.instructions[i];
        const TensorId id = instruction.out.tensor;
        if (program_.tensors[id].cls != TensorClass::accumulator || sparse_.contains(id)) continue;
        // Kernels write a matmul's sum with the first sequence and need no zeros before it.
        const bool real = program_.tensors[id].dtype == program::DType::f32;
        const bool written = loop == Part::sequence && real &&
                             instruction.kind == program::Kind::matmul && instruction.items == 1;
        if (!written) std::memset(places_.base[id], 0, bytes_of(program_.tensors[id]));
    }
}

void CpuBackend::make_room(const PartPlan& plan) {
    equipment_.reserve_local(plan.local_bytes());
    const std::size_t bytes = std::max<std::size_t>(plan.arena_bytes(), 64);
    if (arena_.size() >= bytes) return;
    arena_ = commit::Buffer();  // Never both at once.
    arena_ = commit::Buffer(bytes);
}

const CpuBackend::Planned& CpuBackend::plan(Part part, Cut cut) {
    const auto number = static_cast<std::size_t>(part) - 1;
    Planned& planned = cut == Cut::fused ? fused_[number] : separate_[number];
    if (planned.plan != nullptr) return planned;
    const auto [first, last] = program_.range(part);
    planned.order = part == Part::sequence && options_.recompute ? recomputing_order(program_)
                                                                 : range_of(first, last);
    const bool many = part == Part::sequence && cut == Cut::fused;
    planned.plan = std::make_unique<PartPlan>(program_, planned.order, machine_,
                                              many ? options_.micro_batch : 1, cut);
    make_room(*planned.plan);
    return planned;
}

const PartPlan& CpuBackend::window_plan() {
    if (window_ != nullptr) return *window_;
    evaluation_ = std::make_unique<Evaluation>(program_);
    const auto order = range_of(program_.range(Part::sequence).first, program_.forward_end);
    window_ = std::make_unique<PartPlan>(evaluation_->program(), order, machine_, 1);
    make_room(*window_);
    return *window_;
}

/// Values end with their part: nobody sees another part's in the memory that was theirs.
void CpuBackend::forget_values() {
    for (TensorId id = 0; id < program_.tensors.size(); ++id) {
        if (program_.tensors[id].cls == TensorClass::value) places_.base[id] = nullptr;
    }
}

void CpuBackend::bind(TensorId tensor, const std::byte* data) {
    ASSAY_CHECK(program_.tensors[tensor].cls != TensorClass::value && !sparse_.contains(tensor));
    places_.base[tensor] = writable(data);
}

void CpuBackend::run(Part part, const Moment& moment) {
    const exact::FloatEnvironment environment;
    const PartPlan& planned = *plan(part, Cut::fused).plan;
    planned.run(places_, arena_.data(), moment);
    forget_values();
}

void CpuBackend::run(Part part, const Moment& moment, const Watch& watch) {
    const exact::FloatEnvironment environment;
    const Planned& planned = plan(part, Cut::separate);
    const std::uint32_t first = program_.range(part).first;
    std::vector<bool> seen(planned.order.size(), false);
    PlanWatch by_position;
    by_position.before = [&](std::uint32_t position) {
        const std::uint32_t i = planned.order[position];
        if (watch.before && !seen[i - first]) watch.before(i);
    };
    by_position.after = [&](std::uint32_t position) {
        const std::uint32_t i = planned.order[position];
        if (seen[i - first]) return true;
        seen[i - first] = true;
        return !watch.after || watch.after(i);
    };
    planned.plan->run(places_, arena_.data(), moment, by_position);
    forget_values();
}

void CpuBackend::run_window(const Moment& moment) {
    const exact::FloatEnvironment environment;
    const PartPlan& planned = window_plan();
    planned.run(places_, arena_.data(), moment);
    forget_values();
}

const std::byte* CpuBackend::data(TensorId tensor) const {
    ASSAY_CHECK(places_.base[tensor] != nullptr);
    return places_.base[tensor];
}

std::size_t CpuBackend::planned_bytes() {
    const exact::FloatEnvironment environment;
    for (std::size_t i = 0; i < program::kParts; ++i) plan(static_cast<Part>(i + 1), Cut::fused);
    window_plan();
    std::size_t bytes = arena_.size() + accumulators_.size() + equipment_.bytes();
    for (const auto& [id, rows] : sparse_) bytes += rows.bytes();
    return bytes;
}

}  // namespace assay::runtime
