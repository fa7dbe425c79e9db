#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"

/// BLAKE2b-256 of many equally long messages at once, one message per 64-bit lane of a vector
/// register. The digests are those of `Hasher`, byte for byte: libsodium is the definition, and
/// what runs where the machine has no wide registers.
namespace assay::base {

/// How the words of a message are read. Of floats every NaN is hashed as the canonical one of its
/// type (docs/formats/state.md), so that the bits of a NaN, which no instruction defines, never
/// reach a digest.
enum class MessageWords : std::uint8_t { bytes, f32, f16, bf16 };

/// Copies whole words; every NaN is written as the canonical one. `to` may be `from`.
void copy_canonical_words(MessageWords words, const std::uint8_t* from, std::uint8_t* to,
                          std::size_t bytes);

/// What all messages of a batch have in common: row r of a message begins `r * pitch` bytes behind
/// the message's start. A tile of a matrix is hashed where it lies.
struct MessageShape {
    std::size_t rows = 1;
    std::size_t row_bytes = 0;  ///< a whole number of words
    std::size_t pitch = 0;
    MessageWords words = MessageWords::bytes;
    bool operator==(const MessageShape&) const = default;
};

/// Instruction sets, narrow to wide: how many messages are hashed at once.
enum class HashTarget : std::uint8_t {
    scalar,  ///< libsodium, message by message
    neon,    ///< two
    avx2,    ///< four
    avx512,  ///< eight
};
std::string_view name_of(HashTarget target);
/// Those of this machine, ascending; the first is `scalar`.
const std::vector<HashTarget>& hash_targets();

/// out[i] = digest under `tag` of the message that starts at starts[i]. `out` must not overlap the
/// messages. A target that the machine lacks is a bug of the caller.
void blake2b_batch(std::string_view tag, const MessageShape& shape,
                   std::span<const std::uint8_t* const> starts, std::span<Hash> out,
                   HashTarget target = hash_targets().back());

}  // namespace assay::base
