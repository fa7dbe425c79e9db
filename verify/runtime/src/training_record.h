#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/hash.h"

namespace assay::runtime {

/// What a training directory knows besides its state files (docs/formats/checkpoint.md): which
/// round is open and with which roots, so that every file is verified against a root when it is
/// read again.
struct TrainingRecord {
    base::Hash spec_root, program_root;
    base::Hash
        members_digest;  ///< of the membership given by the caller: another one makes other roots
    std::vector<base::Hash>
        opening_roots;  ///< init root, then every merge root; the last one opens the current round
    std::map<std::uint32_t, base::Hash>
        payload_roots;  ///< lanes of the current round that are done

    [[nodiscard]] std::uint32_t round() const {
        return static_cast<std::uint32_t>(opening_roots.size() - 1);
    }
};

tl::expected<void, std::string> save_record(const std::filesystem::path& file,
                                            const TrainingRecord& record);
/// Nothing when there is no such file.
tl::expected<std::optional<TrainingRecord>, std::string> load_record(
    const std::filesystem::path& file);

base::Hash digest_of_members(const std::vector<std::vector<std::uint32_t>>& members);

}  // namespace assay::runtime
