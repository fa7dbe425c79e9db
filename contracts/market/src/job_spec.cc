#include "market/job_spec.h"

#include <limits>

#include "base/check.h"
#include "base/wide.h"

namespace assay::market {

namespace {

using base::Uint128;

constexpr std::uint8_t kFormatVersion = 1;
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

template <class E>
bool known(E value) {
    return base::enum_from<E>(static_cast<std::uint8_t>(value)).has_value();
}

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
    base::Encoder out;
    out.u8(kFormatVersion);
    base::Writer{out}(spec);
    return out.take();
}

tl::expected<JobSpec, SpecError> decode_spec(base::ByteView bytes) {
    if (bytes.size() > kSpecBytesMax)
        return tl::unexpected(SpecError{"(bytes)", "longer than 512 KiB"});
    base::Decoder in(bytes);
    if (in.u8() != kFormatVersion)
        return tl::unexpected(SpecError{"(bytes)", "unknown format version"});
    JobSpec spec;
    base::Reader{in}(spec);
    if (!in.finished())
        return tl::unexpected(SpecError{"(bytes)", "not the canonical encoding of a spec"});
    if (auto error = check_spec(spec)) return tl::unexpected(std::move(*error));
    return spec;
}

base::Hash spec_root(base::ByteView encoded_spec) {
    return base::blake2b("assay.spec", encoded_spec);
}

}  // namespace assay::market
