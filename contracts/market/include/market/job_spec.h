#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "base/amount.h"
#include "base/archive.h"
#include "base/ids.h"
#include "base/schema.h"

namespace assay::market {

/// Everything that decides the bits of a job and its price. Its canonical encoding
/// (docs/formats/job_spec.md) is what `job_post` carries; the spec root is H("assay.spec",
/// encoding). Program root, init root and job id are not in it: no hash contains itself. Real
/// numbers are integers in parts per billion (`_ppb`), so no float enters the ledger.

ASSAY_ENUM(Tokeniser, bytes = 1, characters, pretokenised)

/// Where the sequences come from. Blob layouts: docs/formats/dataset.md.
struct TokenData {
    base::BlobRoot blob;  ///< u32 little-endian token ids
    std::uint64_t tokens = 0;
    std::uint64_t train_tokens = 0;  ///< the first ones; the rest is the validation split
    std::uint32_t vocabulary = 0;
    Tokeniser tokeniser = Tokeniser::characters;
    /// For `characters`: code points of the vocabulary, ascending. Empty otherwise.
    std::vector<std::uint32_t> characters;
    ASSAY_FIELDS(TokenData, blob, tokens, train_tokens, vocabulary, tokeniser, characters)
};
struct TableData {
    base::BlobRoot
        blob;  ///< rows of f32 little-endian: features, then one label column (class number)
    std::uint64_t rows = 0;
    std::uint64_t train_rows = 0;
    std::uint32_t features = 0;
    std::uint32_t classes = 0;
    ASSAY_FIELDS(TableData, blob, rows, train_rows, features, classes)
};
using Data = std::variant<TokenData, TableData>;

ASSAY_ENUM(Activation, gelu_tanh = 1, gelu_erf, relu, tanh)

struct GptModel {
    std::uint32_t layers = 0, heads = 0, width = 0,
                  context = 0;  ///< vocabulary comes from the data
    bool bias = true;
    Activation activation = Activation::gelu_tanh;
    std::uint32_t dropout_ppb = 0;
    ASSAY_FIELDS(GptModel, layers, heads, width, context, bias, activation, dropout_ppb)
};
struct MlpModel {
    std::vector<std::uint32_t> hidden;  ///< widths of the hidden layers
    Activation activation = Activation::relu;
    std::uint32_t rows_per_sequence = 32;  ///< T: samples of one sequence
    std::uint32_t dropout_ppb = 0;
    ASSAY_FIELDS(MlpModel, hidden, activation, rows_per_sequence, dropout_ppb)
};
using Model = std::variant<GptModel, MlpModel>;

ASSAY_ENUM(MomentRule, average = 1, reset)

struct Optimizer {
    std::uint64_t learning_rate_ppb = 0;      ///< peak
    std::uint64_t learning_rate_min_ppb = 0;  ///< at the end of the cosine
    std::uint32_t warmup_steps = 0;
    std::uint32_t beta1_ppb = 900'000'000, beta2_ppb = 950'000'000;
    std::uint64_t epsilon_ppb_of_ppb = 10'000'000'000;  ///< in 10^-18: default 1e-8
    std::uint32_t weight_decay_ppb = 100'000'000;       ///< on matrices only
    std::uint64_t clip_norm_ppb = 1'000'000'000;        ///< 0: no clipping
    ASSAY_FIELDS(Optimizer, learning_rate_ppb, learning_rate_min_ppb, warmup_steps, beta1_ppb,
                 beta2_ppb, epsilon_ppb_of_ppb, weight_decay_ppb, clip_norm_ppb)
};

struct MergeRule {
    MomentRule moments = MomentRule::average;
    std::uint32_t outer_learning_rate_ppb = 700'000'000;
    std::uint32_t outer_momentum_ppb = 900'000'000;
    ASSAY_FIELDS(MergeRule, moments, outer_learning_rate_ppb, outer_momentum_ppb)
};

/// What the builder knows, from 1 on; the newest is the last.
inline constexpr std::uint32_t kBuilderVersionMax = 1;
inline constexpr bool builder_knows(std::uint32_t version) {
    return version >= 1 && version <= kBuilderVersionMax;
}

struct JobSpec {
    std::uint32_t builder_version = 1;
    std::string profile = "f32";
    Model model;
    Data data;
    std::uint32_t batch = 0;  ///< sequences per step and lane
    std::uint64_t seed = 0;
    Optimizer optimizer;
    MergeRule merge;
    std::uint32_t lanes = 1, rounds = 1, round_steps = 0;  ///< S, R, H
    std::uint32_t segment_steps = 0;                       ///< divides round_steps
    std::uint32_t part_segments = 1;                       ///< K; a part never crosses a round
    std::uint32_t min_lanes = 1;
    base::Amount price_ceiling;  ///< grains per segment
    std::uint32_t audit_rate_ppm = 0;
    std::uint32_t audit_lag = 0;  ///< D: rounds that train while audits of an earlier one run;
                                  ///< above 0 only where a referee judges
    std::uint32_t round_deadline_s =
        3600;  ///< upper bound the submitter sets; the rules may use less
    bool public_job = true;
    ASSAY_FIELDS(JobSpec, builder_version, profile, model, data, batch, seed, optimizer, merge,
                 lanes, rounds, round_steps, segment_steps, part_segments, min_lanes, price_ceiling,
                 audit_rate_ppm, audit_lag, round_deadline_s, public_job)

    [[nodiscard]] std::uint64_t steps_per_lane() const {
        return std::uint64_t{rounds} * round_steps;
    }
    [[nodiscard]] std::uint32_t segments_per_round() const { return round_steps / segment_steps; }
    /// "none when there is one lane and one round".
    [[nodiscard]] bool has_merge() const { return lanes > 1 || rounds > 1; }
};

/// Why a spec is refused; the path names the field for people.
struct SpecError {
    std::string path;
    std::string reason;
};

inline constexpr std::size_t kSpecBytesMax = 512 * 1024;
/// Steps of one lane: the schedule has a row per step, and step numbers stay exact in binary32.
inline constexpr std::uint64_t kLaneStepsMax = std::uint64_t{1} << 20U;
/// What building the spec's program and checking every claim about it weighs, one unit about a
/// microsecond (message_weight): 1,000 + steps / 8, rounded up, + layers x (1,300 + 2 heads); for
/// an mlp 200 for each hidden layer in place of the layers. Saturates.
[[nodiscard]] std::uint64_t facts_weight(const JobSpec& spec);
/// The most that a spec may weigh.
inline constexpr std::uint64_t kFactsWeightMax = 200'000;
/// Integer limits only: sizes, counts, products; never evaluates a schedule.
[[nodiscard]] std::optional<SpecError> check_spec(const JobSpec& spec);
base::Bytes encode_spec(const JobSpec& spec);
/// Strict: one spec has one encoding. Runs check_spec.
tl::expected<JobSpec, SpecError> decode_spec(base::ByteView bytes);
base::Hash spec_root(base::ByteView encoded_spec);

}  // namespace assay::market

template <>
inline constexpr std::uint8_t assay::base::kFirstTag<assay::market::Data> = 1;
template <>
inline constexpr std::uint8_t assay::base::kFirstTag<assay::market::Model> = 1;
