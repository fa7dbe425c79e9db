#include "verdict_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "folder.h"

namespace assay::validator {
namespace {

using testing::hash_of;

SealedVerdict example() {
    const std::vector<base::Hash> cells(market::kCells, hash_of("cell"));
    return {base::AuditId{hash_of("audit")},
            {market::VerdictKind::valid, {}, hash_of("digest")},
            hash_of("nonce"),
            hash_of("root"),
            hash_of("salt"),
            cells};
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
    EXPECT_EQ(base::to_hex(encode_sealed_verdict(SealedVerdict{})),
              testing::documented("verdict_example"));
}

TEST(SealedVerdict, RefusesOtherNumbersOfCells) {
    for (const std::size_t count : {1U, 7U, 9U}) {
        SealedVerdict bad = example();
        bad.cells.assign(count, hash_of("cell"));
        EXPECT_FALSE(decode_sealed_verdict(encode_sealed_verdict(bad))) << count;
    }
    SealedVerdict invalid = example();
    invalid.verdict = {market::VerdictKind::invalid, hash_of("end"), {}};
    invalid.cells.clear();
    EXPECT_EQ(decode_sealed_verdict(encode_sealed_verdict(invalid)), invalid);
}

TEST(VerdictSecrets, AreTwoForEachKeyAndAudit) {
    const auto key = base::SecretKey::from_seed(base::Bytes(32, 1));
    const auto other = base::SecretKey::from_seed(base::Bytes(32, 2));
    const base::AuditId a{hash_of("a")};
    const base::AuditId b{hash_of("b")};
    for (const auto secret : {verdict_nonce, cells_salt}) {
        EXPECT_EQ(secret(key, a), secret(key, a));
        EXPECT_NE(secret(key, a), secret(key, b));
        EXPECT_NE(secret(key, a), secret(other, a));
    }
    EXPECT_NE(verdict_nonce(key, a), cells_salt(key, a))
        << "the nonce is public while the salt is not";
}

class MadeVerdict : public ::testing::Test {
  protected:
    SealedVerdict make(bool control, const char* found) {
        return make_verdict(key, audit, control, hash_of("root"), hash_of("end"), hash_of(found),
                            cells);
    }
    const base::SecretKey key = base::SecretKey::from_seed(base::Bytes(32, 1));
    const base::AuditId audit{hash_of("audit")};
    const std::vector<base::Hash> cells = std::vector<base::Hash>(market::kCells, hash_of("cell"));
};

TEST_F(MadeVerdict, AValidHidesItsCells) {
    const SealedVerdict made = make(false, "end");
    EXPECT_EQ(made.verdict, (market::Verdict{market::VerdictKind::valid,
                                             {},
                                             market::cells_digest(cells_salt(key, audit), cells)}));
    EXPECT_EQ(made.nonce, verdict_nonce(key, audit));
    EXPECT_EQ(made.salt, cells_salt(key, audit));
    EXPECT_EQ(made.root, hash_of("root"));
    EXPECT_EQ(made.cells, cells);
    EXPECT_EQ(decode_sealed_verdict(encode_sealed_verdict(made)), made);
}

TEST_F(MadeVerdict, AControlIsOpenedByItsSalt) {
    const SealedVerdict made = make(true, "end");
    EXPECT_EQ(made.nonce, made.salt);
    EXPECT_EQ(make(true, "another end").nonce, verdict_nonce(key, audit))
        << "it reveals, and opens nothing";
}

TEST_F(MadeVerdict, AnInvalidHasNoCells) {
    for (const bool control : {false, true}) {
        const SealedVerdict made = make(control, "another end");
        EXPECT_EQ(made.verdict,
                  (market::Verdict{market::VerdictKind::invalid, hash_of("another end"), {}}));
        EXPECT_TRUE(made.cells.empty());
        EXPECT_TRUE(made.salt.is_zero());
        EXPECT_EQ(decode_sealed_verdict(encode_sealed_verdict(made)), made);
    }
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
    std::filesystem::copy_file(std::filesystem::path(name) / example().audit.hex(),
                               std::filesystem::path(name) / other.hex());
    EXPECT_FALSE(store.load(other));
    EXPECT_EQ(store.list().size(), 2U);
    store.remove(example().audit);
    EXPECT_FALSE(store.load(example().audit));
    std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace assay::validator
