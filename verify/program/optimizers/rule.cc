#include "rule.h"

#include "adamw.h"

namespace assay::program {

using market::SpecError;

tl::expected<std::unique_ptr<OptimizerRule>, SpecError> rule_of(const market::JobSpec& spec) {
    if (!market::builder_knows(spec.builder_version)) {
        return tl::unexpected(
            SpecError{"builder_version",
                      "unknown; this is version " + std::to_string(market::kBuilderVersionMax)});
    }
    return std::make_unique<AdamW>(spec.optimizer);
}

}  // namespace assay::program
