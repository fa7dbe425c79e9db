#include <algorithm>

#include "../unit/commit/fixtures.h"
#include "../unit/dispute/samples.h"
#include "base/check.h"
#include "dispute/game.h"
#include "dispute/openings.h"
#include "dispute/questions.h"
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
    ASSAY_CHECK(ByteView(again).size() == input.size() &&
                std::equal(again.begin(), again.end(), input.begin()));
}

std::vector<Bytes> record_seeds() {
    using namespace program;
    std::vector<Bytes> seeds;
    for (const Kind kind : {Kind::load, Kind::random, Kind::gather, Kind::scatter_add, Kind::map,
                            Kind::reduce, Kind::matmul}) {
        Instruction instruction;
        instruction.kind = kind;
        instruction.in = {View{1, 0, 0, 4, 4}, View{2, 0, 0, 4, 4, true}};
        instruction.k_band.hi = -1;
        instruction.expression = {
            {Op::operand, 0, 0, 0, 0}, {Op::constant_f32, 0, 0, 0, 7}, {Op::fma, 0, 1, 0, 0}};
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
    const auto same = [&](const Bytes& again) {
        return ByteView(again).size() == input.size() &&
               std::equal(again.begin(), again.end(), input.begin());
    };
    if (const auto instruction = dispute::decode_instruction_record(input))
        ASSAY_CHECK(same(program::instruction_record(*instruction)));
    if (const auto tensor = dispute::decode_tensor_record(input))
        ASSAY_CHECK(same(program::tensor_record(*tensor)));
    (void)dispute::decode_contents_record(input);
}

std::vector<Bytes> frame_seeds() { return {Bytes(40, 0)}; }
void run_frame(ByteView input) { ASSAY_CHECK(!dispute::check_frame(filled(1), input)); }

std::vector<Bytes> move_seeds() {
    std::vector<Bytes> seeds;
    for (const dispute::Move& move : dispute::testing::sample_moves())
        seeds.push_back(dispute::encode_move(move));
    return seeds;
}
void run_move(ByteView input) {
    const auto move = dispute::decode_move(input);
    if (!move) return;
    const Bytes again = dispute::encode_move(*move);
    ASSAY_CHECK(ByteView(again).size() == input.size() &&
                std::equal(again.begin(), again.end(), input.begin()));
}

/// In every phase, so that mutations reach whatever a move does there.
std::vector<Bytes> game_seeds() {
    dispute::Terms terms = dispute::testing::sample_terms();
    terms.steps = 1;
    const Bytes first = dispute::encode_game(dispute::Game(terms));
    constexpr std::size_t kPhase =
        1 + 32 + 32 + 4 + 3 + 32 + 8 + 8 + 4 + 1 + 4 * 4 + 4 * 32 + 1 + 4 + 4;
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
    ASSAY_CHECK(ByteView(again).size() == input.size() &&
                std::equal(again.begin(), again.end(), input.begin()));
    for (const dispute::Move& move : dispute::testing::sample_moves()) {
        dispute::Game copy = *game;
        if (!copy.apply(copy.turn(), move))
            ASSAY_CHECK(dispute::decode_game(dispute::encode_game(copy)));
    }
}

/// About a small MLP, whose whole tree fits into one answer, and a GPT, whose tree does not.
std::vector<market::QuestionSubject> question_subjects() {
    market::JobSpec gpt = commit::small_gpt();
    gpt.model = market::GptModel{1, 1, 64, 16, true, market::Activation::gelu_tanh, 0};
    std::vector<market::QuestionSubject> subjects(2);
    subjects[0].spec = market::encode_spec(commit::small_mlp());
    subjects[1].spec = market::encode_spec(gpt);
    for (market::QuestionSubject& subject : subjects) subject.program_root = filled(2);
    return subjects;
}
std::vector<Bytes> question_seeds() {
    std::vector<Bytes> seeds;
    for (const market::QuestionSubject& subject : question_subjects()) {
        dispute::Question question = dispute::question_about(subject);
        seeds.push_back(dispute::encode_question(question));
        const auto opened = dispute::OpenedQuestion::read(seeds.back());
        ASSAY_CHECK(opened.has_value());
        const std::size_t size = opened->answer_bytes();
        const bool tiles = dispute::shows_bytes(opened->layout, question.node);
        question.phase = tiles ? dispute::QuestionPhase::shown : dispute::QuestionPhase::listed;
        if (tiles)
            question.tiles.resize(size);
        else
            question.hashes.resize(size / 32);
        seeds.push_back(dispute::encode_question(question));
    }
    return seeds;
}
/// A question that is read is written alike, and takes or refuses everything.
void run_question(ByteView input) {
    const auto opened = dispute::OpenedQuestion::read(input);
    if (!opened) return;
    const Bytes again = dispute::encode_question(opened->question);
    ASSAY_CHECK(ByteView(again).size() == input.size() &&
                std::equal(again.begin(), again.end(), input.begin()));
    const auto read_back = [](const market::QuestionStatus& status) {
        return dispute::OpenedQuestion::read(status.question).has_value();
    };
    for (const std::uint32_t child : {0U, 1U, 100U, 0xffffffffU}) {
        dispute::OpenedQuestion copy = *opened;
        if (!copy.ask(child)) ASSAY_CHECK(read_back(copy.status()));
    }
    dispute::OpenedQuestion copy = *opened;
    if (!copy.answer(Bytes(copy.answer_bytes(), 0))) ASSAY_CHECK(read_back(copy.status()));
    for (const std::uint64_t leaf :
         {std::uint64_t{0}, std::uint64_t{1}, copy.layout.blob_bytes() / 1024, UINT64_MAX})
        (void)opened->leaf_differs(leaf, Bytes(1024, 0));
}

constexpr Target kTargets[] = {
    {"dispute_question", question_seeds, run_question, 5'000},
    {"dispute_move", move_seeds, run_move},
    {"dispute_game", game_seeds, run_game},
    {"openings", openings_seeds, run_openings},
    {"program_record", record_seeds, run_record},
    {"program_frame", frame_seeds, run_frame},
};

}  // namespace

std::span<const Target> dispute_targets() { return kTargets; }

}  // namespace assay::fuzz
