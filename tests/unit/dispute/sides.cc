#include "sides.h"

#include <algorithm>
#include <cstring>

#include "../runtime/jobs.h"
#include "base/check.h"
#include "base/chunk_tree.h"
#include "base/encoding.h"
#include "exact/environment.h"
#include "machine.h"
#include "market/commitment.h"

namespace assay::dispute::testing {

using market::GameStage;
using program::TensorClass;

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

std::optional<Fault> ScalarReplayer::fault_in(const StageInputs& inputs) const {
    if (!fault_ || fault_->stage != inputs.stage) return std::nullopt;
    if (inputs.stage == Stage::step && fault_->step != inputs.step) return std::nullopt;
    return fault_;
}

void ScalarReplayer::run_stage(const StageInputs& inputs, TensorClass cls,
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

void ScalarReplayer::run_init(commit::State& state) {
    StageInputs inputs;
    inputs.program = &program();
    inputs.stage = Stage::init;
    run_stage(inputs, TensorClass::state, state.tensors);
}

void ScalarReplayer::run_step(commit::State& state, std::uint32_t round, std::uint32_t lane,
                              std::uint32_t step) {
    const commit::State before = state.clone();
    StageInputs inputs;
    inputs.program = &program();
    inputs.start = &before;
    inputs.dataset = dataset();
    inputs.round = round;
    inputs.lane = lane;
    inputs.step = step;
    run_stage(inputs, TensorClass::state, state.tensors);
}

void ScalarReplayer::run_payload(const commit::State& round_start, const commit::State& end,
                                 std::uint32_t round, commit::Payload& out) {
    StageInputs inputs;
    inputs.program = &program();
    inputs.stage = Stage::payload;
    inputs.start = &end;
    inputs.round_start = &round_start;
    inputs.round = round;
    run_stage(inputs, TensorClass::payload, out.tensors);
}

void ScalarReplayer::run_merge(commit::State& state,
                               std::span<const commit::Payload* const> members,
                               std::uint32_t round) {
    const commit::State before = state.clone();
    StageInputs inputs;
    inputs.program = &program();
    inputs.stage = Stage::merge;
    inputs.start = &before;
    inputs.members = members;
    inputs.round = round;
    run_stage(inputs, TensorClass::state, state.tensors);
}

StageTrace ScalarReplayer::stage(const StageInputs& inputs) {
    FaultyMachine machine(inputs, fault_in(inputs));
    return trace_stage(machine, inputs);
}

UnitTrace ScalarReplayer::unit(const StageInputs& inputs, std::size_t position) {
    FaultyMachine machine(inputs, fault_in(inputs));
    return trace_unit(machine, inputs, position);
}

Evidence ScalarReplayer::evidence(const StageInputs& inputs, StageTrace stage, UnitTrace unit,
                                  std::size_t position, std::uint32_t instruction,
                                  const base::Hash& round_start_descriptor) {
    FaultyMachine machine(inputs, fault_in(inputs));
    return collect_evidence(machine, inputs, std::move(stage), std::move(unit), position,
                            instruction, round_start_descriptor, 1);
}

tl::expected<commit::State, std::string> FixtureData::start_state() {
    return from_stepped_ ? fixture_.stepped.clone() : fixture_.start.clone();
}

tl::expected<commit::State, std::string> FixtureData::round_start_state() {
    return fixture_.start.clone();
}

tl::expected<commit::Payload, std::string> FixtureData::payload(std::size_t member) {
    commit::Payload payload = commit::Payload::zeros(fixture_.program);
    for (std::size_t i = 0; i < payload.tensors.size(); ++i)
        payload.tensors[i] = fixture_.payloads.at(member).tensors[i].clone();
    return payload;
}

market::JobSpec with_data(market::JobSpec spec) {
    base::Encoder encoder;
    for (const std::uint32_t word : runtime::testing::words_for(spec)) encoder.u32(word);
    const base::BlobRoot blob = base::blob_root(encoder.view());
    if (auto* tokens = std::get_if<market::TokenData>(&spec.data)) {
        tokens->blob = blob;
    } else {
        std::get<market::TableData>(spec.data).blob = blob;
    }
    return spec;
}

Arena::Arena(const market::JobSpec& spec, GameStage stage, std::uint32_t steps, bool closes_round,
             bool from_stepped)
    : fixture(with_data(spec)),
      data(fixture, stage == GameStage::segment && from_stepped),
      honest(fixture) {
    const base::Hash opening = commit::state_root(fixture.program, fixture.start, fixture.opening);
    subject.spec = market::encode_spec(with_data(spec));
    subject.program_root = fixture.program_root;
    subject.stage = stage;
    switch (stage) {
        case GameStage::init:
            break;
        case GameStage::segment:
            subject.lane = 1;
            subject.first_step = from_stepped ? 1 : 0;
            subject.steps = steps;
            subject.closes_round = closes_round;
            subject.round_start_root = opening;
            subject.start_root = from_stepped ? commit::state_root(fixture.program, fixture.stepped,
                                                                   fixture.after_step)
                                              : opening;
            break;
        case GameStage::merge:
            subject.round_start_root = subject.start_root = opening;
            for (const commit::Payload& payload : fixture.payloads)
                subject.payload_roots.push_back(commit::payload_root(fixture.program, payload));
            break;
    }
    truth = history_of(honest);
}

std::unique_ptr<History> Arena::history_of(Replayer& replayer) const {
    return std::make_unique<History>(terms_of(subject), replayer, data,
                                     HistoryOptions{{}, 8, 10'000});
}

market::GameSubject Arena::asserted_by(History& history) const {
    market::GameSubject asserted = subject;
    PostStatement statement;
    statement.state_root = *history.root_after(terms_of(subject).steps);
    if (subject.closes_round) statement.payload_root = *history.payload_root();
    asserted.asserted = field_of(terms_of(subject), statement);
    return asserted;
}

Outcome play_out(const market::GameSubject& subject, Player& asserter, Player& challenger) {
    const LedgerReferee referee;
    market::GameStatus status = referee.open(subject);
    Outcome outcome;
    while (!status.winner && outcome.moves.size() < 100) {
        const bool posts = status.turn == Side::asserter;
        auto decision = (posts ? asserter : challenger).next(status.game);
        if (!decision) {
            outcome.failure = std::string(posts ? "asserter: " : "challenger: ") +
                              std::string(name_of(decision.error().error)) + " " +
                              decision.error().detail;
            return outcome;
        }
        (posts ? outcome.asserter : outcome.challenger) = decision->ground;
        auto next = referee.play(status.game, status.turn, encode_move(decision->move));
        outcome.moves.push_back(std::move(decision->move));
        if (!next) {
            outcome.failure = "move " + std::to_string(outcome.moves.back().index()) +
                              " refused: " + std::to_string(int(next.error()));
            return outcome;
        }
        status = std::move(*next);
    }
    outcome.winner = status.winner;
    outcome.traced = status.traced;
    return outcome;
}

}  // namespace assay::dispute::testing
