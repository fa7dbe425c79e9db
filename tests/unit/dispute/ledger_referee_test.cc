#include "dispute/ledger_referee.h"

#include <gtest/gtest.h>

#include "dispute/game.h"
#include "fixture.h"
#include "market/commitment.h"
#include "samples.h"

namespace assay::dispute {
namespace {

using market::GameStage;
using market::GameStatus;
using market::GameSubject;
using testing::Fixture;
using testing::hash_of;

/// A job that a spec describes, and what the ledger would hold of its second segment.
struct Job {
    Job() : fixture(testing::ragged_gpt()), records(fixture.program) {
        subject.spec = market::encode_spec(testing::ragged_gpt());
        subject.program_root = fixture.program_root;
        subject.lane = 1;
        subject.first_step = 10;
        subject.steps = 10;
        subject.round_start_root = hash_of(1);
        subject.start_root = hash_of(2);
        subject.asserted = hash_of(3);
    }
    [[nodiscard]] PostStatement statement(const base::Hash& state_root,
                                          const base::Hash& payload_root = {}) const {
        return {open_frame(records), state_root, payload_root};
    }
    Fixture fixture;
    ProgramRecords records;
    GameSubject subject;
};

Job& job() {
    static Job the_job;
    return the_job;
}

const LedgerReferee kReferee;

auto play(const GameStatus& status, Side side, const Move& move) {
    return kReferee.play(status.game, side, encode_move(move));
}

TEST(LedgerReferee, OpensBeforeTheFirstMove) {
    const GameStatus status = kReferee.open(job().subject);
    EXPECT_EQ(status.turn, Side::asserter);
    EXPECT_EQ(status.winner, std::nullopt);
    EXPECT_FALSE(status.traced);
    const auto game = decode_game(status.game);
    ASSERT_TRUE(game.has_value());
    EXPECT_EQ(game->phase(), Phase::statement);
    const Terms& terms = game->terms();
    EXPECT_EQ(terms.job.spec_root, job().fixture.spec_root);
    EXPECT_EQ(terms.data_root, std::get<market::TokenData>(testing::ragged_gpt().data).blob);
    EXPECT_EQ(terms.data_bytes, job().fixture.words.size() * 4);
    EXPECT_EQ(terms.train_count, job().fixture.dataset.train_count);
    EXPECT_EQ(terms.row_words, 1U);
}

TEST(LedgerReferee, KnowsTablesFromTheSpec) {
    GameSubject subject = job().subject;
    const market::JobSpec spec = testing::wide_mlp();
    subject.spec = market::encode_spec(spec);
    const Terms terms = terms_of(subject);
    const auto& table = std::get<market::TableData>(spec.data);
    EXPECT_EQ(terms.row_words, table.features + 1);
    EXPECT_EQ(terms.data_bytes, table.rows * (table.features + 1) * 4);
    EXPECT_EQ(terms.train_count, table.train_rows);
}

/// As large as a spec can be: it stays out of the game.
TEST(LedgerReferee, KeepsTheSpecOutOfTheGame) {
    GameSubject subject = job().subject;
    market::JobSpec spec = testing::ragged_gpt();
    auto& data = std::get<market::TokenData>(spec.data);
    data.tokeniser = market::Tokeniser::characters;
    data.vocabulary = 60'000;
    data.characters.clear();
    for (std::uint32_t i = 0; i < data.vocabulary; ++i)
        data.characters.push_back(i < 0xd800 ? i : i + 0x800);
    ASSERT_EQ(market::check_spec(spec), std::nullopt);
    subject.spec = market::encode_spec(spec);
    EXPECT_LT(kReferee.open(subject).game.size(), 2000U);
}

TEST(LedgerReferee, AsksWhatTheAssertedFieldStandsFor) {
    GameStatus status = kReferee.open(job().subject);
    EXPECT_EQ(play(status, Side::challenger, Pick{0}).error(), MoveRefusal::not_your_turn);
    EXPECT_EQ(play(status, Side::asserter, PostRoots{}).error(), MoveRefusal::wrong_move);
    EXPECT_EQ(play(status, Side::asserter, job().statement(hash_of(4))).error(),
              MoveRefusal::wrong_hash);
    EXPECT_EQ(play(status, Side::asserter, job().statement(hash_of(3), hash_of(4))).error(),
              MoveRefusal::wrong_hash);
    PostStatement statement = job().statement(hash_of(3));
    statement.frame.back() ^= 1U;
    EXPECT_EQ(play(status, Side::asserter, statement).error(), MoveRefusal::wrong_record);
    EXPECT_EQ(kReferee.play(status.game, Side::asserter, base::Bytes{1, 2}).error(),
              MoveRefusal::malformed);
    const auto next = play(status, Side::asserter, job().statement(hash_of(3)));
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(decode_game(next->game)->phase(), Phase::roots);
    EXPECT_EQ(next->turn, Side::asserter);
}

TEST(LedgerReferee, ReadsNothingAboutACellInOtherStages) {
    GameSubject subject = job().subject;
    subject.about = GameStage::merge;
    subject.cell = 3;
    subject.spot.fill(1);
    EXPECT_EQ(terms_of(subject), terms_of(job().subject));
    EXPECT_EQ(kReferee.open(subject).game, kReferee.open(job().subject).game);
}

/// Nothing hides an end root any more.
TEST(LedgerReferee, TakesNoPlantForTheRootThatItHid) {
    GameSubject subject = job().subject;
    subject.asserted = base::Hasher("assay.random").add(hash_of(3)).finish();
    const GameStatus status = kReferee.open(subject);
    EXPECT_EQ(play(status, Side::asserter, job().statement(hash_of(3))).error(),
              MoveRefusal::wrong_hash);
    // Read as a root it is one like any other: no state has it.
    const auto next = play(status, Side::asserter, job().statement(subject.asserted));
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(decode_game(next->game)->disputed_root(), subject.asserted);
}

TEST(LedgerReferee, LetsTheChallengerPickAHalfOfARoundsEnd) {
    GameSubject subject = job().subject;
    subject.closes_round = true;
    subject.asserted = market::round_end_root(hash_of(3), hash_of(4));
    const GameStatus status = kReferee.open(subject);
    EXPECT_EQ(play(status, Side::asserter, job().statement(hash_of(3))).error(),
              MoveRefusal::wrong_hash);
    EXPECT_EQ(play(status, Side::asserter, job().statement(hash_of(4), hash_of(3))).error(),
              MoveRefusal::wrong_hash);
    const auto stated = play(status, Side::asserter, job().statement(hash_of(3), hash_of(4)));
    ASSERT_TRUE(stated.has_value());
    EXPECT_EQ(stated->turn, Side::challenger);
    EXPECT_EQ(play(*stated, Side::challenger, Pick{0}).error(), MoveRefusal::wrong_move);

    const auto steps = decode_game(play(*stated, Side::challenger, PickHalf{false})->game);
    EXPECT_EQ(steps->phase(), Phase::roots);
    EXPECT_EQ(steps->agreed_root(), hash_of(2));
    EXPECT_EQ(steps->disputed_root(), hash_of(3));

    const auto payload = decode_game(play(*stated, Side::challenger, PickHalf{true})->game);
    EXPECT_EQ(payload->phase(), Phase::stage);
    EXPECT_EQ(payload->facts().stage, Stage::payload);
    EXPECT_EQ(payload->agreed_root(), hash_of(3));
    EXPECT_EQ(payload->disputed_root(), hash_of(4));
    EXPECT_EQ(payload->facts().round_start_root, hash_of(1));
}

/// A statement whose `payload_root` nobody asked for.
TEST(LedgerReferee, TakesOneRootInOtherStages) {
    for (const GameStage stage : {GameStage::init, GameStage::merge}) {
        GameSubject subject = job().subject;
        subject.stage = stage;
        subject.lane = subject.first_step = subject.steps = 0;
        if (stage == GameStage::merge) subject.payload_roots = {hash_of(5), hash_of(6)};
        const GameStatus status = kReferee.open(subject);
        EXPECT_EQ(play(status, Side::asserter, job().statement(hash_of(3), hash_of(4))).error(),
                  MoveRefusal::wrong_hash);
        const auto next = play(status, Side::asserter, job().statement(hash_of(3)));
        ASSERT_TRUE(next.has_value());
        const auto game = decode_game(next->game);
        EXPECT_EQ(game->phase(), Phase::stage);
        EXPECT_EQ(game->facts().members, stage == GameStage::merge ? 2U : 0U);
    }
}

TEST(LedgerReferee, SaysWhenATraceWasPosted) {
    GameSubject subject = job().subject;
    subject.steps = 2;
    GameStatus status = kReferee.open(subject);
    for (const auto& [side, move] : {std::pair{Side::asserter, Move{job().statement(hash_of(3))}},
                                     std::pair{Side::asserter, Move{PostRoots{{hash_of(4)}}}},
                                     std::pair{Side::challenger, Move{Pick{1}}}}) {
        EXPECT_EQ(status.turn, side);
        const auto next = play(status, side, move);
        ASSERT_TRUE(next.has_value());
        EXPECT_FALSE(next->traced);
        status = *next;
    }
    const auto conceded = play(status, Side::challenger, Resign{});  // out of turn, too
    ASSERT_TRUE(conceded.has_value());
    EXPECT_EQ(conceded->winner, Side::asserter);
    EXPECT_FALSE(conceded->traced);
    const auto traced = play(status, Side::asserter, PostRoot{hash_of(5)});
    ASSERT_TRUE(traced.has_value());
    EXPECT_TRUE(traced->traced);
    const auto lost = play(*traced, Side::asserter, Resign{});
    ASSERT_TRUE(lost.has_value());
    EXPECT_TRUE(lost->traced);
    EXPECT_EQ(lost->winner, Side::challenger);
    EXPECT_EQ(play(*lost, Side::asserter, Resign{}).error(), MoveRefusal::over);
}

}  // namespace
}  // namespace assay::dispute
