#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/ids.h"
#include "base/signature.h"
#include "market/draw.h"

namespace assay::validator {

/// A verdict and the nonce that hides it, on disk and synced before the seal is sent: what was sealed can always be revealed.
struct SealedVerdict {
    base::AuditId audit;
    market::Verdict verdict;
    base::Hash nonce;
    bool operator==(const SealedVerdict&) const = default;
};
base::Bytes encode_sealed_verdict(const SealedVerdict& sealed);
std::optional<SealedVerdict> decode_sealed_verdict(base::ByteView bytes);
/// Derived from the key, so that the same audit never has two nonces.
base::Hash verdict_nonce(const base::SecretKey& key, const base::AuditId& audit);

/// One file per audit: `verdicts/<audit id>` (docs/formats/worker_folder.md). Used by two threads, each for different audits.
class VerdictStore {
  public:
    explicit VerdictStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
    tl::expected<void, std::string> save(const SealedVerdict& sealed) const;
    [[nodiscard]] std::optional<SealedVerdict> load(const base::AuditId& id) const;
    [[nodiscard]] std::vector<base::AuditId> list() const;
    void remove(const base::AuditId& id) const;

  private:
    std::filesystem::path folder_;
};

}  // namespace assay::validator
