#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <tl/expected.hpp>

#include "base/amount.h"
#include "base/ids.h"
#include "market/genesis.h"
#include "market/job_spec.h"
#include "market/objects.h"

/// The one place where public JSON shapes are made and read. Money and 64-bit numbers are decimal strings, hashes lower-case hex;
/// unknown fields are refused. docs/api.md describes each shape.
namespace assay::client {

using Json = nlohmann::json;

/// Bounds on any JSON that comes from outside.
inline constexpr std::size_t kJsonBytesMax = 64 * 1024;
inline constexpr unsigned kJsonDepthMax = 32;

/// Strict parse: UTF-8, no duplicate names, no comments, depth at most kJsonDepthMax, no non-finite numbers. The error is one line for people.
tl::expected<Json, std::string> parse_json(std::string_view text, std::size_t bytes_max = kJsonBytesMax);

/// A job spec as people write it (docs/formats/job_spec.md). Real numbers may be written as JSON numbers or decimal strings and must be exact
/// multiples of 10^-9 (epsilon: 10^-18). Errors carry the path of the field: `model.width: must be a multiple of heads`.
tl::expected<market::JobSpec, market::SpecError> spec_from_json(const Json& json);
Json spec_to_json(const market::JobSpec& spec);
/// "path: reason".
std::string spec_error_text(const market::SpecError& error);

/// The `data` member of a spec alone (what `assay data import` prints).
tl::expected<market::Data, market::SpecError> data_from_json(const Json& json);
Json data_to_json(const market::Data& data);

/// Genesis as people write it.
tl::expected<market::Genesis, market::SpecError> genesis_from_json(const Json& json);
Json genesis_to_json(const market::Genesis& genesis);

}  // namespace assay::client
