#include <time.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "base/merkle.h"
#include "dispute/bounds.h"
#include "prover/evidence.h"
#include "dispute/referee.h"
#include "program/builder.h"

/// What a judgement costs for a GPT-2 of 124 million parameters: bytes of openings and the referee's time, per kind of instruction.
/// Operands are made up, at full size. Recorded, never gating.
namespace assay::dispute {
namespace {

using program::Program;
using program::TensorClass;
using program::TensorId;

constexpr int kTries = 9;
constexpr std::uint32_t kBatch = 8;
constexpr std::uint64_t kTokens = 1'000'000;

constexpr const char* kHelp =
    "Usage: dispute_bench\n"
    "Opens claims about instructions of a GPT-2 124M program over made-up operands of full size (about 1.5 GB of memory) and judges\n"
    "them: bytes of the openings, their bound for any claim about the instruction, and processor time of the referee, best of 9.\n"
    "Operands are ordinary, then such that products and sums are subnormal wherever they can be.\n";

double cpu_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

Program gpt2() {
    market::GptModel model;
    model.layers = 12;
    model.heads = 12;
    model.width = 768;
    model.context = 1024;
    model.dropout_ppb = 100'000'000;
    market::TokenData data;
    data.tokens = kTokens;
    data.train_tokens = kTokens / 10 * 9;
    data.vocabulary = 50'257;
    data.tokeniser = market::Tokeniser::pretokenised;
    market::JobSpec spec;
    spec.model = model;
    spec.data = data;
    spec.batch = kBatch;
    spec.lanes = 4;
    spec.rounds = 10;
    spec.round_steps = 100;
    spec.segment_steps = 10;
    auto program = program::build_program(spec);
    ASSAY_CHECK(program.has_value());
    return std::move(*program);
}

class Numbers {
  public:
    std::uint32_t next() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(state_ >> 33U);
    }

  private:
    std::uint64_t state_ = 7;
};

/// Ordinary: [-1, 1). Hostile: +-2^-63 (1 + r), whose products are about 2^-126 and cancel to subnormals; a tenth subnormal itself.
void fill(const program::Tensor& tensor, bool hostile, commit::Buffer& buffer, Numbers& numbers) {
    const std::size_t elements = std::size_t{tensor.rows} * tensor.cols;
    if (tensor.dtype == program::DType::i32) {
        for (std::size_t i = 0; i < elements; ++i) buffer.i32()[i] = static_cast<std::int32_t>(numbers.next() % 50'257);
        return;
    }
    if (tensor.dtype != program::DType::f32) return;
    for (std::size_t i = 0; i < elements; ++i) {
        const std::uint32_t word = numbers.next();
        const float share = static_cast<float>(word >> 8U) * 0x1p-23F;
        float value = share - 1.0F;
        if (hostile) value = (word & 15U) == 0 ? std::bit_cast<float>(word & 0x7fffffU) : ((word & 16U) != 0 ? -0x1p-63F : 0x1p-63F) * (1.0F + share / 2);
        buffer.f32()[i] = value;
    }
}

std::vector<base::Hash> some_hashes(std::size_t count) {
    std::vector<base::Hash> hashes;
    for (std::size_t i = 0; i < count; ++i) hashes.push_back(base::Hasher("assay.test").add_u64(i).finish());
    return hashes;
}

base::Hash root_of(const Program& program, const Evidence::Operand& operand) {
    return commit::tensor_root(program.tensors[operand.tensor], operand.elements.data());
}

/// Evidence about `instruction` in which every operand is made up and stands where an honest trace has it.
Evidence make_evidence(const Program& program, std::uint32_t number, bool hostile, std::span<const std::uint32_t> tokens) {
    const program::Instruction& instruction = program.instructions[number];
    const auto [first, last] = program.range(instruction.part);
    Numbers numbers;
    Evidence evidence;
    evidence.stage.units = units_of(program, Stage::step, 0);
    evidence.stage.leaves = some_hashes(evidence.stage.units.size());
    evidence.position = instruction.part == program::Part::update ? evidence.stage.units.size() - 1 : 3;
    evidence.unit.unit = evidence.stage.units[evidence.position];
    evidence.unit.outputs = some_hashes(last - first);
    evidence.instruction = number;
    evidence.stage.accumulators.resize(evidence.stage.units.size());
    std::vector<base::Hash>& accumulators = evidence.stage.accumulators[evidence.position - 1];
    accumulators = some_hashes(150);
    evidence.state = some_hashes(1 + program.state_tensors().size());
    evidence.dataset = {tokens, kTokens / 10 * 9, 1};
    std::vector<TensorId> ids;
    for (const program::View& view : instruction.in) ids.push_back(view.tensor);
    if (program.tensors[instruction.out.tensor].cls == TensorClass::accumulator) ids.push_back(instruction.out.tensor);
    for (const TensorId id : ids) {
        const program::Tensor& tensor = program.tensors[id];
        if (std::ranges::any_of(evidence.operands, [id](const auto& operand) { return operand.tensor == id; })) continue;
        Evidence::Operand operand{id, commit::Buffer(std::size_t{tensor.rows} * tensor.cols * program::size_of(tensor.dtype))};
        fill(tensor, hostile, operand.elements, numbers);
        for (const program::Table& table : program.tables) {
            if (table.tensor == id) std::memcpy(operand.elements.data(), table.values.data(), operand.elements.size());
        }
        for (const program::Constant& constant : program.constants) {
            if (constant.tensor == id) std::memcpy(operand.elements.data(), constant.bits.data(), operand.elements.size());
        }
        const base::Hash root = root_of(program, operand);
        if (tensor.cls == TensorClass::accumulator) accumulators[100] = root;
        if (tensor.cls == TensorClass::state) evidence.state[1 + id % program.state_tensors().size()] = root;
        for (std::uint32_t i = first; i < last; ++i) {
            if (program.instructions[i].out.tensor == id && i != number) evidence.unit.outputs[i - first] = root;
        }
        evidence.operands.push_back(std::move(operand));
    }
    const program::Tensor& out = program.tensors[instruction.out.tensor];
    evidence.output = commit::Buffer(std::size_t{out.rows} * out.cols * program::size_of(out.dtype));
    evidence.unit.outputs[number - first] = commit::tensor_root(out, evidence.output.data());
    if (evidence.position > 0) {
        evidence.stage.leaves[evidence.position - 1] =
            loop_leaf({}, evidence.stage.units[evidence.position - 1], base::merkle_root(base::MerkleFamily::blake2b, accumulators));
    }
    return evidence;
}

struct Cost {
    std::size_t bytes = 0;
    double ms = 0;
};

/// The dearest of the first, a middle and the last steps of the tensor's middle tile.
Cost measure(const Program& program, const ProgramRecords& records, std::uint32_t number, bool hostile, std::span<const std::uint32_t> tokens,
             const base::BlobRoot& data) {
    const Evidence evidence = make_evidence(program, number, hostile, tokens);
    StageInputs inputs;
    inputs.program = &program;
    inputs.stage = Stage::step;
    inputs.step = 5;
    const Facts facts = facts_of(program, records, inputs, evidence, data);
    const program::Instruction& instruction = program.instructions[number];
    const program::Tensor& out = program.tensors[instruction.out.tensor];
    const std::uint32_t across = (out.cols + 31) / 32, down = (out.rows + 31) / 32;
    Claim claim;
    claim.instruction = number;
    claim.tile = down / 2 * across + across / 2;
    while (!cell_of(instruction, out, claim.tile, claim.item)) ++claim.item;
    const exact::Cell cell = *cell_of(instruction, out, claim.tile, claim.item);
    std::vector<PartialState> states;
    if (narrows(instruction.kind)) {
        states = partial_states(program, records, evidence, facts, cell);
        claim.partial_root = partial_root(states);
    }
    const std::uint32_t steps = steps_of(instruction, cell);
    Cost dearest;
    for (const std::uint32_t step : {0U, steps / 2, steps - 1}) {
        claim.step = step;
        const base::Bytes bytes = encode_openings(open_claim(program, records, evidence, facts, claim, states));
        double best = 1e9;
        for (int i = 0; i < kTries; ++i) {
            const double begin = cpu_ms();
            const auto verdict = judge(facts, claim, bytes);
            best = std::min(best, cpu_ms() - begin);
            if (!verdict) {
                std::printf("%s: %s\n", out.name.c_str(), std::string(name_of(verdict.error())).c_str());
                break;
            }
        }
        dearest.bytes = std::max(dearest.bytes, bytes.size());
        dearest.ms = std::max(dearest.ms, best);
    }
    return dearest;
}

int run() {
    const Program program = gpt2();
    const ProgramRecords records(program);
    std::vector<std::uint32_t> tokens(kTokens);
    Numbers numbers;
    base::Bytes blob;
    for (std::uint32_t& token : tokens) {
        token = numbers.next() % 50'257;
        for (unsigned shift = 0; shift < 32; shift += 8) blob.push_back(static_cast<std::uint8_t>(token >> shift));
    }
    const base::BlobRoot data = base::blob_root(blob);
    std::printf("%zu tensors, %zu instructions; frame %zu bytes\n", program.tensors.size(), program.instructions.size(), open_frame(records).size());
    std::uint64_t most = 0;
    for (std::uint32_t i = 0; i < program.instructions.size(); ++i) most = std::max(most, opening_bytes_max(program, records.frame, i));
    std::printf("bound of all instructions: %llu bytes\n", static_cast<unsigned long long>(most));
    std::printf("%-12s %-34s %9s %9s %12s %12s\n", "kind", "output", "bytes", "bound", "ms", "ms hostile");
    struct Row {
        const char* kind;
        const char* output;
        program::Part part;
    };
    using program::Part;
    const Row rows[] = {
        {"load", "tokens", Part::sequence},
        {"random", "h.0.attn.mask", Part::sequence},
        {"gather", "embedding.token", Part::sequence},
        {"scatter_add", "grad_embedding.wte.weight", Part::sequence},
        {"map gelu", "h.0.mlp.u", Part::sequence},
        {"map gelu'", "h.0.mlp.df", Part::sequence},
        {"map dscores", "h.0.attn.dscores", Part::sequence},
        {"map adamw", "wte.weight", Part::update},
        {"reduce sum", "head.sum", Part::sequence},
        {"reduce max", "head.max", Part::sequence},
        {"reduce dot", "norm_rows.wte.weight", Part::update},
        {"matmul bias", "h.0.mlp.f", Part::sequence},
        {"matmul deep", "head.dy", Part::sequence},
        {"matmul band", "h.0.attn.mixed", Part::sequence},
        {"matmul +=", "grad.wte.weight", Part::sequence},
    };
    for (const Row& row : rows) {
        const auto [first, last] = program.range(row.part);
        std::uint32_t number = first;
        while (number < last && program.tensors[program.instructions[number].out.tensor].name != row.output) ++number;
        ASSAY_CHECK(number < last);
        const Cost plain = measure(program, records, number, false, tokens, data);
        const Cost hostile = measure(program, records, number, true, tokens, data);
        std::printf("%-12s %-34s %9zu %9llu %12.3f %12.3f\n", row.kind, row.output, std::max(plain.bytes, hostile.bytes),
                    static_cast<unsigned long long>(opening_bytes_max(program, records.frame, number)), plain.ms, hostile.ms);
    }
    return 0;
}

}  // namespace
}  // namespace assay::dispute

int main(int argc, char** argv) {
    if (argc > 1) {
        const bool help = argc == 2 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0);
        std::fputs(assay::dispute::kHelp, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    return assay::dispute::run();
}
