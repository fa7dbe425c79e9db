#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/bytes.h"
#include "program/program.h"

/// The safetensors container (docs/formats/model.md): u64 header length, JSON header, tensor bytes
/// without holes.
namespace assay::commit {

inline constexpr std::uint64_t kSafetensorsHeaderBytesMax = 16ULL << 20U;
inline constexpr std::size_t kSafetensorsTensorsMax = 65'536;
inline constexpr std::size_t kSafetensorsDimensionsMax = 8;

/// One tensor of an opened file.
struct SafeTensor {
    std::string name;
    std::string dtype_name;               ///< as in the file, for example "F32" or "I64"
    std::optional<program::DType> dtype;  ///< nothing when programs do not store this type
    std::vector<std::uint64_t> shape;
    std::span<const std::uint8_t> data;  ///< inside SafetensorsFile::bytes
};

/// A file in memory; `tensors` (in the order of their bytes) point into `bytes`, which a move keeps
/// in place.
struct SafetensorsFile {
    base::Bytes bytes;
    std::vector<SafeTensor> tensors;
    SafetensorsFile() = default;
    SafetensorsFile(SafetensorsFile&&) noexcept = default;
    SafetensorsFile& operator=(SafetensorsFile&&) noexcept = default;
    [[nodiscard]] const SafeTensor* find(std::string_view name) const;
};

/// Strict: refuses headers above the limit, unknown fields, duplicate names, overlaps, gaps,
/// unaligned tensors, sizes that do not follow from dtype and shape, and bytes left over. The error
/// says what is wrong.
tl::expected<SafetensorsFile, std::string> parse_safetensors(base::Bytes bytes);
tl::expected<SafetensorsFile, std::string> read_safetensors(const std::filesystem::path& file);

/// A tensor to be written.
struct SafetensorsShape {
    std::string name;
    std::string dtype_name;
    std::vector<std::uint64_t> shape;
};
struct SafetensorsEntry {
    std::string name;
    std::string dtype_name;
    std::vector<std::uint64_t> shape;
    std::span<const std::uint8_t> data;
};
/// What stands before the tensors' bytes. One list of tensors has one sequence of bytes: they are
/// laid out in the order given, the header is padded with spaces to 8 bytes and `__metadata__` is
/// {"format":"pt"}, which loaders of the ecosystem ask for.
base::Bytes safetensors_header(std::span<const SafetensorsShape> tensors);
/// A whole small file.
base::Bytes write_safetensors(std::span<const SafetensorsEntry> entries);

}  // namespace assay::commit
