#include <gtest/gtest.h>

#include "../program/tiny_program.h"
#include "dispute/game.h"
#include "fixture.h"
#include "samples.h"

/// The bytes of a game: game_codec.cc. That a game plays on alike after it was read is held by
/// every game of game_test.cc.
namespace assay::dispute {
namespace {

using testing::hash_of;

TEST(GameBytes, AreReadAsTheGameThatWroteThem) {
    Terms terms = testing::sample_terms();
    terms.closes_round = true;
    for (const market::GameStage stage :
         {market::GameStage::init, market::GameStage::segment, market::GameStage::merge}) {
        terms.stage = stage;
        terms.closes_round = stage == market::GameStage::segment;
        terms.steps = stage == market::GameStage::segment ? 8 : 1;
        terms.payload_roots.assign(stage == market::GameStage::merge ? 3 : 0, hash_of(13));
        const base::Bytes bytes = encode_game(Game(terms));
        const auto game = decode_game(bytes);
        ASSERT_TRUE(game.has_value());
        EXPECT_EQ(game->terms(), terms);
        EXPECT_EQ(encode_game(*game), bytes);
    }
}

Terms cell_terms() {
    Terms terms = testing::sample_terms();
    terms.stage = market::GameStage::cell;
    terms.about = market::GameStage::segment;
    terms.cell = {{program::Part::sequence, 2}, 5, 17, 4};
    return terms;
}

TEST(GameBytes, OfAGameAboutACellNameIt) {
    const base::Bytes bytes = encode_game(Game(cell_terms()));
    const auto game = decode_game(bytes);
    ASSERT_TRUE(game.has_value());
    EXPECT_EQ(game->terms(), cell_terms());
    EXPECT_EQ(encode_game(*game), bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_game(base::ByteView(bytes).first(size))) << size;
    constexpr std::size_t kAbout =
        1 + 32 + 32 + 4 + 3 + 32 + 8 + 8 + 4 + 1 + 4 * 4 + 4 * 32 + 1 + 4 + 4;
    const auto refused = [&](std::size_t at, std::uint8_t value) {
        base::Bytes other = bytes;
        EXPECT_NE(other.at(at), value);
        other[at] = value;
        return !decode_game(other).has_value();
    };
    EXPECT_TRUE(refused(kAbout, 0)) << "no stage";
    EXPECT_TRUE(refused(kAbout, 1)) << "a sequence of the init stage";
    EXPECT_TRUE(refused(kAbout, 3)) << "a merge without members";
    EXPECT_TRUE(refused(kAbout, 4)) << "a cell of a cell";
    EXPECT_TRUE(refused(kAbout + 1, 0)) << "no part";
    EXPECT_TRUE(refused(kAbout + 1, 1)) << "init in a segment";
    EXPECT_TRUE(refused(kAbout + 1, 5)) << "the payload of a segment that closes no round";
    EXPECT_TRUE(refused(kAbout + 1, 8)) << "no part";
    EXPECT_TRUE(refused(kAbout + 6, 8)) << "after the segment";
    constexpr std::size_t kPhase = kAbout + 1 + 1 + 4 * 4;
    EXPECT_TRUE(refused(kPhase, static_cast<std::uint8_t>(Phase::spot))) << "no unit yet";
}

TEST(GameBytes, OfAGameThatEndedTellTheWinner) {
    Game game(testing::sample_terms());
    ASSERT_EQ(game.apply(Side::challenger, Resign{}), std::nullopt);
    const auto again = decode_game(encode_game(game));
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->winner(), Side::asserter);
    EXPECT_EQ(again->phase(), Phase::over);
}

TEST(GameBytes, AreRefusedInPartAndWithMore) {
    base::Bytes bytes = encode_game(Game(testing::sample_terms()));
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_game(base::ByteView(bytes).first(size))) << size;
    bytes.push_back(0);
    EXPECT_FALSE(decode_game(bytes));
    EXPECT_FALSE(decode_game(base::Bytes(market::kGameBytesMax + 1, 1)));
}

/// Positions follow from the grammar of docs/formats/game.md.
TEST(GameBytes, AreRefusedWhereNoGameHasThem) {
    const base::Bytes honest = encode_game(Game(testing::sample_terms()));
    const auto refused = [&](std::size_t at, std::uint8_t value) {
        base::Bytes bytes = honest;
        EXPECT_NE(bytes.at(at), value);
        bytes[at] = value;
        return !decode_game(bytes).has_value();
    };
    constexpr std::size_t kStage = 1 + 32 + 32 + 4 + 3 + 32 + 8 + 8 + 4;
    constexpr std::size_t kSteps = kStage + 1 + 3 * 4;
    constexpr std::size_t kCloses = kSteps + 4 + 4 * 32;
    constexpr std::size_t kFanOutAt = kCloses + 1 + 4;
    constexpr std::size_t kPhase = kFanOutAt + 4;
    EXPECT_TRUE(refused(0, 2)) << "another format";
    EXPECT_TRUE(refused(kStage, 0)) << "no stage";
    EXPECT_TRUE(refused(kStage, 4)) << "no cell";
    EXPECT_TRUE(refused(kStage, 5)) << "no stage";
    EXPECT_TRUE(refused(kStage, 1)) << "eight steps of the init stage";
    EXPECT_TRUE(refused(kStage, 3)) << "a merge without members";
    EXPECT_TRUE(refused(kSteps, 0)) << "no steps";
    EXPECT_TRUE(refused(kCloses, 2)) << "no boolean";
    EXPECT_TRUE(refused(kFanOutAt, 0)) << "no children";
    EXPECT_TRUE(refused(kFanOutAt, 3)) << "no power of two";
    EXPECT_TRUE(refused(kPhase, 0)) << "no phase";
    EXPECT_TRUE(refused(kPhase, 21)) << "no phase";
    EXPECT_TRUE(refused(kPhase, static_cast<std::uint8_t>(Phase::spot))) << "no cell";
    EXPECT_TRUE(refused(kPhase, static_cast<std::uint8_t>(Phase::over))) << "over, and no winner";
    EXPECT_TRUE(refused(kPhase, static_cast<std::uint8_t>(Phase::cell))) << "a cell of no output";
    EXPECT_TRUE(refused(kPhase, static_cast<std::uint8_t>(Phase::pick_root))) << "no roots posted";
    EXPECT_TRUE(refused(kPhase + 1, 1)) << "a winner before the end";
    EXPECT_TRUE(refused(kPhase + 3, 1)) << "a payload where the segment closes no round";
}

TEST(Formats, GamePageShowsTheBytesOfAGame) {
    const auto golden = testing::golden_of("game.md");
    EXPECT_EQ(golden.at("game"), base::to_hex(encode_game(Game(testing::sample_terms()))));
    EXPECT_EQ(golden.at("game_about_a_cell"), base::to_hex(encode_game(Game(cell_terms()))));
    const testing::Fixture fixture(program::TinyProgram::make(), {5, 6, 7, 8}, 4);
    Terms terms = testing::sample_terms();
    terms.job.program_root = fixture.program_root;
    Game game(terms);
    const ProgramRecords records(fixture.program);
    ASSERT_EQ(game.apply(Side::asserter, PostStatement{open_frame(records), terms.asserted, {}}),
              std::nullopt);
    ASSERT_EQ(game.apply(Side::asserter, PostRoots{{hash_of(1), hash_of(2), hash_of(3), hash_of(4),
                                                    hash_of(5), hash_of(6), hash_of(7)}}),
              std::nullopt);
    ASSERT_EQ(game.apply(Side::challenger, Pick{2}), std::nullopt);
    ASSERT_EQ(game.apply(Side::asserter, PostRoot{hash_of(8)}), std::nullopt);
    ASSERT_EQ(game.apply(Side::challenger, Contest{true}), std::nullopt);
    EXPECT_EQ(golden.at("game_in_search_digest"),
              base::blake2b("assay.test", encode_game(game)).hex());
}

TEST(Formats, GamePageShowsTheBytesOfASubject) {
    market::GameSubject subject;
    subject.spec = {'s', 'p', 'e'};
    subject.program_root = hash_of(1);
    subject.round = 1;
    subject.lane = 2;
    subject.first_step = 3;
    subject.steps = 4;
    subject.round_start_root = hash_of(2);
    subject.previous_round_root = hash_of(3);
    subject.start_root = hash_of(4);
    subject.asserted = hash_of(5);
    subject.closes_round = true;
    subject.payload_roots = {hash_of(6), hash_of(7)};
    const base::Bytes bytes = market::encode(subject);
    EXPECT_EQ(testing::golden_of("game.md").at("subject"), base::to_hex(bytes));
    EXPECT_EQ(market::decode_subject(bytes), subject);
    EXPECT_FALSE(market::decode_subject(base::ByteView(bytes).first(bytes.size() - 1)));
    base::Bytes other = bytes;
    other[3 + 4 + 32] = 9;
    EXPECT_FALSE(market::decode_subject(other)) << "no such stage";
    subject.stage = market::GameStage::cell;
    subject.about = market::GameStage::merge;
    for (std::size_t i = 0; i < subject.spot.size(); ++i)
        subject.spot[i] = static_cast<std::uint8_t>(i);
    subject.cell = 7;
    const base::Bytes cell = market::encode(subject);
    EXPECT_EQ(testing::golden_of("game.md").at("subject_about_a_cell"), base::to_hex(cell));
    EXPECT_EQ(market::decode_subject(cell), subject);
    for (std::size_t size = 0; size < cell.size(); ++size)
        EXPECT_FALSE(market::decode_subject(base::ByteView(cell).first(size))) << size;
    other = cell;
    other[cell.size() - 4] = 8;
    EXPECT_FALSE(market::decode_subject(other)) << "no such cell";
    for (const int about : {0, 4}) {
        other = cell;
        other[cell.size() - 4 - 64 - 1] = static_cast<std::uint8_t>(about);
        EXPECT_FALSE(market::decode_subject(other)) << "about no stage";
    }
}

}  // namespace
}  // namespace assay::dispute
