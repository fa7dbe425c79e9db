#include "market/job_spec.h"

#include <gtest/gtest.h>

#include <functional>

#include "fixtures.h"

namespace assay::market {
namespace {

using commit::small_gpt;
using commit::small_mlp;

void expect_refused(const std::string& path, const std::function<void(JobSpec&)>& damage,
                    JobSpec spec = small_gpt()) {
    ASSERT_FALSE(check_spec(spec).has_value());
    damage(spec);
    const auto error = check_spec(spec);
    ASSERT_TRUE(error.has_value()) << path;
    EXPECT_EQ(error->path, path) << error->reason;
    EXPECT_FALSE(decode_spec(encode_spec(spec)).has_value());
}

TEST(JobSpec, DecodesWhatItEncodes) {
    for (const JobSpec& spec : {small_gpt(), small_gpt(false), small_mlp()}) {
        const base::Bytes bytes = encode_spec(spec);
        const auto decoded = decode_spec(bytes);
        ASSERT_TRUE(decoded.has_value()) << decoded.error().reason;
        EXPECT_EQ(*decoded, spec);
        EXPECT_EQ(encode_spec(*decoded), bytes);
    }
}

TEST(JobSpec, GoldenVector) {
    const auto golden = commit::golden_of("job_spec.md");
    EXPECT_EQ(golden.at("gpt"), base::to_hex(encode_spec(small_gpt())));
    EXPECT_EQ(golden.at("gpt_root"), spec_root(encode_spec(small_gpt())).hex());
    EXPECT_EQ(golden.at("mlp"), base::to_hex(encode_spec(small_mlp())));
    EXPECT_EQ(golden.at("mlp_root"), spec_root(encode_spec(small_mlp())).hex());
}

TEST(JobSpec, RefusesTruncatedAndLongerBytes) {
    base::Bytes bytes = encode_spec(small_gpt());
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_spec(base::ByteView(bytes).first(size)).has_value()) << size;
    bytes.push_back(0);
    EXPECT_FALSE(decode_spec(bytes).has_value());
    EXPECT_FALSE(decode_spec(base::Bytes(kSpecBytesMax + 1)).has_value());
}

TEST(JobSpec, AcceptsNoOtherSpelling) {
    // Any changed byte gives another spec or a refusal, never the same spec.
    const JobSpec spec = small_gpt();
    const base::Bytes bytes = encode_spec(spec);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        base::Bytes changed = bytes;
        changed[i] ^= 0x40U;
        const auto decoded = decode_spec(changed);
        EXPECT_TRUE(!decoded || encode_spec(*decoded) == changed) << i;
    }
}

TEST(JobSpec, RefusesUnknownTagsAndBooleans) {
    const base::Bytes bytes = encode_spec(small_gpt());
    for (const std::size_t index :
         {std::size_t{0}, std::size_t{12}, std::size_t{29}, bytes.size() - 1}) {
        base::Bytes changed = bytes;
        changed[index] = 9;
        EXPECT_FALSE(decode_spec(changed).has_value()) << index;
    }
}

TEST(JobSpec, RefusesModelsOutsideTheLimits) {
    const auto gpt = [](JobSpec& spec) -> GptModel& { return std::get<GptModel>(spec.model); };
    expect_refused("model.layers", [&](JobSpec& s) { gpt(s).layers = 0; });
    expect_refused("model.layers", [&](JobSpec& s) { gpt(s).layers = 129; });
    expect_refused("model.heads", [&](JobSpec& s) { gpt(s).heads = 0; });
    expect_refused("model.width", [&](JobSpec& s) { gpt(s).heads = 3; });
    expect_refused("model.width", [&](JobSpec& s) { gpt(s).width = 16'386; });
    expect_refused("model.width", [&](JobSpec& s) { gpt(s).width = 0; });
    expect_refused("model.context", [&](JobSpec& s) { gpt(s).context = 8'193; });
    expect_refused("model.dropout_ppb", [&](JobSpec& s) { gpt(s).dropout_ppb = 1'000'000'000; });
    expect_refused("model.activation",
                   [&](JobSpec& s) { gpt(s).activation = static_cast<Activation>(0); });
    expect_refused("model", [&](JobSpec& s) { gpt(s).layers = 128, gpt(s).width = 16'384; });
    expect_refused("data", [&](JobSpec& s) { s.data = TableData{{}, 40, 30, 5, 3}; });
    const auto mlp = [](JobSpec& spec) -> MlpModel& { return std::get<MlpModel>(spec.model); };
    expect_refused(
        "model.hidden", [&](JobSpec& s) { mlp(s).hidden.assign(33, 1); }, small_mlp());
    expect_refused(
        "model.hidden", [&](JobSpec& s) { mlp(s).hidden = {0}; }, small_mlp());
    expect_refused(
        "model.rows_per_sequence", [&](JobSpec& s) { mlp(s).rows_per_sequence = 0; }, small_mlp());
    expect_refused(
        "data", [&](JobSpec& s) { s.data = small_gpt().data; }, small_mlp());
}

TEST(JobSpec, RefusesDataOutsideTheLimits) {
    const auto tokens = [](JobSpec& spec) -> TokenData& { return std::get<TokenData>(spec.data); };
    expect_refused("data.tokens", [&](JobSpec& s) { tokens(s).tokens = 0; });
    expect_refused("data.tokens", [&](JobSpec& s) { tokens(s).tokens = (1ULL << 40U) + 1; });
    expect_refused("data.train_tokens", [&](JobSpec& s) { tokens(s).train_tokens = 2'001; });
    expect_refused("data.train_tokens", [&](JobSpec& s) { tokens(s).train_tokens = 16; });
    expect_refused("data.vocabulary", [&](JobSpec& s) { tokens(s).vocabulary = 25; });
    expect_refused("data.vocabulary", [&](JobSpec& s) { tokens(s).tokeniser = Tokeniser::bytes; });
    expect_refused("data.characters",
                   [&](JobSpec& s) { tokens(s).tokeniser = Tokeniser::pretokenised; });
    expect_refused("data.tokeniser",
                   [&](JobSpec& s) { tokens(s).tokeniser = static_cast<Tokeniser>(4); });
    expect_refused("data.characters",
                   [&](JobSpec& s) { tokens(s).characters[3] = tokens(s).characters[2]; });
    expect_refused("data.characters", [&](JobSpec& s) { tokens(s).characters[23] = 0xd800; });
    expect_refused("data.characters", [&](JobSpec& s) { tokens(s).characters[23] = 0x110000; });
    const auto table = [](JobSpec& spec) -> TableData& { return std::get<TableData>(spec.data); };
    expect_refused(
        "data.features", [&](JobSpec& s) { table(s).features = 0; }, small_mlp());
    expect_refused(
        "data.classes", [&](JobSpec& s) { table(s).classes = 1; }, small_mlp());
    expect_refused(
        "data.train_rows", [&](JobSpec& s) { table(s).train_rows = 41; }, small_mlp());
    expect_refused(
        "data.rows", [&](JobSpec& s) { table(s).rows = 1ULL << 40U; }, small_mlp());
}

TEST(JobSpec, RefusesSchedulesOutsideTheLimits) {
    expect_refused("profile", [](JobSpec& s) { s.profile = "F32"; });
    expect_refused("profile", [](JobSpec& s) { s.profile = std::string(33, 'a'); });
    expect_refused("builder_version", [](JobSpec& s) { s.builder_version = 0; });
    expect_refused("batch", [](JobSpec& s) { s.batch = 0; });
    expect_refused("batch", [](JobSpec& s) { s.batch = 65'537; });
    expect_refused("lanes", [](JobSpec& s) { s.lanes = 1'025; });
    expect_refused("rounds", [](JobSpec& s) { s.rounds = 0; });
    expect_refused("rounds", [](JobSpec& s) { s.rounds = 1U << 24U; });
    expect_refused("rounds", [](JobSpec& s) { s.rounds = (1U << 18U) + 1, s.round_steps = 4; });
    expect_refused("round_steps", [](JobSpec& s) { s.round_steps = (1U << 20U) + 1; });
    expect_refused("segment_steps", [](JobSpec& s) { s.segment_steps = 3; });
    expect_refused("segment_steps", [](JobSpec& s) { s.segment_steps = 0; });
    expect_refused("segment_steps", [](JobSpec& s) {
        s.lanes = 1'024, s.rounds = 1U << 11U, s.round_steps = 512, s.segment_steps = 1;
    });
    expect_refused("part_segments", [](JobSpec& s) { s.part_segments = 3; });
    expect_refused("min_lanes", [](JobSpec& s) { s.min_lanes = 3; });
    expect_refused("min_lanes", [](JobSpec& s) { s.min_lanes = 0; });
    expect_refused("price_ceiling",
                   [](JobSpec& s) { s.price_ceiling = base::Amount::of(base::Amount::kMax); });
    expect_refused("audit_rate_ppm", [](JobSpec& s) { s.audit_rate_ppm = 1'000'001; });
    expect_refused("audit_lag", [](JobSpec& s) { s.audit_lag = 64; });
    expect_refused("audit_lag", [](JobSpec& s) {
        s.lanes = s.rounds = s.min_lanes = 1;
        s.audit_lag = 1;
    });
    expect_refused("round_deadline_s", [](JobSpec& s) { s.round_deadline_s = 0; });
}

/// Layers and steps are each within their limits; what the rules have to build of them is not.
TEST(JobSpec, RefusesProgramsThatTakeTooLongToBuild) {
    JobSpec spec = small_gpt();
    spec.rounds = 1U << 18U;
    std::get<GptModel>(spec.model).layers = 52;
    EXPECT_EQ(facts_weight(spec), 1'000U + (1U << 17U) + 52 * (1'300 + 4));
    EXPECT_FALSE(check_spec(spec).has_value());
    std::get<GptModel>(spec.model).layers = 53;
    EXPECT_GT(facts_weight(spec), kFactsWeightMax);
    ASSERT_TRUE(check_spec(spec).has_value());
    EXPECT_EQ(check_spec(spec)->path, "model");
    expect_refused("model", [](JobSpec& s) {
        auto& gpt = std::get<GptModel>(s.model);
        gpt.layers = 128, gpt.heads = gpt.width = 128;
    });
}

TEST(JobSpec, RefusesOptimizersOutsideTheLimits) {
    expect_refused("optimizer.learning_rate_ppb",
                   [](JobSpec& s) { s.optimizer.learning_rate_ppb = 0; });
    expect_refused("optimizer.learning_rate_min_ppb",
                   [](JobSpec& s) { s.optimizer.learning_rate_min_ppb = 3'000'001; });
    expect_refused("optimizer.beta1_ppb",
                   [](JobSpec& s) { s.optimizer.beta1_ppb = 1'000'000'000; });
    expect_refused("optimizer.beta2_ppb",
                   [](JobSpec& s) { s.optimizer.beta2_ppb = 1'000'000'000; });
    expect_refused("optimizer.epsilon_ppb_of_ppb",
                   [](JobSpec& s) { s.optimizer.epsilon_ppb_of_ppb = 0; });
    expect_refused("optimizer.clip_norm_ppb",
                   [](JobSpec& s) { s.optimizer.clip_norm_ppb = UINT64_MAX; });
    expect_refused("optimizer.weight_decay_ppb",
                   [](JobSpec& s) { s.optimizer.weight_decay_ppb = 1'000'000'001; });
    expect_refused("merge.moments",
                   [](JobSpec& s) { s.merge.moments = static_cast<MomentRule>(3); });
    expect_refused("merge.outer_momentum_ppb",
                   [](JobSpec& s) { s.merge.outer_momentum_ppb = 1'000'000'000; });
    expect_refused("merge.outer_learning_rate_ppb",
                   [](JobSpec& s) { s.merge.outer_learning_rate_ppb = 0; });
}

}  // namespace
}  // namespace assay::market
