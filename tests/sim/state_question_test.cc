#include <gtest/gtest.h>

#include "questions.h"

/// State questions driven through whole markets: who stored other bytes than it committed to, or
/// nothing, is convicted.
namespace assay::sim {
namespace {

/// A market with a committed part, and a question about its end state.
struct Asked {
    explicit Asked(std::uint64_t seed, bool shows = false)
        : market([&] {
              WorldOptions options = options_with(seed);
              options.shows = shows;
              return options;
          }()) {
        EXPECT_TRUE(until(
            market, [&] { return !parts_in(market, market::PartState::committed, 0).empty(); }));
        part = parts_in(market, market::PartState::committed, 0).front();
        target = {market::StoredKind::checkpoint, part.id.hash, 0};
        id = market::state_question_id(target, asker().id);
    }
    [[nodiscard]] const Person& asker() const { return challenger(market); }
    [[nodiscard]] const Person& worker() const { return market.world.person(part.key.worker); }
    [[nodiscard]] std::optional<market::Question> question() const {
        return market::find_question(market.world.state(), id);
    }
    Refusal right_answer() {
        return send(
            market, worker(),
            market::StateAnswer{id, market.world.truth().right_answer(
                                        *market::find_question_bytes(market.world.state(), id))});
    }
    market::StateShow show(std::uint64_t leaf) {
        const auto bytes = blob_of(part.end_root);
        const base::ProvedChunk proved =
            base::prove_chunk(bytes, leaf / (base::kBlobChunkBytes / base::kBlobLeafBytes));
        return {id, leaf, proved.bytes, proved.proof};
    }

    Market market;
    market::Part part;
    market::StoredTarget target;
    base::Hash id;
};

TEST(StateQuestion, SilenceConvicts) {
    Asked asked(90);
    ASSERT_EQ(send(asked.market, asked.asker(), market::StateAsk{asked.target}), Refusal::none);
    ASSERT_TRUE(asked.market.finish());
    expect_convicted(asked.market, asked.part.key.worker);
}

TEST(StateQuestion, InVainCostsTheAskerTheAnswers) {
    Asked asked(91);
    const Amount before = balance(asked.market, asked.worker());
    ASSERT_EQ(send(asked.market, asked.asker(), market::StateAsk{asked.target}), Refusal::none);
    EXPECT_EQ(send(asked.market, asked.asker(), market::StateAsk{asked.target}),
              Refusal::question_known);
    const Amount bond = asked.question()->bond;
    EXPECT_EQ(send(asked.market, asked.asker(), market::StateNext{asked.id, 0}),
              Refusal::not_answered);
    ASSERT_EQ(asked.right_answer(), Refusal::none);
    EXPECT_EQ(send(asked.market, asked.asker(), market::StateNext{asked.id, GroundTruth::kTiles}),
              Refusal::wrong_place);
    EXPECT_EQ(send(asked.market, asked.worker(), market::StateNext{asked.id, 3}),
              Refusal::question_not_yours);
    EXPECT_EQ(asked.right_answer(), Refusal::not_asked);
    ASSERT_EQ(send(asked.market, asked.asker(), market::StateNext{asked.id, 3}), Refusal::none);
    ASSERT_EQ(asked.right_answer(), Refusal::none);
    EXPECT_EQ(asked.question()->rounds, 2U);
    EXPECT_EQ(send(asked.market, asked.asker(), asked.show(3)), Refusal::leaf_agrees);
    EXPECT_EQ(send(asked.market, asked.asker(), asked.show(4)), Refusal::wrong_place);
    ASSERT_TRUE(asked.market.finish());
    asked.market.expect_completed();
    EXPECT_EQ(closed_as(asked.market, "vain"), 1U);
    EXPECT_TRUE(slashes(asked.market).empty());
    EXPECT_GT(balance(asked.market, asked.worker()) + Amount::of(1'000'000), before + bond)
        << "the bond pays the answers";
}

TEST(StateQuestion, RefusesOtherAnswersAndShows) {
    Asked asked(92);
    ASSERT_EQ(send(asked.market, asked.asker(), market::StateAsk{asked.target}), Refusal::none);
    base::Bytes wrong = asked.market.world.truth().right_answer(
        *market::find_question_bytes(asked.market.world.state(), asked.id));
    wrong[0] ^= 1U;
    EXPECT_EQ(send(asked.market, asked.worker(), market::StateAnswer{asked.id, wrong}),
              Refusal::wrong_hash);
    wrong.pop_back();
    EXPECT_EQ(send(asked.market, asked.worker(), market::StateAnswer{asked.id, wrong}),
              Refusal::wrong_count);
    EXPECT_EQ(send(asked.market, asked.worker(), market::StateAnswer{asked.part.id.hash, wrong}),
              Refusal::question_unknown);
    EXPECT_EQ(send(asked.market, asked.worker(), market::ChunkAnswer{asked.id, wrong, {}}),
              Refusal::question_unknown);
    EXPECT_EQ(send(asked.market, asked.asker(),
                   market::StateAsk{{market::StoredKind::data, asked.market.job.hash, 0}}),
              Refusal::target_unknown);
    EXPECT_EQ(send(asked.market, asked.asker(),
                   market::StateAsk{{market::StoredKind::start, asked.part.id.hash, 0}}),
              Refusal::target_unknown);
    auto shown = asked.show(3);
    shown.bytes[5] ^= 1U;
    EXPECT_EQ(send(asked.market, asked.asker(), shown), Refusal::wrong_chunk);
    shown = asked.show(3);
    shown.leaf = 100'000;
    EXPECT_EQ(send(asked.market, asked.asker(), shown), Refusal::chunk_out_of_range);
    EXPECT_EQ(send(asked.market, asked.asker(), asked.show(3)), Refusal::wrong_move);
    EXPECT_EQ(send(asked.market, asked.worker(), asked.show(3)), Refusal::question_not_yours);
}

/// The stored blob is not what its root says: garbage behind a true receipt.
TEST(StateQuestion, ALeafThatDiffersConvicts) {
    WorldOptions options = quiet_options(93);
    Market market(options);
    World& world = market.world;
    // The first commitment's receipt is of other bytes.
    std::optional<market::PartCommit> garbage;
    const Person* cheat = nullptr;
    base::Bytes stored;
    for (int i = 0; i < 500 && !garbage; ++i) {
        for (Worker& worker : market.workers) worker.act();
        for (Validator& validator : market.validators) validator.act();
        for (const auto& [person, message] : world.take_queue()) {
            const auto* commit = std::get_if<market::PartCommit>(&message);
            if (commit == nullptr || garbage) {
                world.send(*person, message);
                continue;
            }
            garbage = *commit;
            cheat = person;
            stored = blob_of(commit->end_root);
            stored[2 * base::kBlobLeafBytes + 7] ^= 1U;
            garbage->end_receipt = world.receipt(stored);
            world.send(*person, *garbage);
        }
        world.block();
    }
    ASSERT_TRUE(garbage);
    const auto parts = market::parts_of_job(world.state(), market.job, 0, std::nullopt, 10);
    const auto part = std::find_if(parts.begin(), parts.end(), [&](const market::Part& p) {
        return p.key.worker == cheat->id;
    });
    ASSERT_NE(part, parts.end());
    const market::StoredTarget target{market::StoredKind::checkpoint, part->id.hash, 0};
    const base::Hash id = market::state_question_id(target, challenger(market).id);
    const auto answer = [&] {
        return send(market, *cheat,
                    market::StateAnswer{id, world.truth().right_answer(
                                                *market::find_question_bytes(world.state(), id))});
    };
    ASSERT_EQ(send(market, challenger(market), market::StateAsk{target}), Refusal::none);
    ASSERT_EQ(answer(), Refusal::none);
    ASSERT_EQ(send(market, challenger(market), market::StateNext{id, 2}), Refusal::none);
    ASSERT_EQ(answer(), Refusal::none);
    const base::ProvedChunk proved = base::prove_chunk(stored, 0);
    ASSERT_EQ(
        send(market, challenger(market), market::StateShow{id, 2, proved.bytes, proved.proof}),
        Refusal::none);
    EXPECT_EQ(closed_as(market, "upheld"), 1U);
    const auto found = slashes(market);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].reason, market::SlashReason::wrong_blob);
    EXPECT_EQ(found[0].worker, cheat->id);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

/// Each asker asks for itself, everybody is answered, and nobody is convicted.
TEST(StateQuestion, ManyAskersAreAnswered) {
    Asked asked(95, true);
    std::vector<const Person*> crowd = {&asked.market.world.submitter};
    for (const Person& validator : asked.market.world.validators) crowd.push_back(&validator);
    for (const Person* person : crowd)
        asked.market.world.send(*person, market::StateAsk{asked.target});
    asked.market.world.block();
    EXPECT_EQ(
        market::questions_of_job(asked.market.world.state(), asked.market.job, 0, std::nullopt, 10)
            .size(),
        crowd.size());
    ASSERT_TRUE(asked.market.finish());
    asked.market.expect_completed();
    EXPECT_EQ(closed_as(asked.market, "vain"), crowd.size());
    EXPECT_TRUE(slashes(asked.market).empty());
}

}  // namespace
}  // namespace assay::sim
