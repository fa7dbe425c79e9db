#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/bytes.h"
#include "market/job_spec.h"
#include "program/program.h"

namespace assay::commit {

/// A folder that is removed with its contents.
class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

/// Lines "name hex" inside the ```golden blocks of a document in docs/formats.
std::map<std::string, std::string> golden_of(const std::string& document);

/// A GPT with 2 layers, 2 heads, width 32, context 16 and 24 characters: 2 lanes, 3 rounds of 4
/// steps, segments of 2. The blob is zero.
market::JobSpec small_gpt(bool bias = true);
/// 5 features, 3 classes, hidden widths 8 and 6; one lane, one round.
market::JobSpec small_mlp();
/// Requires a spec that builds.
program::Program program_of(const market::JobSpec& spec);

base::Bytes read_file(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, base::ByteView bytes);
/// Writes a deterministic text of the fixture's 24 characters as dataset blob and enters it into
/// the spec.
void add_text(market::JobSpec& spec, const std::filesystem::path& blob, std::uint64_t tokens);

}  // namespace assay::commit
