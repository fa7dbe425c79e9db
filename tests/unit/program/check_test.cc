#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "program/builder.h"
#include "program/record.h"
#include "specs.h"
#include "tiny_program.h"

namespace assay::program {
namespace {

struct Refusal {
    std::function<void(Program&)> change;
    std::string reason;  ///< part of the reason
};

void expect_refusals(const std::function<Program()>& make, const std::vector<Refusal>& refusals) {
    ASSERT_EQ(check_program(make()), std::nullopt);
    for (std::size_t i = 0; i < refusals.size(); ++i) {
        Program program = make();
        refusals[i].change(program);
        const auto reason = check_program(program);
        ASSERT_TRUE(reason.has_value()) << "change " << i << ": " << refusals[i].reason;
        EXPECT_NE(reason->find(refusals[i].reason), std::string::npos)
            << "change " << i << ": " << *reason;
    }
}

TEST(CheckProgram, RefusesBadFrames) {
    expect_refusals(
        TinyProgram::make,
        {{[](Program& p) { p.builder_version = 2; }, "builder version"},
         {[](Program& p) { p.profile = "f64"; }, "profile"},
         {[](Program& p) { p.lanes = 0; }, "is 0"},
         {[](Program& p) { p.batch = 0; }, "is 0"},
         {[](Program& p) { p.loss = kNoTensor; }, "no loss"},
         {[](Program& p) { p.fault = p.loss; }, "fault has the wrong"},
         {[](Program& p) { p.loss_accumulator = p.loss; }, "loss accumulator has the wrong"},
         {[](Program& p) { p.forward_end = 4; }, "forward pass"},
         {[](Program& p) { p.forward_end = 8; }, "forward pass"},
         {[](Program& p) { p.groups[0].last = 10; }, "group step"},
         {[](Program& p) { p.groups[0].first = 9; }, "group step"},
         {[](Program& p) { p.groups[0].first = 5; }, "crosses parts"},
         {[](Program& p) {
              p.groups.push_back({"again", 8, 9});
          },
          "overlaps"}});
}

TEST(CheckProgram, RefusesBadTensorsAndContents) {
    expect_refusals(
        TinyProgram::make,
        {{[](Program& p) { p.tensors[0].name = p.tensors[5].name; }, "used twice"},
         {[](Program& p) { p.tensors[0].name.clear(); }, "empty"},
         {[](Program& p) { p.tensors[5].rows = 0; }, "no elements"},
         {[](Program& p) { p.tensors[0].rows = p.tensors[0].cols = 65536; }, "2^31"},
         {[](Program& p) { p.tensors[5].dtype = static_cast<DType>(9); }, "unknown type"},
         {[](Program& p) { p.tensors[8].dtype = DType::i32; }, "not f32"},
         {[](Program& p) { p.tensors[0].name = std::string(2000, 'w'); }, "1 KiB"},
         {[](Program& p) { p.tensors[5].cls = TensorClass::round_start; },
          "names, or does not name"},
         {[](Program& p) { p.tensors[5].start_of = 0; }, "names, or does not name"},
         {[](Program& p) { p.tables[0].values.pop_back(); }, "wrong size"},
         {[](Program& p) { p.tables.clear(); }, "no contents"},
         {[](Program& p) { p.constants.clear(); }, "no contents"},
         {[](Program& p) { p.constants.push_back(p.constants[0]); }, "twice"},
         {[](Program& p) { p.constants[0].tensor = 0; }, "no table or constant"},
         {[](Program& p) { p.round_steps = 4; }, "wrong number of rows"}});
}

TEST(CheckProgram, RefusesBadLives) {
    expect_refusals(
        TinyProgram::make,
        {{[](Program& p) { std::swap(p.instructions[4], p.instructions[5]); },
          "before it is defined"},
         {[](Program& p) { p.instructions.push_back(p.instructions.back()); }, "two writers"},
         {[](Program& p) { p.instructions.insert(p.instructions.begin() + 7, p.instructions[6]); },
          "two writers"},
         {[](Program& p) { p.instructions.erase(p.instructions.begin()); }, "no writer in init"},
         {[](Program& p) { p.instructions[0].part = Part::update; }, "out of order"},
         {[](Program& p) { std::swap(p.instructions[6], p.instructions[7]); },
          "before its loop has ended"},
         {[](Program& p) { p.instructions[5].in[1].tensor = 6; }, "before its loop has ended"},
         {[](Program& p) { p.instructions[5].out.tensor = 0; }, "outside init, update and merge"},
         {[](Program& p) { p.instructions[8].out.tensor = 7; }, "read-only"},
         {[](Program& p) { p.instructions[8].in[1].tensor = 5; },
          "before it is defined in its part"},
         {[](Program& p) {
              p.instructions[6].kind = Kind::map;
              p.instructions[6].expression = {
                  TinyProgram::operand(0), TinyProgram::operand(1), {Op::mul, 0, 1, 0, 0}};
          },
          "something else than a contribution"},
         {[](Program& p) { p.instructions[5].in[1].tensor = 5; }, "read by its own definition"}});
}

TEST(CheckProgram, RefusesBadMaps) {
    expect_refusals(
        TinyProgram::make,
        {{[](Program& p) { p.instructions[5].expression.clear(); }, "no node"},
         {[](Program& p) { p.instructions[0].expression.resize(33, TinyProgram::real(1)); },
          "more than 32"},
         {[](Program& p) { p.instructions[5].in.resize(9, p.instructions[5].in[1]); },
          "more than 8 operands"},
         {[](Program& p) { p.instructions[5].expression[3].b = 3; }, "reads a later one"},
         {[](Program& p) { p.instructions[5].expression[0].a = 2; }, "not there"},
         {[](Program& p) { p.instructions[5].expression[3].b = 0; }, "mul, mix f32 and i32"},
         {[](Program& p) { p.instructions[5].expression[3].op = Op::select; }, "select"},
         {[](Program& p) { p.instructions[5].expression[3].op = static_cast<Op>(70); },
          "unknown operation"},
         {[](Program& p) { p.instructions[5].expression[3].op = Op::less; },
          "another type than its output"},
         {[](Program& p) { p.instructions[5].expression[1].op = Op::exp; }, "exp, needs f32"},
         {[](Program& p) { p.instructions[5].expression[1].op = Op::to_i32; }, "to_i32, needs f32"},
         {[](Program& p) { p.instructions[5].in[1].rows = 2; }, "outside"},
         {[](Program& p) { p.instructions[5].in[1].row = 1; }, "outside"},
         {[](Program& p) { p.instructions[5].in[1].tensor = 99; }, "no tensor"},
         {[](Program& p) { p.instructions[5].in[1].row_from_step = true; }, "only tables"},
         {[](Program& p) { p.instructions[8].in[0].row_from_step = false; }, "only tables"},
         {[](Program& p) { p.instructions[8].in[0].transposed = true; }, "one row at a time"},
         {[](Program& p) { p.instructions[5].items = 0; }, "number of items"},
         {[](Program& p) { p.instructions[5].items = 2; }, "the output"}});
}

Program small_gpt() { return std::move(*build_program(with_merge(tiny_gpt()))); }

std::size_t find_instruction(const Program& p, const std::string& out) {
    for (std::size_t i = 0; i < p.instructions.size(); ++i) {
        if (p.tensors[p.instructions[i].out.tensor].name == out &&
            p.instructions[i].part != Part::init)
            return i;
    }
    ADD_FAILURE() << out;
    return 0;
}

TEST(CheckProgram, RefusesBadMatmulsReductionsAndIndices) {
    const auto at = [](Program& p, const std::string& out) -> Instruction& {
        return p.instructions[find_instruction(p, out)];
    };
    expect_refusals(
        small_gpt,
        {{[&](Program& p) { at(p, "h.0.attn.query").in.pop_back(); }, "bias is not a row"},
         {[&](Program& p) { at(p, "h.0.attn.query").start = MatmulStart::zero; }, "third operand"},
         {[&](Program& p) { at(p, "h.0.attn.query").in[0].transposed = true; },
          "shapes of a matmul"},
         {[&](Program& p) { at(p, "h.0.attn.dy_k").in.pop_back(); }, "only accumulators"},
         {[&](Program& p) { at(p, "h.0.attn.dy_k").in[2].cols = 1; },
          "continues has another shape"},
         {[&](Program& p) { at(p, "h.0.attn.query").in[0].tensor = p.find("tokens").value(); },
          "outside"},
         {[&](Program& p) { at(p, "h.0.ln_1.square").in.pop_back(); }, "wrong number of operands"},
         {[&](Program& p) { at(p, "h.0.ln_1.square").in[1].cols = 2; }, "differ in shape"},
         {[&](Program& p) { at(p, "embedding.token").in[1].tensor = p.find("head.max").value(); },
          "column of i32"},
         {[&](Program& p) { at(p, "embedding.token").in[0].cols = 2; }, "do not agree"},
         {[&](Program& p) { at(p, "tokens").row_offset = 2; }, "wrong shape"},
         {[&](Program& p) { at(p, "tokens").source = LoadSource::payload; }, "in place"},
         {[&](Program& p) { at(p, "labels").source = LoadSource::member_count; }, "not a 1x1"},
         {[&](Program& p) { at(p, "members").source = LoadSource::tokens; }, "wrong shape"},
         {[&](Program& p) { p.instructions[2].stream = p.instructions[0].stream; },
          "stream is used twice"},
         {[&](Program& p) { p.instructions[0].stream = 0; }, "stream is used twice"},
         {[&](Program& p) { p.instructions[0].keep_ppb = 5; }, "share to keep"},
         {[&](Program& p) { p.instructions[0].distribution = Distribution::mask; }, "wrong type"},
         {[&](Program& p) { at(p, "h.0.attn.scores").out.item_row_stride = 31; },
          "multiples of 32"},
         {[&](Program& p) { at(p, "h.0.attn.mixed").out.item_col_stride = 3; }, "overlap"},
         {[&](Program& p) {
              at(p, "payload.wte.weight").in[0].tensor = p.find("payload.wpe.weight").value();
          },
          "outside"}});
}

TEST(CheckProgram, RefusesCellsThatOpenTooManyTiles) {
    Program p = TinyProgram::make();
    // Four operands of 40 x 40 read one row and one column off the tiles: four tiles each.
    const TensorId x = TinyProgram::add(p, "big", TensorClass::constant),
                   y = TinyProgram::add(p, "y", TensorClass::value);
    p.tensors[x].rows = p.tensors[x].cols = 80;
    p.tensors[y].rows = p.tensors[y].cols = 40;
    p.constants.push_back({x, std::vector<std::uint32_t>(6400)});
    View view = TinyProgram::all(p, y);
    view.tensor = x;
    std::vector<View> in;
    for (std::uint32_t i = 1; i <= 3; ++i) {
        view.row = view.col = i;
        in.push_back(view);
    }
    Instruction map;
    map.kind = Kind::map;
    map.out = TinyProgram::all(p, y);
    map.in = in;
    map.expression = {TinyProgram::operand(0),
                      TinyProgram::operand(1),
                      TinyProgram::operand(2),
                      {Op::fma, 0, 1, 2, 0}};
    p.instructions.insert(p.instructions.begin() + 5, map);
    p.forward_end = 8;
    p.groups.clear();
    const auto reason = check_program(p);
    ASSERT_TRUE(reason.has_value());
    EXPECT_NE(reason->find("11 tiles"), std::string::npos) << *reason;
    p.instructions[5].in[2].row = 0;  // two tiles instead of four: 10
    EXPECT_EQ(check_program(p), std::nullopt);
}

}  // namespace
}  // namespace assay::program
