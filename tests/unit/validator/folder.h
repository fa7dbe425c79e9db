#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/hash.h"

namespace assay::validator::testing {

/// A folder of its own, gone at the end.
class Folder : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string name =
            (std::filesystem::temp_directory_path() / "assay-validator-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }
    [[nodiscard]] std::size_t files_in(const std::string& name) const {
        std::size_t count = 0;
        std::error_code error;
        for ([[maybe_unused]] const auto& entry :
             std::filesystem::directory_iterator(folder / name, error))
            ++count;
        return count;
    }
    std::filesystem::path folder;
};

inline base::Hash hash_of(const std::string& text) {
    return base::blake2b("assay.test", base::view_of(text));
}

/// A vector of docs/formats/worker_folder.md.
inline std::string documented(const std::string& name) {
    std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/worker_folder.md");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(name + " ")) return line.substr(name.size() + 1);
    }
    return {};
}

}  // namespace assay::validator::testing
