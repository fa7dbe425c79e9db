#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/chunk_tree.h"
#include "market_fixture.h"

/// What the tests of questions share: a market driven block by block, its answers and what it took
/// from whom.
namespace assay::sim {

using base::Amount;
using market::Refusal;

inline void step(Market& market) {
    for (Worker& worker : market.workers) worker.act();
    for (Validator& validator : market.validators) validator.act();
    market.world.block();
}

inline bool until(Market& market, const std::function<bool()>& reached) {
    for (int i = 0; i < 5000; ++i) {
        if (reached()) return true;
        step(market);
    }
    return reached();
}

inline std::vector<market::Part> parts_in(const Market& market, market::PartState state,
                                          std::uint32_t round) {
    auto parts = market::parts_of_job(market.world.state(), market.job, round, std::nullopt, 1000);
    std::erase_if(parts, [&](const market::Part& part) { return part.state != state; });
    return parts;
}

inline Refusal send(Market& market, const Person& person, const market::Message& message) {
    market.world.send(person, message);
    market.world.block();
    return market.world.last_refusal();
}

/// Any party that has nothing to do with the job's work.
inline const Person& challenger(const Market& market) { return market.world.validators[0]; }

inline Amount balance(const Market& market, const Person& person) {
    return market::balance_of(market.world.state(), person.id);
}

inline market::ChunkAnswer right_answer(const market::Question& challenge, const base::Hash& what) {
    const base::ProvedChunk proved = base::prove_chunk(blob_of(what), challenge.chunk);
    return {challenge.id, proved.bytes, proved.proof};
}

inline std::size_t closed_as(const Market& market, const std::string& outcome) {
    const auto& events = market.world.events();
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const market::Event& event) {
            return event.kind == "question_closed" &&
                   std::find(event.attributes.begin(), event.attributes.end(),
                             std::pair<std::string, std::string>{"outcome", outcome}) !=
                       event.attributes.end();
        }));
}

/// Nobody answers but who is told to.
inline WorldOptions quiet_options(std::uint64_t seed) {
    WorldOptions options = options_with(seed);
    options.shows = false;
    return options;
}

inline std::vector<market::Slashed> slashes(const Market& market) {
    std::vector<market::Slashed> out;
    for (const base::Bytes& bytes :
         market::history_of(market.world.state(), market.job, 0, 100'000)) {
        const auto entry = market::decode<market::JobHistoryEntry>(bytes);
        if (const auto* slash = std::get_if<market::Slashed>(&*entry)) out.push_back(*slash);
    }
    return out;
}

/// One conviction, of this worker, for silence; the job is whole at the end.
inline void expect_convicted(Market& market, const base::AccountId& worker) {
    const auto found = slashes(market);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].reason, market::SlashReason::no_answer);
    EXPECT_EQ(found[0].worker, worker);
    EXPECT_FALSE(found[0].amount.is_zero());
    market.expect_completed();
    market.expect_history_adds_up();
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

}  // namespace assay::sim
