#include "program/cells.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"

namespace assay::program {

namespace {

constexpr std::uint32_t kTileSide = 32;

/// How many units of a step cells may lie in.
std::uint32_t units_of(const Program& program, const CellScope& scope, std::uint32_t step) {
    if (scope.stage != CellStage::segment) return 1;
    return program.batch + (scope.closes_round && step + 1 == scope.steps ? 2 : 1);
}

std::uint32_t steps_of(const CellScope& scope) {
    return scope.stage == CellStage::segment ? scope.steps : 1;
}

Part part_of(const Program& program, const CellScope& scope, std::uint32_t unit) {
    switch (scope.stage) {
        case CellStage::init:
            return Part::init;
        case CellStage::segment:
            if (unit < program.batch) return Part::sequence;
            return unit == program.batch ? Part::update : Part::payload;
        case CellStage::merge:
            return Part::merge;
    }
    return Part::init;
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
    const auto along = [](std::uint64_t size) { return (size + kTileSide - 1) / kTileSide; };
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
    const bool init = part == Part::init;  // begins with nothing: its draws are what is not known
    std::vector<bool> depends(program.tensors.size());
    for (TensorId id = 0; id < program.tensors.size(); ++id)
        depends[id] = !init && holds_state(program.tensors[id].cls);
    std::vector<std::uint32_t> drawable;
    const auto [first, last] = program.range(part);
    for (std::uint32_t i = first; i < last; ++i) {
        const Instruction& instruction = program.instructions[i];
        const bool follows = (init && instruction.kind == Kind::random) ||
                             std::ranges::any_of(instruction.in, [&](const View& view) {
                                 return depends[view.tensor];
                             });
        const TensorId out = instruction.out.tensor;
        if (init || program.tensors[out].cls == TensorClass::value) depends[out] = follows;
        if (follows && program.tensors[out].cls != TensorClass::accumulator) drawable.push_back(i);
    }
    return drawable;
}

bool is_cell(const Program& program, const CellScope& scope, const CellPlace& place) {
    if (place.step >= steps_of(scope) || place.unit >= units_of(program, scope, place.step))
        return false;
    const auto drawable = cell_instructions(program, part_of(program, scope, place.unit));
    if (!std::ranges::binary_search(drawable, place.instruction)) return false;
    const TensorId out = program.instructions[place.instruction].out.tensor;
    return place.tile < tiles_of(program.tensors[out]);
}

std::vector<CellPlace> choose_cells(const Program& program, const CellScope& scope,
                                    const base::VrfOutput& spot) {
    std::vector<CellPlace> places;
    for (std::uint32_t i = 0; i < kCells; ++i) {
        const base::Hash ticket = base::Hasher("assay.cell").add(spot).add_u32(i).finish();
        CellPlace place;
        place.step = below(word_of(ticket, 0), steps_of(scope));
        place.unit = below(word_of(ticket, 1), units_of(program, scope, place.step));
        const auto drawable = cell_instructions(program, part_of(program, scope, place.unit));
        place.instruction = drawable[below(word_of(ticket, 2), drawable.size())];
        const TensorId out = program.instructions[place.instruction].out.tensor;
        place.tile = below(word_of(ticket, 3), tiles_of(program.tensors[out]));
        places.push_back(place);
    }
    return places;
}

}  // namespace assay::program
