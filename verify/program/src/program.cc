#include "program/program.h"

#include <algorithm>

namespace assay::program {

std::size_t size_of(DType type) {
    switch (type) {
        case DType::f32:
        case DType::i32:
            return 4;
        case DType::i8:
            return 1;
        case DType::u16:
        case DType::f16:
        case DType::bf16:
            return 2;
    }
    return 0;
}

std::pair<std::uint32_t, std::uint32_t> Program::range(Part part) const {
    const auto before = [](const Instruction& instruction, Part p) { return instruction.part < p; };
    const auto after = [](Part p, const Instruction& instruction) { return p < instruction.part; };
    const auto first = std::lower_bound(instructions.begin(), instructions.end(), part, before);
    const auto last = std::upper_bound(first, instructions.end(), part, after);
    return {static_cast<std::uint32_t>(first - instructions.begin()),
            static_cast<std::uint32_t>(last - instructions.begin())};
}

std::vector<TensorId> Program::tensors_of(TensorClass cls) const {
    std::vector<TensorId> ids;
    for (TensorId id = 0; id < tensors.size(); ++id) {
        if (tensors[id].cls == cls) ids.push_back(id);
    }
    return ids;
}

std::vector<TensorId> Program::state_tensors() const { return tensors_of(TensorClass::state); }

std::vector<TensorId> Program::weight_tensors() const {
    std::vector<TensorId> ids;
    for (TensorId id = 0; id < tensors.size(); ++id) {
        if (tensors[id].cls == TensorClass::state && tensors[id].weight) ids.push_back(id);
    }
    return ids;
}

std::optional<TensorId> Program::find(const std::string& name) const {
    for (TensorId id = 0; id < tensors.size(); ++id) {
        if (tensors[id].name == name) return id;
    }
    return std::nullopt;
}

}  // namespace assay::program
