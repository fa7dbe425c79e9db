#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "disputes.h"

namespace assay::market {

namespace {

constexpr std::uint64_t kReplays = 4;

GameLoad load_of(const Context& context, const base::AccountId& account) {
    return find_game_load(context.state, account).value_or(GameLoad{account, 0, 0});
}

/// What an account had to replay already when a game opens: its other games and its audits. So many
/// games at once against one honest machine give it time for all of them.
std::uint64_t load_ms(const Context& context, const base::AccountId& account) {
    std::uint64_t ms = load_of(context, account).planned_ms;
    if (const auto validator = find_validator(context.state, account)) {
        const std::uint64_t speed =
            std::max(validator->flops_per_second, context.parameters.reference_flops);
        ms += static_cast<std::uint64_t>(static_cast<base::Uint128>(validator->open_flops) * 1000 /
                                         speed);
    }
    return ms;
}

std::uint64_t& clock_of(Dispute& dispute) {
    return dispute.turn == Side::asserter ? dispute.asserter_ms : dispute.challenger_ms;
}

}  // namespace

std::uint64_t planned_ms(const Context& context, const Job& job, const Dispute& dispute) {
    const Parameters parameters = parameters_of(context, job);
    const ClaimKind kind = dispute.target == DisputeTarget::merge  ? ClaimKind::merge
                           : dispute.target == DisputeTarget::init ? ClaimKind::init
                                                                   : ClaimKind::segment;
    const base::Uint128 reference =
        static_cast<base::Uint128>(duty_of(job, kind).flops) * 1000 / parameters.reference_flops;
    const auto lease = find_lease(context.state, dispute.lease);
    const std::uint64_t promised = lease && kind == ClaimKind::segment ? lease->segment_ms : 0;
    return static_cast<std::uint64_t>(std::min<base::Uint128>(
        std::max<base::Uint128>(reference, promised), parameters.dispute_replay_ms_max));
}

void count_load(Context& context, const base::AccountId& account, std::uint64_t planned,
                bool more) {
    GameLoad load = load_of(context, account);
    ASSAY_CHECK(more || (load.games > 0 && load.planned_ms >= planned));
    load.games = more ? load.games + 1 : load.games - 1;
    load.planned_ms = more ? load.planned_ms + planned : load.planned_ms - planned;
    save(context.state, load);
}

std::uint64_t clock_ms(const Context& context, const Job& job, const Dispute& dispute,
                       const base::AccountId& player) {
    const Parameters parameters = parameters_of(context, job);
    return parameters.grace_ms + parameters.dispute_clock_ms +
           kReplays * (dispute.planned_ms + load_ms(context, player));
}

void stop_clock(Context& context, Dispute& dispute) {
    if (dispute.deadline.value == 0) return;
    clear_timer(context, {dispute.deadline, TimerKind::dispute, dispute.id.hash, 0});
    const std::uint64_t elapsed = context.live.value - dispute.turn_since.value;
    clock_of(dispute) -= std::min(clock_of(dispute), elapsed);
    dispute.deadline = {};
}

void start_clock(Context& context, Dispute& dispute, Side turn) {
    dispute.turn = turn;
    dispute.turn_since = context.live;
    dispute.deadline = context.in(clock_of(dispute));
    set_timer(context, {dispute.deadline, TimerKind::dispute, dispute.id.hash, 0});
}

}  // namespace assay::market
