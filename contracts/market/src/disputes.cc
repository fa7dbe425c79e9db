#include "disputes.h"

#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "market/pricing.h"

namespace assay::market {

using base::Amount;

namespace {

constexpr std::uint64_t kReplays = 4;
constexpr std::uint64_t kHalf = 2;
constexpr std::size_t kDisputesMax = 1U << 16U;

/// grace + dispute_clock_ms + min(4 x planned replay, dispute_replay_ms_max). The replay is planned as the lease promised: its time of a
/// segment; for a merge that time in proportion to the FLOPs.
std::uint64_t clock_ms(const Context& context, const Job& job, const Dispute& dispute) {
    const Parameters parameters = parameters_of(context, job);
    const auto lease = find_lease(context.state, dispute.lease);
    ASSAY_CHECK(lease.has_value());
    base::Uint128 planned = static_cast<base::Uint128>(lease->segment_ms) * kReplays;
    if (dispute.target == DisputeTarget::merge)
        planned = (planned * job.costs.merge_flops + job.costs.segment_flops - 1) / job.costs.segment_flops;
    const auto replay = static_cast<std::uint64_t>(std::min<base::Uint128>(planned, parameters.dispute_replay_ms_max));
    return parameters.grace_ms + parameters.dispute_clock_ms + replay;
}

std::uint64_t& clock_of(Dispute& dispute) {
    return dispute.turn == Side::asserter ? dispute.asserter_ms : dispute.challenger_ms;
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

void count_open_dispute(Context& context, const Dispute& dispute, bool more) {
    auto round = find_round(context.state, dispute.job, dispute.round);
    ASSAY_CHECK(round && (more || round->open_disputes > 0));
    round->open_disputes = more ? round->open_disputes + 1 : round->open_disputes - 1;
    save(context.state, *round);
    // The round may have waited for this game alone.
    if (!more && round->open_disputes == 0) set_timer(context, {context.in(1), TimerKind::settle, dispute.job.hash, 0});
}

/// A new game from the start, with full clocks. Saves. Says who has won when there is nothing to play.
std::optional<Side> begin_game(Context& context, Dispute& dispute) {
    const auto job = find_job(context.state, dispute.job);
    const auto subject = game_subject(context.state, dispute);
    ASSAY_CHECK(job && subject && context.block.referee != nullptr);
    const GameStatus status = context.block.referee->open(*subject);
    dispute.asserter_ms = dispute.challenger_ms = clock_ms(context, *job, dispute);
    dispute.traced = status.traced;
    dispute.asserter_spent = dispute.challenger_spent = {};
    if (!status.winner) {
        context.state.put(game_key(dispute.id), status.game);
        start_clock(context, dispute, status.turn);
    }
    save(context.state, dispute);
    return status.winner;
}

void emit_opened(Context& context, const Dispute& dispute) {
    emit(context, EventKind::dispute_opened,
         {{"dispute", dispute.id.hex()}, {"target", std::string(to_word(dispute.target))}, {"job", dispute.job.hex()},
          {"round", std::to_string(dispute.round)}, {"lane", std::to_string(dispute.lane)}, {"part", dispute.part.hex()},
          {"segment", std::to_string(dispute.segment)}, {"asserter", dispute.asserter.hex()},
          {"challenger", dispute.challenger.hex()}, {"claimed", dispute.claimed.hex()},
          {"turn", std::string(to_word(dispute.turn))}, {"deadline", std::to_string(dispute.deadline.value)}});
}

void return_bond(Context& context, Challenger& challenger) {
    return_stake(context, challenger.account, challenger.role, challenger.bond);
    challenger.bond = {};
}

/// Ends the dispute: bonds that are still held return, its round may go on. Saves.
void close_dispute(Context& context, Dispute& dispute, DisputeState outcome) {
    ASSAY_CHECK(dispute.state == DisputeState::open);
    stop_clock(context, dispute);
    for (Challenger& challenger : dispute.pool) return_bond(context, challenger);
    dispute.state = outcome;
    context.state.erase(game_key(dispute.id));
    save(context.state, dispute);
    count_open_dispute(context, dispute, false);
    emit(context, EventKind::dispute_closed,
         {{"dispute", dispute.id.hex()}, {"job", dispute.job.hex()}, {"part", dispute.part.hex()},
          {"segment", std::to_string(dispute.segment)}, {"outcome", std::string(to_word(outcome))},
          {"asserter", dispute.asserter.hex()}, {"challenger", dispute.challenger.hex()}});
}

/// What a challenger lost, and was taken from somewhere already: first the fees of the asserter's moves, of the rest half to it for its trouble,
/// what remains burned. The fees were burned when it moved, so together with them at least half is gone, whoever the two are.
void give_lost(Context& context, const Dispute& dispute, Amount lost) {
    const base::AccountId& opponent = dispute.asserter;
    const Amount fees = base::minimum(dispute.asserter_spent, lost);
    const Amount amount = lost - fees;
    if (!fees.is_zero()) {
        credit(context, opponent, fees);
        emit(context, EventKind::paid, {{"account", opponent.hex()}, {"amount", fees.decimal()}, {"reason", "dispute_fees"},
                                        {"job", dispute.job.hex()}, {"dispute", dispute.id.hex()}});
    }
    const Amount half = Amount::of(amount.grains() / kHalf);
    if (!half.is_zero()) {
        credit(context, opponent, half);
        emit(context, EventKind::paid, {{"account", opponent.hex()}, {"amount", half.decimal()}, {"reason", "dispute"},
                                        {"job", dispute.job.hex()}, {"dispute", dispute.id.hex()}});
    }
    burn(context, amount - half, "dispute", dispute.id.hash);
}

/// Who shares the bounty: the player, and those who had sealed the same root before the game was opened. Nobody who audited it: that would
/// be a prize for saying first that the work is right.
std::vector<base::AccountId> bounty_takers(const Context& context, const Dispute& dispute) {
    std::vector<base::AccountId> takers;
    for (std::size_t i = 0; i < dispute.pool.size(); ++i) {
        const Challenger& challenger = dispute.pool[i];
        if (challenger.lost || (challenger.late && i != dispute.player)) continue;
        bool decided = false;
        if (const auto part = find_part(context.state, dispute.part)) {
            for (const Audit& audit : audits_of_part(context, *part))
                decided = decided || (audit.segment == dispute.segment && audit.auditor == challenger.account);
        } else if (const auto merge = find_merge(context.state, dispute.job, dispute.round)) {
            const auto audit = find_audit(context.state, merge->audit);
            decided = audit && audit->auditor == challenger.account;
        }
        if (!decided) takers.push_back(challenger.account);
    }
    return takers;
}

void settle_accuser(Context& context, Job& job, const Dispute& dispute, AuditPay pay) {
    if (dispute.audit.is_zero()) return;
    auto audit = find_audit(context.state, dispute.audit);
    ASSAY_CHECK(audit.has_value());
    settle_audit(context, job, *audit, pay);
}

/// The work is wrong: its maker is convicted, what was built on it goes back.
void refute(Context& context, Dispute& dispute) {
    Conviction conviction{dispute.lease, SlashReason::judgement, dispute.id.hash, dispute.round};
    conviction.reporters = bounty_takers(context, dispute);
    conviction.fees = {dispute.challenger, dispute.challenger_spent};
    close_dispute(context, dispute, DisputeState::upheld);
    auto job = find_job(context.state, dispute.job);
    ASSAY_CHECK(job.has_value());
    settle_accuser(context, *job, dispute, AuditPay::hold);
    const bool merge = dispute.target == DisputeTarget::merge;
    conviction.bounty_max = base::multiply(merge ? job->merge_audit_price : job->audit_price, kHalf).value_or(Amount{});
    Undone undone;
    const bool more = !merge || merge_refuted(context, *job, dispute, undone);
    // Who posts a wrong merge did its segments of that round right, or they would be disputed themselves.
    if (merge) ++conviction.from_round;
    convict(context, *job, conviction, std::move(undone));
    if (!more) fail_job(context, *job, CloseReason::merge_unresolved);
    start_window_if_done(context, *job, dispute.round);
    save(context.state, *job);
}

/// What the asserter pays for conceding before the first traced move: at least concede_fee, and what being caught must cost so that faking
/// segments and conceding never pays; at most the lock.
Amount concession_fee(const Context& context, const Job& job, const Lease& lease) {
    const Parameters parameters = parameters_of(context, job);
    LockTerms terms;
    terms.price = lease.price;
    terms.protocol_cost = job.audit_price;
    terms.rate_ppm = lease.rate_ppm;
    terms.collusion_max_ppm = parameters.collusion_max_ppm;
    const Amount caught = deterrence(terms).value_or(lease.lock);
    return base::minimum(lease.lock, base::maximum(caught, parameters.concede_fee));
}

void asserter_concedes(Context& context, Dispute& dispute) {
    close_dispute(context, dispute, DisputeState::conceded);
    auto job = find_job(context.state, dispute.job);
    const auto lease = find_lease(context.state, dispute.lease);
    ASSAY_CHECK(job && lease);
    settle_accuser(context, *job, dispute, AuditPay::hold);
    const Amount fee = concession_fee(context, *job, *lease);
    const GameFees fees{dispute.challenger, dispute.challenger_spent};
    if (dispute.target == DisputeTarget::merge) {
        Undone undone;
        const bool more = merge_refuted(context, *job, dispute, undone);
        take_fee(context, *job, lease->id, SlashReason::concession, dispute.id.hash, fee, 0, undone, fees);
        if (!more) fail_job(context, *job, CloseReason::merge_unresolved);
    } else {
        const auto part = find_part(context.state, dispute.part);
        ASSAY_CHECK(part.has_value());
        give_up(context, *job, *part, SlashReason::concession, dispute.id.hash, fee, fees);
    }
    start_window_if_done(context, *job, dispute.round);
    save(context.state, *job);
}

/// An auditor was wrong: it loses what a challenger would, at most its audit's lock, and another one is drawn.
void auditor_lost(Context& context, Dispute& dispute, std::optional<Amount> fee) {
    auto job = find_job(context.state, dispute.job);
    auto audit = find_audit(context.state, dispute.audit);
    ASSAY_CHECK(job && audit);
    const auto bond = challenge_bond(parameters_of(context, *job), *job, dispute.target, context.chain.base_fee);
    const Amount lost = base::minimum(audit->lock, fee.value_or(bond.value_or(audit->lock)));
    take_locked_stake(context, audit->auditor, Role::validator, lost);
    audit->lock -= lost;
    give_lost(context, dispute, lost);
    settle_audit(context, *job, *audit, AuditPay::none);
    close_dispute(context, dispute, DisputeState::rejected);
    if (dispute.target == DisputeTarget::merge) {
        save(context.state, *job);
        redraw_merge(context, *audit);
        return;
    }
    auto part = find_part(context.state, dispute.part);
    ASSAY_CHECK(part.has_value());
    redraw_segment(context, *job, *part, *audit);
    part->state = PartState::drawn;
    save(context.state, *part);
    save(context.state, *job);
    advance_part(context, part->id);
}

void end_game(Context& context, Dispute& dispute, Side winner, std::optional<Amount> fee = std::nullopt);

/// The player of a pool was wrong, or only played badly: its own bond is lost. The next of the pool plays again from the start, so that an
/// accomplice who takes the right root and loses on purpose shields nothing.
void player_lost(Context& context, Dispute& dispute, std::optional<Amount> fee) {
    Challenger& player = dispute.pool.at(dispute.player);
    const Amount lost = base::minimum(player.bond, fee.value_or(player.bond));
    player.bond -= lost;
    give_lost(context, dispute, lost);
    return_bond(context, player);
    player.lost = true;
    const auto next = std::find_if(dispute.pool.begin(), dispute.pool.end(), [](const Challenger& c) { return !c.lost; });
    if (next == dispute.pool.end()) {
        close_dispute(context, dispute, DisputeState::rejected);
        return;
    }
    stop_clock(context, dispute);
    dispute.player = static_cast<std::uint32_t>(next - dispute.pool.begin());
    dispute.challenger = next->account;
    const auto winner = begin_game(context, dispute);
    emit(context, EventKind::dispute_passed_on,
         {{"dispute", dispute.id.hex()}, {"job", dispute.job.hex()}, {"challenger", dispute.challenger.hex()},
          {"deadline", std::to_string(dispute.deadline.value)}});
    if (winner) end_game(context, dispute, *winner);
}

void end_game(Context& context, Dispute& dispute, Side winner, std::optional<Amount> fee) {
    if (winner == Side::challenger) return refute(context, dispute);
    if (!dispute.audit.is_zero()) return auditor_lost(context, dispute, fee);
    player_lost(context, dispute, fee);
}

Refusal refusal_of(MoveRefusal refusal) {
    switch (refusal) {
        case MoveRefusal::malformed: return Refusal::malformed_move;
        case MoveRefusal::over: return Refusal::dispute_over;
        case MoveRefusal::not_your_turn: return Refusal::not_your_turn;
        case MoveRefusal::wrong_move: return Refusal::wrong_move;
        case MoveRefusal::wrong_count: return Refusal::wrong_count;
        case MoveRefusal::wrong_hash: return Refusal::wrong_hash;
        case MoveRefusal::wrong_place: return Refusal::wrong_place;
        case MoveRefusal::wrong_record: return Refusal::wrong_record;
        case MoveRefusal::wrong_openings: return Refusal::wrong_openings;
    }
    return Refusal::malformed_move;
}

/// The side that an account plays in an open dispute.
struct Seat {
    Refusal refusal = Refusal::none;
    Side side = Side::asserter;
};
Seat seat_of(const std::optional<Dispute>& dispute, const base::AccountId& account) {
    if (!dispute) return {Refusal::dispute_unknown};
    const bool asserter = dispute->asserter == account;
    if (!asserter && dispute->challenger != account) return {Refusal::dispute_not_yours};
    if (dispute->state != DisputeState::open) return {Refusal::dispute_over};
    return {Refusal::none, asserter ? Side::asserter : Side::challenger};
}

}  // namespace

namespace {

/// Of an auditor, but for what is asserted and claimed.
Dispute dispute_of(const Audit& audit) {
    Dispute dispute;
    dispute.id = dispute_id(audit.id.hash);
    dispute.job = audit.job;
    dispute.round = audit.round;
    dispute.lane = audit.lane;
    dispute.part = audit.part;
    dispute.segment = audit.segment;
    dispute.lease = audit.lease;
    dispute.asserter = audit.worker;
    dispute.challenger = audit.auditor;
    dispute.audit = audit.id;
    return dispute;
}

}  // namespace

bool by_referee(const Context& context, const Job& job) {
    return parameters_of(context, job).judgement == Judgement::referee;
}

void open_audit_dispute(Context& context, const Audit& accusation) {
    ASSAY_CHECK(accusation.verdict && accusation.verdict->kind == VerdictKind::invalid);
    Dispute dispute = dispute_of(accusation);
    dispute.claimed = accusation.verdict->end_root;
    if (accusation.kind == AuditKind::merge) {
        dispute.target = DisputeTarget::merge;
        dispute.asserted = find_merge(context.state, dispute.job, dispute.round).value().root;
    } else {
        const auto part = find_part(context.state, dispute.part);
        const auto leaf = part ? opened_leaf(context.state, *part, dispute.segment) : std::nullopt;
        ASSAY_CHECK(leaf.has_value());
        dispute.asserted = leaf->end_field;
    }
    open_challenge_dispute(context, dispute);
}

void open_steps_dispute(Context& context, const Audit& audit, const std::vector<base::Hash>& digests) {
    ASSAY_CHECK(audit.verdict && audit.verdict->kind != VerdictKind::invalid);
    const auto job = find_job(context.state, audit.job);
    ASSAY_CHECK(job.has_value());
    Dispute dispute = dispute_of(audit);
    dispute.target = DisputeTarget::steps;
    dispute.digests = digests;
    dispute.asserted = opened_steps_digest(opened_steps(audit.y, audit.id, job->shape.segment_steps), digests);
    dispute.claimed = audit.verdict->steps_digest;
    open_challenge_dispute(context, dispute);
}

void open_challenge_dispute(Context& context, Dispute& dispute) {
    dispute.opened_height = context.block.height;
    dispute.opened_at = context.live;
    count_open_dispute(context, dispute, true);
    const auto winner = begin_game(context, dispute);
    emit_opened(context, dispute);
    if (winner) end_game(context, dispute, *winner);
}

void drop_disputes(Context& context, const base::PartId& target) {
    for (Dispute& dispute : disputes_of_target(context.state, target, std::nullopt, kDisputesMax))
        close_dispute(context, dispute, DisputeState::dropped);
}

void withdraw_dispute(Context& context, Dispute& dispute) { close_dispute(context, dispute, DisputeState::withdrawn); }

Refusal apply_dispute_move(Context& context, const DisputeMove& message) {
    auto dispute = find_dispute(context.state, message.dispute);
    const Seat seat = seat_of(dispute, context.sender);
    if (seat.refusal != Refusal::none) return seat.refusal;
    if (seat.side != dispute->turn) return Refusal::not_your_turn;
    const auto game = find_game(context.state, dispute->id);
    ASSAY_CHECK(game && context.block.referee != nullptr);
    const auto status = context.block.referee->play(*game, seat.side, message.move);
    if (!status) return refusal_of(status.error());

    stop_clock(context, *dispute);
    ++dispute->moves;
    (seat.side == Side::asserter ? dispute->asserter_spent : dispute->challenger_spent) += context.fee;
    dispute->traced = dispute->traced || status->traced;
    if (!status->winner) {
        context.state.put(game_key(dispute->id), status->game);
        start_clock(context, *dispute, status->turn);
    }
    save(context.state, *dispute);
    emit(context, EventKind::dispute_moved,
         {{"dispute", dispute->id.hex()}, {"job", dispute->job.hex()}, {"side", std::string(to_word(seat.side))},
          {"moves", std::to_string(dispute->moves)}, {"turn", std::string(to_word(dispute->turn))},
          {"traced", dispute->traced ? "1" : "0"}, {"deadline", std::to_string(dispute->deadline.value)}});
    if (status->winner) end_game(context, *dispute, *status->winner);
    return Refusal::none;
}

Refusal apply_dispute_concede(Context& context, const DisputeConcede& message) {
    auto dispute = find_dispute(context.state, message.dispute);
    const Seat seat = seat_of(dispute, context.sender);
    if (seat.refusal != Refusal::none) return seat.refusal;
    if (dispute->traced) {
        end_game(context, *dispute, seat.side == Side::asserter ? Side::challenger : Side::asserter);
    } else if (seat.side == Side::asserter) {
        asserter_concedes(context, *dispute);
    } else {
        const auto job = find_job(context.state, dispute->job);
        end_game(context, *dispute, Side::asserter, parameters_of(context, *job).concede_fee);
    }
    return Refusal::none;
}

void on_dispute_due(Context& context, const Timer& timer) {
    auto dispute = find_dispute(context.state, base::DisputeId{timer.subject});
    if (!dispute || dispute->state != DisputeState::open || dispute->deadline != timer.due) return;
    end_game(context, *dispute, dispute->turn == Side::asserter ? Side::challenger : Side::asserter);
}

}  // namespace assay::market
