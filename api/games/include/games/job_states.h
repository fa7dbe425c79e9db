#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "client/client.h"
#include "runtime/job_cache.h"

/// Replaying what a job's workers committed to, from what the node has.
namespace assay::games {

/// Fetches blobs from a node into files, for a JobCache.
runtime::JobCache::Fetch fetch_from(client::Client& node);
/// The file in which a blob of the job lies here; its bytes need not be right. Called from the
/// thread that fetches.
using KeptBlobs = std::function<std::optional<std::filesystem::path>(const base::JobId& job,
                                                                     const base::BlobRoot& blob)>;
/// The same, of one job, where the node does not have a blob that `kept` has. `kept` may be null.
runtime::JobCache::Fetch fetch_from(client::Client& node, const base::JobId& job, KeptBlobs kept);

/// The states and payloads of one job by their places, fetched and verified against the roots on
/// the ledger. Errors are sentences for people and mean "not now". Does not own; cheap to make.
class JobStates {
  public:
    JobStates(client::Client& node, runtime::JobCache& cache, const base::JobId& id,
              runtime::Job& job)
        : node_(node), cache_(cache), id_(id), job_(job) {}

    struct Opening {
        market::Round round;
        base::Hash previous_root;  ///< that opened the round before; zeros for round 0
    };
    tl::expected<Opening, std::string> opening(std::uint32_t round);
    tl::expected<commit::State, std::string> opening_state(std::uint32_t round,
                                                           const Opening& opening);
    /// The state with which segment `index` of the part starts: from the checkpoint that was
    /// delivered for it, else trained again from the part's start. Fails when that leads to another
    /// root than `root`.
    tl::expected<commit::State, std::string> segment_start(const market::Part& part,
                                                           std::uint32_t index,
                                                           const base::Hash& root,
                                                           const runtime::Progress& progress);
    tl::expected<commit::Payload, std::string> payload(const market::RoundMember& member);
    /// Of all members, in their order; an error when there are none.
    tl::expected<std::vector<commit::Payload>, std::string> payloads(const market::Round& round);

  private:
    tl::expected<commit::State, std::string> part_start(const market::Part& part,
                                                        const Opening& opening);

    client::Client& node_;
    runtime::JobCache& cache_;
    base::JobId id_;
    runtime::Job& job_;
};

}  // namespace assay::games
