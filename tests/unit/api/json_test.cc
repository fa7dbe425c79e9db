#include "client/json.h"

#include <gtest/gtest.h>

#include <functional>

namespace assay::client {
namespace {

Json valid_spec() {
    return {
        {"model", {{"kind", "gpt"}, {"layers", 2}, {"heads", 2}, {"width", 32}, {"context", 16}}},
        {"data",
         {{"kind", "tokens"},
          {"blob", std::string(64, 'a')},
          {"tokens", "10000"},
          {"train_tokens", "9000"},
          {"vocabulary", 3},
          {"tokeniser", "characters"},
          {"characters", "\nab"}}},
        {"batch", 4},
        {"seed", "18446744073709551615"},
        {"optimizer", {{"learning_rate", 0.001}, {"warmup_steps", 5}, {"epsilon", 1e-8}}},
        {"lanes", 2},
        {"rounds", 3},
        {"round_steps", 20},
        {"price_ceiling", "1000"},
        {"audit_rate", 0.45}};
}

TEST(SpecJson, ReadsExactly) {
    const auto spec = spec_from_json(valid_spec());
    ASSERT_TRUE(spec.has_value()) << spec_error_text(spec.error());
    EXPECT_EQ(spec->optimizer.learning_rate_ppb, 1'000'000U);
    EXPECT_EQ(spec->optimizer.epsilon_ppb_of_ppb, 10'000'000'000U);
    EXPECT_EQ(spec->audit_rate_ppm, 450'000U);
    EXPECT_EQ(spec->seed, UINT64_MAX);
    EXPECT_EQ(spec->segment_steps, 20U);
    EXPECT_EQ(std::get<market::TokenData>(spec->data).characters,
              (std::vector<std::uint32_t>{'\n', 'a', 'b'}));
}

TEST(SpecJson, RoundTrips) {
    const auto spec = spec_from_json(valid_spec());
    ASSERT_TRUE(spec.has_value());
    const auto again = spec_from_json(spec_to_json(*spec));
    ASSERT_TRUE(again.has_value()) << spec_error_text(again.error());
    EXPECT_TRUE(*again == *spec);
    EXPECT_EQ(market::encode_spec(*again), market::encode_spec(*spec));
}

TEST(SpecJson, ChoosesRoundsFromSteps) {
    Json json = valid_spec();
    json.erase("rounds");
    json.erase("round_steps");
    json["steps"] = 2000;
    const auto spec = spec_from_json(json);
    ASSERT_TRUE(spec.has_value()) << spec_error_text(spec.error());
    EXPECT_GE(spec->rounds, 40U);
    EXPECT_EQ(spec->steps_per_lane(), 2000U);
}

TEST(SpecJson, NamesTheFieldThatIsWrong) {
    struct Case {
        std::function<void(Json&)> spoil;
        std::string path;
    };
    const std::vector<Case> cases{
        {[](Json& j) { j["colour"] = 1; }, "colour"},
        {[](Json& j) { j["model"]["colour"] = 1; }, "model.colour"},
        {[](Json& j) { j.erase("batch"); }, "batch"},
        {[](Json& j) { j["batch"] = -1; }, "batch"},
        {[](Json& j) { j["batch"] = 1.5; }, "batch"},
        {[](Json& j) { j["batch"] = "0x4"; }, "batch"},
        {[](Json& j) { j["batch"] = 4294967296; }, "batch"},
        {[](Json& j) { j["batch"] = nullptr; }, "batch"},
        {[](Json& j) { j["seed"] = "18446744073709551616"; }, "seed"},
        {[](Json& j) { j["model"]["kind"] = "rnn"; }, "model.kind"},
        {[](Json& j) { j["model"] = 3; }, "model"},
        {[](Json& j) { j["model"]["bias"] = 1; }, "model.bias"},
        {[](Json& j) { j["model"]["activation"] = "swish"; }, "model.activation"},
        {[](Json& j) { j["model"]["dropout"] = 1.5; }, "model.dropout"},
        {[](Json& j) { j["model"]["width"] = 33; }, "model.width"},
        {[](Json& j) { j["data"]["blob"] = "AA"; }, "data.blob"},
        {[](Json& j) { j["data"]["characters"] = Json::array({-1}); }, "data.characters"},
        {[](Json& j) { j["data"]["characters"] = 5; }, "data.characters"},
        {[](Json& j) { j["optimizer"]["learning_rate"] = 1e-10; }, "optimizer.learning_rate"},
        {[](Json& j) { j["optimizer"]["learning_rate"] = "0.0010000000001"; },
         "optimizer.learning_rate"},
        {[](Json& j) { j["optimizer"]["learning_rate"] = -0.1; }, "optimizer.learning_rate"},
        {[](Json& j) { j["optimizer"]["learning_rate"] = "1e-3"; }, "optimizer.learning_rate"},
        {[](Json& j) { j["optimizer"]["beta1"] = 1.5; }, "optimizer.beta1"},
        {[](Json& j) { j["price_ceiling"] = 1000; }, "price_ceiling"},
        {[](Json& j) { j["price_ceiling"] = "9223372036854775808"; }, "price_ceiling"},
        {[](Json& j) { j["audit_rate"] = 1.1; }, "audit_rate"},
        {[](Json& j) { j["audit_rate"] = 0.1234567; }, "audit_rate"},
        {[](Json& j) { j["steps"] = 10; }, "steps"},
        {[](Json& j) {
             j["merge"] = {{"moments", "keep"}};
         },
         "merge.moments"},
    };
    for (const Case& one : cases) {
        Json json = valid_spec();
        one.spoil(json);
        const auto spec = spec_from_json(json);
        ASSERT_FALSE(spec.has_value()) << one.path << " in " << json.dump();
        EXPECT_EQ(spec.error().path, one.path) << spec_error_text(spec.error());
    }
}

TEST(ParseJson, RefusesWhatIsNotStrict) {
    for (const char* bad :
         {"", "{", "{'a':1}", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}",
          "[1e999]", "[NaN]", "\"\xff\"", "1 2", "// x\n1"}) {
        EXPECT_FALSE(parse_json(bad).has_value()) << bad;
    }
    EXPECT_FALSE(parse_json(std::string(40, '[') + std::string(40, ']')).has_value());
    EXPECT_FALSE(parse_json("[" + std::string(kJsonBytesMax, ' ') + "]").has_value());
    EXPECT_TRUE(parse_json(R"({"a":{"b":1},"c":{"b":1}})").has_value());
}

TEST(GenesisJson, RoundTripsAndRefuses) {
    market::Genesis genesis;
    genesis.chain_name = "json-test";
    genesis.time.value = 5;
    genesis.operator_key = base::SecretKey::from_seed(base::Bytes(32, 1)).public_key();
    genesis.parameters = market::demo_parameters();
    for (const std::uint8_t seed : {std::uint8_t{2}, std::uint8_t{3}}) {
        market::GenesisAccount account;
        account.cold = account.hot = account.vrf =
            base::SecretKey::from_seed(base::Bytes(32, seed)).public_key();
        account.balance = base::Amount::of(100);
        genesis.accounts.push_back(account);
    }
    if (genesis.accounts[1].cold < genesis.accounts[0].cold)
        std::swap(genesis.accounts[0], genesis.accounts[1]);
    const Json json = genesis_to_json(genesis);
    const auto again = genesis_from_json(json);
    ASSERT_TRUE(again.has_value()) << spec_error_text(again.error());
    EXPECT_TRUE(*again == genesis);
    for (const char* name : {"chain_name", "time_ms", "operator_key", "accounts"}) {
        Json bad = json;
        bad.erase(name);
        EXPECT_FALSE(genesis_from_json(bad).has_value()) << name;
    }
    Json bad = json;
    bad["accounts"][0]["balance"] = 7;
    EXPECT_EQ(genesis_from_json(bad).error().path, "accounts[0].balance");
    bad = json;
    bad["accounts"][1]["cold"] = std::string(64, 'f');
    EXPECT_EQ(genesis_from_json(bad).error().path, "accounts[1].cold");
    bad = json;
    bad["parameters"]["colour"] = 1;
    EXPECT_EQ(genesis_from_json(bad).error().path, "parameters.colour");
}

}  // namespace
}  // namespace assay::client
