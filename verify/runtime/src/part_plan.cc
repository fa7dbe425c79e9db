#include "part_plan.h"

#include <algorithm>
#include <functional>
#include <map>

namespace assay::runtime {

using program::Instruction;
using program::Kind;
using program::TensorClass;
using program::TensorId;
using program::View;

namespace {

/// The same rows of the same items: what one block of rows writes to one view is all that the same
/// block sees of the other.
bool same_rows(const View& a, const View& b, std::uint32_t items) {
    if (a.transposed || b.transposed || a.row_from_step || b.row_from_step) return false;
    if (a.row != b.row || a.rows != b.rows) return false;
    if (items == 1) return true;
    if (a.item_row_stride != b.item_row_stride) return false;
    // Items stacked apart by rows own them whole; items side by side own only their columns.
    return a.item_row_stride >= a.rows ||
           (a.col == b.col && a.cols == b.cols && a.item_col_stride == b.item_col_stride);
}

/// The same rectangle of the same items, transposed or not.
bool same_items(const View& a, const View& b) {
    return a.row == b.row && a.rows == b.rows && a.col == b.col && a.cols == b.cols &&
           a.item_row_stride == b.item_row_stride && a.item_col_stride == b.item_col_stride &&
           !a.row_from_step && !b.row_from_step;
}

/// Whether `agree` holds for every pair of views of one tensor of which at least one is written by
/// the run or the new instruction.
bool compatible(const std::deque<InstructionCode>& codes, const Run& run, const Instruction& added,
                const std::function<bool(const View&, const View&)>& agree) {
    const auto clash = [&](const View& written, const View& other) {
        return written.tensor == other.tensor && !agree(written, other);
    };
    for (const View& in : added.in) {
        if (clash(added.out, in)) return false;
    }
    for (std::uint32_t i = run.first; i < run.last; ++i) {
        const Instruction& earlier = codes[i].instruction();
        if (clash(earlier.out, added.out)) return false;
        for (const View& in : added.in) {
            if (clash(earlier.out, in)) return false;
        }
        for (const View& in : earlier.in) {
            if (clash(added.out, in)) return false;
        }
    }
    return true;
}

constexpr std::size_t kAlignment = 64;
std::size_t aligned(std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

PartPlan::PartPlan(const program::Program& program, std::uint32_t first, std::uint32_t last,
                   const Machine& machine, std::uint32_t slots_max)
    : program_(program), machine_(machine) {
    const exact::Kernels& kernels =
        machine.kernels != nullptr ? *machine.kernels : *exact::available_kernels().front();
    for (std::uint32_t i = first; i < last; ++i)
        codes_.emplace_back(program, program.instructions[i], kernels);
    cut();
    plan_memory(slots_max);
}

std::size_t PartPlan::row_floats(const program::Program& program) {
    std::size_t longest = 1;
    for (const Instruction& instruction : program.instructions) {
        if (instruction.kind != Kind::reduce) continue;
        for (const View& view : instruction.in) {
            if (view.transposed) longest = std::max<std::size_t>(longest, view.seen_cols());
        }
    }
    return longest;
}

bool PartPlan::contributes(const InstructionCode& code) const {
    const Instruction& instruction = code.instruction();
    return instruction.part == program::Part::sequence &&
           program_.tensors[instruction.out.tensor].cls == TensorClass::accumulator;
}

bool PartPlan::joins_rows(const Run& run, const InstructionCode& code) const {
    const Instruction& head = codes_[run.first].instruction();
    const Instruction& added = code.instruction();
    if (!code.by_rows() || contributes(code) || added.items != head.items ||
        added.out.rows != head.out.rows)
        return false;
    return compatible(codes_, run, added,
                      [&](const View& a, const View& b) { return same_rows(a, b, head.items); });
}

bool PartPlan::joins_items(const Run& run, const InstructionCode& code) const {
    const Instruction& head = codes_[run.first].instruction();
    const Instruction& added = code.instruction();
    if (added.items != head.items || contributes(code) || !code.fast()) return false;
    if (!code.by_rows() && added.kind != Kind::matmul) return false;
    return compatible(codes_, run, added, same_items);
}

void PartPlan::cut() {
    const auto count = static_cast<std::uint32_t>(codes_.size());
    std::uint32_t at = 0;
    while (at < count) {
        const InstructionCode& code = codes_[at];
        const Instruction& instruction = code.instruction();
        Run run{Run::Form::whole, at, at + 1};
        if (machine_.kernels == nullptr || !code.fast() || instruction.kind == Kind::scatter_add) {
            run.form = Run::Form::whole;
        } else if (contributes(code)) {
            run.form =
                instruction.kind == Kind::matmul ? Run::Form::matmul : Run::Form::contribution;
        } else if (instruction.items > 1) {
            run.form = Run::Form::items;
            while (run.last < count && joins_items(run, codes_[run.last])) ++run.last;
        } else if (instruction.kind == Kind::matmul) {
            run.form = Run::Form::matmul;
        } else {
            run.form = Run::Form::rows;
            while (run.last < count && joins_rows(run, codes_[run.last])) ++run.last;
        }
        runs_.push_back(run);
        at = run.last;
    }
}

// Values live from the run that writes them to the last that reads them; first fit by definition
// order. A run counts as one instant: within it pieces of instructions interleave.
void PartPlan::plan_memory(std::uint32_t slots_max) {
    std::map<TensorId, std::size_t> index;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
        for (std::uint32_t i = runs_[r].first; i < runs_[r].last; ++i) {
            const Instruction& instruction = codes_[i].instruction();
            const auto touch = [&](const View& view) {
                const program::Tensor& tensor = program_.tensors[view.tensor];
                if (tensor.cls != TensorClass::value) return;
                const auto [entry, added] = index.try_emplace(view.tensor, lives_.size());
                if (added) {
                    const std::size_t bytes = std::size_t{tensor.rows} * tensor.cols *
                                              program::size_of(tensor.dtype) * slots_max;
                    lives_.push_back({view.tensor, r, r, aligned(bytes), 0});
                }
                lives_[entry->second].last_run = r;
            };
            touch(instruction.out);
            for (const View& view : instruction.in) touch(view);
        }
    }
    for (std::size_t n = 0; n < lives_.size(); ++n) {
        std::vector<const Life*> overlapping;
        for (std::size_t other = 0; other < n; ++other) {
            if (lives_[other].last_run >= lives_[n].first_run)
                overlapping.push_back(&lives_[other]);
        }
        std::ranges::sort(overlapping, {}, &Life::offset);
        std::size_t offset = 0;
        for (const Life* other : overlapping) {
            if (offset + lives_[n].bytes <= other->offset) break;
            offset = std::max(offset, other->offset + other->bytes);
        }
        lives_[n].offset = offset;
        arena_bytes_ = std::max(arena_bytes_, offset + lives_[n].bytes);
    }
}

void PartPlan::place_values(Places& places, std::byte* arena) const {
    for (const Life& life : lives_) {
        const program::Tensor& tensor = program_.tensors[life.tensor];
        places.base[life.tensor] = arena + life.offset;
        places.slot_stride[life.tensor] =
            std::size_t{tensor.rows} * tensor.cols * program::size_of(tensor.dtype);
    }
}

}  // namespace assay::runtime
