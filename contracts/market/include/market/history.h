#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/schema.h"
#include "market/audits.h"
#include "market/jobs.h"

/// Settled facts of a job, in order; what a certificate is made of.
namespace assay::market {

struct AuditFact {
    std::uint32_t segment = 0;  ///< within the part
    base::AuditId audit;
    base::AccountId auditor;
    VerdictKind verdict = VerdictKind::valid;
    base::Hash end_root;  ///< that an invalid verdict found
    ASSAY_FIELDS(AuditFact, segment, audit, auditor, verdict, end_root)
};

/// A part passed: the leaves are those `part_close` opened.
struct PartPassed {
    PartKey key;
    base::PartId part;
    std::uint32_t first_segment = 0;
    base::Hash tree_root, start_root, end_root, payload_root;
    std::vector<SegmentLeaf> leaves;
    std::vector<AuditFact> audits;  ///< ascending by segment, then audit id
    ASSAY_FIELDS(PartPassed, key, part, first_segment, tree_root, start_root, end_root,
                 payload_root, leaves, audits)
};
struct PartVoided {
    PartKey key;
    base::PartId part;
    bool unproved = false;  ///< it was drawn and never judged
    ASSAY_FIELDS(PartVoided, key, part, unproved)
};
struct RoundClosed {
    std::uint32_t round = 0;
    base::Hash opening_root;
    std::vector<RoundMember> members;
    ASSAY_FIELDS(RoundClosed, round, opening_root, members)
};
struct RoundMerged {
    std::uint32_t round = 0;
    std::uint32_t attempt = 0;
    base::AccountId poster;
    base::Hash root;
    base::BlobRoot blob;
    ASSAY_FIELDS(RoundMerged, round, attempt, poster, root, blob)
};
struct MergeAudited {
    std::uint32_t round = 0;
    std::uint32_t attempt = 0;
    MergeState outcome = MergeState::audited;
    base::Hash root;  ///< the one that stands
    std::vector<AuditFact> audits;
    ASSAY_FIELDS(MergeAudited, round, attempt, outcome, root, audits)
};
struct InitAudited {
    base::Hash root;
    std::vector<AuditFact> audits;
    ASSAY_FIELDS(InitAudited, root, audits)
};
struct RoundFinal {
    std::uint32_t round = 0;
    base::Hash root;
    std::uint64_t segments = 0, audited = 0;
    ASSAY_FIELDS(RoundFinal, round, root, segments, audited)
};
ASSAY_ENUM(SlashReason, judgement = 1, equivocation, no_delivery, no_close, confession, no_answer,
           concession, wrong_blob)
struct Slashed {
    base::AccountId worker;
    base::LeaseId lease;
    SlashReason reason = SlashReason::judgement;
    base::Hash evidence;  ///< id of the dispute, question, part or report
    base::Amount amount;
    ASSAY_FIELDS(Slashed, worker, lease, reason, evidence, amount)
};
struct JobClosed {
    JobState state = JobState::completed;
    CloseReason reason = CloseReason::finished;
    base::Hash final_root;
    std::uint32_t final_rounds = 0;
    Spent spent;
    ASSAY_FIELDS(JobClosed, state, reason, final_root, final_rounds, spent)
};
/// One settled fact of a job. The variant's index is the tag of its encoding: append, never
/// reorder.
using JobHistoryEntry = std::variant<PartPassed, PartVoided, RoundClosed, RoundMerged, MergeAudited,
                                     InitAudited, RoundFinal, Slashed, JobClosed>;
/// H("assay.history", history, encoded entry).
base::Hash extend_history(const base::Hash& history, base::ByteView encoded_entry);

}  // namespace assay::market
