#include "program/cells.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/hash.h"

namespace assay::program {

namespace {

constexpr std::uint32_t kTileSide = 32;

/// Units of one part: [first, first + count).
struct Units {
    Part part = Part::init;
    std::uint32_t first = 0, count = 1;
};

/// In the order of their numbers.
std::vector<Units> units_of(const Program& program, const CellScope& scope, std::uint32_t step) {
    switch (scope.stage) {
        case CellStage::init:
            return {{Part::init, 0, 1}};
        case CellStage::segment: {
            std::vector<Units> units = {{Part::sequence, 0, program.batch},
                                        {Part::update, program.batch, 1}};
            if (scope.closes_round && step + 1 == scope.steps)
                units.push_back({Part::payload, program.batch + 1, 1});
            return units;
        }
        case CellStage::merge:
            return {{Part::merge_lane, 0, scope.members}, {Part::merge, scope.members, 1}};
    }
    return {};
}

/// Words of eight bytes, little-endian.
std::uint64_t word_of(const base::Hash& hash, std::size_t number) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i)
        word |= std::uint64_t{hash.bytes[8 * number + i]} << (8 * i);
    return word;
}

std::uint32_t below(std::uint64_t word, std::uint64_t n) {
    ASSAY_CHECK(n > 0);
    return static_cast<std::uint32_t>(base::scale_u64(word, n));
}

std::uint64_t tiles_of(const Tensor& tensor) {
    const auto along = [](std::uint64_t elements) { return (elements + kTileSide - 1) / kTileSide; };
    return along(tensor.rows) * along(tensor.cols);
}

/// Whether what a tensor holds at the start of its part follows from a state.
bool holds_state(TensorClass cls) {
    switch (cls) {
        case TensorClass::state:
        case TensorClass::accumulator:
        case TensorClass::round_start:
        case TensorClass::payload:
            return true;
        case TensorClass::frozen:
        case TensorClass::constant:
        case TensorClass::table:
        case TensorClass::data:
        case TensorClass::value:
            return false;
    }
    return false;
}

}  // namespace

std::vector<std::uint32_t> cell_instructions(const Program& program, Part part) {
    std::vector<bool> depends(program.tensors.size());
    for (TensorId id = 0; id < program.tensors.size(); ++id)
        depends[id] = holds_state(program.tensors[id].cls);
    std::vector<std::uint32_t> drawable;
    const auto [first, last] = program.range(part);
    for (std::uint32_t i = first; i < last; ++i) {
        const Instruction& instruction = program.instructions[i];
        const bool follows = std::ranges::any_of(
            instruction.in, [&](const View& view) { return depends[view.tensor]; });
        const TensorId out = instruction.out.tensor;
        if (program.tensors[out].cls == TensorClass::value) depends[out] = follows;
        if (program.tensors[out].cls != TensorClass::accumulator && (follows || part == Part::init))
            drawable.push_back(i);
    }
    return drawable;
}

bool is_cell(const Program& program, const CellScope& scope, const CellPlace& place) {
    if (place.step >= (scope.stage == CellStage::segment ? scope.steps : 1)) return false;
    for (const Units& group : units_of(program, scope, place.step)) {
        if (place.unit < group.first || place.unit - group.first >= group.count) continue;
        const auto drawable = cell_instructions(program, group.part);
        if (!std::ranges::binary_search(drawable, place.instruction)) return false;
        const TensorId out = program.instructions[place.instruction].out.tensor;
        return place.tile < tiles_of(program.tensors[out]);
    }
    return false;
}

std::vector<CellPlace> choose_cells(const Program& program, const CellScope& scope,
                                    const base::VrfOutput& spot) {
    std::array<std::vector<std::uint32_t>, kParts> drawable;
    for (std::size_t i = 0; i < kParts; ++i)
        drawable[i] = cell_instructions(program, static_cast<Part>(i + 1));
    const auto of = [&](Part part) -> const std::vector<std::uint32_t>& {
        return drawable[static_cast<std::size_t>(part) - 1];
    };
    std::vector<CellPlace> places;
    for (std::uint32_t i = 0; i < kCells; ++i) {
        const base::Hash ticket = base::Hasher("assay.cell").add(spot).add_u32(i).finish();
        CellPlace place;
        place.step = below(word_of(ticket, 0), scope.stage == CellStage::segment ? scope.steps : 1);
        std::vector<Units> units = units_of(program, scope, place.step);
        std::erase_if(units, [&](const Units& group) { return of(group.part).empty(); });
        std::uint64_t count = 0;
        for (const Units& group : units) count += group.count;
        std::uint32_t rest = below(word_of(ticket, 1), count);
        const Units* group = units.data();
        for (; rest >= group->count; ++group) rest -= group->count;
        place.unit = group->first + rest;
        const std::vector<std::uint32_t>& from = of(group->part);
        place.instruction = from[below(word_of(ticket, 2), from.size())];
        const TensorId out = program.instructions[place.instruction].out.tensor;
        place.tile = below(word_of(ticket, 3), tiles_of(program.tensors[out]));
        places.push_back(place);
    }
    return places;
}

}  // namespace assay::program
