#include "node_log.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/merkle.h"
#include "base/state_tree.h"
#include "folder.h"
#include "market/tables.h"

namespace assay::validator {
namespace {

using Json = nlohmann::json;
using testing::hash_of;

constexpr auto kFamily = base::MerkleFamily::sha256;

Json hashes_json(const std::vector<base::Hash>& hashes) {
    Json json = Json::array();
    for (const base::Hash& hash : hashes) json.push_back(hash.hex());
    return json;
}

/// An operator with one epoch in its state and eleven receipts in its log.
class Shown : public ::testing::Test {
  protected:
    Shown() {
        epoch.number = 7;
        epoch.state = market::EpochState::contributing;
        epoch.commitments_root = hash_of("commitments");
        epoch.log_size = 9;
        epoch.log_root = hash_of("log");
        for (std::uint64_t i = 0; i < 11; ++i) {
            ledger::Receipt receipt;
            receipt.id = base::TransactionId{hash_of("transaction " + std::to_string(i))};
            receipt.log_index = i;
            receipts.push_back(receipt);
            leaves.push_back(base::merkle_leaf(kFamily, ledger::encode_receipt(receipt)));
        }
    }

    [[nodiscard]] Json head_json() const { return head_json(key); }
    [[nodiscard]] Json head_json(const base::SecretKey& signer) const {
        ledger::Head head;
        head.height = base::Height{12};
        head.time = base::TimeMs{5'000};
        head.app_version = market::kAppVersion;
        const base::Bytes value = market::encode(epoch);
        const base::Hash neighbour = hash_of("neighbour");
        const base::Hash path = base::state_path(market::epoch_key(7));
        const base::Hash leaf = base::state_leaf_hash(path, base::state_value_hash(value));
        head.state_root = base::state_path_bit(path, 0) ? base::state_branch_hash(neighbour, leaf)
                                                        : base::state_branch_hash(leaf, neighbour);
        head.log_root = base::merkle_root(kFamily, leaves);
        head.log_size = leaves.size();
        head.app_hash =
            ledger::app_hash_of(head.state_root, head.log_root, head.log_size, head.params_id);
        head.signature = signer.sign(ledger::kHeadDomain, who.chain_id,
                                     ledger::head_message(head.height, head.time, head.app_hash));
        return {{"height", "12"},
                {"block_time_ms", "5000"},
                {"app_version", head.app_version},
                {"state_root", head.state_root.hex()},
                {"log_root", head.log_root.hex()},
                {"log_size", std::to_string(head.log_size)},
                {"params_id", head.params_id.hex()},
                {"app_hash", head.app_hash.hex()},
                {"signature", base::to_hex(head.signature.view())}};
    }
    [[nodiscard]] Json epoch_answer() const {
        const base::Bytes value = market::encode(epoch);
        return {{"object", "state_proof"},
                {"key", base::to_hex(market::epoch_key(7))},
                {"value", base::to_hex(value)},
                {"siblings", hashes_json({hash_of("neighbour")})},
                {"leaf",
                 {{"path", base::state_path(market::epoch_key(7)).hex()},
                  {"value_hash", base::state_value_hash(value).hex()}}},
                {"head", head_json()}};
    }
    [[nodiscard]] Json receipt_answer(std::uint64_t index) const {
        const auto proof = base::merkle_prove(kFamily, leaves, index);
        return {{"object", "receipt_proof"},
                {"receipt", base::to_hex(ledger::encode_receipt(receipts[index]))},
                {"index", std::to_string(proof.index)},
                {"size", std::to_string(proof.size)},
                {"path", hashes_json(proof.path)},
                {"head", head_json()}};
    }

    const base::SecretKey key = base::SecretKey::from_seed(base::Bytes(32, 1));
    const base::SecretKey other = base::SecretKey::from_seed(base::Bytes(32, 2));
    const OperatorIdentity who{hash_of("chain"), key.public_key()};
    market::Epoch epoch;
    std::vector<ledger::Receipt> receipts;
    std::vector<base::Hash> leaves;
};

TEST_F(Shown, AnEpochUnderASignedHead) {
    const auto shown = read_shown_epoch(epoch_answer(), who, 7);
    ASSERT_TRUE(shown) << shown.error();
    EXPECT_EQ(shown->epoch, epoch);
    EXPECT_EQ(shown->head.log_size, 11U);
    EXPECT_EQ(Json::parse(shown->shown), epoch_answer()) << "evidence is the answer as it came";
}

TEST_F(Shown, RefusesEpochsThatTheOperatorDidNotSign) {
    market::Epoch lie = epoch;
    lie.commitments_root = hash_of("other commitments");
    Json answer = epoch_answer();
    answer["value"] = base::to_hex(market::encode(lie));
    EXPECT_FALSE(read_shown_epoch(answer, who, 7));
    answer["leaf"]["value_hash"] = base::state_value_hash(market::encode(lie)).hex();
    EXPECT_FALSE(read_shown_epoch(answer, who, 7));

    answer = epoch_answer();
    answer["head"] = head_json(other);
    EXPECT_FALSE(read_shown_epoch(answer, who, 7));
    EXPECT_FALSE(read_shown_epoch(epoch_answer(), who, 8)) << "another epoch was asked for";
    EXPECT_FALSE(read_shown_epoch(epoch_answer(), {hash_of("another chain"), key.public_key()}, 7));
}

TEST_F(Shown, RefusesMalformedEpochs) {
    for (const char* name : {"value", "siblings", "leaf", "head"}) {
        Json answer = epoch_answer();
        answer.erase(name);
        EXPECT_FALSE(read_shown_epoch(answer, who, 7)) << name;
        answer[name] = 5;
        EXPECT_FALSE(read_shown_epoch(answer, who, 7)) << name;
        answer[name] = nullptr;
        EXPECT_FALSE(read_shown_epoch(answer, who, 7)) << name;
    }
    const Json head = head_json();
    for (const auto& [name, value] : head.items()) {
        Json answer = epoch_answer();
        answer["head"].erase(name);
        EXPECT_FALSE(read_shown_epoch(answer, who, 7)) << name;
        answer["head"][name] = "zz";
        EXPECT_FALSE(read_shown_epoch(answer, who, 7)) << name;
    }
    EXPECT_FALSE(read_shown_epoch(Json::array(), who, 7));
    EXPECT_FALSE(read_shown_epoch(Json(), who, 7));
}

TEST_F(Shown, AReceiptInTheSignedLog) {
    for (std::uint64_t i = 0; i < leaves.size(); ++i) {
        const auto shown = read_shown_receipt(receipt_answer(i), who, receipts[i].id);
        ASSERT_TRUE(shown) << shown.error();
        EXPECT_EQ(shown->receipt, receipts[i]);
        EXPECT_EQ(point_of(shown->head, shown->shown).root, base::merkle_root(kFamily, leaves));
    }
}

TEST_F(Shown, RefusesReceiptsThatAreNotInIt) {
    EXPECT_FALSE(read_shown_receipt(receipt_answer(3), who, receipts[4].id));
    Json answer = receipt_answer(3);
    answer["path"] = receipt_answer(4)["path"];
    EXPECT_FALSE(read_shown_receipt(answer, who, receipts[3].id));
    answer = receipt_answer(3);
    ledger::Receipt lie = receipts[3];
    lie.code = market::Refusal::audit_state;
    answer["receipt"] = base::to_hex(ledger::encode_receipt(lie));
    EXPECT_FALSE(read_shown_receipt(answer, who, receipts[3].id));
    answer = receipt_answer(3);
    answer["size"] = "4";
    EXPECT_FALSE(read_shown_receipt(answer, who, receipts[3].id))
        << "of a shorter log than the head's";
    answer = receipt_answer(3);
    answer["head"] = head_json(other);
    EXPECT_FALSE(read_shown_receipt(answer, who, receipts[3].id));
    for (const char* name : {"receipt", "index", "size", "path", "head"}) {
        answer = receipt_answer(3);
        answer.erase(name);
        EXPECT_FALSE(read_shown_receipt(answer, who, receipts[3].id)) << name;
    }
}

TEST(LogProof, IsOfTheSizesThatWereAskedFor) {
    const Json answer = {{"object", "consistency_proof"},
                         {"from", "3"},
                         {"to", "9"},
                         {"path", hashes_json({hash_of("a"), hash_of("b")})}};
    EXPECT_EQ(read_log_proof(answer, 3, 9), (std::vector{hash_of("a"), hash_of("b")}));
    EXPECT_FALSE(read_log_proof(answer, 3, 8));
    EXPECT_FALSE(read_log_proof(answer, 2, 9));
    for (const Json& path : {Json(), Json("a"), Json::array({"a"}), Json::array({5}),
                             Json(std::vector<std::string>(513, hash_of("a").hex()))}) {
        Json bad = answer;
        bad["path"] = path;
        EXPECT_FALSE(read_log_proof(bad, 3, 9));
    }
}

}  // namespace
}  // namespace assay::validator
