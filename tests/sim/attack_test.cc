#include <gtest/gtest.h>

#include <algorithm>

#include "market/tables.h"
#include "market_fixture.h"

/// Ways to win without work, to make honest parties lose, or to leave something behind: none of them may pay.
namespace assay::sim {
namespace {

using market::Refusal;

Refusal answer(World& world, const Person& person, const market::Message& message) {
    world.send(person, message);
    world.block();
    return world.last_refusal();
}

/// Blocks without transactions until `ms` of live time are over.
void wait(World& world, std::uint64_t ms) {
    const std::uint64_t until = world.live().value + ms;
    for (int i = 0; i < 100'000 && world.live().value < until; ++i) world.block();
}

std::size_t entries_in(const World& world, market::Table table) {
    std::size_t count = 0;
    const base::Bytes prefix = market::table_prefix(table);
    base::Bytes from = prefix;
    while (auto entry = world.state().seek(from, prefix)) {
        ++count;
        from = std::move(entry->first);
        from.push_back(0);
    }
    return count;
}

std::size_t paid_for(const World& world, std::string_view reason) {
    return static_cast<std::size_t>(std::count_if(world.events().begin(), world.events().end(), [&](const market::Event& event) {
        return event.kind == "paid" && std::any_of(event.attributes.begin(), event.attributes.end(), [&](const auto& attribute) {
                   return attribute.first == "reason" && attribute.second == reason;
               });
    }));
}

TEST(EpochContribute, AKeyThatMayHaveBeenChosenByItsOutcomeDoesNotCount) {
    Market market(options_with(41));
    World& world = market.world;
    std::optional<std::pair<const Person*, market::EpochContribute>> held;
    for (int i = 0; i < 500 && !held; ++i) {
        for (Worker& worker : market.workers) worker.act();
        for (Validator& validator : market.validators) validator.act();
        for (const auto& [person, message] : world.take_queue()) {
            const auto* contribution = std::get_if<market::EpochContribute>(&message);
            if (contribution != nullptr && !held) {
                held = std::pair{person, *contribution};
            } else {
                world.send(*person, message);
            }
        }
        world.block();
    }
    ASSERT_TRUE(held);
    const Person& cheat = *held->first;
    const market::Epoch epoch = *market::find_epoch(world.state(), held->second.epoch);
    const auto ground = base::SecretKey::from_seed(numbered(41, "ground").bytes);
    market::KeysSet keys;
    keys.cold = keys.hot = cheat.key.public_key();
    keys.vrf = ground.public_key();
    ASSERT_EQ(answer(world, cheat, keys), Refusal::none);
    market::EpochContribute message = held->second;
    message.proof = base::vrf_prove(ground, market::contribution_alpha(world.chain_id(), epoch.number, epoch.commitments_root));
    EXPECT_EQ(answer(world, cheat, message), Refusal::vrf_key_missing);
}

TEST(Epochs, LeaveTheStateOneRetentionPeriodAfterTheirDraw) {
    Market market(options_with(42));
    ASSERT_TRUE(market.finish());
    EXPECT_GT(entries_in(market.world, market::Table::epoch), 0U);
    EXPECT_GT(entries_in(market.world, market::Table::epoch_commitment), 0U);
    wait(market.world, market::demo_parameters().retention_ms + 60'000);
    EXPECT_EQ(entries_in(market.world, market::Table::epoch), 0U);
    EXPECT_EQ(entries_in(market.world, market::Table::epoch_commitment), 0U);
    for (const auto table : {market::Table::job, market::Table::lane, market::Table::round, market::Table::merge, market::Table::history,
                             market::Table::lease, market::Table::part, market::Table::audit, market::Table::vote, market::Table::timer}) {
        EXPECT_EQ(entries_in(market.world, table), 0U) << static_cast<int>(table);
    }
}

/// What honest lanes built on a wrong merge is void, but it was work: insurance pays it. And nothing of it stays behind.
TEST(WrongMerge, HonestLanesArePaidFromInsuranceAndEveryLeaseIsSettled) {
    std::size_t insured = 0;
    for (std::uint64_t seed = 50; seed < 58; ++seed) {
        WorldOptions options = options_with(seed);
        options.rounds = 4;
        Market market(options, {WorkerKind::wrong_merge});
        ASSERT_TRUE(market.finish()) << seed;
        market.expect_money_settled();
        insured += paid_for(market.world, "insurance");
        wait(market.world, market::demo_parameters().retention_ms + 700'000);
        EXPECT_EQ(entries_in(market.world, market::Table::lease), 0U) << seed;
        EXPECT_EQ(entries_in(market.world, market::Table::merge), 0U) << seed;
    }
    EXPECT_GT(insured, 0U);
}

/// With three validators one silent juror is enough for `unresolved`: the cheat keeps its stake, but is not paid, and the lane goes on.
TEST(ThreeValidators, ACheatGainsNothingFromAMissingJuror) {
    for (std::uint64_t seed = 60; seed < 64; ++seed) {
        WorldOptions options = options_with(seed);
        options.rate_ppm = 1'000'000;
        Market market(options, {WorkerKind::fakes_everything}, {ValidatorKind::honest, ValidatorKind::honest, ValidatorKind::never_seals});
        const base::AccountId cheat = market.world.workers[0].id;
        const auto before = market::balance_of(market.world.state(), cheat);
        ASSERT_TRUE(market.finish()) << seed;
        EXPECT_LE(market::balance_of(market.world.state(), cheat), before + market::find_offer(market.world.state(), market::offers_of(market.world.state(), cheat, 1).front().id)->bond) << seed;
        market.expect_money_settled();
        for (const market::Event& event : market.world.events()) {
            if (event.kind != "paid") continue;
            EXPECT_NE(event.attributes.front().second, cheat.hex()) << seed;
        }
        if (market.record().state == market::JobState::completed) {
            EXPECT_EQ(market.record().final_root, market.honest_root()) << seed;
        }
    }
}

/// A submitter whose deadline is too short for the audits of what it has already got pays for it all the same.
TEST(RoundDeadline, WaitsForWhatIsCommitted) {
    std::size_t extended = 0;
    for (std::uint64_t seed = 71; seed < 83; ++seed) {
        WorldOptions options = options_with(seed);
        options.rounds = options.lanes = 1;
        options.rate_ppm = 1'000'000;
        options.round_deadline_s = 10;
        Market market(options, {}, {ValidatorKind::honest, ValidatorKind::never_seals, ValidatorKind::never_seals});
        ASSERT_TRUE(market.finish());
        extended += market.world.count_events("round_extended");
        market.expect_completed();
    }
    EXPECT_GT(extended, 0U);
}

/// A committed part's checkpoint is public: cancelling before its audits are over must not make it free.
TEST(JobCancel, AtTheRightMomentDoesNotGetWorkForNothing) {
    Market market(options_with(70));
    for (int i = 0; i < 500 && market.world.count_events("part_committed") < 2; ++i) {
        for (Worker& worker : market.workers) worker.act();
        for (Validator& validator : market.validators) validator.act();
        market.world.block();
    }
    ASSERT_EQ(market.world.count_events("part_committed"), 2U);
    ASSERT_EQ(market.world.count_events("part_passed"), 0U);
    EXPECT_EQ(answer(market.world, market.world.submitter, market::JobCancel{market.job}), Refusal::none);
    EXPECT_EQ(paid_for(market.world, "segments"), 2U);
    EXPECT_FALSE(market.record().spent.workers.is_zero());
    EXPECT_EQ(market.record().unaudited_segments, 2U);
    market.expect_money_settled();
}

}  // namespace
}  // namespace assay::sim
