#include "dispute/moves.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fixture.h"
#include "samples.h"

namespace assay::dispute {
namespace {

using testing::hash_of;
using testing::sample_moves;

TEST(Moves, ReadWhatTheyWrite) {
    const std::vector<Move> moves = sample_moves();
    ASSERT_EQ(moves.size(), std::variant_size_v<Move>);
    for (std::size_t i = 0; i < moves.size(); ++i) {
        ASSERT_EQ(moves[i].index(), i);
        const base::Bytes bytes = encode_move(moves[i]);
        EXPECT_EQ(bytes.front(), i + 1);
        const auto again = decode_move(bytes);
        ASSERT_TRUE(again.has_value()) << i;
        EXPECT_EQ(*again, moves[i]) << i;
    }
}

TEST(Moves, RefuseEveryPartAndEveryAddition) {
    for (const Move& move : sample_moves()) {
        base::Bytes bytes = encode_move(move);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_FALSE(decode_move(base::ByteView(bytes).first(size))) << move.index();
        bytes.push_back(0);
        EXPECT_FALSE(decode_move(bytes)) << move.index();
    }
}

TEST(Moves, RefuseNumbersThatNoMoveHas) {
    for (const int number : {0, 19, 255})
        EXPECT_FALSE(decode_move(base::Bytes{static_cast<std::uint8_t>(number)}));
    EXPECT_FALSE(decode_move(base::Bytes{2, 2}));  // neither false nor true
}

TEST(Moves, RefuseMoreThanAMoveMayHave) {
    const auto hashes = [](std::size_t n) { return std::vector<base::Hash>(n, hash_of(1)); };
    EXPECT_TRUE(decode_move(encode_move(PostRoots{hashes(kFanOutMax - 1)})));
    EXPECT_FALSE(decode_move(encode_move(PostRoots{hashes(kFanOutMax)})));
    EXPECT_TRUE(decode_move(encode_move(PostChildren{hashes(kFanOutMax)})));
    EXPECT_FALSE(decode_move(encode_move(PostChildren{hashes(kFanOutMax + 1)})));
    EXPECT_TRUE(decode_move(encode_move(PostTile{base::Bytes(kTileBytesMax)})));
    EXPECT_FALSE(decode_move(encode_move(PostTile{base::Bytes(kTileBytesMax + 1)})));
    EXPECT_TRUE(decode_move(encode_move(PostOpenings{base::Bytes(kOpeningBytesMax)})));
    EXPECT_FALSE(decode_move(encode_move(PostOpenings{base::Bytes(kOpeningBytesMax + 1)})));
    PostStatement statement{base::Bytes(kOpeningBytesMax), hash_of(1), hash_of(2)};
    EXPECT_TRUE(decode_move(encode_move(statement)));
    statement.frame.push_back(0);
    EXPECT_FALSE(decode_move(encode_move(statement)));
    EXPECT_FALSE(decode_move(base::Bytes(market::kMoveBytesMax + 1, 17)));
}

/// The largest of each kind fits into what the rules take.
TEST(Moves, AreAtMostAsLargeAsTheRulesAllow) {
    const RecordOpening record{0, base::Bytes(1024), Path(kPathMax)};
    const Source source{record, {}, record, {}, Path(kPathMax), {0, 0, Path(kPathMax)}};
    const Neighbour left{record, {}, Path(kPathMax)};
    for (const Move& move :
         {Move{PostLeaves{1, left}}, Move{ShowSkipped{record, record}},
          Move{PostOpenings{base::Bytes(kOpeningBytesMax)}},
          Move{PostStatement{base::Bytes(kOpeningBytesMax), {}, {}}},
          Move{PostChildren{std::vector<base::Hash>(kFanOutMax)}},
          Move{PostTensor{record, record, {}}}, Move{PostSource{source, left}},
          Move{PostSpot{record, record, {}, Path(kPathMax), {}, Path(kPathMax)}}}) {
        EXPECT_LE(encode_move(move).size(), market::kMoveBytesMax) << move.index();
        EXPECT_TRUE(decode_move(encode_move(move))) << move.index();
    }
}

TEST(Formats, GamePageShowsTheBytesOfMoves) {
    const auto golden = testing::golden_of("game.md");
    const char* names[] = {"statement", "half",    "roots",    "pick",   "root",   "contest",
                           "unit",      "tensor",  "children", "tile",   "cell",   "openings",
                           "leaves",    "skipped", "source",   "writer", "resign", "spot"};
    const std::vector<Move> moves = sample_moves();
    for (std::size_t i = 0; i < moves.size(); ++i)
        EXPECT_EQ(golden.at(names[i]), base::to_hex(encode_move(moves[i]))) << names[i];
}

}  // namespace
}  // namespace assay::dispute
