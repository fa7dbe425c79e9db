#include "strategies.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/chunk_tree.h"
#include "base/merkle.h"
#include "part_training.h"
#include "parties.h"
#include "world.h"

/// Every strategy makes a segment that the ledger takes at first, and whose bits are not those of
/// honest training: with real training on one side and the real rules on the other.
namespace assay::adversaries {
namespace {

constexpr std::uint32_t kSegmentSteps = 4;
constexpr std::uint32_t kSegments = 2;

base::Bytes tokens() {
    base::Bytes bytes(4 * 4000, 0);
    for (std::size_t i = 0; i < 4000; ++i)
        bytes[4 * i] = static_cast<std::uint8_t>((i * i + i / 7) % 16);
    return bytes;
}

market::JobSpec tiny_spec() {
    market::JobSpec spec;
    market::GptModel model;
    model.layers = 1;
    model.heads = 2;
    model.width = 32;
    model.context = 32;
    market::TokenData data;
    data.blob = base::blob_root(tokens());
    data.tokens = 4000;
    data.train_tokens = 3600;
    data.vocabulary = 16;
    data.tokeniser = market::Tokeniser::pretokenised;
    spec.model = model;
    spec.data = data;
    spec.batch = 2;
    spec.optimizer.learning_rate_ppb = 1'000'000;
    spec.lanes = 2;
    spec.rounds = 2;
    spec.round_steps = kSegmentSteps * kSegments;
    spec.segment_steps = kSegmentSteps;
    spec.part_segments = kSegments;
    spec.price_ceiling = base::Amount::of(1);
    spec.audit_rate_ppm = 1'000'000;
    return spec;
}

client::KeySet keys_of(const sim::Person& person) {
    return {base::SecretKey::from_seed(person.key.seed()), std::nullopt,
            base::SecretKey::from_seed(person.vrf.seed())};
}

/// The first part of one lane, trained by whatever producer is given.
struct Bench {
    Bench(const std::filesystem::path& data_folder, runtime::SegmentProducer& producer,
          const sim::Person& person, const base::Hash& chain, const base::JobId& id,
          std::uint32_t lane_number)
        : folder(data_folder), identity(keys_of(person), chain), lane{settings,
                                                                      party,
                                                                      parts,
                                                                      keeper,
                                                                      producer,
                                                                      cache,
                                                                      folder / "lane",
                                                                      [] { return false; },
                                                                      {},
                                                                      {},
                                                                      1,
                                                                      nullptr} {
        settings.data_folder = folder;
        std::filesystem::create_directories(folder / "lane");
        job = &cache.open(id, tiny_spec()).value().get();
        lane.job = job;
        lane.job_id = id;
        states.opening = worker::LaneStates::Known{job->initial_root(), job->initial_state()};
        states.current = worker::LaneStates::Known{job->initial_root(), job->initial_state()};
        plan.key = {id, 0, lane_number, 0, 0, person.id, 0};
        plan.span = {0, kSegments};
        plan.opening.round.opening_root = plan.start_root = job->initial_root();
    }
    worker::PartRecord train() {
        auto trained = worker::train_part(lane, states, plan);
        EXPECT_TRUE(trained && *trained);
        return std::move((*trained)->record);
    }

    std::filesystem::path folder;
    worker::WorkerSettings settings;
    agent::Identity identity;
    client::Client node{"http://127.0.0.1:1"};
    agent::Party party{identity, node, 0};
    worker::PartStore parts{folder / "parts"};
    runtime::JobCache cache{
        folder / "jobs",
        {},
        [](const base::BlobRoot&,
           const std::filesystem::path& file) -> tl::expected<void, std::string> {
            const base::Bytes bytes = tokens();
            std::ofstream(file, std::ios::binary)
                .write(reinterpret_cast<const char*>(bytes.data()),
                       static_cast<std::streamsize>(bytes.size()));
            return {};
        },
        1};
    runtime::Job* job = nullptr;
    agent::BlobKeeper keeper{folder / "owed"};
    worker::LaneContext lane;
    worker::LaneStates states;
    worker::PartPlan plan;
};

class Strategies : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        std::string name =
            (std::filesystem::temp_directory_path() / "assay-adversary-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path folder_;
};

sim::WorldOptions world_options() {
    sim::WorldOptions options;
    options.round_steps = kSegmentSteps * kSegments;
    options.segment_steps = kSegmentSteps;
    options.part_segments = kSegments;
    options.rate_ppm = 1'000'000;
    options.workers = 1;
    options.lanes = 2;
    return options;
}

base::Hash honest_opening(const std::filesystem::path& folder) {
    runtime::Trainer trainer;
    const sim::World world(world_options());
    Bench bench(folder, trainer, world.workers[0], world.chain_id(), base::JobId{}, 0);
    return bench.job->initial_root();
}

/// A world whose job opens with the real initial state, and whose worker holds a lease.
struct Stage {
    explicit Stage(const base::Hash& opening) : world(world_options()), offerer(world, 0) {
        world.init_root = opening;
        offerer.offer(1000);
        world.block();
        job = world.post_job();
        std::vector<sim::Validator> validators;
        for (std::size_t i = 0; i < world.validators.size(); ++i) validators.emplace_back(world, i);
        for (int i = 0;
             i < 200 && market::leases_of_job(world.state(), job, std::nullopt, 1).empty(); ++i) {
            for (sim::Validator& validator : validators) validator.act();
            for (const market::Lane& lane : market::lanes_of(world.state(), job)) {
                const bool asked = !lane.asked.empty() && !lane.asked.front().accepted;
                if (asked) world.send(world.workers[0], market::LeaseAccept{job, lane.lane});
            }
            world.block();
        }
        const auto leases = market::leases_of_job(world.state(), job, std::nullopt, 1);
        EXPECT_EQ(leases.size(), 1U);
        lease = leases.front();
    }
    sim::World world;
    sim::Worker offerer;
    base::JobId job;
    market::Lease lease;
};

market::Refusal answer(sim::World& world, const market::Message& message) {
    world.send(world.workers[0], message);
    world.block();
    return world.last_refusal();
}

market::PartCommit commitment(const Stage& stage, const worker::PartRecord& record) {
    std::vector<base::Hash> leaves;
    for (const worker::SegmentRecord& segment : record.segments)
        leaves.push_back(market::segment_leaf_hash(segment.leaf));
    market::PartCommit commit;
    commit.lease = stage.lease.id;
    commit.tree_root = market::part_root(leaves);
    commit.segments = kSegments;
    commit.start_root = record.start_root;
    commit.end_root = record.end_root;
    commit.end_receipt = stage.world.receipt(record.end_root);
    commit.payload_root = record.payload_root;
    commit.payload_receipt = stage.world.receipt(record.payload_root);
    return commit;
}

TEST_P(Strategies, DifferFromHonestTrainingAndAreTakenAtFirst) {
    Stage stage(honest_opening(folder_ / "opening"));
    sim::World& world = stage.world;
    const sim::Person& person = world.workers[0];
    runtime::Trainer trainer;
    const worker::PartRecord honest =
        Bench(folder_ / "honest", trainer, person, world.chain_id(), stage.job, stage.lease.lane)
            .train();
    const auto producer = make_strategy(GetParam());
    Bench bench(folder_ / "cheat", *producer, person, world.chain_id(), stage.job,
                stage.lease.lane);
    worker::PartRecord record = bench.train();
    const auto info = std::find_if(strategies().begin(), strategies().end(),
                                   [](const StrategyInfo& s) { return s.name == GetParam(); });
    for (std::uint32_t i = 0; i < kSegments; ++i) {
        EXPECT_EQ(record.segments[i].state_root == honest.segments[i].state_root, info->true_roots)
            << i;
    }
    EXPECT_EQ(record.segments[0].leaf.start_root, honest.segments[0].leaf.start_root);

    const market::PartCommit commit = commitment(stage, record);
    ASSERT_EQ(answer(world, commit), market::Refusal::none)
        << market::to_word(world.last_refusal());
    std::vector<sim::Validator> validators;
    for (std::size_t i = 0; i < world.validators.size(); ++i) validators.emplace_back(world, i);
    const market::PartKey key{stage.job, 0, stage.lease.lane, 0, 0, person.id, 0};
    const base::PartId id = market::part_id(world.chain_id(), key);
    for (int i = 0;
         i < 50 && market::find_part(world.state(), id)->state == market::PartState::committed;
         ++i) {
        for (sim::Validator& validator : validators) validator.act();
        world.block();
    }
    ASSERT_EQ(market::claims_of(world.state(), id, kSegments).size(), kSegments);
    std::vector<base::Hash> leaves;
    for (const worker::SegmentRecord& segment : record.segments)
        leaves.push_back(market::segment_leaf_hash(segment.leaf));
    for (std::uint32_t i = 0; i < kSegments; ++i) {
        market::SegmentDeliver deliver{
            id, i, record.segments[i].leaf,
            base::merkle_prove(base::MerkleFamily::blake2b, leaves, i).path,
            world.receipt(record.segments[i].leaf.start_root)};
        EXPECT_EQ(answer(world, deliver), market::Refusal::none)
            << market::to_word(world.last_refusal());
    }
}

std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const StrategyInfo& info : strategies()) all.push_back(info.name);
    return all;
}

INSTANTIATE_TEST_SUITE_P(All, Strategies, testing::ValuesIn(names()),
                         [](const auto& given) { return given.param; });

TEST(MakeStrategy, KnowsNoOtherNames) {
    EXPECT_EQ(make_strategy("honest"), nullptr);
    EXPECT_EQ(make_strategy(""), nullptr);
}

}  // namespace
}  // namespace assay::adversaries
