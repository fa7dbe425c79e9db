#pragma once

#include <string>
#include <vector>

#include "certificate/certificate.h"
#include "market/job_spec.h"

namespace assay::certificate {

/// What a job's history proves, recomputed from its entries alone.
struct HistoryFacts {
    /// Roots after each final round; the last one is the model's.
    std::vector<base::Hash> final_roots;
    std::uint64_t segments = 0, audited = 0, unaudited = 0;
    std::uint64_t slashes = 0;
};

/// Walks the entries: their hash is the record's; every final round opened on the root before it (the init root at first); every member's
/// parts lead without a gap from that opening to the root it brought into the merge; leaves open the trees that workers committed to;
/// and the record's totals follow. The error says where it fails.
tl::expected<HistoryFacts, std::string> check_history(const base::Hash& chain_id, const market::JobSpec& spec, const market::Job& job,
                                                      const std::vector<base::Bytes>& entries);

}  // namespace assay::certificate
