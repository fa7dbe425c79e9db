#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/log.h"
#include "client/client.h"

namespace assay::agent {

/// Brings blobs to the store on a thread and a connection of their own, so that nobody who has
/// something to do within seconds waits for a transfer. What the store has is not sent. Leaves the
/// nodes of the chunks beside a file that it had to hash (base/chunk_nodes.h). A file may
/// disappear: it is forgotten then. What fails is tried again, after the others.
class Uploads {
  public:
    explicit Uploads(const std::string& node_url);
    ~Uploads();
    Uploads(const Uploads&) = delete;
    Uploads& operator=(const Uploads&) = delete;

    /// After what was added before; nothing when it was added already. `root`: of the blob in the
    /// file, where it is known.
    void add(const std::filesystem::path& file, std::optional<base::BlobRoot> root = std::nullopt);
    /// The root of the file's blob once the store has it; until then it goes before all others.
    std::optional<base::BlobRoot> stored(const std::filesystem::path& file);
    /// The store may have lost it: looks again, after what was added before.
    void again(const std::filesystem::path& file,
               std::optional<base::BlobRoot> root = std::nullopt);
    /// Everything in this folder is needed no more.
    void forget(const std::filesystem::path& folder);

  private:
    struct Entry {
        std::optional<base::BlobRoot> root;
        bool stored = false;
    };
    void run();
    /// The next file; nothing when this is to end.
    std::optional<std::filesystem::path> next();
    /// False: to be tried again.
    bool send(const std::filesystem::path& file);
    void to_front(const std::filesystem::path& file);

    const std::string url_;
    client::Client node_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::filesystem::path, Entry> entries_;
    std::deque<std::filesystem::path> queue_;
    bool ending_ = false;
    SaidBefore said_;     ///< the thread's own
    std::thread thread_;  ///< last: it uses all the others
};

}  // namespace assay::agent
