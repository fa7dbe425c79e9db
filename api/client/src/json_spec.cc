#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/check.h"
#include "client/json.h"
#include "json_reader.h"

namespace assay::client {
namespace {

using market::SpecError;

template <class Enum, std::size_t N>
using Words = std::array<std::pair<std::string_view, Enum>, N>;

constexpr Words<market::Activation, 4> kActivations{{{"gelu_tanh", market::Activation::gelu_tanh},
                                                     {"gelu_erf", market::Activation::gelu_erf},
                                                     {"relu", market::Activation::relu},
                                                     {"tanh", market::Activation::tanh}}};
constexpr Words<market::Tokeniser, 3> kTokenisers{
    {{"bytes", market::Tokeniser::bytes},
     {"characters", market::Tokeniser::characters},
     {"pretokenised", market::Tokeniser::pretokenised}}};
constexpr Words<market::MomentRule, 2> kMomentRules{
    {{"average", market::MomentRule::average}, {"reset", market::MomentRule::reset}}};

template <class Enum, std::size_t N>
std::string word_of(const Words<Enum, N>& words, Enum value) {
    for (const auto& [word, candidate] : words) {
        if (candidate == value) return std::string(word);
    }
    return "unknown";
}

template <class Enum, std::size_t N>
Enum read_word(ObjectReader& reader, const char* name, const Words<Enum, N>& words,
               std::optional<Enum> fallback) {
    const std::string text =
        reader.text(name, fallback ? std::optional(word_of(words, *fallback)) : std::nullopt, 64);
    std::string known;
    for (const auto& [word, value] : words) {
        if (word == text) return value;
        known += (known.empty() ? "" : ", ") + std::string(word);
    }
    reader.fail(name, "must be one of: " + known);
    return words[0].second;
}

bool is_scalar_value(std::uint32_t point) {
    return point < 0xd800U || (point > 0xdfffU && point <= 0x10ffffU);
}

void append_utf8(std::string& out, std::uint32_t point) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (point < 0x80U) {
        put(point);
    } else if (point < 0x800U) {
        put(0xc0U | (point >> 6U));
        put(0x80U | (point & 0x3fU));
    } else if (point < 0x10000U) {
        put(0xe0U | (point >> 12U));
        put(0x80U | ((point >> 6U) & 0x3fU));
        put(0x80U | (point & 0x3fU));
    } else {
        put(0xf0U | (point >> 18U));
        put(0x80U | ((point >> 12U) & 0x3fU));
        put(0x80U | ((point >> 6U) & 0x3fU));
        put(0x80U | (point & 0x3fU));
    }
}

/// Requires valid UTF-8, which the JSON parser has checked.
std::vector<std::uint32_t> code_points(std::string_view text) {
    std::vector<std::uint32_t> points;
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<std::uint8_t>(text[i]);
        const std::size_t length = lead < 0x80U ? 1 : lead < 0xe0U ? 2 : lead < 0xf0U ? 3 : 4;
        std::uint32_t point = length == 1 ? lead : lead & (0xffU >> (length + 1));
        for (std::size_t j = 1; j < length && i + j < text.size(); ++j)
            point = (point << 6U) | (static_cast<std::uint8_t>(text[i + j]) & 0x3fU);
        points.push_back(point);
        i += length;
    }
    return points;
}

std::vector<std::uint32_t> read_characters(ObjectReader& reader) {
    const Json& json = reader.member("characters", true);
    if (json.is_null()) return {};
    if (json.is_string()) return code_points(json.get_ref<const std::string&>());
    std::vector<std::uint32_t> points;
    if (json.is_array()) {
        for (const Json& entry : json) {
            if (!is_whole(entry) || entry.get<std::uint64_t>() > UINT32_MAX) break;
            points.push_back(entry.get<std::uint32_t>());
        }
    }
    if (!json.is_array() || points.size() != json.size())
        reader.fail("characters", "must be a text or a list of code points");
    return points;
}

market::Model read_model(ObjectReader reader) {
    const std::string kind = reader.text("kind", std::nullopt, 16);
    market::Model model;
    if (kind == "gpt") {
        market::GptModel gpt;
        gpt.layers = reader.u32("layers");
        gpt.heads = reader.u32("heads");
        gpt.width = reader.u32("width");
        gpt.context = reader.u32("context");
        gpt.bias = reader.boolean("bias", true);
        gpt.activation = read_word(reader, "activation", kActivations,
                                   std::optional(market::Activation::gelu_tanh));
        gpt.dropout_ppb = static_cast<std::uint32_t>(reader.decimal("dropout", 9, 0, 999'999'999));
        model = gpt;
    } else if (kind == "mlp") {
        market::MlpModel mlp;
        const Json& hidden = reader.member("hidden");
        for (const Json& width : hidden.is_array() ? hidden : Json::array()) {
            if (!is_whole(width) || width.get<std::uint64_t>() > UINT32_MAX) break;
            mlp.hidden.push_back(width.get<std::uint32_t>());
        }
        if (!hidden.is_array() || mlp.hidden.size() != hidden.size())
            reader.fail("hidden", "must be a list of widths");
        mlp.activation =
            read_word(reader, "activation", kActivations, std::optional(market::Activation::relu));
        mlp.rows_per_sequence = reader.u32("rows_per_sequence", 32);
        mlp.dropout_ppb = static_cast<std::uint32_t>(reader.decimal("dropout", 9, 0, 999'999'999));
        model = mlp;
    } else {
        reader.fail("kind", "must be one of: gpt, mlp");
    }
    reader.refuse_unknown();
    return model;
}

market::Data read_data(ObjectReader reader) {
    const std::string kind = reader.text("kind", std::nullopt, 16);
    market::Data data;
    if (kind == "tokens") {
        market::TokenData tokens;
        tokens.blob.hash = reader.hash("blob");
        tokens.tokens = reader.u64("tokens");
        tokens.train_tokens = reader.u64("train_tokens");
        tokens.vocabulary = reader.u32("vocabulary");
        tokens.tokeniser =
            read_word(reader, "tokeniser", kTokenisers, std::optional<market::Tokeniser>());
        tokens.characters = read_characters(reader);
        data = tokens;
    } else if (kind == "table") {
        market::TableData table;
        table.blob.hash = reader.hash("blob");
        table.rows = reader.u64("rows");
        table.train_rows = reader.u64("train_rows");
        table.features = reader.u32("features");
        table.classes = reader.u32("classes");
        data = table;
    } else {
        reader.fail("kind", "must be one of: tokens, table");
    }
    reader.refuse_unknown();
    return data;
}

market::Optimizer read_optimizer(ObjectReader reader) {
    market::Optimizer optimizer;
    constexpr std::uint64_t kOne = 1'000'000'000;
    optimizer.learning_rate_ppb = reader.decimal("learning_rate", 9);
    optimizer.learning_rate_min_ppb =
        reader.decimal("learning_rate_min", 9, optimizer.learning_rate_min_ppb);
    optimizer.warmup_steps = reader.u32("warmup_steps", optimizer.warmup_steps);
    optimizer.beta1_ppb =
        static_cast<std::uint32_t>(reader.decimal("beta1", 9, optimizer.beta1_ppb, kOne));
    optimizer.beta2_ppb =
        static_cast<std::uint32_t>(reader.decimal("beta2", 9, optimizer.beta2_ppb, kOne));
    optimizer.epsilon_ppb_of_ppb = reader.decimal("epsilon", 18, optimizer.epsilon_ppb_of_ppb);
    optimizer.weight_decay_ppb = static_cast<std::uint32_t>(
        reader.decimal("weight_decay", 9, optimizer.weight_decay_ppb, UINT32_MAX));
    optimizer.clip_norm_ppb = reader.decimal("clip_norm", 9, optimizer.clip_norm_ppb);
    reader.refuse_unknown();
    return optimizer;
}

market::MergeRule read_merge(ObjectReader reader) {
    market::MergeRule merge;
    merge.moments = read_word(reader, "moments", kMomentRules, std::optional(merge.moments));
    merge.outer_learning_rate_ppb = static_cast<std::uint32_t>(
        reader.decimal("outer_learning_rate", 9, merge.outer_learning_rate_ppb, UINT32_MAX));
    merge.outer_momentum_ppb = static_cast<std::uint32_t>(
        reader.decimal("outer_momentum", 9, merge.outer_momentum_ppb, UINT32_MAX));
    reader.refuse_unknown();
    return merge;
}

std::uint32_t largest_divisor_up_to(std::uint32_t value, std::uint32_t limit) {
    std::uint32_t divisor = std::min(value, limit);
    while (divisor > 1 && value % divisor != 0) --divisor;
    return divisor;
}

/// Either rounds and round_steps, or `steps` (per lane) from which they follow: one round for one
/// lane; else rounds of at most 50 steps, and at least 40 of them for jobs of 2,000 steps and more.
void read_schedule(ObjectReader& reader, market::JobSpec& spec) {
    spec.lanes = reader.u32("lanes", spec.lanes);
    if (reader.has("steps")) {
        const std::uint32_t steps = reader.u32("steps");
        if (reader.has("rounds") || reader.has("round_steps"))
            reader.fail("steps", "excludes rounds and round_steps");
        if (steps == 0) reader.fail("steps", "must be at least 1");
        spec.round_steps = spec.lanes == 1 ? steps : largest_divisor_up_to(std::max(steps, 1U), 50);
        spec.rounds = steps / std::max(spec.round_steps, 1U);
        spec.segment_steps =
            reader.u32("segment_steps", largest_divisor_up_to(std::max(spec.round_steps, 1U), 50));
    } else {
        spec.rounds = reader.u32("rounds", spec.rounds);
        spec.round_steps = reader.u32("round_steps");
        spec.segment_steps = reader.u32("segment_steps", spec.round_steps);
    }
    spec.part_segments = reader.u32("part_segments", spec.part_segments);
    spec.min_lanes = reader.u32("min_lanes", spec.lanes / 2 + spec.lanes % 2);
}

/// check_spec names the fields of the struct; people wrote the JSON's names.
std::string json_path(std::string path) {
    for (const std::string_view suffix : {"_ppb_of_ppb", "_ppb", "_ppm"}) {
        if (path.ends_with(suffix)) {
            path.resize(path.size() - suffix.size());
            break;
        }
    }
    return path;
}

Json model_to_json(const market::Model& model) {
    if (const auto* gpt = std::get_if<market::GptModel>(&model)) {
        return {{"kind", "gpt"},
                {"layers", gpt->layers},
                {"heads", gpt->heads},
                {"width", gpt->width},
                {"context", gpt->context},
                {"bias", gpt->bias},
                {"activation", word_of(kActivations, gpt->activation)},
                {"dropout", format_decimal(gpt->dropout_ppb, 9)}};
    }
    const auto& mlp = std::get<market::MlpModel>(model);
    return {{"kind", "mlp"},
            {"hidden", mlp.hidden},
            {"activation", word_of(kActivations, mlp.activation)},
            {"rows_per_sequence", mlp.rows_per_sequence},
            {"dropout", format_decimal(mlp.dropout_ppb, 9)}};
}

}  // namespace

tl::expected<Json, std::string> parse_json(std::string_view text, std::size_t bytes_max) {
    if (text.size() > bytes_max)
        return tl::unexpected("is longer than " + std::to_string(bytes_max) + " bytes");
    std::string problem;
    std::vector<std::set<std::string>> names;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (depth > static_cast<int>(kJsonDepthMax))
            problem = "is nested deeper than " + std::to_string(kJsonDepthMax) + " levels";
        if (event == Json::parse_event_t::object_start) names.emplace_back();
        if (event == Json::parse_event_t::object_end && !names.empty()) names.pop_back();
        if (event == Json::parse_event_t::key && !names.empty() &&
            !names.back().insert(parsed.get<std::string>()).second) {
            problem = "has the name '" + parsed.get<std::string>() + "' twice in one object";
        }
        return problem.empty();
    };
    Json json = Json::parse(text, watch, false);
    if (!problem.empty()) return tl::unexpected(problem);
    if (json.is_discarded()) return tl::unexpected(std::string("is not valid JSON"));
    return json;
}

std::string spec_error_text(const SpecError& error) { return error.path + ": " + error.reason; }

tl::expected<market::JobSpec, SpecError> spec_from_json(const Json& json) {
    std::optional<SpecError> error;
    ObjectReader reader(json, "", error);
    if (!json.is_object()) return tl::unexpected(SpecError{"(document)", "must be an object"});
    market::JobSpec spec;
    spec.builder_version = reader.u32("builder_version", spec.builder_version);
    spec.profile = reader.text("profile", spec.profile, 32);
    spec.model = read_model(reader.object("model"));
    spec.data = read_data(reader.object("data"));
    spec.batch = reader.u32("batch");
    spec.seed = reader.u64("seed", spec.seed);
    spec.optimizer = read_optimizer(reader.object("optimizer"));
    spec.merge = read_merge(reader.object("merge", true));
    read_schedule(reader, spec);
    spec.price_ceiling = reader.amount("price_ceiling");
    spec.audit_rate_ppm =
        static_cast<std::uint32_t>(reader.decimal("audit_rate", 6, spec.audit_rate_ppm, 1'000'000));
    spec.audit_lag = reader.u32("audit_lag", spec.audit_lag);
    spec.round_deadline_s = reader.u32("round_deadline_s", spec.round_deadline_s);
    spec.public_job = reader.boolean("public_job", spec.public_job);
    reader.refuse_unknown();
    if (error) return tl::unexpected(*error);
    if (auto refused = market::check_spec(spec))
        return tl::unexpected(SpecError{json_path(refused->path), refused->reason});
    return spec;
}

Json facts_to_json(const market::JobSpec& spec, const JobFacts& facts) {
    Json memory = Json::array();
    for (const JobFacts::Memory& entry : facts.memory)
        memory.push_back(
            {{"micro_batch", entry.micro_batch}, {"bytes", std::to_string(entry.bytes)}});
    const std::uint64_t lane_segments = std::uint64_t{spec.rounds} * spec.segments_per_round();
    return {{"spec_root", facts.spec_root.hex()},
            {"program_root", facts.program_root.hex()},
            {"init_root", facts.init_root.hex()},
            {"weights", std::to_string(facts.costs.weights)},
            {"flops_per_step", std::to_string(facts.flops_per_step)},
            {"segment_flops", std::to_string(facts.costs.segment_flops)},
            {"merge_flops", std::to_string(facts.costs.merge_flops)},
            {"state_bytes", std::to_string(facts.costs.state_bytes)},
            {"payload_bytes", std::to_string(facts.costs.payload_bytes)},
            {"memory", std::move(memory)},
            {"steps_per_lane", std::to_string(spec.steps_per_lane())},
            {"segments", std::to_string(lane_segments * spec.lanes)}};
}

Json spec_to_json(const market::JobSpec& spec) {
    const market::Optimizer& o = spec.optimizer;
    const auto real = [](std::uint64_t ppb) { return format_decimal(ppb, 9); };
    return {{"builder_version", spec.builder_version},
            {"profile", spec.profile},
            {"model", model_to_json(spec.model)},
            {"data", data_to_json(spec.data)},
            {"batch", spec.batch},
            {"seed", std::to_string(spec.seed)},
            {"optimizer",
             {{"learning_rate", real(o.learning_rate_ppb)},
              {"learning_rate_min", real(o.learning_rate_min_ppb)},
              {"warmup_steps", o.warmup_steps},
              {"beta1", real(o.beta1_ppb)},
              {"beta2", real(o.beta2_ppb)},
              {"epsilon", format_decimal(o.epsilon_ppb_of_ppb, 18)},
              {"weight_decay", real(o.weight_decay_ppb)},
              {"clip_norm", real(o.clip_norm_ppb)}}},
            {"merge",
             {{"moments", word_of(kMomentRules, spec.merge.moments)},
              {"outer_learning_rate", real(spec.merge.outer_learning_rate_ppb)},
              {"outer_momentum", real(spec.merge.outer_momentum_ppb)}}},
            {"lanes", spec.lanes},
            {"rounds", spec.rounds},
            {"round_steps", spec.round_steps},
            {"segment_steps", spec.segment_steps},
            {"part_segments", spec.part_segments},
            {"min_lanes", spec.min_lanes},
            {"price_ceiling", spec.price_ceiling.decimal()},
            {"audit_rate", format_decimal(spec.audit_rate_ppm, 6)},
            {"audit_lag", spec.audit_lag},
            {"round_deadline_s", spec.round_deadline_s},
            {"public_job", spec.public_job}};
}

tl::expected<market::Data, SpecError> data_from_json(const Json& json) {
    std::optional<SpecError> error;
    market::Data data = read_data(ObjectReader(json, "data", error));
    if (error) return tl::unexpected(*error);
    return data;
}

Json data_to_json(const market::Data& data) {
    if (const auto* table = std::get_if<market::TableData>(&data)) {
        return {{"kind", "table"},
                {"blob", table->blob.hex()},
                {"rows", std::to_string(table->rows)},
                {"train_rows", std::to_string(table->train_rows)},
                {"features", table->features},
                {"classes", table->classes}};
    }
    const auto& tokens = std::get<market::TokenData>(data);
    Json json{{"kind", "tokens"},
              {"blob", tokens.blob.hex()},
              {"tokens", std::to_string(tokens.tokens)},
              {"train_tokens", std::to_string(tokens.train_tokens)},
              {"vocabulary", tokens.vocabulary},
              {"tokeniser", word_of(kTokenisers, tokens.tokeniser)}};
    if (tokens.characters.empty()) return json;
    if (std::all_of(tokens.characters.begin(), tokens.characters.end(), is_scalar_value)) {
        std::string text;
        for (const std::uint32_t point : tokens.characters) append_utf8(text, point);
        json["characters"] = text;
    } else {
        json["characters"] = tokens.characters;
    }
    return json;
}

}  // namespace assay::client
