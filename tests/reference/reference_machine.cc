#include "reference_machine.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace assay::exact {

using program::Instruction;
using program::Part;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

ReferenceMachine::ReferenceMachine(const program::Program& program) : program_(program) {
    for (const Tensor& tensor : program.tensors) {
        storage_.emplace_back(std::size_t{tensor.rows} * tensor.cols *
                              program::size_of(tensor.dtype));
    }
    for (const program::Table& table : program.tables) {
        ASSAY_CHECK(table.values.size() * sizeof(float) == storage_[table.tensor].size());
        std::memcpy(storage_[table.tensor].data(), table.values.data(),
                    storage_[table.tensor].size());
    }
    for (const program::Constant& constant : program.constants) {
        ASSAY_CHECK(constant.bits.size() * sizeof(std::uint32_t) ==
                    storage_[constant.tensor].size());
        std::memcpy(storage_[constant.tensor].data(), constant.bits.data(),
                    storage_[constant.tensor].size());
    }
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        const Tensor& tensor = program.tensors[id];
        tensors_.push_back({storage_[id].data(), tensor.rows, tensor.cols, tensor.dtype});
    }
}

std::span<float> ReferenceMachine::f32(TensorId id) {
    ASSAY_CHECK(program_.tensors[id].dtype == program::DType::f32);
    return {reinterpret_cast<float*>(storage_[id].data()), storage_[id].size() / sizeof(float)};
}

std::span<const float> ReferenceMachine::f32(TensorId id) const {
    ASSAY_CHECK(program_.tensors[id].dtype == program::DType::f32);
    return {reinterpret_cast<const float*>(storage_[id].data()),
            storage_[id].size() / sizeof(float)};
}

std::span<std::int32_t> ReferenceMachine::i32(TensorId id) {
    ASSAY_CHECK(program_.tensors[id].dtype == program::DType::i32);
    return {reinterpret_cast<std::int32_t*>(storage_[id].data()),
            storage_[id].size() / sizeof(std::int32_t)};
}

ReferenceContext ReferenceMachine::context() const {
    ReferenceContext context;
    context.tensors = tensors_;
    return context;
}

std::vector<TensorId> ReferenceMachine::of_class(TensorClass cls) const {
    std::vector<TensorId> ids;
    for (TensorId id = 0; id < program_.tensors.size(); ++id) {
        if (program_.tensors[id].cls == cls) ids.push_back(id);
    }
    return ids;
}

void ReferenceMachine::run(Part part, const ReferenceContext& context) {
    const auto [first, last] = program_.range(part);
    for (std::uint32_t i = first; i < last; ++i)
        run_reference(program_, program_.instructions[i], context);
}

void ReferenceMachine::clear_accumulators(Part part) {
    const auto [first, last] = program_.range(part);
    for (std::uint32_t i = first; i < last; ++i) {
        const TensorId out = program_.instructions[i].out.tensor;
        if (program_.tensors[out].cls == TensorClass::accumulator)
            std::ranges::fill(storage_[out], std::byte{0});
    }
}

void ReferenceMachine::run_init() {
    ReferenceContext at = context();
    at.lane = kInitLane;
    run(Part::init, at);
}

void ReferenceMachine::run_step(const DatasetWords& dataset, std::uint32_t round,
                                std::uint32_t lane, std::uint32_t h) {
    if (i32(program_.fault)[0] != 0) return;
    ReferenceContext at = context();
    at.dataset = dataset;
    at.lane = lane;
    at.global_step = round * program_.round_steps + h;
    at.table_row = at.global_step;
    run(Part::prologue, at);
    clear_accumulators(Part::sequence);
    for (at.sequence = 0; at.sequence < program_.batch; ++at.sequence) run(Part::sequence, at);
    at.sequence = 0;
    run(Part::update, at);
}

float ReferenceMachine::run_window(const DatasetWords& dataset, std::uint64_t start) {
    ReferenceContext at = context();
    at.dataset = dataset;
    at.window_start = start;
    clear_accumulators(Part::sequence);
    run(Part::prologue, at);
    for (std::uint32_t i = program_.range(Part::sequence).first; i < program_.forward_end; ++i) {
        run_reference(program_, program_.instructions[i], at);
    }
    return f32(program_.loss_accumulator)[0];
}

void ReferenceMachine::open_round() {
    for (const TensorId id : of_class(TensorClass::round_start))
        storage_[id] = storage_[program_.tensors[id].start_of];
    for (TensorId id = 0; id < tensors_.size(); ++id) tensors_[id].data = storage_[id].data();
}

void ReferenceMachine::run_payload(std::uint32_t round) {
    ReferenceContext at = context();
    at.table_row = round;
    run(Part::payload, at);
}

void ReferenceMachine::run_merge(std::span<const std::vector<std::vector<std::byte>>> members,
                                 std::uint32_t round) {
    const std::vector<TensorId> payloads = of_class(TensorClass::payload);
    ReferenceContext at = context();
    at.table_row = round;
    at.members = static_cast<std::uint32_t>(members.size());
    clear_accumulators(Part::merge_lane);
    for (const std::vector<std::vector<std::byte>>& member : members) {
        ASSAY_CHECK(member.size() == payloads.size());
        for (std::size_t i = 0; i < payloads.size(); ++i) {
            ASSAY_CHECK(member[i].size() == storage_[payloads[i]].size());
            std::ranges::copy(member[i], storage_[payloads[i]].begin());
        }
        run(Part::merge_lane, at);
    }
    run(Part::merge, at);
}

std::vector<std::vector<std::byte>> ReferenceMachine::payload() const {
    std::vector<std::vector<std::byte>> result;
    for (const TensorId id : of_class(TensorClass::payload)) result.push_back(storage_[id]);
    return result;
}

std::vector<std::vector<std::byte>> ReferenceMachine::state() const {
    std::vector<std::vector<std::byte>> result;
    for (const TensorId id : program_.state_tensors()) result.push_back(storage_[id]);
    return result;
}

void ReferenceMachine::set_state(const std::vector<std::vector<std::byte>>& state) {
    const std::vector<TensorId> ids = program_.state_tensors();
    ASSAY_CHECK(state.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ASSAY_CHECK(state[i].size() == storage_[ids[i]].size());
        std::ranges::copy(state[i], storage_[ids[i]].begin());
    }
}

}  // namespace assay::exact
