#include "receipt_log.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace assay::ledger {
namespace {

using base::Hash;
using base::MerkleFamily;

class MemoryLog : public LogReader {
  public:
    [[nodiscard]] Hash subtree(const LogPlace& place) const override {
        const auto found = records.find(place);
        ASSAY_CHECK(found != records.end());
        return found->second;
    }
    Hash append(std::span<const Hash> leaves) {
        const LogUpdate update = append_log(*this, size, leaves);
        for (const auto& [place, hash] : update.records)
            EXPECT_TRUE(records.emplace(place, hash).second);
        size = update.size;
        return update.root;
    }
    std::map<LogPlace, Hash> records;
    std::uint64_t size = 0;
};

std::vector<Hash> leaves_of(std::uint64_t count) {
    std::vector<Hash> leaves;
    for (std::uint64_t i = 0; i < count; ++i) {
        const base::Bytes bytes{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8U)};
        leaves.push_back(base::merkle_leaf(MerkleFamily::sha256, bytes));
    }
    return leaves;
}

TEST(ReceiptLog, EmptyRootIsTheHashOfNothing) {
    MemoryLog log;
    EXPECT_EQ(log_root(log, 0), base::sha256({}));
    EXPECT_EQ(log.append({}), base::sha256({}));
}

TEST(ReceiptLog, RootsAreThoseOfRfc9162AtEverySize) {
    const std::vector<Hash> leaves = leaves_of(70);
    MemoryLog log;
    for (std::size_t size = 1; size <= leaves.size(); ++size) {
        EXPECT_EQ(log.append({&leaves[size - 1], 1}),
                  base::merkle_root(MerkleFamily::sha256, {leaves.data(), size}));
    }
    // An older size stays provable.
    for (std::size_t size = 1; size <= leaves.size(); ++size) {
        EXPECT_EQ(log_root(log, size),
                  base::merkle_root(MerkleFamily::sha256, {leaves.data(), size}));
    }
}

TEST(ReceiptLog, HowLeavesAreBatchedDoesNotMatter) {
    const std::vector<Hash> leaves = leaves_of(61);
    MemoryLog once, batches;
    const Hash root = once.append(leaves);
    std::size_t done = 0;
    Hash last;
    for (std::size_t batch = 1; done < leaves.size(); ++batch) {
        const std::size_t count = std::min(batch, leaves.size() - done);
        last = batches.append(std::span(leaves).subspan(done, count));
        done += count;
    }
    EXPECT_EQ(last, root);
    EXPECT_EQ(batches.records, once.records);
}

TEST(ReceiptLog, InclusionProofsHoldAtEverySizeAndForNothingElse) {
    const std::vector<Hash> leaves = leaves_of(21);
    MemoryLog log;
    log.append(leaves);
    for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
        const Hash root = log_root(log, size);
        for (std::uint64_t index = 0; index < size; ++index) {
            const base::InclusionProof proof = prove_inclusion(log, index, size);
            EXPECT_EQ(proof,
                      base::merkle_prove(MerkleFamily::sha256, {leaves.data(), size}, index));
            EXPECT_TRUE(base::merkle_verify(MerkleFamily::sha256, leaves[index], proof, root));
            EXPECT_FALSE(base::merkle_verify(MerkleFamily::sha256,
                                             leaves[(index + 1) % leaves.size()], proof, root));
        }
    }
}

TEST(ReceiptLog, ConsistencyProofsHoldBetweenAllSizesAndForNothingElse) {
    const std::vector<Hash> leaves = leaves_of(21);
    MemoryLog log;
    log.append(leaves);
    for (std::uint64_t new_size = 1; new_size <= leaves.size(); ++new_size) {
        for (std::uint64_t old_size = 1; old_size <= new_size; ++old_size) {
            const auto proof = prove_consistency(log, old_size, new_size);
            const Hash old_root = log_root(log, old_size), new_root = log_root(log, new_size);
            EXPECT_TRUE(base::consistency_verify(MerkleFamily::sha256, old_size, old_root, new_size,
                                                 new_root, proof));
            if (old_size == new_size) continue;
            EXPECT_FALSE(base::consistency_verify(MerkleFamily::sha256, old_size, new_root,
                                                  new_size, new_root, proof));
            EXPECT_FALSE(base::consistency_verify(MerkleFamily::sha256, old_size, old_root,
                                                  new_size, old_root, proof));
        }
    }
}

}  // namespace
}  // namespace assay::ledger
