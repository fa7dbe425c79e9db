#include "random_conduct.h"

namespace assay::sim {

using base::Hash;

namespace {

std::uint64_t mixed(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
}

bool is_late(const World& world, base::TimeMs deadline) {
    return deadline.value <= world.live().value + kLateMs;
}

Play random_play(const Temper& temper, const World& world, const market::Dispute& dispute) {
    if (world.blocks >= temper.leaves_at || temper.does(Wrong::stalls_game, dispute.id.hash))
        return Play::wait;
    if (temper.does(Wrong::concedes, dispute.id.hash)) return Play::concede;
    if (temper.does(Wrong::late_game, dispute.id.hash) && !is_late(world, dispute.deadline))
        return Play::wait;
    return Play::move;
}

}  // namespace

std::uint64_t Dice::next() {
    state_ += 0x9e3779b97f4a7c15U;
    return mixed(state_);
}

bool Temper::does(Wrong wrong, const Hash& subject) const {
    const auto kind = static_cast<std::size_t>(wrong);
    if (ppm[kind] == 0) return false;
    return base::scale_u64(mixed(mixed(salt + kind) ^ base::first_u64(subject)), kWhole) <
           ppm[kind];
}

Temper random_temper(Dice& dice) {
    Temper temper;
    temper.salt = dice.next();
    constexpr auto kCount = static_cast<std::uint64_t>(Wrong::count);
    switch (dice.below(4)) {
        case 0:
            for (int i = 0; i < 2; ++i) temper.ppm[dice.below(kCount)] = kWhole;
            break;
        case 1:
            for (auto& ppm : temper.ppm) ppm = 60'000;
            break;
        default:
            for (auto& ppm : temper.ppm)
                ppm = dice.below(4) == 0 ? static_cast<std::uint32_t>(dice.below(3) + 1) * 300'000
                                         : 0;
            break;
    }
    if (dice.below(8) == 0) temper.leaves_at = 20 + dice.below(200);
    return temper;
}

bool RandomWorker::accepts(const World& world, const market::Job& job,
                           const market::Reservation& asked) {
    if (world.blocks >= temper_.leaves_at) return false;
    return !temper_.does(Wrong::refuses_lease,
                         base::Hasher("sim.lease").add(job.id.hash).add(asked.offer.hash).finish());
}

SegmentWork RandomWorker::train(const World& world, const SegmentPlace& place,
                                const Hash& honest_end) {
    const Hash here = base::Hasher("sim.place")
                          .add(place.start)
                          .add_u32(place.segment)
                          .add_u32(place.lane)
                          .finish();
    SegmentWork work{honest_end};
    if (temper_.does(Wrong::fakes, here))
        work = {numbered(world.options.seed, "fake", base::first_u64(here) ^ temper_.salt), 0};
    if (temper_.does(Wrong::stale_state, here)) work = {place.start, 0};
    if (temper_.does(Wrong::copies, here)) work = {world.init_root, 0};
    if (temper_.does(Wrong::wrong_payload, here))
        work.payload = numbered(world.options.seed, "payload", base::first_u64(here));
    made_up_ = made_up_ || work.end != honest_end || work.payload;
    return work;
}

void RandomWorker::committed(const base::PartId& id, const PartWork&) {
    friends_->parts[id] = std::exchange(made_up_, false);
}

bool RandomWorker::commits(const World& world, const market::Job& job, const market::Lease& lease) {
    if (world.blocks >= temper_.leaves_at) return false;
    return !temper_.does(Wrong::stops_committing, base::Hasher("sim.round")
                                                      .add(lease.id.hash)
                                                      .add_u32(job.round)
                                                      .add_u32(lease.commits)
                                                      .finish());
}

WorkerConduct::Drawn RandomWorker::drawn(const World& world, const market::Part& part) {
    if (world.blocks >= temper_.leaves_at || temper_.does(Wrong::hides_drawn, part.id.hash))
        return Drawn::wait;
    if (temper_.does(Wrong::confesses, part.id.hash)) return Drawn::confess;
    if (temper_.does(Wrong::late_delivery, part.id.hash) && !is_late(world, part.deadline))
        return Drawn::wait;
    return Drawn::deliver;
}

bool RandomWorker::closes(const World& world, const market::Part& part) {
    if (world.blocks >= temper_.leaves_at || temper_.does(Wrong::never_closes, part.id.hash))
        return false;
    return !temper_.does(Wrong::late_close, part.id.hash) || is_late(world, part.deadline);
}

bool RandomWorker::merges(const World& world, const market::MergeRecord& merge) {
    if (world.blocks >= temper_.leaves_at) return false;
    return !temper_.does(Wrong::no_merge, base::Hasher("sim.turn")
                                              .add(merge.job.hash)
                                              .add_u32(merge.round)
                                              .add_u32(merge.attempt)
                                              .finish());
}

Hash RandomWorker::merge(const World& world, const market::Job& job, const Hash& honest_root) {
    return temper_.does(Wrong::wrong_merge, honest_root)
               ? numbered(world.options.seed, "wrong merge", temper_.salt + job.round)
               : honest_root;
}

Play RandomWorker::plays(const World& world, const market::Dispute& dispute) {
    return random_play(temper_, world, dispute);
}

bool RandomWorker::answers(const World& world, const market::Question& question) {
    if (world.blocks >= temper_.leaves_at || temper_.does(Wrong::no_answer, question.id))
        return false;
    return !temper_.does(Wrong::late_answer, question.id) || is_late(world, question.deadline);
}

bool RandomValidator::contributes(const World& world, const market::Epoch& epoch) {
    return world.blocks < temper_.leaves_at &&
           !temper_.does(Wrong::no_contribution, epoch.commitments_root);
}

bool RandomValidator::seals(const World& world, const market::Audit& audit) {
    if (world.blocks >= temper_.leaves_at || temper_.does(Wrong::no_seal, audit.id.hash))
        return false;
    if (temper_.does(Wrong::no_start, audit.id.hash)) {
        if (audit.claim == market::ClaimKind::segment && audit.segment > 0)
            asks_.emplace_back(
                market::StateAsk{{market::StoredKind::start, audit.subject.hash, audit.segment}});
        if (audit.claim == market::ClaimKind::init)
            asks_.emplace_back(market::StateAsk{{market::StoredKind::init, audit.job.hash, 0}});
        return is_late(world, audit.deadline);
    }
    return !temper_.does(Wrong::late_seal, audit.id.hash) || is_late(world, audit.deadline);
}

std::vector<market::Message> RandomValidator::extra(const World& world, const Person& self) {
    std::vector<market::Message> messages;
    for (market::Message& message : asks_) {
        const auto& ask = std::get<market::StateAsk>(message);
        if (!market::find_question(world.state(), market::state_question_id(ask.target, self.id)))
            messages.push_back(std::move(message));
    }
    asks_.clear();
    if (messages.size() > 1) messages.resize(1);
    return messages;
}

bool RandomValidator::reveals(const World& world, const market::Audit& audit) {
    if (world.blocks >= temper_.leaves_at || temper_.does(Wrong::no_reveal, audit.id.hash))
        return false;
    return !temper_.does(Wrong::late_reveal, audit.id.hash) || is_late(world, audit.deadline);
}

bool RandomValidator::opens_cells(const World& world, const market::Audit& audit) {
    return world.blocks < temper_.leaves_at && !temper_.does(Wrong::hides_cells, audit.id.hash);
}

bool RandomValidator::returns(const World& world) {
    return world.blocks < temper_.leaves_at &&
           !temper_.does(Wrong::stays_in_jail, numbered(0, "jail", world.blocks / 16));
}

Play RandomValidator::plays(const World& world, const market::Dispute& dispute) {
    return random_play(temper_, world, dispute);
}

Opinion RandomValidator::judge(const World& world, const market::Audit& audit,
                               const std::function<Finding()>& recompute) {
    const auto known = audit.claim == market::ClaimKind::segment
                           ? friends_->parts.find(audit.subject)
                           : friends_->parts.end();
    if (known != friends_->parts.end() && known->second &&
        temper_.does(Wrong::blind_to_friends, audit.id.hash))
        return guess(world, audit);
    Opinion opinion;
    if (temper_.does(Wrong::wrong_invalid, audit.id.hash)) {
        opinion.invalid = numbered(world.options.seed, "lie", temper_.salt);
    } else if (temper_.does(Wrong::lazy_cells, audit.id.hash)) {
        opinion = guess(world, audit);
    } else {
        opinion = opinion_of(recompute());
    }
    if (temper_.does(Wrong::empty_seal, audit.id.hash))
        opinion.seal = numbered(world.options.seed, "empty seal", temper_.salt);
    return opinion;
}

}  // namespace assay::sim
