#include "verdict_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace assay::validator {
namespace {

base::Hash hash_of(const char* text) { return base::blake2b("assay.test", base::view_of(text)); }

SealedVerdict example() {
    return {base::AuditId{hash_of("audit")}, {market::VerdictKind::plant, {}, hash_of("digest")}, hash_of("nonce")};
}

TEST(SealedVerdict, ComesBackAsItWas) {
    EXPECT_EQ(decode_sealed_verdict(encode_sealed_verdict(example())), example());
}

TEST(SealedVerdict, RefusesEveryChangedByteAndLength) {
    base::Bytes bytes = encode_sealed_verdict(example());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        base::Bytes bad = bytes;
        bad[i] ^= 1U;
        EXPECT_FALSE(decode_sealed_verdict(bad)) << i;
        EXPECT_FALSE(decode_sealed_verdict(base::ByteView(bytes).first(i))) << i;
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_sealed_verdict(bytes));
}

TEST(SealedVerdict, HasTheBytesOfTheDocument) {
    std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/worker_folder.md");
    std::string expected;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("verdict_example ")) expected = line.substr(16);
    }
    EXPECT_EQ(base::to_hex(encode_sealed_verdict(SealedVerdict{})), expected);
}

TEST(VerdictNonce, IsOnePerKeyAndAudit) {
    const auto key = base::SecretKey::from_seed(base::Bytes(32, 1));
    const auto other = base::SecretKey::from_seed(base::Bytes(32, 2));
    const base::AuditId a{hash_of("a")};
    const base::AuditId b{hash_of("b")};
    EXPECT_EQ(verdict_nonce(key, a), verdict_nonce(key, a));
    EXPECT_NE(verdict_nonce(key, a), verdict_nonce(key, b));
    EXPECT_NE(verdict_nonce(key, a), verdict_nonce(other, a));
}

TEST(VerdictStore, AnswersOnlyForTheAuditItKept) {
    std::string name = (std::filesystem::temp_directory_path() / "assay-verdicts-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    const VerdictStore store(name);
    EXPECT_FALSE(store.load(example().audit));
    ASSERT_TRUE(store.save(example()));
    EXPECT_EQ(store.load(example().audit), example());
    // A file under another audit's name is not that audit's verdict.
    const base::AuditId other{hash_of("other")};
    std::filesystem::copy_file(std::filesystem::path(name) / example().audit.hex(), std::filesystem::path(name) / other.hex());
    EXPECT_FALSE(store.load(other));
    EXPECT_EQ(store.list().size(), 2U);
    store.remove(example().audit);
    EXPECT_FALSE(store.load(example().audit));
    std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace assay::validator
