#include "checker.h"

#include <algorithm>

#include "plan/prepared_job.h"

namespace assay::node {

tl::expected<client::JobFacts, market::SpecError> Checker::facts(const market::JobSpec& spec) {
    const std::lock_guard lock(mutex_);
    const base::Hash root = market::spec_root(market::encode_spec(spec));
    if (const auto found = known_.find(root); found != known_.end()) {
        found->second.first = ++clock_;
        return found->second.second;
    }
    auto prepared = plan::prepare_job(spec, threads_, memory_bytes_max_);
    if (!prepared) return tl::unexpected(prepared.error());
    if (known_.size() >= kRemembered) {
        known_.erase(std::min_element(
            known_.begin(), known_.end(),
            [](const auto& a, const auto& b) { return a.second.first < b.second.first; }));
    }
    known_.emplace(root, std::pair(++clock_, prepared->facts));
    return prepared->facts;
}

}  // namespace assay::node
