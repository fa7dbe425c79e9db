#include "mlp.h"

namespace assay::program {

using market::SpecError;

std::optional<SpecError> MlpFamily::check() const {
    if (data_ == nullptr) return SpecError{"data", "an mlp model needs table data"};
    if (data_->features == 0) return SpecError{"data.features", "must be at least 1"};
    if (data_->classes == 0) return SpecError{"data.classes", "must be at least 1"};
    if (data_->train_rows == 0) return SpecError{"data.train_rows", "must be at least 1"};
    if (model_.rows_per_sequence == 0)
        return SpecError{"model.rows_per_sequence", "must be at least 1"};
    std::uint64_t width = data_->features;
    for (const std::uint32_t next : model_.hidden) {
        if (next == 0) return SpecError{"model.hidden", "widths must be at least 1"};
        if (width * next >= kElementsMax ||
            std::uint64_t{next} * model_.rows_per_sequence >= kElementsMax) {
            return SpecError{"model.hidden", "a tensor would have 2^31 elements or more"};
        }
        width = next;
    }
    if (width * data_->classes >= kElementsMax ||
        std::uint64_t{data_->classes} * model_.rows_per_sequence >= kElementsMax) {
        return SpecError{"data.classes", "a tensor would have 2^31 elements or more"};
    }
    return check_dropout(model_.dropout_ppb);
}

}  // namespace assay::program
