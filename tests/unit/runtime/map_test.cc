#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <set>

#include "exact/environment.h"
#include "exact/reference.h"
#include "jobs.h"
#include "map_code.h"
#include "program/builder.h"

/// Every map of many kinds of jobs on operands that training rarely meets: NaN payloads,
/// infinities, zeros of either sign, subnormals, results that cancel. Each table of kernels,
/// compiled or node by node, against the reference.
namespace assay::runtime {
namespace {

using program::DType;
using program::Instruction;

constexpr std::uint64_t kSeed = 71'077;

class Draw {
  public:
    explicit Draw(std::uint64_t seed) : state_(seed) {}
    std::uint32_t word() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(state_ >> 32U);
    }
    std::uint32_t below(std::uint32_t limit) { return word() % limit; }

  private:
    std::uint64_t state_;
};

std::uint32_t adversarial(Draw& draw, DType type, bool wild) {
    if (type == DType::i32) return draw.below(wild ? 3 : 20) == 0 ? draw.word() : draw.below(40);
    if (type != DType::f32) return draw.word();
    constexpr std::uint32_t kSpecial[] = {0U,          0x80000000U, 0x7f800000U, 0xff800000U,
                                          0x7fc00000U, 0xffc12345U, 0x7f800001U, 1U,
                                          0x80400000U, 0x00800000U, 0x0d800000U, 0x3f800000U};
    const std::uint32_t kind = draw.below(wild ? 4 : 64);
    if (kind == 0) return kSpecial[draw.below(12)];
    if (kind == 1) return draw.word();
    // Magnitudes from 2^-7 to 2^8, so that sums round and cancel.
    return (draw.word() & 0x80ffffffU) | ((120U + draw.below(8)) << 23U);
}

/// Memory of every tensor that the instruction names.
struct Memory {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<exact::TensorMemory> reference;
    Places places;

    Memory(const program::Program& program, const Instruction& instruction, Draw& draw, bool wild)
        : bytes(program.tensors.size()) {
        std::set<program::TensorId> ids{instruction.out.tensor};
        for (const program::View& view : instruction.in) ids.insert(view.tensor);
        for (const program::TensorId id : ids) {
            const program::Tensor& tensor = program.tensors[id];
            const std::size_t size = program::size_of(tensor.dtype);
            bytes[id].resize(std::size_t{tensor.rows} * tensor.cols * size);
            for (std::size_t at = 0; at < bytes[id].size(); at += size) {
                const std::uint32_t word = adversarial(draw, tensor.dtype, wild);
                std::memcpy(bytes[id].data() + at, &word, size);
            }
        }
        place(program);
    }
    void place(const program::Program& program) {
        reference.clear();
        places.base.clear();
        for (std::size_t id = 0; id < bytes.size(); ++id) {
            const program::Tensor& tensor = program.tensors[id];
            std::byte* data = bytes[id].empty() ? nullptr : bytes[id].data();
            reference.push_back({data, tensor.rows, tensor.cols, tensor.dtype});
            places.base.push_back(data);
        }
        places.slot_stride.assign(bytes.size(), 0);
    }
};

std::vector<std::byte> by_reference(const program::Program& program, const Instruction& instruction,
                                    Memory memory, std::uint32_t table_row) {
    memory.place(program);
    exact::ReferenceContext context;
    context.tensors = memory.reference;
    context.table_row = table_row;
    exact::run_reference(program, instruction, context);
    return memory.bytes[instruction.out.tensor];
}

/// In two or three pieces of rows, as threads would take them.
std::vector<std::byte> by_kernels(const program::Program& program, const Instruction& instruction,
                                  const exact::Kernels& kernels, Memory memory,
                                  std::uint32_t table_row, std::uint32_t pieces) {
    memory.place(program);
    const std::uint64_t covered =
        std::uint64_t{instruction.items} * instruction.out.rows * instruction.out.cols;
    std::vector<std::byte>& out = memory.bytes[instruction.out.tensor];
    const program::Tensor& tensor = program.tensors[instruction.out.tensor];
    // Padding between items is the executor's to clear, not the map's.
    if (covered != std::uint64_t{tensor.rows} * tensor.cols) std::ranges::fill(out, std::byte{0});
    const MapCode code(program, instruction, kernels);
    std::vector<float> scratch(kMapScratchFloats);
    Moment moment;
    moment.table_row = table_row;
    for (std::uint32_t item = 0; item < instruction.items; ++item) {
        const auto at = [&](const program::View& view) {
            return rectangle(program, view, item, 0, memory.places, moment);
        };
        std::vector<Rectangle> operands;
        for (const program::View& view : instruction.in) operands.push_back(at(view));
        const Rectangle to = at(instruction.out);
        for (std::uint32_t piece = 0; piece < pieces; ++piece) {
            const std::uint32_t first = to.rows * piece / pieces,
                                last = to.rows * (piece + 1) / pieces;
            if (first < last) code.run(to, operands, first, last, scratch.data());
        }
    }
    return out;
}

/// The first element that differs, or nothing. NaN equals NaN.
std::optional<std::size_t> difference(const std::vector<std::byte>& a,
                                      const std::vector<std::byte>& b, DType type) {
    const std::size_t size = program::size_of(type);
    for (std::size_t at = 0; at < a.size(); at += size) {
        std::uint32_t x = 0, y = 0;
        std::memcpy(&x, a.data() + at, size);
        std::memcpy(&y, b.data() + at, size);
        const auto nan = [](std::uint32_t w) { return (w & 0x7fffffffU) > 0x7f800000U; };
        if (x != y && !(type == DType::f32 && nan(x) && nan(y))) return at / size;
    }
    return std::nullopt;
}

/// Jobs that together have every map the builders make.
std::vector<market::JobSpec> all_kinds() {
    std::vector<market::JobSpec> specs;
    using market::Activation;
    for (const Activation activation :
         {Activation::gelu_tanh, Activation::gelu_erf, Activation::relu, Activation::tanh}) {
        for (const bool rich : {false, true}) {
            market::JobSpec gpt = testing::ragged_gpt();
            auto& model = std::get<market::GptModel>(gpt.model);
            model.activation = activation;
            model.bias = rich;
            model.dropout_ppb = rich ? 200'000'000 : 0;
            gpt.optimizer.clip_norm_ppb = rich ? 1'000'000'000 : 0;
            gpt.merge.moments = rich ? market::MomentRule::average : market::MomentRule::reset;
            market::JobSpec mlp = testing::small_mlp();
            auto& layers = std::get<market::MlpModel>(mlp.model);
            layers.activation = activation;
            layers.dropout_ppb = model.dropout_ppb;
            mlp.optimizer = gpt.optimizer;
            mlp.optimizer.weight_decay_ppb = rich ? 100'000'000 : 0;
            specs.push_back(gpt);
            specs.push_back(mlp);
        }
    }
    return specs;
}

TEST(Maps, EqualTheReferenceOnAnyOperands) {
    const exact::FloatEnvironment environment;
    Draw draw(kSeed);
    std::set<std::string> seen;
    for (const market::JobSpec& spec : all_kinds()) {
        const auto program = program::build_program(spec);
        ASSERT_TRUE(program.has_value());
        for (const Instruction& instruction : program->instructions) {
            if (instruction.kind != program::Kind::map) continue;
            const program::Tensor& tensor = program->tensors[instruction.out.tensor];
            // The same formula on the same shapes and places once is enough.
            std::string key;
            for (const program::Node& node : instruction.expression)
                key += std::to_string(static_cast<int>(node.op)) + "," + std::to_string(node.a) +
                       "," + std::to_string(node.b) + "," + std::to_string(node.c) + "," +
                       std::to_string(node.bits) + ";";
            for (const program::View& view : instruction.in)
                key += std::to_string(view.rows) + "x" + std::to_string(view.cols) + "+" +
                       std::to_string(program->tensors[view.tensor].cols) + ";";
            key +=
                std::to_string(instruction.out.rows) + "x" + std::to_string(instruction.out.cols);
            if (!seen.insert(key).second) continue;
            for (const bool wild : {false, true}) {
                const Memory memory(*program, instruction, draw, wild);
                const std::uint32_t table_row = draw.below(spec.rounds);
                const auto expected = by_reference(*program, instruction, memory, table_row);
                for (const exact::Kernels* kernels : exact::available_kernels()) {
                    for (const std::uint32_t pieces : {1U, 3U}) {
                        const auto actual =
                            by_kernels(*program, instruction, *kernels, memory, table_row, pieces);
                        const auto at = difference(actual, expected, tensor.dtype);
                        ASSERT_FALSE(at.has_value())
                            << tensor.name << " on " << kernels->name << " in " << pieces
                            << " pieces: element " << *at / tensor.cols << ", " << *at % tensor.cols
                            << ", seed " << kSeed;
                    }
                }
            }
        }
    }
    EXPECT_GT(seen.size(), 200U);
    RecordProperty("maps", std::to_string(seen.size()));
}

}  // namespace
}  // namespace assay::runtime
