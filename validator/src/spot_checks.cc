#include "spot_checks.h"

#include <algorithm>
#include <cmath>

#include "agent/log.h"
#include "agent/stop.h"
#include "client/challenge.h"

namespace assay::validator {

namespace {

/// A blob may be on its way; after so many tries it is somebody else's to miss.
constexpr std::uint32_t kTriesMax = 3;
/// Beyond this the newest wait: whoever cannot keep up checks a smaller share.
constexpr std::size_t kWantedMax = 4096;

}  // namespace

SpotChecks::SpotChecks(agent::Party& party, Judge& judge, Challenges& challenges, double rate)
    : party_(party), judge_(judge), challenges_(challenges), rate_(rate) {}

bool SpotChecks::is_chosen(const base::Hash& secret, double rate) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) number = number << 8U | secret.view()[i];
    return static_cast<double>(number) < std::ldexp(rate, 32);
}

bool SpotChecks::chosen(const market::ChallengeTarget& target) const {
    return is_chosen(
        party_.identity().hot().derive("spot check", client::target_digest(target).view()), rate_);
}

bool SpotChecks::look(const runtime::Progress& go_on) {
    if (!learn()) return false;
    // The oldest round of all jobs: its window closes first.
    auto first = jobs_.end();
    for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
        if (job->second.wanted.empty()) continue;
        if (first == jobs_.end() ||
            job->second.wanted.begin()->first < first->second.wanted.begin()->first)
            first = job;
    }
    if (first == jobs_.end()) return false;
    const auto entry = first->second.wanted.begin();
    const auto [round, wanted] = *entry;
    first->second.wanted.erase(entry);
    return examine(first->first, round, wanted, first->second, go_on);
}

/// False when the node does not answer.
bool SpotChecks::learn() {
    std::map<base::JobId, std::uint32_t> live;
    for (const auto state : {market::JobState::running, market::JobState::paused,
                             market::JobState::verifying, market::JobState::settling}) {
        const auto jobs = party_.node().jobs(market::to_word(state));
        if (!jobs) return false;
        for (const market::Job& job : *jobs) {
            live.emplace(job.id, job.final_rounds);
            Followed& followed = jobs_[job.id];
            followed.final_rounds = job.final_rounds;
            if (followed.entries < job.history_count) {
                const auto entries = party_.node().history(job.id, followed.entries);
                if (!entries) return false;
                for (const base::Bytes& bytes : *entries) {
                    if (const auto fact = market::decode<market::JobHistoryEntry>(bytes))
                        read(job.id, followed, *fact);
                    ++followed.entries;
                }
            }
            followed.wanted.erase(followed.wanted.begin(),
                                  followed.wanted.lower_bound(job.final_rounds));
        }
    }
    std::erase_if(jobs_, [&](const auto& entry) { return !live.contains(entry.first); });
    challenges_.forget_settled(live);
    return true;
}

void SpotChecks::read(const base::JobId& id, Followed& followed,
                      const market::JobHistoryEntry& entry) {
    const base::AccountId& account = party_.identity().account();
    if (const auto* passed = std::get_if<market::PartPassed>(&entry)) {
        if (passed->key.worker == account || passed->key.round < followed.final_rounds) return;
        const auto shared = std::make_shared<const market::PartPassed>(*passed);
        for (std::uint32_t segment = 0;
             segment < passed->leaves.size() && followed.wanted.size() < kWantedMax; ++segment) {
            const bool audited = std::any_of(
                passed->audits.begin(), passed->audits.end(), [&](const market::AuditFact& fact) {
                    return fact.segment == segment && fact.auditor == account;
                });
            if (!audited && chosen({market::DisputeTarget::segment, passed->part, segment, {}, 0}))
                followed.wanted.emplace(passed->key.round, Wanted{shared, segment});
        }
    } else if (const auto* merged = std::get_if<market::RoundMerged>(&entry)) {
        if (merged->poster == account || merged->round < followed.final_rounds) return;
        // By its root: another attempt is another choice.
        if (chosen(
                {market::DisputeTarget::merge, base::PartId{merged->root}, 0, id, merged->round}))
            followed.wanted.emplace(merged->round, Wanted{});
    }
}

/// Whether it is still what stands, and may be challenged.
bool SpotChecks::stands(const base::JobId& id, std::uint32_t round, const Wanted& wanted) {
    const auto record = party_.node().round(id, round);
    if (!record || record->state == market::RoundState::final ||
        record->state == market::RoundState::failed)
        return false;
    if (!wanted.part) return record->state == market::RoundState::merged;
    const auto part = party_.node().part(wanted.part->part);
    return part && part->state == market::PartState::passed;
}

bool SpotChecks::examine(const base::JobId& id, std::uint32_t round, const Wanted& wanted,
                         Followed& followed, const runtime::Progress& go_on) {
    if (!stands(id, round, wanted)) return true;
    agent::LogFields fields = {{"job", agent::shortened(id.hex())},
                               {"round", std::to_string(round)}};
    if (wanted.part) {
        fields.emplace_back("lane", std::to_string(wanted.part->key.lane));
        fields.emplace_back("segment", std::to_string(wanted.part->first_segment + wanted.segment));
    }
    const auto found = wanted.part ? judge_.check_segment(*wanted.part, wanted.segment, go_on)
                                   : judge_.check_merge(id, round);
    if (!found) {
        const bool interrupted = found.error().interrupted;
        if (!interrupted)
            agent::log(agent::LogLevel::debug, "spot_check.trouble", found.error().why, fields);
        if (interrupted || wanted.tries + 1 < kTriesMax)
            followed.wanted.emplace(
                round, Wanted{wanted.part, wanted.segment, wanted.tries + (interrupted ? 0 : 1)});
        return false;
    }
    if (*found) {
        challenges_.take(id, round, **found);
        return true;
    }
    agent::log(agent::LogLevel::info, "spot_check.agrees",
               wanted.part ? "recomputed a segment unasked: it is right"
                           : "recomputed a merge unasked: it is right",
               fields);
    return true;
}

}  // namespace assay::validator
