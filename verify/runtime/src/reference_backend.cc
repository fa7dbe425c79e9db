#include "reference_backend.h"

#include <cstring>
#include <utility>

#include "base/check.h"
#include "exact/environment.h"
#include "places.h"
#include "runtime/reference_context.h"

namespace assay::runtime {

using program::Instruction;
using program::Part;
using program::Program;
using program::TensorClass;
using program::TensorId;

ReferenceBackend::ReferenceBackend(const Program& program)
    : program_(program), owned_(program.tensors.size()) {
    for (const program::Tensor& tensor : program.tensors)
        tensors_.push_back({nullptr, tensor.rows, tensor.cols, tensor.dtype});
    const Places fixed = fixed_places(program);
    for (TensorId id = 0; id < program.tensors.size(); ++id) tensors_[id].data = fixed.base[id];
}

void ReferenceBackend::own(TensorId tensor) {
    owned_[tensor] = commit::Buffer(bytes_of(program_.tensors[tensor]));
    tensors_[tensor].data = owned_[tensor].data();
}

void ReferenceBackend::release(TensorId tensor) {
    owned_[tensor] = commit::Buffer();
    tensors_[tensor].data = nullptr;
}

void ReferenceBackend::bind(TensorId tensor, const std::byte* data) {
    ASSAY_CHECK(program_.tensors[tensor].cls != TensorClass::value);
    owned_[tensor] = commit::Buffer();
    tensors_[tensor].data = writable(data);
}

void ReferenceBackend::clear_accumulators(Part loop) {
    const auto [first, last] = program_.range(loop);
    for (std::uint32_t i = first; i < last; ++i) {
        const TensorId id = program_.instructions[i].out.tensor;
        const bool bound = tensors_[id].data != nullptr && owned_[id].size() == 0;
        if (program_.tensors[id].cls == TensorClass::accumulator && !bound) own(id);
    }
}

void ReferenceBackend::run(Part part, const Moment& moment) { run(part, moment, Watch{}); }

void ReferenceBackend::run(Part part, const Moment& moment, const Watch& watch) {
    const auto [first, last] = program_.range(part);
    run(program_, first, last, moment, watch);
}

void ReferenceBackend::run_window(const Moment& moment) {
    if (!evaluation_) evaluation_ = std::make_unique<Evaluation>(program_);
    run(evaluation_->program(), program_.range(Part::sequence).first, program_.forward_end, moment,
        {});
}

void ReferenceBackend::run(const Program& program, std::uint32_t first, std::uint32_t last,
                           const Moment& moment, const Watch& watch) {
    ASSAY_CHECK(moment.slots == 1);
    const exact::FloatEnvironment environment;
    exact::ReferenceContext context = reference_context(moment);
    context.tensors = tensors_;
    std::vector<std::uint32_t> last_touch(program.tensors.size(), 0);
    for (std::uint32_t i = first; i < last; ++i) {
        for (const program::View& view : program.instructions[i].in) last_touch[view.tensor] = i;
        last_touch[program.instructions[i].out.tensor] = i;
    }
    const auto is_value = [&](TensorId id) {
        return program.tensors[id].cls == TensorClass::value;
    };
    bool goes_on = true;
    for (std::uint32_t i = first; goes_on && i < last; ++i) {
        const Instruction& instruction = program.instructions[i];
        const TensorId out = instruction.out.tensor;
        if (is_value(out) && owned_[out].size() == 0) own(out);
        if (watch.before) watch.before(i);
        exact::run_reference(program, instruction, context);
        if (watch.after) goes_on = watch.after(i);
        const auto end = [&](TensorId id) {
            if (is_value(id) && last_touch[id] == i) release(id);
        };
        for (const program::View& view : instruction.in) end(view.tensor);
        end(out);
    }
    if (goes_on) return;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (is_value(id)) release(id);
    }
}

const std::byte* ReferenceBackend::data(TensorId tensor) const {
    ASSAY_CHECK(tensors_[tensor].data != nullptr);
    return tensors_[tensor].data;
}

/// An upper bound: with the state, and every value for its whole life.
std::size_t ReferenceBackend::planned_bytes() { return program::cost_of(program_).peak_bytes(1); }

}  // namespace assay::runtime
