#include <algorithm>

#include "base/check.h"
#include "market/pricing.h"
#include "settlement.h"

/// What workers have shown. Nothing here moves money: a record only says how often its worker is
/// audited.
namespace assay::market {

using base::Amount;

namespace {

constexpr std::uint64_t kHalvingsMax = 63;

void halve(WorkRecord& record, base::TimeMs live, std::uint64_t half_life_ms) {
    const std::uint64_t halvings = (live.value - record.halved_at.value) / half_life_ms;
    record.amount = Amount::of(record.amount.grains() >> std::min(halvings, kHalvingsMax));
    record.halved_at.value += halvings * half_life_ms;
}

}  // namespace

WorkRecord record_of(const Context& context, const base::AccountId& worker) {
    WorkRecord record =
        find_record(context.state, worker).value_or(WorkRecord{worker, {}, {}, context.live});
    halve(record, context.live, context.parameters.record_half_life_ms);
    return record;
}

void earn_record(Context& context, const Job& job, const Part& part, std::uint64_t audited,
                 Amount protocol_fee) {
    if (!job.shape.public_job || audited == 0) return;
    const Parameters parameters = parameters_of(context, job);
    WorkRecord record = record_of(context, part.key.worker);
    const Amount earned = record_earned(job.audit_price, audited, protocol_fee, part.segments,
                                        parameters.record_fee_factor);
    const Amount most = context.parameters.record_max;
    record.amount = base::minimum(most, base::add(record.amount, earned).value_or(most));
    save(context.state, record);
}

void use_record(Context& context, const base::AccountId& worker, Amount amount) {
    if (amount.is_zero()) return;
    WorkRecord record = record_of(context, worker);
    ASSAY_CHECK(amount <= record.free());
    record.in_use += amount;
    save(context.state, record);
}

void return_record(Context& context, Lease& lease) {
    if (lease.record_used.is_zero()) return;
    WorkRecord record = record_of(context, lease.worker);
    ASSAY_CHECK(record.in_use >= lease.record_used);
    record.in_use -= lease.record_used;
    lease.record_used = {};
    save(context.state, record);
}

void erase_record(Context& context, const base::AccountId& worker) {
    if (!find_record(context.state, worker)) return;
    WorkRecord record = record_of(context, worker);
    record.amount = {};
    save(context.state, record);
}

}  // namespace assay::market
