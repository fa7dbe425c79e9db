#pragma once

#include <string>
#include <tl/expected.hpp>

#include "agent/exit_code.h"
#include "agent/party.h"
#include "validator/validator.h"

namespace assay::validator {

struct RegistrationError {
    agent::ExitCode code = agent::ExitCode::refused;
    std::string text;
};

/// Keys, stake and declaration; sends only what the ledger lacks.
tl::expected<void, RegistrationError> ensure_registered(agent::Party& party, const ValidatorSettings& settings);

}  // namespace assay::validator
