#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "runtime/segment.h"

namespace assay::runtime {

/// A whole job on this machine, without market: the engine behind `assay train`. It runs the same
/// segments and merges as workers do, so its roots are the market's.
struct TrainingOptions {
    /// Openings, payloads and the resume point; created. One job per directory.
    std::filesystem::path directory;
    /// Continue what the directory holds (nothing there: start). Without it a directory that holds
    /// a run is refused.
    bool resume = false;
    /// Stop when every lane has done this many steps since the job began. Nothing: the whole job.
    std::optional<std::uint64_t> steps;
    /// Member lanes of each round, ascending: the membership that a certificate records. Empty: all
    /// lanes in every round. Lanes that are not members do not enter a merge, so they are not run.
    std::vector<std::vector<std::uint32_t>> members;
    /// With `roots_file`: a line `round lane step state_root loss` after every `roots_every` steps
    /// of a lane, counted since the job began; step is the steps done within the round, the loss
    /// has nine digits. 0: none.
    std::uint64_t roots_every = 0;
    std::filesystem::path roots_file;
    /// Write a resume point after every so many steps, and at the end of each lane's round. 0: only
    /// there.
    std::uint64_t save_every = 100;
    /// Where model.safetensors and config.json go. Empty: no export.
    std::filesystem::path model_directory;
    Progress progress;  ///< return false to stop (a resume point is written)
};

struct TrainingResult {
    bool completed = false;  ///< the whole job is done
    bool stopped = false;    ///< the progress callback said stop; nothing is exported
    std::optional<std::uint64_t>
        diverged_step;      ///< step since the job began whose loss or norm was not finite
    base::Hash final_root;  ///< of `final_state`, under its descriptor
    commit::StateDescriptor final_descriptor;
    commit::State final_state;  ///< last opening (jobs with merges), or the only lane's state
    std::optional<base::Hash> model_root;   ///< of the exported files
    std::vector<base::Hash> opening_roots;  ///< init root, then every merge root reached
};

/// Errors are sentences for people: a directory that holds another job, a damaged file, members
/// that name lanes that do not exist.
tl::expected<TrainingResult, std::string> train(Job& job, const TrainingOptions& options);

}  // namespace assay::runtime
