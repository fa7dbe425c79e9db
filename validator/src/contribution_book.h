#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "log_watch.h"

namespace assay::validator {

/// What this account has signed, or is about to sign, for one epoch.
struct SignedContribution {
    std::uint64_t epoch = 0;
    base::Hash commitments_root;
    std::uint64_t log_size = 0;
    base::Hash log_root;
    std::string shown;  ///< the node's answer with the epoch under a signed head
    bool operator==(const SignedContribution&) const = default;
};
base::Bytes encode_signed_contribution(const SignedContribution& contribution);
std::optional<SignedContribution> decode_signed_contribution(base::ByteView bytes);

enum class Entry : std::uint8_t {
    may_be_sent = 1,   ///< on disk, now or before
    other_signed = 2,  ///< another one is signed for this epoch: evidence is on disk
    too_old = 3,  ///< nothing is known of so old an epoch any more: perhaps another one is signed
    not_saved = 4,
};

/// Files `contributions/<epoch>` (docs/formats/worker_folder.md): one for each epoch, written
/// before it is sent and never replaced. One thread.
class ContributionBook {
  public:
    ContributionBook(std::filesystem::path folder, const Evidence& evidence);
    Entry enter(const SignedContribution& contribution);
    /// Of the last call that was not `may_be_sent`, for people.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }
    /// The last epochs whose contributions are kept.
    static constexpr std::uint64_t kKept = 1024;

  private:
    Entry fail(Entry entry, std::string text);
    void forget_old();
    std::filesystem::path folder_;
    const Evidence& evidence_;
    std::optional<std::uint64_t> newest_;  ///< greatest epoch that was ever signed
    std::string trouble_;
};

}  // namespace assay::validator
