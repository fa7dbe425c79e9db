#include "dispute/remembering_referee.h"

namespace assay::dispute {

tl::expected<market::JobFacts, market::SpecError> RememberingReferee::facts(
    const market::JobSpec& spec, base::ByteView encoded) const {
    const base::Hash key = base::sha256(encoded);
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = known_.find(key); found != known_.end()) return found->second;
    }
    Answer answer = LedgerReferee::facts(spec, encoded);
    const std::lock_guard lock(mutex_);
    ++built_;
    if (!known_.emplace(key, answer).second) return answer;
    order_.push_back(key);
    if (order_.size() > kRemembered) {
        known_.erase(order_.front());
        order_.pop_front();
    }
    return answer;
}

std::uint64_t RememberingReferee::built() const {
    const std::lock_guard lock(mutex_);
    return built_;
}

}  // namespace assay::dispute
