#include "recompute.h"

#include <map>
#include <optional>
#include <set>

namespace assay::runtime {

using program::Instruction;
using program::Kind;
using program::TensorClass;
using program::TensorId;

namespace {

/// Loads are small and read from both ends of the program: they stay.
bool is_recomputable(const program::Program& program, std::uint32_t i) {
    const Instruction& instruction = program.instructions[i];
    return instruction.kind != Kind::load &&
           program.tensors[instruction.out.tensor].cls == TensorClass::value;
}

/// The stretch that defines each value which does not stay, and the instructions of each stretch.
struct Stretches {
    std::map<TensorId, std::size_t> of;
    std::vector<std::vector<std::uint32_t>> instructions;
};

Stretches find_stretches(const program::Program& program, std::uint32_t first, std::uint32_t end) {
    std::map<TensorId, std::uint32_t> last_use;
    for (std::uint32_t i = first; i < end; ++i) {
        for (const program::View& view : program.instructions[i].in) last_use[view.tensor] = i;
    }
    Stretches result;
    std::vector<std::uint32_t> open;
    std::set<TensorId> live;
    for (std::uint32_t i = first; i < end; ++i) {
        const TensorId out = program.instructions[i].out.tensor;
        std::erase_if(live, [&](TensorId id) { return last_use[id] <= i; });
        if (!is_recomputable(program, i)) continue;
        open.push_back(i);
        if (last_use.contains(out)) live.insert(out);
        if (live.size() != 1 || !live.contains(out)) continue;
        // `out` carries on alone: it stays, what led to it is a stretch.
        for (const std::uint32_t of : open) {
            const TensorId id = program.instructions[of].out.tensor;
            if (id != out) result.of[id] = result.instructions.size();
        }
        open.pop_back();
        result.instructions.push_back(std::move(open));
        open.clear();
    }
    return result;  // What is still open ends where the backward pass begins, and stays.
}

}  // namespace

std::vector<std::uint32_t> recomputing_order(const program::Program& program) {
    const auto [first, last] = program.range(program::Part::sequence);
    const Stretches stretches = find_stretches(program, first, program.forward_end);
    std::vector<bool> done(stretches.instructions.size(), false);
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = first; i < last; ++i) {
        if (i >= program.forward_end) {
            for (const program::View& view : program.instructions[i].in) {
                const auto found = stretches.of.find(view.tensor);
                if (found == stretches.of.end() || done[found->second]) continue;
                done[found->second] = true;
                const auto& again = stretches.instructions[found->second];
                order.insert(order.end(), again.begin(), again.end());
            }
        }
        order.push_back(i);
    }
    return order;
}

}  // namespace assay::runtime
