// What people and scripts see of the state.

#include <gtest/gtest.h>

#include "client/json.h"

namespace assay::client {
namespace {

base::Hash all(std::uint8_t byte) {
    base::Hash hash;
    hash.bytes.fill(byte);
    return hash;
}

/// Any number of the parameters, changed in any bit, comes back from JSON: none has been forgotten.
TEST(ParametersJson, NamesEveryNumber) {
    const base::Bytes bytes = market::encode_parameters({});
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        base::Bytes other = bytes;
        other[i] ^= 1U;
        const auto changed = market::decode_parameters(other);
        ASSERT_TRUE(changed.has_value()) << i;
        const auto back = parameters_from_json(parameters_to_json(*changed), {});
        ASSERT_TRUE(back.has_value()) << spec_error_text(back.error());
        EXPECT_EQ(*back, *changed) << i;
    }
}

TEST(ParametersJson, RefusesWhatTheFirstEditionHad) {
    for (const char* name : {"committee_max", "judgement", "redraws_max", "challenge_pool_max"}) {
        Json json = parameters_to_json({});
        json[name] = 1;
        EXPECT_FALSE(parameters_from_json(json, {}).has_value()) << name;
    }
}

TEST(ObjectsJson, IdsThatAreNotSetAreNull) {
    const Json audit = json_of(market::Audit{});
    EXPECT_TRUE(audit.at("controls").is_null());
    EXPECT_TRUE(audit.at("verdict").is_null());
    EXPECT_TRUE(audit.at("revealed").is_null());
    EXPECT_TRUE(audit.at("cells").empty());
    const Json dispute = json_of(market::Dispute{});
    EXPECT_TRUE(dispute.at("pool").is_null());
    EXPECT_TRUE(dispute.at("cell").is_null());
    EXPECT_TRUE(dispute.at("role").is_null());
    const Json question = json_of(market::Question{});
    EXPECT_TRUE(question.at("round").is_null()) << "about the job's own blobs";
    EXPECT_TRUE(question.at("lease").is_null());
    EXPECT_TRUE(json_of(market::EpochMember{}).at("y").is_null());
    EXPECT_TRUE(json_of(market::Stake{}).at("jailed_at_ms").is_null());
    EXPECT_TRUE(json_of(market::Lane{}).at("wait").is_null());
    EXPECT_TRUE(json_of(market::Job{}).at("end_state").is_null());
}

TEST(ObjectsJson, SayWhatTheObjectsSay) {
    market::Question question;
    question.kind = market::QuestionKind::state;
    question.target = {market::StoredKind::start, all(1), 7};
    question.round = 3;
    const Json asked = json_of(question);
    EXPECT_EQ(asked.at("kind"), "state");
    EXPECT_EQ(asked.at("target").at("kind"), "start");
    EXPECT_EQ(asked.at("target").at("number"), 7);
    EXPECT_EQ(asked.at("round"), 3);
    EXPECT_TRUE(asked.at("chunk").is_null());

    market::Dispute dispute;
    dispute.target = market::DisputeTarget::cell;
    dispute.cell = 5;
    EXPECT_EQ(json_of(dispute).at("cell"), 5);

    const Json member = json_of(market::EpochMember{9, {all(1)}, 12, all(2), {all(3)}, {}});
    EXPECT_EQ(member.at("epoch"), "9");
    EXPECT_EQ(member.at("weight"), "12");
    EXPECT_EQ(member.at("y"), all(2).hex());
    EXPECT_EQ(member.at("transaction"), all(3).hex());

    market::Claim claim;
    claim.draws = 1;
    EXPECT_EQ(json_of(claim).at("judged"), false);

    market::Pool pool;
    pool.target = {market::DisputeTarget::segment, {all(4)}, 2, {}, 0};
    EXPECT_EQ(json_of(pool).at("target").at("segment"), 2);
    EXPECT_TRUE(json_of(pool).at("target").at("job").is_null());

    market::Job job;
    job.state = market::JobState::settling;
    job.end_state = market::JobState::cancelled;
    job.expected = (std::uint64_t{3} << 32U) + (std::uint64_t{1} << 31U);
    EXPECT_EQ(json_of(job).at("end_state"), "cancelled");
    EXPECT_EQ(json_of(job).at("expected_audits"), 3.5);

    market::Lane lane;
    lane.wait = market::LaneWait::audit_funds;
    lane.asked.resize(1);
    EXPECT_EQ(json_of(lane).at("wait"), "audit_funds");
    EXPECT_EQ(json_of(lane).at("asked").size(), 1U);
}

TEST(ObjectsJson, EveryKindOfHistoryHasItsName) {
    const std::pair<market::JobHistoryEntry, const char*> entries[] = {
        {market::PartPassed{}, "part_passed"},     {market::PartVoided{}, "part_voided"},
        {market::RoundClosed{}, "round_closed"},   {market::RoundMerged{}, "round_merged"},
        {market::MergeAudited{}, "merge_audited"}, {market::InitAudited{}, "init_audited"},
        {market::RoundFinal{}, "round_final"},     {market::Slashed{}, "slashed"},
        {market::JobClosed{}, "job_closed"}};
    for (const auto& [entry, name] : entries) EXPECT_EQ(json_of(entry).at("kind"), name);
    EXPECT_EQ(json_of(market::JobHistoryEntry{market::PartVoided{{}, {}, true}}).at("unproved"),
              true);
}

}  // namespace
}  // namespace assay::client
