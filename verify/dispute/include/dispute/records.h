#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "dispute/openings.h"
#include "program/program.h"

/// The records under the program root as a referee reads them: one at a time, from outside bytes.
namespace assay::dispute {

/// What a referee knows of a program after its frame was opened once: sizes and the ranges of the
/// parts, so that every record and every leaf of a trace has a known place.
struct ProgramFrame {
    base::Hash records_root;  ///< the tree under the program root
    std::uint64_t seed = 0;
    std::uint32_t lanes = 0, rounds = 0, round_steps = 0, batch = 0, sequence_rows = 0;
    std::uint32_t tensors = 0, instructions = 0, tables = 0, constants = 0;
    std::array<std::pair<std::uint32_t, std::uint32_t>, program::kParts> ranges{};

    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> range(program::Part part) const {
        return ranges[static_cast<std::size_t>(part) - 1];
    }
    [[nodiscard]] std::uint64_t records() const {
        return 1 + std::uint64_t{tensors} + instructions + tables + constants;
    }
    [[nodiscard]] std::uint64_t tensor_leaf(program::TensorId id) const {
        return 1 + std::uint64_t{id};
    }
    [[nodiscard]] std::uint64_t instruction_leaf(std::uint32_t i) const {
        return 1 + std::uint64_t{tensors} + i;
    }
    [[nodiscard]] std::uint64_t table_leaf(std::uint32_t i) const {
        return instruction_leaf(instructions) + i;
    }
    bool operator==(const ProgramFrame&) const = default;
};

/// All records of a program in the order of their leaves: what a party opens records from.
struct ProgramRecords {
    explicit ProgramRecords(const program::Program& program);
    std::vector<base::Bytes> records;
    std::vector<base::Hash> leaves;
    ProgramFrame frame;
};

RecordOpening open_record(const ProgramRecords& records, std::uint64_t leaf);
/// Whether a record is the one at its place under the program root.
bool stands(const ProgramFrame& frame, const RecordOpening& record);

/// Strict: nothing for bytes that are no record, or that another spelling would also say.
std::optional<program::Tensor> decode_tensor_record(base::ByteView record);
std::optional<program::Instruction> decode_instruction_record(base::ByteView record);
/// Of a table or constant.
struct Contents {
    program::TensorId tensor = program::kNoTensor;
    base::Hash tree;
};
std::optional<Contents> decode_contents_record(base::ByteView record);

/// The header and the first and last instruction of every part, with their paths
/// (docs/formats/openings.md).
base::Bytes open_frame(const ProgramRecords& records);
/// At most kOpeningBytesMax bytes.
tl::expected<ProgramFrame, OpeningError> check_frame(const base::Hash& program_root,
                                                     base::ByteView opening);

}  // namespace assay::dispute
