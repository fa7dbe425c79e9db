#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "agent/chunks.h"
#include "agent/party.h"
#include "challenges.h"
#include "judge.h"
#include "spot_checks.h"
#include "validator/validator.h"
#include "verdict_store.h"

namespace assay::validator {

/// Replays open audits one after another on a thread of its own and seals what it found. The queue holds at most the declared capacity. While
/// it is empty, spot checks run, if there are any; an audit that comes interrupts them.
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
    std::optional<market::Audit> take();
    void look_around();
    void serve(const market::Audit& audit);
    std::optional<SealedVerdict> find(const market::Audit& audit);

    const ValidatorSettings& settings_;
    const agent::Identity& identity_;
    const VerdictStore& verdicts_;
    client::Client node_;
    agent::Party party_;
    Judge judge_;
    agent::Suspicion suspicion_;
    ChallengeStore challenge_store_;
    Challenges challenges_;
    std::optional<SpotChecks> spot_checks_;  ///< none: nothing is recomputed unasked

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<market::Audit> queue_;        ///< the earliest deadline first
    std::set<base::AuditId> known_;          ///< queued or being replayed
    bool ending_ = false;
    bool look_again_ = false;                ///< a spot check found work: the next look need not wait
    std::thread thread_;
};

}  // namespace assay::validator
