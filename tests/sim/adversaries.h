#pragma once

#include <string>
#include <vector>

#include "season.h"

/// The library of strategies: each adversary a small class with a name, what it does, and what it
/// costs to compute.
namespace assay::sim {

enum class AdversaryRole : std::uint8_t { worker, validator, submitter, coalition };

struct Adversary {
    std::string name;  ///< one word, as in `skips_steps`
    AdversaryRole role = AdversaryRole::worker;
    std::string what;  ///< one line for people
    Cast (*cast)();
    /// What its season needs beyond the usual; may be null.
    void (*prepare)(SeasonOptions& options) = nullptr;
    /// The submitter of jobs that go on is of the coalition: its models are worth more than they
    /// cost, so it loses when honesty is better.
    bool has_models = false;
    /// Seasons whose sum decides: one, or so many that whether it is controlled is no luck.
    std::uint32_t seasons = 1;
    /// What its seasons brought, and what they would have brought honestly.
    [[nodiscard]] bool loses(std::int64_t cheated, std::int64_t honest) const {
        return cheated < honest && (has_models || cheated < 0);
    }
};

/// All of them, workers first. Names are unique.
const std::vector<Adversary>& adversaries();
const Adversary& adversary(const std::string& name);

/// The usual season: six workers, six validators, two lanes, two rounds of two segments.
SeasonOptions usual_season(std::uint64_t seed);
/// The season of an adversary; `honest`: the same seats, shape and seed, but everybody behaves.
SeasonResult play(const Adversary& adversary, std::uint64_t seed, std::uint32_t jobs, bool honest);

}  // namespace assay::sim
