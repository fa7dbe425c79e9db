#include "games/record.h"

namespace assay::games {

namespace {

using market::Dispute;
using market::DisputeState;

bool is_side(const Dispute& dispute, const base::AccountId& account, market::Side side) {
    return side == market::Side::asserter ? dispute.asserter == account
                                          : dispute.challenger == account;
}

void count(DisputeRecord& record, const Dispute& dispute, market::Side side) {
    const bool asserter = side == market::Side::asserter;
    switch (dispute.state) {
        case DisputeState::open:
            ++record.open;
            return;
        case DisputeState::upheld:
        case DisputeState::conceded:
            ++(asserter ? record.lost : record.won);
            return;
        case DisputeState::rejected:
            ++(asserter ? record.won : record.lost);
            return;
        case DisputeState::dropped:
            return;
    }
}

}  // namespace

client::Result<DisputeRecord> dispute_record(client::Client& node, const base::AccountId& account,
                                             market::Side side, const std::set<base::JobId>& jobs) {
    DisputeRecord record;
    for (const base::JobId& job : jobs) {
        for (const bool open : {true, false}) {
            const auto disputes = node.disputes_of_job(job, open);
            if (!disputes && disputes.error().not_found()) continue;
            if (!disputes) return tl::unexpected(disputes.error());
            for (const Dispute& dispute : *disputes) {
                if (is_side(dispute, account, side)) count(record, dispute, side);
            }
        }
    }
    return record;
}

}  // namespace assay::games
