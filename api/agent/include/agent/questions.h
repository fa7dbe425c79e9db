#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/blob_keeper.h"
#include "agent/log.h"
#include "agent/party.h"
#include "replay/unavailable.h"

/// Questions about what is stored, as programs meet them (docs/formats/questions.md): how a party
/// answers, when it asks by itself, and how its own questions go on.
namespace assay::agent {

/// What answers a state question from the bytes of a blob. An error when they are none of a state
/// or payload with the root that was asked about: such an answer would be refused. Pure.
tl::expected<base::Bytes, std::string> state_answer(base::ByteView question, base::ByteView blob,
                                                    unsigned threads);

/// Sees to it, later, that the store has this blob again: who asked needs all of it. Returns at
/// once.
using Restore = std::function<void(const std::filesystem::path& file, const base::BlobRoot& blob)>;

/// Answers what the account owes, the most urgent first: from the keeper, else from the store. Then
/// what others owe for these jobs, as far as it is kept here or small in the store: the bond pays
/// for it. Says how many questions it answered. `fetched`: a folder for what comes from the store.
/// `said`: what could not be answered before. `stop`: asked between two questions.
std::size_t answer_questions(Party& party, const BlobKeeper& keeper,
                             const std::vector<base::JobId>& jobs,
                             const std::filesystem::path& fetched, unsigned threads,
                             SaidBefore& said, const Restore& restore,
                             const std::function<bool()>& stop);

/// Moves the account's own state questions on, from the committed blobs as the store gives them:
/// names the node below which the blob differs, and at last shows the leaf that does. A blob that
/// is what its root says leaves its question to run out. Says how many moves it sent. Call often:
/// each turn has a deadline. One thread of a party. `folder`: for the blobs, which are deleted when
/// their questions are over.
std::size_t follow_questions(Party& party, const std::filesystem::path& folder, unsigned threads);

/// Asks when a need is not met for some time: for a chunk at random where the store has no blob,
/// about the state where its blob is not what was committed to. Who cannot answer pays. One thread.
class Suspicion {
  public:
    /// `scratch`: a file for the blob under suspicion.
    explicit Suspicion(std::filesystem::path scratch) : scratch_(std::move(scratch)) {}
    /// Call whenever something failed for which this is needed. True when a question has been sent
    /// now.
    bool missed(Party& party, const replay::Need& need);
    /// How often in a row the need was not met.
    [[nodiscard]] std::uint32_t misses(const base::BlobRoot& blob) const;

  private:
    bool ask_chunk(Party& party, const replay::Need& need);
    bool ask_state(Party& party, const replay::Need& need);

    std::filesystem::path scratch_;
    std::map<base::BlobRoot, std::uint32_t> misses_;
    std::set<base::BlobRoot>
        asked_;  ///< state questions, once each: what comes of them is the ledger's
};

/// Misses in a row before a question: a blob may be on its way.
inline constexpr std::uint32_t kMissesBeforeQuestion = 3;
/// Chunk questions about one blob by one party: each one that is answered without the blob coming
/// back costs a bond.
inline constexpr std::uint32_t kQuestionsOfBlobMax = 8;

}  // namespace assay::agent
