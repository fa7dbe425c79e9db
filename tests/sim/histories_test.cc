#include "histories.h"

#include <gtest/gtest.h>

/// Some random histories in each run of the tests; `scripts/histories` tells a million.
namespace assay::sim {
namespace {

constexpr std::uint64_t kHistories = 2'000;

TEST(Histories, NobodyGainsByAnIncidentAndNothingUnjudgedIsPaid) {
    std::map<std::string, std::uint64_t> counts;
    for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
        const HistoryResult result = tell_history(seed, {nullptr, 4});
        for (const auto& [name, count] : result.counts) counts[name] += count;
        for (const std::string& what : result.wrong)
            ADD_FAILURE() << "seed " << seed << ": " << what;
        if (HasFailure()) return;
    }
    // Nothing is shown by what does not happen.
    for (const char* name : {"slashed_judgement",
                             "slashed_equivocation",
                             "slashed_no_delivery",
                             "slashed_no_close",
                             "slashed_confession",
                             "slashed_concession",
                             "slashed_no_answer",
                             "fined_missed",
                             "fined_absent",
                             "fined_no_cells",
                             "jailed",
                             "bond_burned",
                             "game_segment_upheld",
                             "game_segment_rejected",
                             "game_merge_upheld",
                             "game_merge_rejected",
                             "game_init_upheld",
                             "game_init_rejected",
                             "game_cell_upheld",
                             "game_cell_rejected",
                             "question_state_vain",
                             "question_state_silence",
                             "question_chunk_answered",
                             "question_chunk_silence",
                             "paid_compensation",
                             "paid_bounty",
                             "paid_dispute_fees",
                             "paid_relet",
                             "paid_pause",
                             "returned_to_job",
                             "round_reopened",
                             "claim_redrawn",
                             "epoch_void",
                             "part_unproved",
                             "part_void",
                             "false_segment_paid",
                             "job_completed_finished",
                             "job_cancelled_submitter",
                             "job_failed_no_auditors",
                             "job_failed_no_workers",
                             "job_failed_data_missing",
                             "job_failed_wrong_init",
                             "job_expired_no_offer"})
        EXPECT_GT(counts[name], 0U) << name;
}

/// Seeds at which a rule was wrong once.
TEST(Histories, WhatWasFoundIsRepaired) {
    constexpr std::uint64_t kSeeds[] = {
        9,       // a job whose auditors were gone for good waited for ever
        123,     // so did one that settles, for a control that no epoch would draw
        389,     // a lane that was set back during a pause got no next part, and its honest worker
                 // lost its bond
        11'518,  // a round waited for parts that the conviction for a later round had made void
        164'935,
        192'414,  // an auditor that was fined below its lock filled up with what nothing claimed
        50'686,   // whose data never opened lost its bond in the block between two questions
    };
    for (const std::uint64_t seed : kSeeds)
        EXPECT_EQ(tell_history(seed).wrong, std::vector<std::string>{}) << seed;
}

TEST(Histories, OneNumberDecides) {
    const HistoryResult one = tell_history(7), two = tell_history(7), other = tell_history(8);
    EXPECT_EQ(one.digest, two.digest);
    EXPECT_EQ(one.counts, two.counts);
    EXPECT_NE(one.digest, other.digest);
}

}  // namespace
}  // namespace assay::sim
