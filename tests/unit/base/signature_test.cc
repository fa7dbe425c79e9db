#include "base/signature.h"

#include <gtest/gtest.h>

namespace assay::base {
namespace {

SecretKey example_key() { return SecretKey::from_seed(Bytes(32, 7)); }
const Hash kChain = blake2b("assay.test", view_of("chain"));

TEST(CryptoSelfTest, PassesOnThisLibrary) { EXPECT_EQ(crypto_self_test(), std::nullopt); }

TEST(PublicKeyFromBytes, AcceptsKeysWeMade) {
    const SecretKey key = SecretKey::generate();
    EXPECT_EQ(public_key_from_bytes(key.public_key().view()), key.public_key());
}

TEST(PublicKeyFromBytes, RefusesPointsOutsideTheGroup) {
    Bytes mixed(32, 0x99);
    mixed[0] = 0x95;  // base point + point of order two
    Bytes identity(32, 0);
    identity[0] = 1;
    Bytes not_canonical(32, 0xff);
    not_canonical[31] = 0x7f;
    for (const Bytes& bytes :
         {mixed, identity, not_canonical, Bytes(32, 0), Bytes(31), Bytes(33), Bytes{}}) {
        EXPECT_FALSE(public_key_from_bytes(bytes)) << to_hex(bytes);
    }
}

TEST(Verify, AcceptsOnlyTheSignedBytes) {
    const SecretKey key = example_key();
    const Signature signature = key.sign("assay.tx", kChain, view_of("pay"));
    EXPECT_TRUE(verify(key.public_key(), signature, "assay.tx", kChain, view_of("pay")));
    EXPECT_FALSE(verify(key.public_key(), signature, "assay.tx", kChain, view_of("paz")));
    EXPECT_FALSE(verify(key.public_key(), signature, "assay.ty", kChain, view_of("pay")));
    EXPECT_FALSE(verify(key.public_key(), signature, "assay.tx", Hash{}, view_of("pay")));
    EXPECT_FALSE(
        verify(SecretKey::generate().public_key(), signature, "assay.tx", kChain, view_of("pay")));
}

TEST(Verify, RefusesEveryFlippedBit) {
    const SecretKey key = example_key();
    const Signature good = key.sign("assay.tx", kChain, view_of("pay"));
    for (std::size_t bit = 0; bit < 512; ++bit) {
        Signature bad = good;
        bad.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(verify(key.public_key(), bad, "assay.tx", kChain, view_of("pay"))) << bit;
    }
}

TEST(Verify, RefusesAScalarPlusTheGroupOrder) {
    const SecretKey key = example_key();
    Signature signature = key.sign("assay.tx", kChain, view_of("pay"));
    const Bytes order =
        *from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += signature.bytes[32 + i] + order[i];
        signature.bytes[32 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8U;
    }
    EXPECT_FALSE(verify(key.public_key(), signature, "assay.tx", kChain, view_of("pay")));
}

TEST(SecretKey, DerivesOneSecretPerPurposeAndContext) {
    const SecretKey key = example_key();
    const Hash salt = key.derive("salt", view_of("1"));
    EXPECT_EQ(example_key().derive("salt", view_of("1")), salt);
    EXPECT_NE(key.derive("salt", view_of("2")), salt);
    EXPECT_NE(key.derive("seal", view_of("1")), salt);
    EXPECT_NE(key.derive("sal", view_of("t1")), salt);
    EXPECT_NE(SecretKey::from_seed(Bytes(32, 8)).derive("salt", view_of("1")), salt);
}

TEST(SecretKey, MovesItsSecret) {
    SecretKey key = example_key();
    const PublicKey public_key = key.public_key();
    SecretKey moved = std::move(key);
    EXPECT_EQ(moved.public_key(), public_key);
    EXPECT_EQ(Bytes(moved.seed().begin(), moved.seed().end()), Bytes(32, 7));
}

TEST(SignedBytesDeath, RefusesDomainsThatCouldBeConfused) {
    EXPECT_DEATH(signed_bytes("", kChain, {}), "check failed");
    EXPECT_DEATH(signed_bytes("assay tx", kChain, {}), "check failed");
    EXPECT_DEATH(signed_bytes(std::string(33, 'a'), kChain, {}), "check failed");
}

}  // namespace
}  // namespace assay::base
