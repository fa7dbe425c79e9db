// Signatures, nonces, chains, versions, fees: what every transaction meets before its handler.

#include <gtest/gtest.h>

#include "chain.h"
#include "market/tables.h"

namespace assay::market {
namespace {

using base::Amount;

Transfer pay(const Party& to, std::uint64_t grains = 5) { return {to.id, Amount::of(grains)}; }

TEST(Frame, RunsAWellFormedTransactionAndBurnsItsFee) {
    TestChain chain;
    const Amount before = chain.balance(chain.submitter);
    EXPECT_EQ(chain.send(chain.submitter, pay(chain.stranger)), Refusal::none);
    EXPECT_GT(chain.last.fee.grains(), 0U);
    EXPECT_EQ(chain.balance(chain.submitter), before - chain.last.fee - Amount::of(5));
    EXPECT_EQ(balance_of(chain.state, system_account(SystemAccount::burned)), chain.last.fee);
    EXPECT_EQ(next_nonce(chain.state, chain.submitter.id, 0), 1U);
}

TEST(Frame, RefusesWrongChainVersionNonceAndValidity) {
    TestChain chain;
    const auto refuse = [&](Refusal expected,
                            const std::function<void(TransactionHeader&)>& spoil) {
        EXPECT_EQ(chain.send_with(chain.submitter, pay(chain.stranger), spoil), expected)
            << to_word(chain.last.code);
        EXPECT_TRUE(chain.last.fee.is_zero());
        EXPECT_EQ(next_nonce(chain.state, chain.submitter.id, 0), 0U);
    };
    refuse(Refusal::wrong_chain, [](auto& h) { h.chain_id = filled(9); });
    refuse(Refusal::wrong_version, [](auto& h) { h.app_version = 3; });
    refuse(Refusal::wrong_nonce, [](auto& h) { h.nonce = 1; });
    refuse(Refusal::nonce_lane_out_of_range, [](auto& h) { h.nonce_lane = 64; });
    refuse(Refusal::expired, [&](auto& h) { h.valid_until = chain.height; });
    refuse(Refusal::valid_until_too_far, [](auto& h) { h.valid_until.value = 10'000'000; });
    refuse(Refusal::fee_limit_too_low, [](auto& h) { h.fee_limit = Amount::of(1); });
    refuse(Refusal::unknown_account, [](auto& h) { h.account = {filled(8)}; });
    refuse(Refusal::wrong_signature, [&](auto& h) { h.account = chain.stranger.id; });
}

TEST(Frame, RefusesAReplay) {
    TestChain chain;
    const base::Bytes raw =
        build_transaction(chain.header(chain.submitter), pay(chain.stranger), chain.submitter.key);
    EXPECT_EQ(chain.send_raw(raw), Refusal::none);
    EXPECT_EQ(chain.send_raw(raw), Refusal::wrong_nonce);
}

TEST(Frame, NonceLanesProceedIndependently) {
    TestChain chain;
    EXPECT_EQ(chain.send_with(chain.submitter, pay(chain.stranger),
                              [](auto& h) {
                                  h.nonce_lane = 7;
                                  h.nonce = 0;
                              }),
              Refusal::none);
    EXPECT_EQ(next_nonce(chain.state, chain.submitter.id, 0), 0U);
    EXPECT_EQ(next_nonce(chain.state, chain.submitter.id, 7), 1U);
    EXPECT_EQ(chain.send(chain.submitter, pay(chain.stranger)), Refusal::none);
}

TEST(Frame, RefusesEverySingleBitFlip) {
    TestChain chain;
    const base::Bytes raw =
        build_transaction(chain.header(chain.submitter), pay(chain.stranger), chain.submitter.key);
    const BlockContext block{{1}, {chain.time.value + 10}, 0, {}, &chain.program};
    for (std::size_t i = 0; i < raw.size(); ++i) {
        for (const int bit : {0x01, 0x80}) {
            base::Bytes flipped = raw;
            flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ bit);
            const Admission admission = admit(chain.state, block, flipped);
            EXPECT_NE(admission.code, Refusal::none) << i;
            EXPECT_TRUE(admission.keep_out) << i;
        }
    }
}

TEST(Frame, RefusesOtherSpellings) {
    TestChain chain;
    const base::Bytes raw =
        build_transaction(chain.header(chain.submitter), pay(chain.stranger), chain.submitter.key);
    const auto refused = [&](base::Bytes bytes) {
        const auto weight = check_transaction_bytes(bytes, chain.id);
        return !weight && weight.error() == Refusal::malformed;
    };
    base::Bytes longer = raw;
    longer.insert(longer.end(), {0x18, 0x01});  // an unknown field 3
    EXPECT_TRUE(refused(longer));
    base::Bytes doubled = raw;
    doubled.insert(doubled.end(), raw.begin(), raw.end());
    EXPECT_TRUE(refused(doubled));
    base::Bytes padded = {raw[0], static_cast<std::uint8_t>(raw[1]),
                          static_cast<std::uint8_t>(raw[2] | 0x80), 0x00};
    padded.insert(padded.end(), raw.begin() + 3,
                  raw.end());  // a length of three bytes where two do
    EXPECT_TRUE(refused(padded));
    EXPECT_TRUE(refused({}));
    EXPECT_TRUE(refused(base::Bytes(raw.begin(), raw.end() - 1)));
    EXPECT_EQ(check_transaction_bytes(base::Bytes(kTransactionBytesMax + 1), chain.id).error(),
              Refusal::oversize);
    EXPECT_EQ(check_transaction_bytes(raw, filled(1)).error(), Refusal::wrong_chain);
    EXPECT_EQ(check_transaction_bytes(raw, chain.id).value(),
              message_weight(pay(chain.stranger), raw.size()));
}

TEST(Frame, RefusesASenderWhoCannotPayTheFee) {
    TestChain chain([](Genesis& genesis) {
        const base::PublicKey key = make_party(2).key.public_key();
        for (GenesisAccount& account : genesis.accounts) {
            if (account.cold == key) account.balance = Amount::of(3);
        }
    });
    EXPECT_EQ(chain.send(chain.stranger, pay(chain.submitter, 1)), Refusal::fee_not_covered);
}

TEST(Frame, ARefusedTransactionPaysItsFeeAndUsesItsNonce) {
    TestChain chain;
    const Amount before = chain.balance(chain.submitter);
    EXPECT_EQ(chain.send(chain.submitter, Transfer{chain.submitter.id, Amount::of(1)}),
              Refusal::transfer_to_self);
    EXPECT_EQ(chain.balance(chain.submitter), before - chain.last.fee);
    EXPECT_FALSE(chain.last.fee.is_zero());
    EXPECT_EQ(next_nonce(chain.state, chain.submitter.id, 0), 1U);
}

TEST(LiveTime, AdvancesByBlockTimeButAtMostFiveSecondsABlock) {
    TestChain chain;
    EXPECT_EQ(chain.send(chain.submitter, pay(chain.stranger), 700), Refusal::none);
    EXPECT_EQ(chain.live().value, 700U);
    EXPECT_EQ(chain.send(chain.submitter, pay(chain.stranger), 7'200'000), Refusal::none);
    EXPECT_EQ(chain.live().value, 5'700U);
}

TEST(LiveTime, ABlockWithoutAnythingDueChangesNothing) {
    TestChain chain;
    const auto before = chain.state.entries();
    chain.pass(400);
    chain.pass(5'000);
    EXPECT_EQ(before, chain.state.entries());
}

TEST(LiveTime, ABlockBeforeATimerIsDueChangesNothing) {
    TestChain chain;
    ASSERT_EQ(chain.send(chain.workers[0], StakeUnbond{Role::worker, Amount::of(1000)}),
              Refusal::none);
    const auto before = chain.state.entries();
    for (int i = 0; i < 20; ++i) chain.pass(5'003);
    EXPECT_EQ(before, chain.state.entries()) << "blocks come a little late, and that is no outage";
}

TEST(LiveTime, ATwoHourOutageDoesNotMaturePastDeadlines) {
    TestChain chain;
    ASSERT_EQ(chain.send(chain.workers[0], StakeUnbond{Role::worker, Amount::of(1000)}),
              Refusal::none);
    chain.pass(7'200'000);
    EXPECT_FALSE(chain.saw("stake_released"));
    const auto due = next_due(chain.state, chain.time);
    ASSERT_TRUE(due.has_value());
    EXPECT_GT(due->value, chain.time.value) << "an outage must not make blocks in a row";
    chain.wait(chain.genesis.parameters.unbonding_ms);
    EXPECT_TRUE(chain.saw("stake_released"));
    EXPECT_FALSE(next_due(chain.state, chain.time).has_value());
}

TEST(Fees, FollowFullBlocksInIntegers) {
    Parameters parameters = demo_parameters();
    parameters.base_fee_min = Amount::of(80);
    parameters.block_weight_max = 20'000;
    parameters.block_weight_target = 200;
    parameters.segment_fee_factor = 0;
    TestChain chain([&](Genesis& genesis) { genesis.parameters = parameters; });
    // A block of one transfer (weight 110) is below the target: the fee stays at the minimum.
    EXPECT_EQ(chain.send(chain.submitter, pay(chain.stranger)), Refusal::none);
    EXPECT_EQ(chain.last.fee, Amount::of(80 * 110));
    // A job's post weighs more than twice the target, which counts as twice: one eighth up.
    chain.post();
    EXPECT_EQ(chain.send(chain.submitter, pay(chain.stranger)), Refusal::none);
    EXPECT_EQ(chain.last.fee, Amount::of(90 * 110));
    EXPECT_EQ(chain.send(chain.submitter, pay(chain.stranger)), Refusal::none);
    EXPECT_EQ(chain.last.fee, Amount::of(85 * 110)) << "90 - 90 x 90/200/8";
    chain.height.value += 1000;
    EXPECT_EQ(chain.send(chain.submitter, pay(chain.stranger)), Refusal::none);
    EXPECT_EQ(chain.last.fee, Amount::of(80 * 110)) << "empty blocks bring it down to the minimum";
}

}  // namespace
}  // namespace assay::market
