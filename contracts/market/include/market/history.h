#pragma once

#include <cstdint>
#include <variant>
#include <vector>

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
    bool operator==(const AuditFact&) const = default;
};

/// A part passed: the leaves are those `part_close` opened.
struct PartPassed {
    PartKey key;
    base::PartId part;
    std::uint32_t first_segment = 0;
    base::Hash tree_root, start_root, end_root, payload_root;
    std::vector<SegmentLeaf> leaves;
    std::vector<AuditFact> audits;  ///< ascending by segment, then audit id
    bool operator==(const PartPassed&) const = default;
};
struct PartVoided {
    PartKey key;
    base::PartId part;
    bool unproved = false;  ///< it was drawn and never judged
    bool operator==(const PartVoided&) const = default;
};
struct RoundClosed {
    std::uint32_t round = 0;
    base::Hash opening_root;
    std::vector<RoundMember> members;
    bool operator==(const RoundClosed&) const = default;
};
struct RoundMerged {
    std::uint32_t round = 0;
    std::uint32_t attempt = 0;
    base::AccountId poster;
    base::Hash root;
    base::BlobRoot blob;
    bool operator==(const RoundMerged&) const = default;
};
struct MergeAudited {
    std::uint32_t round = 0;
    std::uint32_t attempt = 0;
    MergeState outcome = MergeState::audited;
    base::Hash root;  ///< the one that stands
    std::vector<AuditFact> audits;
    bool operator==(const MergeAudited&) const = default;
};
struct InitAudited {
    base::Hash root;
    std::vector<AuditFact> audits;
    bool operator==(const InitAudited&) const = default;
};
struct RoundFinal {
    std::uint32_t round = 0;
    base::Hash root;
    std::uint64_t segments = 0, audited = 0;
    bool operator==(const RoundFinal&) const = default;
};
enum class SlashReason : std::uint8_t {
    judgement = 1,
    equivocation = 2,
    no_delivery = 3,
    no_close = 4,
    confession = 5,
    no_answer = 6,
    concession = 7,
    wrong_blob = 8
};
struct Slashed {
    base::AccountId worker;
    base::LeaseId lease;
    SlashReason reason = SlashReason::judgement;
    base::Hash evidence;  ///< id of the dispute, question, part or report
    base::Amount amount;
    bool operator==(const Slashed&) const = default;
};
struct JobClosed {
    JobState state = JobState::completed;
    CloseReason reason = CloseReason::finished;
    base::Hash final_root;
    std::uint32_t final_rounds = 0;
    Spent spent;
    bool operator==(const JobClosed&) const = default;
};
/// One settled fact of a job. The variant's index is the tag of its encoding: append, never
/// reorder.
using JobHistoryEntry = std::variant<PartPassed, PartVoided, RoundClosed, RoundMerged, MergeAudited,
                                     InitAudited, RoundFinal, Slashed, JobClosed>;
/// H("assay.history", history, encoded entry).
base::Hash extend_history(const base::Hash& history, base::ByteView encoded_entry);

}  // namespace assay::market
