#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::agent {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
/// Named values beside the sentence, for machines.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

/// Where lines go: standard error, as text for people or as one JSON object per line. Called once, before threads start.
void configure_log(bool json, LogLevel least);
/// One important event, one line. `event` is a stable word such as "lease.started"; `sentence` is for people. Thread-safe.
void log(LogLevel level, std::string_view event, std::string_view sentence, const LogFields& fields = {});

/// The first eight characters of an id: enough for a person to tell two apart.
std::string shortened(std::string_view hex);

}  // namespace assay::agent
