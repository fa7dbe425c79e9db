#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "lane_context.h"

namespace assay::worker {

/// Whether a lease that has ended owes its round a merge: where one was refuted later, the next
/// member posts.
[[nodiscard]] bool owes_merge(const market::Job& job, const market::Round& round,
                              const market::Lease& lease);

/// Works one lease from its start to its end on a thread of its own: trains the lane's parts,
/// commits them, computes the merges and posts them when it is its turn. What comes next is read
/// from the ledger each time, never remembered, so a lane taken over in mid-round and a restart are
/// the ordinary case.
class LaneRunner {
  public:
    LaneRunner(const WorkerSettings& settings, const agent::Identity& identity,
               const PartStore& parts, const agent::BlobKeeper& keeper, const base::LeaseId& lease,
               std::uint32_t nonce_lane, std::unique_ptr<runtime::SegmentProducer> producer);
    ~LaneRunner();  ///< asks it to stop and waits
    LaneRunner(const LaneRunner&) = delete;
    LaneRunner& operator=(const LaneRunner&) = delete;

    /// Something happened on the ledger: look again now.
    void wake();
    /// The lease is over, or the worker cannot go on with it: training stops at the next step.
    void abandon() {
        abandoned_.store(true);
        wake();
    }
    [[nodiscard]] bool finished() const { return finished_.load(); }
    [[nodiscard]] std::uint32_t nonce_lane() const { return nonce_lane_; }

  private:
    /// What the runner saw of the ledger in one look.
    struct Look {
        market::Lease lease;
        market::Job job;
        market::Lane lane;
        replay::JobStates::Opening opening;  ///< of the round, once there is one
    };
    enum class Next : std::uint8_t { wait, again, over };

    void run();
    Next step();
    tl::expected<Look, client::ClientError> look();
    tl::expected<void, std::string> open_job(const market::Job& job);
    void keep_dataset(const market::Job& job);
    Next no_job(const market::Job& job, const std::string& why);
    Next train(const Look& look);
    /// Whether the lane's next part may be trained now; says why not, and leaves when that takes
    /// too long.
    bool may_train(const Look& look);
    /// The record of the part that comes next when one was signed already. Nothing on an error too.
    std::optional<PartRecord> signed_record(const PartPlan& plan, const base::PartId& id);
    Next commit(const PartPlan& plan, const base::PartId& id, PartRecord record);
    bool renew_receipts(PartRecord& record);
    Next merge(const Look& look);
    Next post_merge(const Look& look, const base::Hash& root);
    Next stop_as_unfit(const market::Job& job);
    void leave(const std::string& why);
    std::optional<PartPlan> plan_part(const Look& look);
    void pause(std::chrono::milliseconds time);
    void trouble(std::string_view event, const std::string& what);
    /// Something failed for which this is needed.
    /// Something stored cannot be had: who owes it is asked in time.
    Next wait_for(const char* what, const replay::Unavailable& missing);

    const WorkerSettings& settings_;
    const agent::Identity& identity_;
    const PartStore& parts_;
    const base::LeaseId lease_;
    const std::uint32_t nonce_lane_;
    std::filesystem::path folder_;
    std::unique_ptr<runtime::SegmentProducer> producer_;
    client::Client node_;
    agent::Party party_;
    runtime::JobCache cache_;
    LaneContext context_;
    LaneStates states_;
    agent::Suspicion suspicion_;
    std::optional<market::JobSpec> spec_;
    market::LaneWait wait_ = market::LaneWait::none;  ///< as seen last
    std::chrono::steady_clock::time_point waits_since_;
    std::optional<base::Hash> merged_inputs_;  ///< digest of what was merged into states_.opening
    base::Hash merged_root_;
    std::uint32_t troubles_ = 0;  ///< in a row

    std::mutex mutex_;
    std::condition_variable woken_;
    bool wake_ = false;
    std::atomic<bool> abandoned_{false}, finished_{false};
    std::thread thread_;
};

}  // namespace assay::worker
