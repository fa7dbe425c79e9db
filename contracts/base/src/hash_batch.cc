#include "base/hash_batch.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "blake2b_lanes.h"

namespace assay::base {

namespace {

constexpr std::size_t kPieceBytes = 1024;
constexpr std::size_t kPersonalBytes = 16;

template <class Word, Word kInfinity, Word kNan>
void copy_floats(const std::uint8_t* from, std::uint8_t* to, std::size_t bytes) {
    constexpr Word kMagnitude = static_cast<Word>(std::numeric_limits<Word>::max() >> 1U);
    ASSAY_CHECK(bytes % sizeof(Word) == 0);
    for (std::size_t i = 0; i < bytes; i += sizeof(Word)) {
        Word word = 0;
        std::memcpy(&word, from + i, sizeof(Word));
        if (static_cast<Word>(word & kMagnitude) > kInfinity) word = kNan;
        std::memcpy(to + i, &word, sizeof(Word));
    }
}

Hash hash_alone(std::string_view tag, const MessageShape& shape, const std::uint8_t* start) {
    Hasher hasher(tag);
    std::array<std::uint8_t, kPieceBytes> piece;
    for (std::size_t row = 0; row < shape.rows; ++row) {
        const std::uint8_t* from = start + row * shape.pitch;
        if (shape.words == MessageWords::bytes) {
            hasher.add({from, shape.row_bytes});
            continue;
        }
        for (std::size_t done = 0; done < shape.row_bytes; done += kPieceBytes) {
            const std::size_t size = std::min(kPieceBytes, shape.row_bytes - done);
            copy_canonical_words(shape.words, from + done, piece.data(), size);
            hasher.add({piece.data(), size});
        }
    }
    return hasher.finish();
}

const Blake2bLanes* lanes_of(HashTarget target) {
    switch (target) {
        case HashTarget::scalar:
            return nullptr;
        case HashTarget::neon:
            return neon_lanes();
        case HashTarget::avx2:
            return avx2_lanes();
        case HashTarget::avx512:
            return avx512_lanes();
    }
    ASSAY_CHECK(false);
    return nullptr;
}

/// The chaining value under `tag`: the constants and the parameter block (RFC 7693 2.8, with
/// BLAKE2's personal field): 32 bytes of digest, no key, fanout and depth 1, no salt.
std::array<std::uint64_t, 8> initial_value(std::string_view tag) {
    ASSAY_CHECK(!tag.empty() && tag.size() <= kPersonalBytes);
    std::array<std::uint8_t, kPersonalBytes> personal{};
    std::copy(tag.begin(), tag.end(), personal.begin());
    std::array<std::uint64_t, 8> initial = kBlake2bIv;
    initial[0] ^= 0x01010020U;
    for (std::size_t i = 0; i < kPersonalBytes; ++i)
        initial[6 + i / 8] ^= std::uint64_t{personal[i]} << (8 * (i % 8));
    return initial;
}

}  // namespace

void copy_canonical_words(MessageWords words, const std::uint8_t* from, std::uint8_t* to,
                          std::size_t bytes) {
    switch (words) {
        case MessageWords::bytes:
            if (bytes != 0) std::memmove(to, from, bytes);
            return;
        case MessageWords::f32:
            return copy_floats<std::uint32_t, 0x7f800000U, 0x7fc00000U>(from, to, bytes);
        case MessageWords::f16:
            return copy_floats<std::uint16_t, 0x7c00U, 0x7e00U>(from, to, bytes);
        case MessageWords::bf16:
            return copy_floats<std::uint16_t, 0x7f80U, 0x7fc0U>(from, to, bytes);
    }
}

std::string_view name_of(HashTarget target) {
    switch (target) {
        case HashTarget::scalar:
            return "scalar";
        case HashTarget::neon:
            return "neon";
        case HashTarget::avx2:
            return "avx2";
        case HashTarget::avx512:
            return "avx512";
    }
    ASSAY_CHECK(false);
    return {};
}

const std::vector<HashTarget>& hash_targets() {
    static const std::vector<HashTarget> targets = [] {
        std::vector<HashTarget> found{HashTarget::scalar};
        for (const HashTarget target : {HashTarget::neon, HashTarget::avx2, HashTarget::avx512}) {
            if (lanes_of(target) != nullptr) found.push_back(target);
        }
        return found;
    }();
    return targets;
}

void blake2b_batch(std::string_view tag, const MessageShape& shape,
                   std::span<const std::uint8_t* const> starts, std::span<Hash> out,
                   HashTarget target) {
    ASSAY_CHECK(starts.size() == out.size());
    const Blake2bLanes* lanes = lanes_of(target);
    ASSAY_CHECK(lanes != nullptr || target == HashTarget::scalar);
    std::size_t done = 0;
    if (lanes != nullptr && starts.size() > 1) {
        const std::array<std::uint64_t, 8> initial = initial_value(tag);
        for (; starts.size() - done >= lanes->lanes; done += lanes->lanes) {
            lanes->hash(initial, shape, starts.data() + done, out.data() + done);
        }
        // One message is faster alone; several fill a batch by repeating the last.
        const std::size_t left = starts.size() - done;
        if (left > 1) {
            std::array<const std::uint8_t*, kHashLanesMax> filled;
            std::array<Hash, kHashLanesMax> digests;
            for (std::size_t i = 0; i < lanes->lanes; ++i)
                filled[i] = starts[done + std::min(i, left - 1)];
            lanes->hash(initial, shape, filled.data(), digests.data());
            std::copy_n(digests.begin(), left, out.begin() + static_cast<std::ptrdiff_t>(done));
            done += left;
        }
    }
    for (; done < starts.size(); ++done) out[done] = hash_alone(tag, shape, starts[done]);
}

}  // namespace assay::base
