#include "instruction_code.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "exact/math.h"
#include "exact/philox.h"
#include "exact/storage.h"
#include "runtime/reference_context.h"

namespace assay::runtime {

using program::DType;
using program::Instruction;
using program::Kind;

namespace {

constexpr std::size_t kQuads = 256;  ///< Philox quads drawn at a time

exact::DiagonalBand band_of(const program::Band& band) {
    exact::DiagonalBand result;
    if (band.lo) result.lo = *band.lo;
    if (band.hi) result.hi = *band.hi;
    return result;
}

bool is_fast(const program::Program& program, const Instruction& instruction) {
    const auto type = [&](const program::View& view) { return program.tensors[view.tensor].dtype; };
    if (instruction.out.transposed) return false;
    switch (instruction.kind) {
        case Kind::map:
            return true;
        case Kind::load:
            return false;
        case Kind::scatter_add:
            return type(instruction.out) == DType::f32 && type(instruction.in[0]) == DType::f32 &&
                   !instruction.in[0].transposed;
        case Kind::random:
            return type(instruction.out) == (instruction.distribution == program::Distribution::mask
                                                 ? DType::i32
                                                 : DType::f32);
        case Kind::gather:
            return type(instruction.out) == type(instruction.in[0]) &&
                   (type(instruction.out) == DType::f32 || type(instruction.out) == DType::i32) &&
                   type(instruction.in[1]) == DType::i32 && !instruction.in[0].transposed;
        case Kind::reduce:
        case Kind::matmul:
            break;
    }
    bool real = type(instruction.out) == DType::f32;
    for (const program::View& view : instruction.in) real = real && type(view) == DType::f32;
    return real;
}

}  // namespace

ThreadScratch::ThreadScratch(std::size_t row_floats, std::size_t operand_count)
    : map(kMapScratchFloats),
      rows{std::vector<float>(row_floats), std::vector<float>(row_floats)},
      words(4 * kQuads) {
    operands.reserve(operand_count);
}

std::size_t ThreadScratch::bytes() const {
    return (map.size() + rows[0].size() + rows[1].size() + words.size()) * sizeof(float) +
           local.size();
}

InstructionCode::InstructionCode(const program::Program& program, const Instruction& instruction,
                                 const exact::Kernels& kernels)
    : program_(&program),
      instruction_(&instruction),
      kernels_(&kernels),
      fast_(is_fast(program, instruction)) {
    if (instruction.kind == Kind::map && fast_)
        map_ = std::make_unique<MapCode>(program, instruction, kernels);
}

bool InstructionCode::by_rows() const {
    const Kind kind = instruction_->kind;
    return fast_ && (kind == Kind::map || kind == Kind::reduce || kind == Kind::gather ||
                     kind == Kind::random);
}

void InstructionCode::run_rows(const Moment& moment, std::uint32_t item, std::size_t slot,
                               std::uint32_t first, std::uint32_t last,
                               ThreadScratch& scratch) const {
    const Places& places = scratch.places;
    const Rectangle out = rectangle(*program_, instruction_->out, item, slot, places, moment);
    scratch.operands.clear();
    for (const program::View& view : instruction_->in) {
        scratch.operands.push_back(rectangle(*program_, view, item, slot, places, moment));
    }
    switch (instruction_->kind) {
        case Kind::map:
            return map_->run(out, scratch.operands, first, last, scratch.map.data());
        case Kind::reduce:
            return run_reduce(out, scratch.operands, first, last, scratch);
        case Kind::gather:
            return run_gather(out, scratch.operands, first, last);
        case Kind::random:
            return run_random(out, moment, slot, first, last, scratch);
        case Kind::load:
        case Kind::scatter_add:
        case Kind::matmul:
            break;
    }
    base::fail_check("this kind does not run by rows", __FILE__, __LINE__);
}

void InstructionCode::run_reduce(const Rectangle& out, const std::vector<Rectangle>& in,
                                 std::uint32_t first, std::uint32_t last,
                                 ThreadScratch& scratch) const {
    const auto row_of = [&](std::size_t operand, std::uint32_t r) {
        const Rectangle& x = in[operand];
        if (!x.transposed) return x.row(r);
        float* gathered = scratch.rows[operand].data();
        read_words(x, r, 0, x.seen_cols(), gathered);
        return static_cast<const float*>(gathered);
    };
    const std::size_t n = in[0].seen_cols();
    for (std::uint32_t r = first; r < last; ++r) {
        const float* a = row_of(0, r);
        float& to = out.f32()[r * out.stride];
        switch (instruction_->reduce) {
            case program::ReduceOp::sum:
                to = kernels_->sum(a, n);
                break;
            case program::ReduceOp::dot:
                to = kernels_->dot(a, row_of(1, r), n);
                break;
            case program::ReduceOp::max:
                to = kernels_->max(a, n);
                break;
        }
    }
}

void InstructionCode::run_gather(const Rectangle& out, const std::vector<Rectangle>& in,
                                 std::uint32_t first, std::uint32_t last) const {
    for (std::uint32_t r = first; r < last; ++r) {
        std::int32_t from = 0;
        read_words(in[1], r, 0, 1, reinterpret_cast<float*>(&from));
        float* to = out.f32() + r * out.stride;
        const bool inside = from >= 0 && static_cast<std::uint32_t>(from) < in[0].rows;
        if (inside) {
            std::memcpy(to, in[0].row(static_cast<std::uint32_t>(from)), std::size_t{out.cols} * 4);
        } else {
            std::memset(to, 0, std::size_t{out.cols} * 4);
        }
    }
}

void InstructionCode::run_random(const Rectangle& out, const Moment& moment, std::size_t slot,
                                 std::uint32_t first, std::uint32_t last,
                                 ThreadScratch& scratch) const {
    const exact::PhiloxKey key =
        exact::philox_key(program_->seed, instruction_->stream, moment.lane);
    const std::uint64_t keep = exact::keep_threshold(instruction_->keep_ppb);
    const auto sequence = static_cast<std::uint32_t>(moment.first_sequence + slot);
    const bool flat = out.dense();
    const std::uint64_t runs = flat ? 1 : last - first,
                        length = flat ? std::uint64_t{last - first} * out.cols : out.cols;
    for (std::uint64_t run = 0; run < runs; ++run) {
        const std::uint64_t begin = out.element + (first + run) * out.stride, end = begin + length;
        float* to = out.f32() + (first + run) * out.stride;
        for (std::uint64_t quad = begin / 4; quad * 4 < end; quad += kQuads) {
            const std::size_t quads =
                static_cast<std::size_t>(std::min<std::uint64_t>(kQuads, (end + 3) / 4 - quad));
            kernels_->philox(key.low, key.high, quad, quads, sequence, moment.global_step,
                             scratch.words.data());
            const std::uint64_t from = std::max(begin, quad * 4),
                                until = std::min(end, (quad + quads) * 4);
            for (std::uint64_t element = from; element < until; ++element) {
                const std::size_t w = static_cast<std::size_t>(element - quad * 4);
                float& x = to[element - begin];
                switch (instruction_->distribution) {
                    case program::Distribution::uniform:
                        x = exact::uniform_of(scratch.words[w]);
                        break;
                    case program::Distribution::mask:
                        x = std::bit_cast<float>(scratch.words[w] < keep ? 1U : 0U);
                        break;
                    case program::Distribution::normal:
                        x = exact::normal_pair(scratch.words[w / 2 * 2],
                                               scratch.words[w / 2 * 2 + 1])[w % 2];
                        break;
                }
            }
        }
    }
}

exact::Matmul InstructionCode::problem(const Places& places, const Moment& moment,
                                       std::uint32_t item, std::size_t slot, bool chained) const {
    const Instruction& instruction = *instruction_;
    const auto view_of = [&](const program::View& view) {
        const Rectangle r = rectangle(*program_, view, item, slot, places, moment);
        return exact::MatrixView{r.f32(), r.stride, r.transposed,
                                 chained ? places.slot_stride[view.tensor] / sizeof(float) : 0};
    };
    const Rectangle out = rectangle(*program_, instruction.out, item, slot, places, moment);
    exact::Matmul m;
    m.rows = out.rows;
    m.cols = out.cols;
    m.k = instruction.in[0].seen_cols();
    m.chains = chained ? moment.slots : 1;
    m.a = view_of(instruction.in[0]);
    m.b = view_of(instruction.in[1]);
    m.c = out.f32();
    m.c_stride = out.stride;
    if (instruction.start != program::MatmulStart::zero) {
        const bool third = instruction.in.size() > 2;
        const Rectangle start =
            third ? rectangle(*program_, instruction.in[2], item, slot, places, moment) : out;
        if (!chained || moment.first_sequence > 0) m.start = start.f32();
        m.start_stride = instruction.start == program::MatmulStart::bias ? 0 : start.stride;
    }
    m.k_band = band_of(instruction.k_band);
    m.out_band = band_of(instruction.out_band);
    return m;
}

bool InstructionCode::stackable(const Places& places) const {
    const Instruction& instruction = *instruction_;
    if (instruction.items != 1 || !instruction.k_band.open() || !instruction.out_band.open())
        return false;
    const auto stacked = [&](const program::View& view) {
        return !view.transposed && view.row == 0 &&
               view.rows == program_->tensors[view.tensor].rows &&
               places.slot_stride[view.tensor] != 0;
    };
    if (places.slot_stride[instruction.in[1].tensor] != 0) return false;
    if (instruction.start == program::MatmulStart::continues &&
        (instruction.in.size() < 3 || !stacked(instruction.in[2])))
        return false;
    if (instruction.start == program::MatmulStart::bias &&
        places.slot_stride[instruction.in[2].tensor] != 0)
        return false;
    return stacked(instruction.in[0]) && stacked(instruction.out);
}

void InstructionCode::run_reference(const Places& places, const Moment& moment,
                                    std::size_t slot) const {
    std::vector<exact::TensorMemory> memories;
    memories.reserve(program_->tensors.size());
    for (program::TensorId id = 0; id < program_->tensors.size(); ++id) {
        const program::Tensor& tensor = program_->tensors[id];
        memories.push_back({places.at(id, places.base[id] == nullptr ? 0 : slot), tensor.rows,
                            tensor.cols, tensor.dtype});
    }
    exact::ReferenceContext context = reference_context(moment, slot);
    context.tensors = memories;
    exact::run_reference(*program_, *instruction_, context);
}

void InstructionCode::clear_padding(const Places& places, std::size_t slot) const {
    const program::View& out = instruction_->out;
    const program::Tensor& tensor = program_->tensors[out.tensor];
    if (std::uint64_t{instruction_->items} * out.rows * out.cols ==
        std::uint64_t{tensor.rows} * tensor.cols)
        return;
    std::memset(places.at(out.tensor, slot), 0, bytes_of(tensor));
}

}  // namespace assay::runtime
