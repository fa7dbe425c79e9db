#include <string>
#include <vector>

#include "schedule.h"
#include "training.h"

namespace assay::program {
namespace {

using LaneSums = PayloadTensors;  ///< accumulators over members, in the same places

TensorId payload_tensor(Emitter& e, TensorId of, DType dtype) {
    const Tensor state = e.record(of);
    const TensorId id =
        e.tensor("payload." + state.name, TensorClass::payload, dtype, state.rows, state.cols);
    e.record(id).start_of = of;
    return id;
}

PayloadTensors emit_payload(Emitter& e, const Training& training, TensorId weight,
                            std::size_t index) {
    const Tensor state = e.record(weight);
    const TensorId start = e.tensor("start." + state.name, TensorClass::round_start, DType::f32,
                                    state.rows, state.cols);
    e.record(start).start_of = weight;
    PayloadTensors payload;
    payload.difference = payload_tensor(e, weight, DType::i8);
    e.begin_group("payload");
    const Term scaled =
        (e.term(start) - e.term(weight)) * Term(table_column(training.grid, kGridInverse));
    e.map(e.all(payload.difference), to_i32(minimum(maximum(scaled, -127.0F), 127.0F)));
    if (training.spec.merge.moments == market::MomentRule::average) {
        const std::vector<Moment> moments = training.rule.moments();
        for (std::size_t i = 0; i < moments.size(); ++i) {
            const TensorId moment = training.moments[index][i];
            payload.moments.push_back(payload_tensor(e, moment, moments[i].in_payload));
            e.map(e.all(payload.moments.back()), e.term(moment));
        }
    }
    e.end_group();
    return payload;
}

TensorId accumulate_lane(Emitter& e, TensorId payload, DType dtype) {
    const Tensor tensor = e.record(payload);
    const TensorId sum =
        e.accumulator("sum." + e.record(tensor.start_of).name, tensor.rows, tensor.cols, dtype);
    e.map(e.all(sum), e.term(sum) + e.term(payload));
    return sum;
}

void emit_outer_step(Emitter& e, const Training& training, TensorId weight, std::size_t index,
                     const LaneSums& sums, TensorId members) {
    const market::MergeRule& rule = training.spec.merge;
    const auto momentum = static_cast<float>(from_ppb(rule.outer_momentum_ppb));
    const auto rate = static_cast<float>(from_ppb(rule.outer_learning_rate_ppb));
    const Term count = to_f32(e.term(members));
    const std::string name = e.record(weight).name;
    e.begin_group("merge");
    const TensorId g = e.map_like(
        "outer_gradient." + name, weight,
        to_f32(e.term(sums.difference)) * (Term(table_column(training.grid, kGrid)) / count));
    const Term outer = e.term(training.outer[index]);
    e.map(e.all(training.outer[index]), fma(momentum, outer, e.term(g)));
    e.map(e.all(weight), fma(-rate, fma(momentum, outer, e.term(g)), e.term(weight)));
    const std::vector<TensorId>& moments = training.moments[index];
    for (std::size_t i = 0; i < moments.size(); ++i) {
        const bool averaged = rule.moments == market::MomentRule::average;
        e.map(e.all(moments[i]),
              averaged ? flush_moment(e.term(sums.moments[i]) * (1.0F / count)) : Term(0.0F));
    }
    e.end_group();
}

}  // namespace

std::vector<PayloadTensors> emit_payloads(Emitter& e, const Parameters& parameters,
                                          const Training& training) {
    std::vector<PayloadTensors> payloads;
    e.part(Part::payload);
    for (std::size_t i = 0; i < parameters.list().size(); ++i) {
        payloads.push_back(emit_payload(e, training, parameters.list()[i].weight, i));
    }
    return payloads;
}

void emit_merge(Emitter& e, const Parameters& parameters, const Training& training) {
    const std::vector<PayloadTensors> payloads = emit_payloads(e, parameters, training);
    std::vector<LaneSums> sums;
    e.part(Part::merge_lane);
    for (const PayloadTensors& payload : payloads) {
        e.begin_group("merge_lane");
        LaneSums lane;
        lane.difference = accumulate_lane(e, payload.difference, DType::i32);
        for (const TensorId moment : payload.moments)
            lane.moments.push_back(accumulate_lane(e, moment, DType::f32));
        e.end_group();
        sums.push_back(lane);
    }
    e.part(Part::merge);
    const TensorId members = e.load_member_count("members");
    for (std::size_t i = 0; i < parameters.list().size(); ++i) {
        emit_outer_step(e, training, parameters.list()[i].weight, i, sums[i], members);
    }
    e.begin_group("merge_scalars");
    e.map(e.all(e.program().loss), Term(0.0F));
    e.map(e.all(e.program().norm), Term(0.0F));
    e.map(e.all(e.program().fault), Term::integer(0));
    e.end_group();
}

}  // namespace assay::program
