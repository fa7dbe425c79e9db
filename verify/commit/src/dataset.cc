#include "commit/dataset.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "utf8.h"

namespace assay::commit {

namespace {

static_assert(std::endian::native == std::endian::little, "dataset words are read in place");

}  // namespace

DataExtent extent_of(const market::Data& spec) {
    if (const auto* tokens = std::get_if<market::TokenData>(&spec))
        return {tokens->blob, tokens->tokens, tokens->train_tokens, 1};
    const auto& table = std::get<market::TableData>(spec);
    const std::uint32_t row_words = table.features + 1;
    return {table.blob, table.rows * row_words, table.train_rows, row_words};
}

tl::expected<Dataset, std::string> Dataset::open(const std::filesystem::path& blob,
                                                 const market::Data& spec) {
    const auto refuse = [&](const std::string& reason) {
        return tl::unexpected("dataset " + blob.string() + ": " + reason);
    };
    auto file = MappedFile::open(blob);
    if (!file)
        return refuse(file.error() == FileError::missing ? "cannot be opened" : "cannot be read");
    const base::ByteView bytes = file->bytes();
    const DataExtent extent = extent_of(spec);
    const std::uint64_t expected = extent.words * sizeof(std::uint32_t);
    if (bytes.size() != expected || expected == 0) {
        return refuse("has " + std::to_string(bytes.size()) + " bytes where the spec says " +
                      std::to_string(expected));
    }
    const base::BlobRoot root = base::blob_root(bytes);
    if (root != extent.blob)
        return refuse("has root " + root.hex() + " where the spec says " + extent.blob.hex());
    Dataset dataset(std::move(*file));
    if (const auto* tokens = std::get_if<market::TokenData>(&spec)) {
        const auto words = dataset.words();
        const std::uint32_t largest = *std::max_element(words.begin(), words.end());
        if (largest >= tokens->vocabulary)
            return refuse("has token " + std::to_string(largest) + " outside the vocabulary");
    }
    return dataset;
}

tl::expected<std::vector<std::uint32_t>, std::string> tokenise(const market::TokenData& spec,
                                                               std::string_view text) {
    std::vector<std::uint32_t> ids;
    switch (spec.tokeniser) {
        case market::Tokeniser::bytes:
            for (const char c : text) ids.push_back(static_cast<std::uint8_t>(c));
            return ids;
        case market::Tokeniser::characters:
            break;
        case market::Tokeniser::pretokenised:
            return tl::unexpected(
                std::string("the data was tokenised outside; text has no ids here"));
    }
    for (std::size_t position = 0; position < text.size();) {
        const std::size_t start = position;
        const auto point = next_code_point(text, position);
        if (!point) return tl::unexpected("byte " + std::to_string(start) + " is not valid UTF-8");
        const auto found = std::lower_bound(spec.characters.begin(), spec.characters.end(), *point);
        if (found == spec.characters.end() || *found != *point) {
            return tl::unexpected("the character at byte " + std::to_string(start) +
                                  " is not in the vocabulary");
        }
        ids.push_back(static_cast<std::uint32_t>(found - spec.characters.begin()));
    }
    return ids;
}

std::string detokenise(const market::TokenData& spec, std::span<const std::uint32_t> ids) {
    std::string text;
    for (const std::uint32_t id : ids) {
        switch (spec.tokeniser) {
            case market::Tokeniser::bytes:
                text.push_back(static_cast<char>(id & 0xffU));
                break;
            case market::Tokeniser::characters:
                append_code_point(text,
                                  id < spec.characters.size() ? spec.characters[id] : 0xfffdU);
                break;
            case market::Tokeniser::pretokenised:
                if (!text.empty()) text += ' ';
                text += std::to_string(id);
                break;
        }
    }
    return text;
}

}  // namespace assay::commit
