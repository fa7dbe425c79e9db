#include "runtime/cell_watch.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "base/check.h"
#include "exact/reference.h"
#include "runtime/replay.h"

namespace assay::runtime {

using program::CellPlace;
using program::Part;
using program::TensorClass;
using program::TensorId;

struct CellWatch::Impl {
    Impl(const program::Program& p, Executor& e, const ExecutorOptions& o,
         std::span<const CellPlace> chosen)
        : program(p),
          executor(e),
          options(o),
          places(chosen.begin(), chosen.end()),
          cells(chosen.size()),
          state_tensors(p.state_tensors()) {}

    /// Numbers of the places within one run of one part, and in the part at all.
    [[nodiscard]] std::vector<std::size_t> within(std::uint32_t step, Part part,
                                                  std::uint32_t unit) const;
    [[nodiscard]] std::vector<std::size_t> in(Part part) const;
    /// Runs a part and keeps its chosen tiles: all of it, or no further than the last of them.
    void run(Part part, const ReplayMoment& moment, const std::vector<std::size_t>& chosen,
             bool whole);
    Replay& shown();
    [[nodiscard]] std::vector<TensorId> of_class(TensorClass cls) const;
    void bind_state(const commit::State& state);
    void bind_payload(const commit::Payload& payload);
    void bind_accumulators(Part loop, bool clear);
    template <class T>
    [[nodiscard]] T scalar(const commit::State& state, TensorId id) const;

    const program::Program& program;
    Executor& executor;
    const ExecutorOptions options;
    const std::vector<CellPlace> places;
    std::vector<base::Hash> cells;
    const std::vector<TensorId> state_tensors;
    std::unique_ptr<Replay> replay;  ///< made when it is first needed
    std::map<TensorId, commit::Buffer> accumulators;
};

std::vector<std::size_t> CellWatch::Impl::in(Part part) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (program.instructions[places[i].instruction].part == part) found.push_back(i);
    }
    return found;
}

std::vector<std::size_t> CellWatch::Impl::within(std::uint32_t step, Part part,
                                                 std::uint32_t unit) const {
    std::vector<std::size_t> found = in(part);
    std::erase_if(found,
                  [&](std::size_t i) { return places[i].step != step || places[i].unit != unit; });
    return found;
}

void CellWatch::Impl::run(Part part, const ReplayMoment& moment,
                          const std::vector<std::size_t>& chosen, bool whole) {
    std::size_t waiting = chosen.size();
    Replay::Watch watch;
    watch.after = [&](std::uint32_t instruction) {
        for (const std::size_t i : chosen) {
            if (places[i].instruction != instruction) continue;
            const TensorId out = program.instructions[instruction].out.tensor;
            cells[i] =
                commit::tile_leaf({&program.tensors[out], replay->data(out)}, places[i].tile);
            --waiting;
        }
        return whole || waiting > 0;
    };
    shown().run(part, moment, watch);
    ASSAY_CHECK(waiting == 0);
}

Replay& CellWatch::Impl::shown() {
    if (!replay) replay = std::make_unique<Replay>(program, options);
    return *replay;
}

std::vector<TensorId> CellWatch::Impl::of_class(TensorClass cls) const {
    std::vector<TensorId> ids;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (program.tensors[id].cls == cls) ids.push_back(id);
    }
    return ids;
}

void CellWatch::Impl::bind_state(const commit::State& state) {
    ASSAY_CHECK(state.tensors.size() == state_tensors.size());
    for (std::size_t i = 0; i < state_tensors.size(); ++i)
        shown().bind(state_tensors[i], state.tensors[i].data());
}

void CellWatch::Impl::bind_payload(const commit::Payload& payload) {
    const std::vector<TensorId> ids = of_class(TensorClass::payload);
    ASSAY_CHECK(payload.tensors.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) shown().bind(ids[i], payload.tensors[i].data());
}

void CellWatch::Impl::bind_accumulators(Part loop, bool clear) {
    const auto [first, last] = program.range(loop);
    for (std::uint32_t i = first; i < last; ++i) {
        const TensorId id = program.instructions[i].out.tensor;
        const program::Tensor& tensor = program.tensors[id];
        if (tensor.cls != TensorClass::accumulator) continue;
        commit::Buffer& buffer = accumulators[id];
        if (buffer.data() == nullptr) {
            buffer = commit::Buffer(std::size_t{tensor.rows} * tensor.cols *
                                    program::size_of(tensor.dtype));
        } else if (clear) {
            std::memset(buffer.data(), 0, buffer.size());
        }
        shown().bind(id, buffer.data());
    }
}

template <class T>
T CellWatch::Impl::scalar(const commit::State& state, TensorId id) const {
    const auto found = std::ranges::find(state_tensors, id);
    ASSAY_CHECK(found != state_tensors.end());
    T value;
    std::memcpy(&value,
                state.tensors[static_cast<std::size_t>(found - state_tensors.begin())].data(),
                sizeof value);
    return value;
}

CellWatch::CellWatch(const program::Program& program, Executor& executor,
                     const ExecutorOptions& options, std::span<const CellPlace> places)
    : impl_(std::make_unique<Impl>(program, executor, options, places)) {}

CellWatch::~CellWatch() = default;

const std::vector<base::Hash>& CellWatch::cells() const { return impl_->cells; }

/// The prologue is not run: what it defines no other part can read.
StepResult CellWatch::run_step(commit::State& state, const DataView& data, std::uint32_t round,
                               std::uint32_t lane, std::uint32_t h, std::uint32_t step) {
    Impl& impl = *impl_;
    const std::uint32_t batch = impl.program.batch;
    const auto here = [&](const CellPlace& place) {
        return place.step == step && place.unit <= batch;
    };
    if (!std::ranges::any_of(impl.places, here))
        return impl.executor.run_step(state, data, round, lane, h);
    const std::vector<std::size_t> updating = impl.within(step, Part::update, batch);
    impl.bind_state(state);
    impl.bind_accumulators(Part::sequence, !updating.empty());
    ReplayMoment moment;
    moment.lane = lane;
    moment.global_step = round * impl.program.round_steps + h;
    moment.table_row = moment.global_step;
    moment.data = data;
    for (std::uint32_t b = 0; b < batch; ++b) {
        moment.sequence = b;
        const std::vector<std::size_t> chosen = impl.within(step, Part::sequence, b);
        if (!chosen.empty()) {
            impl.run(Part::sequence, moment, chosen, !updating.empty());
        } else if (!updating.empty()) {
            impl.shown().run(Part::sequence, moment);
        }
    }
    if (updating.empty()) return impl.executor.run_step(state, data, round, lane, h);
    moment.sequence = 0;
    impl.run(Part::update, moment, updating, true);
    return {impl.scalar<float>(state, impl.program.loss),
            impl.scalar<float>(state, impl.program.norm),
            impl.scalar<std::int32_t>(state, impl.program.fault)};
}

void CellWatch::run_payload(const commit::State& round_start, const commit::State& end,
                            std::uint32_t round, commit::Payload& out) {
    Impl& impl = *impl_;
    const std::vector<std::size_t> chosen = impl.in(Part::payload);
    if (chosen.empty()) return impl.executor.run_payload(round_start, end, round, out);
    impl.bind_state(end);
    impl.bind_payload(out);
    for (const TensorId id : impl.of_class(TensorClass::round_start)) {
        const auto of = std::ranges::find(impl.state_tensors, impl.program.tensors[id].start_of);
        ASSAY_CHECK(of != impl.state_tensors.end());
        const auto place = static_cast<std::size_t>(of - impl.state_tensors.begin());
        impl.shown().bind(id, round_start.tensors[place].data());
    }
    ReplayMoment moment;
    moment.table_row = round;
    impl.run(Part::payload, moment, chosen, true);
}

void CellWatch::run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                          std::uint32_t round) {
    Impl& impl = *impl_;
    if (impl.places.empty()) return impl.executor.run_merge(state, members, round);
    impl.bind_state(state);
    impl.bind_accumulators(Part::merge_lane, true);
    ReplayMoment moment;
    moment.table_row = round;
    moment.members = static_cast<std::uint32_t>(members.size());
    for (std::uint32_t m = 0; m < moment.members; ++m) {
        impl.bind_payload(*members[m]);
        impl.shown().run(Part::merge_lane, moment);
    }
    impl.run(Part::merge, moment, impl.in(Part::merge), true);
}

void CellWatch::run_init(commit::State& state) {
    Impl& impl = *impl_;
    if (impl.places.empty()) return impl.executor.run_init(state);
    impl.bind_state(state);
    ReplayMoment moment;
    moment.lane = exact::kInitLane;
    impl.run(Part::init, moment, impl.in(Part::init), true);
}

}  // namespace assay::runtime
