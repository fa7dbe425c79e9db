#include "fixture.h"

#include <cstring>
#include <fstream>

#include "../runtime/jobs.h"
#include "base/check.h"
#include "exact/environment.h"
#include "exact/reference_step.h"
#include "program/builder.h"

namespace assay::dispute::testing {

using exact::ReferenceMachine;
using program::Program;

namespace {

using TensorBytes = std::vector<std::vector<std::byte>>;

Program built(const market::JobSpec& spec) {
    auto program = program::build_program(spec);
    ASSAY_CHECK(program.has_value());
    return std::move(*program);
}

template <class Tensors>
void fill(Tensors& target, const TensorBytes& bytes) {
    ASSAY_CHECK(target.tensors.size() == bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i)
        std::memcpy(target.tensors[i].data(), bytes[i].data(), bytes[i].size());
}

template <class Tensors>
TensorBytes bytes_of(const Tensors& source) {
    TensorBytes all;
    for (const commit::Buffer& tensor : source.tensors)
        all.emplace_back(tensor.data(), tensor.data() + tensor.size());
    return all;
}

constexpr std::uint32_t kLane = 1;

}  // namespace

market::JobSpec ragged_gpt() {
    market::JobSpec spec = runtime::testing::with_dropout(runtime::testing::ragged_gpt());
    spec.batch = 2;
    return spec;
}

market::JobSpec deep_gpt() {
    market::JobSpec spec = runtime::testing::ragged_gpt();
    auto& model = std::get<market::GptModel>(spec.model);
    model.layers = 1;
    model.heads = 2;
    model.width = 72;
    model.context = 70;
    std::get<market::TokenData>(spec.data).vocabulary = 300;
    spec.batch = 2;
    spec.lanes = spec.rounds = 1;
    return spec;
}

market::JobSpec wide_mlp() {
    market::JobSpec spec = runtime::testing::small_mlp();
    auto& model = std::get<market::MlpModel>(spec.model);
    model.hidden = {270, 40};
    model.rows_per_sequence = 35;
    std::get<market::TableData>(spec.data).features = 37;
    spec.batch = 2;
    return spec;
}

Fixture::Fixture(const market::JobSpec& job)
    : spec(job), program(built(job)), words(runtime::testing::words_for(job)) {
    dataset.words = words;
    if (const auto* tokens = std::get_if<market::TokenData>(&spec.data)) {
        dataset.train_count = tokens->train_tokens;
    } else {
        dataset.train_count = std::get<market::TableData>(spec.data).train_rows;
        dataset.row_words = std::get<market::TableData>(spec.data).features + 1;
    }
    spec_root = market::spec_root(market::encode_spec(spec));
    program_root = program::program_root(program);

    const exact::FloatEnvironment environment;
    ReferenceMachine machine(program);
    machine.run_init();
    start = commit::State::zeros(program);
    fill(start, machine.state());
    opening.spec_root = after_step.spec_root = spec_root;
    opening.program_root = after_step.program_root = program_root;
    opening.lane = commit::kOpeningLane;
    after_step.lane = kLane;
    after_step.step = 1;
    after_step.round_start_root = commit::state_root(program, start, opening);
    stepped = commit::State::zeros(program);
    for (std::uint32_t lane = 0; lane < 2; ++lane) {
        machine.set_state(bytes_of(start));
        machine.open_round();
        machine.run_step(dataset, 0, lane, 0);
        if (lane == kLane || spec.lanes == 1) fill(stepped, machine.state());
        if (spec.lanes == 1) return;
        machine.run_payload(0);
        payloads.push_back(commit::Payload::zeros(program));
        fill(payloads.back(), machine.payload());
    }
    for (const commit::Payload& payload : payloads) members.push_back(&payload);
}

StageInputs Fixture::inputs(Stage stage) const {
    StageInputs inputs;
    inputs.program = &program;
    inputs.stage = stage;
    inputs.dataset = dataset;
    switch (stage) {
        case Stage::init:
            break;
        case Stage::step:
            inputs.start = &stepped;
            inputs.lane = kLane;
            inputs.step = 1;
            inputs.descriptor = commit::descriptor_leaf(after_step);
            break;
        case Stage::payload:
            inputs.start = &stepped;
            inputs.round_start = &start;
            inputs.lane = kLane;
            inputs.descriptor = commit::descriptor_leaf(after_step);
            break;
        case Stage::merge:
            inputs.start = &start;
            inputs.members = members;
            inputs.descriptor = commit::descriptor_leaf(opening);
            break;
    }
    return inputs;
}

TensorBytes Fixture::expected(Stage stage) const {
    const exact::FloatEnvironment environment;
    ReferenceMachine machine(program);
    switch (stage) {
        case Stage::init:
            machine.run_init();
            return machine.state();
        case Stage::step:
            machine.set_state(bytes_of(stepped));
            machine.run_step(dataset, 0, kLane, 1);
            return machine.state();
        case Stage::payload:
            return bytes_of(payloads[kLane]);
        case Stage::merge: {
            machine.set_state(bytes_of(start));
            machine.open_round();
            std::vector<TensorBytes> all;
            for (const commit::Payload& payload : payloads) all.push_back(bytes_of(payload));
            machine.run_merge(all, 0);
            return machine.state();
        }
    }
    return {};
}

std::map<std::string, std::string> golden_of(const std::string& page) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/" + page);
    std::map<std::string, std::string> values;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("```")) {
            inside = line == "```golden";
        } else if (inside) {
            const std::size_t space = line.find(' ');
            values[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
        }
    }
    return values;
}

}  // namespace assay::dispute::testing
