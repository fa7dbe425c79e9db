#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "agent/party.h"
#include "agent/questions.h"
#include "challenges.h"
#include "judge.h"
#include "spot_checks.h"
#include "validator/validator.h"
#include "verdict_store.h"

namespace assay::validator {

/// Replays open audits one after another on a thread of its own and seals what it found. While none
/// waits, spot checks run, if there are any; an audit that comes interrupts them.
class Auditor {
  public:
    Auditor(const ValidatorSettings& settings, const agent::Identity& identity,
            const VerdictStore& verdicts, Recomputer& recomputer);
    ~Auditor();  ///< waits for the thread; a replay under way ends at its next step once a stop is
                 ///< requested
    Auditor(const Auditor&) = delete;
    Auditor& operator=(const Auditor&) = delete;
    /// Queues the audit unless it is queued already or the queue is full (it comes again at the
    /// next look).
    void offer(const market::Audit& audit);

  private:
    void run();
    std::optional<market::Audit> take();
    void look_around();
    bool serve(const market::Audit& audit);
    void postpone(const base::AuditId& id);
    std::optional<SpotOf> spot_of(const market::Audit& audit);
    std::optional<SealedVerdict> find(const market::Audit& audit);
    void seal(const market::Audit& audit, const SealedVerdict& sealed);

    const ValidatorSettings& settings_;
    const agent::Identity& identity_;
    const VerdictStore& verdicts_;
    client::Client node_;
    agent::Party party_;
    Judge judge_;
    agent::Suspicion suspicion_;
    ChallengeStore challenge_store_;
    Challenges challenges_;
    agent::SaidBefore said_;
    std::chrono::steady_clock::time_point forgot_;  ///< when jobs that are over were deleted last
    std::optional<SpotChecks> spot_checks_;         ///< none: nothing is recomputed unasked

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<market::Audit> queue_;  ///< the earliest deadline first
    std::set<base::AuditId> known_;    ///< queued or being replayed
    /// Of audits that could not be judged: how often, and when they are tried again.
    struct Retry {
        std::uint32_t tries = 0;
        std::chrono::steady_clock::time_point after;
    };
    std::map<base::AuditId, Retry> retries_;
    bool ending_ = false;
    bool look_again_ = false;  ///< a spot check found work: the next look need not wait
    std::thread thread_;
};

/// Follows the questions that the auditor asked, on a thread of its own: whose turn it is has
/// seconds, while a replay may take minutes.
class Asker {
  public:
    Asker(const ValidatorSettings& settings, const agent::Identity& identity);
    ~Asker();
    Asker(const Asker&) = delete;
    Asker& operator=(const Asker&) = delete;
    /// Something happened: looks at once instead of at the next interval.
    void wake();

  private:
    void run();
    const ValidatorSettings& settings_;
    client::Client node_;
    agent::Party party_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace assay::validator
