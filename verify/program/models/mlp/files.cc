#include "../file_layout.h"
#include "mlp.h"

namespace assay::program {

std::vector<ModelEntry> MlpFamily::files(const Program& program) const {
    FileLayout layout(program);
    for (const TensorId id : program.weight_tensors())
        layout.matrix(program.tensors[id].name, {program.tensors[id].name});
    return layout.take();
}

std::string MlpFamily::config() const {
    std::string hidden = "[";
    for (std::size_t i = 0; i < model_.hidden.size(); ++i) {
        if (i > 0) hidden += ", ";
        hidden += std::to_string(model_.hidden[i]);
    }
    return json_object({{"activation_function", quoted(activation_word(model_.activation))},
                        {"architectures", "[\"AssayMlp\"]"},
                        {"classes", std::to_string(data_->classes)},
                        {"dropout", decimal(model_.dropout_ppb)},
                        {"features", std::to_string(data_->features)},
                        {"hidden", hidden + "]"},
                        {"model_type", "\"assay_mlp\""},
                        {"torch_dtype", "\"float32\""}});
}

}  // namespace assay::program
