#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/ids.h"
#include "market/objects.h"

namespace assay::validator {

/// How far a challenge has come. Each state is on disk before the next message is sent.
enum class ChallengeStep : std::uint8_t {
    found = 1,   ///< another root was found; perhaps sealed
    sealed = 2,  ///< the seal is in a block; perhaps opened
    done = 3,    ///< opened, or no longer possible: never again for this target
};

/// Another root than somebody's, what is challenged with it, and the nonce that hides it until it
/// is opened.
struct KeptChallenge {
    ChallengeStep step = ChallengeStep::found;
    base::JobId job;
    std::uint32_t round = 0;
    market::ChallengeTarget target;
    base::Hash claimed;
    base::Hash nonce;
    bool operator==(const KeptChallenge&) const = default;
};
base::Bytes encode_kept_challenge(const KeptChallenge& kept);
std::optional<KeptChallenge> decode_kept_challenge(base::ByteView bytes);

/// One file per target: `challenges/<target digest>` (docs/formats/worker_folder.md). One thread.
class ChallengeStore {
  public:
    explicit ChallengeStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
    tl::expected<void, std::string> save(const KeptChallenge& kept) const;
    [[nodiscard]] std::optional<KeptChallenge> load(const market::ChallengeTarget& target) const;
    /// Those that can be read; a damaged file is nobody's challenge.
    [[nodiscard]] std::vector<KeptChallenge> list() const;
    void remove(const market::ChallengeTarget& target) const;

  private:
    std::filesystem::path folder_;
};

}  // namespace assay::validator
