#include <string>
#include <utility>
#include <vector>

#include "schedule.h"
#include "training.h"

namespace assay::program {
namespace {

TensorId zero_state(Emitter& e, const std::string& name, std::uint32_t rows, std::uint32_t cols,
                    DType dtype = DType::f32) {
    const TensorId id = e.tensor(name, TensorClass::state, dtype, rows, cols);
    e.map(e.all(id), dtype == DType::i32 ? Term::integer(0) : Term(0.0F));
    return id;
}

/// Sum of squares of all gradients: two row reductions per tensor, tensors in program order.
TensorId emit_square_norm(Emitter& e, const Parameters& parameters) {
    TensorId total = kNoTensor;
    for (const Parameter& parameter : parameters.list()) {
        const std::string name = e.record(parameter.weight).name;
        const TensorId rows = e.dot("norm_rows." + name, parameter.gradient, parameter.gradient);
        const TensorId square = e.value("norm_square." + name, 1, 1);
        View seen = e.all(rows);
        seen.transposed = true;
        e.reduce(ReduceOp::sum, e.all(square), {seen});
        total = total == kNoTensor
                    ? square
                    : e.map("norm_total." + name, 1, 1, e.term(total) + e.term(square));
    }
    return total;
}

/// The scalars of a step; returns the clip factor, or kNoTensor when the job does not clip.
TensorId emit_scalars(Emitter& e, const Training& training, TensorId total, float loss_scale) {
    const Program& program = e.program();
    const TensorId loss = e.map("step_loss", 1, 1, e.term(program.loss_accumulator) * loss_scale);
    const TensorId norm = e.map("step_norm", 1, 1, sqrt(e.term(total)));
    const Term old_fault = e.term(program.fault);
    const Term step =
        to_i32(Term(table_column(training.schedule, step_number_column(training.rule))));
    const Term loss_finite = equal(e.term(loss) - e.term(loss), 0.0F);
    const Term norm_finite = equal(e.term(norm) - e.term(norm), 0.0F);
    e.map(e.all(program.fault),
          select(old_fault, old_fault,
                 select(loss_finite, select(norm_finite, Term::integer(0), step), step)));
    TensorId clip = kNoTensor;
    if (training.spec.optimizer.clip_norm_ppb > 0) {
        const auto bound = static_cast<float>(from_ppb(training.spec.optimizer.clip_norm_ppb));
        clip = e.map("clip", 1, 1, select(less(bound, e.term(norm)), bound / e.term(norm), 1.0F));
    }
    const Term sound = equal(e.term(program.fault), Term::integer(0));
    e.map(e.all(program.loss), select(sound, e.term(loss), e.term(program.loss)));
    e.map(e.all(program.norm), select(sound, e.term(norm), e.term(program.norm)));
    return clip;
}

}  // namespace

Training emit_training_state(Emitter& e, const Parameters& parameters, const market::JobSpec& spec,
                             const OptimizerRule& rule) {
    Training training{spec, rule, kNoTensor, kNoTensor, {}, {}};
    e.part(Part::init);
    for (const Parameter& parameter : parameters.list()) {
        const Tensor weight = e.record(parameter.weight);
        std::vector<TensorId>& moments = training.moments.emplace_back();
        for (const Moment& moment : rule.moments())
            moments.push_back(
                zero_state(e, moment.name + "." + weight.name, weight.rows, weight.cols));
        if (spec.has_merge())
            training.outer.push_back(
                zero_state(e, "outer." + weight.name, weight.rows, weight.cols));
    }
    e.program().loss = zero_state(e, "loss", 1, 1);
    e.program().norm = zero_state(e, "norm", 1, 1);
    e.program().fault = zero_state(e, "fault", 1, 1, DType::i32);

    Schedule schedule = schedule_table(spec, rule);
    if (spec.has_merge()) {
        training.grid = e.tensor("grid", TensorClass::table, DType::f32, spec.rounds, kGridColumns);
        e.add_table(training.grid, grid_table(schedule, spec.rounds, spec.round_steps));
    }
    training.schedule =
        e.tensor("schedule", TensorClass::table, DType::f32,
                 static_cast<std::uint32_t>(spec.steps_per_lane()), schedule.columns);
    e.add_table(training.schedule, std::move(schedule.values));
    return training;
}

void emit_update(Emitter& e, const Parameters& parameters, const Training& training) {
    e.part(Part::update);
    e.begin_group("norm_clip");
    const TensorId total = emit_square_norm(e, parameters);
    const double tokens =
        static_cast<double>(std::uint64_t{e.program().batch} * e.program().sequence_rows);
    const TensorId clip = emit_scalars(e, training, total, static_cast<float>(1.0 / tokens));
    e.end_group();

    const Term sound = equal(e.term(e.program().fault), Term::integer(0));
    for (std::size_t i = 0; i < parameters.list().size(); ++i) {
        const Parameter& parameter = parameters.list()[i];
        const Term gradient = e.term(parameter.gradient);
        training.rule.emit_step(
            e, {parameter, training.moments[i],
                clip == kNoTensor ? gradient : gradient * e.term(clip), sound, training.schedule});
    }
}

}  // namespace assay::program
