#pragma once

#include <map>

#include "market/job_spec.h"
#include "market/referee.h"

namespace assay::sim {

/// What a market's jobs pretend to be programs of: round costs, the same for every job, and files of one size. Games are played by whom a
/// test says.
class PretendedPrograms final : public market::Referee {
  public:
    /// `games` outlives this.
    PretendedPrograms(const market::Referee& games, std::uint64_t file_bytes) : games_(games), file_bytes_(file_bytes) {}

    /// A job that somebody is about to post.
    void know(base::ByteView spec, const base::Hash& program_root, std::uint64_t data_bytes) {
        known_[market::spec_root(spec)] = {program_root, data_bytes};
    }

    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(const market::JobSpec& spec, base::ByteView encoded) const override {
        const auto known = known_.find(market::spec_root(encoded));
        if (known == known_.end()) return tl::unexpected(market::SpecError{"(bytes)", "nobody pretends to have this program"});
        market::JobFacts facts;
        facts.program_root = known->second.program_root;
        facts.costs = {10'000'000'000, 1'000'000'000, 1000, 1000, 1000, 1000};
        facts.init_bytes = facts.payload_bytes = file_bytes_;
        facts.data_bytes = known->second.data_bytes;
        facts.init_flops = 1'000'000;
        if (!spec.has_merge()) facts.costs.merge_flops = facts.costs.payload_bytes = facts.payload_bytes = 0;
        return facts;
    }
    [[nodiscard]] market::GameStatus open(const market::GameSubject& subject) const override { return games_.open(subject); }
    [[nodiscard]] tl::expected<market::GameStatus, market::MoveRefusal> play(base::ByteView game, market::Side side,
                                                                             base::ByteView move) const override {
        return games_.play(game, side, move);
    }

  private:
    struct Known {
        base::Hash program_root;
        std::uint64_t data_bytes = 0;
    };
    const market::Referee& games_;
    std::uint64_t file_bytes_;
    std::map<base::Hash, Known> known_;
};

}  // namespace assay::sim
