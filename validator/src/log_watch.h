#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/hash.h"

namespace assay::validator {

/// Two statements of the operator that cannot both be true, in files of a folder that only a person
/// deletes. While there is one the validator signs nothing more: what it would sign helps to hide
/// which statement was the lie.
class Evidence {
  public:
    explicit Evidence(std::filesystem::path folder) : folder_(std::move(folder)) {}
    /// `first` and `second`: answers of the node with heads that the operator signed. Survives a
    /// power failure.
    tl::expected<std::filesystem::path, std::string> save(const std::string& name,
                                                          const std::string& first,
                                                          const std::string& second) const;
    [[nodiscard]] bool any() const;
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  private:
    std::filesystem::path folder_;
};

/// The receipt log at one size, as the operator signed it.
struct LogPoint {
    std::uint64_t size = 0;
    base::Hash root;
    std::string shown;  ///< the node's answer that said so, with the signed head
    bool operator==(const LogPoint&) const = default;
};
base::Bytes encode_log_point(const LogPoint& point);
std::optional<LogPoint> decode_log_point(base::ByteView bytes);

/// Why there is no proof between two sizes of the log.
enum class NoProof : std::uint8_t {
    no_answer = 1,  ///< the node cannot be reached: says nothing
    refused = 2,    ///< it has no such log
};
using ProveLog = std::function<tl::expected<std::vector<base::Hash>, NoProof>(std::uint64_t from,
                                                                              std::uint64_t to)>;

enum class LogOutcome : std::uint8_t {
    extends = 1,  ///< one log has all that this account has seen
    unknown = 2,  ///< not now
    forked = 3,   ///< no log has both: evidence is on disk
};

/// The longest log that this account has signed or seen a verdict of its own in, on disk, and
/// whether whatever it sees next is of the same log. One thread.
class LogWatch {
  public:
    /// `file`: of the longest log. A damaged file is an error when something is looked at: the
    /// account must not forget what it signed.
    LogWatch(std::filesystem::path file, const Evidence& evidence);
    /// Compares with the longest log, and keeps whichever is longer before it returns.
    LogOutcome see(const LogPoint& point, const ProveLog& prove);
    [[nodiscard]] const std::optional<LogPoint>& longest() const { return longest_; }
    /// Of the last call that was not `extends`, for people.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }

  private:
    LogOutcome fail(LogOutcome outcome, std::string text);
    LogOutcome forked(const LogPoint& point);
    std::filesystem::path file_;
    const Evidence& evidence_;
    std::optional<LogPoint> longest_;
    bool damaged_ = false;
    std::string trouble_;
};

}  // namespace assay::validator
