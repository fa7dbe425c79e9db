#include "auditor.h"

#include <algorithm>

#include "agent/log.h"
#include "agent/stop.h"
#include "base/check.h"

namespace assay::validator {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kAuditNonceLane = 1;
constexpr std::uint32_t kAskerNonceLane = 2;
/// Audits that wait; more come at the next look.
constexpr std::size_t kQueueMax = 1024;
/// Between looks for work that was accepted.
constexpr auto kIdleLook = 1000ms;
constexpr std::chrono::milliseconds kRetrySoon = 1000ms;
constexpr std::chrono::milliseconds kRetryLater = 10'000ms;
constexpr auto kForgetEvery = 10s;
constexpr auto kQuestionsLook = 2000ms;

agent::LogFields audit_fields(const market::Audit& audit) {
    return {{"audit", agent::shortened(audit.id.hex())},
            {"kind", std::string(market::to_word(audit.kind))},
            {"claim", std::string(market::to_word(audit.claim))},
            {"job", agent::shortened(audit.job.hex())},
            {"round", std::to_string(audit.round)},
            {"lane", std::to_string(audit.lane)}};
}

}  // namespace

Auditor::Auditor(const ValidatorSettings& settings, const agent::Identity& identity,
                 const VerdictStore& verdicts, Recomputer& recomputer)
    : settings_(settings),
      identity_(identity),
      verdicts_(verdicts),
      node_(settings.node_url, agent::patient_options()),
      party_(identity, node_, kAuditNonceLane),
      judge_(node_, settings.data_folder / "jobs", settings.executor, recomputer),
      suspicion_(settings.data_folder / "suspected"),
      challenge_store_(settings.data_folder / "challenges"),
      challenges_(party_, challenge_store_),
      thread_([this] { run(); }) {}

Auditor::~Auditor() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Auditor::offer(const market::Audit& audit) {
    {
        const std::lock_guard lock(mutex_);
        if (known_.contains(audit.id) || queue_.size() >= kQueueMax) return;
        const auto retry = retries_.find(audit.id);
        if (retry != retries_.end() && std::chrono::steady_clock::now() < retry->second.after)
            return;
        known_.insert(audit.id);
        const auto later = std::find_if(queue_.begin(), queue_.end(), [&](const market::Audit& a) {
            return a.deadline > audit.deadline;
        });
        queue_.insert(later, audit);
    }
    changed_.notify_one();
}

void Auditor::run() {
    if (settings_.spot_check > 0)
        spot_checks_.emplace(party_, judge_, challenges_, settings_.spot_check);
    while (true) {
        const auto audit = take();
        {
            const std::lock_guard lock(mutex_);
            if (ending_) return;
        }
        challenges_.advance();
        if (!audit) {
            look_around();
            continue;
        }
        const bool served = serve(*audit);
        const std::lock_guard lock(mutex_);
        known_.erase(audit->id);
        if (served)
            retries_.erase(audit->id);
        else
            postpone(audit->id);
    }
}

/// The most urgent audit; nothing when there is none and it is time to look around, or at the end.
std::optional<market::Audit> Auditor::take() {
    std::unique_lock lock(mutex_);
    const auto due = [this] { return ending_ || look_again_ || !queue_.empty(); };
    changed_.wait_for(lock, kIdleLook, due);
    look_again_ = false;
    if (queue_.empty()) return std::nullopt;
    market::Audit audit = std::move(queue_.front());
    queue_.pop_front();
    return audit;
}

void Auditor::look_around() {
    const auto now = std::chrono::steady_clock::now();
    if (now >= forgot_ + kForgetEvery && !agent::stop_requested()) {
        judge_.forget_closed();
        forgot_ = now;
    }
    if (!spot_checks_ || agent::stop_requested()) return;
    const auto go_on = [this](const runtime::StepReport&) {
        const std::lock_guard lock(mutex_);
        return !ending_ && queue_.empty() && !agent::stop_requested();
    };
    const bool more = spot_checks_->look(go_on);
    challenges_.advance();
    const std::lock_guard lock(mutex_);
    look_again_ = more;
}

/// What chooses the audit's cells: the own secret, and in a control what chose those that it
/// controls. Nothing when that cannot be read now.
std::optional<SpotOf> Auditor::spot_of(const market::Audit& audit) {
    if (audit.kind == market::AuditKind::control) {
        const auto controlled = node_.audit(audit.controls);
        if (!controlled || !controlled->verdict) return std::nullopt;
        return [spot = controlled->spot](const base::Hash&) { return spot; };
    }
    return [this, id = audit.id](const base::Hash& root) {
        const base::Bytes alpha = market::spot_alpha(id, root);
        const auto output = base::vrf_verify(identity_.vrf().public_key(), alpha,
                                             base::vrf_prove(identity_.vrf(), alpha));
        ASSAY_CHECK(output.has_value());
        return *output;
    };
}

/// The verdict on disk, else a new one that is put there.
std::optional<SealedVerdict> Auditor::find(const market::Audit& audit) {
    if (auto kept = verdicts_.load(audit.id)) return kept;
    const auto spot = spot_of(audit);
    if (!spot) return std::nullopt;
    auto done = judge_.recompute(audit, *spot);
    if (!done) {
        const auto& [why, need, interrupted] = done.error();
        if (!interrupted && said_.is_new(audit.id.hex(), why))
            agent::log(agent::LogLevel::warning, "audit.trouble", why, audit_fields(audit));
        if (need) suspicion_.missed(party_, *need);
        return std::nullopt;
    }
    const bool control = audit.kind == market::AuditKind::control;
    SealedVerdict sealed = make_verdict(identity_.hot(), audit.id, control, done->root,
                                        done->asserted, done->found, std::move(done->cells));
    if (auto saved = verdicts_.save(sealed); !saved) {
        agent::log(agent::LogLevel::error, "audit.trouble", saved.error(), audit_fields(audit));
        return std::nullopt;
    }
    return sealed;
}

/// Soon at first, since a blob may be on its way and a question takes some misses; then seldom,
/// since each try reads it again. Requires the lock.
void Auditor::postpone(const base::AuditId& id) {
    if (retries_.size() >= kQueueMax) retries_.clear();
    Retry& retry = retries_[id];
    ++retry.tries;
    retry.after = std::chrono::steady_clock::now() +
                  (retry.tries <= agent::kMissesBeforeQuestion ? kRetrySoon : kRetryLater);
}

/// False when it has to be tried again.
bool Auditor::serve(const market::Audit& offered) {
    // It may have been sealed, or its deadline passed, since it was queued.
    const auto audit = node_.audit(offered.id);
    if (!audit) return audit.error().not_found();
    const bool lost =
        audit->state == market::AuditState::sealed || audit->state == market::AuditState::revealed;
    if (audit->state != market::AuditState::open && !lost) return true;
    const auto sealed = find(*audit);
    if (sealed) {
        if (!lost) seal(*audit, *sealed);
        return true;
    }
    return false;
}

void Auditor::seal(const market::Audit& audit, const SealedVerdict& sealed) {
    const base::Hash seal =
        market::verdict_seal(audit.id, identity_.account(), sealed.verdict, sealed.nonce);
    const auto sent = party_.send(market::VerdictSeal{audit.id, seal});
    agent::LogFields fields = audit_fields(audit);
    if (!sent) {
        if (!agent::is_refusal(sent.error(), market::Refusal::audit_state)) {
            agent::log(agent::LogLevel::warning, "audit.trouble", sent.error().text(), fields);
        }
        return;
    }
    const bool bad = sealed.verdict.kind == market::VerdictKind::invalid;
    fields.emplace_back("verdict", std::string(market::to_word(sealed.verdict.kind)));
    agent::log(bad ? agent::LogLevel::warning : agent::LogLevel::info, "audit.sealed",
               bad ? "recomputed another root, twice: sealed an invalid verdict"
                   : "recomputed and sealed a verdict",
               fields);
}

Asker::Asker(const ValidatorSettings& settings, const agent::Identity& identity)
    : settings_(settings),
      node_(settings.node_url, agent::patient_options()),
      party_(identity, node_, kAskerNonceLane),
      thread_([this] { run(); }) {}

Asker::~Asker() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Asker::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_one();
}

void Asker::run() {
    while (true) {
        if (agent::stop_requested()) return;
        agent::follow_questions(party_, settings_.data_folder / "questions",
                                settings_.executor.threads);
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kQuestionsLook, [this] { return woken_ || ending_; });
        woken_ = false;
        if (ending_) return;
    }
}

}  // namespace assay::validator
