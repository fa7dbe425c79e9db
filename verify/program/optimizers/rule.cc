#include "rule.h"

#include "adamw.h"

namespace assay::program {

using market::SpecError;

tl::expected<std::unique_ptr<OptimizerRule>, SpecError> rule_of(const market::JobSpec& spec) {
    if (spec.builder_version != 1)
        return tl::unexpected(SpecError{"builder_version", "unknown; this is version 1"});
    return std::make_unique<AdamW>(spec.optimizer);
}

}  // namespace assay::program
