#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "client/client.h"
#include "runtime/job_cache.h"
#include "runtime/segment_producer.h"

namespace assay::validator {

/// Finds verdicts by recomputing. Reads public state and blobs only; the same audit gives the same verdict whoever judges. One thread.
class Judge {
  public:
    /// `producer` outlives it.
    Judge(client::Client& node, std::filesystem::path folder, runtime::ExecutorOptions options, runtime::SegmentProducer& producer);
    /// An error means "not now" (a blob or the node cannot be reached), never "invalid".
    tl::expected<market::Verdict, std::string> verdict(const market::Audit& audit);
    /// What the last verdict failed for: a blob that the store did not give, and who has to show it.
    struct Missing {
        market::ChunkTarget target;
        base::BlobRoot blob;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] const std::optional<Missing>& missing() const { return missing_; }
    /// The end was asked for: a replay under way stops at the next step and `verdict` gives an error.
    static constexpr std::string_view kInterrupted = "interrupted";

  private:
    using Outcome = tl::expected<market::Verdict, std::string>;
    Outcome judge_segment(const market::Audit& audit);
    Outcome judge_merge(const market::Audit& audit);
    Outcome judge_roots(const market::Audit& audit);
    tl::expected<std::reference_wrapper<runtime::Job>, std::string> open(const base::JobId& id);
    struct Opening {
        market::Round round;
        base::Hash previous_opening;
    };
    tl::expected<Opening, std::string> opening_of(const base::JobId& job, std::uint32_t round);
    tl::expected<commit::State, std::string> opening_state(const base::JobId& id, runtime::Job& job, std::uint32_t round,
                                                           const Opening& opening);

    void miss_start(const market::Part& part, const market::DeliveredSegment& delivered);
    void miss_opening(const base::JobId& job, std::uint32_t round);
    void miss_payload(const market::RoundMember& member);

    client::Client& node_;
    runtime::JobCache cache_;
    runtime::SegmentProducer& producer_;
    std::optional<Missing> missing_;
};

/// What an auditor says when the checkpoint that the worker delivered does not have the start root it committed to: there is no end root to
/// find, and everybody who looks finds the same.
base::Hash no_start_root(const base::Hash& start_root);

}  // namespace assay::validator
