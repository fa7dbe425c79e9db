#include "commit/safetensors.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/encoding.h"
#include "base/wide.h"
#include "commit/checkpoint.h"

namespace assay::commit {

namespace {

using base::Bytes;
using base::ByteView;
using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kAlignment = 8;
constexpr std::uint64_t kFileBytesMax = 1ULL << 40U;
constexpr std::string_view kMetadata = "__metadata__";
constexpr int kDepthMax = 3;

struct TypeName {
    std::string_view name;
    std::uint32_t bytes;
    std::optional<program::DType> dtype;
};
constexpr std::array<TypeName, 13> kTypes{{
    {"F32", 4, program::DType::f32},
    {"I32", 4, program::DType::i32},
    {"I8", 1, program::DType::i8},
    {"U16", 2, program::DType::u16},
    {"F16", 2, program::DType::f16},
    {"BF16", 2, program::DType::bf16},
    {"F64", 8, std::nullopt},
    {"I64", 8, std::nullopt},
    {"U64", 8, std::nullopt},
    {"U32", 4, std::nullopt},
    {"I16", 2, std::nullopt},
    {"U8", 1, std::nullopt},
    {"BOOL", 1, std::nullopt},
}};

const TypeName* type_named(std::string_view name) {
    const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                    [&](const TypeName& type) { return type.name == name; });
    return found == kTypes.end() ? nullptr : &*found;
}

/// The header as JSON: no duplicate names, no deep nesting.
std::optional<json> parse_header(ByteView text, std::string& problem) {
    std::vector<std::set<std::string>> names;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        if (depth > kDepthMax) problem = "the header is nested too deeply";
        if (event == json::parse_event_t::object_start) names.emplace_back();
        if (event == json::parse_event_t::object_end && !names.empty()) names.pop_back();
        if (event == json::parse_event_t::key && !names.empty() &&
            !names.back().insert(parsed.get<std::string>()).second) {
            problem = "the header has a name twice";
        }
        return problem.empty();
    };
    json header = json::parse(text.begin(), text.end(), watch, false);
    if (problem.empty() && !header.is_object()) problem = "the header is not a JSON object";
    if (!problem.empty()) return std::nullopt;
    return header;
}

bool is_metadata(const json& value) {
    return value.is_object() && std::all_of(value.begin(), value.end(),
                                            [](const json& entry) { return entry.is_string(); });
}

std::optional<std::vector<std::uint64_t>> numbers(const json& value, std::size_t count_max) {
    if (!value.is_array() || value.size() > count_max) return std::nullopt;
    std::vector<std::uint64_t> result;
    for (const json& entry : value) {
        if (!entry.is_number_unsigned()) return std::nullopt;
        result.push_back(entry.get<std::uint64_t>());
    }
    return result;
}

struct Placed {
    SafeTensor tensor;
    std::uint64_t begin = 0, end = 0;
};

tl::expected<Placed, std::string> read_entry(const std::string& name, const json& entry) {
    const auto refuse = [&](std::string_view reason) {
        return tl::unexpected("tensor '" + name + "' " + std::string(reason));
    };
    if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
        !entry.contains("shape") || !entry.contains("data_offsets")) {
        return refuse("must have exactly dtype, shape and data_offsets");
    }
    if (!entry["dtype"].is_string()) return refuse("has no dtype");
    const TypeName* type = type_named(entry["dtype"].get_ref<const std::string&>());
    if (type == nullptr) return refuse("has an unknown dtype");
    const auto shape = numbers(entry["shape"], kSafetensorsDimensionsMax);
    if (!shape) return refuse("has a shape that is not a short list of sizes");
    const auto offsets = numbers(entry["data_offsets"], 2);
    if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1])
        return refuse("has offsets that are not [begin, end]");
    base::Uint128 bytes = type->bytes;
    for (const std::uint64_t size : *shape) {
        bytes *= size;
        if (bytes > kFileBytesMax) return refuse("is too large");
    }
    if (bytes != (*offsets)[1] - (*offsets)[0])
        return refuse("has offsets that do not match its shape");
    if ((*offsets)[0] % type->bytes != 0) return refuse("is not aligned");
    return Placed{SafeTensor{name, std::string(type->name), type->dtype, *shape, {}}, (*offsets)[0],
                  (*offsets)[1]};
}

std::uint64_t bytes_of(const SafetensorsShape& tensor) {
    const TypeName* type = type_named(tensor.dtype_name);
    ASSAY_CHECK(type != nullptr);
    std::uint64_t bytes = type->bytes;
    for (const std::uint64_t size : tensor.shape) bytes *= size;
    return bytes;
}

std::string entry_text(const SafetensorsShape& tensor, std::uint64_t begin) {
    std::string text =
        "\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype_name + "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
        if (i > 0) text += ',';
        text += std::to_string(tensor.shape[i]);
    }
    return text + "],\"data_offsets\":[" + std::to_string(begin) + "," +
           std::to_string(begin + bytes_of(tensor)) + "]}";
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_';
    });
}

}  // namespace

const SafeTensor* SafetensorsFile::find(std::string_view name) const {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [&](const SafeTensor& tensor) { return tensor.name == name; });
    return found == tensors.end() ? nullptr : &*found;
}

tl::expected<SafetensorsFile, std::string> parse_safetensors(Bytes bytes) {
    const auto refuse = [](std::string reason) { return tl::unexpected(std::move(reason)); };
    if (bytes.size() < kLengthBytes) return refuse("the file is shorter than its header length");
    const std::uint64_t length = base::Decoder(bytes).u64();
    if (length > kSafetensorsHeaderBytesMax) return refuse("the header is longer than 16 MiB");
    if (length > bytes.size() - kLengthBytes) return refuse("the file ends inside its header");
    const ByteView text = ByteView(bytes).subspan(kLengthBytes, length);
    if (text.empty() || text.front() != '{') return refuse("the header does not start with '{'");
    std::string problem;
    const auto header = parse_header(text, problem);
    if (!header) return refuse(problem);
    if (header->size() > kSafetensorsTensorsMax) return refuse("the file has too many tensors");
    std::vector<Placed> placed;
    for (const auto& [name, entry] : header->items()) {
        if (name == kMetadata) {
            if (!is_metadata(entry)) return refuse("__metadata__ must map names to texts");
            continue;
        }
        auto read = read_entry(name, entry);
        if (!read) return refuse(read.error());
        placed.push_back(std::move(*read));
    }
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
        return std::tie(a.begin, a.end, a.tensor.name) < std::tie(b.begin, b.end, b.tensor.name);
    });
    SafetensorsFile file;
    file.bytes = std::move(bytes);
    const ByteView data = ByteView(file.bytes).subspan(kLengthBytes + length);
    std::uint64_t next = 0;
    for (Placed& entry : placed) {
        if (entry.begin < next)
            return refuse("tensor '" + entry.tensor.name + "' overlaps another");
        if (entry.begin > next)
            return refuse("there is a gap before tensor '" + entry.tensor.name + "'");
        if (entry.end > data.size())
            return refuse("the file ends inside tensor '" + entry.tensor.name + "'");
        entry.tensor.data = data.subspan(entry.begin, entry.end - entry.begin);
        file.tensors.push_back(std::move(entry.tensor));
        next = entry.end;
    }
    if (next != data.size()) return refuse("there are bytes after the last tensor");
    return file;
}

tl::expected<SafetensorsFile, std::string> read_safetensors(const std::filesystem::path& file) {
    auto bytes = read_whole_file(file, kFileBytesMax);
    if (!bytes) return tl::unexpected(std::string(message_of(bytes.error())));
    return parse_safetensors(std::move(*bytes));
}

Bytes safetensors_header(std::span<const SafetensorsShape> tensors) {
    std::string header = R"({"__metadata__":{"format":"pt"})";
    std::uint64_t offset = 0;
    for (const SafetensorsShape& tensor : tensors) {
        ASSAY_CHECK(is_plain_name(tensor.name));
        header += "," + entry_text(tensor, offset);
        offset += bytes_of(tensor);
    }
    header += "}";
    while ((kLengthBytes + header.size()) % kAlignment != 0) header += ' ';
    base::Encoder length;
    length.u64(header.size());
    Bytes out = length.take();
    out.insert(out.end(), header.begin(), header.end());
    return out;
}

Bytes write_safetensors(std::span<const SafetensorsEntry> entries) {
    std::vector<SafetensorsShape> tensors;
    for (const SafetensorsEntry& entry : entries)
        tensors.push_back({entry.name, entry.dtype_name, entry.shape});
    Bytes out = safetensors_header(tensors);
    for (const SafetensorsEntry& entry : entries)
        out.insert(out.end(), entry.data.begin(), entry.data.end());
    return out;
}

}  // namespace assay::commit
