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

/// A verdict with everything that it will have to show, on disk and synced before the seal is sent:
/// what was sealed can always be revealed, and its cells opened.
struct SealedVerdict {
    base::AuditId audit;
    market::Verdict verdict;
    base::Hash nonce;               ///< hides the verdict; of a control's `valid` it is the salt
    base::Hash root;                ///< that was committed: the cells were chosen over it
    base::Hash salt;                ///< hides the cells; zeros in an `invalid`
    std::vector<base::Hash> cells;  ///< market::kCells of them; none in an `invalid`
    bool operator==(const SealedVerdict&) const = default;
};
base::Bytes encode_sealed_verdict(const SealedVerdict& sealed);
std::optional<SealedVerdict> decode_sealed_verdict(base::ByteView bytes);
/// Derived from the key, so that the same audit never has two of them. They are secrets of their
/// own: the nonce is public while the salt is not.
base::Hash verdict_nonce(const base::SecretKey& key, const base::AuditId& audit);
base::Hash cells_salt(const base::SecretKey& key, const base::AuditId& audit);
/// What is sealed when `found` is what `asserted` says, with these cells, or something else.
/// `control`: of another auditor's cells.
SealedVerdict make_verdict(const base::SecretKey& key, const base::AuditId& audit, bool control,
                           const base::Hash& root, const base::Hash& asserted,
                           const base::Hash& found, std::vector<base::Hash> cells);

/// One file per audit: `verdicts/<audit id>` (docs/formats/worker_folder.md). Used by two threads,
/// each for different audits.
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
