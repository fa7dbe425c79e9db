#pragma once

#include <memory>

#include "program/program.h"
#include "runtime/backend.h"

/// The same programs on stock libtorch kernels: oracle within tolerance, speed baseline, evaluation
/// and sampling. No torch type appears in this header; only verify/torch sees libtorch.
namespace assay::torch_executor {

/// Interprets a program with ATen operators, under the driver of verify/runtime: every instruction
/// becomes stock tensor operations, whole matrices at a time. Rounding differs from the exact back
/// ends (that is its purpose), so states agree within tolerance only. Loads and random words come
/// from the definition, since they are data and not arithmetic. `threads`: ATen's own, which do the
/// work. Keeps a reference to the program.
std::unique_ptr<runtime::Backend> make_backend(const program::Program& program, unsigned threads);

}  // namespace assay::torch_executor
