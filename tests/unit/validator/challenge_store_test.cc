#include "challenge_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "client/challenge.h"
#include "spot_checks.h"

namespace assay::validator {
namespace {

base::Hash hash_of(const std::string& text) {
    return base::blake2b("assay.test", base::view_of(text));
}

KeptChallenge example() {
    const market::ChallengeTarget target{
        market::DisputeTarget::segment, base::PartId{hash_of("part")}, 3, {}, 0};
    return {ChallengeStep::sealed, base::JobId{hash_of("job")}, 7, target, hash_of("claimed"),
            hash_of("nonce")};
}

TEST(KeptChallenge, ComesBackAsItWas) {
    EXPECT_EQ(decode_kept_challenge(encode_kept_challenge(example())), example());
    KeptChallenge merge = example();
    merge.target = {market::DisputeTarget::merge, base::PartId{hash_of("merge")}, 0, merge.job,
                    merge.round};
    EXPECT_EQ(decode_kept_challenge(encode_kept_challenge(merge)), merge);
}

TEST(KeptChallenge, RefusesEveryChangedByteAndLength) {
    base::Bytes bytes = encode_kept_challenge(example());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        base::Bytes bad = bytes;
        bad[i] ^= 1U;
        EXPECT_FALSE(decode_kept_challenge(bad)) << i;
        EXPECT_FALSE(decode_kept_challenge(base::ByteView(bytes).first(i))) << i;
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_kept_challenge(bytes));
}

TEST(KeptChallenge, HasTheBytesOfTheDocument) {
    std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/worker_folder.md");
    std::string expected;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("challenge_example ")) expected = line.substr(18);
    }
    EXPECT_EQ(base::to_hex(encode_kept_challenge(KeptChallenge{})), expected);
}

TEST(ChallengeNonce, IsOnePerKeyTargetAndRoot) {
    const auto key = base::SecretKey::from_seed(base::Bytes(32, 1));
    const auto other = base::SecretKey::from_seed(base::Bytes(32, 2));
    const KeptChallenge kept = example();
    market::ChallengeTarget next = kept.target;
    ++next.segment;
    const base::Hash nonce = client::challenge_nonce(key, kept.target, kept.claimed);
    EXPECT_EQ(nonce, client::challenge_nonce(key, kept.target, kept.claimed));
    EXPECT_NE(nonce, client::challenge_nonce(other, kept.target, kept.claimed));
    EXPECT_NE(nonce, client::challenge_nonce(key, next, kept.claimed));
    EXPECT_NE(nonce, client::challenge_nonce(key, kept.target, hash_of("another")));
}

TEST(ChallengeStore, AnswersOnlyForTheTargetItKept) {
    std::string name =
        (std::filesystem::temp_directory_path() / "assay-challenges-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    const ChallengeStore store(name);
    const KeptChallenge kept = example();
    EXPECT_FALSE(store.load(kept.target));
    EXPECT_TRUE(store.list().empty());
    ASSERT_TRUE(store.save(kept));
    EXPECT_EQ(store.load(kept.target), kept);
    // A file under another target's name is not that target's challenge; a damaged one is nobody's.
    market::ChallengeTarget other = kept.target;
    ++other.segment;
    const std::filesystem::path folder(name);
    std::filesystem::copy_file(folder / client::target_digest(kept.target).hex(),
                               folder / client::target_digest(other).hex());
    std::ofstream(folder / "damaged") << "not a challenge";
    EXPECT_FALSE(store.load(other));
    EXPECT_EQ(store.list(), std::vector{kept});
    store.remove(kept.target);
    EXPECT_FALSE(store.load(kept.target));
    std::filesystem::remove_all(name);
}

TEST(SpotChecks, ChooseTheShareTheyWereTold) {
    constexpr int kTargets = 4000;
    for (const double rate : {0.0, 0.25, 1.0}) {
        int chosen = 0;
        for (int i = 0; i < kTargets; ++i)
            chosen += SpotChecks::is_chosen(hash_of(std::to_string(i)), rate) ? 1 : 0;
        // Five standard deviations of a fair choice; none or all at the ends.
        const double spread = 5 * std::sqrt(kTargets * rate * (1 - rate));
        EXPECT_NEAR(chosen, kTargets * rate, spread) << rate;
    }
    // The greatest number there is, chosen by the rate 1 alone.
    base::Hash greatest;
    greatest.bytes.fill(0xff);
    EXPECT_TRUE(SpotChecks::is_chosen(greatest, 1.0));
    EXPECT_FALSE(SpotChecks::is_chosen(greatest, 0.999));
    EXPECT_FALSE(SpotChecks::is_chosen(base::Hash{}, 0.0));
}

}  // namespace
}  // namespace assay::validator
