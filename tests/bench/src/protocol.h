#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

/// How a contestant talks to the driver, so that contestants can take turns: it says on one line
/// that it is ready, then answers each line `run N [NAME]` of stdin with one line. The end of stdin
/// ends it. tests/bench/README.md has the whole protocol.
namespace assay::bench {

using Json = nlohmann::json;

class Stopwatch {
  public:
    [[nodiscard]] double milliseconds() const {
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_)
            .count();
    }

  private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// One measurement of what `name` says (empty: the contestant's only or first subject), in the unit
/// that `ready` declares.
using Measure = std::function<double(const std::string& name)>;

/// Prints {"ready": ready} and answers until stdin ends. `extra` is merged into each answer.
/// Returns the exit code: 0, or 3 after a line that is not understood.
int serve(const Json& ready, const Measure& measure, const std::function<Json()>& extra = {});

/// Says on stderr what is wrong and returns the exit code of bad input.
int fail(const std::string& reason);

}  // namespace assay::bench
