#include "gpt.h"

namespace assay::program {

using market::SpecError;

std::optional<SpecError> GptFamily::check() const {
    if (data_ == nullptr) return SpecError{"data", "a gpt model needs token data"};
    if (model_.layers == 0) return SpecError{"model.layers", "must be at least 1"};
    if (model_.heads == 0) return SpecError{"model.heads", "must be at least 1"};
    if (model_.width == 0 || model_.width % model_.heads != 0) {
        return SpecError{"model.width", "must be a positive multiple of model_.heads"};
    }
    if (model_.context == 0) return SpecError{"model.context", "must be at least 1"};
    if (data_->vocabulary == 0) return SpecError{"data.vocabulary", "must be at least 1"};
    if (data_->train_tokens <= model_.context) {
        return SpecError{"data.train_tokens", "the training split must be longer than one context"};
    }
    if (std::uint64_t{data_->vocabulary} * model_.width >= kElementsMax ||
        std::uint64_t{4} * model_.width * model_.width >= kElementsMax ||
        std::uint64_t{data_->vocabulary} * model_.context >= kElementsMax ||
        (std::uint64_t{model_.context} + 32) * model_.heads * model_.context >= kElementsMax) {
        return SpecError{"model", "a tensor would have 2^31 elements or more"};
    }
    return check_dropout(model_.dropout_ppb);
}

}  // namespace assay::program
