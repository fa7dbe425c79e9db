#include "runtime/cell_watch.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "base/check.h"

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
          cells(chosen.size()) {}

    /// Numbers of the places within one run of one part, and in the part at all.
    [[nodiscard]] std::vector<std::size_t> within(std::uint32_t step, Part part,
                                                  std::uint32_t unit) const;
    [[nodiscard]] std::vector<std::size_t> in(Part part) const;
    /// Runs a part and keeps its chosen tiles: all of it, or no further than the last of them.
    void run(Part part, const Moment& moment, const std::vector<std::size_t>& chosen, bool whole);
    Backend& shown();
    void bind_accumulators(Part loop, bool clear);

    const program::Program& program;
    Executor& executor;
    const ExecutorOptions options;
    const std::vector<CellPlace> places;
    std::vector<base::Hash> cells;
    std::unique_ptr<Backend> replay;  ///< made when it is first needed
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

void CellWatch::Impl::run(Part part, const Moment& moment, const std::vector<std::size_t>& chosen,
                          bool whole) {
    std::size_t waiting = chosen.size();
    Watch watch;
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

Backend& CellWatch::Impl::shown() {
    if (!replay) replay = make_backend(program, options, true);
    return *replay;
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
    bind_state(impl.shown(), impl.program, state);
    impl.bind_accumulators(Part::sequence, !updating.empty());
    Moment moment = moment_of_step(impl.program, data, round, lane, h);
    for (std::uint32_t b = 0; b < batch; ++b) {
        moment.first_sequence = b;
        const std::vector<std::size_t> chosen = impl.within(step, Part::sequence, b);
        if (!chosen.empty()) {
            impl.run(Part::sequence, moment, chosen, !updating.empty());
        } else if (!updating.empty()) {
            impl.shown().run(Part::sequence, moment);
        }
    }
    if (updating.empty()) return impl.executor.run_step(state, data, round, lane, h);
    moment.first_sequence = 0;
    impl.run(Part::update, moment, updating, true);
    return result_in(impl.program, state);
}

void CellWatch::run_payload(const commit::State& round_start, const commit::State& end,
                            std::uint32_t round, commit::Payload& out) {
    Impl& impl = *impl_;
    const std::vector<std::size_t> chosen = impl.in(Part::payload);
    if (chosen.empty()) return impl.executor.run_payload(round_start, end, round, out);
    bind_state(impl.shown(), impl.program, end);
    bind_payload(impl.shown(), impl.program, out);
    bind_round_start(impl.shown(), impl.program, round_start);
    impl.run(Part::payload, moment_of_round(round, 0), chosen, true);
}

void CellWatch::run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                          std::uint32_t round) {
    Impl& impl = *impl_;
    if (impl.places.empty()) return impl.executor.run_merge(state, members, round);
    bind_state(impl.shown(), impl.program, state);
    impl.bind_accumulators(Part::merge_lane, true);
    const Moment moment = moment_of_round(round, members.size());
    for (const commit::Payload* member : members) {
        bind_payload(impl.shown(), impl.program, *member);
        impl.shown().run(Part::merge_lane, moment);
    }
    impl.run(Part::merge, moment, impl.in(Part::merge), true);
}

void CellWatch::run_init(commit::State& state) {
    Impl& impl = *impl_;
    if (impl.places.empty()) return impl.executor.run_init(state);
    bind_state(impl.shown(), impl.program, state);
    impl.run(Part::init, moment_of_init(), impl.in(Part::init), true);
}

}  // namespace assay::runtime
