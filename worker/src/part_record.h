#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "market/objects.h"
#include "market/transactions.h"

namespace assay::worker {

/// What one segment of a part needs for its leaf, its delivery and the close.
struct SegmentRecord {
    market::SegmentLeaf leaf;
    base::Hash state_root;  ///< after the segment: the end field, unless a payload ends the round
    bool operator==(const SegmentRecord&) const = default;
};

/// One signed commitment with everything that is owed for it later. It is on disk, synced, before
/// it is sent, so a crash at any instant resends the same tree: two trees under one key would be
/// slashed (docs/formats/worker_folder.md).
struct PartRecord {
    market::PartKey key;
    base::LeaseId lease;
    std::uint32_t first_segment = 0;  ///< within the round
    base::Hash start_root, end_root;  ///< state roots
    base::BlobRoot start_blob;
    std::vector<SegmentRecord> segments;
    market::Receipt end_receipt;
    base::Hash payload_root;  ///< zeros: none
    std::optional<market::Receipt> payload_receipt;
    std::uint32_t last_loss_bits = 0;
    bool operator==(const PartRecord&) const = default;

    [[nodiscard]] std::vector<base::Hash> leaf_hashes() const;
    [[nodiscard]] base::Hash tree_root() const;
    [[nodiscard]] market::PartCommit commit_message() const;
};

base::Bytes encode_part_record(const PartRecord& record);
std::optional<PartRecord> decode_part_record(base::ByteView bytes);

/// The records of one data folder, one folder for each part: `parts/<part id>/record` and the
/// checkpoints at the starts of its later segments. Different threads touch different parts.
class PartStore {
  public:
    explicit PartStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
    tl::expected<void, std::string> save(const base::PartId& id, const PartRecord& record) const;
    /// Nothing when there is none; a damaged record is reported and ends the worker rather than
    /// risk a second tree.
    [[nodiscard]] tl::expected<std::optional<PartRecord>, std::string> load(
        const base::PartId& id) const;
    [[nodiscard]] std::vector<base::PartId> list() const;
    void remove(const base::PartId& id) const;
    /// Checkpoint with which segment `index` of the part starts.
    [[nodiscard]] std::filesystem::path start_file(const base::PartId& id,
                                                   std::uint32_t index) const;

  private:
    [[nodiscard]] std::filesystem::path folder_of(const base::PartId& id) const {
        return folder_ / id.hex();
    }
    std::filesystem::path folder_;
};

}  // namespace assay::worker
