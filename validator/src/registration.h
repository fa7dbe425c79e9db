#pragma once

#include <string>
#include <tl/expected.hpp>

#include "agent/service.h"
#include "validator/validator.h"

namespace assay::validator {

/// Keys, stake and declaration; sends only what the ledger lacks. Who was away is back.
tl::expected<void, agent::StartError> ensure_registered(agent::Party& party,
                                                        const ValidatorSettings& settings);
/// At a clean end: no member of epochs that close from now on. One attempt; what fails costs the
/// fine of who is absent.
void declare_away(const std::string& node_url, const agent::Identity& identity);

}  // namespace assay::validator
