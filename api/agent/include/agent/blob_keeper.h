#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "client/client.h"

namespace assay::agent {

/// Blobs that a party committed to, in files of a folder: `JOB-ROUND-BLOB`, each with the nodes of
/// its chunks beside it. Kept until everything that starts from them is final, so the round is the
/// last one in which anything does: the next one for a merged state, its own for a checkpoint or
/// payload. Safe for threads that keep different blobs.
class BlobKeeper {
  public:
    explicit BlobKeeper(std::filesystem::path folder) : folder_(std::move(folder)) {}
    /// Takes the file over: it is moved here.
    [[nodiscard]] tl::expected<void, std::string> keep(const base::JobId& job, std::uint32_t round,
                                                       const base::BlobRoot& blob,
                                                       const std::filesystem::path& file) const;
    [[nodiscard]] std::optional<std::filesystem::path> find(const base::BlobRoot& blob) const;
    /// Deletes what nobody can ask for any more: of jobs that are over or gone, and of final
    /// rounds.
    void forget_settled(client::Client& node) const;

  private:
    std::filesystem::path folder_;
};

}  // namespace assay::agent
