#include "machine.h"

#include <algorithm>

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

/// The reference takes writable memory for all tensors and writes only those that instructions
/// define; what the inputs own is never one of them.
std::byte* readable(const void* data) {
    return static_cast<std::byte*>(const_cast<void*>(data));
}

}  // namespace

Machine::Machine(const StageInputs& inputs)
    : inputs_(inputs),
      program_(*inputs.program),
      units_(units_of(program_, inputs.stage, static_cast<std::uint32_t>(inputs.members.size()))),
      owned_(program_.tensors.size()),
      last_reader_(program_.tensors.size(), 0) {
    for (const Tensor& tensor : program_.tensors)
        tensors_.push_back({nullptr, tensor.rows, tensor.cols, tensor.dtype});
    for (const program::Table& table : program_.tables)
        bind(table.tensor, readable(table.values.data()));
    for (const program::Constant& constant : program_.constants)
        bind(constant.tensor, readable(constant.bits.data()));
    const std::vector<TensorId> state = program_.state_tensors();
    for (std::size_t i = 0; i < state.size(); ++i) {
        if (inputs_.start == nullptr) {
            allocate(state[i]);
            continue;
        }
        owned_[state[i]] = inputs_.start->tensors[i].clone();
        bind(state[i], owned_[state[i]].data());
    }
    if (inputs_.stage == Stage::payload) {
        ASSAY_CHECK(inputs_.round_start != nullptr);
        for (const TensorId id : of_class(program_, TensorClass::round_start)) {
            const auto place = std::ranges::lower_bound(state, program_.tensors[id].start_of);
            bind(id, readable(inputs_.round_start
                                  ->tensors[static_cast<std::size_t>(place - state.begin())]
                                  .data()));
        }
        for (const TensorId id : of_class(program_, TensorClass::payload)) allocate(id);
    }
    for (std::uint32_t i = 0; i < program_.instructions.size(); ++i) {
        for (const program::View& view : program_.instructions[i].in) last_reader_[view.tensor] = i;
    }
    if (const auto loop = loop_of(inputs_.stage)) {
        for (const TensorId id : accumulators(*loop)) allocate(id);
    }
}

void Machine::bind(TensorId id, std::byte* data) {
    tensors_[id].data = data;
}

void Machine::allocate(TensorId id) {
    const Tensor& tensor = program_.tensors[id];
    owned_[id] =
        commit::Buffer(std::size_t{tensor.rows} * tensor.cols * program::size_of(tensor.dtype));
    bind(id, owned_[id].data());
}

void Machine::free_value(TensorId id) {
    owned_[id] = commit::Buffer();
    bind(id, nullptr);
}

void Machine::bind_member(std::uint32_t member) {
    const std::vector<TensorId> ids = of_class(program_, TensorClass::payload);
    for (std::size_t i = 0; i < ids.size(); ++i)
        bind(ids[i], readable(inputs_.members[member]->tensors[i].data()));
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
    ASSAY_CHECK(tensors_[id].data != nullptr);
    return tensors_[id].data;
}

exact::ReferenceContext Machine::context(const Unit& unit) const {
    exact::ReferenceContext context =
        context_of(inputs_.stage, unit, inputs_.round, inputs_.lane, inputs_.step,
                   program_.round_steps, static_cast<std::uint32_t>(inputs_.members.size()));
    context.tensors = tensors_;
    context.dataset = inputs_.dataset;
    return context;
}

void Machine::run(const Unit& unit, const Look& before, const Look& after) {
    if (unit.part == Part::merge_lane) bind_member(unit.index);
    const auto [first, last] = program_.range(unit.part);
    for (std::uint32_t i = first; i < last; ++i) {
        const Instruction& instruction = program_.instructions[i];
        const TensorId out = instruction.out.tensor;
        const bool value = program_.tensors[out].cls == TensorClass::value;
        if (value) allocate(out);
        if (before) before(i);
        exact::run_reference(program_, instruction, context(unit));
        if (after) after(i);
        for (const program::View& view : instruction.in) {
            if (program_.tensors[view.tensor].cls == TensorClass::value &&
                last_reader_[view.tensor] == i)
                free_value(view.tensor);
        }
        if (value && last_reader_[out] <= i) free_value(out);
    }
}

}  // namespace assay::dispute
