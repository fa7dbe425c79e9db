#include "games/record.h"

#include <algorithm>

namespace assay::games {

namespace {

using market::Dispute;
using market::DisputeState;

bool is_side(const Dispute& dispute, const base::AccountId& account, market::Side side) {
    if (side == market::Side::asserter) return dispute.asserter == account;
    return dispute.challenger == account || std::any_of(dispute.pool.begin(), dispute.pool.end(),
                                                        [&](const market::Challenger& c) { return c.account == account; });
}

void count(DisputeRecord& record, const Dispute& dispute, const base::AccountId& account, market::Side side) {
    const bool asserter = side == market::Side::asserter;
    // Who played badly behind a root that won has lost its bond all the same.
    const bool bond_lost = std::any_of(dispute.pool.begin(), dispute.pool.end(),
                                       [&](const market::Challenger& c) { return c.account == account && c.lost; });
    switch (dispute.state) {
        case DisputeState::open: ++record.open; return;
        case DisputeState::upheld:
        case DisputeState::conceded: ++(asserter || bond_lost ? record.lost : record.won); return;
        case DisputeState::rejected:
        case DisputeState::withdrawn: ++(asserter ? record.won : record.lost); return;
        case DisputeState::dropped: return;
    }
}

}  // namespace

client::Result<DisputeRecord> dispute_record(client::Client& node, const base::AccountId& account, market::Side side,
                                             const std::set<base::JobId>& jobs) {
    DisputeRecord record;
    for (const base::JobId& job : jobs) {
        for (const bool open : {true, false}) {
            const auto disputes = node.disputes_of_job(job, open);
            if (!disputes && disputes.error().not_found()) continue;
            if (!disputes) return tl::unexpected(disputes.error());
            for (const Dispute& dispute : *disputes) {
                if (is_side(dispute, account, side)) count(record, dispute, account, side);
            }
        }
    }
    return record;
}

}  // namespace assay::games
