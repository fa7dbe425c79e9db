#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "market/job_spec.h"
#include "program/model_files.h"

namespace assay::program {

/// Adds entries; the names on the left are the file's, those on the right the program's.
class FileLayout {
  public:
    /// Keeps a reference to the program.
    explicit FileLayout(const Program& program) : program_(program) {}

    /// The sources side by side.
    void matrix(const std::string& name, const std::vector<std::string>& sources);
    void vector(const std::string& name, const std::vector<std::string>& sources);
    void zeros(const std::string& name, std::uint64_t size);
    /// A bias that may be absent from the program.
    void bias(const std::string& name, bool present, const std::vector<std::string>& sources,
              std::uint64_t size);
    /// The entries, in which every weight must be once.
    std::vector<ModelEntry> take();

  private:
    [[nodiscard]] TensorId need(const std::string& name) const;
    const Program& program_;
    std::vector<ModelEntry> entries_;
};

/// The name that common loaders give the activation.
std::string activation_word(market::Activation activation);
/// Parts per billion as a decimal with at least one digit after the point.
std::string decimal(std::uint64_t ppb);
/// An object with one member a line; values are already JSON.
std::string json_object(const std::vector<std::pair<std::string, std::string>>& members);
std::string quoted(const std::string& text);

}  // namespace assay::program
