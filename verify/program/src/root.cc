#include <algorithm>
#include <bit>
#include <vector>

#include "base/check.h"
#include "base/encoding.h"
#include "base/merkle.h"
#include "program/operations.h"
#include "program/program.h"
#include "program/record.h"

namespace assay::program {
namespace {

using base::Encoder;
using base::Hash;

constexpr std::uint32_t kTileEdge = 32;
constexpr std::size_t kWordBytes = 4;

void add_view(Encoder& encoder, const View& view) {
    encoder.u32(view.tensor).u32(view.row).u32(view.col).u32(view.rows).u32(view.cols);
    encoder.u32(view.item_row_stride).u32(view.item_col_stride);
    encoder.u8(
        static_cast<std::uint8_t>((view.transposed ? 1U : 0U) | (view.row_from_step ? 2U : 0U)));
}

void add_limit(Encoder& encoder, const std::optional<std::int32_t>& limit) {
    encoder.boolean(limit.has_value());
    if (limit) encoder.u32(std::bit_cast<std::uint32_t>(*limit));
}

void add_node(Encoder& encoder, const Node& node) {
    encoder.u8(static_cast<std::uint8_t>(node.op));
    if (node.op == Op::constant_f32 || node.op == Op::constant_i32) encoder.u32(node.bits);
    if (node.op == Op::operand) encoder.u8(static_cast<std::uint8_t>(node.a));
    const std::uint32_t arguments[] = {node.a, node.b, node.c};
    for (int i = 0; i < arguments_of(node.op); ++i)
        encoder.u8(static_cast<std::uint8_t>(arguments[i]));
}

/// Root over 32x32 tiles in row-major order of tiles; a leaf is its own words, row-major,
/// little-endian, unpadded. Tiles of one shape are hashed together where they lie.
Hash tile_tree(std::uint32_t rows, std::uint32_t cols, const std::uint8_t* words) {
    static_assert(std::endian::native == std::endian::little);
    const std::size_t across = (cols + kTileEdge - 1) / kTileEdge;
    const std::size_t down = (rows + kTileEdge - 1) / kTileEdge;
    const std::size_t pitch = std::size_t{cols} * kWordBytes;
    std::vector<Hash> leaves(across * down), found;
    std::vector<const std::uint8_t*> starts;
    std::vector<std::size_t> places;
    const auto hash_block = [&](std::size_t first_row, std::size_t end_row, std::size_t first_col,
                                std::size_t end_col) {
        starts.clear();
        places.clear();
        for (std::size_t r = first_row; r < end_row; ++r) {
            for (std::size_t c = first_col; c < end_col; ++c) {
                starts.push_back(words + r * kTileEdge * pitch + c * kTileEdge * kWordBytes);
                places.push_back(r * across + c);
            }
        }
        if (starts.empty()) return;
        base::MessageShape shape;
        shape.rows = std::min<std::size_t>(kTileEdge, rows - first_row * kTileEdge);
        shape.row_bytes =
            std::min<std::size_t>(kTileEdge, cols - first_col * kTileEdge) * kWordBytes;
        shape.pitch = pitch;
        found.resize(starts.size());
        base::merkle_leaves(shape, starts, found);
        for (std::size_t i = 0; i < places.size(); ++i) leaves[places[i]] = found[i];
    };
    const std::size_t whole_rows = rows / kTileEdge, whole_cols = cols / kTileEdge;
    hash_block(0, whole_rows, 0, whole_cols);
    hash_block(0, whole_rows, whole_cols, across);
    hash_block(whole_rows, down, 0, whole_cols);
    hash_block(whole_rows, down, whole_cols, across);
    return base::merkle_root(base::MerkleFamily::blake2b, leaves);
}

/// `words`: rows x cols of 32 bits.
base::Bytes contents_record(const Tensor& tensor, TensorId id, const void* words) {
    Encoder encoder;
    encoder.u32(id).hash(
        tile_tree(tensor.rows, tensor.cols, static_cast<const std::uint8_t*>(words)));
    return encoder.take();
}

}  // namespace

base::Bytes header_record(const Program& program) {
    Encoder encoder;
    encoder.u32(program.builder_version).text(program.profile).u64(program.seed);
    encoder.u32(program.lanes)
        .u32(program.rounds)
        .u32(program.round_steps)
        .u32(program.batch)
        .u32(program.sequence_rows);
    encoder.u32(program.loss)
        .u32(program.norm)
        .u32(program.fault)
        .u32(program.loss_accumulator)
        .u32(program.forward_end);
    encoder.u32(static_cast<std::uint32_t>(program.tensors.size()));
    encoder.u32(static_cast<std::uint32_t>(program.instructions.size()));
    encoder.u32(static_cast<std::uint32_t>(program.tables.size()));
    encoder.u32(static_cast<std::uint32_t>(program.constants.size()));
    return encoder.take();
}

base::Bytes tensor_record(const Tensor& tensor) {
    Encoder encoder;
    encoder.text(tensor.name)
        .u8(static_cast<std::uint8_t>(tensor.cls))
        .u8(static_cast<std::uint8_t>(tensor.dtype));
    encoder.u32(tensor.rows).u32(tensor.cols).u32(tensor.start_of);
    encoder.u8(static_cast<std::uint8_t>((tensor.decay ? 1U : 0U) | (tensor.weight ? 2U : 0U)));
    return encoder.take();
}

base::Bytes instruction_record(const Instruction& instruction) {
    Encoder encoder;
    encoder.u8(static_cast<std::uint8_t>(instruction.kind))
        .u8(static_cast<std::uint8_t>(instruction.part));
    encoder.u32(instruction.items);
    add_view(encoder, instruction.out);
    encoder.u8(static_cast<std::uint8_t>(instruction.in.size()));
    for (const View& view : instruction.in) add_view(encoder, view);
    switch (instruction.kind) {
        case Kind::load:
            encoder.u8(static_cast<std::uint8_t>(instruction.source))
                .u32(instruction.row_offset)
                .u32(instruction.stream);
            break;
        case Kind::random:
            encoder.u8(static_cast<std::uint8_t>(instruction.distribution))
                .u32(instruction.stream)
                .u32(instruction.keep_ppb);
            break;
        case Kind::gather:
        case Kind::scatter_add:
            break;
        case Kind::map:
            encoder.u8(static_cast<std::uint8_t>(instruction.expression.size()));
            for (const Node& node : instruction.expression) add_node(encoder, node);
            break;
        case Kind::reduce:
            encoder.u8(static_cast<std::uint8_t>(instruction.reduce));
            break;
        case Kind::matmul:
            encoder.u8(static_cast<std::uint8_t>(instruction.start));
            for (const Band* band : {&instruction.k_band, &instruction.out_band}) {
                add_limit(encoder, band->lo);
                add_limit(encoder, band->hi);
            }
            break;
    }
    return encoder.take();
}

base::Bytes table_record(const Program& program, const Table& table) {
    static_assert(sizeof(float) == kWordBytes);
    const Tensor& tensor = program.tensors[table.tensor];
    ASSAY_CHECK(table.values.size() == std::size_t{tensor.rows} * tensor.cols);
    return contents_record(tensor, table.tensor, table.values.data());
}

base::Bytes constant_record(const Program& program, const Constant& constant) {
    const Tensor& tensor = program.tensors[constant.tensor];
    ASSAY_CHECK(constant.bits.size() == std::size_t{tensor.rows} * tensor.cols);
    return contents_record(tensor, constant.tensor, constant.bits.data());
}

base::Hash program_root(const Program& program) {
    std::vector<Hash> leaves;
    const auto add = [&](const base::Bytes& record) {
        leaves.push_back(base::merkle_leaf(base::MerkleFamily::blake2b, record));
    };
    add(header_record(program));
    for (const Tensor& tensor : program.tensors) add(tensor_record(tensor));
    for (const Instruction& instruction : program.instructions)
        add(instruction_record(instruction));
    for (const Table& table : program.tables) add(table_record(program, table));
    for (const Constant& constant : program.constants) add(constant_record(program, constant));
    return root_over_records(base::merkle_root(base::MerkleFamily::blake2b, leaves));
}

base::Hash root_over_records(const base::Hash& records_root) {
    return base::Hasher("assay.program").add(records_root).finish();
}

}  // namespace assay::program
