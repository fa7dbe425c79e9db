#pragma once

#include <string>
#include <vector>

#include "market/job_spec.h"
#include "program/program.h"

namespace assay::program {

/// One tensor of model.safetensors: program tensors of equal height side by side. Nothing in
/// `parts`: zeros (a bias that the job does not train, but that loaders of the ecosystem expect).
struct ModelEntry {
    std::string name;
    std::vector<TensorId> parts;
    std::vector<std::uint64_t> shape;  ///< one size for vectors, two for matrices
};

/// The file's tensors, in the order of their bytes. Every weight of the program is in exactly one
/// entry.
std::vector<ModelEntry> model_layout(const Program& program, const market::JobSpec& spec);
/// The bytes of config.json.
std::string model_config(const market::JobSpec& spec);

}  // namespace assay::program
