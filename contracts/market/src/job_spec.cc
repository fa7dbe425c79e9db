#include "market/job_spec.h"

#include <limits>

#include "base/check.h"
#include "base/wide.h"

namespace assay::market {

namespace {

using base::Decoder;
using base::Encoder;
using base::Uint128;

constexpr std::uint8_t kFormatVersion = 1;
constexpr std::uint8_t kGptTag = 1, kMlpTag = 2, kTokenTag = 1, kTableTag = 2;
constexpr std::uint32_t kProfileLengthMax = 32;
constexpr std::uint32_t kBillion = 1'000'000'000;
constexpr std::uint32_t kLayersMax = 128, kHeadsMax = 256, kWidthMax = 16'384, kContextMax = 8'192;
constexpr std::uint32_t kHiddenMax = 32, kVocabularyMax = 1U << 20U, kCharactersMax = 1U << 16U;
constexpr std::uint32_t kFeaturesMax = 65'536, kClassesMax = 65'536;
constexpr std::uint64_t kTokensMax = 1ULL << 40U, kTableWordsMax = 1ULL << 40U;
constexpr Uint128 kWeightsMax = 1ULL << 36U;
constexpr std::uint32_t kAuditLagMax = 63;
constexpr std::uint32_t kBatchMax = 65'536, kStepRowsMax = 1U << 28U, kLanesMax = 1'024;
constexpr std::uint64_t kSegmentsMax = 1ULL << 24U;
constexpr std::uint32_t kSegmentStepsMax = 65'536, kPartSegmentsMax = 1'024;
constexpr std::uint64_t kLearningRateMax = 1'000ULL * kBillion;
constexpr std::uint64_t kClipMax = 1'000'000ULL * kBillion;
constexpr std::uint64_t kEpsilonMax = 1ULL * kBillion * kBillion;
constexpr std::uint32_t kOuterRateMax = 4'000'000'000U;
constexpr std::uint32_t kDeadlineMax = 30U * 24U * 3'600U;

/// Collects the first broken limit; later ones are skipped, so products below see only values that
/// passed.
class Limits {
  public:
    void within(std::string_view path, Uint128 value, Uint128 low, Uint128 high) {
        if (error_ || (value >= low && value <= high)) return;
        error_ = SpecError{std::string(path),
                           "must be between " + decimal(low) + " and " + decimal(high)};
    }
    void require(std::string_view path, bool holds, std::string_view reason) {
        if (!error_ && !holds) error_ = SpecError{std::string(path), std::string(reason)};
    }
    [[nodiscard]] bool failed() const { return error_.has_value(); }
    [[nodiscard]] std::optional<SpecError> take() { return std::move(error_); }

  private:
    static std::string decimal(Uint128 value) {
        ASSAY_CHECK(value <= std::numeric_limits<std::uint64_t>::max());
        return std::to_string(static_cast<std::uint64_t>(value));
    }
    std::optional<SpecError> error_;
};

bool known(Activation value) { return value >= Activation::gelu_tanh && value <= Activation::tanh; }
bool known(Tokeniser value) {
    return value >= Tokeniser::bytes && value <= Tokeniser::pretokenised;
}
bool known(MomentRule value) { return value == MomentRule::average || value == MomentRule::reset; }

bool profile_spelled_well(const std::string& profile) {
    if (profile.empty() || profile.size() > kProfileLengthMax) return false;
    for (const char c : profile) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!plain) return false;
    }
    return true;
}

void check_gpt(Limits& limits, const GptModel& gpt, const TokenData* data) {
    limits.within("model.layers", gpt.layers, 1, kLayersMax);
    limits.within("model.heads", gpt.heads, 1, kHeadsMax);
    limits.within("model.width", gpt.width, 1, kWidthMax);
    limits.within("model.context", gpt.context, 1, kContextMax);
    if (limits.failed()) return;
    limits.require("model.width", gpt.width % gpt.heads == 0, "must be a multiple of heads");
    limits.require("model.activation", known(gpt.activation), "is not a known activation");
    limits.within("model.dropout_ppb", gpt.dropout_ppb, 0, kBillion - 1);
    limits.require("data", data != nullptr, "a gpt needs token data");
    if (limits.failed()) return;
    limits.require("data.train_tokens", data->train_tokens > gpt.context,
                   "must be more than the context");
    const Uint128 blocks = Uint128{12} * gpt.layers * gpt.width * gpt.width;
    const Uint128 embeddings = (Uint128{data->vocabulary} + gpt.context) * gpt.width;
    limits.require("model", blocks + embeddings <= kWeightsMax, "has more than 2^36 weights");
}

void check_mlp(Limits& limits, const MlpModel& mlp, const TableData* data) {
    limits.within("model.hidden", mlp.hidden.size(), 0, kHiddenMax);
    if (limits.failed()) return;
    for (const std::uint32_t width : mlp.hidden) limits.within("model.hidden", width, 1, kWidthMax);
    limits.require("model.activation", known(mlp.activation), "is not a known activation");
    limits.within("model.rows_per_sequence", mlp.rows_per_sequence, 1, kContextMax);
    limits.within("model.dropout_ppb", mlp.dropout_ppb, 0, kBillion - 1);
    limits.require("data", data != nullptr, "an mlp needs table data");
    if (limits.failed()) return;
    Uint128 weights = 0;
    std::uint32_t in = data->features;
    for (const std::uint32_t width : mlp.hidden) {
        weights += Uint128{in} * width;
        in = width;
    }
    weights += Uint128{in} * data->classes;
    limits.require("model", weights <= kWeightsMax, "has more than 2^36 weights");
}

void check_tokens(Limits& limits, const TokenData& data) {
    limits.within("data.tokens", data.tokens, 1, kTokensMax);
    limits.within("data.train_tokens", data.train_tokens, 1, data.tokens);
    limits.within("data.vocabulary", data.vocabulary, 1, kVocabularyMax);
    limits.require("data.tokeniser", known(data.tokeniser), "is not a known tokeniser");
    if (limits.failed()) return;
    switch (data.tokeniser) {
        case Tokeniser::bytes:
            limits.require("data.vocabulary", data.vocabulary == 256, "must be 256 for bytes");
            limits.require("data.characters", data.characters.empty(), "must be empty for bytes");
            break;
        case Tokeniser::characters:
            limits.within("data.characters", data.characters.size(), 1, kCharactersMax);
            limits.require("data.vocabulary", data.characters.size() == data.vocabulary,
                           "must be the number of characters");
            break;
        case Tokeniser::pretokenised:
            limits.require("data.characters", data.characters.empty(),
                           "must be empty for pretokenised data");
            break;
    }
    if (limits.failed()) return;
    for (std::size_t i = 0; i < data.characters.size(); ++i) {
        const std::uint32_t point = data.characters[i];
        limits.require("data.characters",
                       point <= 0x10ffffU && (point < 0xd800U || point > 0xdfffU),
                       "must be Unicode scalar values");
        limits.require("data.characters", i == 0 || data.characters[i - 1] < point,
                       "must ascend without repetition");
    }
}

void check_table(Limits& limits, const TableData& data) {
    limits.within("data.features", data.features, 1, kFeaturesMax);
    limits.within("data.classes", data.classes, 2, kClassesMax);
    limits.within("data.rows", data.rows, 1, kTableWordsMax);
    limits.within("data.train_rows", data.train_rows, 1, data.rows);
    limits.require("data.rows", Uint128{data.rows} * (Uint128{data.features} + 1) <= kTableWordsMax,
                   "the table has more than 2^40 values");
}

void check_optimizer(Limits& limits, const Optimizer& optimizer) {
    limits.within("optimizer.learning_rate_ppb", optimizer.learning_rate_ppb, 1, kLearningRateMax);
    limits.within("optimizer.learning_rate_min_ppb", optimizer.learning_rate_min_ppb, 0,
                  optimizer.learning_rate_ppb);
    limits.within("optimizer.beta1_ppb", optimizer.beta1_ppb, 0, kBillion - 1);
    limits.within("optimizer.beta2_ppb", optimizer.beta2_ppb, 0, kBillion - 1);
    limits.within("optimizer.epsilon_ppb_of_ppb", optimizer.epsilon_ppb_of_ppb, 1, kEpsilonMax);
    limits.within("optimizer.weight_decay_ppb", optimizer.weight_decay_ppb, 0, kBillion);
    limits.within("optimizer.clip_norm_ppb", optimizer.clip_norm_ppb, 0, kClipMax);
}

void check_schedule(Limits& limits, const JobSpec& spec) {
    limits.within("lanes", spec.lanes, 1, kLanesMax);
    limits.within("rounds", spec.rounds, 1, kLaneStepsMax);
    limits.within("round_steps", spec.round_steps, 1, kLaneStepsMax);
    limits.within("segment_steps", spec.segment_steps, 1, kSegmentStepsMax);
    limits.within("part_segments", spec.part_segments, 1, kPartSegmentsMax);
    if (limits.failed()) return;
    limits.require("rounds", Uint128{spec.rounds} * spec.round_steps <= kLaneStepsMax,
                   "rounds x round_steps is more than 2^20");
    limits.require("segment_steps", spec.round_steps % spec.segment_steps == 0,
                   "must divide round_steps");
    if (limits.failed()) return;
    const Uint128 segments = Uint128{spec.lanes} * spec.rounds * spec.segments_per_round();
    limits.require("segment_steps", segments <= kSegmentsMax,
                   "the job has more than 2^24 segments");
    limits.within("part_segments", spec.part_segments, 1, spec.segments_per_round());
    limits.within("min_lanes", spec.min_lanes, 1, spec.lanes);
    limits.require("price_ceiling", segments * spec.price_ceiling.grains() <= base::Amount::kMax,
                   "times the job's segments exceeds every balance");
}

void encode_model(Encoder& out, const Model& model) {
    if (const auto* gpt = std::get_if<GptModel>(&model)) {
        out.u8(kGptTag)
            .u32(gpt->layers)
            .u32(gpt->heads)
            .u32(gpt->width)
            .u32(gpt->context)
            .boolean(gpt->bias);
        out.u8(static_cast<std::uint8_t>(gpt->activation)).u32(gpt->dropout_ppb);
        return;
    }
    const auto& mlp = std::get<MlpModel>(model);
    out.u8(kMlpTag).u32(static_cast<std::uint32_t>(mlp.hidden.size()));
    for (const std::uint32_t width : mlp.hidden) out.u32(width);
    out.u8(static_cast<std::uint8_t>(mlp.activation))
        .u32(mlp.rows_per_sequence)
        .u32(mlp.dropout_ppb);
}

Model decode_model(Decoder& in) {
    const std::uint8_t tag = in.u8();
    if (tag == kGptTag) {
        GptModel gpt;
        gpt.layers = in.u32();
        gpt.heads = in.u32();
        gpt.width = in.u32();
        gpt.context = in.u32();
        gpt.bias = in.boolean();
        gpt.activation = static_cast<Activation>(in.u8());
        gpt.dropout_ppb = in.u32();
        return gpt;
    }
    if (tag != kMlpTag) in.fail();
    MlpModel mlp;
    const std::uint32_t count = in.length(kHiddenMax);
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) mlp.hidden.push_back(in.u32());
    mlp.activation = static_cast<Activation>(in.u8());
    mlp.rows_per_sequence = in.u32();
    mlp.dropout_ppb = in.u32();
    return mlp;
}

void encode_data(Encoder& out, const Data& data) {
    if (const auto* tokens = std::get_if<TokenData>(&data)) {
        out.u8(kTokenTag)
            .id(tokens->blob)
            .u64(tokens->tokens)
            .u64(tokens->train_tokens)
            .u32(tokens->vocabulary);
        out.u8(static_cast<std::uint8_t>(tokens->tokeniser))
            .u32(static_cast<std::uint32_t>(tokens->characters.size()));
        for (const std::uint32_t point : tokens->characters) out.u32(point);
        return;
    }
    const auto& table = std::get<TableData>(data);
    out.u8(kTableTag)
        .id(table.blob)
        .u64(table.rows)
        .u64(table.train_rows)
        .u32(table.features)
        .u32(table.classes);
}

Data decode_data(Decoder& in) {
    const std::uint8_t tag = in.u8();
    if (tag == kTokenTag) {
        TokenData tokens;
        tokens.blob = in.id_of<base::BlobRoot>();
        tokens.tokens = in.u64();
        tokens.train_tokens = in.u64();
        tokens.vocabulary = in.u32();
        tokens.tokeniser = static_cast<Tokeniser>(in.u8());
        const std::uint32_t count = in.length(kCharactersMax);
        for (std::uint32_t i = 0; i < count && in.ok(); ++i) tokens.characters.push_back(in.u32());
        return tokens;
    }
    if (tag != kTableTag) in.fail();
    TableData table;
    table.blob = in.id_of<base::BlobRoot>();
    table.rows = in.u64();
    table.train_rows = in.u64();
    table.features = in.u32();
    table.classes = in.u32();
    return table;
}

void decode_optimizer(Decoder& in, Optimizer& optimizer) {
    optimizer.learning_rate_ppb = in.u64();
    optimizer.learning_rate_min_ppb = in.u64();
    optimizer.warmup_steps = in.u32();
    optimizer.beta1_ppb = in.u32();
    optimizer.beta2_ppb = in.u32();
    optimizer.epsilon_ppb_of_ppb = in.u64();
    optimizer.weight_decay_ppb = in.u32();
    optimizer.clip_norm_ppb = in.u64();
}

}  // namespace

std::uint64_t facts_weight(const JobSpec& spec) {
    constexpr std::uint64_t kBase = 1'000, kStepsPerUnit = 8, kGptLayer = 1'300, kGptHead = 2,
                            kMlpLayer = 200;
    Uint128 weight = kBase + (Uint128{spec.steps_per_lane()} + kStepsPerUnit - 1) / kStepsPerUnit;
    if (const auto* gpt = std::get_if<GptModel>(&spec.model)) {
        weight += Uint128{gpt->layers} * (kGptLayer + kGptHead * gpt->heads);
    } else {
        weight += Uint128{std::get<MlpModel>(spec.model).hidden.size()} * kMlpLayer;
    }
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    return weight > kMost ? kMost : static_cast<std::uint64_t>(weight);
}

std::optional<SpecError> check_spec(const JobSpec& spec) {
    Limits limits;
    limits.within("builder_version", spec.builder_version, 1, 0xffff);
    limits.require("profile", profile_spelled_well(spec.profile),
                   "must be 1 to 32 of a-z 0-9 . _ -");
    const auto* tokens = std::get_if<TokenData>(&spec.data);
    const auto* table = std::get_if<TableData>(&spec.data);
    if (tokens != nullptr) check_tokens(limits, *tokens);
    if (table != nullptr) check_table(limits, *table);
    if (limits.failed()) return limits.take();
    std::uint32_t sequence_rows = 0;
    if (const auto* gpt = std::get_if<GptModel>(&spec.model)) {
        check_gpt(limits, *gpt, tokens);
        sequence_rows = gpt->context;
    } else {
        const auto& mlp = std::get<MlpModel>(spec.model);
        check_mlp(limits, mlp, table);
        sequence_rows = mlp.rows_per_sequence;
    }
    limits.within("batch", spec.batch, 1, kBatchMax);
    limits.require("batch", Uint128{spec.batch} * sequence_rows <= kStepRowsMax,
                   "a step has more than 2^28 rows");
    check_optimizer(limits, spec.optimizer);
    limits.require("merge.moments", known(spec.merge.moments), "is not a known rule");
    limits.within("merge.outer_learning_rate_ppb", spec.merge.outer_learning_rate_ppb, 1,
                  kOuterRateMax);
    limits.within("merge.outer_momentum_ppb", spec.merge.outer_momentum_ppb, 0, kBillion - 1);
    check_schedule(limits, spec);
    limits.require("model", facts_weight(spec) <= kFactsWeightMax,
                   "weighs more than 200000 with its steps: fewer layers, heads or steps");
    limits.within("audit_rate_ppm", spec.audit_rate_ppm, 0, 1'000'000);
    limits.require("audit_lag", spec.audit_lag <= kAuditLagMax, "at most 63");
    limits.require("audit_lag", spec.audit_lag == 0 || spec.has_merge(),
                   "must be 0 in a job without merges");
    limits.within("round_deadline_s", spec.round_deadline_s, 1, kDeadlineMax);
    return limits.take();
}

base::Bytes encode_spec(const JobSpec& spec) {
    Encoder out;
    out.u8(kFormatVersion).u32(spec.builder_version).text(spec.profile);
    encode_model(out, spec.model);
    encode_data(out, spec.data);
    out.u32(spec.batch).u64(spec.seed);
    const Optimizer& optimizer = spec.optimizer;
    out.u64(optimizer.learning_rate_ppb)
        .u64(optimizer.learning_rate_min_ppb)
        .u32(optimizer.warmup_steps);
    out.u32(optimizer.beta1_ppb).u32(optimizer.beta2_ppb).u64(optimizer.epsilon_ppb_of_ppb);
    out.u32(optimizer.weight_decay_ppb).u64(optimizer.clip_norm_ppb);
    out.u8(static_cast<std::uint8_t>(spec.merge.moments));
    out.u32(spec.merge.outer_learning_rate_ppb).u32(spec.merge.outer_momentum_ppb);
    out.u32(spec.lanes).u32(spec.rounds).u32(spec.round_steps).u32(spec.segment_steps);
    out.u32(spec.part_segments).u32(spec.min_lanes).amount(spec.price_ceiling);
    out.u32(spec.audit_rate_ppm)
        .u32(spec.audit_lag)
        .u32(spec.round_deadline_s)
        .boolean(spec.public_job);
    return out.take();
}

tl::expected<JobSpec, SpecError> decode_spec(base::ByteView bytes) {
    if (bytes.size() > kSpecBytesMax)
        return tl::unexpected(SpecError{"(bytes)", "longer than 512 KiB"});
    Decoder in(bytes);
    if (in.u8() != kFormatVersion)
        return tl::unexpected(SpecError{"(bytes)", "unknown format version"});
    JobSpec spec;
    spec.builder_version = in.u32();
    spec.profile = in.text(kProfileLengthMax);
    spec.model = decode_model(in);
    spec.data = decode_data(in);
    spec.batch = in.u32();
    spec.seed = in.u64();
    decode_optimizer(in, spec.optimizer);
    spec.merge.moments = static_cast<MomentRule>(in.u8());
    spec.merge.outer_learning_rate_ppb = in.u32();
    spec.merge.outer_momentum_ppb = in.u32();
    spec.lanes = in.u32();
    spec.rounds = in.u32();
    spec.round_steps = in.u32();
    spec.segment_steps = in.u32();
    spec.part_segments = in.u32();
    spec.min_lanes = in.u32();
    spec.price_ceiling = in.amount();
    spec.audit_rate_ppm = in.u32();
    spec.audit_lag = in.u32();
    spec.round_deadline_s = in.u32();
    spec.public_job = in.boolean();
    if (!in.finished())
        return tl::unexpected(SpecError{"(bytes)", "not the canonical encoding of a spec"});
    if (auto error = check_spec(spec)) return tl::unexpected(std::move(*error));
    return spec;
}

base::Hash spec_root(base::ByteView encoded_spec) {
    return base::blake2b("assay.spec", encoded_spec);
}

}  // namespace assay::market
