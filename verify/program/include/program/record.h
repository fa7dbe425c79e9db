#pragma once

#include "base/bytes.h"
#include "program/program.h"

/// The canonical records that the program root covers, one leaf each (docs/formats/program.md).
namespace assay::program {

base::Bytes header_record(const Program& program);
base::Bytes tensor_record(const Tensor& tensor);
/// At most 1 KiB: check_program refuses longer ones.
base::Bytes instruction_record(const Instruction& instruction);
inline constexpr std::size_t kRecordBytesMax = 1024;

}  // namespace assay::program
