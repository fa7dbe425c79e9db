#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "evidence/evidence.h"

namespace assay::evidence {

/// What a job's history says, and contradicts itself in nothing.
struct HistoryFacts {
    base::Hash hash;  ///< of all entries: the root under which the closed job joins an epoch
    std::vector<base::Hash> final_roots;  ///< after each final round; the last one is the model's
    std::vector<market::PartPassed>
        final_parts;  ///< of the members of final rounds, by round, lane, part
    std::vector<market::RoundMerged> merges;                    ///< every one that was posted
    std::map<std::uint32_t, market::RoundMerged> final_merges;  ///< by round
    market::JobClosed closed;
    std::uint64_t slashes = 0;
    std::uint32_t left_out = 0;  ///< lanes that a final round closed without
};

/// Walks the entries: every final round opened on the root before it (the init root at first);
/// every member's parts lead without a gap from that opening to the root it brought into the merge;
/// leaves open the trees that workers committed to. The error says where it fails.
tl::expected<HistoryFacts, std::string> check_history(const base::Hash& chain_id,
                                                      const market::JobSpec& spec,
                                                      const base::JobId& job,
                                                      const base::Hash& init_root,
                                                      const std::vector<base::Bytes>& entries);

}  // namespace assay::evidence
