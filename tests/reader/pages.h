#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

/// Stretches of the documents and golden files that are written by the code.
namespace assay::reader {

inline std::string read_file(const std::string& path) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/" + path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Compares the stretch of a file between `begin` and `end` (empty: to the end of the file) with
/// what the code says, or writes it there when ASSAY_REGENERATE is set: a change of the protocol,
/// which needs a record in docs/adr.
inline void expect_stretch(const std::string& path, const std::string& begin,
                           const std::string& end, const std::string& wanted) {
    const std::string text = read_file(path);
    const std::size_t mark = text.find(begin);
    ASSERT_NE(mark, text.npos) << path << " has no " << begin;
    const std::size_t first = mark + begin.size();
    const std::size_t last = end.empty() ? text.size() : text.find(end, first);
    ASSERT_NE(last, text.npos) << path << " has no " << end;
    if (std::getenv("ASSAY_REGENERATE") != nullptr) {
        std::ofstream(std::string(ASSAY_SOURCE_DIR) + "/" + path, std::ios::binary)
            << text.substr(0, first) << wanted << text.substr(last);
        return;
    }
    EXPECT_EQ(text.substr(first, last - first), wanted) << path;
}

}  // namespace assay::reader
