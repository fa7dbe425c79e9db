#include "histories.h"

#include <gtest/gtest.h>

/// A few thousand random histories; `scripts/histories` tells a million.
namespace assay::sim {
namespace {

TEST(Histories, NobodyGainsByAnIncidentAndNothingUnjudgedIsPaid) {
    std::map<std::string, std::uint64_t> counts;
    for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
        const HistoryResult result = tell_history(seed);
        for (const auto& [name, count] : result.counts) counts[name] += count;
        for (const std::string& what : result.wrong) ADD_FAILURE() << "seed " << seed << ": " << what;
        if (HasFailure()) break;
    }
}

}  // namespace
}  // namespace assay::sim
