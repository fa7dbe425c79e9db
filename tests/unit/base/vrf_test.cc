#include "base/vrf.h"

#include <gtest/gtest.h>

namespace assay::base {
namespace {

/// RFC 9381, appendix B.3, examples 16 to 18.
struct Example {
    const char *seed, *alpha, *proof, *output;
};
constexpr Example kExamples[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
     "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479"
     "d97"
     "27d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
     "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af02"
     "679"
     "8e8f81cd2e333de5cdf4f3e140fdd8ae"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
     "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a"
     "465"
     "301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
     "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a"
     "848"
     "a0bef4553a41befc57663b56373a5031"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
     "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea"
     "3c0"
     "e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
     "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373"
     "241"
     "578be7217ba85a2687f7a0310b2df19f"},
};

TEST(VrfProve, ReproducesTheRfcExamples) {
    for (const Example& example : kExamples) {
        const SecretKey key = SecretKey::from_seed(*from_hex(example.seed));
        const Bytes alpha = *from_hex(example.alpha);
        const VrfProof proof = vrf_prove(key, alpha);
        EXPECT_EQ(to_hex(proof.bytes), example.proof);
        const auto output = vrf_verify(key.public_key(), alpha, proof);
        ASSERT_TRUE(output);
        EXPECT_EQ(to_hex(*output), example.output);
    }
}

TEST(VrfVerify, RefusesEveryFlippedBit) {
    const SecretKey key = SecretKey::from_seed(Bytes(32, 3));
    const VrfProof good = vrf_prove(key, view_of("alpha"));
    for (std::size_t bit = 0; bit < 640; ++bit) {
        VrfProof bad = good;
        bad.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(vrf_verify(key.public_key(), view_of("alpha"), bad)) << bit;
    }
}

TEST(VrfVerify, RefusesAnotherKeyOrInput) {
    const SecretKey key = SecretKey::from_seed(Bytes(32, 3));
    const VrfProof proof = vrf_prove(key, view_of("alpha"));
    EXPECT_FALSE(vrf_verify(key.public_key(), view_of("alphb"), proof));
    EXPECT_FALSE(
        vrf_verify(SecretKey::from_seed(Bytes(32, 4)).public_key(), view_of("alpha"), proof));
    EXPECT_FALSE(vrf_verify(PublicKey{}, view_of("alpha"), proof));
}

TEST(VrfVerify, RefusesAScalarPlusTheGroupOrder) {
    const SecretKey key = SecretKey::from_seed(Bytes(32, 3));
    VrfProof proof = vrf_prove(key, view_of("alpha"));
    const Bytes order =
        *from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += proof.bytes[48 + i] + order[i];
        proof.bytes[48 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8U;
    }
    EXPECT_FALSE(vrf_verify(key.public_key(), view_of("alpha"), proof));
}

TEST(VrfProofFromBytes, RefusesWrongLengths) {
    EXPECT_FALSE(vrf_proof_from_bytes(Bytes(79)));
    EXPECT_FALSE(vrf_proof_from_bytes(Bytes(81)));
    EXPECT_TRUE(vrf_proof_from_bytes(Bytes(80)));
}

}  // namespace
}  // namespace assay::base
