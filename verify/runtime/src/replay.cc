#include "runtime/replay.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/check.h"
#include "equipment.h"
#include "exact/environment.h"
#include "part_plan.h"
#include "recompute.h"
#include "targets.h"

namespace assay::runtime {

using program::Part;
using program::TensorClass;
using program::TensorId;

namespace {

ExecutorOptions effective(ExecutorOptions options) {
    if (kernels_of(options.target) == nullptr) options.threads = 1;  // The reference has one.
    return options;
}

Moment moment_of(const ReplayMoment& from) {
    Moment moment;
    moment.table_row = from.table_row;
    moment.lane = from.lane;
    moment.global_step = from.global_step;
    moment.first_sequence = from.sequence;
    moment.members = from.members;
    moment.dataset = {from.data.words, from.data.train_count, from.data.row_words};
    return moment;
}

}  // namespace

struct Replay::Impl {
    Impl(const program::Program& p, const ExecutorOptions& o)
        : program(p), options(effective(o)), equipment(p, options), places(fixed_places(p)) {}

    struct Planned {
        std::vector<std::uint32_t> order;  ///< numbers of instructions
        std::unique_ptr<PartPlan> plan;
    };
    /// The plan of a part, made when it is first asked for.
    const Planned& plan(Part part, Cut cut);
    void forget_values();

    const program::Program& program;
    const ExecutorOptions options;
    exact::FloatEnvironment environment;  ///< for compiling; every public call takes its own
    Equipment equipment;
    std::array<Planned, program::kParts> fused, separate;
    commit::Buffer arena;
    Places places;
};

const Replay::Impl::Planned& Replay::Impl::plan(Part part, Cut cut) {
    const auto number = static_cast<std::size_t>(part) - 1;
    Planned& planned = cut == Cut::fused ? fused[number] : separate[number];
    if (planned.plan != nullptr) return planned;
    if (part == Part::sequence && options.recompute) {
        planned.order = recomputing_order(program);
    } else {
        const auto [first, last] = program.range(part);
        planned.order.resize(last - first);
        std::iota(planned.order.begin(), planned.order.end(), first);
    }
    planned.plan = std::make_unique<PartPlan>(program, planned.order, equipment.machine(), 1, cut);
    equipment.reserve_local(planned.plan->local_bytes());
    if (arena.size() < planned.plan->arena_bytes()) {
        arena = commit::Buffer();  // Never both at once.
        arena = commit::Buffer(planned.plan->arena_bytes());
    }
    return planned;
}

/// Values end with their part: nobody sees another part's in the memory that was theirs.
void Replay::Impl::forget_values() {
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (program.tensors[id].cls == TensorClass::value) places.base[id] = nullptr;
    }
}

Replay::Replay(const program::Program& program, ExecutorOptions options)
    : impl_(std::make_unique<Impl>(program, options)) {}

Replay::~Replay() = default;

void Replay::bind(TensorId tensor, const std::byte* data) {
    ASSAY_CHECK(impl_->program.tensors[tensor].cls != TensorClass::value);
    impl_->places.base[tensor] = writable(data);
}

void Replay::run(Part part, const ReplayMoment& moment) {
    const exact::FloatEnvironment environment;
    const PartPlan& plan = *impl_->plan(part, Cut::fused).plan;
    plan.run(impl_->places, impl_->arena.data(), moment_of(moment));
    impl_->forget_values();
}

void Replay::run(Part part, const ReplayMoment& moment, const Watch& watch) {
    const exact::FloatEnvironment environment;
    const Impl::Planned& planned = impl_->plan(part, Cut::separate);
    const std::uint32_t first = impl_->program.range(part).first;
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
    planned.plan->run(impl_->places, impl_->arena.data(), moment_of(moment), by_position);
    impl_->forget_values();
}

const std::byte* Replay::data(TensorId tensor) const {
    ASSAY_CHECK(impl_->places.base[tensor] != nullptr);
    return impl_->places.base[tensor];
}

std::size_t Replay::planned_bytes() const { return impl_->arena.size() + impl_->equipment.bytes(); }

}  // namespace assay::runtime
