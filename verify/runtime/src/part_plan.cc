#include "part_plan.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>

namespace assay::runtime {

using program::Instruction;
using program::Kind;
using program::TensorClass;
using program::TensorId;
using program::View;

namespace {

/// Elements of the widest tensor of a block of rows: several such tensors fit the second cache.
constexpr std::uint32_t kBlockElements = 16384;
/// How many instructions a run may reach over while it looks for more of its kind.
constexpr std::size_t kSkippedMax = 64;

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

using Agreement = std::function<bool(const View&, const View&)>;

/// Whether `agree` holds for every pair of views of one tensor of which at least one is written.
bool compatible(const Instruction& earlier, const Instruction& added, const Agreement& agree) {
    const auto clash = [&](const View& written, const View& other) {
        return written.tensor == other.tensor && !agree(written, other);
    };
    if (clash(earlier.out, added.out)) return false;
    for (const View& in : added.in) {
        if (clash(earlier.out, in) || clash(added.out, in)) return false;
    }
    return std::ranges::none_of(earlier.in, [&](const View& in) { return clash(added.out, in); });
}

bool reads(const Instruction& instruction, TensorId tensor) {
    return std::ranges::any_of(instruction.in,
                               [&](const View& view) { return view.tensor == tensor; });
}

/// Whether the two may change places.
bool independent(const Instruction& a, const Instruction& b) {
    return a.out.tensor != b.out.tensor && !reads(b, a.out.tensor) && !reads(a, b.out.tensor);
}

bool is_whole(const View& view, const program::Tensor& tensor) {
    return !view.transposed && !view.row_from_step && view.row == 0 && view.col == 0 &&
           view.rows == tensor.rows && view.cols == tensor.cols;
}

constexpr std::size_t kAlignment = 64;
std::size_t aligned(std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
std::size_t row_bytes(const program::Tensor& tensor) {
    return std::size_t{tensor.cols} * program::size_of(tensor.dtype);
}

}  // namespace

PartPlan::PartPlan(const program::Program& program, std::span<const std::uint32_t> list,
                   const Machine& machine, std::uint32_t slots_max, Cut cut_into)
    : program_(program), machine_(machine), cut_(cut_into) {
    for (const std::uint32_t i : list)
        codes_.emplace_back(program, program.instructions[i], *machine.kernels);
    cut();
    find_lives(list);
    if (cut_ == Cut::fused) {
        fuse();
        place_locals();
    }
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

bool PartPlan::joins(const Run& run, const InstructionCode& code) const {
    const Instruction& head = at(run.order.front());
    const Instruction& added = code.instruction();
    if (run.form == Run::Form::matmul) {
        const bool alone = contributes(code) || added.items == 1;
        return code.fast() && added.kind == Kind::matmul && alone &&
               std::ranges::all_of(run.order,
                                   [&](std::uint32_t p) { return independent(at(p), added); });
    }
    if (!code.fast() || contributes(code) || added.items != head.items) return false;
    const bool rows = run.form == Run::Form::rows;
    if (rows && (!code.by_rows() || added.out.rows != head.out.rows)) return false;
    if (!code.by_rows() && added.kind != Kind::matmul) return false;
    // A run has one address for each value: it cannot define anew what it has read.
    const TensorId out = added.out.tensor;
    const bool defined_anew = program_.tensors[out].cls == TensorClass::value &&
                              std::ranges::any_of(run.order, [&](std::uint32_t p) {
                                  return at(p).out.tensor == out || reads(at(p), out);
                              });
    if (defined_anew) return false;
    const Agreement agree = [&](const View& a, const View& b) {
        return rows ? same_rows(a, b, head.items) : same_items(a, b);
    };
    return std::ranges::all_of(run.order,
                               [&](std::uint32_t p) { return compatible(at(p), added, agree); });
}

Run PartPlan::start_run(std::uint32_t position) const {
    const InstructionCode& code = codes_[position];
    const Kind kind = code.instruction().kind;
    Run run;
    run.order = {position};
    if (!code.fast() || kind == Kind::scatter_add) {
        run.form = Run::Form::whole;
    } else if (contributes(code)) {
        run.form = kind == Kind::matmul ? Run::Form::matmul : Run::Form::contribution;
    } else if (code.instruction().items > 1) {
        run.form = Run::Form::items;
    } else {
        run.form = kind == Kind::matmul ? Run::Form::matmul : Run::Form::rows;
    }
    return run;
}

/// Takes what fits from behind, also over instructions that may as well come later: the gradients
/// of biases stand between the maps of a layer norm's backward pass.
void PartPlan::extend(Run& run, std::vector<bool>& taken) const {
    if (run.form == Run::Form::contribution || run.form == Run::Form::whole) return;
    std::vector<std::uint32_t> skipped;
    for (std::uint32_t p = run.order.front() + 1; p < codes_.size() && skipped.size() < kSkippedMax;
         ++p) {
        if (taken[p]) continue;
        const bool free = std::ranges::all_of(
            skipped, [&](std::uint32_t s) { return independent(at(s), at(p)); });
        if (free && joins(run, codes_[p])) {
            run.order.push_back(p);
            taken[p] = true;
        } else {
            skipped.push_back(p);
        }
    }
}

void PartPlan::split_stages(Run& run) const {
    if (run.form != Run::Form::rows && run.form != Run::Form::items) return;
    const std::uint32_t items = at(run.order.front()).items;
    const Agreement agree = [&](const View& a, const View& b) { return same_rows(a, b, items); };
    for (std::uint32_t i = 0; i < run.order.size(); ++i) {
        const InstructionCode& code = codes_[run.order[i]];
        const auto fits = [&] {
            if (run.stages.empty() || !run.stages.back().by_rows || !code.by_rows()) return false;
            const Stage& stage = run.stages.back();
            if (at(run.order[stage.first]).out.rows != code.instruction().out.rows) return false;
            for (std::uint32_t e = stage.first; e < stage.last; ++e) {
                if (!compatible(at(run.order[e]), code.instruction(), agree)) return false;
            }
            return true;
        };
        if (fits()) {
            ++run.stages.back().last;
        } else {
            Stage stage;
            stage.first = i;
            stage.last = i + 1;
            stage.by_rows = code.by_rows();
            run.stages.push_back(std::move(stage));
        }
    }
    for (Stage& stage : run.stages) {
        if (!stage.by_rows) continue;
        std::uint32_t widest = 1;
        for (std::uint32_t i = stage.first; i < stage.last; ++i) {
            const Instruction& instruction = at(run.order[i]);
            widest = std::max(widest, instruction.out.cols);
            if (instruction.kind == Kind::reduce)
                widest = std::max(widest, instruction.in[0].seen_cols());
        }
        stage.block_rows = std::clamp<std::uint32_t>(kBlockElements / widest, 1,
                                                     at(run.order[stage.first]).out.rows);
    }
}

void PartPlan::cut() {
    std::vector<bool> taken(codes_.size(), false);
    for (std::uint32_t p = 0; p < codes_.size(); ++p) {
        if (taken[p]) continue;
        taken[p] = true;
        Run run = start_run(p);
        if (cut_ == Cut::fused) extend(run, taken);
        split_stages(run);
        runs_.push_back(std::move(run));
    }
}

// Lives follow the list, in which a definition stands before its readers; runs keep that order.
void PartPlan::find_lives(std::span<const std::uint32_t> list) {
    std::vector<std::size_t> run_of(list.size()), stage_of(list.size());
    for (std::size_t r = 0; r < runs_.size(); ++r) {
        for (std::uint32_t i = 0; i < runs_[r].order.size(); ++i) {
            run_of[runs_[r].order[i]] = r;
            for (std::size_t s = 0; s < runs_[r].stages.size(); ++s) {
                if (i >= runs_[r].stages[s].first && i < runs_[r].stages[s].last)
                    stage_of[runs_[r].order[i]] = s;
            }
        }
    }
    std::map<TensorId, std::size_t> current;
    for (std::uint32_t p = 0; p < list.size(); ++p) {
        const auto touch = [&](TensorId tensor) {
            const auto found = current.find(tensor);
            if (found == current.end()) return;
            Life& life = lives_[found->second];
            life.last_run = std::max(life.last_run, run_of[p]);
            if (run_of[p] == life.first_run)
                life.last_stage = std::max(life.last_stage, stage_of[p]);
        };
        for (const View& view : at(p).in) touch(view.tensor);
        const TensorId out = at(p).out.tensor;
        if (program_.tensors[out].cls != TensorClass::value) continue;
        current[out] = lives_.size();
        Life life;
        life.tensor = out;
        life.writer = p;
        life.first_run = life.last_run = run_of[p];
        life.first_stage = life.last_stage = stage_of[p];
        lives_.push_back(life);
    }
}

/// Whether what instructions [first, last) of a stage define is read by nobody but them and the one
/// that follows.
bool PartPlan::only_inside(std::size_t run, const Stage& stage, std::uint32_t first,
                           std::uint32_t last) const {
    const std::vector<std::uint32_t>& order = runs_[run].order;
    for (std::uint32_t i = first; i < last; ++i) {
        const auto life = std::ranges::find(lives_, order[i], &Life::writer);
        if (life == lives_.end() || life->first_run != life->last_run ||
            life->first_stage != life->last_stage)
            return false;
        for (std::uint32_t other = stage.first; other < stage.last; ++other) {
            if ((other < first || other > last) && reads(at(order[other]), life->tensor))
                return false;
        }
    }
    return true;
}

void PartPlan::fuse() {
    constexpr std::uint32_t kCount = FusedSoftmax::kInstructions;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
        for (Stage& stage : runs_[r].stages) {
            for (std::uint32_t i = stage.first; stage.by_rows && i + kCount <= stage.last; ++i) {
                std::array<const Instruction*, kCount> instructions{};
                for (std::uint32_t n = 0; n < kCount; ++n)
                    instructions[n] = &at(runs_[r].order[i + n]);
                const auto fused = FusedSoftmax::match(program_, instructions, *machine_.kernels);
                // Only the last one's result may go anywhere.
                if (!fused || !only_inside(r, stage, i, i + kCount - 1)) continue;
                stage.softmax = fused;
                stage.softmax_first = i;
                break;
            }
        }
    }
}

void PartPlan::place_locals() {
    std::vector<std::size_t> used(runs_.size(), 0);
    const auto place = [&](std::size_t run, LocalValue& local, std::uint32_t rows) {
        local.offset = used[run];
        used[run] += aligned(rows * row_bytes(program_.tensors[local.view.tensor]));
        local_bytes_ = std::max(local_bytes_, used[run]);
    };
    for (Life& life : lives_) {
        Run& run = runs_[life.first_run];
        const bool together = run.form == Run::Form::rows || run.form == Run::Form::items;
        if (life.first_run != life.last_run || !together) continue;
        life.local = true;
        LocalValue local{at(life.writer).out, 0, life.first_stage != life.last_stage, false};
        Stage& stage = run.stages[life.first_stage];
        place(life.first_run, local, local.whole_item ? local.view.rows : stage.block_rows);
        (local.whole_item ? run.locals : stage.locals).push_back(local);
    }
    if (machine_.sparse == nullptr) return;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
        for (Stage& stage : runs_[r].stages) {
            for (std::uint32_t i = stage.first; i < stage.last; ++i) {
                for (const View& view : at(runs_[r].order[i]).in) {
                    if (!machine_.sparse->contains(view.tensor)) continue;
                    LocalValue local{view, 0, false, true};
                    place(r, local, stage.block_rows);
                    stage.locals.push_back(local);
                }
            }
        }
    }
}

/// In the update part a map of a whole accumulator that nothing else reads may write where it
/// reads: accumulators start anew with the next step.
std::optional<TensorId> PartPlan::in_place_of(const Life& life) const {
    const Instruction& writer = at(life.writer);
    const program::Tensor& out = program_.tensors[life.tensor];
    if (writer.part != program::Part::update || writer.kind != Kind::map ||
        !codes_[life.writer].fast() || !is_whole(writer.out, out) ||
        out.dtype != program::DType::f32)
        return std::nullopt;
    for (const View& view : writer.in) {
        const program::Tensor& in = program_.tensors[view.tensor];
        if (in.cls != TensorClass::accumulator || in.rows != out.rows || in.cols != out.cols ||
            in.dtype != out.dtype || !is_whole(view, in) ||
            (machine_.sparse != nullptr && machine_.sparse->contains(view.tensor)))
            continue;
        const auto readers = std::ranges::count_if(codes_, [&](const InstructionCode& code) {
            return reads(code.instruction(), view.tensor);
        });
        if (readers == 1) return view.tensor;
    }
    return std::nullopt;
}

// First fit by definition order. A run counts as one instant: within it pieces of instructions
// interleave.
void PartPlan::plan_memory(std::uint32_t slots_max) {
    std::vector<const Life*> placed;
    for (Life& life : lives_) {
        if (!life.local) life.in_place = in_place_of(life);
        if (life.local || life.in_place) continue;
        const program::Tensor& tensor = program_.tensors[life.tensor];
        life.bytes = aligned(tensor.rows * row_bytes(tensor) * slots_max);
        std::vector<const Life*> overlapping;
        for (const Life* other : placed) {
            if (other->last_run >= life.first_run && other->first_run <= life.last_run)
                overlapping.push_back(other);
        }
        std::ranges::sort(overlapping, {}, &Life::offset);
        for (const Life* other : overlapping) {
            if (life.offset + life.bytes <= other->offset) break;
            life.offset = std::max(life.offset, other->offset + other->bytes);
        }
        arena_bytes_ = std::max(arena_bytes_, life.offset + life.bytes);
        placed.push_back(&life);
    }
    std::ranges::stable_sort(lives_, {}, &Life::first_run);
    std::size_t end = 0;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
        while (end < lives_.size() && lives_[end].first_run == r) ++end;
        lives_end_.push_back(end);
    }
}

/// Enters the addresses of the values that run number `run` defines, also for every thread.
void PartPlan::place_values(std::size_t run, Places& places, std::byte* arena) const {
    for (std::size_t i = run == 0 ? 0 : lives_end_[run - 1]; i < lives_end_[run]; ++i) {
        const Life& life = lives_[i];
        if (life.local) continue;
        const program::Tensor& tensor = program_.tensors[life.tensor];
        std::byte* base = life.in_place ? places.base[*life.in_place] : arena + life.offset;
        const std::size_t slot_stride = life.in_place ? 0 : tensor.rows * row_bytes(tensor);
        const auto enter = [&](Places& to) {
            to.base[life.tensor] = base;
            to.slot_stride[life.tensor] = slot_stride;
        };
        enter(places);
        for (ThreadScratch& scratch : *machine_.scratch) enter(scratch.places);
    }
}

}  // namespace assay::runtime
