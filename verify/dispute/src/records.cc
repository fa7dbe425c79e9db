#include "dispute/records.h"

#include <bit>
#include <cstdint>

#include "base/encoding.h"
#include "base/merkle.h"
#include "codec.h"
#include "market/job_spec.h"
#include "program/operations.h"
#include "program/record.h"

namespace assay::dispute {

using base::Decoder;
using base::Encoder;
using base::Hash;
using base::MerkleFamily;
using program::Kind;
using program::Op;
using program::Part;

namespace {

/// Reads one byte as an enumeration.
template <base::Worded Enum>
Enum get_enum(Decoder& decoder) {
    const auto value = base::enum_from<Enum>(decoder.u8());
    if (!value) decoder.fail();
    return value.value_or(Enum{1});
}

Op get_op(Decoder& decoder) {
    const program::OpFacts* const facts = program::op_from(decoder.u8());
    if (facts == nullptr) decoder.fail();
    return facts == nullptr ? Op::operand : facts->op;
}

program::View get_view(Decoder& decoder) {
    program::View view;
    view.tensor = decoder.u32();
    view.row = decoder.u32();
    view.col = decoder.u32();
    view.rows = decoder.u32();
    view.cols = decoder.u32();
    view.item_row_stride = decoder.u32();
    view.item_col_stride = decoder.u32();
    const std::uint8_t flags = decoder.u8();
    if (flags > 3) decoder.fail();
    view.transposed = (flags & 1U) != 0;
    view.row_from_step = (flags & 2U) != 0;
    return view;
}

std::optional<std::int32_t> get_limit(Decoder& decoder) {
    if (!decoder.boolean()) return std::nullopt;
    return std::bit_cast<std::int32_t>(decoder.u32());
}

program::Node get_node(Decoder& decoder) {
    program::Node node;
    node.op = get_op(decoder);
    if (node.op == Op::constant_f32 || node.op == Op::constant_i32) node.bits = decoder.u32();
    if (node.op == Op::operand) node.a = decoder.u8();
    std::uint32_t* const arguments[] = {&node.a, &node.b, &node.c};
    for (int i = 0; i < program::arguments_of(node.op); ++i) *arguments[i] = decoder.u8();
    return node;
}

void get_map(Decoder& decoder, program::Instruction& instruction) {
    const std::uint8_t nodes = decoder.u8();
    if (nodes > program::kNodesMax) decoder.fail();
    for (std::uint8_t i = 0; decoder.ok() && i < nodes; ++i)
        instruction.expression.push_back(get_node(decoder));
}

void get_kind_fields(Decoder& decoder, program::Instruction& instruction) {
    switch (instruction.kind) {
        case Kind::load:
            instruction.source = get_enum<program::LoadSource>(decoder);
            instruction.row_offset = decoder.u32();
            instruction.stream = decoder.u32();
            return;
        case Kind::random:
            instruction.distribution = get_enum<program::Distribution>(decoder);
            instruction.stream = decoder.u32();
            instruction.keep_ppb = decoder.u32();
            return;
        case Kind::gather:
        case Kind::scatter_add:
            return;
        case Kind::map:
            return get_map(decoder, instruction);
        case Kind::reduce:
            instruction.reduce = get_enum<program::ReduceOp>(decoder);
            return;
        case Kind::matmul:
            instruction.start = get_enum<program::MatmulStart>(decoder);
            for (program::Band* band : {&instruction.k_band, &instruction.out_band}) {
                band->lo = get_limit(decoder);
                band->hi = get_limit(decoder);
            }
            return;
    }
}

struct Header {
    std::uint32_t builder_version = 0;
    std::string profile;
    ProgramFrame frame;
};

std::optional<Header> decode_header(base::ByteView record) {
    Decoder decoder(record);
    Header header;
    header.builder_version = decoder.u32();
    header.profile = decoder.text(32);
    ProgramFrame& frame = header.frame;
    frame.seed = decoder.u64();
    for (std::uint32_t* field :
         {&frame.lanes, &frame.rounds, &frame.round_steps, &frame.batch, &frame.sequence_rows}) {
        *field = decoder.u32();
    }
    for (int i = 0; i < 5; ++i) decoder.u32();  // loss, norm, fault, loss accumulator, forward end
    for (std::uint32_t* field :
         {&frame.tensors, &frame.instructions, &frame.tables, &frame.constants}) {
        *field = decoder.u32();
    }
    if (!decoder.finished()) return std::nullopt;
    return header;
}

}  // namespace

RecordOpening open_record(const ProgramRecords& records, std::uint64_t leaf) {
    RecordOpening opening;
    opening.leaf = static_cast<std::uint32_t>(leaf);
    opening.record = records.records[leaf];
    opening.path = base::merkle_prove(MerkleFamily::blake2b, records.leaves, leaf).path;
    return opening;
}

bool stands(const ProgramFrame& frame, const RecordOpening& record) {
    const Hash leaf = base::merkle_leaf(MerkleFamily::blake2b, record.record);
    return base::merkle_verify(MerkleFamily::blake2b, leaf,
                               {record.leaf, frame.records(), record.path}, frame.records_root);
}

namespace {

/// Parts in ascending order, each from its first to its last instruction, without a gap.
std::optional<OpeningError> add_ranges(ProgramFrame& frame,
                                       const std::vector<RecordOpening>& edges) {
    if (edges.size() % 2 != 0) return OpeningError::malformed;
    std::uint32_t next = 0;
    std::uint8_t part_before = 0;
    for (std::size_t i = 0; i < edges.size(); i += 2) {
        std::uint32_t at[2] = {};
        std::uint8_t parts[2] = {};
        for (std::size_t k = 0; k < 2; ++k) {
            const RecordOpening& edge = edges[i + k];
            if (!stands(frame, edge) || edge.leaf < frame.instruction_leaf(0) ||
                edge.leaf >= frame.instruction_leaf(frame.instructions)) {
                return OpeningError::wrong_record;
            }
            const auto instruction = decode_instruction_record(edge.record);
            if (!instruction) return OpeningError::bad_record;
            at[k] = static_cast<std::uint32_t>(edge.leaf - frame.instruction_leaf(0));
            parts[k] = static_cast<std::uint8_t>(instruction->part);
        }
        if (parts[0] != parts[1] || parts[0] <= part_before || at[0] != next || at[1] < at[0])
            return OpeningError::wrong_record;
        frame.ranges[parts[0] - 1U] = {at[0], at[1] + 1};
        part_before = parts[0];
        next = at[1] + 1;
    }
    if (next != frame.instructions) return OpeningError::wrong_record;
    return std::nullopt;
}

}  // namespace

std::optional<program::Tensor> decode_tensor_record(base::ByteView record) {
    Decoder decoder(record);
    program::Tensor tensor;
    tensor.name = decoder.text(program::kRecordBytesMax);
    tensor.cls = get_enum<program::TensorClass>(decoder);
    tensor.dtype = get_enum<program::DType>(decoder);
    tensor.rows = decoder.u32();
    tensor.cols = decoder.u32();
    tensor.start_of = decoder.u32();
    const std::uint8_t flags = decoder.u8();
    tensor.decay = (flags & 1U) != 0;
    tensor.weight = (flags & 2U) != 0;
    if (!decoder.finished() || flags > 3 || tensor.rows == 0 || tensor.cols == 0 ||
        std::uint64_t{tensor.rows} * tensor.cols >= (std::uint64_t{1} << 31U)) {
        return std::nullopt;
    }
    return tensor;
}

std::optional<program::Instruction> decode_instruction_record(base::ByteView record) {
    Decoder decoder(record);
    program::Instruction instruction;
    instruction.kind = get_enum<Kind>(decoder);
    instruction.part = get_enum<Part>(decoder);
    instruction.items = decoder.u32();
    instruction.out = get_view(decoder);
    const std::uint8_t operands = decoder.u8();
    if (operands > program::kOperandsMax) decoder.fail();
    for (std::uint8_t i = 0; decoder.ok() && i < operands; ++i)
        instruction.in.push_back(get_view(decoder));
    if (decoder.ok()) get_kind_fields(decoder, instruction);
    if (!decoder.finished()) return std::nullopt;
    return instruction;
}

std::optional<Contents> decode_contents_record(base::ByteView record) {
    Decoder decoder(record);
    Contents contents;
    contents.tensor = decoder.u32();
    contents.tree = decoder.hash();
    if (!decoder.finished()) return std::nullopt;
    return contents;
}

ProgramRecords::ProgramRecords(const program::Program& program) {
    records.push_back(program::header_record(program));
    for (const program::Tensor& tensor : program.tensors)
        records.push_back(program::tensor_record(tensor));
    for (const program::Instruction& instruction : program.instructions)
        records.push_back(program::instruction_record(instruction));
    for (const program::Table& table : program.tables)
        records.push_back(program::table_record(program, table));
    for (const program::Constant& constant : program.constants)
        records.push_back(program::constant_record(program, constant));
    for (const base::Bytes& record : records)
        leaves.push_back(base::merkle_leaf(MerkleFamily::blake2b, record));
    frame.records_root = base::merkle_root(MerkleFamily::blake2b, leaves);
    frame.seed = program.seed;
    frame.lanes = program.lanes;
    frame.rounds = program.rounds;
    frame.round_steps = program.round_steps;
    frame.batch = program.batch;
    frame.sequence_rows = program.sequence_rows;
    frame.tensors = static_cast<std::uint32_t>(program.tensors.size());
    frame.instructions = static_cast<std::uint32_t>(program.instructions.size());
    frame.tables = static_cast<std::uint32_t>(program.tables.size());
    frame.constants = static_cast<std::uint32_t>(program.constants.size());
    for (std::size_t part = 0; part < program::kParts; ++part) {
        const auto range = program.range(static_cast<Part>(part + 1));
        if (range.first != range.second) frame.ranges[part] = range;
    }
}

base::Bytes open_frame(const ProgramRecords& records) {
    Encoder encoder;
    encoder.hash(records.frame.records_root);
    put_record(encoder, open_record(records, 0));
    std::vector<std::uint32_t> edges;
    for (const auto& [first, last] : records.frame.ranges) {
        if (first == last) continue;
        edges.push_back(first);
        edges.push_back(last - 1);
    }
    encoder.u8(static_cast<std::uint8_t>(edges.size()));
    for (const std::uint32_t edge : edges)
        put_record(encoder, open_record(records, records.frame.instruction_leaf(edge)));
    return encoder.take();
}

tl::expected<ProgramFrame, OpeningError> check_frame(const Hash& program_root,
                                                     base::ByteView opening) {
    if (opening.size() > kOpeningBytesMax) return tl::unexpected(OpeningError::too_large);
    Decoder decoder(opening);
    const Hash records_root = decoder.hash();
    const RecordOpening header = get_record(decoder);
    std::vector<RecordOpening> edges;
    const std::size_t count = decoder.u8();
    if (count > 2 * program::kParts) decoder.fail();
    for (std::size_t i = 0; decoder.ok() && i < count; ++i) edges.push_back(get_record(decoder));
    if (!decoder.finished()) return tl::unexpected(OpeningError::malformed);

    const auto decoded = decode_header(header.record);
    if (!decoded || !market::builder_knows(decoded->builder_version) || decoded->profile != "f32")
        return tl::unexpected(OpeningError::bad_record);
    ProgramFrame frame = decoded->frame;
    frame.records_root = records_root;
    if (program::root_over_records(records_root) != program_root || header.leaf != 0 ||
        frame.records() > UINT32_MAX || !stands(frame, header)) {
        return tl::unexpected(OpeningError::wrong_record);
    }
    if (const auto error = add_ranges(frame, edges)) return tl::unexpected(*error);
    return frame;
}

}  // namespace assay::dispute
