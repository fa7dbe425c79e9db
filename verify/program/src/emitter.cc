#include "emitter.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace assay::program {

Emitter::Emitter(std::uint64_t seed, std::uint32_t lanes, std::uint32_t rounds,
                 std::uint32_t round_steps, std::uint32_t batch, std::uint32_t sequence_rows) {
    program_.seed = seed;
    program_.lanes = lanes;
    program_.rounds = rounds;
    program_.round_steps = round_steps;
    program_.batch = batch;
    program_.sequence_rows = sequence_rows;
}

TensorId Emitter::tensor(std::string name, TensorClass cls, DType dtype, std::uint32_t rows,
                         std::uint32_t cols) {
    Tensor record;
    record.name = std::move(name);
    record.cls = cls;
    record.dtype = dtype;
    record.rows = rows;
    record.cols = cols;
    program_.tensors.push_back(std::move(record));
    return static_cast<TensorId>(program_.tensors.size() - 1);
}

TensorId Emitter::value(std::string name, std::uint32_t rows, std::uint32_t cols, DType dtype) {
    return tensor(std::move(name), TensorClass::value, dtype, rows, cols);
}

TensorId Emitter::accumulator(std::string name, std::uint32_t rows, std::uint32_t cols,
                              DType dtype) {
    return tensor(std::move(name), TensorClass::accumulator, dtype, rows, cols);
}

void Emitter::add_table(TensorId tensor, std::vector<float> values) {
    program_.tables.push_back({tensor, std::move(values)});
}

void Emitter::add_constant(TensorId tensor, std::vector<std::uint32_t> bits) {
    program_.constants.push_back({tensor, std::move(bits)});
}

View Emitter::all(TensorId id) const {
    View view;
    view.tensor = id;
    view.rows = record(id).rows;
    view.cols = record(id).cols;
    return view;
}

void Emitter::begin_group(std::string name) {
    ASSAY_CHECK(open_group_ == 0);
    group_names_.push_back(std::move(name));
    open_group_ = static_cast<std::uint32_t>(group_names_.size());
}

void Emitter::end_group() {
    ASSAY_CHECK(open_group_ != 0);
    open_group_ = 0;
}

Instruction& Emitter::append(Kind kind) {
    Emitted emitted;
    emitted.instruction.kind = kind;
    emitted.instruction.part = part_;
    emitted.group = open_group_;
    emitted_.push_back(std::move(emitted));
    return emitted_.back().instruction;
}

void Emitter::map(const View& out, const Term& term, std::uint32_t items) {
    Linear linear = linearise(term);
    Instruction& instruction = append(Kind::map);
    instruction.items = items;
    instruction.out = out;
    instruction.in = std::move(linear.operands);
    instruction.expression = std::move(linear.expression);
}

TensorId Emitter::map(std::string name, std::uint32_t rows, std::uint32_t cols, const Term& term,
                      DType dtype) {
    const TensorId out = value(std::move(name), rows, cols, dtype);
    map(all(out), term);
    return out;
}

TensorId Emitter::map_like(std::string name, TensorId like, const Term& term) {
    return map(std::move(name), record(like).rows, record(like).cols, term);
}

void Emitter::reduce(ReduceOp op, const View& out, std::vector<View> in, std::uint32_t items) {
    Instruction& instruction = append(Kind::reduce);
    instruction.items = items;
    instruction.reduce = op;
    instruction.out = out;
    instruction.in = std::move(in);
}

TensorId Emitter::reduce(ReduceOp op, std::string name, TensorId x) {
    const TensorId out = value(std::move(name), record(x).rows, 1);
    reduce(op, all(out), {all(x)});
    return out;
}

TensorId Emitter::dot(std::string name, TensorId x, TensorId y) {
    const TensorId out = value(std::move(name), record(x).rows, 1);
    reduce(ReduceOp::dot, all(out), {all(x), all(y)});
    return out;
}

void Emitter::matmul(const View& out, const View& a, const View& b, const MatmulOptions& options) {
    Instruction& instruction = append(Kind::matmul);
    instruction.items = options.items;
    instruction.out = out;
    instruction.in = {a, b};
    if (options.third.tensor != kNoTensor) instruction.in.push_back(options.third);
    instruction.start = options.start;
    instruction.k_band = options.k_band;
    instruction.out_band = options.out_band;
}

TensorId Emitter::matmul(std::string name, const View& a, const View& b) {
    const TensorId out = value(std::move(name), a.seen_rows(), b.seen_cols());
    matmul(all(out), a, b, {});
    return out;
}

void Emitter::accumulate(TensorId accumulator, const View& a, const View& b) {
    MatmulOptions options;
    options.start = MatmulStart::continues;
    matmul(all(accumulator), a, b, options);
}

TensorId Emitter::load(std::string name, LoadSource source, std::uint32_t cols, DType dtype,
                       std::uint32_t row_offset) {
    const TensorId out = value(std::move(name), program_.sequence_rows, cols, dtype);
    Instruction& instruction = append(Kind::load);
    instruction.source = source;
    instruction.row_offset = row_offset;
    instruction.out = all(out);
    return out;
}

TensorId Emitter::load_member_count(std::string name) {
    const TensorId out = value(std::move(name), 1, 1, DType::i32);
    Instruction& instruction = append(Kind::load);
    instruction.source = LoadSource::member_count;
    instruction.out = all(out);
    return out;
}

TensorId Emitter::random(std::string name, Distribution distribution, std::uint32_t rows,
                         std::uint32_t cols, std::uint32_t keep_ppb) {
    const DType dtype = distribution == Distribution::mask ? DType::i32 : DType::f32;
    const TensorId out = value(std::move(name), rows, cols, dtype);
    Instruction& instruction = append(Kind::random);
    instruction.distribution = distribution;
    instruction.stream = next_stream_++;
    instruction.keep_ppb = keep_ppb;
    instruction.out = all(out);
    return out;
}

TensorId Emitter::random_mask_items(std::string name, std::uint32_t items, std::uint32_t stride,
                                    std::uint32_t rows, std::uint32_t cols,
                                    std::uint32_t keep_ppb) {
    const TensorId out =
        random(std::move(name), Distribution::mask, items * stride, cols, keep_ppb);
    Instruction& instruction = emitted_.back().instruction;
    instruction.items = items;
    instruction.out = row_items(all(out), rows, stride);
    return out;
}

TensorId Emitter::gather(std::string name, TensorId source, TensorId index) {
    const TensorId out = value(std::move(name), record(index).rows, record(source).cols);
    Instruction& instruction = append(Kind::gather);
    instruction.out = all(out);
    instruction.in = {all(source), all(index)};
    return out;
}

void Emitter::scatter_add(TensorId accumulator, TensorId x, TensorId index) {
    Instruction& instruction = append(Kind::scatter_add);
    instruction.out = all(accumulator);
    instruction.in = {all(x), all(index)};
}

void Emitter::mark_forward_end() {
    ASSAY_CHECK(!emitted_.empty());
    emitted_.back().ends_forward = true;
}

Program Emitter::finish() {
    ASSAY_CHECK(open_group_ == 0);
    std::stable_sort(emitted_.begin(), emitted_.end(), [](const Emitted& a, const Emitted& b) {
        return a.instruction.part < b.instruction.part;
    });

    // Tensors are numbered by first use: of each instruction the output, then the operands in
    // order.
    std::vector<TensorId> renumbered(program_.tensors.size(), kNoTensor);
    std::vector<Tensor> tensors;
    const auto use = [&](View& view) {
        TensorId& id = renumbered.at(view.tensor);
        if (id == kNoTensor) {
            id = static_cast<TensorId>(tensors.size());
            tensors.push_back(std::move(program_.tensors[view.tensor]));
        }
        view.tensor = id;
    };
    std::uint32_t last_group = 0;
    for (Emitted& emitted : emitted_) {
        use(emitted.instruction.out);
        for (View& view : emitted.instruction.in) use(view);
        const auto index = static_cast<std::uint32_t>(program_.instructions.size());
        program_.instructions.push_back(std::move(emitted.instruction));
        if (emitted.ends_forward) program_.forward_end = index + 1;
        if (emitted.group != 0 && emitted.group == last_group) {
            program_.groups.back().last = index + 1;
        } else if (emitted.group != 0) {
            program_.groups.push_back({group_names_[emitted.group - 1], index, index + 1});
        }
        last_group = emitted.group;
    }
    const auto rename = [&](TensorId& id) {
        if (id == kNoTensor) return;
        id = renumbered.at(id);
        ASSAY_CHECK(id != kNoTensor);
    };
    program_.tensors = std::move(tensors);
    for (Tensor& tensor : program_.tensors) rename(tensor.start_of);
    for (Table& table : program_.tables) rename(table.tensor);
    for (Constant& constant : program_.constants) rename(constant.tensor);
    for (TensorId* id :
         {&program_.loss, &program_.norm, &program_.fault, &program_.loss_accumulator})
        rename(*id);
    return std::move(program_);
}

View transposed(View view) {
    view.transposed = !view.transposed;
    return view;
}

View column_items(View view, std::uint32_t width) {
    view.cols = width;
    view.item_col_stride = width;
    return view;
}

View row_items(View view, std::uint32_t rows, std::uint32_t stride) {
    view.rows = rows;
    view.item_row_stride = stride;
    return view;
}

View table_column(TensorId table, std::uint32_t column) {
    View view;
    view.tensor = table;
    view.col = column;
    view.rows = 1;
    view.cols = 1;
    view.row_from_step = true;
    return view;
}

}  // namespace assay::program
