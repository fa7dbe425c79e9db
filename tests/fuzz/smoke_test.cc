#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "base/signature.h"
#include "target.h"

/// Every decoder of outside bytes against valid inputs, all their truncations, flipped bytes and
/// random mutations. The seed is printed; ASSAY_FUZZ_SEED repeats a run. A failure aborts inside
/// the target and names what was broken.
namespace assay::fuzz {

static void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

namespace {

using base::Bytes;
using base::ByteView;

constexpr std::size_t kInputMax = 1 << 20;
constexpr std::size_t kSystematicMax = 1'500;  ///< truncations and flips of one seed

std::uint64_t seed_of_run() {
    const char* given = std::getenv("ASSAY_FUZZ_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}
    std::size_t below(std::size_t n) {
        return n == 0 ? 0 : static_cast<std::size_t>(random_() % n);
    }

    Bytes mutate(Bytes bytes, ByteView other) {
        for (std::size_t edits = 1 + below(4); edits > 0; --edits) edit(bytes, other);
        if (bytes.size() > kInputMax) bytes.resize(kInputMax);
        return bytes;
    }

  private:
    using Difference = Bytes::difference_type;
    void edit(Bytes& bytes, ByteView other) {
        const std::size_t at = below(bytes.size() + 1);
        const auto place = bytes.begin() + static_cast<Difference>(at);
        const std::size_t rest = bytes.size() - at;
        switch (below(8)) {
            case 0:
                if (rest > 0) bytes[at] ^= static_cast<std::uint8_t>(1U << below(8));
                break;
            case 1:
                if (rest > 0) bytes[at] = static_cast<std::uint8_t>(random_());
                break;
            case 2:  // a length or a count that lies
                overwrite(bytes, at, kInteresting[below(std::size(kInteresting))],
                          std::size_t{1} << below(4));
                break;
            case 3:
                bytes.insert(place, static_cast<std::uint8_t>(random_()));
                break;
            case 4:
                bytes.erase(place, place + static_cast<Difference>(
                                               below(std::min<std::size_t>(rest, 40) + 1)));
                break;
            case 5: {  // a piece twice
                const Bytes piece(place, place + static_cast<Difference>(
                                                     below(std::min<std::size_t>(rest, 64) + 1)));
                bytes.insert(bytes.begin() + static_cast<Difference>(below(bytes.size() + 1)),
                             piece.begin(), piece.end());
                break;
            }
            case 6:  // the end of another input
                bytes.resize(at);
                bytes.insert(bytes.end(),
                             other.begin() + static_cast<Difference>(std::min(at, other.size())),
                             other.end());
                break;
            default:
                bytes.resize(at);
        }
    }
    static void overwrite(Bytes& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
        for (std::size_t i = 0; i < width && at + i < bytes.size(); ++i)
            bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    static constexpr std::uint64_t kInteresting[] = {0,
                                                     1,
                                                     2,
                                                     0x7f,
                                                     0x80,
                                                     0xff,
                                                     0xffff,
                                                     0x7fffffff,
                                                     0x80000000,
                                                     0xffffffff,
                                                     0x7fffffffffffffff,
                                                     0x8000000000000000,
                                                     0xffffffffffffffff,
                                                     0x20202020,
                                                     0x30303030};
    std::mt19937_64 random_;
};

class Decoder : public testing::TestWithParam<Target> {};

TEST_P(Decoder, SurvivesEveryInput) {
    static const std::uint64_t seed = seed_of_run();
    static const bool printed = [] {
        std::cout << "ASSAY_FUZZ_SEED=" << seed << std::endl;
        return true;
    }();
    ASSERT_TRUE(printed);
    ASSERT_FALSE(base::crypto_self_test().has_value());
    const Target& target = GetParam();
    const auto seeds = target.seeds();
    Mutator mutator(seed);
    // Whoever sends bytes must not be able to fill a log with them either.
    testing::internal::CaptureStderr();
    target.run({});
    for (const Bytes& valid : seeds) {
        target.run(valid);
        const std::size_t stride = 1 + valid.size() / (kSystematicMax / seeds.size() + 1);
        for (std::size_t i = 0; i < valid.size(); i += stride) {
            target.run(ByteView(valid).first(i));
            Bytes flipped = valid;
            flipped[i] ^= static_cast<std::uint8_t>(1U << mutator.below(8));
            target.run(flipped);
        }
        Bytes longer = valid;
        longer.push_back(0);
        target.run(longer);
    }
    for (unsigned i = 0; i < target.rounds; ++i) {
        target.run(
            mutator.mutate(seeds[mutator.below(seeds.size())], seeds[mutator.below(seeds.size())]));
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

INSTANTIATE_TEST_SUITE_P(All, Decoder, testing::ValuesIn(targets()),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace assay::fuzz
