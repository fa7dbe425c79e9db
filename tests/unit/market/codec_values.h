#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "base/signature.h"
#include "market/objects.h"

/// Values that the tests of bytes are about, and what they all check.
namespace assay::market::codec {

inline base::Hash all(std::uint8_t byte) {
    base::Hash hash;
    hash.bytes.fill(byte);
    return hash;
}

inline base::SecretKey key_of(std::uint8_t number) {
    return base::SecretKey::from_seed(all(number).view());
}

inline base::VrfOutput spot_of(std::uint8_t byte) {
    base::VrfOutput out{};
    out.fill(byte);
    return out;
}

inline std::string whole_file(const std::string& path) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/" + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Lines `name hex` of the golden blocks in a page of docs/formats.
inline std::string golden(const std::string& page, const std::string& name) {
    std::ifstream file(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/" + page);
    std::string line;
    while (std::getline(file, line)) {
        if (line.rfind(name + " ", 0) == 0) return line.substr(name.size() + 1);
    }
    return "missing: " + name;
}

/// Encodes, decodes, encodes again; every shorter and every longer text is refused.
template <class T>
void expect_strict(const T& value) {
    const base::Bytes bytes = encode(value);
    const auto again = decode<T>(bytes);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(*again, value);
    EXPECT_EQ(encode(*again), bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode<T>(base::ByteView(bytes).first(size)).has_value()) << size;
    base::Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode<T>(longer).has_value());
}

}  // namespace assay::market::codec
