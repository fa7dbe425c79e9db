#include <gtest/gtest.h>

#include "chain.h"

namespace assay::market {
namespace {

using base::Amount;

KeysSet keys_of(const Party& cold, const Party& hot, const Party& vrf) {
    return {cold.key.public_key(), hot.key.public_key(), vrf.vrf.public_key()};
}

TEST(ApplyTransfer, MovesMoney) {
    TestChain chain;
    const Amount before = chain.balance(chain.stranger);
    EXPECT_EQ(chain.send(chain.submitter, Transfer{chain.stranger.id, Amount::of(7)}),
              Refusal::none);
    EXPECT_EQ(chain.balance(chain.stranger), before + Amount::of(7));
    EXPECT_TRUE(chain.saw("transferred"));
}

TEST(ApplyTransfer, Refuses) {
    TestChain chain;
    const auto refused = [&](const Transfer& message) {
        return chain.send(chain.submitter, message);
    };
    EXPECT_EQ(refused({chain.stranger.id, {}}), Refusal::amount_zero);
    EXPECT_EQ(refused({chain.submitter.id, Amount::of(1)}), Refusal::transfer_to_self);
    EXPECT_EQ(refused({system_account(SystemAccount::burned), Amount::of(1)}),
              Refusal::system_account);
    EXPECT_EQ(refused({system_account(SystemAccount::burned), Amount::of(1)}),
              Refusal::system_account);
    EXPECT_EQ(refused({{}, Amount::of(1)}), Refusal::system_account);
    EXPECT_EQ(refused({chain.stranger.id, Amount::of(Amount::kMax)}),
              Refusal::insufficient_balance);
    EXPECT_EQ(refused({chain.stranger.id, chain.balance(chain.submitter)}),
              Refusal::insufficient_balance)
        << "the fee comes first";
}

TEST(ApplyKeysSet, ANewAccountShowsItsFirstKey) {
    TestChain chain;
    ASSERT_EQ(chain.send(chain.submitter, Transfer{chain.newcomer.id, Amount::of(1'000'000)}),
              Refusal::none);
    EXPECT_EQ(chain.send(chain.newcomer, Transfer{chain.stranger.id, Amount::of(1)}),
              Refusal::unknown_account);
    EXPECT_EQ(chain.send(chain.newcomer, keys_of(chain.stranger, chain.newcomer, chain.newcomer)),
              Refusal::unknown_account);
    EXPECT_EQ(chain.send(chain.newcomer, keys_of(chain.newcomer, chain.newcomer, chain.newcomer)),
              Refusal::none);
    EXPECT_EQ(chain.send(chain.newcomer, Transfer{chain.stranger.id, Amount::of(1)}),
              Refusal::none);
}

TEST(ApplyKeysSet, RotatesByTheColdKeyOnly) {
    TestChain chain;
    const Party other = make_party(50);
    ASSERT_EQ(chain.send(chain.submitter, keys_of(chain.submitter, other, chain.submitter)),
              Refusal::none);
    const Transfer transfer{chain.stranger.id, Amount::of(1)};
    const auto by = [&](const Party& party, const Message& message) {
        return chain.send_raw(build_transaction(chain.header(chain.submitter), message, party.key));
    };
    EXPECT_EQ(by(other, transfer), Refusal::none);
    EXPECT_EQ(by(chain.submitter, transfer), Refusal::none) << "the cold key may do everything";
    EXPECT_EQ(by(other, keys_of(other, other, other)), Refusal::cold_key_required);
    EXPECT_EQ(by(chain.stranger, keys_of(other, other, other)), Refusal::wrong_signature);
    EXPECT_EQ(by(chain.submitter, keys_of(other, other, other)), Refusal::none);
    EXPECT_EQ(by(chain.submitter, transfer), Refusal::wrong_signature);
    EXPECT_EQ(by(other, transfer), Refusal::none);
    EXPECT_EQ(by(other, keys_of(other, other, other)), Refusal::keys_unchanged);
}

TEST(ApplyKeysSet, AValidatorKeepsAVrfKeyAndItsAge) {
    TestChain chain;
    const Party& validator = chain.validators[0];
    KeysSet keys{validator.key.public_key(), validator.key.public_key(), {}};
    EXPECT_EQ(chain.send(validator, keys), Refusal::vrf_key_missing);
    keys.vrf = validator.vrf.public_key();
    keys.hot = make_party(51).key.public_key();
    EXPECT_EQ(chain.send(validator, keys), Refusal::none);
    EXPECT_EQ(find_account(chain.state, validator.id)->keys->registered_at.value, 0U);
    keys.vrf = make_party(52).vrf.public_key();
    EXPECT_EQ(chain.send(validator, keys), Refusal::none);
    EXPECT_GT(find_account(chain.state, validator.id)->keys->registered_at.value, 0U);
}

/// Each former key is one more signature to check in a report.
TEST(ApplyKeysSet, FormerKeysAreBounded) {
    TestChain chain;
    KeysSet keys = keys_of(chain.submitter, chain.submitter, chain.submitter);
    const auto rotate = [&](std::uint8_t seed) {
        keys.hot = make_party(seed).key.public_key();
        return chain.send(chain.submitter, keys);
    };
    std::uint8_t accepted = 0;
    while (accepted < 100 && rotate(static_cast<std::uint8_t>(100 + accepted)) == Refusal::none)
        ++accepted;
    EXPECT_EQ(accepted, 15U);
    EXPECT_EQ(rotate(250), Refusal::too_many_keys);
    // Nothing is pending, so a block is late, not lost: transactions make the time pass.
    for (int i = 0; i < 130; ++i)
        chain.send(chain.stranger, Transfer{chain.submitter.id, Amount::of(1)}, 5'000);
    EXPECT_EQ(rotate(250), Refusal::none);
}

TEST(ApplyKeysSet, RefusesPointsThatAreNoKeys) {
    TestChain chain;
    KeysSet keys = keys_of(chain.submitter, chain.submitter, chain.submitter);
    keys.hot.bytes.fill(0x99);
    keys.hot.bytes[0] = 0x95;  // base point plus a point of order two
    EXPECT_EQ(chain.send(chain.submitter, keys), Refusal::weak_key);
    keys.hot = {};
    EXPECT_EQ(chain.send(chain.submitter, keys), Refusal::weak_key);
}

}  // namespace
}  // namespace assay::market
