#include "market/job_spec.h"
#include "schemes.h"

/// Attacks with data that is absent or does not fit: A5, A9 of docs/attacks.md.
namespace assay::attacks {
namespace {

constexpr std::uint64_t kLastMomentMs = 400;

/// The submitter is asleep. Work that nobody has judged must not be paid because of it.
TEST(Attack, A5_GarbageUnderAChunkQuestion) {
    WorldOptions options = options_of(1);
    options.workers = 2;
    options.round_steps = 20 * 20;
    options.part_segments = 20;
    options.rate_ppm = 1'000'000;
    WorkerSeats workers;
    workers[0] = std::make_unique<Liar>([](const World& world, const market::Job& job) {
        const auto question = data_question(world, job.id);
        return question && question->deadline.value <= world.live().value + kLastMomentMs;
    });
    Stage stage(options, std::move(workers));
    World& world = stage.world;
    stage.offer({{0, 100'000}});
    const base::JobId job = stage.post();
    const Person& cheat = world.workers[0];
    const std::vector<const Person*> attackers{&world.workers[0], &world.workers[1]};
    ASSERT_TRUE(stage.until([&] { return world.count_events("lease_started") == 1; }));
    const Amount before = wealth(world, attackers);
    ask_for_data(stage, world.workers[1], job);
    wait_for_last_moment(stage, job, kLastMomentMs);
    ASSERT_TRUE(stage.until([&] { return market::is_terminal(stage.job(job).state); }));
    EXPECT_GT(world.count_events("part_committed"), 0U);
    EXPECT_EQ(paid_to(world, cheat, "segments"), Amount{}) << "garbage was paid";
    EXPECT_LT(world.stake_of(cheat, market::Role::worker), kStake) << "garbage that was committed was not judged";
    EXPECT_LT(wealth(world, attackers), before);
    for (const Person& validator : world.validators) expect_unharmed(world, validator, market::Role::validator, kStake);
    figures("A5", std::string(market::to_word(stage.job(job).state)) + ", the cheat lost " +
                      (kStake - world.stake_of(cheat, market::Role::worker)).decimal() + " of stake, attackers lost " + (before - wealth(world, attackers)).decimal());
}

/// What a blob of so many tokens has in bytes: two each.
class SizesByTokens final : public sim::GroundTruth {
  public:
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(const market::JobSpec& spec, base::ByteView encoded) const override {
        auto facts = GroundTruth::facts(spec, encoded);
        if (facts) facts->data_bytes = 2 * std::get<market::TokenData>(spec.data).tokens;
        return facts;
    }
};

/// A spec that says more tokens than its blob has. It is refused before anybody is matched.
TEST(Attack, A9_TokensThatDoNotFit) {
    SizesByTokens referee;
    WorldOptions options = options_of(1);
    options.referee = &referee;
    options.blob_bytes = 2'000;
    referee.set_blob_bytes(options.blob_bytes);
    World world(options);
    market::JobSpec spec = world.spec_of(options);
    const market::Receipt init = world.receipt(world.init_root), data = world.receipt(sim::numbered(options.seed, "data"));
    const base::JobId right = world.send_job(spec, world.init_root, init, data, world.submitter);
    world.block();
    EXPECT_TRUE(market::find_job(world.state(), right)) << market::to_word(world.last_refusal());
    auto& tokens = std::get<market::TokenData>(spec.data);
    tokens.tokens = 1'000'000;
    tokens.train_tokens = 900'000;
    const base::JobId wrong = world.send_job(spec, world.init_root, init, data, world.submitter);
    world.block();
    EXPECT_FALSE(market::find_job(world.state(), wrong)) << "a job that nobody can train was taken";
    figures("A9", "the post was refused: " + std::string(market::to_word(world.last_refusal())));
}

/// Data that nobody can get: who is matched leaves without loss, and whoever fills it with garbage is not paid.
TEST(Attack, A9_DataThatDoesNotOpen) {
    WorldOptions options = options_of(2);
    options.workers = 4;
    options.lanes = 2;
    options.round_steps = 5 * 20;
    options.part_segments = 5;
    options.rate_ppm = 1'000'000;
    options.shows = false;
    const auto unreadable = std::make_shared<std::set<base::JobId>>();
    const auto phantoms = std::make_shared<Phantoms>();
    ValidatorSeats validators;
    for (std::size_t i = 0; i < 3; ++i) validators[i] = std::make_unique<HonestButBlind>(phantoms, unreadable);
    WorkerSeats workers;
    for (std::size_t i = 0; i < 3; ++i) {
        class Waits final : public sim::WorkerConduct {
            bool commits(const World&, const market::Job&, const market::Lease&) override { return false; }
        };
        workers[i] = std::make_unique<Waits>();
    }
    workers[3] = std::make_unique<Liar>();
    Stage stage(options, std::move(workers), std::move(validators));
    World& world = stage.world;
    stage.offer({{0, 1000}, {3, 1001}});
    const std::vector<const Person*> honest{&world.workers[0]};
    const Amount before = wealth(world, honest);
    const base::JobId job = stage.post();
    unreadable->insert(job);
    ASSERT_TRUE(stage.until([&] { return market::is_terminal(stage.job(job).state); }));
    EXPECT_EQ(stage.job(job).reason, market::CloseReason::data_missing);
    EXPECT_GE(wealth(world, honest) + Amount::of(100'000), before) << "a matched worker lost more than fees";
    EXPECT_EQ(world.stake_of(world.workers[0], market::Role::worker), kStake);
    EXPECT_EQ(paid_to(world, world.workers[3], "segments"), Amount{}) << "work that nobody could judge was paid";
    for (const Person& validator : world.validators) expect_unharmed(world, validator, market::Role::validator, kStake);
}

}  // namespace
}  // namespace assay::attacks
