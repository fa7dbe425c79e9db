#include <algorithm>

#include "base/check.h"
#include "market/pricing.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

std::vector<DrawMember> contributors(const Epoch& epoch) {
    std::vector<DrawMember> members;
    for (const EpochMember& member : epoch.members) {
        if (member.y) members.push_back({member.validator, *member.y, member.weight});
    }
    return members;
}

Amount audit_lock_of(const Context& context, const Job& job, Amount price) {
    return audit_lock(price, parameters_of(context, job).plant_ppm).value_or(Amount::of(Amount::kMax));
}

std::optional<Audit> assign_audit(Context& context, const Job& job, const Audit& wanted, std::uint32_t first_place,
                                  const std::vector<base::AccountId>& used, bool juror) {
    const auto epoch = find_epoch(context.state, wanted.epoch);
    if (!epoch) return std::nullopt;
    const std::vector<DrawMember> members = contributors(*epoch);
    const auto order = draw_order(members, wanted.part, wanted.segment);
    const Amount lock = juror ? Amount{} : audit_lock_of(context, job, wanted.price);
    for (std::size_t step = 0; step < order.size(); ++step) {
        const std::size_t place = (first_place + step) % order.size();
        const DrawMember& member = members[order[place]];
        if (std::find(used.begin(), used.end(), member.validator) != used.end()) continue;
        if (member.validator == wanted.worker) continue;
        if (!may_audit(context, member.validator, job, !juror, lock)) continue;
        Audit audit = wanted;
        audit.auditor = member.validator;
        audit.y = member.y;
        audit.place = static_cast<std::uint32_t>(place);
        audit.lock = lock;
        audit.state = AuditState::drawn;
        audit.drawn_at = context.live;
        const std::uint32_t draw = 2 * wanted.redraws + (juror ? 1U : 0U);
        audit.id = audit_id(audit.part, audit.segment, draw, audit.auditor);
        begin_audit_duty(context, audit.auditor, lock);
        save(context.state, audit);
        emit(context, EventKind::audit_drawn,
             {{"audit", audit.id.hex()}, {"kind", std::string(to_word(audit.kind))}, {"validator", audit.auditor.hex()},
              {"job", audit.job.hex()}, {"round", std::to_string(audit.round)}, {"lane", std::to_string(audit.lane)},
              {"part", audit.part.hex()}, {"segment", std::to_string(audit.segment)}, {"worker", audit.worker.hex()}});
        return audit;
    }
    return std::nullopt;
}

void start_audit(Context& context, const Job& job, Audit& audit) {
    ASSAY_CHECK(audit.state == AuditState::drawn);
    const bool merge = audit.kind == AuditKind::merge || audit.kind == AuditKind::vote_merge;
    const std::uint64_t flops = merge ? job.costs.merge_flops : job.costs.segment_flops;
    audit.state = AuditState::open;
    audit.deadline = context.in(audit_time_ms(context, audit.auditor, flops));
    set_timer(context, {audit.deadline, TimerKind::audit, audit.id.hash, 0});
    save(context.state, audit);
    emit(context, EventKind::audit_open,
         {{"audit", audit.id.hex()}, {"kind", std::string(to_word(audit.kind))}, {"validator", audit.auditor.hex()},
          {"job", audit.job.hex()}, {"part", audit.part.hex()}, {"segment", std::to_string(audit.segment)},
          {"deadline", std::to_string(audit.deadline.value)}});
}

void ask_reveal(Context& context, Audit& audit) {
    if (audit.state != AuditState::sealed || audit.deadline.value != 0) return;
    audit.deadline = context.in(context.parameters.grace_ms);
    set_timer(context, {audit.deadline, TimerKind::audit, audit.id.hash, 0});
    save(context.state, audit);
    emit(context, EventKind::audit_reveal_due,
         {{"audit", audit.id.hex()}, {"validator", audit.auditor.hex()}, {"job", audit.job.hex()}});
}

namespace {

/// Pays as far as `from` has, and says how much.
Amount draw_from(Amount& from, Amount amount) {
    const Amount taken = base::minimum(from, amount);
    from -= taken;
    return taken;
}

}  // namespace

void settle_audit(Context& context, Job& job, Audit& audit, AuditPay pay) {
    if (audit.state == AuditState::settled || audit.state == AuditState::missed || audit.state == AuditState::withdrawn) return;
    end_audit_duty(context, audit.auditor, audit.lock);
    if (audit.deadline.value != 0) clear_timer(context, {audit.deadline, TimerKind::audit, audit.id.hash, 0});
    audit.lock = Amount{};
    audit.deadline = {};
    audit.state = AuditState::settled;
    Amount paid;
    if (pay == AuditPay::insured) paid += take_from_insurance(context, audit.price);
    if (pay != AuditPay::none) {
        const Amount held = draw_from(job.hold.audits, audit.price - paid);
        job.spent.auditors += held;
        paid += held;
        if (paid < audit.price) paid += take_from_insurance(context, audit.price - paid);
        audit.paid = true;
    }
    if (!paid.is_zero()) {
        credit(context, audit.auditor, paid);
        emit(context, EventKind::paid, {{"account", audit.auditor.hex()}, {"amount", paid.decimal()}, {"reason", "audit"},
                                        {"job", job.id.hex()}, {"audit", audit.id.hex()}});
    }
    save(context.state, audit);
    emit(context, EventKind::audit_settled, {{"audit", audit.id.hex()}, {"validator", audit.auditor.hex()},
                                             {"job", job.id.hex()}, {"paid", paid.decimal()}});
}

std::vector<Audit> audits_of_part(const Context& context, const Part& part) {
    std::vector<Audit> audits;
    for (const base::AuditId& id : part.audits) {
        auto audit = find_audit(context.state, id);
        ASSAY_CHECK(audit.has_value());
        audits.push_back(std::move(*audit));
    }
    return audits;
}

AuditFact fact_of(const Audit& audit) {
    ASSAY_CHECK(audit.verdict.has_value());
    return {audit.segment, audit.id, audit.auditor, audit.verdict->kind, audit.verdict->end_root};
}

void redraw_segment(Context& context, const Job& job, Part& part, const Audit& old) {
    std::vector<base::AccountId> used;
    for (const Audit& audit : audits_of_part(context, part)) {
        if (audit.segment == old.segment) used.push_back(audit.auditor);
    }
    std::optional<Audit> next;
    if (old.redraws < context.parameters.redraws_max) {
        Audit wanted;
        wanted.kind = AuditKind::segment;
        wanted.job = old.job;
        wanted.round = old.round;
        wanted.lane = old.lane;
        wanted.part = old.part;
        wanted.segment = old.segment;
        wanted.worker = old.worker;
        wanted.lease = old.lease;
        wanted.epoch = old.epoch;
        wanted.redraws = old.redraws + 1;
        wanted.price = old.price;
        next = assign_audit(context, job, wanted, old.place + 1, used, false);
    }
    if (!next) {
        part.unaudited.insert(std::upper_bound(part.unaudited.begin(), part.unaudited.end(), old.segment), old.segment);
        emit(context, EventKind::segment_unaudited,
             {{"job", job.id.hex()}, {"part", part.id.hex()}, {"segment", std::to_string(old.segment)}});
        return;
    }
    part.audits.push_back(next->id);
    const bool delivered = std::any_of(part.delivered.begin(), part.delivered.end(),
                                       [&](const DeliveredSegment& segment) { return segment.segment == old.segment; });
    if (delivered) start_audit(context, job, *next);
}

}  // namespace assay::market
