#include "blake2b_lanes.h"

#include <algorithm>
#include <cstring>
#include <iterator>

// Below AVX2 libsodium is as fast.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "blake2b_lanes.cc"
#include "hwy/foreach_target.h"

#include "hwy/cache_control.h"
#include "hwy/highway.h"

#undef ASSAY_TARGET_HAS_LANES
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
#define ASSAY_TARGET_HAS_LANES 1
#else
#define ASSAY_TARGET_HAS_LANES 0
#endif

#if ASSAY_TARGET_HAS_LANES
HWY_BEFORE_NAMESPACE();
namespace assay::base::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<std::uint64_t>;
using V = hn::Vec<D>;
inline constexpr std::size_t kLanes = HWY_LANES(std::uint64_t);
static_assert(kLanes <= kHashLanesMax);
inline constexpr std::size_t kPieceBytes = 16;
inline constexpr int kRounds = 12;
inline constexpr std::uint8_t kSigma[kRounds][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

// ---- words

// Rotations by whole bytes are one shuffle; AVX-512 rotates in one instruction.
#if HWY_TARGET == HWY_AVX3
HWY_INLINE V rotate_32(V v) { return hn::RotateRight<32>(v); }
HWY_INLINE V rotate_24(V v) { return hn::RotateRight<24>(v); }
HWY_INLINE V rotate_16(V v) { return hn::RotateRight<16>(v); }
HWY_INLINE V rotate_63(V v) { return hn::RotateRight<63>(v); }
#else
HWY_INLINE V rotate_bytes(V v, const std::uint8_t (&order)[16]) {
    const hn::Repartition<std::uint8_t, D> bytes;
    return hn::BitCast(D(),
                       hn::TableLookupBytes(hn::BitCast(bytes, v), hn::LoadDup128(bytes, order)));
}
HWY_INLINE V rotate_32(V v) {
    const hn::Repartition<std::uint32_t, D> halves;
    return hn::BitCast(D(), hn::Shuffle2301(hn::BitCast(halves, v)));
}
HWY_INLINE V rotate_24(V v) {
    alignas(16) static constexpr std::uint8_t order[16] = {3,  4,  5,  6,  7,  0, 1, 2,
                                                           11, 12, 13, 14, 15, 8, 9, 10};
    return rotate_bytes(v, order);
}
HWY_INLINE V rotate_16(V v) {
    alignas(16) static constexpr std::uint8_t order[16] = {2,  3,  4,  5,  6,  7,  0, 1,
                                                           10, 11, 12, 13, 14, 15, 8, 9};
    return rotate_bytes(v, order);
}
HWY_INLINE V rotate_63(V v) { return hn::Or(hn::Add(v, v), hn::ShiftRight<63>(v)); }
#endif

/// The 16 bytes at `offset` of every second lane from `first` on, one per block of the register.
template <class Tag>
HWY_INLINE hn::Vec<Tag> every_second(Tag d, const std::uint8_t* const* lanes, std::size_t first,
                                     std::size_t offset) {
    constexpr std::size_t kWide = hn::MaxLanes(Tag());
    if constexpr (kWide == 2) {
        (void)d;
        const hn::Full128<std::uint8_t> bytes;
        return hn::BitCast(Tag(), hn::LoadU(bytes, lanes[first] + offset));
    } else {
        const hn::Half<Tag> half;
        return hn::Combine(d, every_second(half, lanes, first + kWide / 2, offset),
                           every_second(half, lanes, first, offset));
    }
}

/// A block of every message, in pieces of 16 bytes: piece k of a message is at lanes[message] +
/// offsets[k].
struct Block {
    const std::uint8_t* const* lanes = nullptr;
    std::size_t offsets[kBlake2bBlockBytes / kPieceBytes] = {};
};

/// Word i of all messages becomes m[i].
HWY_INLINE void load_words(const Block& block, V* HWY_RESTRICT m) {
    for (std::size_t k = 0; k < kBlake2bBlockBytes / kPieceBytes; ++k) {
        const V even = every_second(D(), block.lanes, 0, block.offsets[k]);
        const V odd = every_second(D(), block.lanes, 1, block.offsets[k]);
        m[2 * k] = hn::InterleaveLower(D(), even, odd);
        m[2 * k + 1] = hn::InterleaveUpper(D(), even, odd);
    }
}

/// Almost no block holds a NaN, so blocks are only searched, away from the chain of the hash, and
/// corrected when one is found.
template <class Word, Word kInfinity, Word kNan>
HWY_INLINE void make_canonical(V* HWY_RESTRICT m) {
    const hn::Repartition<Word, D> words;
    const auto magnitude = hn::Set(words, static_cast<Word>(~(Word{1} << (8 * sizeof(Word) - 1))));
    const auto infinity = hn::Set(words, kInfinity);
    auto largest = hn::Zero(words);
    for (std::size_t i = 0; i < 16; ++i)
        largest = hn::Max(largest, hn::And(hn::BitCast(words, m[i]), magnitude));
    if (HWY_LIKELY(hn::AllFalse(words, hn::Gt(largest, infinity)))) return;
    for (std::size_t i = 0; i < 16; ++i) {
        const auto bits = hn::BitCast(words, m[i]);
        const auto nan = hn::Gt(hn::And(bits, magnitude), infinity);
        m[i] = hn::BitCast(D(), hn::IfThenElse(nan, hn::Set(words, kNan), bits));
    }
}

HWY_INLINE void load_block(MessageWords words, const Block& block, V* HWY_RESTRICT m) {
    load_words(block, m);
    switch (words) {
        case MessageWords::bytes:
            return;
        case MessageWords::f32:
            return make_canonical<std::int32_t, 0x7f800000, 0x7fc00000>(m);
        case MessageWords::f16:
            return make_canonical<std::int16_t, 0x7c00, 0x7e00>(m);
        case MessageWords::bf16:
            return make_canonical<std::int16_t, 0x7f80, 0x7fc0>(m);
    }
}

// ---- compression (RFC 7693 section 3)

HWY_INLINE void mix(V& a, V& b, V& c, V& d, V x, V y) {
    a = hn::Add(hn::Add(a, x), b);
    d = rotate_32(hn::Xor(d, a));
    c = hn::Add(c, d);
    b = rotate_24(hn::Xor(b, c));
    a = hn::Add(hn::Add(a, y), b);
    d = rotate_16(hn::Xor(d, a));
    c = hn::Add(c, d);
    b = rotate_63(hn::Xor(b, c));
}

HWY_INLINE void compress(V* HWY_RESTRICT h, const V* HWY_RESTRICT m, std::uint64_t bytes_so_far,
                         bool last) {
    const D d;
    V v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    V v8 = hn::Set(d, kBlake2bIv[0]), v9 = hn::Set(d, kBlake2bIv[1]),
      v10 = hn::Set(d, kBlake2bIv[2]), v11 = hn::Set(d, kBlake2bIv[3]);
    V v12 = hn::Set(d, kBlake2bIv[4] ^ bytes_so_far), v13 = hn::Set(d, kBlake2bIv[5]);
    V v14 = hn::Set(d, last ? ~kBlake2bIv[6] : kBlake2bIv[6]), v15 = hn::Set(d, kBlake2bIv[7]);
    for (const auto& s : kSigma) {
        mix(v0, v4, v8, v12, m[s[0]], m[s[1]]);
        mix(v1, v5, v9, v13, m[s[2]], m[s[3]]);
        mix(v2, v6, v10, v14, m[s[4]], m[s[5]]);
        mix(v3, v7, v11, v15, m[s[6]], m[s[7]]);
        mix(v0, v5, v10, v15, m[s[8]], m[s[9]]);
        mix(v1, v6, v11, v12, m[s[10]], m[s[11]]);
        mix(v2, v7, v8, v13, m[s[12]], m[s[13]]);
        mix(v3, v4, v9, v14, m[s[14]], m[s[15]]);
    }
    h[0] = hn::Xor(h[0], hn::Xor(v0, v8));
    h[1] = hn::Xor(h[1], hn::Xor(v1, v9));
    h[2] = hn::Xor(h[2], hn::Xor(v2, v10));
    h[3] = hn::Xor(h[3], hn::Xor(v3, v11));
    h[4] = hn::Xor(h[4], hn::Xor(v4, v12));
    h[5] = hn::Xor(h[5], hn::Xor(v5, v13));
    h[6] = hn::Xor(h[6], hn::Xor(v6, v14));
    h[7] = hn::Xor(h[7], hn::Xor(v7, v15));
}

// ---- messages

/// Walks through the blocks of all messages together. Rows of whole pieces are read in place, which
/// holds for every whole tile of every type; other rows, and the end of a message, are put together
/// in `joined`.
class Blocks {
  public:
    Blocks(const MessageShape& shape, const std::uint8_t* const* starts)
        : shape_(shape), starts_(starts) {
        if (shape_.rows > 1 && shape_.row_bytes == shape_.pitch) {
            shape_.row_bytes *= shape_.rows;
            shape_.rows = 1;
        }
        for (std::size_t lane = 0; lane < kLanes; ++lane) joined_starts_[lane] = joined_[lane];
    }

    /// The next `size` bytes of every message; a shorter block is filled up with zeros.
    HWY_INLINE void next(std::size_t size, Block& block) {
        if (size == kBlake2bBlockBytes && shape_.row_bytes % kPieceBytes == 0) {
            block.lanes = starts_;
            for (std::size_t& offset : block.offsets) {
                offset = offset_ + column_;
                advance(kPieceBytes);
            }
            return;
        }
        for (std::size_t filled = 0; filled < size;) {
            const std::size_t part = std::min(size - filled, shape_.row_bytes - column_);
            for (std::size_t lane = 0; lane < kLanes; ++lane)
                copy(joined_[lane] + filled, starts_[lane] + offset_ + column_, part);
            filled += part;
            advance(part);
        }
        for (auto& lane : joined_) std::memset(lane + size, 0, kBlake2bBlockBytes - size);
        block.lanes = joined_starts_;
        for (std::size_t k = 0; k < std::size(block.offsets); ++k)
            block.offsets[k] = k * kPieceBytes;
    }

    /// Asks for the memory of the next block while this one is hashed: rows of a wide matrix lie in
    /// other pages, where the processor does not look ahead by itself.
    HWY_INLINE void look_ahead() const {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const std::uint8_t* next = starts_[lane] + offset_ + column_;
            hwy::Prefetch(next);
            hwy::Prefetch(next + kBlake2bBlockBytes / 2);
        }
    }

  private:
    // Two digests, the message of a tree's node, are copied without a call of the library.
    static HWY_INLINE void copy(std::uint8_t* to, const std::uint8_t* from, std::size_t size) {
        if (size == 64)
            std::memcpy(to, from, 64);
        else
            std::memcpy(to, from, size);
    }
    HWY_INLINE void advance(std::size_t bytes) {
        column_ += bytes;
        if (column_ < shape_.row_bytes) return;
        column_ = 0;
        offset_ += shape_.pitch;
    }

    MessageShape shape_;
    const std::uint8_t* const* starts_;
    std::size_t offset_ = 0, column_ = 0;
    const std::uint8_t* joined_starts_[kLanes];
    HWY_ALIGN std::uint8_t joined_[kLanes][kBlake2bBlockBytes];
};

void hash_lanes(const std::array<std::uint64_t, 8>& initial, const MessageShape& shape,
                const std::uint8_t* const* starts, Hash* out) {
    const D d;
    V h[8], m[16];
    for (std::size_t i = 0; i < 8; ++i) h[i] = hn::Set(d, initial[i]);
    Blocks reader(shape, starts);
    Block block;
    const std::size_t length = shape.rows * shape.row_bytes;
    std::size_t done = 0;
    do {  // an empty message is one block of zeros
        const std::size_t size = std::min(length - done, kBlake2bBlockBytes);
        reader.next(size, block);
        load_block(shape.words, block, m);
        done += size;
        if (done < length) reader.look_ahead();
        compress(h, m, done, done == length);
    } while (done < length);
    HWY_ALIGN std::uint64_t words[4][kLanes];
    for (std::size_t i = 0; i < 4; ++i) hn::Store(h[i], d, words[i]);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        for (std::size_t i = 0; i < 4; ++i)
            std::memcpy(out[lane].bytes.data() + 8 * i, &words[i][lane], 8);
    }
}

inline constexpr Blake2bLanes kTable{kLanes, hash_lanes};

}  // namespace assay::base::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace assay::base {

#if HWY_TARGETS & (HWY_AVX2 | HWY_AVX3)
namespace {

// Asking the processor takes microseconds, more under a hypervisor.
bool machine_has(std::int64_t target) {
    static const std::int64_t targets = hwy::SupportedTargets();
    return (targets & target) != 0;
}

}  // namespace
#endif

const Blake2bLanes* neon_lanes() {
#if HWY_TARGETS & HWY_NEON
    return &N_NEON::kTable;
#else
    return nullptr;
#endif
}
const Blake2bLanes* avx2_lanes() {
#if HWY_TARGETS & HWY_AVX2
    return machine_has(HWY_AVX2) ? &N_AVX2::kTable : nullptr;
#else
    return nullptr;
#endif
}
const Blake2bLanes* avx512_lanes() {
#if HWY_TARGETS & HWY_AVX3
    return machine_has(HWY_AVX3) ? &N_AVX3::kTable : nullptr;
#else
    return nullptr;
#endif
}

}  // namespace assay::base
#endif
