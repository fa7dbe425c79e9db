#include "own_draws.h"

#include <cstring>
#include <string_view>

#include "market/draw.h"

namespace assay::sim {

namespace {

using Words [[gnu::vector_size(8 * kTicketLanes)]] = std::uint64_t;
using Message = std::array<Words, 16>;

/// y, kind, job, round, lane, segment, control: one block of BLAKE2b (RFC 7693).
constexpr std::uint64_t kMessageBytes = 32 + 1 + 32 + 3 * 4 + 32;
constexpr std::string_view kTag = "assay.draw";
constexpr std::array<std::uint64_t, 8> kStart{
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
/// Digest of 32 bytes, no key, fanout and depth 1.
constexpr std::uint64_t kShape = 0x01010020;
constexpr std::uint32_t kRounds = 12;
constexpr std::uint8_t kOrder[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                         {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                         {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                         {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                         {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                         {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                         {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                         {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                         {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                         {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

constexpr std::uint64_t word_at(std::string_view bytes, std::size_t from) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8 && from + i < bytes.size(); ++i)
        word |= std::uint64_t{static_cast<std::uint8_t>(bytes[from + i])} << (8 * i);
    return word;
}

template <int bits>
[[gnu::always_inline]] inline void turn(Words& word) {
    word = (word >> bits) | (word << (64 - bits));
}

[[gnu::always_inline]] inline void mix(Words& a, Words& b, Words& c, Words& d, const Words& x,
                                       const Words& y) {
    a += b + x;
    d ^= a;
    turn<32>(d);
    c += d;
    b ^= c;
    turn<24>(b);
    a += b + y;
    d ^= a;
    turn<16>(d);
    c += d;
    b ^= c;
    turn<63>(b);
}

/// The first word of eight digests of one block each.
[[gnu::always_inline]] inline void first_words(const Message& m, Words& out) {
    std::array<Words, 16> v;
    for (std::size_t i = 0; i < 8; ++i) v[i] = Words{} + kStart[i];
    for (std::size_t i = 0; i < 8; ++i) v[8 + i] = Words{} + kStart[i];
    v[0] ^= kShape;
    v[6] ^= word_at(kTag, 0);
    v[7] ^= word_at(kTag, 8);
    v[12] ^= kMessageBytes;
    v[14] = ~v[14];
    const Words first = v[0];
    for (std::uint32_t round = 0; round < kRounds; ++round) {
        const auto& order = kOrder[round % 10];
        mix(v[0], v[4], v[8], v[12], m[order[0]], m[order[1]]);
        mix(v[1], v[5], v[9], v[13], m[order[2]], m[order[3]]);
        mix(v[2], v[6], v[10], v[14], m[order[4]], m[order[5]]);
        mix(v[3], v[7], v[11], v[15], m[order[6]], m[order[7]]);
        mix(v[0], v[5], v[10], v[15], m[order[8]], m[order[9]]);
        mix(v[1], v[6], v[11], v[12], m[order[10]], m[order[11]]);
        mix(v[2], v[7], v[8], v[13], m[order[12]], m[order[13]]);
        mix(v[3], v[4], v[9], v[14], m[order[14]], m[order[15]]);
    }
    out = first ^ v[0] ^ v[8];
}

#if defined(__x86_64__)
[[gnu::target("avx512f")]] void first_words_512(const Message& m, Words& out) {
    first_words(m, out);
}
[[gnu::target("avx2")]] void first_words_256(const Message& m, Words& out) { first_words(m, out); }
#endif

using FirstWords = void (*)(const Message&, Words&);
FirstWords widest() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return first_words_512;
    if (__builtin_cpu_supports("avx2")) return first_words_256;
#endif
    return [](const Message& m, Words& out) { first_words(m, out); };
}

}  // namespace

JobBatches::JobBatches(std::span<const base::JobId> jobs) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (i % kTicketLanes == 0) batches_.emplace_back();
        // A byte for the kind stands before the job, so its words are off by one.
        std::string bytes(1, static_cast<char>(market::ClaimKind::segment));
        bytes.append(jobs[i].hash.bytes.begin(), jobs[i].hash.bytes.end());
        for (std::size_t word = 0; word < kJobWords; ++word)
            batches_.back()[word][i % kTicketLanes] = word_at(bytes, 8 * word);
    }
}

Tickets JobBatches::tickets(std::size_t batch, const base::Hash& y, std::uint32_t segment) const {
    static const FirstWords hash = widest();
    Message message{};
    const std::string_view y_bytes(reinterpret_cast<const char*>(y.bytes.data()), y.bytes.size());
    for (std::size_t i = 0; i < 4; ++i) message[i] = Words{} + word_at(y_bytes, 8 * i);
    for (std::size_t word = 0; word < kJobWords; ++word)
        std::memcpy(&message[4 + word], batches_[batch][word].data(), sizeof(Words));
    // Round and lane are zeros; the segment stands one byte into this word.
    message[9] = Words{} + (std::uint64_t{segment} << 8U);
    Words words;
    hash(message, words);
    Tickets out;
    std::memcpy(out.data(), &words, sizeof(out));
    return out;
}

}  // namespace assay::sim
