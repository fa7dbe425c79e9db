#include "machine.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace assay::dispute {

using program::Instruction;
using program::Part;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

namespace {

/// What runs a stage: the kernels, or the definition.
runtime::ExecutorOptions options_of(const Engine& engine) {
    runtime::ExecutorOptions definition;
    definition.target = runtime::Target::scalar;
    return engine.fast.value_or(definition);
}

}  // namespace

Machine::Machine(const StageInputs& inputs, const Engine& engine)
    : inputs_(inputs),
      program_(*inputs.program),
      threads_(engine.threads()),
      units_(units_of(program_, inputs.stage, static_cast<std::uint32_t>(inputs.members.size()))),
      owned_(program_.tensors.size()),
      bound_(program_.tensors.size(), nullptr),
      backend_(runtime::make_backend(program_, options_of(engine), true)) {
    const std::vector<TensorId> state = program_.state_tensors();
    if (inputs_.start != nullptr) {
        for (std::size_t i = 0; i < state.size(); ++i)
            bind(state[i], inputs_.start->tensors[i].data());
    }
    if (inputs_.stage == Stage::payload) {
        ASSAY_CHECK(inputs_.round_start != nullptr);
        runtime::bind_round_start(*backend_, program_, *inputs_.round_start);
    }
    if (const auto loop = loop_of(inputs_.stage)) {
        for (const TensorId id : accumulators(*loop)) allocate(id);
    }
}

void Machine::bind(TensorId id, const std::byte* data) {
    bound_[id] = data;
    backend_->bind(id, data);
}

void Machine::allocate(TensorId id) {
    const Tensor& tensor = program_.tensors[id];
    owned_[id] =
        commit::Buffer(std::size_t{tensor.rows} * tensor.cols * program::size_of(tensor.dtype));
    bind(id, owned_[id].data());
}

void Machine::release(TensorId id) {
    owned_[id] = commit::Buffer();
    bind(id, nullptr);
}

void Machine::bind_member(std::uint32_t member) {
    runtime::bind_payload(*backend_, program_, *inputs_.members[member]);
}

std::vector<TensorId> Machine::accumulators(Part part) const {
    std::vector<TensorId> ids;
    const auto [first, last] = program_.range(part);
    for (std::uint32_t i = first; i < last; ++i) {
        const TensorId id = program_.instructions[i].out.tensor;
        if (program_.tensors[id].cls == TensorClass::accumulator) ids.push_back(id);
    }
    std::ranges::sort(ids);
    return ids;
}

const std::byte* Machine::data(TensorId id) const { return backend_->data(id); }

std::vector<base::Hash> Machine::roots(const std::vector<TensorId>& ids) const {
    std::vector<commit::TensorElements> tensors;
    for (const TensorId id : ids) tensors.push_back({&program_.tensors[id], data(id)});
    return commit::tensor_roots(tensors, threads_);
}

void Machine::find_touches(Part part) {
    last_touch_.assign(program_.tensors.size(), 0);
    const auto [first, last] = program_.range(part);
    for (std::uint32_t i = first; i < last; ++i) {
        for (const program::View& view : program_.instructions[i].in) last_touch_[view.tensor] = i;
        last_touch_[program_.instructions[i].out.tensor] = i;
    }
}

/// State and payload; values are the back end's own affair, and accumulators stay.
bool Machine::is_defined_here(TensorId id, Part part) const {
    const TensorClass cls = program_.tensors[id].cls;
    return cls == TensorClass::state || (cls == TensorClass::payload && part == Part::payload);
}

void Machine::enter(std::uint32_t i) {
    const Instruction& instruction = program_.instructions[i];
    const TensorId out = instruction.out.tensor;
    if (owned_[out].size() > 0 || !is_defined_here(out, instruction.part)) return;
    const std::byte* before = bound_[out];
    allocate(out);
    // What it does not overwrite stays.
    if (before != nullptr) std::memcpy(owned_[out].data(), before, owned_[out].size());
}

void Machine::leave(std::uint32_t i) {
    const Instruction& instruction = program_.instructions[i];
    const auto end = [&](TensorId id) {
        if (last_touch_[id] == i && owned_[id].size() > 0 && is_defined_here(id, instruction.part))
            release(id);
    };
    for (const program::View& view : instruction.in) end(view.tensor);
    end(instruction.out.tensor);
}

void Machine::run(const Unit& unit, const Look& before, const Look& after,
                  std::optional<std::uint32_t> last) {
    if (unit.part == Part::merge_lane) bind_member(unit.index);
    find_touches(unit.part);
    const std::uint32_t end = last ? *last + 1 : program_.range(unit.part).second;
    runtime::Watch watch;
    watch.before = [&](std::uint32_t i) {
        enter(i);
        if (before) before(i);
    };
    watch.after = [&](std::uint32_t i) {
        if (after) after(i);
        leave(i);
        return i + 1 < end;
    };
    backend_->run(unit.part, moment_of(unit), watch);
}

void Machine::run(const Unit& unit) {
    if (!is_loop(unit.part)) return run(unit, {}, {});
    if (unit.part == Part::merge_lane) bind_member(unit.index);
    backend_->run(unit.part, moment_of(unit));
}

runtime::Moment Machine::moment_of(const Unit& unit) const {
    const exact::ReferenceContext from =
        context_of(inputs_.stage, unit, inputs_.round, inputs_.lane, inputs_.step,
                   program_.round_steps, static_cast<std::uint32_t>(inputs_.members.size()));
    runtime::Moment moment;
    moment.table_row = from.table_row;
    moment.lane = from.lane;
    moment.global_step = from.global_step;
    moment.first_sequence = from.sequence;
    moment.members = from.members;
    moment.data = {inputs_.dataset.words, inputs_.dataset.train_count, inputs_.dataset.row_words};
    return moment;
}

}  // namespace assay::dispute
