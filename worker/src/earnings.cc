#include "worker/earnings.h"

namespace assay::worker {

client::Result<Earnings> earnings_of(client::Client& node, const base::AccountId& account) {
    Earnings earnings;
    earnings.account = account;
    const auto record = node.account(account);
    if (!record) return tl::unexpected(record.error());
    earnings.balance = record->balance;
    const auto stake = node.stake(account, market::Role::worker);
    if (!stake && !stake.error().not_found()) return tl::unexpected(stake.error());
    if (stake) {
        earnings.stake = stake->active;
        earnings.locked = stake->locked;
    }
    auto leases = node.leases_of(account);
    if (!leases) return tl::unexpected(leases.error());
    for (market::Lease& lease : *leases) {
        const base::Amount paid =
            base::multiply(lease.price, lease.paid_segments).value_or(base::Amount{});
        const base::Amount pending =
            base::multiply(lease.price, lease.passed_segments).value_or(base::Amount{});
        earnings.paid = base::add(earnings.paid, paid).value_or(earnings.paid);
        earnings.pending = base::add(earnings.pending, pending).value_or(earnings.pending);
        earnings.leases.push_back({std::move(lease), paid, pending});
    }
    std::set<base::JobId> jobs;
    for (const LeaseEarnings& one : earnings.leases) jobs.insert(one.lease.job);
    const auto disputes = games::dispute_record(node, account, market::Side::asserter, jobs);
    if (!disputes) return tl::unexpected(disputes.error());
    earnings.disputes = *disputes;
    return earnings;
}

}  // namespace assay::worker
