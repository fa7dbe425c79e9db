#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "commit/state.h"
#include "market/job_spec.h"

/// A final state as `model.safetensors` + `config.json` and back (docs/formats/model.md). Both
/// files are a deterministic function of spec and weights: a GPT in the names and layouts of GPT-2,
/// so that common loaders take it unmodified; an MLP under its own tensor names.
namespace assay::commit {

/// Writes both files (atomically, each) into `directory`, which is created, and returns the model
/// root.
tl::expected<base::Hash, std::string> export_model(const program::Program& program,
                                                   const market::JobSpec& spec, const State& state,
                                                   const std::filesystem::path& directory);

/// H("assay.model", BLAKE2b("assay.model.st", model.safetensors), BLAKE2b("assay.model.cfg",
/// config.json)).
tl::expected<base::Hash, std::string> model_root(const std::filesystem::path& directory);

/// The weights, in the order of Program::weight_tensors(). Accepts exactly the bytes that
/// export_model writes for them: any other byte of either file is refused.
tl::expected<std::vector<Buffer>, std::string> import_weights(
    const program::Program& program, const market::JobSpec& spec,
    const std::filesystem::path& directory);

/// Tensor roots of the state tensors that are not weights, in program order: what a certificate
/// carries beside the model.
std::vector<base::Hash> non_weight_tensor_roots(const program::Program& program, const State& state,
                                                unsigned threads = 1);

/// The state root that the model's weights and the other tensors' roots give under `descriptor`.
tl::expected<base::Hash, std::string> state_root_from_model(
    const program::Program& program, const market::JobSpec& spec,
    const std::filesystem::path& directory, const StateDescriptor& descriptor,
    std::span<const base::Hash> non_weight_roots, unsigned threads = 1);

}  // namespace assay::commit
