#include "agent/chunks.h"

#include <random>
#include <set>
#include <vector>

#include "agent/log.h"
#include "base/chunk_tree.h"

namespace assay::agent {

namespace {

constexpr std::size_t kHexDigits = 64;

struct KeptName {
    base::JobId job;
    std::uint32_t round = 0;
    std::string blob;
};

std::optional<KeptName> parse_name(const std::string& name) {
    // JOB-ROUND-BLOB
    if (name.size() < 2 * kHexDigits + 3 || name[kHexDigits] != '-' || name[name.size() - kHexDigits - 1] != '-') return std::nullopt;
    const auto job = base::hash_from_hex(std::string_view(name).substr(0, kHexDigits));
    const std::string round = name.substr(kHexDigits + 1, name.size() - 2 * kHexDigits - 2);
    if (!job || round.empty() || round.size() > 9 || round.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    return KeptName{base::JobId{*job}, static_cast<std::uint32_t>(std::stoul(round)), name.substr(name.size() - kHexDigits)};
}

LogFields fields_of(const market::ChunkChallenge& challenge) {
    return {{"challenge", shortened(challenge.id.hex())},
            {"job", shortened(challenge.job.hex())},
            {"target", std::string(market::to_word(challenge.target.kind))},
            {"chunk", std::to_string(challenge.chunk)}};
}

}  // namespace

tl::expected<void, std::string> BlobKeeper::keep(const base::JobId& job, std::uint32_t round, const base::BlobRoot& blob,
                                                 const std::filesystem::path& file) const {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    const std::filesystem::path kept = folder_ / (job.hex() + "-" + std::to_string(round) + "-" + blob.hex());
    std::filesystem::rename(file, kept, error);
    if (error) return tl::unexpected("cannot keep " + kept.string() + ": " + error.message());
    return {};
}

std::optional<std::filesystem::path> BlobKeeper::find(const base::BlobRoot& blob) const {
    const std::string wanted = blob.hex();
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        const auto name = parse_name(entry.path().filename().string());
        if (name && name->blob == wanted) return entry.path();
    }
    return std::nullopt;
}

void BlobKeeper::forget_settled(client::Client& node) const {
    std::map<base::JobId, std::optional<market::Job>> seen;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        const auto name = parse_name(entry.path().filename().string());
        if (!name) continue;
        auto found = seen.find(name->job);
        if (found == seen.end()) {
            auto job = node.job(name->job);
            if (!job && !job.error().not_found()) return;  // the node does not answer: nothing is known
            found = seen.emplace(name->job, job ? std::optional(std::move(*job)) : std::nullopt).first;
        }
        const std::optional<market::Job>& job = found->second;
        const bool needed = job && !market::is_terminal(job->state) && name->round >= job->final_rounds;
        std::error_code ignored;
        if (!needed) std::filesystem::remove(entry.path(), ignored);
    }
}

tl::expected<bool, std::string> answer_challenge(Party& party, const market::ChunkChallenge& challenge, const std::filesystem::path& file) {
    const auto proved = base::prove_chunk_of_file(file, challenge.chunk);
    if (!proved) return tl::unexpected(file.string() + ": cannot be read or has no such chunk");
    if (!base::verify_chunk(challenge.blob, challenge.bytes, challenge.chunk, proved->bytes, proved->proof)) {
        return tl::unexpected(file.string() + ": is not the blob " + challenge.blob.hex());
    }
    const auto sent = party.send(market::ChunkAnswer{challenge.id, proved->bytes, proved->proof});
    if (!sent && !is_refusal(sent.error(), market::Refusal::challenge_unknown)) return tl::unexpected(sent.error().text());
    if (sent) log(LogLevel::info, "chunk.answered", "answered a chunk challenge", fields_of(challenge));
    // The answer is what counts; the store helps whoever asked.
    if (const auto stored = party.node().put_blob_file(file); !stored) {
        log(LogLevel::warning, "chunk.trouble", "the blob could not be stored again: " + stored.error().text(), fields_of(challenge));
    }
    return sent.has_value();
}

std::size_t answer_challenges(Party& party, const BlobKeeper& keeper, const std::vector<base::JobId>& jobs,
                              const std::filesystem::path& scratch) {
    std::vector<market::ChunkChallenge> open;
    if (auto owed = party.node().challenges_of(party.identity().account())) open = std::move(*owed);
    std::set<base::Hash> known;
    for (const market::ChunkChallenge& challenge : open) known.insert(challenge.id);
    for (const base::JobId& job : jobs) {
        const auto others = party.node().job_challenges(job);
        if (!others) continue;
        for (const market::ChunkChallenge& challenge : *others) {
            if (known.insert(challenge.id).second) open.push_back(challenge);
        }
    }
    std::size_t answered = 0;
    for (const market::ChunkChallenge& challenge : open) {
        const auto kept = keeper.find(challenge.blob);
        if (!kept && !party.node().get_blob(challenge.blob, scratch)) {
            const bool owed = challenge.obliged == party.identity().account();
            if (owed) log(LogLevel::error, "chunk.trouble", "a challenged blob is neither here nor in the store", fields_of(challenge));
            continue;
        }
        const auto done = answer_challenge(party, challenge, kept ? *kept : scratch);
        if (!done) log(LogLevel::warning, "chunk.trouble", done.error(), fields_of(challenge));
        if (done && *done) ++answered;
        std::error_code ignored;
        if (!kept) std::filesystem::remove(scratch, ignored);
    }
    return answered;
}

bool Suspicion::missed(Party& party, const market::ChunkTarget& target, const base::BlobRoot& blob, std::uint64_t bytes) {
    if (blob.is_zero() || bytes == 0) return false;
    const auto there = party.node().blob_exists(blob);
    if (!there) return false;  // the node does not answer: that says nothing about the blob
    if (*there) {
        misses_.erase(blob);
        return false;
    }
    const std::uint32_t misses = ++misses_[blob];
    if (misses < kMissesBeforeChallenge || misses >= kMissesBeforeChallenge + kChallengesOfBlobMax) return false;
    // At random, so that who withholds cannot know which part is enough to keep.
    std::random_device chance;
    const std::uint64_t chunk = (std::uint64_t{chance()} << 32U | chance()) % base::blob_chunks(bytes);
    const LogFields fields = {{"target", std::string(market::to_word(target.kind))}, {"blob", shortened(blob.hex())},
                              {"chunk", std::to_string(chunk)}};
    const auto sent = party.send(market::ChunkChallengePost{target, chunk});
    if (sent) {
        log(LogLevel::warning, "chunk.challenged", "a blob that is needed is not in the store: challenged a chunk of it", fields);
        return true;
    }
    const bool known = is_refusal(sent.error(), market::Refusal::chunk_challenged);
    if (!known) log(LogLevel::warning, "chunk.trouble", sent.error().text(), fields);
    return false;
}

}  // namespace assay::agent
