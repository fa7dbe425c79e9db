#include <algorithm>
#include <bit>
#include <vector>

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
/// little-endian, unpadded.
Hash tile_tree(std::uint32_t rows, std::uint32_t cols, const std::vector<std::uint32_t>& words) {
    std::vector<Hash> leaves;
    for (std::uint32_t row = 0; row < rows; row += kTileEdge) {
        for (std::uint32_t col = 0; col < cols; col += kTileEdge) {
            Encoder tile;
            for (std::uint32_t r = row; r < std::min(row + kTileEdge, rows); ++r) {
                for (std::uint32_t c = col; c < std::min(col + kTileEdge, cols); ++c)
                    tile.u32(words[std::size_t{r} * cols + c]);
            }
            leaves.push_back(base::merkle_leaf(base::MerkleFamily::blake2b, tile.view()));
        }
    }
    return base::merkle_root(base::MerkleFamily::blake2b, leaves);
}

base::Bytes contents_record(const Tensor& tensor, TensorId id,
                            const std::vector<std::uint32_t>& words) {
    Encoder encoder;
    encoder.u32(id).hash(tile_tree(tensor.rows, tensor.cols, words));
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
    std::vector<std::uint32_t> words;
    words.reserve(table.values.size());
    for (const float value : table.values) words.push_back(std::bit_cast<std::uint32_t>(value));
    return contents_record(program.tensors[table.tensor], table.tensor, words);
}

base::Bytes constant_record(const Program& program, const Constant& constant) {
    return contents_record(program.tensors[constant.tensor], constant.tensor, constant.bits);
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
    return base::Hasher("assay.program")
        .add(base::merkle_root(base::MerkleFamily::blake2b, leaves))
        .finish();
}

}  // namespace assay::program
