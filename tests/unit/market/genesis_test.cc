#include "market/genesis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "codec_values.h"

namespace assay::market::codec {
namespace {

using base::Amount;

Genesis example() {
    Genesis genesis;
    genesis.chain_name = "example";
    genesis.time = {1'700'000'000'000};
    genesis.operator_key = key_of(1).public_key();
    genesis.parameters = demo_parameters();
    for (std::uint8_t number = 2; number < 5; ++number) {
        GenesisAccount account;
        account.cold = account.hot = key_of(number).public_key();
        account.vrf = key_of(static_cast<std::uint8_t>(number + 100)).public_key();
        account.balance = Amount::of(5);
        account.validator_stake = Amount::of(2'000'000);
        account.validator = GenesisValidator{"f32", 7};
        genesis.accounts.push_back(account);
    }
    std::sort(genesis.accounts.begin(), genesis.accounts.end(),
              [](const auto& a, const auto& b) { return a.cold < b.cold; });
    return genesis;
}

TEST(GenesisCodec, KeepsEveryField) {
    const Genesis genesis = example();
    ASSERT_FALSE(check_genesis(genesis).has_value()) << *check_genesis(genesis);
    const base::Bytes bytes = encode_genesis(genesis);
    EXPECT_EQ(decode_genesis(bytes).value(), genesis);
    EXPECT_EQ(genesis_supply(genesis), Amount::of(6'000'015));
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_genesis(base::ByteView(bytes).first(size)).has_value());
    base::Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode_genesis(longer).has_value());
}

TEST(GenesisCodec, RefusesTheFirstEdition) {
    base::Bytes bytes = encode_genesis(example());
    const auto at = std::find(bytes.begin(), bytes.end(), static_cast<std::uint8_t>('2'));
    ASSERT_NE(at, bytes.end());
    *at = '1';
    EXPECT_FALSE(decode_genesis(bytes).has_value());
}

TEST(GenesisCodec, ParametersKeepEveryField) {
    Parameters parameters;
    const base::Bytes bytes = encode_parameters(parameters);
    EXPECT_EQ(decode_parameters(bytes), parameters);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_parameters(base::ByteView(bytes).first(size)).has_value());
    // Each byte belongs to a field.
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        base::Bytes other = bytes;
        other[i] ^= 1U;
        const auto changed = decode_parameters(other);
        ASSERT_TRUE(changed.has_value()) << i;
        EXPECT_FALSE(*changed == parameters) << i;
        EXPECT_EQ(encode_parameters(*changed), other) << i;
    }
}

bool refused(const std::function<void(Genesis&)>& spoil) {
    Genesis genesis = example();
    spoil(genesis);
    return check_genesis(genesis).has_value();
}

TEST(CheckGenesis, RefusesWrongAccountsAndNames) {
    EXPECT_FALSE(refused([](auto&) {}));
    EXPECT_TRUE(refused([](auto& g) { g.chain_name = ""; }));
    EXPECT_TRUE(refused([](auto& g) { g.chain_name = "two words"; }));
    EXPECT_TRUE(refused([](auto& g) { g.app_version = 1; }));
    EXPECT_TRUE(refused([](auto& g) { g.operator_key = {}; }));
    EXPECT_TRUE(refused([](auto& g) { std::swap(g.accounts[0], g.accounts[1]); }));
    EXPECT_TRUE(refused([](auto& g) { g.accounts.push_back(g.accounts.back()); }));
    EXPECT_TRUE(refused([](auto& g) { g.accounts[0].cold.bytes.fill(0x99); }));
    EXPECT_TRUE(refused([](auto& g) { g.accounts[0].balance = Amount::of(Amount::kMax); }))
        << "the sum is no amount";
    EXPECT_TRUE(refused([](auto& g) { g.accounts[0].vrf = {}; }))
        << "a validator without a VRF key";
    EXPECT_TRUE(refused([](auto& g) { g.accounts[0].validator_stake = {}; }));
    EXPECT_TRUE(refused([](auto& g) { g.accounts[0].validator->flops_per_second = 0; }));
    EXPECT_TRUE(refused([](auto& g) { g.accounts[0].validator->profile = "f16"; }));
}

TEST(CheckParameters, UnbondingIsLongerThanAnythingThatMayStillBeJudged) {
    const Parameters p = demo_parameters();
    const std::uint64_t needed = p.part_ms_max + 2 * p.epoch_ms + p.audit_ms_max + p.window_ms +
                                 2 * dispute_clock_ms_max(p) + p.evidence_delay_ms;
    EXPECT_TRUE(refused([&](auto& g) { g.parameters.unbonding_ms = needed; }));
    EXPECT_FALSE(refused([&](auto& g) { g.parameters.unbonding_ms = needed + 1; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.dispute_replay_ms_max = 60'000; }))
        << "both clocks of a game count";
    EXPECT_TRUE(refused([](auto& g) { g.parameters.dispute_clock_ms = 90'000; }));
}

/// Each number has a least and a greatest value: one less and one more are refused.
struct Bounds {
    const char* name;
    std::uint64_t least, most;
    std::function<void(Parameters&, std::uint64_t)> set;
};

template <class T>
Bounds bounds(const char* name, std::uint64_t least, std::uint64_t most, T Parameters::*field) {
    return {name, least, most, [field](Parameters& p, std::uint64_t value) {
                if constexpr (std::is_same_v<T, Amount>)
                    p.*field = Amount::of(value);
                else
                    p.*field = static_cast<T>(value);
            }};
}

TEST(CheckParameters, HoldsEveryNumberToItsBounds) {
    constexpr std::uint64_t kDays = 366ULL * 86'400'000;
    constexpr std::uint64_t kGrains = std::uint64_t{1} << 40U;
    using P = Parameters;
    const Bounds all_bounds[] = {
        bounds("rate_sure_ppm", 500'000, 1'000'000, &P::rate_sure_ppm),
        bounds("control_ppm", 1'000, 500'000, &P::control_ppm),
        bounds("contribution_share_ppm", 1'000, 500'000, &P::contribution_share_ppm),
        bounds("miss_prices", 1, 100, &P::miss_prices),
        bounds("reference_flops", 1'000'000, std::uint64_t{1} << 50U, &P::reference_flops),
        bounds("absence_fine", 0, kGrains, &P::absence_fine),
        bounds("open_parts_max", 1, 4'096, &P::open_parts_max),
        bounds("draws_per_block_max", 2, 2'000, &P::draws_per_block_max),
        bounds("audit_time_factor", 1, 1'000, &P::audit_time_factor),
        bounds("backlog_ms_max", 1, kDays, &P::backlog_ms_max),
        bounds("accept_ms", 1, kDays, &P::accept_ms),
        bounds("settle_ms_max", 1, kDays, &P::settle_ms_max),
        bounds("question_bond_min", 1, kGrains, &P::question_bond_min),
        bounds("question_bond_factor", 1, 1'000, &P::question_bond_factor),
        bounds("question_answer_ms", 1, kDays, &P::question_answer_ms),
        bounds("questions_raised_max", 1, 10'000, &P::questions_raised_max),
        bounds("challenge_bond_factor", 2, 1'000, &P::challenge_bond_factor),
        bounds("disputes_per_account_max", 1, 1'000, &P::disputes_per_account_max),
        bounds("dispute_game_weight", 1, 1'000'000'000, &P::dispute_game_weight),
        bounds("unfinal_rounds_max", 1, 64, &P::unfinal_rounds_max),
        bounds("candidates_max", 1, 64, &P::candidates_max),
        bounds("unbondings_max", 1, 1'000, &P::unbondings_max)};
    for (const Bounds& bound : all_bounds) {
        const auto passes = [&](std::uint64_t value) {
            Parameters p = demo_parameters();
            p.validator_stake_min = Amount::of(Amount::kMax);
            bound.set(p, value);
            return !check_parameters(p).has_value();
        };
        EXPECT_TRUE(passes(bound.least)) << bound.name;
        EXPECT_TRUE(passes(bound.most)) << bound.name;
        EXPECT_FALSE(passes(bound.most + 1)) << bound.name;
        EXPECT_TRUE(bound.least == 0 || !passes(bound.least - 1)) << bound.name;
    }
    EXPECT_TRUE(refused([](auto& g) {
        g.parameters.validator_stake_min = Amount::of(g.parameters.absence_fine.grains() - 1);
    })) << "absent for nothing";
    EXPECT_TRUE(refused([](auto& g) { g.parameters.collusion_max_ppm = 1'000'000; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.grace_ms = 0; }));
    EXPECT_TRUE(refused([](auto& g) { g.parameters.block_weight_max = 19'999; }))
        << "a move of a game fits any block";
}

TEST(CheckParameters, AWashedRecordIsNeverWorthItsFees) {
    EXPECT_TRUE(refused([](auto& g) { g.parameters.record_value_factor = 111; }));
    EXPECT_FALSE(refused([](auto& g) { g.parameters.record_value_factor = 112; }));
}

}  // namespace
}  // namespace assay::market::codec
