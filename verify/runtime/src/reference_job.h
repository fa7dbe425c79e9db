#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "runtime/segment.h"

namespace assay::runtime {

/// A small GPT over made-up tokens: what this machine is measured and checked with. Its bits are
/// known everywhere.
enum class ReferenceSize : std::uint8_t {
    exactness,  ///< seconds by the scalar definition
    speed,      ///< large enough that the fast kernels reach their rate
};

struct ReferenceJob {
    std::filesystem::path folder;  ///< deleted with the object
    std::unique_ptr<Job> job;
    ReferenceJob() = default;
    ReferenceJob(ReferenceJob&&) noexcept = default;
    ReferenceJob& operator=(ReferenceJob&&) = delete;
    ~ReferenceJob();
};

tl::expected<ReferenceJob, std::string> open_reference_job(const std::filesystem::path& folder,
                                                           ReferenceSize size,
                                                           ExecutorOptions options);

}  // namespace assay::runtime
