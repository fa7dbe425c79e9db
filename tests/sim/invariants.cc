#include "invariants.h"

#include <algorithm>
#include <map>
#include <set>

#include "market/pricing.h"
#include "market/queries.h"
#include "market/tables.h"

namespace assay::sim {

namespace {

using base::Amount;

bool has_ended(const market::Audit& audit) {
    return audit.state == market::AuditState::missed || audit.state == market::AuditState::settled;
}

bool is_open(const market::Part& part) {
    return part.state == market::PartState::committed ||
           part.state == market::PartState::auditing || part.state == market::PartState::closing;
}

using ClaimId = std::pair<base::PartId, std::uint32_t>;

class Books {
  public:
    explicit Books(const market::StateReader& state)
        : state_(state),
          chain_(market::load_chain(state)),
          jobs_(all_of<market::Job>(state, market::Table::job)),
          lanes_(all_of<market::Lane>(state, market::Table::lane)),
          rounds_(all_of<market::Round>(state, market::Table::round)),
          leases_(all_of<market::Lease>(state, market::Table::lease)),
          parts_(all_of<market::Part>(state, market::Table::part)),
          claims_(all_of<market::Claim>(state, market::Table::claim)),
          audits_(all_of<market::Audit>(state, market::Table::audit)),
          questions_(all_of<market::Question>(state, market::Table::question)),
          disputes_(all_of<market::Dispute>(state, market::Table::dispute)) {
        for (const market::Job& job : jobs_) job_.emplace(job.id, &job);
        note_ahead();
    }

    std::vector<std::string> check() {
        claims();
        audits();
        parts();
        rounds();
        leases();
        jobs();
        validators();
        offers();
        games();
        timers();
        return std::move(wrong_);
    }

  private:
    template <class A, class B>
    void same(const A& kept, const B& counted, const std::string& what, const base::Hash& id) {
        if (kept == static_cast<A>(counted)) return;
        wrong_.push_back(what + " of " + id.hex().substr(0, 12) + ": kept " + std::to_string(kept) +
                         ", counted " + std::to_string(counted));
    }
    void same(Amount kept, Amount counted, const std::string& what, const base::Hash& id) {
        same(kept.grains(), counted.grains(), what, id);
    }

    /// What epochs will still draw.
    void note_ahead() {
        for (const market::Epoch& epoch : all_of<market::Epoch>(state_, market::Table::epoch)) {
            if (epoch.state == market::EpochState::done) continue;
            std::optional<base::PartId> after;
            if (epoch.state == market::EpochState::drawing && !epoch.draw_after.is_zero())
                after = epoch.draw_after;
            const auto commitments =
                market::commitments_of_epoch(state_, epoch.number, after, 100'000);
            if (!after)
                same(epoch.commitments, commitments.size(), "epoch.commitments",
                     epoch.commitments_root);
            for (const market::EpochCommitment& commitment : commitments) {
                if (commitment.kind == market::CommitmentKind::part)
                    ++part_draws_[commitment.subject];
                if (commitment.kind == market::CommitmentKind::control)
                    ++controls_ahead_[commitment.audit];
                const bool claim = commitment.kind == market::CommitmentKind::merge ||
                                   commitment.kind == market::CommitmentKind::init ||
                                   commitment.kind == market::CommitmentKind::redraw;
                if (claim) ++claim_draws_[{commitment.subject, commitment.segment}];
            }
        }
    }

    void claims() {
        std::map<ClaimId, std::uint32_t> open;
        for (const market::Audit& audit : audits_) {
            if (!has_ended(audit)) ++open[{audit.subject, audit.segment}];
            // A job that is over leaves the state in pieces.
            const auto job = job_.find(audit.job);
            if (job != job_.end() && !market::is_terminal(job->second->state) &&
                !market::find_claim(state_, audit.subject, audit.segment))
                wrong_.push_back("audit without a claim " + audit.id.hex());
        }
        for (const market::Claim& claim : claims_) {
            const ClaimId id{claim.subject, claim.segment};
            same(claim.open, open[id], "claim.open", claim.subject.hash);
            if (!claim.over) same(claim.draws, claim_draws_[id], "claim.draws", claim.subject.hash);
            if (claim.over) same(claim.fund, Amount{}, "claim.fund", claim.subject.hash);
            if (claim.over && !claim.judged())
                wrong_.push_back("claim is over and not judged " + claim.subject.hex());
        }
    }

    void audits() {
        std::map<base::AuditId, std::uint32_t> controls = controls_ahead_;
        for (const market::Audit& audit : audits_) {
            if (audit.kind == market::AuditKind::control && !has_ended(audit))
                ++controls[audit.controls];
        }
        for (const market::Audit& audit : audits_) {
            const bool waits = audit.state == market::AuditState::revealed ||
                               audit.state == market::AuditState::disputed;
            if (audit.kind == market::AuditKind::audit && waits)
                same(audit.controls_open, controls[audit.id], "audit.controls_open", audit.id.hash);
            if (has_ended(audit))
                same(audit.price + audit.fund, Amount{}, "price of an audit that has ended",
                     audit.id.hash);
        }
    }

    void parts() {
        std::map<base::PartId, std::uint32_t> open;
        for (const market::Claim& claim : claims_) {
            if (claim.kind == market::ClaimKind::segment && !claim.over) ++open[claim.subject];
        }
        for (const market::Part& part : parts_) {
            same(part.open_claims, open[part.id], "part.open_claims", part.id.hash);
            if (is_open(part)) same(part.draws, part_draws_[part.id], "part.draws", part.id.hash);
            if (!is_open(part)) same(part.expected, 0U, "part.expected", part.id.hash);
        }
    }

    void rounds() {
        for (const market::Round& round : rounds_) {
            const auto of_round = [&](const auto& thing) {
                return thing.job == round.job && thing.round == round.round;
            };
            const auto open =
                std::count_if(parts_.begin(), parts_.end(), [&](const market::Part& p) {
                    return p.key.job == round.job && p.key.round == round.round && is_open(p);
                });
            const auto games =
                std::count_if(disputes_.begin(), disputes_.end(), [&](const market::Dispute& d) {
                    return of_round(d) && d.state == market::DisputeState::open;
                });
            const auto asked = std::count_if(questions_.begin(), questions_.end(), of_round);
            same(round.open_parts, open, "round.open_parts", round.job.hash);
            same(round.open_disputes, games, "round.open_disputes", round.job.hash);
            same(round.open_questions, asked, "round.open_questions", round.job.hash);
        }
    }

    void leases() {
        std::map<std::pair<base::AccountId, market::Role>, Amount> locked;
        for (const market::Lease& lease : leases_) {
            std::uint64_t open = 0, passed = 0;
            for (const market::Part& part : parts_) {
                if (part.lease != lease.id) continue;
                if (is_open(part)) ++open;
                if (part.state == market::PartState::passed) passed += part.segments;
            }
            same(lease.open_parts, open, "lease.open_parts", lease.id.hash);
            same(lease.passed_segments, passed, "lease.passed_segments", lease.id.hash);
            locked[{lease.worker, market::Role::worker}] += lease.lock;
        }
        for (const market::Stake& stake : all_of<market::Stake>(state_, market::Table::stake)) {
            if (stake.role == market::Role::worker)
                same(stake.locked, locked[{stake.account, stake.role}], "stake.locked",
                     stake.account.hash);
            if (stake.locked > stake.active)
                wrong_.push_back("more stake is locked than there is " + stake.account.hex());
        }
    }

    [[nodiscard]] std::uint64_t reserve_of(const market::Job& job) const {
        const market::Parameters parameters = market::load_parameters(state_, job.params_id);
        const std::uint64_t merges =
            job.shape.has_merge()
                ? std::min(job.shape.rounds - job.final_rounds, parameters.unfinal_rounds_max)
                : 0;
        const std::uint64_t sure =
            market::expected_with_controls(parameters.rate_sure_ppm, parameters.control_ppm);
        const Amount greatest = base::maximum(
            job.audit_price, base::maximum(job.merge_audit_price, job.init_audit_price));
        return merges * market::in_greatest(sure, job.merge_audit_price, greatest) +
               (job.init_passed ? 0 : market::in_greatest(sure, job.init_audit_price, greatest));
    }

    void jobs() {
        std::uint64_t backlog = 0;
        for (const market::Job& job : jobs_) {
            const auto of_job = [&](const auto& thing) { return thing.job == job.id; };
            std::uint64_t expected = market::is_terminal(job.state) ? 0 : reserve_of(job);
            for (const market::Part& part : parts_)
                expected += part.key.job == job.id ? part.expected : 0;
            for (const market::Lane& lane : lanes_)
                expected += lane.job == job.id ? lane.expected : 0;
            Amount drawn;
            for (const market::Audit& audit : audits_)
                drawn += audit.job == job.id ? audit.price : Amount{};
            same(job.expected, expected, "job.expected", job.id.hash);
            same(job.hold.drawn, drawn, "job.hold.drawn", job.id.hash);
            same(job.open_claims,
                 std::count_if(claims_.begin(), claims_.end(),
                               [&](const auto& c) { return of_job(c) && !c.over; }),
                 "job.open_claims", job.id.hash);
            same(job.open_disputes,
                 std::count_if(disputes_.begin(), disputes_.end(),
                               [&](const auto& d) {
                                   return of_job(d) && d.state == market::DisputeState::open;
                               }),
                 "job.open_disputes", job.id.hash);
            same(job.open_questions, std::count_if(questions_.begin(), questions_.end(), of_job),
                 "job.open_questions", job.id.hash);
            same(job.active_leases,
                 std::count_if(leases_.begin(), leases_.end(),
                               [&](const auto& l) {
                                   return of_job(l) && l.state == market::LeaseState::active;
                               }),
                 "job.active_leases", job.id.hash);
            const market::Spent& spent = job.spent;
            same(job.held,
                 job.hold.total() + spent.workers + spent.auditors + spent.protocol_fees +
                     spent.refunded + spent.pauses + spent.unproved,
                 "job.held", job.id.hash);
            backlog += job.backlog_flops;
        }
        same(chain_.backlog_flops, backlog, "chain.backlog_flops", chain_.id);
    }

    void validators() {
        for (const market::Validator& validator :
             all_of<market::Validator>(state_, market::Table::validator)) {
            std::uint64_t open = 0, flops = 0;
            Amount lock;
            for (const market::Audit& audit : audits_) {
                if (audit.auditor != validator.account || has_ended(audit)) continue;
                ++open;
                flops += audit.flops;
                lock = base::maximum(lock, audit.lock);
            }
            same(validator.open_audits, open, "validator.open_audits", validator.account.hash);
            same(validator.open_flops, flops, "validator.open_flops", validator.account.hash);
            const auto stake =
                market::find_stake(state_, validator.account, market::Role::validator);
            if (stake && stake->locked < base::minimum(lock, stake->active))
                wrong_.push_back("an audit's lock is free " + validator.account.hex());
            if (stake && open == 0 && !stake->locked.is_zero())
                wrong_.push_back("stake is locked for nothing " + validator.account.hex());
        }
    }

    void offers() {
        for (const market::Offer& offer : all_of<market::Offer>(state_, market::Table::offer)) {
            std::uint64_t used = 0;
            for (const market::Lease& lease : leases_)
                used +=
                    lease.offer == offer.id && lease.state != market::LeaseState::settled ? 1 : 0;
            for (const market::Lane& lane : lanes_) {
                for (const market::Reservation& asked : lane.asked)
                    used += asked.offer == offer.id ? 1 : 0;
            }
            same(offer.slots_used, used, "offer.slots_used", offer.id.hash);
        }
    }

    void games() {
        std::map<base::AccountId, std::pair<std::uint32_t, std::uint64_t>> load;
        std::map<base::Hash, std::uint32_t> playing;
        for (const market::Dispute& dispute : disputes_) {
            if (dispute.state != market::DisputeState::open) continue;
            if (!dispute.pool.is_zero()) ++playing[dispute.pool];
            for (const base::AccountId& player : {dispute.asserter, dispute.challenger}) {
                ++load[player].first;
                load[player].second += dispute.planned_ms;
            }
        }
        for (const market::GameLoad& kept :
             all_of<market::GameLoad>(state_, market::Table::game_load)) {
            same(kept.games, load[kept.account].first, "load.games", kept.account.hash);
            same(kept.planned_ms, load[kept.account].second, "load.planned_ms", kept.account.hash);
            load.erase(kept.account);
        }
        for (const auto& [account, own] : load) same(0U, own.first, "load", account.hash);
        for (const market::Pool& pool : all_of<market::Pool>(state_, market::Table::pool))
            same(pool.playing, playing[pool.id], "pool.playing", pool.id);
    }

    void has_timer(base::TimeMs due, market::TimerKind kind, const base::Hash& subject,
                   std::uint64_t number, const std::string& what) {
        if (due.value == 0 || state_.get(market::timer_key(due, kind, subject, number))) return;
        wrong_.push_back("no timer for the deadline of " + what + " " + subject.hex());
    }

    [[nodiscard]] bool paused(const base::JobId& job) const {
        const auto found = job_.find(job);
        return found != job_.end() && found->second->state == market::JobState::paused;
    }

    void timers() {
        using market::TimerKind;
        for (const market::Audit& audit : audits_)
            has_timer(audit.deadline, TimerKind::audit, audit.id.hash, 0, "audit");
        for (const market::Part& part : parts_) {
            const bool closing = part.state == market::PartState::closing;
            has_timer(part.deadline, closing ? TimerKind::part_close : TimerKind::delivery,
                      part.id.hash, 0, "part");
        }
        for (const market::Lease& lease : leases_) {
            if (!paused(lease.job))
                has_timer(lease.deadline, TimerKind::lane_deadline, lease.job.hash, lease.lane,
                          "lease");
        }
        for (const market::Round& round : rounds_) {
            if (!paused(round.job))
                has_timer(round.deadline, TimerKind::round_deadline, round.job.hash, round.round,
                          "round");
            if (const auto merge = market::find_merge(state_, round.job, round.round))
                has_timer(merge->deadline, TimerKind::merge, round.job.hash, round.round, "merge");
        }
        for (const market::Question& question : questions_)
            has_timer(question.deadline, TimerKind::question, question.id, 0, "question");
        for (const market::Dispute& dispute : disputes_)
            has_timer(dispute.deadline, TimerKind::dispute, dispute.id.hash, 0, "dispute");
        for (const market::Lane& lane : lanes_)
            has_timer(lane.ask_ends, TimerKind::match, lane.job.hash, lane.lane, "lane");
    }

    const market::StateReader& state_;
    market::Chain chain_;
    std::vector<market::Job> jobs_;
    std::vector<market::Lane> lanes_;
    std::vector<market::Round> rounds_;
    std::vector<market::Lease> leases_;
    std::vector<market::Part> parts_;
    std::vector<market::Claim> claims_;
    std::vector<market::Audit> audits_;
    std::vector<market::Question> questions_;
    std::vector<market::Dispute> disputes_;
    std::map<base::JobId, const market::Job*> job_;
    std::map<base::PartId, std::uint32_t> part_draws_;
    std::map<base::AuditId, std::uint32_t> controls_ahead_;
    std::map<ClaimId, std::uint32_t> claim_draws_;
    std::vector<std::string> wrong_;
};

}  // namespace

std::vector<std::string> wrong_books(const market::StateReader& state) {
    return Books(state).check();
}

}  // namespace assay::sim
