#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "base/hash.h"

namespace assay::runtime {

/// The lines `round lane step state_root loss` of `assay train --roots`: one file, appended and
/// flushed line by line.
class RootsFile {
  public:
    /// Whether a line (round, lane, step) that the file already holds is still true; others are
    /// dropped, since their steps run again.
    using Keep = std::function<bool(std::uint32_t round, std::uint32_t lane, std::uint32_t step)>;
    static tl::expected<RootsFile, std::string> open(const std::filesystem::path& file,
                                                     const Keep& keep);
    tl::expected<void, std::string> append(std::uint32_t round, std::uint32_t lane,
                                           std::uint32_t step, const base::Hash& root, float loss);

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::filesystem::path path_;
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace assay::runtime
