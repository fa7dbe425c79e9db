#pragma once

#include "base/bytes.h"
#include "program/program.h"

/// The canonical records that the program root covers, one leaf each (docs/formats/program.md).
namespace assay::program {

base::Bytes header_record(const Program& program);
base::Bytes tensor_record(const Tensor& tensor);
/// At most 1 KiB: check_program refuses longer ones.
base::Bytes instruction_record(const Instruction& instruction);
/// Tensor id and root of the tile tree over the contents.
base::Bytes table_record(const Program& program, const Table& table);
base::Bytes constant_record(const Program& program, const Constant& constant);
inline constexpr std::size_t kRecordBytesMax = 1024;
/// The program root, from the root of the tree over all records.
base::Hash root_over_records(const base::Hash& records_root);

}  // namespace assay::program
