#include "faulty_replayer.h"

#include <algorithm>
#include <cstring>

#include "exact/environment.h"
#include "machine.h"

namespace assay::faults {

using namespace dispute;  // NOLINT: this file is about its stages

namespace {

class FaultyMachine final : public Machine {
  public:
    FaultyMachine(const StageInputs& inputs, const std::optional<Fault>& fault)
        : Machine(inputs, Engine{}), program_(*inputs.program), fault_(fault) {}

    void run(const Unit& unit, const Look& before, const Look& after,
             std::optional<std::uint32_t> last) override {
        const bool here = fault_ && units().at(fault_->unit) == unit;
        const auto spoil = [&](std::uint32_t i) {
            if (here && i == fault_->instruction) flip(program_.instructions[i].out.tensor);
            if (after) after(i);
        };
        Machine::run(unit, before, spoil, last);
    }
    void run(const Unit& unit) override { run(unit, {}, {}, std::nullopt); }

  private:
    void flip(program::TensorId id) {
        const program::Tensor& tensor = program_.tensors[id];
        const std::size_t size = program::size_of(tensor.dtype);
        auto* bytes = const_cast<std::byte*>(data(id)) + fault_->element * size;
        // Of floats the first bit of the fraction, so that rounding does not hide it.
        switch (tensor.dtype) {
            case program::DType::f32:
                bytes[2] ^= std::byte{0x40};
                break;
            case program::DType::f16:
                bytes[1] ^= std::byte{0x02};
                break;
            case program::DType::bf16:
                bytes[0] ^= std::byte{0x40};
                break;
            case program::DType::i32:
            case program::DType::i8:
            case program::DType::u16:
                bytes[0] ^= std::byte{1};
                break;
        }
    }
    const program::Program& program_;
    const std::optional<Fault> fault_;
};

}  // namespace

std::optional<Fault> FaultyReplayer::fault_in(const StageInputs& inputs) const {
    if (!fault_ || fault_->stage != inputs.stage) return std::nullopt;
    if (inputs.stage == Stage::step && fault_->step != inputs.step) return std::nullopt;
    return fault_;
}

void FaultyReplayer::run_stage(const StageInputs& inputs, program::TensorClass cls,
                               std::vector<commit::Buffer>& results) {
    const exact::FloatEnvironment environment;
    std::vector<program::TensorId> ids;
    for (program::TensorId id = 0; id < program().tensors.size(); ++id) {
        if (program().tensors[id].cls == cls) ids.push_back(id);
    }
    FaultyMachine machine(inputs, fault_in(inputs));
    for (const Unit& unit : machine.units()) {
        machine.run(
            unit, {},
            [&](std::uint32_t i) {
                const auto id = program().instructions[i].out.tensor;
                const auto place = std::ranges::find(ids, id);
                if (place == ids.end()) return;
                commit::Buffer& buffer = results[static_cast<std::size_t>(place - ids.begin())];
                std::memcpy(buffer.data(), machine.data(id), buffer.size());
            },
            std::nullopt);
    }
}

void FaultyReplayer::run_init(commit::State& state) {
    StageInputs inputs;
    inputs.program = &program();
    inputs.stage = Stage::init;
    run_stage(inputs, program::TensorClass::state, state.tensors);
}

void FaultyReplayer::run_step(commit::State& state, std::uint32_t round, std::uint32_t lane,
                              std::uint32_t step) {
    const commit::State before = state.clone();
    StageInputs inputs;
    inputs.program = &program();
    inputs.start = &before;
    inputs.dataset = dataset();
    inputs.round = round;
    inputs.lane = lane;
    inputs.step = step;
    run_stage(inputs, program::TensorClass::state, state.tensors);
}

void FaultyReplayer::run_payload(const commit::State& round_start, const commit::State& end,
                                 std::uint32_t round, commit::Payload& out) {
    StageInputs inputs;
    inputs.program = &program();
    inputs.stage = Stage::payload;
    inputs.start = &end;
    inputs.round_start = &round_start;
    inputs.round = round;
    run_stage(inputs, program::TensorClass::payload, out.tensors);
}

void FaultyReplayer::run_merge(commit::State& state,
                               std::span<const commit::Payload* const> members,
                               std::uint32_t round) {
    const commit::State before = state.clone();
    StageInputs inputs;
    inputs.program = &program();
    inputs.stage = Stage::merge;
    inputs.start = &before;
    inputs.members = members;
    inputs.round = round;
    run_stage(inputs, program::TensorClass::state, state.tensors);
}

StageTrace FaultyReplayer::stage(const StageInputs& inputs) {
    FaultyMachine machine(inputs, fault_in(inputs));
    return trace_stage(machine, inputs);
}

UnitTrace FaultyReplayer::unit(const StageInputs& inputs, std::size_t position) {
    FaultyMachine machine(inputs, fault_in(inputs));
    return trace_unit(machine, inputs, position);
}

Evidence FaultyReplayer::evidence(const StageInputs& inputs, StageTrace stage, UnitTrace unit,
                                  std::size_t position, std::uint32_t instruction,
                                  const base::Hash& round_start_descriptor) {
    FaultyMachine machine(inputs, fault_in(inputs));
    return collect_evidence(machine, inputs, std::move(stage), std::move(unit), position,
                            instruction, round_start_descriptor, 1);
}

}  // namespace assay::faults
