#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::agent {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
/// Named values beside the sentence, for machines.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

/// Where lines go: standard error, as text for people or as one JSON object per line. Called once,
/// before threads start.
void configure_log(bool json, LogLevel least);
/// One important event, one line. `event` is a stable word such as "lease.started"; `sentence` is
/// for people. Thread-safe.
void log(LogLevel level, std::string_view event, std::string_view sentence,
         const LogFields& fields = {});

/// Tells what is said for the first time about a subject from what is said again: what is tried
/// again and again would fill the log.
class SaidBefore {
  public:
    /// Whether this is another text than the last one about the subject.
    [[nodiscard]] bool is_new(const std::string& subject, const std::string& text);

  private:
    std::map<std::string, std::string> last_;
};

/// The first eight characters of an id: enough for a person to tell two apart.
std::string shortened(std::string_view hex);

}  // namespace assay::agent
