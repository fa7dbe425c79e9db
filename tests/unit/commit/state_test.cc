#include "commit/state.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/merkle.h"
#include "fixtures.h"

namespace assay::commit {
namespace {

using program::DType;
using program::Tensor;

Tensor tensor_of(DType dtype, std::uint32_t rows, std::uint32_t cols) {
    Tensor tensor;
    tensor.name = std::string("t");
    tensor.cls = program::TensorClass::state;
    tensor.dtype = dtype;
    tensor.rows = rows;
    tensor.cols = cols;
    return tensor;
}

Buffer numbers(std::size_t count) {
    Buffer buffer(count * 4);
    for (std::size_t i = 0; i < count; ++i) buffer.i32()[i] = static_cast<std::int32_t>(i);
    return buffer;
}

State filled(const program::Program& program) {
    State state = State::zeros(program);
    std::uint32_t word = 1;
    for (Buffer& buffer : state.tensors) {
        for (std::size_t i = 0; i < buffer.size() / 4; ++i)
            buffer.f32()[i] = static_cast<float>(word++ % 997) * 0.25F;
    }
    return state;
}

StateDescriptor descriptor_of() {
    StateDescriptor descriptor;
    descriptor.spec_root = base::blake2b("assay.test", base::view_of("spec"));
    descriptor.program_root = base::blake2b("assay.test", base::view_of("program"));
    descriptor.round = 1;
    descriptor.lane = 2;
    descriptor.step = 3;
    return descriptor;
}

TEST(Buffer, IsAlignedAndZeroed) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{1000}}) {
        const Buffer buffer(size);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0U);
        for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(buffer.data()[i], std::byte{0});
        EXPECT_EQ(buffer.clone().size(), size);
    }
}

TEST(TensorRoot, OfOneTileFollowsTheDocument) {
    const Buffer data = numbers(6);
    base::Bytes bytes(24);
    std::memcpy(bytes.data(), data.data(), 24);
    const base::Hash leaf = base::merkle_leaf(base::MerkleFamily::blake2b, bytes);
    base::Hasher hasher("assay.tensor");
    hasher.add_sized(base::view_of("t")).add_u8(2).add_u32(2).add_u32(3).add(leaf);
    EXPECT_EQ(tensor_root(tensor_of(DType::i32, 2, 3), data.data()), hasher.finish());
}

TEST(TensorRoot, CutsRaggedTilesRowMajor) {
    // 33 x 34: four tiles, of 32x32, 32x2, 1x32 and 1x2 elements.
    const Buffer data = numbers(33 * 34);
    const auto leaf_of = [&](std::uint32_t row, std::uint32_t col, std::uint32_t rows,
                             std::uint32_t cols) {
        base::Bytes bytes;
        for (std::uint32_t r = row; r < row + rows; ++r) {
            const auto* from = reinterpret_cast<const std::uint8_t*>(data.i32() + r * 34 + col);
            bytes.insert(bytes.end(), from, from + cols * 4);
        }
        return base::merkle_leaf(base::MerkleFamily::blake2b, bytes);
    };
    const std::vector<base::Hash> leaves{leaf_of(0, 0, 32, 32), leaf_of(0, 32, 32, 2),
                                         leaf_of(32, 0, 1, 32), leaf_of(32, 32, 1, 2)};
    base::Hasher hasher("assay.tensor");
    hasher.add_sized(base::view_of("t")).add_u8(2).add_u32(33).add_u32(34);
    hasher.add(base::merkle_root(base::MerkleFamily::blake2b, leaves));
    EXPECT_EQ(tensor_root(tensor_of(DType::i32, 33, 34), data.data()), hasher.finish());
}

TEST(TensorRoot, HashesEveryNanAsTheCanonicalOne) {
    const std::uint32_t canonical = 0x7fc00000U;
    for (const std::uint32_t bits : {0x7f800001U, 0xffc00000U, 0x7fffffffU, 0xff800001U}) {
        EXPECT_EQ(
            tensor_root(tensor_of(DType::f32, 1, 1), reinterpret_cast<const std::byte*>(&bits)),
            tensor_root(tensor_of(DType::f32, 1, 1),
                        reinterpret_cast<const std::byte*>(&canonical)));
        EXPECT_NE(
            tensor_root(tensor_of(DType::i32, 1, 1), reinterpret_cast<const std::byte*>(&bits)),
            tensor_root(tensor_of(DType::i32, 1, 1),
                        reinterpret_cast<const std::byte*>(&canonical)));
    }
    const auto root16 = [](DType dtype, std::uint16_t bits) {
        return tensor_root(tensor_of(dtype, 1, 1), reinterpret_cast<const std::byte*>(&bits));
    };
    EXPECT_EQ(root16(DType::bf16, 0xffc1), root16(DType::bf16, 0x7fc0));
    EXPECT_EQ(root16(DType::f16, 0xfc01), root16(DType::f16, 0x7e00));
    EXPECT_NE(root16(DType::u16, 0xfc01), root16(DType::u16, 0x7e00));
    EXPECT_NE(root16(DType::f16, 0x7f81), root16(DType::f16, 0x7c00)) << "NaN is not infinity";
    EXPECT_NE(root16(DType::bf16, 0x7f80), root16(DType::bf16, 0x7fc0)) << "infinity is not NaN";
}

TEST(TensorRoot, TellsMinusZeroNameTypeAndShapeApart) {
    const std::uint32_t zeros[4] = {0, 0, 0, 0}, minus[4] = {0x80000000U, 0, 0, 0};
    const auto* data = reinterpret_cast<const std::byte*>(zeros);
    const base::Hash root = tensor_root(tensor_of(DType::f32, 2, 2), data);
    EXPECT_NE(root,
              tensor_root(tensor_of(DType::f32, 2, 2), reinterpret_cast<const std::byte*>(minus)));
    EXPECT_NE(root, tensor_root(tensor_of(DType::i32, 2, 2), data));
    EXPECT_NE(root, tensor_root(tensor_of(DType::f32, 1, 4), data));
    EXPECT_NE(root, tensor_root(tensor_of(DType::f32, 4, 1), data));
    Tensor named = tensor_of(DType::f32, 2, 2);
    named.name = std::string("u");
    EXPECT_NE(root, tensor_root(named, data));
}

TEST(StateRoot, DoesNotDependOnThreads) {
    const program::Program program = program_of(small_gpt());
    const State state = filled(program);
    const base::Hash root = state_root(program, state, descriptor_of(), 1);
    for (const unsigned threads : {0U, 2U, 3U, 5U, 8U})
        EXPECT_EQ(root, state_root(program, state, descriptor_of(), threads));
    EXPECT_EQ(root, state_root(program, state.clone(), descriptor_of(), 2));
}

TEST(StateRoot, IsTheTreeOverTensorRootsWhenManyTilesAreSpread) {
    // More tiles than one thread takes, tensors that share a piece of work, an empty one, and
    // ragged edges.
    program::Program program;
    program.tensors = {tensor_of(DType::f32, 1, 70),       tensor_of(DType::i8, 2050, 1030),
                       tensor_of(DType::f32, 0, 5),        tensor_of(DType::f32, 33, 64),
                       tensor_of(DType::bf16, 1025, 1025), tensor_of(DType::f32, 1, 1),
                       tensor_of(DType::i8, 4096, 33)};
    State state = State::zeros(program);
    std::uint32_t word = 1;
    for (Buffer& buffer : state.tensors) {
        for (std::size_t i = 0; i < buffer.size(); ++i)
            buffer.data()[i] =
                static_cast<std::byte>((word = word * 1664525U + 1013904223U) >> 24U);
    }
    const auto descriptor = base::hash_from_hex(golden_of("state.md").at("descriptor_leaf"));
    ASSERT_TRUE(descriptor.has_value());
    std::vector<base::Hash> leaves{*descriptor};
    for (std::size_t i = 0; i < program.tensors.size(); ++i)
        leaves.push_back(tensor_root(program.tensors[i], state.tensors[i].data()));
    const base::Hash expected = base::merkle_root(base::MerkleFamily::blake2b, leaves);
    for (const unsigned threads : {1U, 2U, 3U, 8U, 300U})
        EXPECT_EQ(expected, state_root(program, state, descriptor_of(), threads)) << threads;
}

TEST(StateRoot, CoversEveryTensorAndDescriptorField) {
    const program::Program program = program_of(small_gpt());
    State state = filled(program);
    const base::Hash root = state_root(program, state, descriptor_of());
    for (Buffer& buffer : state.tensors) {
        buffer.data()[buffer.size() - 4] ^= std::byte{1};
        EXPECT_NE(root, state_root(program, state, descriptor_of()));
        buffer.data()[buffer.size() - 4] ^= std::byte{1};
    }
    std::vector<StateDescriptor> others(8, descriptor_of());
    others[0].spec_root = {};
    others[1].program_root = {};
    others[2].profile = "f33";
    others[3].round = 9;
    others[4].lane = 9;
    others[5].stage = 9;
    others[6].step = 9;
    others[7].round_start_root = others[7].spec_root;
    for (const StateDescriptor& other : others) EXPECT_NE(root, state_root(program, state, other));
    EXPECT_EQ(root, state_root(program, state, descriptor_of()));
}

TEST(StateRoot, GoldenVectors) {
    const auto golden = golden_of("state.md");
    Tensor tensor = tensor_of(DType::f32, 33, 2);
    tensor.name = std::string("example");
    Buffer data(33 * 2 * 4);
    for (std::size_t i = 0; i < 66; ++i) data.f32()[i] = static_cast<float>(i) * 0.5F;
    EXPECT_EQ(golden.at("tensor_root"), tensor_root(tensor, data.data()).hex());

    program::Program program;
    program.tensors = {tensor, tensor_of(DType::i32, 1, 1)};
    State state = State::zeros(program);
    std::memcpy(state.tensors[0].data(), data.data(), data.size());
    EXPECT_EQ(golden.at("state_root"), state_root(program, state, descriptor_of()).hex());
    EXPECT_EQ(golden.at("end_root"), end_root(base::blake2b("assay.test", base::view_of("state")),
                                              base::blake2b("assay.test", base::view_of("payload")))
                                         .hex());
}

TEST(TensorRoot, GoldenVectorsOfRaggedTensorsWithNans) {
    const auto golden = golden_of("state.md");
    constexpr std::uint32_t kRows = 35, kCols = 1057;
    Buffer words(kRows * kCols * 4), halves(kRows * kCols * 2);
    for (std::uint32_t i = 0; i < kRows * kCols; ++i) {
        const std::uint32_t bits = i * 2654435761U | (i % 7 == 3 ? 0x7f800000U : 0U);
        std::memcpy(words.data() + std::size_t{i} * 4, &bits, 4);
        const auto half = static_cast<std::uint16_t>(bits >> 16U);
        std::memcpy(halves.data() + std::size_t{i} * 2, &half, 2);
    }
    for (const auto& [name, dtype] :
         {std::pair{"nan_f32_root", DType::f32}, std::pair{"nan_f16_root", DType::f16},
          std::pair{"nan_bf16_root", DType::bf16}, std::pair{"bits_u16_root", DType::u16}}) {
        program::Program program;
        program.tensors = {tensor_of(dtype, kRows, kCols)};
        program.tensors[0].name = std::string("ragged");
        State state;
        state.tensors.push_back(dtype == DType::f32 ? words.clone() : halves.clone());
        const base::Hash root = tensor_root(program.tensors[0], state.tensors[0].data());
        EXPECT_EQ(golden.at(name), root.hex()) << name;
        // The same tree by groups of tiles: a state of one tensor.
        const auto descriptor = base::hash_from_hex(golden.at("descriptor_leaf"));
        ASSERT_TRUE(descriptor.has_value());
        EXPECT_EQ(state_root(program, state, descriptor_of()),
                  base::merkle_node(base::MerkleFamily::blake2b, *descriptor, root))
            << name;
    }
}

TEST(PayloadRoot, CoversEveryTensor) {
    const program::Program program = program_of(small_gpt());
    Payload payload = Payload::zeros(program);
    ASSERT_FALSE(payload.tensors.empty());
    const base::Hash root = payload_root(program, payload);
    for (Buffer& buffer : payload.tensors) {
        buffer.data()[buffer.size() - 1] = std::byte{1};
        EXPECT_NE(root, payload_root(program, payload, 3));
        buffer.data()[buffer.size() - 1] = std::byte{0};
    }
    EXPECT_EQ(root, payload_root(program, payload, 2));
}

TEST(EndRoot, IsNotSymmetric) {
    const base::Hash a = base::blake2b("assay.test", base::view_of("a")),
                     b = base::blake2b("assay.test", base::view_of("b"));
    EXPECT_NE(end_root(a, b), end_root(b, a));
}

}  // namespace
}  // namespace assay::commit
