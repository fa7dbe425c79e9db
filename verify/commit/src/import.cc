#include <algorithm>
#include <cmath>
#include <cstring>

#include "atomic_file.h"
#include "base/wide.h"
#include "commit/checkpoint.h"
#include "commit/dataset.h"
#include "commit/safetensors.h"
#include "numeric_table.h"
#include "utf8.h"

namespace assay::commit {

namespace {

using base::Bytes;
using base::ByteView;

template <class T>
using Result = tl::expected<T, std::string>;

constexpr std::uint64_t kSourceBytesMax = 1ULL << 38U;
constexpr std::size_t kCharactersMax = 65'536;
constexpr std::uint32_t kVocabularyMax = 1U << 20U;
constexpr std::uint64_t kFeaturesMax = 65'536;
constexpr double kClassesMax = 65'536;
constexpr std::uint32_t kMillion = 1'000'000;

std::uint64_t training_share(std::uint64_t count, std::uint32_t validation_ppm) {
    const auto share =
        static_cast<std::uint64_t>(base::Uint128{count} * (kMillion - validation_ppm) / kMillion);
    return std::max<std::uint64_t>(share, 1);
}

std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<base::BlobRoot> write_words(const std::filesystem::path& out,
                                   std::span<const std::uint32_t> words) {
    const auto refuse = [&](FileError error) {
        return tl::unexpected(out.string() + ": " + std::string(message_of(error)));
    };
    auto file = HashedFile::create(out);
    if (!file) return refuse(file.error());
    auto written =
        file->write({reinterpret_cast<const std::uint8_t*>(words.data()), words.size_bytes()});
    if (!written) return refuse(written.error());
    const auto saved = file->publish();
    if (!saved) return refuse(saved.error());
    return saved->blob;
}

struct Tokens {
    market::TokenData spec;
    std::vector<std::uint32_t> ids;
};

Result<Tokens> tokens_of_text(ByteView source) {
    const std::string_view text = as_text(source);
    std::vector<bool> present(0x110000);
    for (std::size_t position = 0; position < text.size();) {
        const std::size_t start = position;
        const auto point = next_code_point(text, position);
        if (!point)
            return tl::unexpected("byte " + std::to_string(start) +
                                  " is not valid UTF-8; import it as bytes instead");
        present[*point] = true;
    }
    Tokens tokens;
    tokens.spec.tokeniser = market::Tokeniser::characters;
    for (std::uint32_t point = 0; point < present.size(); ++point) {
        if (present[point]) tokens.spec.characters.push_back(point);
    }
    if (tokens.spec.characters.size() > kCharactersMax)
        return tl::unexpected(std::string("more than 65,536 different characters"));
    tokens.spec.vocabulary = static_cast<std::uint32_t>(tokens.spec.characters.size());
    auto ids = tokenise(tokens.spec, text);
    if (!ids) return tl::unexpected(ids.error());
    tokens.ids = std::move(*ids);
    return tokens;
}

Tokens tokens_of_bytes(ByteView source) {
    Tokens tokens;
    tokens.spec.tokeniser = market::Tokeniser::bytes;
    tokens.spec.vocabulary = 256;
    tokens.ids.assign(source.begin(), source.end());
    return tokens;
}

template <class Word>
Result<Tokens> tokens_of_words(ByteView source, std::uint32_t vocabulary) {
    if (source.size() % sizeof(Word) != 0)
        return tl::unexpected("is not a whole number of " + std::to_string(8 * sizeof(Word)) +
                              "-bit tokens");
    Tokens tokens;
    tokens.spec.tokeniser = market::Tokeniser::pretokenised;
    tokens.ids.reserve(source.size() / sizeof(Word));
    std::uint32_t largest = 0;
    for (std::size_t i = 0; i < source.size(); i += sizeof(Word)) {
        Word word{};
        std::memcpy(&word, source.data() + i, sizeof(Word));
        tokens.ids.push_back(word);
        largest = std::max<std::uint32_t>(largest, word);
    }
    if (largest >= (vocabulary == 0 ? kVocabularyMax : vocabulary))
        return tl::unexpected("token " + std::to_string(largest) + " is outside the vocabulary");
    tokens.spec.vocabulary = vocabulary == 0 ? largest + 1 : vocabulary;
    return tokens;
}

Result<PreparedData> finish_tokens(Tokens tokens, const ImportOptions& options,
                                   const std::filesystem::path& out) {
    if (tokens.ids.size() < 2) return tl::unexpected(std::string("holds fewer than two tokens"));
    tokens.spec.tokens = tokens.ids.size();
    tokens.spec.train_tokens = training_share(tokens.ids.size(), options.validation_ppm);
    const auto blob = write_words(out, tokens.ids);
    if (!blob) return tl::unexpected(blob.error());
    tokens.spec.blob = *blob;
    return PreparedData{std::move(tokens.spec), out};
}

/// The last column of `labels` is the class; the columns before it, or all of `features`, are the
/// features.
Result<PreparedData> finish_table(const NumericArray& features, std::uint64_t feature_columns,
                                  const NumericArray& labels, const ImportOptions& options,
                                  const std::filesystem::path& out) {
    const std::uint64_t rows = features.rows();
    if (rows == 0 || rows != labels.rows())
        return tl::unexpected(
            std::string("features and labels must have the same number of rows, at least one"));
    if (feature_columns == 0 || feature_columns > kFeaturesMax)
        return tl::unexpected(std::string("needs 1 to 65,536 feature columns"));
    market::TableData spec;
    std::vector<std::uint32_t> words;
    words.reserve(rows * (feature_columns + 1));
    double largest = 1;
    const auto push = [&](double value) {
        const auto narrow = static_cast<float>(value);
        std::uint32_t bits = 0;
        std::memcpy(&bits, &narrow, sizeof bits);
        words.push_back(bits);
        return std::isfinite(narrow);
    };
    for (std::uint64_t row = 0; row < rows; ++row) {
        for (std::uint64_t col = 0; col < feature_columns; ++col) {
            if (!push(features.at(row, col))) {
                return tl::unexpected("row " + std::to_string(row) + ", column " +
                                      std::to_string(col) + " is not a finite number");
            }
        }
        const double label = labels.at(row, labels.cols() - 1);
        if (!(label >= 0) || label >= kClassesMax || label != std::floor(label)) {
            return tl::unexpected("row " + std::to_string(row) +
                                  ": the label is not a class number from 0 to 65,535");
        }
        largest = std::max(largest, label);
        push(label + 0.0);
    }
    spec.rows = rows;
    spec.train_rows = training_share(rows, options.validation_ppm);
    spec.features = static_cast<std::uint32_t>(feature_columns);
    spec.classes = static_cast<std::uint32_t>(largest) + 1;
    const auto blob = write_words(out, words);
    if (!blob) return tl::unexpected(blob.error());
    spec.blob = *blob;
    return PreparedData{spec, out};
}

Result<PreparedData> import_npy(ByteView source, const ImportOptions& options,
                                const std::filesystem::path& out) {
    const auto array = parse_npy(source);
    if (!array) return tl::unexpected(array.error());
    if (array->shape.size() != 2)
        return tl::unexpected(
            std::string("must be a matrix: features, then the label in the last column"));
    return finish_table(*array, array->cols() - std::min<std::uint64_t>(array->cols(), 1), *array,
                        options, out);
}

/// One matrix with the label in its last column, or two tensors named `features` and `labels`.
Result<PreparedData> import_safetensors(Bytes source, const ImportOptions& options,
                                        const std::filesystem::path& out) {
    const auto file = parse_safetensors(std::move(source));
    if (!file) return tl::unexpected(file.error());
    const SafeTensor* labels = file->find("labels");
    const SafeTensor* features = file->find("features");
    const bool pair = file->tensors.size() == 2 && labels != nullptr && features != nullptr;
    if (!pair && file->tensors.size() != 1)
        return tl::unexpected(
            std::string("must hold one matrix, or the tensors 'features' and 'labels'"));
    const auto x = numeric_array(pair ? *features : file->tensors.front());
    if (!x) return tl::unexpected(x.error());
    const auto y = numeric_array(pair ? *labels : file->tensors.front());
    if (!y) return tl::unexpected(y.error());
    if (x->shape.size() != 2) return tl::unexpected(std::string("the features must be a matrix"));
    if (pair && y->cols() != 1) return tl::unexpected(std::string("the labels must be one column"));
    return finish_table(*x, pair ? x->cols() : x->cols() - std::min<std::uint64_t>(x->cols(), 1),
                        *y, options, out);
}

std::string guess_format(const std::filesystem::path& source, ByteView bytes) {
    const std::string extension = source.extension().string();
    if (extension == ".bin") return "bin16";
    if (extension == ".npy") return "npy";
    if (extension == ".safetensors") return "safetensors";
    for (std::size_t position = 0; position < bytes.size();) {
        if (!next_code_point(as_text(bytes), position)) return "bytes";
    }
    return "text";
}

Result<PreparedData> import_bytes(const std::filesystem::path& source, Bytes bytes,
                                  const ImportOptions& options, const std::filesystem::path& out) {
    const std::string format =
        options.format == "auto" ? guess_format(source, bytes) : options.format;
    if (format == "npy") return import_npy(bytes, options, out);
    if (format == "safetensors") return import_safetensors(std::move(bytes), options, out);
    Result<Tokens> tokens = tl::unexpected("unknown format '" + format + "'");
    if (format == "text") tokens = tokens_of_text(bytes);
    if (format == "bytes") tokens = tokens_of_bytes(bytes);
    if (format == "bin16") tokens = tokens_of_words<std::uint16_t>(bytes, options.vocabulary);
    if (format == "bin32") tokens = tokens_of_words<std::uint32_t>(bytes, options.vocabulary);
    if (!tokens) return tl::unexpected(tokens.error());
    return finish_tokens(std::move(*tokens), options, out);
}

}  // namespace

Result<PreparedData> import_data(const std::filesystem::path& source, const ImportOptions& options,
                                 const std::filesystem::path& blob_out) {
    if (options.validation_ppm >= kMillion)
        return tl::unexpected(std::string("the validation share must be below one million ppm"));
    if (options.vocabulary > kVocabularyMax)
        return tl::unexpected(std::string("the vocabulary is larger than 2^20"));
    auto bytes = read_whole_file(source, kSourceBytesMax);
    if (!bytes)
        return tl::unexpected(source.string() + ": " + std::string(message_of(bytes.error())));
    auto prepared = import_bytes(source, std::move(*bytes), options, blob_out);
    if (!prepared) return tl::unexpected(source.string() + ": " + prepared.error());
    return prepared;
}

}  // namespace assay::commit
