#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/questions.h"
#include "agent/uploads.h"
#include "worker/worker.h"

namespace assay::worker {

/// Answers questions of all jobs that this worker has leases of, for whoever owes them, and goes on
/// with its own, on a thread of its own: a flood of them keeps no delivery and no close waiting.
/// Goes on until its end, a worker that leaves owes answers too. Owns its connection and nonce
/// lane.
class Answers {
  public:
    /// All outlive it.
    Answers(const WorkerSettings& settings, const agent::Identity& identity,
            const agent::BlobKeeper& keeper, agent::Uploads& uploads);
    ~Answers();
    Answers(const Answers&) = delete;
    Answers& operator=(const Answers&) = delete;
    /// Something happened: looks at once instead of at the next interval.
    void wake();

  private:
    void run();
    void look();
    bool is_ending();

    const WorkerSettings& settings_;
    const agent::BlobKeeper& keeper_;
    agent::Uploads& uploads_;
    client::Client node_;
    agent::Party party_;
    agent::SaidBefore said_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;
    bool ending_ = false;
    std::thread thread_;  ///< last: it uses all the others
};

}  // namespace assay::worker
