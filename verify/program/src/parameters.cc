#include "parameters.h"

namespace assay::program {

Parameter Parameters::matrix(const std::string& name, std::uint32_t rows, std::uint32_t cols,
                             float deviation) {
    emitter_.part(Part::init);
    const TensorId weight = emitter_.tensor(name, TensorClass::state, DType::f32, rows, cols);
    emitter_.record(weight).decay = true;
    emitter_.begin_group("init_normal");
    const TensorId sample = emitter_.random("init." + name, Distribution::normal, rows, cols);
    emitter_.map(emitter_.all(weight), emitter_.term(sample) * deviation);
    emitter_.end_group();
    return add(weight);
}

Parameter Parameters::vector(const std::string& name, std::uint32_t cols, float value) {
    emitter_.part(Part::init);
    const TensorId weight = emitter_.tensor(name, TensorClass::state, DType::f32, 1, cols);
    emitter_.map(emitter_.all(weight), Term(value));
    return add(weight);
}

Parameter Parameters::add(TensorId weight) {
    Tensor& record = emitter_.record(weight);
    record.weight = true;
    const std::string name = "grad." + record.name;
    const std::uint32_t rows = record.rows, cols = record.cols;
    list_.push_back({weight, emitter_.accumulator(name, rows, cols)});
    return list_.back();
}

void Parameters::set_gradient(const Parameter& parameter, TensorId gradient) {
    for (Parameter& entry : list_) {
        if (entry.weight == parameter.weight) entry.gradient = gradient;
    }
}

}  // namespace assay::program
