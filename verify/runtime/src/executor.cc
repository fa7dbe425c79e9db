#include "runtime/executor.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "exact/environment.h"
#include "exact/reference.h"
#include "places.h"

namespace assay::runtime {

using program::Part;
using program::Program;
using program::TensorClass;
using program::TensorId;

namespace {

template <class T>
T scalar(const std::byte* data) {
    T value;
    std::memcpy(&value, data, sizeof value);
    return value;
}

}  // namespace

void bind_state(Backend& backend, const Program& program, const commit::State& state) {
    const std::vector<TensorId> ids = program.state_tensors();
    ASSAY_CHECK(state.tensors.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ASSAY_CHECK(state.tensors[i].size() >= bytes_of(program.tensors[ids[i]]));
        backend.bind(ids[i], state.tensors[i].data());
    }
}

void bind_round_start(Backend& backend, const Program& program, const commit::State& round_start) {
    const std::vector<TensorId> state = program.state_tensors();
    for (const TensorId id : program.tensors_of(TensorClass::round_start)) {
        const auto of = std::ranges::lower_bound(state, program.tensors[id].start_of);
        ASSAY_CHECK(of != state.end() && *of == program.tensors[id].start_of);
        backend.bind(id, round_start.tensors[static_cast<std::size_t>(of - state.begin())].data());
    }
}

void bind_payload(Backend& backend, const Program& program, const commit::Payload& payload) {
    const std::vector<TensorId> ids = program.tensors_of(TensorClass::payload);
    ASSAY_CHECK(payload.tensors.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) backend.bind(ids[i], payload.tensors[i].data());
}

Moment moment_of_init() {
    Moment moment;
    moment.lane = exact::kInitLane;
    return moment;
}

Moment moment_of_step(const Program& program, const DataView& data, std::uint32_t round,
                      std::uint32_t lane, std::uint32_t h) {
    Moment moment;
    moment.lane = lane;
    moment.global_step = round * program.round_steps + h;
    moment.table_row = moment.global_step;
    moment.data = data;
    return moment;
}

Moment moment_of_round(std::uint32_t round, std::size_t members) {
    Moment moment;
    moment.table_row = round;
    moment.members = static_cast<std::uint32_t>(members);
    return moment;
}

StepResult result_in(const Program& program, const commit::State& state) {
    const std::vector<TensorId> ids = program.state_tensors();
    const auto data = [&](TensorId id) {
        const auto at = std::ranges::lower_bound(ids, id);
        ASSAY_CHECK(at != ids.end() && *at == id);
        return state.tensors[static_cast<std::size_t>(at - ids.begin())].data();
    };
    return {scalar<float>(data(program.loss)), scalar<float>(data(program.norm)),
            scalar<std::int32_t>(data(program.fault))};
}

Executor::Executor(const Program& program, const ExecutorOptions& options)
    : Executor(program, make_backend(program, options, false)) {}

Executor::Executor(const Program& program, std::unique_ptr<Backend> backend)
    : program_(program), backend_(std::move(backend)) {}

void Executor::run_init(commit::State& state) {
    bind_state(*backend_, program_, state);
    backend_->run(Part::init, moment_of_init());
}

StepResult Executor::run_step(commit::State& state, const DataView& data, std::uint32_t round,
                              std::uint32_t lane, std::uint32_t h) {
    const StepResult before = result_in(program_, state);
    if (before.fault != 0) return before;
    bind_state(*backend_, program_, state);
    Moment moment = moment_of_step(program_, data, round, lane, h);
    backend_->run(Part::prologue, moment);
    backend_->clear_accumulators(Part::sequence);
    for (std::uint32_t b = 0; b < program_.batch; b += moment.slots) {
        moment.first_sequence = b;
        moment.slots = std::min(backend_->slots_max(), program_.batch - b);
        backend_->run(Part::sequence, moment);
    }
    moment.first_sequence = 0;
    moment.slots = 1;
    backend_->run(Part::update, moment);
    return result_in(program_, state);
}

void Executor::run_payload(const commit::State& round_start, const commit::State& end,
                           std::uint32_t round, commit::Payload& out) {
    bind_state(*backend_, program_, end);
    bind_round_start(*backend_, program_, round_start);
    bind_payload(*backend_, program_, out);
    backend_->run(Part::payload, moment_of_round(round, 0));
}

void Executor::run_merge(commit::State& state, std::span<const commit::Payload* const> members,
                         std::uint32_t round) {
    bind_state(*backend_, program_, state);
    const Moment moment = moment_of_round(round, members.size());
    backend_->clear_accumulators(Part::merge_lane);
    for (const commit::Payload* member : members) {
        bind_payload(*backend_, program_, *member);
        backend_->run(Part::merge_lane, moment);
    }
    backend_->run(Part::merge, moment);
}

float Executor::window_loss(const commit::State& state, const DataView& data, std::uint64_t start) {
    const exact::FloatEnvironment environment;
    bind_state(*backend_, program_, state);
    Moment moment;
    moment.data = data;
    moment.window_start = start;
    backend_->run(Part::prologue, moment);
    backend_->clear_accumulators(Part::sequence);
    backend_->run_window(moment);
    const auto sum = scalar<float>(backend_->data(program_.loss_accumulator));
    return sum / static_cast<float>(program_.sequence_rows);
}

}  // namespace assay::runtime
