#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "parties.h"

namespace assay::sim {

inline constexpr std::uint64_t kBlocksMax = 20'000;
inline const base::Amount kStake = base::Amount::of(1'000'000'000'000);

/// A world with its parties and one posted job, and what must hold at its end.
struct Market {
    explicit Market(const WorldOptions& options, std::vector<WorkerKind> worker_kinds = {},
                    std::vector<ValidatorKind> validator_kinds = {})
        : world(options) {
        worker_kinds.resize(options.workers, WorkerKind::honest);
        validator_kinds.resize(options.validators, ValidatorKind::honest);
        for (std::size_t i = 0; i < worker_kinds.size(); ++i)
            workers.emplace_back(world, i, worker_kinds[i]);
        for (std::size_t i = 0; i < validator_kinds.size(); ++i)
            validators.emplace_back(world, i, validator_kinds[i]);
        // The first workers are the cheapest, so the cheats among them are matched first.
        for (std::size_t i = 0; i < workers.size(); ++i) workers[i].offer(1000 + i);
        world.block();
        EXPECT_EQ(world.refusals_text().find_first_not_of("none "), std::string::npos)
            << world.refusals_text();
        job = world.post_job();
    }

    [[nodiscard]] market::Job record() const { return *market::find_job(world.state(), job); }
    bool finish() { return run(world, workers, validators, job, kBlocksMax); }

    /// What honest training gives of the lanes that were merged: nothing else may be the result
    /// when every lie is found.
    [[nodiscard]] base::Hash honest_root() const {
        const WorldOptions& options = world.options;
        const std::uint32_t segments = options.round_steps / options.segment_steps;
        std::map<std::uint32_t, std::vector<std::uint32_t>> merged;
        for (const base::Bytes& bytes : market::history_of(world.state(), job, 0, 100'000)) {
            const auto entry = market::decode<market::JobHistoryEntry>(bytes);
            const auto* closed = std::get_if<market::RoundClosed>(&*entry);
            if (closed == nullptr) continue;
            merged[closed->round].clear();
            for (const market::RoundMember& member : closed->members)
                merged[closed->round].push_back(member.lane);
        }
        base::Hash opening = world.init_root;
        for (std::uint32_t round = 0; round < options.rounds; ++round) {
            std::vector<base::Hash> payloads;
            base::Hash end;
            for (const std::uint32_t lane : merged[round]) {
                end = opening;
                for (std::uint32_t segment = 0; segment < segments; ++segment)
                    end = trained_root(end, job, round, lane, segment);
                payloads.push_back(trained_payload(end));
            }
            opening =
                options.lanes == 1 && options.rounds == 1 ? end : merged_root(opening, payloads);
        }
        return opening;
    }

    void expect_money_settled() const {
        const market::Job now = record();
        const market::Spent& spent = now.spent;
        EXPECT_EQ(now.hold.total(), base::Amount{});
        EXPECT_EQ(now.held, spent.workers + spent.auditors + spent.protocol_fees + spent.refunded +
                                spent.pauses + spent.unproved);
        for (const Person& worker : world.workers) {
            const auto stake = market::find_stake(world.state(), worker.id, market::Role::worker);
            EXPECT_EQ(stake->locked, base::Amount{}) << worker.name;
        }
        for (const Person& validator : world.validators) {
            const auto stake =
                market::find_stake(world.state(), validator.id, market::Role::validator);
            EXPECT_EQ(stake->locked, base::Amount{}) << validator.name;
            EXPECT_EQ(market::find_validator(world.state(), validator.id)->open_audits, 0U)
                << validator.name;
        }
    }

    void expect_completed() const {
        const market::Job now = record();
        EXPECT_EQ(now.state, market::JobState::completed)
            << market::to_word(now.state) << " " << market::to_word(now.reason);
        EXPECT_EQ(now.final_rounds, world.options.rounds);
        expect_money_settled();
    }

    void expect_history_adds_up() const {
        base::Hash history = base::Hash{};
        const market::Job now = record();
        const auto entries = market::history_of(world.state(), job, 0, 100'000);
        EXPECT_EQ(entries.size(), now.history_count);
        for (const base::Bytes& entry : entries) history = market::extend_history(history, entry);
        EXPECT_EQ(history, now.history);
    }

    World world;
    std::vector<Worker> workers;
    std::vector<Validator> validators;
    base::JobId job;
};

inline WorldOptions options_with(std::uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    return options;
}

}  // namespace assay::sim
