#pragma once

#include <map>

#include "history.h"
#include "recorded.h"

namespace assay::evidence {

/// What a claim is drawn at: as the operator states it, and the least that it can have been.
struct Rates {
    std::uint32_t stated_ppm = 0, least_ppm = 0;
};

/// A tree that a worker committed to: one attempt.
struct CommittedPart {
    market::PartKey key;
    market::PartCommit message;
    std::uint32_t first_segment = 0;
    Rates rates;
};

/// What the job's parties have sent, by what it is about.
struct Sent {
    std::map<base::PartId, CommittedPart> parts;
    std::map<base::PartId, std::vector<market::SegmentLeaf>> closes;
    std::map<std::uint32_t, std::vector<std::pair<base::AccountId, market::MergePost>>>
        merges;  ///< by round
    struct Reveal {
        base::AccountId sender;
        base::PublicKey vrf;
        market::VerdictReveal message;
        bool used = false;  ///< its sender was drawn for it
    };
    std::map<base::AuditId, Reveal> reveals;
    std::map<base::AuditId, std::pair<base::AccountId, market::CellsOpen>> cells;
    struct Contribution {
        market::EpochContribute message;
        base::PublicKey vrf;
    };
    std::map<std::uint64_t, std::map<base::AccountId, Contribution>> contributions;  ///< by epoch
};

/// Recomputes every draw of every epoch and asks for a verdict of each who was drawn. Fills claims,
/// controls, contributors and hidden epochs.
[[nodiscard]] std::optional<Failure> check_draws(const Evidence& evidence, const Log& log,
                                                 const HistoryFacts& history, Sent& sent,
                                                 Facts& facts);

}  // namespace assay::evidence
