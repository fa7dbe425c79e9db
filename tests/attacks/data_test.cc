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
    EXPECT_LT(world.stake_of(cheat, market::Role::worker), kStake)
        << "garbage that was committed was not judged";
    EXPECT_LT(wealth(world, attackers), before);
    for (const Person& validator : world.validators)
        expect_unharmed(world, validator, market::Role::validator, kStake);
    figures("A5", std::string(market::to_word(stage.job(job).state)) + ", the cheat lost " +
                      (kStake - world.stake_of(cheat, market::Role::worker)).decimal() +
                      " of stake, attackers lost " + (before - wealth(world, attackers)).decimal());
}

/// Cannot open the data. It asks for the one chunk there is, when nobody has asked yet, and never
/// again.
class WithoutData final : public sim::ValidatorConduct {
  public:
    bool seals(const World&, const market::Audit& audit) override {
        return audit.claim != market::ClaimKind::segment;
    }
    std::vector<market::Message> extra(const World& world, const Person& self) override {
        for (const market::Audit& audit :
             market::audits_of_validator(world.state(), self.id, std::nullopt, 1'000)) {
            const bool waits = audit.state == market::AuditState::open &&
                               audit.claim == market::ClaimKind::segment;
            if (waits && !asked_) {
                asked_ = true;
                if (!data_question(world, audit.job))
                    return {market::ChunkAsk{{market::StoredKind::data, audit.job.hash, 0}, 0}};
            }
        }
        return {};
    }

  private:
    bool asked_ = false;
};

/// The data is gone and has one chunk, so that only one auditor can ask for it: none of them misses
/// what it cannot judge, before the answer is due and after it did not come.
TEST(Attack, A5_DataThatOneQuestionIsAbout) {
    WorldOptions options = options_of(1);
    options.rate_ppm = 1'000'000;
    ValidatorSeats validators;
    for (std::size_t i = 0; i < options.validators; ++i)
        validators[i] = std::make_unique<WithoutData>();
    Stage stage(options, {}, std::move(validators));
    World& world = stage.world;
    stage.offer({{0, 100'000}});
    const base::JobId job = stage.post();
    ASSERT_TRUE(stage.finish(job));
    EXPECT_EQ(stage.job(job).reason, market::CloseReason::data_missing);
    EXPECT_LT(world.count_events("question_opened"), world.validators.size())
        << "each has asked for itself";
    EXPECT_EQ(paid_to(world, world.workers[0], "segments"), Amount{})
        << "what nobody judged was paid";
    for (const Person& validator : world.validators)
        expect_unharmed(world, validator, market::Role::validator, kStake);
    expect_unharmed(world, world.workers[0], market::Role::worker, kStake);
    figures("A5", std::string(market::to_word(stage.job(job).state)) +
                      ", auditors without data lost nothing");
}

/// What a blob of so many tokens has in bytes: two each.
class SizesByTokens final : public sim::GroundTruth {
  public:
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(
        const market::JobSpec& spec, base::ByteView encoded) const override {
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
    const market::Receipt init = world.receipt(world.init_root),
                          data = world.receipt(sim::numbered(options.seed, "data"));
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

}  // namespace
}  // namespace assay::attacks
