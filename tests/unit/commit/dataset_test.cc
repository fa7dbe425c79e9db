#include "commit/dataset.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "base/chunk_tree.h"
#include "base/encoding.h"
#include "commit/safetensors.h"
#include "fixtures.h"

namespace assay::commit {
namespace {

class Import : public ::testing::Test {
  protected:
    tl::expected<PreparedData, std::string> import(const std::string& name, base::ByteView bytes,
                                                   const ImportOptions& options = {}) {
        write_file(folder_ / name, bytes);
        return import_data(folder_ / name, options, folder_ / "blob");
    }
    void expect_refused(const std::string& name, base::ByteView bytes, const std::string& reason,
                        const ImportOptions& options = {}) {
        const auto prepared = import(name, bytes, options);
        ASSERT_FALSE(prepared.has_value()) << name;
        EXPECT_NE(prepared.error().find(reason), std::string::npos) << prepared.error();
    }
    TemporaryFolder folder_;
};

base::Bytes npy(const std::string& descr, const std::string& shape, base::ByteView data,
                const std::string& order = "False") {
    std::string header =
        "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
    base::Encoder out;
    out.raw(base::view_of("\x93NUMPY"))
        .u8(1)
        .u8(0)
        .u16(static_cast<std::uint16_t>(header.size()))
        .raw(base::view_of(header))
        .raw(data);
    return out.take();
}

template <class T>
base::Bytes raw(const std::vector<T>& values) {
    base::Bytes bytes(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

std::vector<float> floats(const Dataset& dataset) {
    std::vector<float> values(dataset.words().size());
    std::memcpy(values.data(), dataset.words().data(), values.size() * 4);
    return values;
}

TEST_F(Import, TextBecomesCharactersAscending) {
    const auto prepared = import("a.txt", base::view_of("b\xc3\xa4"
                                                        "a\xf0\x9f\x99\x82"
                                                        "abab"));
    ASSERT_TRUE(prepared.has_value()) << prepared.error();
    const auto& spec = std::get<market::TokenData>(prepared->spec);
    EXPECT_EQ(spec.tokeniser, market::Tokeniser::characters);
    EXPECT_EQ(spec.characters, (std::vector<std::uint32_t>{'a', 'b', 0xe4, 0x1f642}));
    EXPECT_EQ(spec.tokens, 8U);
    EXPECT_EQ(spec.train_tokens, 7U);
    const auto dataset = Dataset::open(prepared->blob, prepared->spec);
    ASSERT_TRUE(dataset.has_value()) << dataset.error();
    const std::vector<std::uint32_t> ids(dataset->words().begin(), dataset->words().end());
    EXPECT_EQ(ids, (std::vector<std::uint32_t>{1, 2, 0, 3, 0, 1, 0, 1}));
    EXPECT_EQ(detokenise(spec, ids),
              "b\xc3\xa4"
              "a\xf0\x9f\x99\x82"
              "abab");
    EXPECT_EQ(*tokenise(spec, "ba"), (std::vector<std::uint32_t>{1, 0}));
    EXPECT_FALSE(tokenise(spec, "c").has_value());
    EXPECT_FALSE(tokenise(spec, "\xc3").has_value());
}

TEST_F(Import, GoldenBlob) {
    const auto golden = golden_of("dataset.md");
    const auto prepared = import("a.txt", base::view_of("hello"));
    ASSERT_TRUE(prepared.has_value());
    EXPECT_EQ(golden.at("hello_blob"), base::to_hex(read_file(prepared->blob)));
    EXPECT_EQ(golden.at("hello_root"), std::get<market::TokenData>(prepared->spec).blob.hex());
}

TEST_F(Import, BytesTakeAnything) {
    const auto prepared = import("a.raw", base::Bytes{0xff, 0, 7});
    ASSERT_TRUE(prepared.has_value()) << prepared.error();
    const auto& spec = std::get<market::TokenData>(prepared->spec);
    EXPECT_EQ(spec.tokeniser, market::Tokeniser::bytes);
    EXPECT_EQ(spec.vocabulary, 256U);
    EXPECT_EQ(detokenise(spec, *tokenise(spec, "xyz")), "xyz");
}

TEST_F(Import, NanoGptTokensWiden) {
    const auto prepared = import("train.bin", raw<std::uint16_t>({1, 50'256, 3}));
    ASSERT_TRUE(prepared.has_value()) << prepared.error();
    EXPECT_EQ(std::get<market::TokenData>(prepared->spec).vocabulary, 50'257U);
    const auto dataset = Dataset::open(prepared->blob, prepared->spec);
    ASSERT_TRUE(dataset.has_value());
    EXPECT_EQ(dataset->words()[1], 50'256U);
    EXPECT_FALSE(tokenise(std::get<market::TokenData>(prepared->spec), "a").has_value());
    const auto wide = import("t", raw<std::uint32_t>({70'000, 3}), {"bin32", 0, 80'000});
    ASSERT_TRUE(wide.has_value()) << wide.error();
    EXPECT_EQ(std::get<market::TokenData>(wide->spec).vocabulary, 80'000U);
}

TEST_F(Import, RefusesBadTokens) {
    expect_refused("a.txt", base::view_of("ab\xc0\x80"), "UTF-8", {"text", 0, 0});
    expect_refused("a.txt", base::view_of("\xed\xa0\x80"), "UTF-8", {"text", 0, 0});
    expect_refused("a.txt", base::view_of("\xf4\x90\x80\x80"), "UTF-8", {"text", 0, 0});
    expect_refused("a.txt", base::view_of("\xe2\x82"), "UTF-8", {"text", 0, 0});
    expect_refused("a.txt", {}, "fewer than two");
    expect_refused("a.txt", base::view_of("a"), "fewer than two");
    expect_refused("a.bin", base::Bytes(3), "whole number");
    expect_refused("a.bin", raw<std::uint16_t>({5, 9}), "outside the vocabulary", {"auto", 0, 9});
    expect_refused("a", raw<std::uint32_t>({1U << 20U, 1}), "outside the vocabulary",
                   {"bin32", 0, 0});
    expect_refused("a", base::view_of("ab"), "unknown format", {"pickle", 0, 0});
    expect_refused("a", base::view_of("ab"), "validation", {"auto", 1'000'000, 0});
    EXPECT_FALSE(import_data(folder_ / "missing", {}, folder_ / "blob").has_value());
}

TEST_F(Import, NumpyTablesOfEveryOrder) {
    const auto rows =
        import("a.npy", npy("<f8", "(3, 3)", raw<double>({1, 2, 0, 3, 4, 1, 5, 6, 2})),
               {"auto", 400'000, 0});
    ASSERT_TRUE(rows.has_value()) << rows.error();
    const auto& spec = std::get<market::TableData>(rows->spec);
    EXPECT_EQ(spec.rows, 3U);
    EXPECT_EQ(spec.train_rows, 1U);
    EXPECT_EQ(spec.features, 2U);
    EXPECT_EQ(spec.classes, 3U);
    const auto dataset = Dataset::open(rows->blob, rows->spec);
    ASSERT_TRUE(dataset.has_value()) << dataset.error();
    EXPECT_EQ(floats(*dataset), (std::vector<float>{1, 2, 0, 3, 4, 1, 5, 6, 2}));
    const auto columns = import(
        "b.npy", npy("<i4", "(3, 3)", raw<std::int32_t>({1, 3, 5, 2, 4, 6, 0, 1, 2}), "True"),
        {"auto", 400'000, 0});
    ASSERT_TRUE(columns.has_value()) << columns.error();
    EXPECT_EQ(std::get<market::TableData>(columns->spec).blob, spec.blob);
}

TEST_F(Import, RefusesBadTables) {
    const base::Bytes data = raw<float>({1, 0, 2, 1});
    EXPECT_TRUE(import("a.npy", npy("<f4", "(2, 2)", data)).has_value());
    expect_refused("a.npy", npy("<f4", "(2, 3)", data), "match its shape");
    expect_refused("a.npy", npy("<f4", "(4,)", data), "matrix");
    expect_refused("a.npy", npy(">f4", "(2, 2)", data), "header");
    expect_refused("a.npy", npy("|O", "(2, 2)", data), "header");
    expect_refused("a.npy", npy("<f4", "(2, 2, 1)", data), "header");
    expect_refused("a.npy", npy("<f4", "(99999999999999, 99999999999999)", data), "header");
    expect_refused("a.npy", npy("<f4", "()", data), "header");
    expect_refused("a.npy", npy("<f4", "(4, 1)", data), "feature");
    expect_refused("a.npy", npy("<f4", "(0, 2)", {}), "rows");
    expect_refused("a.npy", base::view_of("\x93NUMP"), "not a .npy");
    expect_refused("a.npy", base::view_of("\x93NUMPY\x01"), ".npy");
    const base::Bytes whole = npy("<f4", "(2, 2)", data);
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(import("t.npy", base::ByteView(whole).first(size)).has_value()) << size;
    expect_refused(
        "a.npy",
        npy("<f4", "(2, 2)", raw<float>({std::numeric_limits<float>::quiet_NaN(), 0, 2, 1})),
        "finite");
    expect_refused("a.npy", npy("<f8", "(2, 2)", raw<double>({1e300, 0, 2, 1})), "finite");
    expect_refused("a.npy", npy("<f4", "(2, 2)", raw<float>({1, 0.5F, 2, 1})), "class number");
    expect_refused("a.npy", npy("<f4", "(2, 2)", raw<float>({1, -1, 2, 1})), "class number");
    expect_refused("a.npy", npy("<f4", "(2, 2)", raw<float>({1, 70'000, 2, 1})), "class number");
    expect_refused(
        "a.npy",
        npy("<f4", "(2, 2)", raw<float>({1, std::numeric_limits<float>::infinity(), 2, 1})),
        "class number");
}

TEST_F(Import, SafetensorsTables) {
    const base::Bytes features = raw<float>({1, 2, 3, 4}), labels = raw<std::int64_t>({1, 0});
    const std::vector<SafetensorsEntry> pair{{"labels", "I64", {2}, labels},
                                             {"features", "F32", {2, 2}, features}};
    const auto prepared = import("a.safetensors", write_safetensors(pair), {"auto", 0, 0});
    ASSERT_TRUE(prepared.has_value()) << prepared.error();
    const auto dataset = Dataset::open(prepared->blob, prepared->spec);
    ASSERT_TRUE(dataset.has_value()) << dataset.error();
    EXPECT_EQ(floats(*dataset), (std::vector<float>{1, 2, 1, 3, 4, 0}));
    const std::vector<SafetensorsEntry> single{{"table", "F32", {2, 2}, features}};
    EXPECT_TRUE(import("b.safetensors", write_safetensors(single)).has_value());
    const std::vector<SafetensorsEntry> strange{{"x", "F32", {2, 2}, features},
                                                {"y", "I64", {2}, labels}};
    expect_refused("c.safetensors", write_safetensors(strange), "features");
    const base::Bytes three = raw<std::int64_t>({1, 0, 1});
    const std::vector<SafetensorsEntry> uneven{{"labels", "I64", {3}, three},
                                               {"features", "F32", {2, 2}, features}};
    expect_refused("d.safetensors", write_safetensors(uneven), "rows");
    const std::vector<SafetensorsEntry> boolean{{"table", "BOOL", {2, 8}, features}};
    expect_refused("e.safetensors", write_safetensors(boolean), "plain numbers");
}

TEST_F(Import, OpeningVerifiesSizeRootAndTokens) {
    auto prepared = import("a.txt", base::view_of("hello world"));
    ASSERT_TRUE(prepared.has_value());
    auto& spec = std::get<market::TokenData>(prepared->spec);
    EXPECT_TRUE(Dataset::open(prepared->blob, prepared->spec).has_value());
    EXPECT_FALSE(Dataset::open(folder_ / "missing", prepared->spec).has_value());
    EXPECT_FALSE(Dataset::open(folder_ / ".", prepared->spec).has_value());
    const market::TokenData right = spec;
    spec.tokens += 1;
    EXPECT_FALSE(Dataset::open(prepared->blob, prepared->spec).has_value());
    spec = right;
    spec.vocabulary -= 1;
    EXPECT_FALSE(Dataset::open(prepared->blob, prepared->spec).has_value());
    spec = right;
    base::Bytes bytes = read_file(prepared->blob);
    bytes[8] ^= 1U;
    write_file(folder_ / "changed", bytes);
    EXPECT_FALSE(Dataset::open(folder_ / "changed", prepared->spec).has_value());
    write_file(folder_ / "empty", {});
    EXPECT_FALSE(Dataset::open(folder_ / "empty", prepared->spec).has_value());
}

}  // namespace
}  // namespace assay::commit
