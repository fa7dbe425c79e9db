#pragma once

#include <functional>
#include <string>
#include <vector>

/// One table of results that must be the same on every machine, compiler and instruction set.
namespace assay::equality {

struct Row {
    std::string name;    ///< what was computed
    std::string target;  ///< by which kernels; "-" where there is one way only
    std::string value;   ///< a root or digest in hexadecimal
};

/// Computes the table; `progress` is told the name of each section before it begins. Digests read
/// every NaN as 0x7fc00000.
std::vector<Row> compute_rows(const std::function<void(const std::string&)>& progress);

}  // namespace assay::equality
