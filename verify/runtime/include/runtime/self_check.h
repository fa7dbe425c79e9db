#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/hash.h"
#include "runtime/executor.h"

namespace assay::runtime {

/// Does this machine compute the defined bits, and how fast? Both run small built-in jobs in a
/// temporary folder inside `folder`.

/// State root after two steps of the built-in exactness job, by the fast kernels or by the
/// definition (Target::scalar).
tl::expected<base::Hash, std::string> exactness_root(const std::filesystem::path& folder,
                                                     ExecutorOptions options);
/// What it must be on every machine.
base::Hash known_exactness_root();

/// Protocol FLOPs per second over at least `seconds`. Nothing when the folder cannot be written.
std::optional<double> measure_flops(const std::filesystem::path& folder, ExecutorOptions options,
                                    double seconds);

}  // namespace assay::runtime
