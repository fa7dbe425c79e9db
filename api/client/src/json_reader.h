#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/hash.h"
#include "base/signature.h"
#include "market/job_spec.h"

namespace assay::client {

/// Reads the fields of one JSON object strictly and remembers the first error of the whole document
/// with its path. After an error every read gives the fallback; callers read everything and look at
/// `error` once. Not thread-safe; refers to the JSON it reads.
class ObjectReader {
  public:
    /// `error` is shared by all readers of a document.
    ObjectReader(const nlohmann::json& json, std::string path,
                 std::optional<market::SpecError>& error);

    [[nodiscard]] bool has(const char* name) const;
    std::uint64_t u64(const char* name, std::optional<std::uint64_t> fallback = {},
                      std::uint64_t max = UINT64_MAX);
    std::uint32_t u32(const char* name, std::optional<std::uint32_t> fallback = {});
    bool boolean(const char* name, std::optional<bool> fallback = {});
    std::string text(const char* name, std::optional<std::string> fallback = {},
                     std::size_t bytes_max = 4096);
    base::Amount amount(const char* name, std::optional<base::Amount> fallback = {});
    base::Hash hash(const char* name, std::optional<base::Hash> fallback = {});
    base::PublicKey key(const char* name, std::optional<base::PublicKey> fallback = {});
    /// A non-negative real number as an integer in units of 10^-digits: a JSON number or a decimal
    /// string that is an exact multiple.
    std::uint64_t decimal(const char* name, unsigned digits,
                          std::optional<std::uint64_t> fallback = {},
                          std::uint64_t max = UINT64_MAX);
    /// The member itself; null JSON when absent (an error then, unless `optional`).
    const nlohmann::json& member(const char* name, bool optional = false);
    /// Reads the member as an object.
    ObjectReader object(const char* name, bool optional = false);
    /// Every member that nothing asked for is an error.
    void refuse_unknown();
    void fail(const char* name, std::string reason);
    [[nodiscard]] std::string path_of(std::string_view name) const;
    [[nodiscard]] bool failed() const { return error_.has_value(); }

  private:
    const nlohmann::json* find(const char* name, bool required);

    const nlohmann::json& json_;
    std::string path_;
    std::optional<market::SpecError>& error_;
    std::set<std::string, std::less<>> asked_;
};

/// An integer that is not negative, however the document was made.
bool is_whole(const nlohmann::json& json);
/// "12.5" with digits = 3 -> 12500. Nothing unless it is digits[.digits] with at most `digits`
/// places and fits.
std::optional<std::uint64_t> parse_decimal(std::string_view text, unsigned digits);
/// The shortest decimal text of units x 10^-digits.
std::string format_decimal(std::uint64_t units, unsigned digits);
std::optional<std::uint64_t> parse_u64(std::string_view text);  ///< digits only, no leading zeros

}  // namespace assay::client
