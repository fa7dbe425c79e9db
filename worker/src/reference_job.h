#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "runtime/segment.h"

namespace assay::worker {

/// A small GPT over made-up tokens: what this machine is measured and checked with. Its bits are known everywhere.
enum class ReferenceSize : std::uint8_t {
    exactness,                               ///< seconds by the scalar definition
    speed,                                   ///< large enough that the fast kernels reach their rate
};

struct ReferenceJob {
    std::filesystem::path folder;            ///< deleted with the object
    std::unique_ptr<runtime::Job> job;
    ReferenceJob() = default;
    ReferenceJob(ReferenceJob&&) noexcept = default;
    ReferenceJob& operator=(ReferenceJob&&) = delete;
    ~ReferenceJob();
};

tl::expected<ReferenceJob, std::string> open_reference_job(const std::filesystem::path& folder, ReferenceSize size,
                                                           runtime::ExecutorOptions options);

/// State root after two steps of the `exactness` job (lane 0, round 0): the known vector.
base::Hash exactness_root(runtime::Job& job);
/// What exactness_root must be.
base::Hash known_exactness_root();

}  // namespace assay::worker
