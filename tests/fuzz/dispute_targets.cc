#include <algorithm>

#include "base/check.h"
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

constexpr Target kTargets[] = {
    {"openings", openings_seeds, run_openings},
    {"program_record", record_seeds, run_record},
    {"program_frame", frame_seeds, run_frame},
};

}  // namespace

std::span<const Target> dispute_targets() { return kTargets; }

}  // namespace assay::fuzz
