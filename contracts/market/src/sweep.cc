// The sweep of a draw: every commitment of an epoch against every member that contributed, some
// pairs in each block.

#include <algorithm>
#include <set>

#include "base/check.h"
#include "market/pricing.h"
#include "settlement.h"

namespace assay::market {

namespace {

/// What one commitment asks to be drawn.
struct Wanted {
    Job& job;
    ClaimKind kind = ClaimKind::segment;
    std::uint32_t segments = 1;
    std::uint32_t rate_ppm = 0;
    Part* part = nullptr;  ///< of a segment
    std::set<base::AccountId> barred =
        {};  ///< whose verdict is controlled, and who was drawn for this before and failed
};

std::uint32_t sure_rate(const Parameters& parameters, std::uint32_t rate_ppm) {
    return std::max(rate_ppm, parameters.rate_sure_ppm);
}

/// A control of it was drawn and did not come.
bool control_missed(const Context& context, const Audit& audit) {
    const auto others = audits_of_claim(context.state, audit.subject, audit.segment, kTouchedMax);
    return std::any_of(others.begin(), others.end(), [&](const Audit& o) {
        return o.controls == audit.id && o.state == AuditState::missed;
    });
}

/// Nothing when what was committed is void, or the job is over.
std::optional<Wanted> wanted_by(Context& context, const EpochCommitment& commitment) {
    if (commitment.kind == CommitmentKind::job) return std::nullopt;
    auto* job = live_job(context, commitment.job);
    if (!job || is_terminal(job->state)) return std::nullopt;
    Wanted wanted{*job};
    if (commitment.kind == CommitmentKind::part) {
        wanted.part = live_part(context, commitment.subject);
        if (!wanted.part || !is_open(*wanted.part) || wanted.part->draws == 0) return std::nullopt;
        const auto lease = find_lease(context.state, wanted.part->lease);
        ASSAY_CHECK(lease.has_value());
        wanted.segments = wanted.part->segments;
        wanted.rate_ppm = lease->rate_ppm;
        return wanted;
    }
    const auto claim = find_claim(context.state, commitment.subject, commitment.segment);
    if (!claim || claim->over) return std::nullopt;
    wanted.kind = claim->kind;
    if (claim->kind == ClaimKind::segment) wanted.part = live_part(context, commitment.subject);
    const Parameters parameters = parameters_of(context, wanted.job);
    if (commitment.kind == CommitmentKind::control) {
        const auto audit = find_audit(context.state, commitment.audit);
        if (!audit || audit->state != AuditState::revealed) return std::nullopt;
        wanted.barred.insert(audit->auditor);
        wanted.rate_ppm =
            control_missed(context, *audit) ? parameters.rate_sure_ppm : parameters.control_ppm;
    } else {
        wanted.rate_ppm = sure_rate(parameters, claim->rate_ppm);
        for (const Audit& audit :
             audits_of_claim(context.state, commitment.subject, commitment.segment, kTouchedMax)) {
            if (audit.kind == AuditKind::audit && audit.state == AuditState::missed)
                wanted.barred.insert(audit.auditor);
        }
    }
    return wanted;
}

bool eligible(const Context& context, const Wanted& wanted, const EpochMember& member,
              base::Amount lock) {
    return member.y && !wanted.barred.contains(member.validator) &&
           may_audit(context, member.validator, wanted.job, lock);
}

base::Amount lock_of(const Context& context, const Wanted& wanted) {
    const base::Amount price = duty_of(wanted.job, wanted.kind).price;
    return audit_lock(price, parameters_of(context, wanted.job).control_ppm)
        .value_or(base::Amount::of(base::Amount::kMax));
}

/// Goes on over the members after the cursor until `each` says stop, all were seen, or the block's
/// bound is reached: then false.
template <class Each>
bool over_members(Context& context, Epoch& epoch, Each each) {
    while (true) {
        const std::uint32_t most = context.parameters.draws_per_block_max;
        if (context.pairs_drawn >= most) return false;
        const auto after =
            epoch.draw_member.is_zero() ? std::nullopt : std::optional(epoch.draw_member);
        const auto members =
            members_of_epoch(context.state, epoch.number, after, most - context.pairs_drawn);
        bool stop = members.empty();
        for (const EpochMember& member : members) {
            ++context.pairs_drawn;
            epoch.draw_member = member.validator;
            stop = !each(member);
            if (stop) break;
        }
        if (!stop) continue;
        epoch.draw_member = {};
        return true;
    }
}

/// When everybody who may audit has failed, everybody is drawn again.
bool look(Context& context, Epoch& epoch, const EpochCommitment& commitment, const Wanted& wanted,
          base::Amount lock) {
    if (commitment.kind == CommitmentKind::control || wanted.barred.empty()) return true;
    bool found = false;
    const bool all = over_members(context, epoch, [&](const EpochMember& member) {
        found = eligible(context, wanted, member, lock);
        return !found;
    });
    epoch.draw_unbarred = all && !found;
    return all;
}

/// W: of those who contributed and may audit this. A void epoch draws with all weight. Who may is
/// settled here for all blocks of this draw, as W and the events say it: whoever leaves later is
/// drawn all the same, and whoever could audit later is not.
bool weigh(Context& context, Epoch& epoch, const base::PartId& commitment, const Wanted& wanted,
           base::Amount lock) {
    const bool all = over_members(context, epoch, [&](const EpochMember& member) {
        if (eligible(context, wanted, member, lock)) {
            epoch.draw_weight += member.weight;
        } else if (member.y) {
            emit(context, EventKind::member_barred,
                 {{"epoch", std::to_string(epoch.number)},
                  {"commitment", commitment.hex()},
                  {"validator", member.validator.hex()}});
            EpochMember barred = member;
            barred.barred_from = commitment;
            save(context.state, barred);
        }
        return true;
    });
    if (all && epoch.void_) epoch.draw_weight = epoch.all_weight();
    return all;
}

/// The claim of one segment, made when it is drawn for the first time, or drawn once more by the
/// epoch after a void one.
Claim& claim_of(Context& context, Job& job, Part& part, std::uint32_t segment,
                std::uint32_t rate_ppm) {
    auto* known = live_claim(context, part.id, segment);
    if (known && !known->over) return *known;
    ++part.open_claims;
    ++job.open_claims;
    if (known) {
        known->over = false;
        return *known;
    }
    Claim claim;
    claim.subject = part.id;
    claim.segment = segment;
    claim.job = job.id;
    claim.round = part.key.round;
    claim.lane = part.key.lane;
    claim.worker = part.key.worker;
    claim.lease = part.lease;
    claim.rate_ppm = rate_ppm;
    return add(context, claim);
}

bool is_delivered(const Part& part, std::uint32_t segment) {
    return std::any_of(part.delivered.begin(), part.delivered.end(),
                       [&](const DeliveredSegment& d) { return d.segment == segment; });
}

void draw_member(Context& context, Epoch& epoch, const EpochCommitment& commitment, Wanted& wanted,
                 const EpochMember& member) {
    const std::uint64_t exponent =
        member_exponent(rate_exponent(wanted.rate_ppm), member.weight, epoch.draw_weight);
    const std::uint32_t segment =
        commitment.kind == CommitmentKind::part ? epoch.draw_segment : commitment.segment;
    DrawSubject subject;
    subject.kind = wanted.kind;
    subject.job = wanted.job.id;
    if (wanted.part) {
        subject.round = wanted.part->key.round;
        subject.lane = wanted.part->key.lane;
        subject.segment = wanted.part->first_segment + segment;
    } else if (wanted.kind == ClaimKind::merge) {
        subject.round = find_claim(context.state, commitment.subject, 0).value().round;
    }
    subject.control = commitment.audit;
    if (!is_drawn(*member.y, subject, draw_chance(exponent))) return;
    const Drawn drawn{&commitment, &member, exponent,
                      !wanted.part || is_delivered(*wanted.part, segment)};
    Claim& claim = wanted.part
                       ? claim_of(context, wanted.job, *wanted.part, segment, wanted.rate_ppm)
                       : need_claim(context, commitment.subject, segment);
    draw_audit(context, wanted.job, claim, drawn);
    ++epoch.drawn;
}

/// Deliveries are asked for, or the part is done when none of its segments was drawn.
void part_drawn(Context& context, Job& job, Part& part, bool again) {
    ASSAY_CHECK(part.draws > 0);
    if (again) {
        EpochCommitment next{0, part.id, CommitmentKind::part, job.id,        part.id,
                             0, {},      part.key.round,       part.tree_root};
        join_epoch(context, next);
    } else {
        --part.draws;
    }
    if (part.state == PartState::committed) part.state = PartState::auditing;
    ask_delivery(context, job, part);
    advance_later(context, part.id, kAdvancePart);
}

/// All members have drawn a claim, or a control of one of its audits.
void claim_drawn(Context& context, const EpochCommitment& commitment, bool again) {
    EpochCommitment next = commitment;
    if (commitment.kind == CommitmentKind::control) {
        auto* audit = live_audit(context, commitment.audit);
        ASSAY_CHECK(audit && audit->controls_open > 0);
        if (again) {
            ++audit->redraws;
            next.id = control_commitment_id(audit->id, audit->redraws);
            join_epoch(context, next);
        } else {
            --audit->controls_open;
        }
    } else {
        auto* claim = live_claim(context, commitment.subject, commitment.segment);
        ASSAY_CHECK(claim && claim->draws > 0);
        if (again) {
            ++claim->redraws;
            next.kind = CommitmentKind::redraw;
            next.id = redraw_commitment_id(claim->subject, claim->segment, claim->redraws);
            next.root = next.id.hash;
            join_epoch(context, next);
        } else {
            --claim->draws;
        }
    }
    advance_later(context, commitment.subject, commitment.segment);
}

/// What was to be drawn is void, or over: whoever waits for it goes on.
void nothing_drawn(Context& context, const EpochCommitment& commitment) {
    if (commitment.kind != CommitmentKind::control) return;
    auto* audit = live_audit(context, commitment.audit);
    if (!audit || audit->controls_open == 0) return;
    --audit->controls_open;
    advance_later(context, commitment.subject, commitment.segment);
}

/// Draws one commitment from the cursor on. False when the block's bound is reached.
bool draw_commitment(Context& context, Epoch& epoch, const EpochCommitment& commitment) {
    auto wanted = wanted_by(context, commitment);
    if (!wanted) {
        nothing_drawn(context, commitment);
        return true;
    }
    const base::Amount lock = lock_of(context, *wanted);
    if (epoch.draw_phase == DrawPhase::look) {
        if (!look(context, epoch, commitment, *wanted, lock)) return false;
        epoch.draw_phase = DrawPhase::weigh;
    }
    if (epoch.draw_unbarred) wanted->barred.clear();
    if (epoch.draw_phase == DrawPhase::weigh) {
        if (!weigh(context, epoch, commitment.id, *wanted, lock)) return false;
        epoch.draw_phase = DrawPhase::draw;
    }
    const bool nobody = epoch.draw_weight == 0;
    while (!nobody && epoch.draw_segment < wanted->segments) {
        const bool all = over_members(context, epoch, [&](const EpochMember& member) {
            if (member.y && member.barred_from != commitment.id)
                draw_member(context, epoch, commitment, *wanted, member);
            return true;
        });
        if (!all) return false;
        ++epoch.draw_segment;
    }
    // Where nobody may audit, nothing was drawn: the work waits for the next epoch as after a void
    // one. What was missed is looked at by somebody: a redraw that happens to draw nobody is drawn
    // again.
    const bool unseen = commitment.kind == CommitmentKind::redraw && epoch.drawn == 0;
    const bool again =
        epoch.void_ || unseen || (nobody && commitment.kind != CommitmentKind::control);
    if (commitment.kind == CommitmentKind::part) {
        auto* part = live_part(context, commitment.subject);
        part_drawn(context, wanted->job, *part, again);
    } else {
        claim_drawn(context, commitment, again);
    }
    return true;
}

}  // namespace

void on_draw(Context& context, const Timer& timer) {
    auto* epoch = live_epoch(context, timer.number);
    if (!epoch || epoch->state != EpochState::drawing || epoch->deadline != timer.due) return;
    while (true) {
        const auto after =
            epoch->draw_after.is_zero() ? std::nullopt : std::optional(epoch->draw_after);
        const auto next = commitments_of_epoch(context.state, epoch->number, after, 1);
        if (next.empty()) break;
        ++context.pairs_drawn;
        if (context.pairs_drawn >= context.parameters.draws_per_block_max ||
            !draw_commitment(context, *epoch, next.front())) {
            // The next sweep, in the next block: live time is at least one millisecond later then.
            epoch->deadline = context.in(1);
            set_timer(context, {epoch->deadline, TimerKind::draw, {}, epoch->number});
            return;
        }
        epoch->draw_after = next.front().id;
        epoch->draw_segment = 0;
        epoch->draw_member = {};
        epoch->draw_phase = DrawPhase::look;
        epoch->draw_unbarred = false;
        epoch->draw_weight = 0;
        epoch->drawn = 0;
    }
    epoch->state = EpochState::done;
    epoch->deadline = context.in(context.parameters.retention_ms);
    set_timer(context, {epoch->deadline, TimerKind::epoch, {}, epoch->number});
    emit(context, EventKind::epoch_drawn,
         {{"epoch", std::to_string(epoch->number)}, {"void", epoch->void_ ? "1" : "0"}});
}

}  // namespace assay::market
