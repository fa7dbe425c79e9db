#include "dispute/stage.h"

#include "base/check.h"

namespace assay::dispute {

using program::Part;

bool is_loop(Part part) { return part == Part::sequence || part == Part::merge_lane; }

std::optional<Part> loop_of(Stage stage) {
    switch (stage) {
        case Stage::step:
            return Part::sequence;
        case Stage::merge:
            return Part::merge_lane;
        case Stage::init:
        case Stage::payload:
            return std::nullopt;
    }
    return std::nullopt;
}

std::vector<Unit> units_of(Stage stage, std::uint32_t runs, bool prologue) {
    std::vector<Unit> units;
    if (stage == Stage::step && prologue) units.push_back({Part::prologue, 0});
    if (const auto loop = loop_of(stage)) {
        for (std::uint32_t i = 0; i < runs; ++i) units.push_back({*loop, i});
    }
    switch (stage) {
        case Stage::init:
            units.push_back({Part::init, 0});
            break;
        case Stage::step:
            units.push_back({Part::update, 0});
            break;
        case Stage::payload:
            units.push_back({Part::payload, 0});
            break;
        case Stage::merge:
            units.push_back({Part::merge, 0});
            break;
    }
    return units;
}

std::vector<Unit> units_of(const program::Program& program, Stage stage, std::uint32_t members) {
    const auto [first, last] = program.range(Part::prologue);
    return units_of(stage, stage == Stage::merge ? members : program.batch, first != last);
}

exact::ReferenceContext context_of(Stage stage, const Unit& unit, std::uint32_t round,
                                   std::uint32_t lane, std::uint32_t step,
                                   std::uint32_t round_steps, std::uint32_t members) {
    exact::ReferenceContext context;
    switch (stage) {
        case Stage::init:
            context.lane = exact::kInitLane;
            break;
        case Stage::step:
            context.lane = lane;
            context.global_step = round * round_steps + step;
            context.table_row = context.global_step;
            if (unit.part == Part::sequence) context.sequence = unit.index;
            break;
        case Stage::payload:
            context.table_row = round;
            break;
        case Stage::merge:
            context.table_row = round;
            context.members = members;
            break;
    }
    return context;
}

}  // namespace assay::dispute
