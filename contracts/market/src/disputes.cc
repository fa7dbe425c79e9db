#include "disputes.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/wide.h"
#include "market/pricing.h"

namespace assay::market {

using base::Amount;

namespace {

constexpr std::uint64_t kHalf = 2;

// ---- Opening and closing

/// One more or less open game of its job and round. Changes the job.
void count_dispute(Context& context, Job& job, const Dispute& dispute, bool more) {
    ASSAY_CHECK(more || job.open_disputes > 0);
    job.open_disputes = more ? job.open_disputes + 1 : job.open_disputes - 1;
    if (auto* round = live_round(context, dispute.job, dispute.round)) {
        ASSAY_CHECK(more || round->open_disputes > 0);
        round->open_disputes = more ? round->open_disputes + 1 : round->open_disputes - 1;
    }
    // The round, or a job that settles, may have waited for this game alone.
    if (!more) set_timer(context, {context.in(1), TimerKind::settle, dispute.job.hash, kSettleJob});
}

void close_dispute(Context& context, Job& job, Dispute& dispute, DisputeState outcome) {
    ASSAY_CHECK(dispute.state == DisputeState::open);
    stop_clock(context, dispute);
    return_stake(context, dispute.challenger, dispute.role, dispute.bond);
    dispute.bond = {};
    dispute.state = outcome;
    context.state.erase(game_key(dispute.id));
    count_dispute(context, job, dispute, false);
    count_load(context, dispute.asserter, dispute.planned_ms, false);
    count_load(context, dispute.challenger, dispute.planned_ms, false);
    emit(context, EventKind::dispute_closed,
         {{"dispute", dispute.id.hex()},
          {"job", dispute.job.hex()},
          {"target", std::string(to_word(dispute.target))},
          {"part", dispute.part.hex()},
          {"segment", std::to_string(dispute.segment)},
          {"outcome", std::string(to_word(outcome))},
          {"asserter", dispute.asserter.hex()},
          {"challenger", dispute.challenger.hex()}});
}

void end_game(Context& context, Dispute& dispute, Side winner,
              std::optional<Amount> fee = std::nullopt);

/// A game from the start, with full clocks. Changes the job. Says who has won when there is nothing
/// to play.
std::optional<Side> begin_game(Context& context, Job& job, Dispute& dispute) {
    const auto subject = game_subject(context.state, dispute);
    ASSAY_CHECK(subject && context.block.referee != nullptr);
    const GameStatus status = context.block.referee->open(*subject);
    dispute.opened_height = context.block.height;
    dispute.opened_at = context.live;
    dispute.planned_ms = planned_ms(context, job, dispute);
    dispute.asserter_ms = clock_ms(context, job, dispute, dispute.asserter);
    dispute.challenger_ms = clock_ms(context, job, dispute, dispute.challenger);
    dispute.traced = status.traced;
    if (!status.winner) {
        context.state.put(game_key(dispute.id), status.game);
        start_clock(context, dispute, status.turn);
    }
    save(context.state, dispute);
    count_dispute(context, job, dispute, true);
    count_load(context, dispute.asserter, dispute.planned_ms, true);
    count_load(context, dispute.challenger, dispute.planned_ms, true);
    emit(context, EventKind::dispute_opened,
         {{"dispute", dispute.id.hex()},
          {"target", std::string(to_word(dispute.target))},
          {"job", dispute.job.hex()},
          {"round", std::to_string(dispute.round)},
          {"lane", std::to_string(dispute.lane)},
          {"part", dispute.part.hex()},
          {"segment", std::to_string(dispute.segment)},
          {"asserter", dispute.asserter.hex()},
          {"challenger", dispute.challenger.hex()},
          {"claimed", dispute.claimed.hex()},
          {"turn", std::string(to_word(dispute.turn))},
          {"deadline", std::to_string(dispute.deadline.value)}});
    return status.winner;
}

/// Opens a game and, when there is nothing to play, ends it.
void open_game(Context& context, Dispute& dispute) {
    Job& job = need_job(context, dispute.job);
    const auto winner = begin_game(context, job, dispute);
    if (winner) end_game(context, need_dispute(context, dispute.id), *winner);
}

// ---- Money

/// What a loser lost, and was taken from somewhere already: first the fees of the winner's moves,
/// of the rest half to it for its trouble, what remains burned. The fees were burned when it moved,
/// so together with them at least half is gone, whoever the two are.
void give_lost(Context& context, const Dispute& dispute, const base::AccountId& winner,
               Amount spent, Amount lost) {
    const Amount fees = base::minimum(spent, lost);
    pay(context, winner, fees, "dispute_fees", dispute.job, dispute.id.hash);
    const Amount half = Amount::of((lost - fees).grains() / kHalf);
    pay(context, winner, half, "dispute", dispute.job, dispute.id.hash);
    burn(context, lost - fees - half, "dispute", dispute.id.hash);
}

Amount bond_of(const Context& context, const Job& job, DisputeTarget target, Amount most) {
    return base::minimum(
        challenge_bond(parameters_of(context, job), job, target, context.chain.base_fee)
            .value_or(most),
        most);
}

/// Members of a pool that have lost no game.
std::vector<PoolMember> standing_members(const Context& context, const Pool& pool) {
    std::vector<PoolMember> members;
    for (std::uint32_t number = 0; number < pool.members && number < kTouchedMax; ++number) {
        auto member = find_pool_member(context.state, pool.id, number);
        if (!member) continue;
        const auto played = find_dispute(context.state, dispute_id(pool.id, number));
        if (!played || played->state == DisputeState::open) members.push_back(std::move(*member));
    }
    return members;
}

/// Who shares the bounty of an upheld challenge: its player. Those of its pool that sealed before
/// anything about this fault was public are paid as right challengers (Rewards::right).
Rewards rewards_of(const Context& context, const Dispute& dispute) {
    Rewards rewards;
    rewards.winner = dispute.challenger;
    rewards.fees = dispute.challenger_spent;
    rewards.public_since = dispute.opened_height;
    rewards.judged = dispute.part;
    rewards.segment = dispute.segment;
    if (dispute.audit.is_zero()) rewards.reporters.push_back(dispute.challenger);
    for (const Pool& pool :
         pools_of_target(context.state, dispute.part, dispute.segment, kTouchedMax)) {
        if (pool.claimed != dispute.claimed) continue;
        for (const PoolMember& member : standing_members(context, pool)) {
            if (member.account != dispute.challenger && member.sealed <= dispute.opened_height)
                rewards.right.push_back(member.account);
        }
    }
    return rewards;
}

// ---- Ends

/// The work is wrong: its maker is convicted, what was built on it goes back.
void refute(Context& context, Dispute& dispute) {
    Job& job = need_job(context, dispute.job);
    Conviction conviction{dispute.lease, SlashReason::judgement, dispute.id.hash, dispute.round};
    conviction.rewards = rewards_of(context, dispute);
    close_dispute(context, job, dispute, DisputeState::upheld);
    if (!dispute.audit.is_zero()) settle_audit(context, dispute.audit, AuditPay::full);
    const bool merge = dispute.target == DisputeTarget::merge;
    conviction.rewards.share =
        base::multiply(merge ? job.merge_audit_price : job.audit_price, kHalf).value_or(Amount{});
    Undone undone;
    undone.public_since = dispute.opened_height;
    const bool more = !merge || merge_refuted(context, job, dispute, undone);
    // Who posts a wrong merge did its segments of that round right, or they would be disputed
    // themselves.
    if (merge) ++conviction.from_round;
    convict(context, job, conviction, std::move(undone));
    if (!more) fail_job(context, job, CloseReason::merge_unresolved);
    start_window_if_done(context, job, dispute.round);
}

/// What the asserter pays for conceding before the first traced move: at least concede_fee, and
/// what being caught must cost so that faking segments and conceding never pays; at most the lock.
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

/// Whether giving up costs the asserter no more than being caught: only while nothing but its own
/// last work in this lane falls with it. Otherwise a friend who gives up something right before it
/// would be a cheap way out for whoever is accused, and so would an earlier part for a game that is
/// played already.
bool may_concede(const Context& context, const Job& job, const Dispute& dispute) {
    if (dispute.target != DisputeTarget::segment || dispute.traced || dispute.round != job.round)
        return false;
    const auto round = find_round(context.state, job.id, dispute.round);
    if (!round || round->state != RoundState::open) return false;
    const auto conceded = find_part(context.state, dispute.part);
    ASSAY_CHECK(conceded.has_value());
    for (const Part& part : parts_of_lane(context.state, job.id, dispute.round, dispute.lane)) {
        if (part.key.part > conceded->key.part && can_void(part) &&
            part.key.worker != dispute.asserter)
            return false;
    }
    const auto games = disputes_of_account(context.state, dispute.asserter, Side::asserter,
                                           std::nullopt, kTouchedMax);
    return std::none_of(games.begin(), games.end(), [&](const Dispute& game) {
        return game.lease == dispute.lease && game.traced;
    });
}

void worker_concedes(Context& context, Dispute& dispute) {
    Job& job = need_job(context, dispute.job);
    Rewards rewards = rewards_of(context, dispute);
    close_dispute(context, job, dispute, DisputeState::conceded);
    if (!dispute.audit.is_zero()) settle_audit(context, dispute.audit, AuditPay::full);
    const auto lease = find_lease(context.state, dispute.lease);
    const auto part = find_part(context.state, dispute.part);
    ASSAY_CHECK(lease && part);
    rewards.share = base::multiply(job.audit_price, kHalf).value_or(Amount{});
    give_up(context, job, *part, SlashReason::concession, dispute.id.hash,
            concession_fee(context, job, *lease), rewards);
    start_window_if_done(context, job, dispute.round);
}

/// One of two auditors was wrong: it loses what is at stake, at most its lock, and what it said
/// counts for nothing.
void auditor_lost(Context& context, Dispute& dispute, const base::AuditId& loser,
                  const base::AccountId& winner, Amount winner_spent, std::optional<Amount> fee,
                  DisputeState outcome) {
    auto* job = live_job(context, dispute.job);
    auto* audit = live_audit(context, loser);
    ASSAY_CHECK(job && audit);
    const bool auditors =
        dispute.target == DisputeTarget::init || dispute.target == DisputeTarget::cell;
    const Amount at_stake =
        auditors ? audit->lock : bond_of(context, *job, dispute.target, audit->lock);
    const Amount lost = take_any_stake(context, audit->auditor, Role::validator,
                                       base::minimum(audit->lock, fee.value_or(at_stake)));
    give_lost(context, dispute, winner, winner_spent, lost);
    close_dispute(context, *job, dispute, outcome);
    Claim& claim = need_claim(context, audit->subject, audit->segment);
    if (audit->kind == AuditKind::control)
        settle_audit(context, *job, claim, *audit, AuditPay::none);
    else
        fail_audit(context, *job, claim, *audit);
}

/// A game between an auditor and its control, or about an initial state, is over for the one that
/// won.
void release_winner(Context& context, const Dispute& dispute, const base::AuditId& winner) {
    Audit& audit = need_audit(context, winner);
    if (audit.state == AuditState::disputed) {
        audit.state = AuditState::revealed;
    }
    if (audit.kind == AuditKind::control && dispute.target == DisputeTarget::cell)
        settle_audit(context, winner, AuditPay::full);
    advance_later(context, dispute.part, dispute.segment);
}

void auditors_end(Context& context, Dispute& dispute, Side winner, std::optional<Amount> fee) {
    const bool challenger = winner == Side::challenger;
    const base::AuditId& lost = challenger ? dispute.defended : dispute.audit;
    const base::AuditId& won = challenger ? dispute.audit : dispute.defended;
    auditor_lost(context, dispute, lost, challenger ? dispute.challenger : dispute.asserter,
                 challenger ? dispute.challenger_spent : dispute.asserter_spent, fee,
                 challenger ? DisputeState::upheld : DisputeState::rejected);
    release_winner(context, dispute, won);
}

/// The player of a pool was wrong, or only played badly: its own bond is lost, and more of the pool
/// play.
void player_lost(Context& context, Dispute& dispute, std::optional<Amount> fee) {
    Job& job = need_job(context, dispute.job);
    const Amount lost = base::minimum(dispute.bond, fee.value_or(dispute.bond));
    dispute.bond -= lost;
    give_lost(context, dispute, dispute.asserter, dispute.asserter_spent, lost);
    close_dispute(context, job, dispute, DisputeState::rejected);
    auto* pool = live_pool(context, dispute.pool);
    ASSAY_CHECK(pool && pool->playing > 0);
    --pool->playing;
    start_players(context, *pool);
}

void end_game(Context& context, Dispute& dispute, Side winner, std::optional<Amount> fee) {
    const bool auditors =
        dispute.target == DisputeTarget::init || dispute.target == DisputeTarget::cell;
    if (auditors) return auditors_end(context, dispute, winner, fee);
    if (winner == Side::challenger) return refute(context, dispute);
    if (dispute.audit.is_zero()) return player_lost(context, dispute, fee);
    auditor_lost(context, dispute, dispute.audit, dispute.asserter, dispute.asserter_spent, fee,
                 DisputeState::rejected);
}

// ---- Moves

/// The side that an account plays in an open dispute.
struct Seat {
    Refusal refusal = Refusal::none;
    Side side = Side::asserter;
};
Seat seat_of(const Dispute* dispute, const base::AccountId& account) {
    if (!dispute) return {Refusal::dispute_unknown};
    const bool asserter = dispute->asserter == account;
    if (!asserter && dispute->challenger != account) return {Refusal::dispute_not_yours};
    if (dispute->state != DisputeState::open) return {Refusal::dispute_over};
    return {Refusal::none, asserter ? Side::asserter : Side::challenger};
}

/// Of an auditor, but for what is asserted and claimed.
Dispute dispute_of(const Audit& audit) {
    Dispute dispute;
    dispute.id = dispute_id(audit.id.hash);
    dispute.job = audit.job;
    dispute.round = audit.round;
    dispute.lane = audit.lane;
    dispute.part = audit.subject;
    dispute.segment = audit.segment;
    dispute.lease = audit.lease;
    dispute.asserter = audit.worker;
    dispute.challenger = audit.auditor;
    dispute.audit = audit.id;
    return dispute;
}

}  // namespace

Refusal refusal_of(MoveRefusal refusal) {
    switch (refusal) {
        case MoveRefusal::malformed:
            return Refusal::malformed_move;
        case MoveRefusal::over:
            return Refusal::dispute_over;
        case MoveRefusal::not_your_turn:
            return Refusal::not_your_turn;
        case MoveRefusal::wrong_move:
            return Refusal::wrong_move;
        case MoveRefusal::wrong_count:
            return Refusal::wrong_count;
        case MoveRefusal::wrong_hash:
            return Refusal::wrong_hash;
        case MoveRefusal::wrong_place:
            return Refusal::wrong_place;
        case MoveRefusal::wrong_record:
            return Refusal::wrong_record;
        case MoveRefusal::wrong_openings:
            return Refusal::wrong_openings;
    }
    return Refusal::malformed_move;
}

void open_audit_dispute(Context& context, const Audit& accusation) {
    ASSAY_CHECK(accusation.verdict && accusation.verdict->kind == VerdictKind::invalid);
    Dispute dispute = dispute_of(accusation);
    dispute.claimed = accusation.verdict->end_root;
    if (accusation.claim == ClaimKind::merge) {
        dispute.target = DisputeTarget::merge;
        dispute.asserted = find_merge(context.state, dispute.job, dispute.round).value().root;
    } else {
        const auto part = find_part(context.state, dispute.part);
        const auto leaf = part ? opened_leaf(context.state, *part, dispute.segment) : std::nullopt;
        ASSAY_CHECK(leaf.has_value());
        dispute.asserted = leaf->end_field;
    }
    open_game(context, dispute);
}

void open_init_dispute(Context& context, Job& job, const Audit& accuser, const Audit& defender) {
    Dispute dispute = dispute_of(accuser);
    dispute.target = DisputeTarget::init;
    dispute.lease = {};
    dispute.asserter = defender.auditor;
    dispute.defended = defender.id;
    dispute.asserted = job.init_root;
    dispute.claimed = accuser.verdict.value().end_root;
    const auto winner = begin_game(context, job, dispute);
    // A game about an initial state has moves: the roots differ.
    ASSAY_CHECK(!winner);
}

void open_cell_dispute(Context& context, const Audit& audit, const Audit& control,
                       std::uint32_t cell) {
    Dispute dispute = dispute_of(control);
    dispute.target = DisputeTarget::cell;
    dispute.lease = {};
    dispute.asserter = audit.auditor;
    dispute.defended = audit.id;
    dispute.asserted = audit.cells.at(cell);
    dispute.claimed = control.cells.at(cell);
    dispute.cell = cell;
    open_game(context, dispute);
}

void start_players(Context& context, Pool& pool) {
    if (pool.playing > 0) return;
    const auto challenged = find_challenged(context, pool.target, false);
    if (!challenged) return;
    const std::uint32_t batch = std::min(pool.batch, pool.members - pool.started);
    for (std::uint32_t i = 0; i < batch; ++i) {
        auto* member = live_pool_member(context, pool.id, pool.started);
        ASSAY_CHECK(member != nullptr);
        Dispute dispute;
        dispute.id = dispute_id(pool.id, member->number);
        dispute.target = pool.target.kind;
        dispute.job = challenged->job;
        dispute.round = challenged->round;
        dispute.lane = challenged->lane;
        dispute.part = pool.target.part;
        dispute.segment = pool.target.segment;
        dispute.lease = challenged->lease;
        dispute.asserter = challenged->asserter;
        dispute.asserted = challenged->asserted;
        dispute.challenger = member->account;
        dispute.claimed = pool.claimed;
        dispute.pool = pool.id;
        dispute.role = member->role;
        dispute.bond = member->bond;
        member->bond = {};
        ++pool.started;
        ++pool.playing;
        Job& job = need_job(context, dispute.job);
        const auto winner = begin_game(context, job, dispute);
        // The claimed root differs from the asserted one, so there is something to play.
        ASSAY_CHECK(!winner);
    }
    if (batch > 0) pool.batch = std::min<std::uint32_t>(2 * pool.batch, kTouchedMax);
}

void note_overtaken(const Context& context, const base::PartId& part, Undone& undone) {
    if (!undone.public_since) return;
    std::map<std::uint32_t, std::vector<base::AccountId>> segments;
    for (const Pool& pool : pools_of_target(context.state, part, std::nullopt, kTouchedMax)) {
        for (const PoolMember& member : standing_members(context, pool)) {
            if (member.sealed <= *undone.public_since)
                segments[pool.target.segment].push_back(member.account);
        }
    }
    for (auto& [segment, accounts] : segments)
        undone.overtaken.push_back({part, segment, std::move(accounts)});
}

namespace {

void drop_dispute(Context& context, Job& job, Dispute& dispute) {
    close_dispute(context, job, dispute, DisputeState::dropped);
    if (dispute.target != DisputeTarget::cell) return;
    for (const base::AuditId& id : {dispute.audit, dispute.defended}) {
        auto* audit = live_audit(context, id);
        if (!audit || audit->state != AuditState::disputed) continue;
        audit->state = AuditState::revealed;
    }
}

void drop_pool(Context& context, const Pool& pool) {
    for (std::uint32_t number = 0; number < pool.members; ++number) {
        const auto member = find_pool_member(context.state, pool.id, number);
        if (!member) continue;
        return_stake(context, member->account, member->role, member->bond);
        erase(context.state, *member);
    }
    erase(context.state, pool);
}

}  // namespace

void drop_disputes(Context& context, Job& job, const base::PartId& target) {
    // Whoever opened one has paid for its end. None may be left: what it is about is gone.
    for (auto open = disputes_of_target(context.state, target, std::nullopt, kTouchedMax);
         !open.empty();
         open = disputes_of_target(context.state, target, std::nullopt, kTouchedMax)) {
        for (Dispute& dispute : live(context, open)) drop_dispute(context, job, dispute);
    }
    drop_pools(context, target);
}

void drop_pools(Context& context, const base::PartId& target) {
    for (auto pools = pools_of_target(context.state, target, std::nullopt, kTouchedMax);
         !pools.empty();
         pools = pools_of_target(context.state, target, std::nullopt, kTouchedMax)) {
        for (const Pool& pool : pools) drop_pool(context, pool);
    }
}

void drop_defended(Context& context, Job& job, const Audit& defended) {
    for (Dispute& dispute : live(context, disputes_of_target(context.state, defended.subject,
                                                             defended.segment, kTouchedMax))) {
        if (dispute.defended == defended.id)
            close_dispute(context, job, dispute, DisputeState::dropped);
    }
}

Refusal apply_dispute_move(Context& context, const DisputeMove& message) {
    auto* dispute = live_dispute(context, message.dispute);
    const Seat seat = seat_of(dispute, context.sender);
    if (seat.refusal != Refusal::none) return seat.refusal;
    if (seat.side != dispute->turn) return Refusal::not_your_turn;
    const auto game = find_game(context.state, dispute->id);
    ASSAY_CHECK(game && context.block.referee != nullptr);
    const auto status = context.block.referee->play(*game, seat.side, message.move);
    if (!status) return refusal_of(status.error());

    stop_clock(context, *dispute);
    ++dispute->moves;
    (seat.side == Side::asserter ? dispute->asserter_spent : dispute->challenger_spent) +=
        context.fee;
    dispute->traced = dispute->traced || status->traced;
    if (!status->winner) {
        context.state.put(game_key(dispute->id), status->game);
        start_clock(context, *dispute, status->turn);
    }
    emit(context, EventKind::dispute_moved,
         {{"dispute", dispute->id.hex()},
          {"job", dispute->job.hex()},
          {"side", std::string(to_word(seat.side))},
          {"moves", std::to_string(dispute->moves)},
          {"turn", std::string(to_word(dispute->turn))},
          {"traced", dispute->traced ? "1" : "0"},
          {"deadline", std::to_string(dispute->deadline.value)}});
    if (status->winner) end_game(context, *dispute, *status->winner);
    return Refusal::none;
}

Refusal apply_dispute_concede(Context& context, const DisputeConcede& message) {
    auto* dispute = live_dispute(context, message.dispute);
    const Seat seat = seat_of(dispute, context.sender);
    if (seat.refusal != Refusal::none) return seat.refusal;
    const bool auditors =
        dispute->target == DisputeTarget::init || dispute->target == DisputeTarget::cell;
    const auto job = find_job(context.state, dispute->job);
    ASSAY_CHECK(job.has_value());
    if (seat.side == Side::asserter) {
        if (may_concede(context, *job, *dispute))
            worker_concedes(context, *dispute);
        else
            end_game(context, *dispute, Side::challenger);
    } else if (dispute->traced || auditors) {
        end_game(context, *dispute, Side::asserter);
    } else {
        end_game(context, *dispute, Side::asserter, parameters_of(context, *job).concede_fee);
    }
    return Refusal::none;
}

void on_dispute(Context& context, const Timer& timer) {
    auto* dispute = live_dispute(context, base::DisputeId{timer.subject});
    if (!dispute || dispute->state != DisputeState::open || dispute->deadline != timer.due) return;
    end_game(context, *dispute,
             dispute->turn == Side::asserter ? Side::challenger : Side::asserter);
}

}  // namespace assay::market
