#include <time.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "base/merkle.h"
#include "dispute/bounds.h"
#include "dispute/referee.h"
#include "dispute_program.h"
#include "dispute_trace.h"
#include "program/record.h"
#include "prover/evidence.h"

/// What a judgement costs for a GPT-2 of 124 million parameters: bytes of openings and the
/// referee's time, per kind of instruction. Operands are made up, at full size. Recorded, never
/// gating.
namespace assay::dispute {
namespace {

using program::TensorClass;
using program::TensorId;

constexpr int kTries = 9;
constexpr std::uint32_t kBatch = 8, kMembers = 4;
constexpr std::uint64_t kBytesMax = 64 * 1024;
constexpr double kMillisecondsMax = 10;

constexpr const char* kHelp =
    "Usage: dispute_bench            openings and judgements\n"
    "       dispute_bench trace ...  traces of a step\n"
    "Opens claims about every form of instruction of a GPT-2 124M program over made-up operands of "
    "full size (about 1.5 GB of memory) and\n"
    "judges them: bytes of the openings, processor time of the referee (best of 9), the party's "
    "time for a cell's partial states and for\n"
    "the openings. Operands are ordinary, then such that products and sums are subnormal wherever "
    "they can be, then laden with NaN and\n"
    "infinities. Exits with 1 where an instruction passes 64 KiB or 10 ms, or a judgement does not "
    "come about.\n";

/// What operands are filled with.
enum class Filling { ordinary, subnormal, nan };
constexpr Filling kFillings[] = {Filling::ordinary, Filling::subnormal, Filling::nan};

double cpu_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

/// Ordinary: [-1, 1). Subnormal: +-2^-63 (1 + r), whose products are about 2^-126 and cancel to
/// subnormals; a sixteenth subnormal itself. NaN: a quarter NaN of any sign and payload, a
/// sixteenth infinite.
float some_f32(Filling filling, std::uint32_t word) {
    const float share = static_cast<float>(word >> 8U) * 0x1p-23F;
    switch (filling) {
        case Filling::ordinary:
            break;
        case Filling::subnormal:
            if ((word & 15U) == 0) return std::bit_cast<float>(word & 0x7fffffU);
            return ((word & 16U) != 0 ? -0x1p-63F : 0x1p-63F) * (1.0F + share / 2);
        case Filling::nan:
            if ((word & 3U) == 0) return std::bit_cast<float>(word | 0x7f800001U);
            if ((word & 15U) == 1) return std::bit_cast<float>((word & 0x80000000U) | 0x7f800000U);
            break;
    }
    return share - 1.0F;
}

std::uint16_t some_half(Filling filling, bool bf16, std::uint32_t word) {
    const std::uint32_t exponent = bf16 ? 0x7f80U : 0x7c00U;
    const std::uint32_t rest = word & 0xffffU & ~exponent;
    switch (filling) {
        case Filling::ordinary:
            break;
        case Filling::subnormal:
            return static_cast<std::uint16_t>(rest);
        case Filling::nan:
            if ((word >> 16U & 3U) == 0) return static_cast<std::uint16_t>(rest | exponent | 1U);
            break;
    }
    return static_cast<std::uint16_t>(rest | (bf16 ? 0x3f00U : 0x3800U));
}

/// A pattern of about a megabyte, repeated: what a cell reads is varied enough.
void fill(const program::Tensor& tensor, Filling filling, commit::Buffer& buffer,
          Numbers& numbers) {
    constexpr std::size_t kPattern = 1'000'003 * sizeof(std::uint32_t);
    const std::size_t bytes = std::min(buffer.size(), kPattern);
    std::byte* to = buffer.data();
    switch (tensor.dtype) {
        case program::DType::i32:
            for (std::size_t i = 0; i < bytes / 4; ++i)
                buffer.i32()[i] = static_cast<std::int32_t>(numbers.next() % kVocabulary);
            break;
        case program::DType::f32:
            for (std::size_t i = 0; i < bytes / 4; ++i)
                buffer.f32()[i] = some_f32(filling, numbers.next());
            break;
        case program::DType::f16:
        case program::DType::bf16:
            for (std::size_t i = 0; i < bytes / 2; ++i) {
                const std::uint16_t half =
                    some_half(filling, tensor.dtype == program::DType::bf16, numbers.next());
                std::memcpy(to + 2 * i, &half, sizeof half);
            }
            break;
        case program::DType::i8:
        case program::DType::u16:
            for (std::size_t i = 0; i < bytes; ++i) to[i] = static_cast<std::byte>(numbers.next());
            break;
    }
    for (std::size_t done = bytes; done < buffer.size(); done += bytes)
        std::memcpy(to + done, to, std::min(bytes, buffer.size() - done));
}

Stage stage_of(program::Part part) {
    switch (part) {
        case program::Part::init:
            return Stage::init;
        case program::Part::prologue:
        case program::Part::sequence:
        case program::Part::update:
            return Stage::step;
        case program::Part::payload:
            return Stage::payload;
        case program::Part::merge_lane:
        case program::Part::merge:
            break;
    }
    return Stage::merge;
}

std::vector<base::Hash> some_hashes(std::size_t count) {
    std::vector<base::Hash> hashes;
    for (std::size_t i = 0; i < count; ++i)
        hashes.push_back(base::Hasher("assay.test").add_u64(i).finish());
    return hashes;
}

base::Hash root_of(const Program& program, const Evidence::Operand& operand) {
    return commit::tensor_root(program.tensors[operand.tensor], operand.elements.data());
}

/// Puts the root of a made-up operand where an honest trace has it, at a place of its own.
void enter_root(const Program& program, std::uint32_t number, const Evidence::Operand& operand,
                Evidence& evidence) {
    const program::Tensor& tensor = program.tensors[operand.tensor];
    const auto [first, last] = program.range(program.instructions[number].part);
    const base::Hash root = root_of(program, operand);
    const std::size_t place = 1 + evidence.operands.size();
    switch (tensor.cls) {
        case TensorClass::accumulator:
            if (evidence.position > 0)
                evidence.stage.accumulators[evidence.position - 1][place] = root;
            break;
        case TensorClass::state:
            if (!evidence.state.empty()) evidence.state[place] = root;
            break;
        case TensorClass::round_start:
            evidence.round_start[place] =
                commit::tensor_root(program.tensors[tensor.start_of], operand.elements.data());
            break;
        case TensorClass::payload:
            if (!evidence.payload.empty()) evidence.payload[place] = root;
            break;
        case TensorClass::frozen:
        case TensorClass::constant:
        case TensorClass::table:
        case TensorClass::data:
        case TensorClass::value:
            break;
    }
    for (std::uint32_t i = first; i < last; ++i) {
        if (program.instructions[i].out.tensor == operand.tensor && i != number)
            evidence.unit.outputs[i - first] = root;
    }
}

/// Evidence about an instruction in which every operand is made up.
Evidence make_evidence(const Program& program, std::uint32_t number, Filling filling,
                       std::span<const std::uint32_t> tokens) {
    using program::Part;
    const program::Instruction& instruction = program.instructions[number];
    const auto [first, last] = program.range(instruction.part);
    Numbers numbers;
    Evidence evidence;
    evidence.stage.units = units_of(program, stage_of(instruction.part), kMembers);
    evidence.stage.leaves = some_hashes(evidence.stage.units.size());
    evidence.position = is_loop(instruction.part) ? 3 : evidence.stage.units.size() - 1;
    evidence.unit.unit = evidence.stage.units[evidence.position];
    evidence.unit.outputs = some_hashes(last - first);
    evidence.instruction = number;
    evidence.stage.accumulators.resize(evidence.stage.units.size());
    if (evidence.position > 0)
        evidence.stage.accumulators[evidence.position - 1] = some_hashes(150);
    const std::size_t leaves = 1 + program.state_tensors().size();
    if (instruction.part != Part::init) evidence.state = some_hashes(leaves);
    if (instruction.part == Part::payload) evidence.round_start = some_hashes(leaves);
    if (instruction.part == Part::merge_lane)
        evidence.payload = some_hashes(3 * program.weight_tensors().size());
    evidence.dataset = {tokens, kTrainTokens, 1};
    std::vector<TensorId> ids;
    for (const program::View& view : instruction.in) ids.push_back(view.tensor);
    if (program.tensors[instruction.out.tensor].cls == TensorClass::accumulator)
        ids.push_back(instruction.out.tensor);
    for (const TensorId id : ids) {
        const program::Tensor& tensor = program.tensors[id];
        if (std::ranges::any_of(evidence.operands,
                                [id](const auto& operand) { return operand.tensor == id; }))
            continue;
        Evidence::Operand operand{id, commit::Buffer(std::size_t{tensor.rows} * tensor.cols *
                                                     program::size_of(tensor.dtype))};
        fill(tensor, filling, operand.elements, numbers);
        for (const program::Table& table : program.tables) {
            if (table.tensor == id)
                std::memcpy(operand.elements.data(), table.values.data(), operand.elements.size());
        }
        for (const program::Constant& constant : program.constants) {
            if (constant.tensor == id)
                std::memcpy(operand.elements.data(), constant.bits.data(), operand.elements.size());
        }
        enter_root(program, number, operand, evidence);
        evidence.operands.push_back(std::move(operand));
    }
    const program::Tensor& out = program.tensors[instruction.out.tensor];
    evidence.output =
        commit::Buffer(std::size_t{out.rows} * out.cols * program::size_of(out.dtype));
    evidence.unit.outputs[number - first] = commit::tensor_root(out, evidence.output.data());
    if (evidence.position > 0) {
        const std::size_t before = evidence.position - 1;
        evidence.stage.leaves[before] = loop_leaf(
            {}, evidence.stage.units[before],
            base::merkle_root(base::MerkleFamily::blake2b, evidence.stage.accumulators[before]));
    }
    return evidence;
}

struct Cost {
    std::size_t bytes = 0;
    double judge_ms = 0;  ///< the referee
    double states_ms = 0,
           open_ms =
               0;  ///< the party: a cell's partial states and their tree; openings of one claim
    std::string error;
};

/// The dearest of the first, a middle and the last steps of the tensor's first, middle and last
/// tiles.
Cost measure(const Program& program, const ProgramRecords& records, std::uint32_t number,
             Filling filling, std::span<const std::uint32_t> tokens, const base::BlobRoot& data) {
    const Evidence evidence = make_evidence(program, number, filling, tokens);
    const program::Instruction& instruction = program.instructions[number];
    const std::vector<const commit::Payload*> members(kMembers);
    StageInputs inputs;
    inputs.program = &program;
    inputs.stage = stage_of(instruction.part);
    inputs.step = inputs.stage == Stage::step ? 5 : 0;
    if (inputs.stage == Stage::merge) inputs.members = members;
    const Facts facts = facts_of(program, records, inputs, evidence, data);
    const program::Tensor& out = program.tensors[instruction.out.tensor];
    const std::uint32_t across = (out.cols + 31) / 32, down = (out.rows + 31) / 32;
    Cost dearest;
    for (const std::uint32_t tile :
         std::set{0U, down / 2 * across + across / 2, down * across - 1}) {
        Claim claim;
        claim.instruction = number;
        claim.tile = tile;
        while (claim.item < instruction.items && !cell_of(instruction, out, claim.tile, claim.item))
            ++claim.item;
        if (claim.item == instruction.items) continue;  // padding
        const exact::Cell cell = *cell_of(instruction, out, claim.tile, claim.item);
        std::vector<PartialState> states;
        if (narrows(instruction.kind)) {
            const double begin = cpu_ms();
            states = partial_states(program, records, evidence, facts, cell);
            claim.partial_root = partial_root(states);
            dearest.states_ms = std::max(dearest.states_ms, cpu_ms() - begin);
        }
        const std::uint32_t steps = steps_of(instruction, cell);
        for (const std::uint32_t step : std::set{0U, steps / 2, steps - 1}) {
            claim.step = step;
            const double begin = cpu_ms();
            const base::Bytes bytes =
                encode_openings(open_claim(program, records, evidence, facts, claim, states));
            dearest.open_ms = std::max(dearest.open_ms, cpu_ms() - begin);
            double best = 1e9;
            for (int i = 0; i < kTries; ++i) {
                const double start = cpu_ms();
                const auto verdict = judge(facts, claim, bytes);
                best = std::min(best, cpu_ms() - start);
                if (!verdict) {
                    dearest.error = std::string(name_of(verdict.error()));
                    break;
                }
            }
            dearest.bytes = std::max(dearest.bytes, bytes.size());
            dearest.judge_ms = std::max(dearest.judge_ms, best);
        }
    }
    return dearest;
}

/// Equal for instructions that differ only in which layer they belong to.
std::string form_of(const Program& program, const program::Instruction& instruction) {
    program::Instruction form = instruction;
    std::string key;
    const auto add = [&](program::View& view) {
        const program::Tensor& tensor = program.tensors[view.tensor];
        for (const auto part : {static_cast<std::uint32_t>(tensor.cls),
                                static_cast<std::uint32_t>(tensor.dtype), tensor.rows, tensor.cols})
            key += std::to_string(part) + ",";
        view.tensor = 0;
    };
    add(form.out);
    for (program::View& view : form.in) add(view);
    form.stream = 0;
    const base::Bytes record = program::instruction_record(form);
    return key.append(record.begin(), record.end());
}

std::string kind_of(const program::Instruction& instruction) {
    switch (instruction.kind) {
        case program::Kind::load:
            return "load";
        case program::Kind::random:
            return "random";
        case program::Kind::gather:
            return "gather";
        case program::Kind::scatter_add:
            return "scatter_add";
        case program::Kind::map:
            return "map";
        case program::Kind::matmul:
            return instruction.k_band.open() && instruction.out_band.open() ? "matmul"
                                                                            : "matmul, band";
        case program::Kind::reduce:
            break;
    }
    switch (instruction.reduce) {
        case program::ReduceOp::sum:
            return "reduce sum";
        case program::ReduceOp::dot:
            return "reduce dot";
        case program::ReduceOp::max:
            break;
    }
    return "reduce max";
}

/// The worst of a kind.
struct Worst {
    std::size_t forms = 0, bytes = 0;
    double ms[std::size(kFillings)] = {}, slowest = 0, states_ms = 0, open_ms = 0;
    std::string largest_output, slowest_output;
};

/// Adds one instruction to the worst of its kind; false where it breaks a bound.
bool add_instruction(const Program& program, const ProgramRecords& records, std::uint32_t number,
                     std::span<const std::uint32_t> tokens, const base::BlobRoot& data,
                     Worst& worst) {
    const std::string& output = program.tensors[program.instructions[number].out.tensor].name;
    bool holds = true;
    ++worst.forms;
    for (std::size_t f = 0; f < std::size(kFillings); ++f) {
        const Cost cost = measure(program, records, number, kFillings[f], tokens, data);
        const std::uint64_t bound = opening_bytes_max(program, records.frame, number);
        if (!cost.error.empty() || cost.bytes > bound || bound > kBytesMax ||
            cost.judge_ms > kMillisecondsMax) {
            std::printf(
                "BROKEN: instruction %u (%s), filling %zu: %zu bytes, bound %llu, %.3f ms, %s\n",
                number, output.c_str(), f, cost.bytes, static_cast<unsigned long long>(bound),
                cost.judge_ms, cost.error.empty() ? "judged" : cost.error.c_str());
            holds = false;
        }
        if (cost.bytes > worst.bytes) {
            worst.bytes = cost.bytes;
            worst.largest_output = output;
        }
        if (cost.judge_ms > worst.slowest) {
            worst.slowest = cost.judge_ms;
            worst.slowest_output = output;
        }
        worst.ms[f] = std::max(worst.ms[f], cost.judge_ms);
        worst.states_ms = std::max(worst.states_ms, cost.states_ms);
        worst.open_ms = std::max(worst.open_ms, cost.open_ms);
    }
    return holds;
}

int run() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const Program program = gpt2(kBatch, 1024);
    const ProgramRecords records(program);
    const std::vector<std::uint32_t> tokens = some_tokens();
    base::Bytes blob;
    for (const std::uint32_t token : tokens) {
        for (unsigned shift = 0; shift < 32; shift += 8)
            blob.push_back(static_cast<std::uint8_t>(token >> shift));
    }
    const base::BlobRoot data = base::blob_root(blob);
    std::printf("%zu tensors, %zu instructions; frame %zu bytes\n", program.tensors.size(),
                program.instructions.size(), open_frame(records).size());
    std::uint64_t most = 0;
    for (std::uint32_t i = 0; i < program.instructions.size(); ++i)
        most = std::max(most, opening_bytes_max(program, records.frame, i));
    std::printf("bound of all instructions: %llu bytes\n", static_cast<unsigned long long>(most));
    std::map<std::string, Worst> kinds;
    std::set<std::string> forms;
    bool holds = most <= kBytesMax;
    for (std::uint32_t i = 0; i < program.instructions.size(); ++i) {
        if (!forms.insert(form_of(program, program.instructions[i])).second) continue;
        holds = add_instruction(program, records, i, tokens, data,
                                kinds[kind_of(program.instructions[i])]) &&
                holds;
    }
    std::printf(
        "%zu forms of instruction; of each kind the worst, bytes of openings, then milliseconds\n",
        forms.size());
    std::printf(
        "| kind | forms | bytes | of | ordinary | subnormal | NaN | slowest | partial states | "
        "opening |\n");
    std::printf("|---|---:|---:|---|---:|---:|---:|---|---:|---:|\n");
    for (const auto& [kind, worst] : kinds) {
        std::printf("| %s | %zu | %zu | `%s` | %.3f | %.3f | %.3f | `%s` | %.0f | %.0f |\n",
                    kind.c_str(), worst.forms, worst.bytes, worst.largest_output.c_str(),
                    worst.ms[0], worst.ms[1], worst.ms[2], worst.slowest_output.c_str(),
                    worst.states_ms, worst.open_ms);
    }
    std::puts(holds ? "within 64 KiB and 10 ms" : "OUT OF BOUNDS");
    return holds ? 0 : 1;
}

}  // namespace
}  // namespace assay::dispute

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "trace") == 0)
        return assay::dispute::run_trace(argc - 2, argv + 2);
    if (argc > 1) {
        const bool help =
            argc == 2 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0);
        std::fputs(assay::dispute::kHelp, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    return assay::dispute::run();
}
