#include "commit/safetensors.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "fixtures.h"

namespace assay::commit {
namespace {

base::Bytes file_of(const std::string& header, std::size_t data_bytes) {
    base::Encoder out;
    out.u64(header.size()).raw(base::view_of(header)).raw(base::Bytes(data_bytes, 7));
    return out.take();
}

void expect_refused(const std::string& header, std::size_t data_bytes, const std::string& reason) {
    const auto parsed = parse_safetensors(file_of(header, data_bytes));
    ASSERT_FALSE(parsed.has_value()) << header;
    EXPECT_NE(parsed.error().find(reason), std::string::npos) << parsed.error();
}

TEST(Safetensors, ReadsWhatItWrites) {
    const base::Bytes a(24, 1), b(3, 2), nothing;
    const std::vector<SafetensorsEntry> entries{
        {"a.weight", "F32", {2, 3}, a}, {"none", "F32", {0, 4}, nothing}, {"b", "I8", {3}, b}};
    const base::Bytes bytes = write_safetensors(entries);
    EXPECT_EQ(bytes, write_safetensors(entries));
    EXPECT_EQ(base::Decoder(bytes).u64() % 8, 0U);
    const auto file = parse_safetensors(bytes);
    ASSERT_TRUE(file.has_value()) << file.error();
    ASSERT_EQ(file->tensors.size(), 3U);
    ASSERT_NE(file->find("a.weight"), nullptr);
    EXPECT_EQ(file->find("a.weight")->shape, (std::vector<std::uint64_t>{2, 3}));
    EXPECT_TRUE(std::ranges::equal(file->find("a.weight")->data, a));
    EXPECT_EQ(file->find("b")->dtype, program::DType::i8);
    EXPECT_EQ(file->find("c"), nullptr);
}

TEST(Safetensors, GoldenVector) {
    const base::Bytes data{0, 0, 128, 63, 0, 0, 0, 64};
    const std::vector<SafetensorsEntry> entries{{"x", "F32", {1, 2}, data}};
    EXPECT_EQ(golden_of("model.md").at("safetensors"), base::to_hex(write_safetensors(entries)));
}

TEST(Safetensors, AcceptsForeignTypesScalarsAndMetadata) {
    const auto file = parse_safetensors(file_of(
        R"({"__metadata__":{"k":"v"},"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}  )", 8));
    ASSERT_TRUE(file.has_value()) << file.error();
    EXPECT_FALSE(file->tensors[0].dtype.has_value());
    EXPECT_EQ(file->tensors[0].dtype_name, "F64");
}

TEST(Safetensors, RefusesBrokenContainers) {
    EXPECT_FALSE(parse_safetensors({}).has_value());
    EXPECT_FALSE(parse_safetensors(base::Bytes(7)).has_value());
    base::Encoder bomb;
    bomb.u64(UINT64_MAX).raw(base::view_of("{}"));
    EXPECT_FALSE(parse_safetensors(bomb.take()).has_value());
    base::Encoder outside;
    outside.u64(100).raw(base::view_of("{}"));
    EXPECT_FALSE(parse_safetensors(outside.take()).has_value());
    expect_refused("", 0, "start with");
    expect_refused(" {}", 0, "start with");
    expect_refused("[]", 0, "start with");
    expect_refused("{", 0, "not a JSON object");
    expect_refused("{}x", 0, "not a JSON object");
    expect_refused("{}", 1, "bytes after the last tensor");
    expect_refused(R"({"__metadata__":{"k":1}})", 0, "__metadata__");
}

TEST(Safetensors, RefusesHeaderBombs) {
    std::string deep = R"({"a":)";
    for (int i = 0; i < 100'000; ++i) deep += "[";
    expect_refused(deep, 0, "");
    std::string nested = R"({"a":)";
    for (int i = 0; i < 100; ++i) nested += R"({"b":)";
    nested += "1";
    for (int i = 0; i < 101; ++i) nested += "}";
    expect_refused(nested, 0, "nested");
    expect_refused(
        R"({"a":{"dtype":"F32","shape":[4294967295,4294967295,4294967295],"data_offsets":[0,4]}})",
        4, "too large");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4,
                   "shape");
}

TEST(Safetensors, RefusesBadEntries) {
    expect_refused(R"({"a":{"dtype":"F32","shape":[1]}})", 4, "exactly");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}})", 4,
                   "exactly");
    expect_refused(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4, "unknown dtype");
    expect_refused(R"({"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}})", 4, "no dtype");
    expect_refused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "shape");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "shape");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "offsets");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "offsets");
    expect_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
                   "match its shape");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3, "ends inside");
    expect_refused(
        R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
        5, "aligned");
}

TEST(Safetensors, RefusesOverlapsGapsAndDuplicates) {
    const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
    expect_refused("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8,
                   "overlaps");
    expect_refused("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16,
                   "gap");
    expect_refused("{" + a + "," + a + "}", 8, "twice");
    expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "gap");
    expect_refused(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4,
                   "twice");
}

}  // namespace
}  // namespace assay::commit
