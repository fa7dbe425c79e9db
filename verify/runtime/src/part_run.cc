#include <algorithm>

#include "part_plan.h"

// How a plan's runs execute: which pieces go to which thread. Pieces write disjoint elements, and
// no element's value depends on the cut.
namespace assay::runtime {

using program::Instruction;
using program::Kind;

namespace {

constexpr std::uint32_t kBlockElements =
    4096;  ///< of the widest tensor of a block of rows: several such tensors fit the second cache

}  // namespace

void PartPlan::run(const Places& places, const Moment& moment) const {
    for (const Run& run : runs_) {
        for (std::uint32_t i = run.first; i < run.last; ++i) {
            if (program_.tensors[codes_[i].instruction().out.tensor].cls !=
                program::TensorClass::value)
                continue;
            for (std::size_t slot = 0; slot < moment.slots; ++slot)
                codes_[i].clear_padding(places, slot);
        }
        switch (run.form) {
            case Run::Form::rows:
                run_rows(run, places, moment);
                break;
            case Run::Form::items:
                run_items(run, places, moment);
                break;
            case Run::Form::matmul:
                run_matmul(run, places, moment);
                break;
            case Run::Form::contribution:
                run_contribution(run, places, moment);
                break;
            case Run::Form::whole:
                run_whole(run, places, moment);
                break;
        }
    }
}

void PartPlan::run_rows(const Run& run, const Places& places, const Moment& moment) const {
    const Instruction& head = codes_[run.first].instruction();
    std::uint32_t widest = 1;
    for (std::uint32_t i = run.first; i < run.last; ++i) {
        const Instruction& instruction = codes_[i].instruction();
        widest = std::max(widest, instruction.out.cols);
        if (instruction.kind == Kind::reduce)
            widest = std::max(widest, instruction.in[0].seen_cols());
    }
    const std::uint32_t rows = head.out.rows;
    std::uint32_t block = std::clamp<std::uint32_t>(kBlockElements / widest, 1, rows);
    // With few blocks, smaller ones for every thread.
    const std::uint32_t share = static_cast<std::uint32_t>(
        (std::uint64_t{rows} * moment.slots + machine_.pool->threads() - 1) /
        machine_.pool->threads());
    block = std::clamp<std::uint32_t>(std::min(block, share), 1, rows);
    const std::uint32_t blocks = (rows + block - 1) / block;
    auto task = [&](std::size_t number, unsigned thread) {
        const auto b = static_cast<std::uint32_t>(number % blocks);
        const std::size_t slot = number / blocks;
        for (std::uint32_t i = run.first; i < run.last; ++i) {
            codes_[i].run_rows(places, moment, 0, slot, b * block, std::min(rows, (b + 1) * block),
                               (*machine_.scratch)[thread]);
        }
    };
    machine_.pool->run(std::size_t{blocks} * moment.slots, task);
}

void PartPlan::run_items(const Run& run, const Places& places, const Moment& moment) const {
    const std::uint32_t items = codes_[run.first].instruction().items;
    auto task = [&](std::size_t number, unsigned thread) {
        const auto item = static_cast<std::uint32_t>(number % items);
        const std::size_t slot = number / items;
        ThreadScratch& scratch = (*machine_.scratch)[thread];
        for (std::uint32_t i = run.first; i < run.last; ++i) {
            const InstructionCode& code = codes_[i];
            if (code.instruction().kind == Kind::matmul) {
                exact::matmul(*machine_.kernels, code.problem(places, moment, item, slot, false),
                              (*machine_.workspaces)[thread]);
            } else {
                code.run_rows(places, moment, item, slot, 0, code.instruction().out.rows, scratch);
            }
        }
    };
    machine_.pool->run(std::size_t{items} * moment.slots, task);
}

void PartPlan::run_matmul(const Run& run, const Places& places, const Moment& moment) const {
    const InstructionCode& code = codes_[run.first];
    const auto on_all_threads = [&](const exact::Matmul& problem) {
        exact::matmul(*machine_.kernels, problem, *machine_.pool, *machine_.workspaces);
    };
    if (contributes(code)) {
        for (std::uint32_t item = 0; item < code.instruction().items; ++item)
            on_all_threads(code.problem(places, moment, item, 0, true));
        return;
    }
    if (code.stackable(places)) {
        exact::Matmul problem = code.problem(places, moment, 0, 0, false);
        problem.rows *= moment.slots;
        return on_all_threads(problem);
    }
    for (std::size_t slot = 0; slot < moment.slots; ++slot)
        on_all_threads(code.problem(places, moment, 0, slot, false));
}

void PartPlan::run_contribution(const Run& run, const Places& places, const Moment& moment) const {
    const InstructionCode& code = codes_[run.first];
    const std::uint32_t rows = code.instruction().out.rows;
    const std::uint32_t block = std::clamp<std::uint32_t>(
        kBlockElements / std::max(1U, code.instruction().out.cols), 1, rows);
    const std::uint32_t blocks = (rows + block - 1) / block;
    auto task = [&](std::size_t number, unsigned thread) {
        const auto first = static_cast<std::uint32_t>(number) * block;
        for (std::size_t slot = 0; slot < moment.slots; ++slot) {
            for (std::uint32_t item = 0; item < code.instruction().items; ++item) {
                code.run_rows(places, moment, item, slot, first, std::min(rows, first + block),
                              (*machine_.scratch)[thread]);
            }
        }
    };
    machine_.pool->run(blocks, task);
}

void PartPlan::run_whole(const Run& run, const Places& places, const Moment& moment) const {
    const InstructionCode& code = codes_[run.first];
    const Instruction& instruction = code.instruction();
    const bool scatter =
        machine_.kernels != nullptr && code.fast() && instruction.kind == Kind::scatter_add;
    for (std::size_t slot = 0; slot < moment.slots; ++slot) {
        if (!scatter) {
            code.run_reference(places, moment, slot);
            continue;
        }
        const Rectangle to = rectangle(program_, instruction.out, 0, slot, places, moment);
        const Rectangle x = rectangle(program_, instruction.in[0], 0, slot, places, moment);
        const Rectangle index = rectangle(program_, instruction.in[1], 0, slot, places, moment);
        const exact::ChunkFunction add =
            machine_.kernels->chunk[static_cast<std::size_t>(exact::ChunkOp::add)];
        for (std::uint32_t t = 0; t < x.rows; ++t) {
            std::int32_t row = 0;
            read_words(index, t, 0, 1, reinterpret_cast<float*>(&row));
            if (row < 0 || static_cast<std::uint32_t>(row) >= to.rows) continue;
            float* sum = to.f32() + static_cast<std::size_t>(row) * to.stride;
            add(sum, x.row(t), nullptr, sum, x.cols);
        }
    }
}

}  // namespace assay::runtime
