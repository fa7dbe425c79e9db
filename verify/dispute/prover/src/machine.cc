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

std::vector<TensorId> of_class(const program::Program& program, TensorClass cls) {
    std::vector<TensorId> ids;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (program.tensors[id].cls == cls) ids.push_back(id);
    }
    return ids;
}

/// Engines take writable memory for all tensors and write only those that instructions define; what
/// the inputs own is never one of them.
std::byte* writable(const void* data) { return static_cast<std::byte*>(const_cast<void*>(data)); }

}  // namespace

Machine::Machine(const StageInputs& inputs, const Engine& engine)
    : inputs_(inputs),
      program_(*inputs.program),
      threads_(engine.threads()),
      units_(units_of(program_, inputs.stage, static_cast<std::uint32_t>(inputs.members.size()))),
      owned_(program_.tensors.size()) {
    if (engine.fast) fast_ = std::make_unique<runtime::Replay>(program_, *engine.fast);
    for (const Tensor& tensor : program_.tensors)
        tensors_.push_back({nullptr, tensor.rows, tensor.cols, tensor.dtype});
    for (const program::Table& table : program_.tables)
        bind(table.tensor, reinterpret_cast<const std::byte*>(table.values.data()));
    for (const program::Constant& constant : program_.constants)
        bind(constant.tensor, reinterpret_cast<const std::byte*>(constant.bits.data()));
    const std::vector<TensorId> state = program_.state_tensors();
    if (inputs_.start != nullptr) {
        for (std::size_t i = 0; i < state.size(); ++i)
            bind(state[i], inputs_.start->tensors[i].data());
    }
    if (inputs_.stage == Stage::payload) {
        ASSAY_CHECK(inputs_.round_start != nullptr);
        for (const TensorId id : of_class(program_, TensorClass::round_start)) {
            const auto place = std::ranges::lower_bound(state, program_.tensors[id].start_of);
            bind(id, inputs_.round_start->tensors[static_cast<std::size_t>(place - state.begin())]
                         .data());
        }
    }
    if (const auto loop = loop_of(inputs_.stage)) {
        for (const TensorId id : accumulators(*loop)) allocate(id);
    }
}

void Machine::bind(TensorId id, const std::byte* data) {
    tensors_[id].data = writable(data);
    if (fast_ && program_.tensors[id].cls != TensorClass::value) fast_->bind(id, data);
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
    const std::vector<TensorId> ids = of_class(program_, TensorClass::payload);
    for (std::size_t i = 0; i < ids.size(); ++i)
        bind(ids[i], inputs_.members[member]->tensors[i].data());
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

const std::byte* Machine::data(TensorId id) const {
    if (fast_) return fast_->data(id);
    ASSAY_CHECK(tensors_[id].data != nullptr);
    return tensors_[id].data;
}

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

/// Values, state and payload; accumulators stay.
bool Machine::is_defined_here(TensorId id, Part part) const {
    switch (program_.tensors[id].cls) {
        case TensorClass::value:
            return fast_ == nullptr;
        case TensorClass::state:
            return true;
        case TensorClass::payload:
            return part == Part::payload;
        case TensorClass::frozen:
        case TensorClass::constant:
        case TensorClass::table:
        case TensorClass::data:
        case TensorClass::accumulator:
        case TensorClass::round_start:
            break;
    }
    return false;
}

void Machine::enter(std::uint32_t i) {
    const Instruction& instruction = program_.instructions[i];
    const TensorId out = instruction.out.tensor;
    if (owned_[out].size() > 0 || !is_defined_here(out, instruction.part)) return;
    const std::byte* before = tensors_[out].data;
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
    if (!fast_) return run_reference(unit, before, after, end);
    runtime::Replay::Watch watch;
    watch.before = [&](std::uint32_t i) {
        enter(i);
        if (before) before(i);
    };
    watch.after = [&](std::uint32_t i) {
        if (after) after(i);
        leave(i);
        return i + 1 < end;
    };
    fast_->run(unit.part, moment_of(unit), watch);
}

void Machine::run(const Unit& unit) {
    if (!fast_ || !is_loop(unit.part)) return run(unit, {}, {});
    if (unit.part == Part::merge_lane) bind_member(unit.index);
    fast_->run(unit.part, moment_of(unit));
}

exact::ReferenceContext Machine::context(const Unit& unit) const {
    return context_of(inputs_.stage, unit, inputs_.round, inputs_.lane, inputs_.step,
                      program_.round_steps, static_cast<std::uint32_t>(inputs_.members.size()));
}

runtime::ReplayMoment Machine::moment_of(const Unit& unit) const {
    const exact::ReferenceContext from = context(unit);
    runtime::ReplayMoment moment;
    moment.table_row = from.table_row;
    moment.lane = from.lane;
    moment.global_step = from.global_step;
    moment.sequence = from.sequence;
    moment.members = from.members;
    moment.data = {inputs_.dataset.words, inputs_.dataset.train_count, inputs_.dataset.row_words};
    return moment;
}

void Machine::run_reference(const Unit& unit, const Look& before, const Look& after,
                            std::uint32_t end) {
    exact::ReferenceContext here = context(unit);
    here.tensors = tensors_;
    here.dataset = inputs_.dataset;
    for (std::uint32_t i = program_.range(unit.part).first; i < end; ++i) {
        enter(i);
        if (before) before(i);
        exact::run_reference(program_, program_.instructions[i], here);
        if (after) after(i);
        leave(i);
    }
}

}  // namespace assay::dispute
