#include "utf8.h"

#include "base/check.h"

namespace assay::commit {

std::optional<std::uint32_t> next_code_point(std::string_view text, std::size_t& position) {
    const auto lead = static_cast<std::uint8_t>(text[position]);
    if (lead < 0x80U) {
        ++position;
        return lead;
    }
    std::size_t length = 0;
    std::uint32_t point = 0, lowest = 0;
    if (lead >= 0xc2U && lead <= 0xdfU) {
        length = 2, point = lead & 0x1fU, lowest = 0x80;
    } else if (lead >= 0xe0U && lead <= 0xefU) {
        length = 3, point = lead & 0x0fU, lowest = 0x800;
    } else if (lead >= 0xf0U && lead <= 0xf4U) {
        length = 4, point = lead & 0x07U, lowest = 0x10000;
    } else {
        return std::nullopt;
    }
    if (length > text.size() - position) return std::nullopt;
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<std::uint8_t>(text[position + i]);
        if ((byte & 0xc0U) != 0x80U) return std::nullopt;
        point = (point << 6U) | (byte & 0x3fU);
    }
    if (point < lowest || point > 0x10ffffU || (point >= 0xd800U && point <= 0xdfffU))
        return std::nullopt;
    position += length;
    return point;
}

void append_code_point(std::string& text, std::uint32_t point) {
    ASSAY_CHECK(point <= 0x10ffffU);
    const auto put = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
    const auto follow = [&](unsigned shift) { put(0x80U | ((point >> shift) & 0x3fU)); };
    if (point < 0x80U) {
        put(point);
    } else if (point < 0x800U) {
        put(0xc0U | (point >> 6U));
        follow(0);
    } else if (point < 0x10000U) {
        put(0xe0U | (point >> 12U));
        follow(6);
        follow(0);
    } else {
        put(0xf0U | (point >> 18U));
        follow(12);
        follow(6);
        follow(0);
    }
}

}  // namespace assay::commit
