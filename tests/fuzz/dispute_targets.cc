#include <algorithm>

#include "base/check.h"
#include "../unit/dispute/samples.h"
#include "dispute/game.h"
#include "dispute/openings.h"
#include "dispute/records.h"
#include "program/record.h"
#include "target.h"

/// What a referee reads: openings, and the records of a program that anybody may have posted.
namespace assay::fuzz {
namespace {

using base::Bytes;
using base::ByteView;

std::vector<Bytes> openings_seeds() {
    dispute::Openings openings;
    openings.instruction = {3, Bytes{1, 2, 3}, {filled(1)}};
    dispute::TensorOpening tensor;
    tensor.record = {1, Bytes{4}, {}};
    openings.tensors.push_back(tensor);
    tensor.origin = dispute::Origin::state;
    tensor.related = dispute::RecordOpening{2, Bytes{5}, {filled(2)}};
    tensor.proof = {1, 3, {filled(3), filled(4)}};
    openings.tensors.push_back(tensor);
    openings.loop = dispute::LoopOpening{filled(5), {filled(6)}};
    openings.tiles.push_back({1, 7, Bytes{6, 7, 8, 9}, {filled(7)}});
    openings.data = dispute::DataOpening{filled(8), {{4, Bytes{1}, {filled(9)}}}};
    openings.before = dispute::StateOpening{Bytes{1, 2, 3, 4}, {}};
    openings.after = dispute::StateLeaf{filled(10), {}};
    return {dispute::encode_openings({}), dispute::encode_openings(openings)};
}

void run_openings(ByteView input) {
    const auto openings = dispute::decode_openings(input);
    if (!openings) return;
    const Bytes again = dispute::encode_openings(*openings);
    ASSAY_CHECK(ByteView(again).size() == input.size() && std::equal(again.begin(), again.end(), input.begin()));
}

std::vector<Bytes> record_seeds() {
    using namespace program;
    std::vector<Bytes> seeds;
    for (const Kind kind : {Kind::load, Kind::random, Kind::gather, Kind::scatter_add, Kind::map, Kind::reduce, Kind::matmul}) {
        Instruction instruction;
        instruction.kind = kind;
        instruction.in = {View{1, 0, 0, 4, 4}, View{2, 0, 0, 4, 4, true}};
        instruction.k_band.hi = -1;
        instruction.expression = {{Op::operand, 0, 0, 0, 0}, {Op::constant_f32, 0, 0, 0, 7}, {Op::fma, 0, 1, 0, 0}};
        seeds.push_back(instruction_record(instruction));
    }
    Tensor tensor;
    tensor.name = "t";
    tensor.cls = TensorClass::value;
    tensor.rows = tensor.cols = 3;
    seeds.push_back(tensor_record(tensor));
    return seeds;
}

/// A record has one spelling.
void run_record(ByteView input) {
    const auto same = [&](const Bytes& again) { return ByteView(again).size() == input.size() && std::equal(again.begin(), again.end(), input.begin()); };
    if (const auto instruction = dispute::decode_instruction_record(input)) ASSAY_CHECK(same(program::instruction_record(*instruction)));
    if (const auto tensor = dispute::decode_tensor_record(input)) ASSAY_CHECK(same(program::tensor_record(*tensor)));
    (void)dispute::decode_contents_record(input);
}

std::vector<Bytes> frame_seeds() { return {Bytes(40, 0)}; }
void run_frame(ByteView input) { ASSAY_CHECK(!dispute::check_frame(filled(1), input)); }

std::vector<Bytes> move_seeds() {
    std::vector<Bytes> seeds;
    for (const dispute::Move& move : dispute::testing::sample_moves()) seeds.push_back(dispute::encode_move(move));
    return seeds;
}
void run_move(ByteView input) {
    const auto move = dispute::decode_move(input);
    if (!move) return;
    const Bytes again = dispute::encode_move(*move);
    ASSAY_CHECK(ByteView(again).size() == input.size() && std::equal(again.begin(), again.end(), input.begin()));
}

/// In every phase, so that mutations reach whatever a move does there.
std::vector<Bytes> game_seeds() {
    dispute::Terms terms = dispute::testing::sample_terms();
    terms.steps = 1;
    const Bytes first = dispute::encode_game(dispute::Game(terms));
    constexpr std::size_t kPhase = 1 + 32 + 32 + 4 + 3 + 32 + 8 + 8 + 4 + 1 + 4 * 4 + 4 * 32 + 1 + 4 + 4;
    std::vector<Bytes> seeds = {first};
    for (std::uint8_t phase = 2; phase <= 18; ++phase) {
        Bytes bytes = first;
        bytes[kPhase] = phase;
        if (dispute::decode_game(bytes)) seeds.push_back(bytes);
    }
    ASSAY_CHECK(seeds.size() > 8);
    return seeds;
}
/// A game that is read is written alike, and takes or refuses every kind of move.
void run_game(ByteView input) {
    const auto game = dispute::decode_game(input);
    if (!game) return;
    const Bytes again = dispute::encode_game(*game);
    ASSAY_CHECK(ByteView(again).size() == input.size() && std::equal(again.begin(), again.end(), input.begin()));
    for (const dispute::Move& move : dispute::testing::sample_moves()) {
        dispute::Game copy = *game;
        if (!copy.apply(copy.turn(), move)) ASSAY_CHECK(dispute::decode_game(dispute::encode_game(copy)));
    }
}

constexpr Target kTargets[] = {
    {"dispute_move", move_seeds, run_move},
    {"dispute_game", game_seeds, run_game},
    {"openings", openings_seeds, run_openings},
    {"program_record", record_seeds, run_record},
    {"program_frame", frame_seeds, run_frame},
};

}  // namespace

std::span<const Target> dispute_targets() { return kTargets; }

}  // namespace assay::fuzz
