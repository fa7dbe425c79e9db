#include <algorithm>

#include "base/check.h"
#include "base/wide.h"
#include "market/pricing.h"
#include "settlement.h"

namespace assay::market {

using base::Amount;

namespace {

/// A match that found nobody is tried again after a quarter of the time the lane has been vacant,
/// within these bounds.
constexpr std::uint64_t kRetryMsMin = 500;
constexpr std::uint64_t kRetryMsMax = 30'000;
/// Offers that all searches of a block look at together.
constexpr std::uint32_t kSeenPerBlock = 2'048;

/// What a lease would be under one offer is a reservation that nobody has asked for yet.
using Terms = Reservation;

/// The time of a segment that the offer promises: what it states, and not less than its own
/// measured speed allows.
std::uint64_t promised_ms(const Offer& offer, std::uint64_t flops) {
    const auto measured = static_cast<base::Uint128>(flops) * 1000 / offer.flops_per_second;
    return std::max(offer.segment_ms, static_cast<std::uint64_t>(std::min<base::Uint128>(
                                          measured, std::uint64_t{1} << 40U)));
}

/// max(job rate, floor, what the record demands), and how much of the record that takes.
void set_rate(const Parameters& parameters, const Job& job, Amount record, Terms& terms) {
    const std::uint32_t least = std::max(job.shape.audit_rate_ppm, parameters.rate_floor_ppm);
    const RecordTerms record_terms{base::maximum(terms.price, job.audit_price),
                                   parameters.rate_new_ppm, parameters.record_value_factor};
    terms.record_used = base::minimum(record, record_needed(record_terms, least).value_or(record));
    terms.rate_ppm = std::max(least, record_rate_ppm(record_terms, terms.record_used));
}

std::optional<Terms> terms_of(const Parameters& parameters, const Job& job, const Offer& offer,
                              Amount record) {
    const auto price = protocol_cost(offer.price_per_gflop, job.costs.segment_flops);
    if (!price || *price > job.shape.price_ceiling) return std::nullopt;
    Terms terms;
    terms.price = *price;
    set_rate(parameters, job, record, terms);
    terms.segment_ms = promised_ms(offer, job.costs.segment_flops);
    const LockTerms lock_terms{terms.price,
                               job.audit_price,
                               terms.rate_ppm,
                               parameters.collusion_max_ppm,
                               parameters.unfinal_rounds_max,
                               job.shape.lanes,
                               job.shape.segments_per_round(),
                               job.shape.part_segments};
    const auto lock = lease_lock(lock_terms);
    const auto bond = lease_bond(lock_terms);
    if (!lock || !bond) return std::nullopt;
    terms.lock = *lock;
    terms.bond = *bond;
    return terms;
}

/// Who signed twice never works again, who was convicted not for one unbonding time, and who lost
/// this lane does not get it again. A validator works for nobody: each lane that one took would
/// leave the job to fewer auditors.
bool may_work(const Context& context, const Lane& lane, const base::AccountId& worker,
              const Stake& stake) {
    if (audits(context, worker)) return false;
    if (stake.tombstoned ||
        std::find(lane.excluded.begin(), lane.excluded.end(), worker) != lane.excluded.end())
        return false;
    return stake.convicted_at.value == 0 ||
           stake.convicted_at.value + context.parameters.unbonding_ms <= context.live.value;
}

/// The terms under which an offer may have the lane, if it may.
std::optional<Terms> fits(const Context& context, const Parameters& parameters, const Job& job,
                          const Lane& lane, const Offer& offer) {
    if (offer.profile != job.shape.profile || offer.memory_bytes < job.costs.memory_bytes)
        return std::nullopt;
    if (offer.worker == job.submitter) return std::nullopt;
    const auto stake = find_stake(context.state, offer.worker, Role::worker);
    if (!stake || offer.asleep_until > context.live ||
        !may_work(context, lane, offer.worker, *stake))
        return std::nullopt;
    auto terms = terms_of(parameters, job, offer, record_of(context, offer.worker).free());
    // A lower rate takes a greater lock. A record must not keep its worker from work that somebody
    // new would get.
    if (terms && stake->free() < terms->lock && !terms->record_used.is_zero())
        terms = terms_of(parameters, job, offer, {});
    // Who needs longer for a round than the submitter waits would only keep the lane.
    const auto round_ms =
        static_cast<base::Uint128>(terms ? terms->segment_ms : 0) * job.shape.segments_per_round();
    if (round_ms > std::uint64_t{job.shape.round_deadline_s} * 1000) return std::nullopt;
    if (!terms || offer.bond < terms->bond || stake->free() < terms->lock) return std::nullopt;
    terms->offer = offer.id;
    terms->worker = offer.worker;
    return terms;
}

/// The offer's slot is the reservation's already.
void start_lease(Context& context, Job& job, Lane& lane, Offer& offer, const Terms& terms) {
    Lease lease;
    lease.id = lease_id(job.id, lane.lane, lane.leases);
    lease.job = job.id;
    lease.lane = lane.lane;
    lease.worker = offer.worker;
    lease.offer = offer.id;
    lease.price = terms.price;
    lease.rate_ppm = terms.rate_ppm;
    lease.lock = terms.lock;
    lease.bond = terms.bond;
    lease.segment_ms = terms.segment_ms;
    lease.record_used = terms.record_used;
    use_record(context, offer.worker, terms.record_used);
    lease.started_at = context.live;
    lease.start_round = job.round;
    lease.start_part = lane.committed_parts;
    lease.last_round = job.round;
    ASSAY_CHECK(lock_stake(context, offer.worker, Role::worker, terms.lock));
    context.state.put(party_key(job.id, offer.worker), {});
    offer.bond -= terms.bond;
    lane.lease = lease.id;
    lane.leases += 1;
    lane.match_after = {};
    settle_relet(context, job, lane, terms.price);
    save(context.state, lease);
    job.active_leases += 1;
    emit(context, EventKind::lease_started,
         {{"lease", lease.id.hex()},
          {"job", job.id.hex()},
          {"lane", std::to_string(lease.lane)},
          {"worker", lease.worker.hex()},
          {"price", lease.price.decimal()},
          {"rate_ppm", std::to_string(lease.rate_ppm)},
          {"lock", lease.lock.decimal()},
          {"round", std::to_string(job.round)}});
}

}  // namespace

void settle_relet(Context& context, const Job& job, Lane& lane, Amount price) {
    if (lane.relet_pot.is_zero()) return;
    const Amount dearer = price > lane.relet_price ? price - lane.relet_price : Amount{};
    const auto due = base::multiply(dearer, lane.relet_segments);
    const Amount paid = base::minimum(lane.relet_pot, due.value_or(lane.relet_pot));
    if (!paid.is_zero()) {
        credit(context, job.submitter, paid);
        emit(context, EventKind::paid,
             {{"account", job.submitter.hex()},
              {"amount", paid.decimal()},
              {"reason", "relet"},
              {"job", job.id.hex()}});
    }
    burn(context, lane.relet_pot - paid, "relet", job.id.hash);
    lane.relet_price = lane.relet_pot = {};
    lane.relet_segments = 0;
}

namespace {

/// The first lease sets the job going; a later one joins the round that is open.
void join_round(Context& context, Job& job, const base::LeaseId& id) {
    if (job.state == JobState::open) {
        clear_timer(context, {job.deadline, TimerKind::job_deadline, job.id.hash, 0});
        job.deadline = {};
        job.state = JobState::running;
        job.state_since = context.live;
        set_timer(context, {context.in(parameters_of(context, job).settle_ms_max),
                            TimerKind::settle, job.id.hash, kWatchJob});
        emit(context, EventKind::job_running, {{"job", job.id.hex()}});
        start_round(context, job);
        return;
    }
    const auto lease = find_lease(context.state, id);
    ASSAY_CHECK(lease.has_value());
    extend_round_for(context, job, *lease);
}

/// The cheapest offers that fit, at most as many as are asked at once, after the lane's cursor; at
/// most candidates_max are examined.
struct Search {
    std::vector<Terms> found;
    base::OfferId last;    ///< the search goes on after it
    bool through = false;  ///< the end of the book was reached
};

Search search_book(Context& context, const Parameters& parameters, const Job& job,
                   const Lane& lane) {
    const base::Bytes prefix = table_prefix(Table::offer_by_price);
    base::Bytes from = prefix;
    if (const auto last = find_offer(context.state, lane.match_after)) {
        from = offer_by_price_key(last->price_per_gflop, last->arrival, last->id);
        from.push_back(0);
    }
    Search search;
    search.last = lane.match_after;
    for (std::uint32_t examined = 0;
         examined < parameters.candidates_max && search.found.size() < lane.ask; ++examined) {
        if (context.offers_seen >= kSeenPerBlock) return search;
        ++context.offers_seen;
        auto entry = context.state.seek(from, prefix);
        if (!entry) {
            search.last = {};
            search.through = true;
            return search;
        }
        const auto id = base::hash_from_bytes(base::ByteView(entry->first).last(32));
        ASSAY_CHECK(id.has_value());
        search.last = {*id};
        const auto offer = find_offer(context.state, search.last);
        ASSAY_CHECK(offer.has_value());
        // One worker is asked once for a lane, whatever the number of its offers.
        const bool asked = std::any_of(search.found.begin(), search.found.end(),
                                       [&](const Terms& t) { return t.worker == offer->worker; });
        if (auto terms = asked ? std::nullopt : fits(context, parameters, job, lane, *offer))
            search.found.push_back(std::move(*terms));
        from = std::move(entry->first);
        from.push_back(0);
    }
    return search;
}

/// A reservation holds a slot of its offer, and nothing else.
void hold_slot(Context& context, const base::OfferId& id) {
    Offer& offer = need_offer(context, id);
    offer.slots_used += 1;
}

/// What accepting takes is there. It was when the worker was asked; meanwhile it may have been
/// convicted elsewhere.
bool can_begin(const Context& context, const Lane& lane, const Terms& terms) {
    const auto offer = find_offer(context.state, terms.offer);
    const auto stake = find_stake(context.state, terms.worker, Role::worker);
    return offer && stake && may_work(context, lane, terms.worker, *stake) &&
           offer->bond >= terms.bond && stake->free() >= terms.lock &&
           record_of(context, terms.worker).free() >= terms.record_used;
}

void ask(Context& context, const Job& job, Lane& lane) {
    const Parameters parameters = parameters_of(context, job);
    Search search = search_book(context, parameters, job, lane);
    lane.match_after = search.last;
    // Offers that fit nothing must not keep others out of reach: the search goes on at once, and
    // waits only when the book is through.
    if (search.found.empty() && !search.through) {
        set_timer(context, {context.in(1), TimerKind::match, job.id.hash, lane.lane});
        return;
    }
    if (search.found.empty()) {
        const std::uint64_t vacant = context.live.value - lane.vacant_since.value;
        set_timer(context, {context.in(std::clamp(vacant / 4, kRetryMsMin, kRetryMsMax)),
                            TimerKind::match, job.id.hash, lane.lane});
        return;
    }
    lane.asked = std::move(search.found);
    lane.ask_ends = context.in(parameters.accept_ms);
    set_timer(context, {lane.ask_ends, TimerKind::match, job.id.hash, lane.lane});
    for (const Terms& terms : lane.asked) {
        hold_slot(context, terms.offer);
        emit(context, EventKind::lane_asked,
             {{"job", job.id.hex()},
              {"lane", std::to_string(lane.lane)},
              {"worker", terms.worker.hex()},
              {"offer", terms.offer.hex()},
              {"price", terms.price.decimal()},
              {"rate_ppm", std::to_string(terms.rate_ppm)},
              {"lock", terms.lock.decimal()},
              {"bond", terms.bond.decimal()},
              {"deadline", std::to_string(lane.ask_ends.value)}});
    }
}

/// An offer that lets a reservation lapse sleeps, twice as long each time in a row: keeping lanes
/// vacant by never accepting ends.
void let_sleep(Context& context, const base::OfferId& id, std::uint64_t accept_ms) {
    constexpr std::uint32_t kDoublingsMax = 20;
    auto* offer = live_offer(context, id);
    if (!offer) return;
    offer->ignored = std::min(offer->ignored + 1, kDoublingsMax);
    offer->asleep_until = context.in(accept_ms << offer->ignored);
}

/// Takes the cheapest that has accepted; gives the slots of the others back. `late`: whoever has
/// not accepted had its time.
void decide(Context& context, Job& job, Lane& lane, bool late) {
    if (lane.ask_ends.value != 0)
        clear_timer(context, {lane.ask_ends, TimerKind::match, job.id.hash, lane.lane});
    const std::vector<Terms> asked = std::move(lane.asked);
    lane.asked.clear();
    lane.ask_ends = {};
    const std::uint64_t accept_ms = parameters_of(context, job).accept_ms;
    const Terms* winner = nullptr;
    for (const Terms& terms : asked) {
        const bool wins = winner == nullptr && terms.accepted && can_begin(context, lane, terms);
        if (wins) {
            winner = &terms;
            continue;
        }
        return_slot(context, terms.offer, terms.worker, {});
        if (late && !terms.accepted) let_sleep(context, terms.offer, accept_ms);
    }
    if (winner == nullptr) {
        lane.ask = std::min(2 * lane.ask, kAskedMax);
        lane.match_after = {};
        set_timer(context, {context.in(1), TimerKind::match, job.id.hash, lane.lane});
        return;
    }
    lane.ask = 1;
    auto* offer = live_offer(context, winner->offer);
    start_lease(context, job, lane, *offer, *winner);
    join_round(context, job, lane.lease);
}

bool looks_for_workers(const Job& job) {
    return job.init_passed && (job.state == JobState::open || job.state == JobState::running) &&
           job.round < job.shape.rounds;
}

}  // namespace

void want_match(Context& context, const base::JobId& job, std::uint32_t lane) {
    set_timer(context, {context.live, TimerKind::match, job.hash, lane});
}

void drop_asked(Context& context, Lane& lane) {
    if (lane.ask_ends.value != 0)
        clear_timer(context, {lane.ask_ends, TimerKind::match, lane.job.hash, lane.lane});
    for (const Terms& terms : lane.asked) return_slot(context, terms.offer, terms.worker, {});
    lane.asked.clear();
    lane.ask_ends = {};
}

void on_match(Context& context, const Timer& timer) {
    auto* job = live_job(context, {timer.subject});
    if (!job) return;
    auto* lane = live_lane(context, job->id, static_cast<std::uint32_t>(timer.number));
    if (!lane || !lane->lease.is_zero()) return;
    if (!looks_for_workers(*job)) {
        drop_asked(context, *lane);
        return;
    }
    if (lane->asked.empty()) {
        ask(context, *job, *lane);
    } else if (lane->ask_ends == timer.due) {
        decide(context, *job, *lane, true);
    }
}

Refusal apply_lease_accept(Context& context, const LeaseAccept& message) {
    auto* job = live_job(context, message.job);
    if (!job) return Refusal::job_unknown;
    auto* lane = live_lane(context, message.job, message.lane);
    if (!lane) return Refusal::not_reserved;
    const auto own = std::find_if(lane->asked.begin(), lane->asked.end(),
                                  [&](const Terms& t) { return t.worker == context.sender; });
    if (own == lane->asked.end() || own->accepted) return Refusal::not_reserved;
    if (!looks_for_workers(*job)) return Refusal::job_state;
    const auto stake = find_stake(context.state, context.sender, Role::worker);
    if (!stake || stake->free() < own->lock) return Refusal::insufficient_free_stake;
    if (!may_work(context, *lane, context.sender, *stake)) return Refusal::not_reserved;
    if (!can_begin(context, *lane, *own)) return Refusal::bond_too_small;

    own->accepted = true;
    auto* offer = live_offer(context, own->offer);
    offer->ignored = 0;
    offer->asleep_until = {};
    // The cheapest wins at once; another one when the cheaper ones have had their time, or all have
    // accepted.
    const bool all = std::all_of(lane->asked.begin(), lane->asked.end(),
                                 [](const Terms& t) { return t.accepted; });
    if (own == lane->asked.begin() || all) decide(context, *job, *lane, false);
    return Refusal::none;
}

}  // namespace assay::market
