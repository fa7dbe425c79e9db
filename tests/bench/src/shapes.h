#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "market/job_spec.h"

/// The models that are measured, with real text as their data.
namespace assay::bench {

struct Shape {
    market::JobSpec spec;
    std::filesystem::path blob;  ///< the dataset
};

std::vector<std::string> shape_names();

/// Writes the shape's dataset into `folder` and gives its job. `text` is a text file; when it is
/// empty the King James Bible of Debian's program `bible` is taken, as the demo does. `batch` 0
/// keeps the shape's own. The error is a sentence.
tl::expected<Shape, std::string> make_shape(std::string_view name,
                                            const std::filesystem::path& text,
                                            const std::filesystem::path& folder,
                                            std::uint32_t batch = 0);

/// A folder of its own for one process, removed at the end.
class ScratchFolder {
  public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace assay::bench
