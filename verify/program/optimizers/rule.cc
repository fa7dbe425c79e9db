#include "rule.h"

#include "adamw.h"

namespace assay::program {

std::unique_ptr<OptimizerRule> rule_of(const market::JobSpec& spec) {
    return std::make_unique<AdamW>(spec.optimizer);
}

}  // namespace assay::program
