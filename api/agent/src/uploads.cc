#include "agent/uploads.h"

#include <algorithm>

#include "agent/party.h"
#include "agent/stop.h"
#include "base/chunk_nodes.h"

namespace assay::agent {

namespace {

using namespace std::chrono_literals;

/// After a transfer that failed: the store may be full, or away.
constexpr auto kTroubleWait = 1000ms;

}  // namespace

Uploads::Uploads(const std::string& node_url)
    : url_(node_url), node_(node_url, patient_options()), thread_([this] { run(); }) {}

Uploads::~Uploads() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Uploads::add(const std::filesystem::path& file, std::optional<base::BlobRoot> root) {
    {
        const std::lock_guard lock(mutex_);
        const auto [entry, is_new] = entries_.emplace(file, Entry{root, false});
        if (!is_new) return;
        queue_.push_back(file);
    }
    changed_.notify_one();
}

std::optional<base::BlobRoot> Uploads::stored(const std::filesystem::path& file) {
    {
        const std::lock_guard lock(mutex_);
        const Entry& entry = entries_[file];
        if (entry.stored) return entry.root;
        to_front(file);
    }
    changed_.notify_one();
    return std::nullopt;
}

void Uploads::again(const std::filesystem::path& file, std::optional<base::BlobRoot> root) {
    {
        const std::lock_guard lock(mutex_);
        Entry& entry = entries_[file];
        entry.stored = false;
        if (root) entry.root = root;
        if (std::find(queue_.begin(), queue_.end(), file) == queue_.end()) queue_.push_back(file);
    }
    changed_.notify_one();
}

void Uploads::forget(const std::filesystem::path& folder) {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const auto& entry) { return entry.first.parent_path() == folder; });
    std::erase_if(queue_, [&](const auto& file) { return file.parent_path() == folder; });
}

void Uploads::to_front(const std::filesystem::path& file) {
    std::erase(queue_, file);
    queue_.push_front(file);
}

std::optional<std::filesystem::path> Uploads::next() {
    std::unique_lock lock(mutex_);
    // Connections of one address are counted: none is kept while there is nothing to send.
    if (queue_.empty()) node_ = client::Client(url_, patient_options());
    changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (ending_) return std::nullopt;
    std::filesystem::path file = std::move(queue_.front());
    queue_.pop_front();
    return file;
}

void Uploads::run() {
    while (const auto file = next()) {
        if (send(*file)) continue;
        std::unique_lock lock(mutex_);
        const bool queued = std::find(queue_.begin(), queue_.end(), *file) != queue_.end();
        if (!queued && entries_.contains(*file)) queue_.push_back(*file);
        changed_.wait_for(lock, kTroubleWait, [this] { return ending_; });
    }
}

bool Uploads::send(const std::filesystem::path& file) {
    std::optional<base::BlobRoot> root;
    {
        const std::lock_guard lock(mutex_);
        const auto entry = entries_.find(file);
        if (entry == entries_.end() || entry->second.stored) return true;
        root = entry->second.root;
    }
    if (!root) {
        base::ChunkTreeHasher hasher;
        root = base::hash_file(file, hasher);
        if (root) base::save_chunk_nodes(file, hasher.nodes());
    }
    const auto receipt =
        root ? node_.put_blob_file(file, *root)
             : tl::unexpected(client::ClientError{0, "file", "cannot read " + file.string()});
    std::error_code error;
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(file);
    if (entry == entries_.end()) return true;
    entry->second.root = root;
    if (receipt) {
        entry->second.stored = true;
        std::erase(queue_, file);  // asked for meanwhile
        return true;
    }
    if (!std::filesystem::exists(file, error)) {
        entries_.erase(entry);
        std::erase(queue_, file);
        return true;
    }
    if (!stop_requested() && said_.is_new(file.string(), receipt.error().text()))
        log(LogLevel::warning, "upload.trouble", receipt.error().text(), {{"file", file.string()}});
    return false;
}

}  // namespace assay::agent
