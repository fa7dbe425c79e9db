#include "fixture.h"

#include <cstring>
#include <fstream>

#include "../program/tiny_program.h"
#include "../runtime/jobs.h"
#include "base/check.h"
#include "base/chunk_tree.h"
#include "base/encoding.h"
#include "commit/dataset.h"
#include "exact/environment.h"
#include "program/builder.h"
#include "reference_machine.h"

namespace assay::dispute::testing {

using exact::ReferenceMachine;
using program::Program;

namespace {

using TensorBytes = std::vector<std::vector<std::byte>>;

Program built(const market::JobSpec& spec) {
    auto program = program::build_program(spec);
    ASSAY_CHECK(program.has_value());
    return std::move(*program);
}

template <class Tensors>
void fill(Tensors& target, const TensorBytes& bytes) {
    ASSAY_CHECK(target.tensors.size() == bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i)
        std::memcpy(target.tensors[i].data(), bytes[i].data(), bytes[i].size());
}

template <class Tensors>
TensorBytes bytes_of(const Tensors& source) {
    TensorBytes all;
    for (const commit::Buffer& tensor : source.tensors)
        all.emplace_back(tensor.data(), tensor.data() + tensor.size());
    return all;
}

constexpr std::uint32_t kLane = 1;

}  // namespace

market::JobSpec ragged_gpt() {
    market::JobSpec spec = runtime::testing::with_dropout(runtime::testing::ragged_gpt());
    spec.batch = 2;
    return spec;
}

market::JobSpec deep_gpt() {
    market::JobSpec spec = runtime::testing::ragged_gpt();
    auto& model = std::get<market::GptModel>(spec.model);
    model.layers = 1;
    model.heads = 2;
    model.width = 72;
    model.context = 70;
    std::get<market::TokenData>(spec.data).vocabulary = 300;
    spec.batch = 2;
    spec.lanes = spec.rounds = 1;
    return spec;
}

market::JobSpec wide_mlp() {
    market::JobSpec spec = runtime::testing::small_mlp();
    auto& model = std::get<market::MlpModel>(spec.model);
    model.hidden = {270, 40};
    model.rows_per_sequence = 35;
    std::get<market::TableData>(spec.data).features = 37;
    spec.batch = 2;
    return spec;
}

Fixture::Fixture(const market::JobSpec& job)
    : lanes(job.lanes), program(built(job)), words(runtime::testing::words_for(job)) {
    const commit::DataExtent extent = commit::extent_of(job.data);
    dataset.train_count = extent.train_count;
    dataset.row_words = extent.row_words;
    spec_root = market::spec_root(market::encode_spec(job));
    run();
}

Fixture::Fixture(Program other, std::vector<std::uint32_t> tokens, std::uint64_t train_tokens)
    : program(std::move(other)), words(std::move(tokens)) {
    dataset.train_count = train_tokens;
    run();
}

void Fixture::run() {
    dataset.words = words;
    program_root = program::program_root(program);
    const exact::FloatEnvironment environment;
    ReferenceMachine machine(program);
    machine.run_init();
    start = commit::State::zeros(program);
    fill(start, machine.state());
    opening.spec_root = after_step.spec_root = spec_root;
    opening.program_root = after_step.program_root = program_root;
    opening.lane = commit::kOpeningLane;
    after_step.lane = kLane;
    after_step.step = 1;
    after_step.round_start_root = commit::state_root(program, start, opening);
    stepped = commit::State::zeros(program);
    for (std::uint32_t lane = 0; lane < 2; ++lane) {
        machine.set_state(bytes_of(start));
        machine.open_round();
        machine.run_step(dataset, 0, lane, 0);
        if (lane == kLane || lanes == 1) fill(stepped, machine.state());
        if (lanes == 1) return;
        machine.run_payload(0);
        payloads.push_back(commit::Payload::zeros(program));
        fill(payloads.back(), machine.payload());
    }
    for (const commit::Payload& payload : payloads) members.push_back(&payload);
}

base::Hash Fixture::opening_leaf() const { return commit::descriptor_leaf(opening); }

base::BlobRoot Fixture::data_root() const {
    base::Encoder encoder;
    for (const std::uint32_t word : words) encoder.u32(word);
    return base::blob_root(encoder.view());
}

StageInputs Fixture::inputs(Stage stage) const {
    StageInputs inputs;
    inputs.program = &program;
    inputs.stage = stage;
    inputs.dataset = dataset;
    switch (stage) {
        case Stage::init:
            break;
        case Stage::step:
            inputs.start = &stepped;
            inputs.lane = kLane;
            inputs.step = 1;
            inputs.descriptor = commit::descriptor_leaf(after_step);
            break;
        case Stage::payload:
            inputs.start = &stepped;
            inputs.round_start = &start;
            inputs.lane = kLane;
            inputs.descriptor = commit::descriptor_leaf(after_step);
            break;
        case Stage::merge:
            inputs.start = &start;
            inputs.members = members;
            inputs.descriptor = commit::descriptor_leaf(opening);
            break;
    }
    return inputs;
}

TensorBytes Fixture::expected(Stage stage) const {
    const exact::FloatEnvironment environment;
    ReferenceMachine machine(program);
    switch (stage) {
        case Stage::init:
            machine.run_init();
            return machine.state();
        case Stage::step:
            machine.set_state(bytes_of(stepped));
            machine.run_step(dataset, 0, kLane, 1);
            return machine.state();
        case Stage::payload:
            return bytes_of(payloads[kLane]);
        case Stage::merge: {
            machine.set_state(bytes_of(start));
            machine.open_round();
            std::vector<TensorBytes> all;
            for (const commit::Payload& payload : payloads) all.push_back(bytes_of(payload));
            machine.run_merge(all, 0);
            return machine.state();
        }
    }
    return {};
}

namespace {

/// The tiny program with forms of instruction that no model has.
class OddProgram {
  public:
    OddProgram() : p_(T::make()) {
        p_.sequence_rows = kRows;
        p_.batch = 2;
    }
    Program make() {
        widen();
        numbers();
        products();
        stacked();
        p_.instructions.insert(p_.instructions.begin() + 5, more_.begin(), more_.end());
        p_.forward_end += static_cast<std::uint32_t>(more_.size());
        p_.groups.clear();
        const auto reason = program::check_program(p_);
        if (reason) base::fail_check(reason->c_str(), __FILE__, __LINE__);
        return p_;
    }

  private:
    using T = program::TinyProgram;
    using DType = program::DType;
    using Kind = program::Kind;
    using Op = program::Op;
    using View = program::View;
    using Instruction = program::Instruction;
    using TensorId = program::TensorId;
    static constexpr std::uint32_t kRows = 40, kDepth = 300, kWidth = 37;

    TensorId add(const char* name, std::uint32_t rows, std::uint32_t cols, DType type) {
        const TensorId id = T::add(p_, name, program::TensorClass::value, type);
        p_.tensors[id].rows = rows;
        p_.tensors[id].cols = cols;
        return id;
    }
    Instruction& emit(Kind kind, TensorId out, std::vector<View> in) {
        Instruction instruction;
        instruction.kind = kind;
        instruction.out = T::all(p_, out);
        instruction.in = std::move(in);
        more_.push_back(instruction);
        return more_.back();
    }
    View all(TensorId id) { return T::all(p_, id); }

    /// The tiny program's one token becomes a column of them; its loss sums the new tensors too.
    void widen() {
        p_.tensors[*p_.find("token")].rows = p_.tensors[*p_.find("x")].rows = kRows;
        const TensorId one = *p_.find("one");
        p_.tensors[one].cols = kRows;
        p_.constants[0].bits.assign(kRows, std::bit_cast<std::uint32_t>(1.0F));
        const auto widened = [this](View& view) {
            view.rows = view.row_from_step ? 1 : p_.tensors[view.tensor].rows;
            view.cols = p_.tensors[view.tensor].cols;
        };
        for (Instruction& instruction : p_.instructions) {
            widened(instruction.out);
            for (View& view : instruction.in) widened(view);
        }
    }
    /// Random ones, in every storage type.
    void numbers() {
        u_ = add("u", kRows, kDepth, DType::f32);
        const TensorId n = add("n", kDepth, kWidth, DType::f32);
        emit(Kind::random, u_, {}).stream = 1;
        Instruction& normal = emit(Kind::random, n, {});
        normal.distribution = program::Distribution::normal;
        normal.stream = 2;
        const auto scaled = [&](TensorId out, TensorId in, float scale) {
            emit(Kind::map, out, {all(in)}).expression = {
                T::operand(0), T::real(scale), {Op::mul, 0, 1, 0, 0}, {Op::to_i32, 2, 0, 0, 0}};
        };
        a8_ = add("a8", kRows, kDepth, DType::i8);
        b8_ = add("b8", kDepth, kWidth, DType::i8);
        const TensorId u16 = add("u16", kRows, kDepth, DType::u16);
        scaled(a8_, u_, 120.0F);
        scaled(b8_, n, 60.0F);
        scaled(u16, u_, 70'000.0F);
        const auto stored = [&](TensorId out, TensorId in) {
            emit(Kind::map, out, {all(in)}).expression = {T::operand(0)};
        };
        h16_ = add("h16", kRows, kDepth, DType::f16);
        b16_ = add("b16", kDepth, kWidth, DType::bf16);
        stored(h16_, u_);
        stored(b16_, n);
    }
    void products() {
        const TensorId c = add("c", kRows, kWidth, DType::i32),
                       d = add("d", kRows, kWidth, DType::f32);
        e_ = add("e", kRows, kWidth, DType::f32);
        Instruction& exact_product = emit(Kind::matmul, c, {all(a8_), all(b8_)});
        exact_product.k_band = {10, 280};
        Instruction& product = emit(Kind::matmul, d, {all(h16_), all(b16_)});
        product.k_band = {-3, 261};
        product.out_band = {-20, 9};
        Instruction& more_product = emit(Kind::matmul, e_, {all(h16_), all(b16_), all(d)});
        more_product.start = program::MatmulStart::continues;
        more_product.k_band = {250, std::nullopt};
        const TensorId top = add("top", kRows, 1, DType::f32),
                       sum = add("sum", kRows, 1, DType::f32);
        emit(Kind::reduce, top, {all(h16_)}).reduce = program::ReduceOp::max;
        emit(Kind::reduce, sum, {all(e_)}).reduce = program::ReduceOp::sum;
    }
    /// Three items of 5 rows stacked every 32 rows, read transposed out of one tensor; and an index
    /// that is outside for most tokens.
    void stacked() {
        const TensorId stack = add("stack", 96, 40, DType::f32);
        View item = all(e_);
        item.rows = kRows;
        item.cols = 5;
        item.col = 3;
        item.transposed = true;
        item.item_col_stride = 7;
        Instruction& out = emit(Kind::map, stack, {item});
        out.items = 3;
        out.out.rows = 5;
        out.out.item_row_stride = 32;
        out.expression = {T::operand(0),
                          {Op::row_index, 0, 0, 0, 0},
                          {Op::to_f32, 1, 0, 0, 0},
                          {Op::add, 0, 2, 0, 0},
                          {Op::tanh, 3, 0, 0, 0}};
        const TensorId row = add("row", kRows, kDepth, DType::f32);
        emit(Kind::gather, row, {all(u_), all(*p_.find("token"))});
    }

    Program p_;
    std::vector<Instruction> more_;
    TensorId u_ = 0, a8_ = 0, b8_ = 0, h16_ = 0, b16_ = 0, e_ = 0;
};

}  // namespace

Program odd_program() { return OddProgram().make(); }

std::string signature(const program::Program& program, const program::Instruction& instruction) {
    using namespace assay::program;
    std::ostringstream text;
    const auto view = [&](const program::View& v) {
        const Tensor& tensor = program.tensors[v.tensor];
        text << ' ' << int(tensor.cls) << '.' << int(tensor.dtype) << v.transposed
             << (v.item_row_stride != 0) << (v.item_col_stride != 0) << (v.seen_rows() == 1)
             << (v.seen_cols() == 1) << (v.tensor == instruction.out.tensor);
    };
    text << int(instruction.kind) << int(instruction.part) << (instruction.items > 1);
    text << int(instruction.source) << instruction.row_offset << int(instruction.distribution);
    text << int(instruction.reduce) << int(instruction.start) << instruction.k_band.lo.has_value()
         << instruction.k_band.hi.has_value() << instruction.out_band.hi.has_value();
    view(instruction.out);
    for (const program::View& in : instruction.in) view(in);
    return text.str();
}

std::map<std::string, std::string> golden_of(const std::string& page) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/" + page);
    std::map<std::string, std::string> values;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("```")) {
            inside = line == "```golden";
        } else if (inside) {
            const std::size_t space = line.find(' ');
            values[line.substr(0, space)] =
                space == std::string::npos ? "" : line.substr(space + 1);
        }
    }
    return values;
}

}  // namespace assay::dispute::testing
