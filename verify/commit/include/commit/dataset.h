#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "commit/mapped_file.h"
#include "market/job_spec.h"

namespace assay::commit {

/// A dataset as load instructions and referees see it, from its spec entry.
struct DataExtent {
    base::BlobRoot blob;
    std::uint64_t words = 0;        ///< 32 bits each
    std::uint64_t train_count = 0;  ///< tokens, or rows, of the training split
    std::uint32_t row_words = 1;    ///< 1 for tokens; features + 1 for tables
};
DataExtent extent_of(const market::Data& spec);

/// A dataset blob mapped read-only into memory, checked against its root. Token data: u32 words;
/// table data: f32 rows.
class Dataset {
  public:
    /// Verifies size and root against the spec; the error says what differs.
    static tl::expected<Dataset, std::string> open(const std::filesystem::path& blob,
                                                   const market::Data& spec);
    /// Tokens, or f32 bits row-major.
    [[nodiscard]] std::span<const std::uint32_t> words() const {
        return {reinterpret_cast<const std::uint32_t*>(file_.bytes().data()),
                file_.bytes().size() / sizeof(std::uint32_t)};
    }

  private:
    explicit Dataset(MappedFile file) : file_(std::move(file)) {}
    MappedFile file_;
};

/// Raw text or bytes, nanoGPT .bin (u16/u32), .npy or safetensors tables -> dataset blob file plus
/// its spec entry.
struct PreparedData {
    market::Data spec;
    std::filesystem::path blob;
};
struct ImportOptions {
    std::string format = "auto";             ///< auto, text, bytes, bin16, bin32, npy, safetensors
    std::uint32_t validation_ppm = 100'000;  ///< share of the validation split (the last part)
    std::uint32_t vocabulary = 0;            ///< for bin16/bin32; 0: largest id + 1
};
tl::expected<PreparedData, std::string> import_data(const std::filesystem::path& source,
                                                    const ImportOptions& options,
                                                    const std::filesystem::path& blob_out);

/// Token ids of a text under the spec's tokeniser, and back (for sampling).
tl::expected<std::vector<std::uint32_t>, std::string> tokenise(const market::TokenData& spec,
                                                               std::string_view text);
std::string detokenise(const market::TokenData& spec, std::span<const std::uint32_t> ids);

}  // namespace assay::commit
