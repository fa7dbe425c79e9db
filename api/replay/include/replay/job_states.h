#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "client/client.h"
#include "replay/unavailable.h"
#include "runtime/job_cache.h"

/// Replaying what a job's workers committed to, from what the node has.
namespace assay::replay {

/// Fetches blobs from a node into files, for a JobCache.
runtime::JobCache::Fetch fetch_from(client::Client& node);
/// The file in which a blob of the job lies here; its bytes need not be right. Called from the
/// thread that fetches.
using KeptBlobs = std::function<std::optional<std::filesystem::path>(const base::JobId& job,
                                                                     const base::BlobRoot& blob)>;
/// The same, of one job, where the node does not have a blob that `kept` has. `kept` may be null.
runtime::JobCache::Fetch fetch_from(client::Client& node, const base::JobId& job, KeptBlobs kept);

/// The states and payloads of one job by their places, fetched and verified against the roots on
/// the ledger: the one home of that for workers, auditors and players. Does not own; cheap to make.
class JobStates {
  public:
    JobStates(client::Client& node, runtime::JobCache& cache, const base::JobId& id,
              runtime::Job& job)
        : node_(node), cache_(cache), id_(id), job_(job) {}

    struct Opening {
        market::Round round;
        base::Hash previous_root;  ///< that opened the round before; zeros for round 0
    };
    Available<Opening> opening(std::uint32_t round);
    Available<commit::State> opening_state(const Opening& opening);
    /// The checkpoint with which the part starts, where that is not the round's opening.
    Available<commit::State> part_start(const market::PartKey& key, std::uint32_t first_segment,
                                        const base::Hash& root, const base::BlobRoot& blob,
                                        const Opening& opening);
    /// The checkpoint that was delivered for a segment, not the first of its round.
    Available<commit::State> delivered_start(const market::Part& part,
                                             const market::DeliveredSegment& delivered,
                                             const Opening& opening);
    /// The state with which segment `index` of the part starts: from the checkpoint that was
    /// delivered for it, else trained again from the part's start. Unavailable when that leads to
    /// another root than `root`.
    Available<commit::State> segment_start(const market::Part& part, std::uint32_t index,
                                           const base::Hash& root,
                                           const runtime::Progress& progress);
    Available<commit::Payload> payload(const market::RoundMember& member);
    /// Of all members, in their order; unavailable when there are none.
    Available<std::vector<commit::Payload>> payloads(const market::Round& round);

  private:
    [[nodiscard]] Need state_need(const market::StoredTarget& target, const base::BlobRoot& blob,
                                  std::uint64_t bytes, const base::Hash& root,
                                  const commit::StateDescriptor& descriptor) const;
    std::optional<Need> opening_need(const Opening& opening);
    std::optional<Need> part_start_need(const market::PartKey& key, const base::Hash& root,
                                        const base::BlobRoot& blob,
                                        const commit::StateDescriptor& descriptor);
    std::optional<Need> payload_need(const market::RoundMember& member);

    client::Client& node_;
    runtime::JobCache& cache_;
    base::JobId id_;
    runtime::Job& job_;
};

/// What is missing when a job does not open: nothing but the blob's address stands behind a
/// dataset.
Need dataset_need(const market::Job& job);

}  // namespace assay::replay
