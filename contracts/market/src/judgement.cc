#include <algorithm>

#include "base/check.h"
#include "rollback.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

void count_open_vote(Context& context, const Vote& vote, bool more) {
    auto round = find_round(context.state, vote.job, vote.round);
    if (!round) return;
    ASSAY_CHECK(more || round->open_votes > 0);
    round->open_votes = more ? round->open_votes + 1 : round->open_votes - 1;
    save(context.state, *round);
}

bool is_accuser(const Vote& vote, const base::AuditId& audit) {
    return !vote.audits.empty() && vote.audits.front() == audit;
}

std::vector<Audit> jurors_of(const Context& context, const Vote& vote) {
    std::vector<Audit> jurors;
    for (const base::AuditId& id : vote.audits) {
        if (is_accuser(vote, id)) continue;
        auto audit = find_audit(context.state, id);
        ASSAY_CHECK(audit.has_value());
        jurors.push_back(std::move(*audit));
    }
    return jurors;
}

/// Everyone who has or had to do with this segment: no one votes twice.
std::vector<base::AccountId> involved(const Context& context, const Vote& vote) {
    std::vector<base::AccountId> accounts;
    for (const base::AuditId& id : vote.audits) {
        if (const auto audit = find_audit(context.state, id)) accounts.push_back(audit->auditor);
    }
    if (const auto part = find_part(context.state, vote.part)) {
        for (const Audit& audit : audits_of_part(context, *part)) {
            if (audit.segment == vote.segment) accounts.push_back(audit.auditor);
        }
    }
    return accounts;
}

Audit wanted_juror(const Audit& accusation, AuditKind kind, std::uint32_t redraws) {
    Audit wanted;
    wanted.kind = kind;
    wanted.job = accusation.job;
    wanted.round = accusation.round;
    wanted.lane = accusation.lane;
    wanted.part = accusation.part;
    wanted.segment = accusation.segment;
    wanted.worker = accusation.worker;
    wanted.lease = accusation.lease;
    wanted.epoch = accusation.epoch;
    wanted.redraws = redraws;
    wanted.price = accusation.price;
    return wanted;
}

/// All jurors and the accuser found the same.
bool unanimous(const Context& context, const Job& job, const Vote& vote, const std::vector<Audit>& jurors) {
    std::uint32_t agree = 1;
    for (const Audit& juror : jurors) {
        if (juror.state != AuditState::revealed) continue;
        if (juror.verdict->kind != VerdictKind::invalid || juror.verdict->end_root != vote.claim) return false;
        ++agree;
    }
    return agree >= parameters_of(context, job).jurors;
}

/// The lane goes on from the last passed part, nobody is slashed.
void leave_unresolved(Context& context, Job& job, const Vote& vote) {
    const auto accused = find_part(context.state, vote.part);
    ASSAY_CHECK(accused.has_value());
    Undone undone;
    undo_lane(context, job, vote.round, vote.lane, accused->key.part, accused->key.worker, undone);
    roll_back(context, job, accused->key.worker, undone);
    compensate(context, job, undone, {}, find_lease(context.state, vote.lease).value().lock);
    release_lease(context, job, vote.lease, LeaseEnd::unresolved, false);
}

void decide(Context& context, Vote& vote, std::vector<Audit>& jurors) {
    auto job = find_job(context.state, vote.job);
    ASSAY_CHECK(job.has_value());
    const bool upheld = unanimous(context, *job, vote, jurors);
    vote.state = upheld ? VoteState::upheld : VoteState::unresolved;
    save(context.state, vote);
    count_open_vote(context, vote, false);
    emit(context, EventKind::vote_closed, {{"vote", vote.id.hex()}, {"job", vote.job.hex()}, {"part", vote.part.hex()},
                                           {"segment", std::to_string(vote.segment)}, {"outcome", std::string(to_word(vote.state))}});
    const AuditPay pay = upheld ? AuditPay::hold : AuditPay::insured;
    auto accuser = find_audit(context.state, vote.audits.front());
    ASSAY_CHECK(accuser.has_value());
    settle_audit(context, *job, *accuser, pay);
    for (Audit& juror : jurors) settle_audit(context, *job, juror, juror.verdict ? pay : AuditPay::none);
    switch (vote.kind) {
        case AuditKind::vote_segment:
            if (upheld) {
                convict(context, *job, {vote.lease, SlashReason::judgement, vote.id, vote.round, {}, {}, true});
            } else {
                leave_unresolved(context, *job, vote);
            }
            start_window_if_done(context, *job, vote.round);
            break;
        case AuditKind::vote_merge: merge_vote_decided(context, *job, vote, upheld); break;
        case AuditKind::segment:
        case AuditKind::merge: ASSAY_CHECK(false && "an audit is no vote");
    }
    save(context.state, *job);
}

}  // namespace

void open_vote(Context& context, const Audit& accusation) {
    const auto job = find_job(context.state, accusation.job);
    ASSAY_CHECK(job && accusation.verdict);
    Vote vote;
    vote.id = accusation.id.hash;
    vote.kind = accusation.kind == AuditKind::merge ? AuditKind::vote_merge : AuditKind::vote_segment;
    vote.job = accusation.job;
    vote.round = accusation.round;
    vote.lane = accusation.lane;
    vote.part = accusation.part;
    vote.segment = accusation.segment;
    vote.lease = accusation.lease;
    vote.claim = accusation.verdict->end_root;
    vote.audits.push_back(accusation.id);
    vote.opened_at = context.live;
    save(context.state, vote);
    count_open_vote(context, vote, true);
    emit(context, EventKind::vote_opened, {{"vote", vote.id.hex()}, {"job", vote.job.hex()}, {"part", vote.part.hex()},
                                           {"segment", std::to_string(vote.segment)}, {"accuser", accusation.auditor.hex()}});
    const std::uint32_t wanted = parameters_of(context, *job).jurors - 1;
    std::vector<Audit> jurors;
    while (jurors.size() < wanted) {
        auto juror = assign_audit(context, *job, wanted_juror(accusation, vote.kind, 0), accusation.place + 1, involved(context, vote), true);
        if (!juror) break;
        vote.audits.push_back(juror->id);
        jurors.push_back(std::move(*juror));
    }
    save(context.state, vote);
    if (jurors.size() < wanted) {
        decide(context, vote, jurors);
        return;
    }
    for (Audit& juror : jurors) start_audit(context, *job, juror);
}

std::optional<Vote> vote_of_juror(const Context& context, const Audit& audit) {
    const auto has = [&](const std::optional<Vote>& vote) {
        return vote && std::find(vote->audits.begin(), vote->audits.end(), audit.id) != vote->audits.end();
    };
    if (audit.kind == AuditKind::vote_merge) {
        const auto merge = find_merge(context.state, audit.job, audit.round);
        auto vote = merge ? find_vote(context.state, merge->audit.hash) : std::nullopt;
        return has(vote) ? vote : std::nullopt;
    }
    const auto part = find_part(context.state, audit.part);
    if (!part) return std::nullopt;
    for (const base::AuditId& id : part->audits) {
        auto vote = find_vote(context.state, id.hash);
        if (has(vote)) return vote;
    }
    return std::nullopt;
}

void advance_vote(Context& context, const base::Hash& id) {
    auto vote = find_vote(context.state, id);
    if (!vote || vote->state != VoteState::open) return;
    std::vector<Audit> jurors = jurors_of(context, *vote);
    const auto any = [&](AuditState state) {
        return std::any_of(jurors.begin(), jurors.end(), [&](const Audit& juror) { return juror.state == state; });
    };
    if (any(AuditState::drawn) || any(AuditState::open)) return;
    if (any(AuditState::sealed)) {
        for (Audit& juror : jurors) ask_reveal(context, juror);
        return;
    }
    decide(context, *vote, jurors);
}

void redraw_juror(Context& context, const Audit& old) {
    auto vote = vote_of_juror(context, old);
    if (!vote || vote->state != VoteState::open) return;
    if (old.redraws < context.parameters.redraws_max) {
        const auto job = find_job(context.state, old.job);
        ASSAY_CHECK(job.has_value());
        auto next = assign_audit(context, *job, wanted_juror(old, vote->kind, old.redraws + 1), old.place + 1, involved(context, *vote), true);
        if (next) {
            vote->audits.push_back(next->id);
            save(context.state, *vote);
            start_audit(context, *job, *next);
            return;
        }
    }
    advance_vote(context, vote->id);
}

Amount drop_vote(Context& context, Job& job, Vote& vote, AuditPay pay) {
    Amount paid;
    for (Audit& juror : jurors_of(context, vote)) {
        const bool worked = juror.state == AuditState::sealed || juror.state == AuditState::revealed;
        settle_audit(context, job, juror, worked ? pay : AuditPay::none);
        if (worked && pay != AuditPay::none) paid += juror.price;
    }
    vote.state = VoteState::unresolved;
    save(context.state, vote);
    count_open_vote(context, vote, false);
    emit(context, EventKind::vote_closed, {{"vote", vote.id.hex()}, {"job", vote.job.hex()}, {"part", vote.part.hex()},
                                           {"segment", std::to_string(vote.segment)}, {"outcome", std::string(to_word(vote.state))}});
    return paid;
}

void on_vote_due(Context& context, const Timer& timer) { advance_vote(context, timer.subject); }

}  // namespace assay::market
