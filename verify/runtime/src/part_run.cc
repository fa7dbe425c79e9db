#include <algorithm>
#include <cstring>

#include "part_plan.h"

// How a plan's runs execute: which pieces go to which thread. Pieces write disjoint elements, and
// no element's value depends on the cut.
namespace assay::runtime {

using program::Instruction;
using program::Kind;

void PartPlan::run(Places& places, std::byte* arena, const Moment& moment) const {
    for (ThreadScratch& scratch : *machine_.scratch) scratch.places = places;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
        prepare(r, places, arena, moment);
        execute(runs_[r], places, moment);
    }
}

void PartPlan::run(Places& places, std::byte* arena, const Moment& moment,
                   const PlanWatch& watch) const {
    ASSAY_CHECK(cut_ == Cut::separate);
    for (ThreadScratch& scratch : *machine_.scratch) scratch.places = places;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
        prepare(r, places, arena, moment);
        const std::uint32_t position = runs_[r].order.front();
        watch.before(position);
        for (ThreadScratch& scratch : *machine_.scratch) scratch.places = places;
        execute(runs_[r], places, moment);
        if (!watch.after(position)) return;
    }
}

/// Memory for what run number `run` defines.
void PartPlan::prepare(std::size_t run, Places& places, std::byte* arena,
                       const Moment& moment) const {
    place_values(run, places, arena);
    for (std::size_t i = run == 0 ? 0 : lives_end_[run - 1]; i < lives_end_[run]; ++i) {
        for (std::size_t slot = 0; !lives_[i].local && slot < moment.slots; ++slot)
            codes_[lives_[i].writer].clear_padding(places, slot);
    }
}

void PartPlan::execute(const Run& run, const Places& places, const Moment& moment) const {
    switch (run.form) {
        case Run::Form::rows:
            return run_rows(run, moment);
        case Run::Form::items:
            return run_items(run, moment);
        case Run::Form::matmul:
            return run_matmul(run, places, moment);
        case Run::Form::contribution:
            return run_contribution(run, moment);
        case Run::Form::whole:
            return run_whole(run, places, moment);
    }
}

/// Enters a local value's address into the thread's places: such that its rows from `first` of the
/// item on (or all of the item's) lie at the start of its memory.
void PartPlan::bind(const LocalValue& local, std::uint32_t item, std::uint32_t first,
                    std::uint32_t last, ThreadScratch& scratch) const {
    const program::Tensor& tensor = program_.tensors[local.view.tensor];
    const std::size_t row = std::size_t{local.view.row} +
                            std::size_t{item} * local.view.item_row_stride +
                            (local.whole_item ? 0 : first);
    std::byte* memory = scratch.local.data() + local.offset;
    if (local.sparse) {
        machine_.sparse->at(local.view.tensor)
            .spread(static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(row) + last - first,
                    reinterpret_cast<float*>(memory));
    }
    // Addresses before the memory are never used: rows before `row` belong to other pieces.
    const std::size_t before = row * tensor.cols * program::size_of(tensor.dtype);
    scratch.places.base[local.view.tensor] =
        reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(memory) - before);
    scratch.places.slot_stride[local.view.tensor] = 0;
}

void PartPlan::run_blocks(const Run& run, const Stage& stage, const Moment& moment,
                          std::uint32_t item, std::size_t slot, std::uint32_t first,
                          std::uint32_t last, ThreadScratch& scratch) const {
    for (std::uint32_t row = first; row < last; row += stage.block_rows) {
        const std::uint32_t end = std::min(last, row + stage.block_rows);
        for (const LocalValue& local : stage.locals) bind(local, item, row, end, scratch);
        for (std::uint32_t i = stage.first; i < stage.last; ++i) {
            if (stage.softmax && i == stage.softmax_first) {
                stage.softmax->run(program_, scratch.places, moment, item, slot, row, end);
                i += FusedSoftmax::kInstructions - 1;
                continue;
            }
            codes_[run.order[i]].run_rows(moment, item, slot, row, end, scratch);
        }
    }
}

void PartPlan::run_rows(const Run& run, const Moment& moment) const {
    const Stage& stage = run.stages.front();
    const std::uint32_t rows = at(run.order.front()).out.rows;
    // With few blocks, smaller ones for every thread.
    const auto share = static_cast<std::uint32_t>(
        (std::uint64_t{rows} * moment.slots + machine_.pool->threads() - 1) /
        machine_.pool->threads());
    const std::uint32_t block =
        std::clamp<std::uint32_t>(std::min(stage.block_rows, share), 1, rows);
    const std::uint32_t blocks = (rows + block - 1) / block;
    auto task = [&](std::size_t number, unsigned thread) {
        const auto first = static_cast<std::uint32_t>(number % blocks) * block;
        run_blocks(run, stage, moment, 0, number / blocks, first, std::min(rows, first + block),
                   (*machine_.scratch)[thread]);
    };
    machine_.pool->run(std::size_t{blocks} * moment.slots, task);
}

void PartPlan::run_items(const Run& run, const Moment& moment) const {
    const std::uint32_t items = at(run.order.front()).items;
    auto task = [&](std::size_t number, unsigned thread) {
        const auto item = static_cast<std::uint32_t>(number % items);
        const std::size_t slot = number / items;
        ThreadScratch& scratch = (*machine_.scratch)[thread];
        for (const LocalValue& local : run.locals) bind(local, item, 0, 0, scratch);
        for (const Stage& stage : run.stages) {
            const InstructionCode& code = codes_[run.order[stage.first]];
            if (stage.by_rows) {
                run_blocks(run, stage, moment, item, slot, 0, code.instruction().out.rows, scratch);
            } else {
                exact::matmul(*machine_.kernels,
                              code.problem(scratch.places, moment, item, slot, false),
                              (*machine_.workspaces)[thread]);
            }
        }
    };
    machine_.pool->run(std::size_t{items} * moment.slots, task);
}

void PartPlan::run_matmul(const Run& run, const Places& places, const Moment& moment) const {
    std::vector<exact::Matmul> problems;
    for (const std::uint32_t position : run.order) {
        const InstructionCode& code = codes_[position];
        if (contributes(code)) {
            for (std::uint32_t item = 0; item < code.instruction().items; ++item)
                problems.push_back(code.problem(places, moment, item, 0, true));
        } else if (code.stackable(places)) {
            problems.push_back(code.problem(places, moment, 0, 0, false));
            problems.back().rows *= moment.slots;
        } else {
            for (std::size_t slot = 0; slot < moment.slots; ++slot)
                problems.push_back(code.problem(places, moment, 0, slot, false));
        }
    }
    exact::matmul(*machine_.kernels, problems, *machine_.pool, *machine_.workspaces);
}

void PartPlan::run_contribution(const Run& run, const Moment& moment) const {
    const InstructionCode& code = codes_[run.order.front()];
    const std::uint32_t rows = code.instruction().out.rows;
    const std::uint32_t block =
        std::clamp<std::uint32_t>(rows / (4 * machine_.pool->threads()), 1, rows);
    const std::uint32_t blocks = (rows + block - 1) / block;
    auto task = [&](std::size_t number, unsigned thread) {
        const auto first = static_cast<std::uint32_t>(number) * block;
        for (std::size_t slot = 0; slot < moment.slots; ++slot) {
            for (std::uint32_t item = 0; item < code.instruction().items; ++item) {
                code.run_rows(moment, item, slot, first, std::min(rows, first + block),
                              (*machine_.scratch)[thread]);
            }
        }
    };
    machine_.pool->run(blocks, task);
}

void PartPlan::run_whole(const Run& run, const Places& places, const Moment& moment) const {
    const InstructionCode& code = codes_[run.order.front()];
    const Instruction& instruction = code.instruction();
    const bool scatters = code.fast() && instruction.kind == Kind::scatter_add;
    for (std::size_t slot = 0; slot < moment.slots; ++slot) {
        if (scatters) {
            scatter(instruction, places, moment, slot);
        } else {
            code.run_reference(places, moment, slot);
        }
    }
}

void PartPlan::scatter(const Instruction& instruction, const Places& places, const Moment& moment,
                       std::size_t slot) const {
    const program::TensorId sum = instruction.out.tensor;
    TouchedRows* touched = machine_.sparse != nullptr && machine_.sparse->contains(sum)
                               ? &machine_.sparse->at(sum)
                               : nullptr;
    const Rectangle x = rectangle(program_, instruction.in[0], 0, slot, places, moment);
    const Rectangle index = rectangle(program_, instruction.in[1], 0, slot, places, moment);
    const exact::ChunkFunction add =
        machine_.kernels->chunk[static_cast<std::size_t>(exact::ChunkOp::add)];
    for (std::uint32_t t = 0; t < x.rows; ++t) {
        std::int32_t row = 0;
        read_words(index, t, 0, 1, reinterpret_cast<float*>(&row));
        if (row < 0 || static_cast<std::uint32_t>(row) >= instruction.out.rows) continue;
        const auto r = static_cast<std::uint32_t>(row);
        float* to = nullptr;
        if (touched != nullptr) {
            to = touched->row(r);
        } else {
            const Rectangle dense = rectangle(program_, instruction.out, 0, slot, places, moment);
            to = dense.f32() + std::size_t{r} * dense.stride;
        }
        add(to, x.row(t), nullptr, to, x.cols);
    }
}

}  // namespace assay::runtime
