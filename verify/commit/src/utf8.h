#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay::commit {

/// Reads one code point at `position` and moves past it. Nothing for overlong forms, surrogates,
/// truncation and values above U+10FFFF (RFC 3629). Requires position < text.size().
std::optional<std::uint32_t> next_code_point(std::string_view text, std::size_t& position);
/// Requires a Unicode scalar value.
void append_code_point(std::string& text, std::uint32_t point);

}  // namespace assay::commit
