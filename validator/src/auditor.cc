#include "auditor.h"

#include <algorithm>

#include "agent/log.h"
#include "agent/stop.h"

namespace assay::validator {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kAuditNonceLane = 1;
/// Between looks for work that was accepted.
constexpr auto kIdleLook = 1000ms;

agent::LogFields audit_fields(const market::Audit& audit) {
    return {{"audit", agent::shortened(audit.id.hex())}, {"kind", std::string(market::to_word(audit.kind))},
            {"job", agent::shortened(audit.job.hex())}, {"round", std::to_string(audit.round)}, {"lane", std::to_string(audit.lane)}};
}

}  // namespace

Auditor::Auditor(const ValidatorSettings& settings, const agent::Identity& identity, const VerdictStore& verdicts,
                 runtime::SegmentProducer& producer)
    : settings_(settings),
      identity_(identity),
      verdicts_(verdicts),
      node_(settings.node_url, agent::patient_options()),
      party_(identity, node_, kAuditNonceLane),
      judge_(node_, settings.data_folder / "jobs", settings.executor, producer),
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
        if (known_.contains(audit.id) || queue_.size() >= settings_.capacity) return;
        known_.insert(audit.id);
        const auto later = std::find_if(queue_.begin(), queue_.end(), [&](const market::Audit& a) { return a.deadline > audit.deadline; });
        queue_.insert(later, audit);
    }
    changed_.notify_one();
}

void Auditor::run() {
    if (settings_.spot_check > 0) spot_checks_.emplace(party_, judge_, challenges_, settings_.spot_check);
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
        serve(*audit);
        const std::lock_guard lock(mutex_);
        known_.erase(audit->id);
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

/// The verdict on disk, else a new one that is put there.
std::optional<SealedVerdict> Auditor::find(const market::Audit& audit) {
    if (auto kept = verdicts_.load(audit.id)) return kept;
    const auto verdict = judge_.verdict(audit);
    if (!verdict) {
        if (verdict.error() != Judge::kInterrupted) agent::log(agent::LogLevel::warning, "audit.trouble", verdict.error(), audit_fields(audit));
        return std::nullopt;
    }
    const SealedVerdict sealed{audit.id, *verdict, verdict_nonce(identity_.hot(), audit.id)};
    if (auto saved = verdicts_.save(sealed); !saved) {
        agent::log(agent::LogLevel::error, "audit.trouble", saved.error(), audit_fields(audit));
        return std::nullopt;
    }
    return sealed;
}

void Auditor::serve(const market::Audit& offered) {
    // It may have been sealed, or its deadline passed, since it was queued.
    const auto audit = node_.audit(offered.id);
    if (!audit || audit->state != market::AuditState::open) return;
    const auto sealed = find(*audit);
    if (!sealed) {
        if (const auto& missing = judge_.missing()) suspicion_.missed(party_, missing->target, missing->blob, missing->bytes);
        agent::wait_for_stop(500ms);
        return;
    }
    const base::Hash seal = market::verdict_seal(audit->id, identity_.account(), sealed->verdict, sealed->nonce);
    const auto sent = party_.send(market::VerdictSeal{audit->id, seal});
    agent::LogFields fields = audit_fields(*audit);
    if (!sent) {
        if (!agent::is_refusal(sent.error(), market::Refusal::audit_state)) {
            agent::log(agent::LogLevel::warning, "audit.trouble", sent.error().text(), fields);
        }
        return;
    }
    const bool bad = sealed->verdict.kind == market::VerdictKind::invalid;
    fields.emplace_back("verdict", std::string(market::to_word(sealed->verdict.kind)));
    agent::log(bad ? agent::LogLevel::warning : agent::LogLevel::info, "audit.sealed",
               bad ? "recomputed another root: sealed an invalid verdict" : "recomputed and sealed a verdict", fields);
}

}  // namespace assay::validator
