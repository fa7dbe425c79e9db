#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <tl/expected.hpp>

#include "text_jobs.h"

/// The definition (Target::scalar) and the fastest kernels (Target::best) train the same job side
/// by side; their states must be equal all the way. Long runs find leaks that depend on the data:
/// one known case parts at step 15, another only when a moment has become subnormal.
namespace assay::soak {

struct TrainingSoakOptions {
    /// Holds `training-<job>.state` (the state, its step and root), from which a killed run goes
    /// on.
    std::filesystem::path directory;
    std::uint32_t steps = 2000;
    std::uint32_t every = 10;       ///< steps between comparisons
    std::uint32_t save_every = 50;  ///< steps between saves, a multiple of `every`
    /// Called after each comparison; false stops (as a kill would, but after the save).
    std::function<bool(std::uint32_t step, double loss)> progress;
};

struct TrainingReport {
    std::string job;
    std::uint32_t steps = 0;        ///< done
    std::uint32_t resumed_at = 0;   ///< step that was on disk; 0: from the beginning
    std::uint64_t comparisons = 0;  ///< of this call
    std::string difference;         ///< where and when the two parted; empty: nowhere
    std::string final_root;
    double first_loss = 0, last_loss = 0;
    std::uint64_t moments_near_cut = 0;  ///< most moments with 0 < |x| < 2^-90 at one comparison
    std::uint64_t moments_cut =
        0;  ///< moments that were not 0 at the comparison before and now are
};

/// An error is a sentence about files or a job of other text or length than the saved one.
tl::expected<TrainingReport, std::string> soak_training(const equality::TextJob& job,
                                                        const TrainingSoakOptions& options);

}  // namespace assay::soak
