#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "client/client.h"
#include "games/job_states.h"
#include "runtime/job_cache.h"
#include "runtime/segment_producer.h"

namespace assay::validator {

/// Another root than the one that somebody asserts.
struct Finding {
    market::ChallengeTarget target;
    base::Hash claimed;
};

/// Finds verdicts, and wrong work that nobody was drawn for, by recomputing. Reads public state and blobs only; the same work gives the same
/// answer whoever judges. One thread.
class Judge {
  public:
    /// `producer` outlives it.
    Judge(client::Client& node, std::filesystem::path folder, runtime::ExecutorOptions options, runtime::SegmentProducer& producer);
    /// An error means "not now" (a blob or the node cannot be reached), never "invalid". So does a start checkpoint that is there and is
    /// something else, where a game judges: nobody could win it without the state that belongs to the start root.
    tl::expected<market::Verdict, std::string> verdict(const market::Audit& audit);
    /// What the last verdict failed for: a blob that the store did not give, and who has to show it.
    struct Missing {
        market::ChunkTarget target;
        base::BlobRoot blob;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] const std::optional<Missing>& missing() const { return missing_; }

    /// Recomputes a segment of a passed part. Where its start checkpoint was not delivered the part is trained from its start, and what
    /// differs first on the way is the finding. Nothing when all is right; an error means "not now".
    tl::expected<std::optional<Finding>, std::string> check_segment(const market::PartPassed& passed, std::uint32_t segment,
                                                                    const runtime::Progress& go_on);
    /// Recomputes the merge that stands for a round.
    tl::expected<std::optional<Finding>, std::string> check_merge(const base::JobId& job, std::uint32_t round);

    /// The end was asked for, or `go_on` said so: a replay under way stops at the next step and the answer is this error.
    static constexpr std::string_view kInterrupted = "interrupted";

  private:
    using Outcome = tl::expected<market::Verdict, std::string>;
    Outcome judge_segment(const market::Audit& audit);
    Outcome judge_merge(const market::Audit& audit);
    Outcome no_start(const base::Hash& start_root, std::string why = "the round's first segment starts with another root");
    tl::expected<std::reference_wrapper<runtime::Job>, std::string> open(const base::JobId& id);
    tl::expected<base::Hash, std::string> merged_root(const base::JobId& id, std::uint32_t round);
    tl::expected<commit::State, std::string> delivered_start(const market::Audit& audit, const market::Part& part,
                                                             const market::DeliveredSegment& delivered, runtime::Job& job,
                                                             const games::JobStates::Opening& opening);
    tl::expected<commit::State, std::string> trained_start(const market::Audit& audit, const market::Part& part, const base::Hash& root,
                                                           runtime::Job& job);

    void miss_start(const market::Part& part, const market::DeliveredSegment& delivered);
    void miss_opening(const base::JobId& job, std::uint32_t round);
    void miss_payload(const market::RoundMember& member);

    client::Client& node_;
    runtime::JobCache cache_;
    runtime::SegmentProducer& producer_;
    std::optional<Missing> missing_;
    /// Audits whose start checkpoint is something else and could not be trained either: when that is tried again.
    std::map<base::AuditId, std::chrono::steady_clock::time_point> train_again_;
};

/// What an auditor says by vote when the checkpoint that the worker delivered does not have the start root it committed to: there is no end
/// root to find, and everybody who looks finds the same.
base::Hash no_start_root(const base::Hash& start_root);

}  // namespace assay::validator
