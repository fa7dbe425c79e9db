#include <algorithm>

#include "schemes.h"

/// What broke the first draft of the second edition: B1, B2, B4 to B7 of docs/attacks.md. B9 stands
/// beside A4, B3 and B8 where their formats are tested.
namespace assay::attacks {
namespace {

constexpr std::size_t kMany = 10'000;

/// A faker that uses its whole clock in every game, while its submitter closes the job and settles
/// as fast as the rules let it: its lock does not return before the games are over, and nothing
/// that is not judged is paid.
TEST(Attack, B1_DeadlinesSettleNothing) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        WorldOptions options = options_of(seed);
        options.workers = 1;
        options.rate_ppm = 1'000'000;
        options.tune = [](market::Parameters& p) { p.settle_ms_max = 60'000; };
        WorkerSeats workers;
        workers[0] = std::make_unique<Liar>(Liar::When{}, sim::Play::wait);
        Stage stage(options, std::move(workers));
        World& world = stage.world;
        stage.offer({{0, 1000}});
        const base::JobId job = stage.post();
        ASSERT_TRUE(stage.until([&] { return world.count_events("part_committed") != 0; }));
        world.send(world.submitter, market::JobCancel{job});
        const Person& cheat = world.workers[0];
        ASSERT_TRUE(stage.until([&] { return market::is_terminal(stage.job(job).state); }));
        EXPECT_LT(world.stake_of(cheat, market::Role::worker), kStake) << "its lock returned";
        EXPECT_EQ(paid_to(world, cheat, "segments"), Amount{});
        for (const Person& validator : world.validators)
            expect_unharmed(world, validator, market::Role::validator, kStake);
    }
}

/// An accomplice that was not drawn audits nothing, however early it calls, and every audit follows
/// from its auditor's own contribution.
TEST(Attack, B2_NobodyChoosesItself) {
    WorldOptions options = options_of(3);
    options.validators = 5;
    options.round_steps = 60;
    options.part_segments = 3;
    options.rate_ppm = 450'000;
    ValidatorSeats validators;
    // Its misses are drawn again, and nobody can take them either.
    validators[0] = sim::conduct_of(sim::ValidatorKind::never_seals);
    Stage stage(options, {}, std::move(validators));
    World& world = stage.world;
    stage.offer({{0, 1000}});
    const base::JobId job = stage.post();
    std::set<base::AuditId> seen;
    std::size_t refused = 0;
    stage.until([&] {
        for (const market::Audit& audit :
             market::audits_of_job(world.state(), job, std::nullopt, kMany)) {
            if (audit.state != market::AuditState::open || !seen.insert(audit.id).second) continue;
            const Person& caller =
                audit.auditor == world.validators[4].id ? world.validators[3] : world.validators[4];
            world.send(caller, market::VerdictSeal{audit.id, sim::numbered(3, "first to call")});
            world.block();
            EXPECT_NE(world.last_refusal(), market::Refusal::none);
            ++refused;
            const auto member =
                market::find_epoch_member(world.state(), audit.epoch, audit.auditor);
            EXPECT_TRUE(member && member->y) << "an auditor that did not contribute";
        }
        return market::is_terminal(stage.job(job).state);
    });
    EXPECT_EQ(stage.job(job).state, market::JobState::completed);
    EXPECT_GT(refused, 0U);
}

/// Cells that another auditor computed are cells of other places.
TEST(Attack, B4_CopiedCells) {
    std::size_t caught = 0, copied = 0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        WorldOptions options = options_of(seed);
        options.rate_ppm = 1'000'000;
        options.tune = [](market::Parameters& p) { p.control_ppm = 500'000; };
        const auto leak = std::make_shared<Leak>();
        auto copier = std::make_unique<CopiesCells>(leak);
        const CopiesCells& copies = *copier;
        ValidatorSeats validators;
        validators[0] = std::make_unique<LeaksCells>(leak);
        validators[1] = std::move(copier);
        Stage stage(options, {}, std::move(validators));
        const World& world = stage.world;
        stage.offer({{0, 1000}});
        const base::JobId job = stage.post();
        ASSERT_TRUE(stage.finish(job));
        copied += copies.copied;
        const bool lost = world.stake_of(world.validators[1], market::Role::validator) < kStake;
        EXPECT_FALSE(lost && copies.copied == 0);
        caught += lost ? 1 : 0;
        expect_unharmed(world, world.validators[0], market::Role::validator, kStake);
        expect_unharmed(world, world.validators[2], market::Role::validator, kStake);
    }
    EXPECT_GT(copied, 0U);
    EXPECT_GE(caught, 2U) << "each copy is controlled one time in two";
    figures("B4", std::to_string(caught) + " of 4 copiers lost their locks");
}

/// Who sells its draws in advance does not know them: what it proves has the commitments in it, and
/// the weights.
TEST(Attack, B5_DrawsSoldInAdvance) {
    const auto key = base::SecretKey::from_seed(sim::numbered(1, "seller").bytes);
    const auto output = [&](const base::Hash& root) {
        const base::Bytes alpha = market::contribution_alpha(sim::numbered(1, "chain"), 7, root);
        return market::contribution_output(
            *base::vrf_verify(key.public_key(), alpha, base::vrf_prove(key, alpha)));
    };
    const base::PartId part{sim::numbered(1, "part")};
    const base::JobId job{sim::numbered(1, "job")};
    std::set<base::Hash> outputs;
    for (std::uint64_t i = 0; i < 20; ++i) {
        const std::vector<base::Hash> leaves{
            market::commitment_leaf(part, job, sim::numbered(1, "tree", i))};
        outputs.insert(output(market::epoch_root(sim::numbered(1, "members"), 0, leaves)));
        outputs.insert(output(market::epoch_root(sim::numbered(1, "other members"), 0, leaves)));
        outputs.insert(output(market::epoch_root(sim::numbered(1, "members"), 1, leaves)));
    }
    EXPECT_EQ(outputs.size(), 60U);
}

/// Nobody waits for a seat: whoever has stake is a member of every epoch, however many they are and
/// however little they have.
TEST(Attack, B6_SeatsForSale) {
    WorldOptions options = options_of(1);
    options.validators = 40;
    for (std::size_t i = 0; i < 20; ++i) options.validator_stakes[i] = 1'000'000 + i;
    Stage stage(options);
    const World& world = stage.world;
    stage.offer({{0, 1000}});
    const base::JobId job = stage.post();
    ASSERT_TRUE(stage.finish(job));
    std::size_t epochs = 0;
    for (std::uint64_t number = 0; number < market::load_chain(world.state()).epoch_next;
         ++number) {
        const auto epoch = market::find_epoch(world.state(), number);
        if (!epoch || epoch->state != market::EpochState::done) continue;
        ++epochs;
        EXPECT_EQ(epoch->members, options.validators);
        EXPECT_EQ(epoch->contributed, options.validators);
    }
    EXPECT_GT(epochs, 1U);
}

/// Many games against one honest machine at once: the later ones give it time for the earlier ones,
/// and it loses none.
TEST(Attack, B7_NineGamesAtOnce) {
    std::size_t most = 0;
    std::uint64_t first = 0, last = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        WorldOptions options = options_of(seed);
        options.workers = 1;
        options.validators = 20;
        options.round_steps = 120;
        options.part_segments = 6;
        options.rate_ppm = 1'000'000;
        ValidatorSeats validators;
        for (std::size_t i = 0; i < 12; ++i) {
            options.validator_stakes[i] = 300'000'000'000;
            validators[i] = sim::conduct_of(sim::ValidatorKind::always_invalid);
        }
        Stage stage(options, {}, std::move(validators));
        const World& world = stage.world;
        const Person& worker = world.workers[0];
        stage.offer({{0, 1000}});
        const base::JobId job = stage.post();
        stage.until([&] {
            const auto games = market::disputes_of_account(
                world.state(), worker.id, market::Side::asserter, std::nullopt, kMany);
            if (games.size() > most) {
                most = games.size();
                const auto clock = [](const market::Dispute& a, const market::Dispute& b) {
                    return a.asserter_ms < b.asserter_ms;
                };
                const auto range = std::minmax_element(games.begin(), games.end(), clock);
                first = range.first->asserter_ms;
                last = range.second->asserter_ms;
            }
            return market::is_terminal(stage.job(job).state);
        });
        EXPECT_EQ(stage.job(job).state, market::JobState::completed);
        EXPECT_EQ(world.stake_of(worker, market::Role::worker), kStake);
    }
    EXPECT_GE(most, 9U);
    EXPECT_GT(last, first) << "a clock that does not know of the other games";
    figures("B7", std::to_string(most) + " games at once, clocks from " + std::to_string(first) +
                      " to " + std::to_string(last) + " ms");
}

}  // namespace
}  // namespace assay::attacks
