#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

/// All 2^32 inputs of every unary function on every table of kernels of this machine.
namespace assay::soak {

struct FunctionSoakOptions {
    /// Holds `functions.txt`, one line per finished piece of 2^24 inputs, so that a killed run goes
    /// on where it was. A record of another program (its hash differs) is begun anew.
    std::filesystem::path directory;
    std::vector<std::string> functions;  ///< empty: all
    unsigned threads = 1;
    std::uint32_t pieces = 256;  ///< of each function, from input 0 on; 256 are all
    std::function<void(const std::string& line)> progress;
};

struct FunctionReport {
    std::string name;
    std::uint64_t inputs = 0;
    double worst_ulp = 0;        ///< 0 for functions with one right value
    std::uint32_t worst_at = 0;  ///< input bits of the worst
    std::uint64_t mismatches = 0;
    std::string first_mismatch;  ///< a sentence; empty when there is none
};

/// The reports of the finished pieces by function. An error is a sentence about files.
tl::expected<std::vector<FunctionReport>, std::string> soak_functions(
    const FunctionSoakOptions& options);

/// The tables that were compared, for the report.
std::vector<std::string> table_names();

}  // namespace assay::soak
