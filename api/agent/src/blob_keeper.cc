#include "agent/blob_keeper.h"

#include <map>

#include "base/chunk_nodes.h"

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
    if (name.size() < 2 * kHexDigits + 3 || name[kHexDigits] != '-' ||
        name[name.size() - kHexDigits - 1] != '-')
        return std::nullopt;
    const auto job = base::hash_from_hex(std::string_view(name).substr(0, kHexDigits));
    const std::string round = name.substr(kHexDigits + 1, name.size() - 2 * kHexDigits - 2);
    if (!job || round.empty() || round.size() > 9 ||
        round.find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    return KeptName{base::JobId{*job}, static_cast<std::uint32_t>(std::stoul(round)),
                    name.substr(name.size() - kHexDigits)};
}

}  // namespace

tl::expected<void, std::string> BlobKeeper::keep(const base::JobId& job, std::uint32_t round,
                                                 const base::BlobRoot& blob,
                                                 const std::filesystem::path& file) const {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    const std::filesystem::path kept =
        folder_ / (job.hex() + "-" + std::to_string(round) + "-" + blob.hex());
    std::filesystem::rename(file, kept, error);
    if (error) return tl::unexpected("cannot keep " + kept.string() + ": " + error.message());
    // Now, while there is time: an answer has seconds. Whoever hashed the file may have made them.
    std::error_code ignored;
    std::filesystem::rename(base::chunk_nodes_file(file), base::chunk_nodes_file(kept), ignored);
    if (!base::ensure_chunk_nodes(kept, blob) && std::filesystem::exists(kept, ignored)) {
        return tl::unexpected(kept.string() + " is not the blob that it is kept as");
    }
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
            if (!job && !job.error().not_found())
                return;  // the node does not answer: nothing is known
            found =
                seen.emplace(name->job, job ? std::optional(std::move(*job)) : std::nullopt).first;
        }
        const std::optional<market::Job>& job = found->second;
        const bool needed =
            job && !market::is_terminal(job->state) && name->round >= job->final_rounds;
        std::error_code ignored;
        if (needed) continue;
        std::filesystem::remove(entry.path(), ignored);
        std::filesystem::remove(base::chunk_nodes_file(entry.path()), ignored);
    }
}

}  // namespace assay::agent
