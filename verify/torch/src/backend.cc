#include "torch_executor/backend.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>
#include <bit>
#include <limits>

#include "base/check.h"
#include "runtime/reference_context.h"

namespace assay::torch_executor {

using program::DType;
using program::Instruction;
using program::Kind;
using program::Node;
using program::Op;
using program::Part;
using program::Program;
using program::Tensor;
using program::TensorClass;
using program::TensorId;
using program::View;

namespace {

at::ScalarType scalar_type(DType type) {
    switch (type) {
        case DType::f32:
            return at::kFloat;
        case DType::i32:
            return at::kInt;
        case DType::i8:
            return at::kChar;
        case DType::u16:
            return at::kShort;
        case DType::f16:
            return at::kHalf;
        case DType::bf16:
            return at::kBFloat16;
    }
    ASSAY_CHECK(false);
}

at::Tensor scalar_like(const Node& node) {
    if (node.op == Op::constant_f32)
        return at::scalar_tensor(std::bit_cast<float>(node.bits), at::kFloat);
    return at::scalar_tensor(std::bit_cast<std::int32_t>(node.bits), at::kInt);
}

/// True where lo <= offset[col] - index[row] <= hi, shape (rows, cols).
at::Tensor band_mask(std::int64_t rows, std::int64_t cols, const program::Band& band) {
    const at::Tensor distance =
        at::arange(cols, at::kInt).unsqueeze(0) - at::arange(rows, at::kInt).unsqueeze(1);
    at::Tensor mask = at::ones({rows, cols}, at::kBool);
    if (band.lo) mask = mask.logical_and(distance.ge(*band.lo));
    if (band.hi) mask = mask.logical_and(distance.le(*band.hi));
    return mask;
}

class StockBackend final : public runtime::Backend {
  public:
    explicit StockBackend(const Program& p)
        : program(p),
          tensors(p.tensors.size()),
          band_masks(p.instructions.size()),
          memories(p.tensors.size()) {
        for (TensorId id = 0; id < p.tensors.size(); ++id) {
            const Tensor& t = p.tensors[id];
            if (t.cls == TensorClass::value || t.cls == TensorClass::accumulator)
                tensors[id] = at::zeros({t.rows, t.cols}, scalar_type(t.dtype));
        }
        for (const program::Table& table : p.tables) {
            const Tensor& t = p.tensors[table.tensor];
            tensors[table.tensor] = at::empty({t.rows, t.cols}, at::kFloat);
            std::copy(table.values.begin(), table.values.end(),
                      tensors[table.tensor].data_ptr<float>());
        }
        for (const program::Constant& constant : p.constants) {
            const Tensor& t = p.tensors[constant.tensor];
            tensors[constant.tensor] = at::empty({t.rows, t.cols}, scalar_type(t.dtype));
            std::memcpy(tensors[constant.tensor].data_ptr(), constant.bits.data(),
                        constant.bits.size() * 4);
        }
    }

    void bind(TensorId id, const std::byte* data) override {
        const Tensor& t = program.tensors[id];
        // Written only where an instruction defines it, as bind says.
        tensors[id] =
            at::from_blob(const_cast<std::byte*>(data), {t.rows, t.cols}, scalar_type(t.dtype));
    }
    void clear_accumulators(Part loop) override {
        const auto [first, last] = program.range(loop);
        for (std::size_t i = first; i < last; ++i) {
            const TensorId id = program.instructions[i].out.tensor;
            if (program.tensors[id].cls == TensorClass::accumulator) tensors[id].zero_();
        }
    }
    void run(Part part, const runtime::Moment& moment) override { run(part, moment, {}); }
    void run(Part part, const runtime::Moment& moment, const runtime::Watch& watch) override {
        const at::NoGradGuard no_grad;
        const exact::ReferenceContext context = runtime::reference_context(moment);
        const auto [first, last] = program.range(part);
        for (std::uint32_t i = first; i < last; ++i) {
            if (watch.before) watch.before(i);
            run(i, context);
            if (watch.after && !watch.after(i)) return;
        }
    }
    /// Evaluation has code of its own (gpt2.h).
    void run_window(const runtime::Moment&) override {
        base::fail_check("the stock back end evaluates by gpt2.h", __FILE__, __LINE__);
    }
    [[nodiscard]] const std::byte* data(TensorId id) const override {
        return static_cast<const std::byte*>(tensors[id].data_ptr());
    }
    [[nodiscard]] std::size_t planned_bytes() override {
        std::size_t bytes = 0;
        for (const at::Tensor& tensor : tensors) {
            if (tensor.defined()) bytes += tensor.nbytes();
        }
        return bytes;
    }

  private:
    /// All items of a view as (items, rows, cols), transposed where the view is; shares memory with
    /// the tensor.
    at::Tensor items_of(const View& view, std::int64_t items, std::uint32_t table_row) const {
        const at::Tensor& base = tensors[view.tensor];
        ASSAY_CHECK(base.defined());
        const std::int64_t stride = base.size(1);
        const std::int64_t row = view.row + (view.row_from_step ? table_row : 0);
        at::Tensor seen =
            base.as_strided({items, view.rows, view.cols},
                            {view.item_row_stride * stride + view.item_col_stride, stride, 1},
                            base.storage_offset() + row * stride + view.col);
        return view.transposed ? seen.transpose(1, 2) : seen;
    }

    at::Tensor evaluate(const Instruction& instruction, std::int64_t items,
                        std::uint32_t table_row) const {
        std::array<at::Tensor, program::kNodesMax> values;
        std::size_t index = 0;
        const View& out = instruction.out;
        for (const Node& node : instruction.expression) {
            values[index] = evaluate_node(node, values, instruction, items, table_row, out);
            ++index;
        }
        return values[index - 1];
    }

    at::Tensor evaluate_node(const Node& node,
                             const std::array<at::Tensor, program::kNodesMax>& values,
                             const Instruction& instruction, std::int64_t items,
                             std::uint32_t table_row, const View& out) const {
        const at::Tensor& a = values[node.a];
        const at::Tensor& b = values[node.b];
        const at::Tensor& c = values[node.c];
        switch (node.op) {
            case Op::operand:
                return widened(items_of(instruction.in[node.a], items, table_row));
            case Op::constant_f32:
            case Op::constant_i32:
                return scalar_like(node);
            case Op::row_index:
                return at::arange(static_cast<std::int64_t>(out.seen_rows()), at::kInt)
                    .reshape({1, -1, 1});
            case Op::col_index:
                return at::arange(static_cast<std::int64_t>(out.seen_cols()), at::kInt)
                    .reshape({1, 1, -1});
            case Op::add:
                return a + b;
            case Op::sub:
                return a - b;
            case Op::mul:
                return a * b;
            case Op::div:
                return a / b;
            case Op::fma:
                return a * b + c;
            case Op::sqrt:
                return at::sqrt(a);
            case Op::neg:
                return -a;
            case Op::abs:
                return at::abs(a);
            case Op::min:
                return at::minimum(a, b);
            case Op::max:
                return at::maximum(a, b);
            case Op::equal:
                return a.eq(b).to(at::kInt);
            case Op::less:
                return a.lt(b).to(at::kInt);
            case Op::less_equal:
                return a.le(b).to(at::kInt);
            case Op::select:
                return at::where(a.ne(0), b, c);
            case Op::exp:
                return at::exp(a);
            case Op::log:
                return at::log(a);
            case Op::tanh:
                return at::tanh(a);
            case Op::erf:
                return at::erf(a);
            case Op::sin2pi:
                return at::sin(a * 6.283185307179586);
            case Op::cos2pi:
                return at::cos(a * 6.283185307179586);
            case Op::to_f32:
                return a.to(at::kFloat);
            case Op::to_i32:
                return at::round(a).to(at::kInt);
        }
        ASSAY_CHECK(false);
    }

    static at::Tensor widened(const at::Tensor& t) {
        if (t.scalar_type() == at::kFloat || t.scalar_type() == at::kInt) return t;
        return t.is_floating_point() ? t.to(at::kFloat) : t.to(at::kInt);
    }

    at::Tensor reduce(const Instruction& instruction, std::int64_t items,
                      std::uint32_t table_row) const {
        const at::Tensor a = items_of(instruction.in[0], items, table_row);
        switch (instruction.reduce) {
            case program::ReduceOp::sum:
                return a.sum(2, true);
            case program::ReduceOp::dot:
                return (a * items_of(instruction.in[1], items, table_row)).sum(2, true);
            case program::ReduceOp::max:
                return std::get<0>(a.max(2, true));
        }
        ASSAY_CHECK(false);
    }

    at::Tensor matmul(std::size_t number, const Instruction& instruction, std::int64_t items,
                      std::uint32_t table_row) {
        at::Tensor a = items_of(instruction.in[0], items, table_row);
        const at::Tensor b = items_of(instruction.in[1], items, table_row);
        at::Tensor& mask = band_masks[number];
        if (!instruction.k_band.open()) {
            if (!mask.defined()) mask = band_mask(a.size(1), a.size(2), instruction.k_band);
            a = at::where(mask, a, at::zeros({}, at::kFloat));
        }
        at::Tensor product = at::matmul(a, b);
        switch (instruction.start) {
            case program::MatmulStart::zero:
                break;
            case program::MatmulStart::bias:
                product = product + items_of(instruction.in[2], items, table_row);
                break;
            case program::MatmulStart::continues:
                product = product + (instruction.in.size() > 2
                                         ? items_of(instruction.in[2], items, table_row)
                                         : items_of(instruction.out, items, table_row));
                break;
        }
        if (!instruction.out_band.open()) {
            if (!mask.defined())
                mask = band_mask(product.size(1), product.size(2), instruction.out_band);
            product = at::where(mask, product, at::zeros({}, at::kFloat));
        }
        return product;
    }

    void gather(const Instruction& instruction, std::uint32_t table_row) {
        const at::Tensor source = items_of(instruction.in[0], 1, table_row)[0];
        const at::Tensor index =
            items_of(instruction.in[1], 1, table_row)[0].reshape({-1}).to(at::kLong);
        const at::Tensor inside = index.ge(0).logical_and(index.lt(source.size(0)));
        const at::Tensor rows =
            source.index_select(0, at::where(inside, index, at::zeros({}, at::kLong)));
        items_of(instruction.out, 1, table_row)[0].copy_(
            at::where(inside.unsqueeze(1), rows, at::zeros({}, rows.scalar_type())));
    }

    void scatter_add(const Instruction& instruction, std::uint32_t table_row) {
        const at::Tensor x = items_of(instruction.in[0], 1, table_row)[0];
        const at::Tensor index =
            items_of(instruction.in[1], 1, table_row)[0].reshape({-1}).to(at::kLong);
        at::Tensor accumulator = items_of(instruction.out, 1, table_row)[0];
        const at::Tensor inside = index.ge(0).logical_and(index.lt(accumulator.size(0)));
        accumulator.index_add_(0, at::where(inside, index, at::zeros({}, at::kLong)),
                               at::where(inside.unsqueeze(1), x, at::zeros({}, at::kFloat)));
    }

    /// Loads and random words are data, not arithmetic: they come from the definition.
    void run_definition(const Instruction& instruction, exact::ReferenceContext context) {
        const Tensor& t = program.tensors[instruction.out.tensor];
        memories[instruction.out.tensor] = {
            static_cast<std::byte*>(tensors[instruction.out.tensor].data_ptr()), t.rows, t.cols,
            t.dtype};
        context.tensors = memories;
        exact::run_reference(program, instruction, context);
    }

    void run(std::size_t number, const exact::ReferenceContext& context) {
        const Instruction& instruction = program.instructions[number];
        const std::int64_t items = instruction.items;
        const std::uint32_t table_row = context.table_row;
        switch (instruction.kind) {
            case Kind::load:
            case Kind::random:
                run_definition(instruction, context);
                return;
            case Kind::gather:
                gather(instruction, table_row);
                return;
            case Kind::scatter_add:
                scatter_add(instruction, table_row);
                return;
            case Kind::map:
                place(instruction, evaluate(instruction, items, table_row), table_row);
                return;
            case Kind::reduce:
                place(instruction, reduce(instruction, items, table_row), table_row);
                return;
            case Kind::matmul:
                place(instruction, matmul(number, instruction, items, table_row), table_row);
                return;
        }
    }

    void place(const Instruction& instruction, const at::Tensor& result,
               std::uint32_t table_row) const {
        at::Tensor out = items_of(instruction.out, instruction.items, table_row);
        // An operand may be the output itself (state written in place): the right side is complete
        // before the copy begins.
        out.copy_(result.expand_as(out));
    }

    const Program& program;
    std::vector<at::Tensor> tensors;     // by id; bound ones view the caller's memory
    std::vector<at::Tensor> band_masks;  // by instruction, made at first use
    std::vector<exact::TensorMemory>
        memories;  // the same tensors as the definition sees them, for loads and random words
};

}  // namespace

std::unique_ptr<runtime::Backend> make_backend(const Program& program, unsigned threads) {
    at::set_num_threads(static_cast<int>(threads));
    return std::make_unique<StockBackend>(program);
}

}  // namespace assay::torch_executor
