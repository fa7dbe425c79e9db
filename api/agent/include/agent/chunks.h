#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "agent/party.h"

/// Chunk challenges as programs meet them: what a party keeps so that it can answer, how it answers, and when it challenges by itself.
namespace assay::agent {

/// Blobs that a party committed to, in files of a folder until their round is final: `JOB-ROUND-BLOB`. Safe for threads that keep different
/// blobs.
class BlobKeeper {
  public:
    explicit BlobKeeper(std::filesystem::path folder) : folder_(std::move(folder)) {}
    /// Takes the file over: it is moved here.
    [[nodiscard]] tl::expected<void, std::string> keep(const base::JobId& job, std::uint32_t round, const base::BlobRoot& blob,
                                                       const std::filesystem::path& file) const;
    [[nodiscard]] std::optional<std::filesystem::path> find(const base::BlobRoot& blob) const;
    /// Deletes what nobody can ask for any more: of jobs that are over or gone, and of final rounds.
    void forget_settled(client::Client& node) const;

  private:
    std::filesystem::path folder_;
};

/// Answers one challenge with a chunk of `file`, and brings the whole blob back to the store: who asked needs all of it. True when the
/// challenge is no longer open. A file that is not the blob answers nothing.
[[nodiscard]] tl::expected<bool, std::string> answer_challenge(Party& party, const market::ChunkChallenge& challenge,
                                                               const std::filesystem::path& file);

/// Answers what the account owes: from the keeper, else from the store. Also what others owe for these jobs, as far as the store has it: the
/// bond pays for it. Says how many challenges it answered. `scratch`: a file for what comes from the store.
std::size_t answer_challenges(Party& party, const BlobKeeper& keeper, const std::vector<base::JobId>& jobs,
                              const std::filesystem::path& scratch);

/// Blobs that a party needs and the store does not give. After some misses in a row it asks for a chunk at random; who cannot show it pays.
/// One thread.
class Suspicion {
  public:
    /// Call whenever something failed for which this blob is needed. Asks the store; a blob that is there clears itself. True when a
    /// challenge has been sent now.
    bool missed(Party& party, const market::ChunkTarget& target, const base::BlobRoot& blob, std::uint64_t bytes);

  private:
    std::map<base::BlobRoot, std::uint32_t> misses_;
};

/// Misses in a row before a challenge: a blob may be on its way.
inline constexpr std::uint32_t kMissesBeforeChallenge = 3;
/// Challenges of one blob by one party: each one that is answered without the blob coming back costs a bond.
inline constexpr std::uint32_t kChallengesOfBlobMax = 8;

}  // namespace assay::agent
