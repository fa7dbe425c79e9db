#include "context.h"

#include "market/queries.h"

namespace assay::market {

Parameters parameters_of(const Context& context, const Job& job) {
    if (job.params_id == context.chain.params_id) return context.parameters;
    return load_parameters(context.state, job.params_id);
}

void emit(Context& context, EventKind kind, Attributes attributes) {
    context.events.push_back({std::string(to_word(kind)), std::move(attributes)});
}

}  // namespace assay::market
