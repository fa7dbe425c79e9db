#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "agent/chunks.h"
#include "agent/party.h"
#include "judge.h"
#include "validator/validator.h"
#include "verdict_store.h"

namespace assay::validator {

/// Replays open audits one after another on a thread of its own and seals what it found. The queue holds at most the declared capacity.
class Auditor {
  public:
    Auditor(const ValidatorSettings& settings, const agent::Identity& identity, const VerdictStore& verdicts,
            runtime::SegmentProducer& producer);
    ~Auditor();                              ///< waits for the thread; a replay under way ends at its next step once a stop is requested
    Auditor(const Auditor&) = delete;
    Auditor& operator=(const Auditor&) = delete;
    /// Queues the audit unless it is queued already or the queue is full (it comes again at the next look).
    void offer(const market::Audit& audit);

  private:
    void run();
    void serve(const market::Audit& audit);
    std::optional<SealedVerdict> find(const market::Audit& audit);

    const ValidatorSettings& settings_;
    const agent::Identity& identity_;
    const VerdictStore& verdicts_;
    client::Client node_;
    agent::Party party_;
    Judge judge_;
    agent::Suspicion suspicion_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<market::Audit> queue_;        ///< the earliest deadline first
    std::set<base::AuditId> known_;          ///< queued or being replayed
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace assay::validator
