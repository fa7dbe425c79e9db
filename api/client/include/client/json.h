#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <tl/expected.hpp>

#include "base/amount.h"
#include "base/ids.h"
#include "client/job_facts.h"
#include "market/genesis.h"
#include "market/job_spec.h"
#include "market/objects.h"

/// The one place where public JSON shapes are made and read. Money and 64-bit numbers are decimal
/// strings, hashes lower-case hex; unknown fields are refused. docs/api.md describes each shape.
namespace assay::client {

using Json = nlohmann::json;

/// Bounds on any JSON that comes from outside.
inline constexpr std::size_t kJsonBytesMax = 64 * 1024;
inline constexpr unsigned kJsonDepthMax = 32;

/// Strict parse: UTF-8, no duplicate names, no comments, depth at most kJsonDepthMax, no non-finite
/// numbers. The error is one line for people.
tl::expected<Json, std::string> parse_json(std::string_view text,
                                           std::size_t bytes_max = kJsonBytesMax);

/// A job spec as people write it (docs/formats/job_spec.md). Real numbers may be written as JSON
/// numbers or decimal strings and must be exact multiples of 10^-9 (epsilon: 10^-18). Errors carry
/// the path of the field: `model.width: must be a multiple of heads`.
tl::expected<market::JobSpec, market::SpecError> spec_from_json(const Json& json);
Json spec_to_json(const market::JobSpec& spec);
/// What a spec implies: roots, costs, sizes.
Json facts_to_json(const market::JobSpec& spec, const JobFacts& facts);
/// "path: reason".
std::string spec_error_text(const market::SpecError& error);

/// The `data` member of a spec alone (what `assay data import` prints).
tl::expected<market::Data, market::SpecError> data_from_json(const Json& json);
Json data_to_json(const market::Data& data);

/// Parameters: every field is optional and takes its default from `defaults`.
tl::expected<market::Parameters, market::SpecError> parameters_from_json(
    const Json& json, const market::Parameters& defaults);
Json parameters_to_json(const market::Parameters& parameters);
/// Genesis as people write it: accounts in any order (they are sorted), `hot` and `vrf` keys
/// default to `cold`, parameters to their defaults.
tl::expected<market::Genesis, market::SpecError> genesis_from_json(const Json& json);
Json genesis_to_json(const market::Genesis& genesis);

/// Objects of the state as the API shows them. Ids and roots that are not set are null.
Json json_of(const market::Account& account);
Json json_of(const market::Stake& stake);
Json json_of(const market::Unbonding& unbonding);
Json json_of(const market::Validator& validator);
Json json_of(const market::WorkRecord& record);
Json json_of(const market::QuestionDuty& duty);
Json json_of(const market::GameLoad& load);
Json json_of(const market::Offer& offer);
Json json_of(const market::Job& job);
Json json_of(const market::Lane& lane);
Json json_of(const market::Lease& lease);
Json json_of(const market::Round& round);
Json json_of(const market::MergeRecord& merge);
Json json_of(const market::Part& part);
Json json_of(const market::Claim& claim);
Json json_of(const market::Epoch& epoch);
Json json_of(const market::EpochMember& member);
Json json_of(const market::EpochCommitment& commitment);
Json json_of(const market::Audit& audit);
Json json_of(const market::Question& question);
Json json_of(const market::Pool& pool);
Json json_of(const market::PoolMember& member);
Json json_of(const market::Dispute& dispute);
Json json_of(const market::JobHistoryEntry& entry);

/// A store's receipt, as PUT /v1/blobs answers it.
Json json_of(const market::Receipt& receipt);
/// Tolerates fields it does not know: answers may grow.
tl::expected<market::Receipt, market::SpecError> receipt_from_json(const Json& json);

}  // namespace assay::client
