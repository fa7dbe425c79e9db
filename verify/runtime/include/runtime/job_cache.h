#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "base/ids.h"
#include "commit/state.h"
#include "market/objects.h"
#include "runtime/segment.h"

namespace assay::runtime {

/// The jobs a worker or validator has open, and the blobs it fetched for them: dataset,
/// checkpoints, payloads. Whatever comes over the network is verified against a root before it is
/// used. One thread at a time.
class JobCache {
  public:
    /// Brings the blob to `file` and verifies its address. A file that is there already and right
    /// may be kept.
    using Fetch = std::function<tl::expected<void, std::string>(const base::BlobRoot& blob,
                                                                const std::filesystem::path& file)>;

    /// `jobs_max` jobs stay open (the least recently used one is closed first); their folders stay
    /// until `forget`.
    JobCache(std::filesystem::path folder, ExecutorOptions options, Fetch fetch,
             std::size_t jobs_max);

    /// Opens a job: fetches its dataset and builds its program. The reference stays valid until the
    /// next `open`.
    tl::expected<std::reference_wrapper<Job>, std::string> open(const base::JobId& id,
                                                                const market::JobSpec& spec);
    /// A fetched state, checked against the root under `descriptor`.
    tl::expected<commit::State, std::string> fetch_state(const base::JobId& id, Job& job,
                                                         const base::BlobRoot& blob,
                                                         const commit::StateDescriptor& descriptor,
                                                         const base::Hash& root);
    /// What the ledger says about a round.
    using Rounds = std::function<tl::expected<market::Round, std::string>(std::uint32_t round)>;
    /// The state that opens `round`. Where its blob is missing or is another state, it is merged
    /// again from the round before: whoever posted a right root with a useless blob stops nobody.
    tl::expected<commit::State, std::string> opening_state(
        const base::JobId& id, Job& job, std::uint32_t round, const base::BlobRoot& blob,
        const base::Hash& previous_opening, const base::Hash& root, const Rounds& rounds);
    tl::expected<commit::Payload, std::string> fetch_payload(const base::JobId& id, Job& job,
                                                             const base::BlobRoot& blob,
                                                             const base::Hash& root);
    /// A job's folder, for whatever else belongs to it.
    [[nodiscard]] std::filesystem::path folder_of(const base::JobId& id) const;
    /// Closes the job and deletes its folder.
    void forget(const base::JobId& id);
    /// Jobs that have a folder, open or not.
    [[nodiscard]] std::vector<base::JobId> kept() const;

  private:
    struct Entry {
        std::unique_ptr<Job> job;
        std::uint64_t used = 0;
    };
    std::filesystem::path folder_;
    ExecutorOptions options_;
    Fetch fetch_;
    std::size_t jobs_max_;
    std::uint64_t clock_ = 0;  ///< counts uses
    std::map<base::JobId, Entry> jobs_;
};

/// Descriptor of the state with which segment `place` starts: the round's opening state for the
/// first, else a state within the round. `previous_opening` is the root that opened the round
/// before (zeros for round 0).
commit::StateDescriptor segment_start_descriptor(const Job& job, const SegmentPlace& place,
                                                 const base::Hash& previous_opening);
/// Descriptor of the state that opens `round`.
commit::StateDescriptor opening_descriptor(const Job& job, std::uint32_t round,
                                           const base::Hash& previous_opening);
/// Descriptor of the state after `steps` steps of the round.
commit::StateDescriptor state_descriptor(const Job& job, const SegmentPlace& place,
                                         std::uint32_t steps);

}  // namespace assay::runtime
