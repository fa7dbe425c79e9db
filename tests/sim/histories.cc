#include "histories.h"

#include <algorithm>
#include <cinttypes>
#include <memory>

#include "incidents.h"
#include "invariants.h"
#include "other_strategies.h"
#include "parties.h"
#include "random_conduct.h"

namespace assay::sim {

namespace {

using base::Amount;

constexpr std::size_t kMany = 10'000;
/// By then a job that goes on is cancelled, in half of the histories, everybody dishonest is gone,
/// and the job has ended.
constexpr std::uint64_t kCancelAt = 250, kGoneAt = 350, kBlocksMax = 12'000;
/// Who has let its lane wait for audit money until then cancels: no rule ends such a wait, because
/// the worker may leave without loss at any time.
constexpr std::uint64_t kNoMoneyAt = 2'000;
constexpr std::uint64_t kIdleMs = 3'000, kIdleAfterMs = 20'000;
/// Blocks that locks may take to come back when the job is over.
constexpr std::uint64_t kBlocksAfterMax = 200;
constexpr std::uint32_t kCoalition = 1;

/// Short clocks, so that waiting for a deadline takes few blocks.
void short_clocks(market::Parameters& p) {
    p.grace_ms = 10'000;
    p.window_ms = 5'000;
    p.part_ms_max = p.audit_ms_max = 20'000;
    p.dispute_clock_ms = p.evidence_delay_ms = p.jail_ms = p.challenge_open_ms = 10'000;
    p.dispute_replay_ms_max = 5'000;
    p.accept_ms = 4'000;
    p.unbonding_ms = 120'000;
    p.open_ms_max = p.settle_ms_max = 120'000;
    p.pause_ms_max = 60'000;
    p.pause_leave_ms = 20'000;
    p.live_step_ms_max = kIdleAfterMs;
    // Longer than any audit: an epoch that has left the state can't say which keys counted in it.
    p.retention_ms = 600'000;
}

/// What moves money or takes work back, after which books are most likely to be wrong.
bool is_a_turn(const market::Event& event) {
    constexpr std::string_view kTurns[] = {"slashed",        "fined",         "dispute_closed",
                                           "job_settling",   "job_closed",    "job_resumed",
                                           "round_reopened", "part_unproved", "part_retracted"};
    return std::find(std::begin(kTurns), std::end(kTurns), event.kind) != std::end(kTurns);
}

struct Seat {
    Member member;
    Temper temper;
    std::uint32_t acts = 0;  ///< things that it still does of its own accord
    std::vector<market::ChallengeOpen> sealed;
};

class History {
  public:
    History(std::uint64_t seed, const HistoryOptions& options);
    HistoryResult tell();

  private:
    WorldOptions shape();
    void cast();
    Seat& seat(const Person& person, bool honest, std::uint32_t owner);
    void open_market();
    void post();
    void step();
    void check_block();
    void print_block() const;
    [[nodiscard]] std::string named(const std::string& value) const;
    void submitter_acts();
    void own_accord(Seat& seat);
    void ask(Seat& seat);
    void challenge(Seat& seat, bool watches);
    void open_challenges(Seat& seat);
    void equivocate(Seat& seat);
    void leave_or_give_up(Seat& seat);
    void move_stake(Seat& seat);
    void declare(Seat& seat);
    [[nodiscard]] bool over() const;
    void wait_for_locks();
    [[nodiscard]] HistoryResult result() const;
    void complain(const std::string& what) {
        wrong_.push_back(what + ", block " + std::to_string(world_.blocks));
    }

    std::uint64_t seed_;
    HistoryOptions options_;
    Dice dice_;
    World world_;
    std::vector<std::unique_ptr<Seat>> seats_;
    std::map<base::AccountId, Seat*> seat_of_;
    std::map<std::uint32_t, std::shared_ptr<Accomplices>> friends_;
    std::vector<Worker> workers_;
    std::vector<Validator> validators_;
    std::unique_ptr<Incidents> incidents_;
    Seat* poster_ = nullptr;
    std::vector<base::JobId> jobs_;
    std::uint64_t cancel_at_ = 0, pause_at_ = 0, resume_at_ = 0;
    bool cancels_in_the_end_ = false;
    std::set<base::PartId> watched_;
    std::uint32_t others_ = kCoalition;  ///< numbers of owners so far
    std::vector<std::string> wrong_;
    std::uint32_t changed_ = 0;  ///< blocks that changed something
};

History::History(std::uint64_t seed, const HistoryOptions& options)
    : seed_(seed), options_(options), dice_(seed), world_(shape()) {
    cast();
    std::vector<Member> members;
    for (const auto& one : seats_) members.push_back(one->member);
    incidents_ = std::make_unique<Incidents>(world_, std::move(members));
    open_market();
}

WorldOptions History::shape() {
    WorldOptions out;
    out.seed = seed_;
    out.lanes = 1 + static_cast<std::uint32_t>(dice_.below(3));
    out.rounds = 1 + static_cast<std::uint32_t>(dice_.below(dice_.below(3) == 0 ? 3 : 2));
    out.workers = out.lanes + static_cast<std::uint32_t>(dice_.below(3));
    out.validators = 2 + static_cast<std::uint32_t>(dice_.below(4));
    out.segment_steps = 4;
    out.round_steps = 4 * (1 + static_cast<std::uint32_t>(dice_.below(3)));
    out.part_segments = 1 + static_cast<std::uint32_t>(dice_.below(
                                std::min<std::uint64_t>(2, out.round_steps / out.segment_steps)));
    constexpr std::uint32_t kRates[] = {100'000, 450'000, 700'000, 950'000, 1'000'000};
    out.rate_ppm = kRates[dice_.below(5)];
    out.audit_lag = dice_.below(3) == 0 ? 1 : 0;
    out.round_deadline_s = dice_.below(6) == 0 ? 60 : 600;
    out.blob_bytes = 1'000;
    out.supply_every = out.books_every = 0;
    out.keep_events = false;
    out.idle_ms = kIdleMs;
    constexpr std::uint32_t kControls[] = {62'500, 250'000, 500'000};
    const std::uint32_t control = kControls[dice_.below(3)];
    const std::uint64_t backlog = dice_.below(4) == 0 ? 20'000 : 600'000;
    out.tune = [=](market::Parameters& p) {
        short_clocks(p);
        p.control_ppm = control;
        p.backlog_ms_max = backlog;
    };
    // Some have hardly more than what one lease or audit locks.
    const auto some_stake = [&](std::uint64_t least) {
        return dice_.below(3) == 0 ? least + dice_.below(least)
                                   : std::uint64_t{1'000'000'000'000} >> dice_.below(4);
    };
    for (std::size_t i = 0; i < out.validators; ++i)
        out.validator_stakes[i] = some_stake(100'000'000);
    for (std::size_t i = 0; i < out.workers; ++i) out.worker_stakes[i] = some_stake(500'000'000);
    return out;
}

Seat& History::seat(const Person& person, bool honest, std::uint32_t owner) {
    seats_.push_back(std::make_unique<Seat>());
    Seat& made = *seats_.back();
    made.member = {&person, owner, honest};
    made.temper = honest ? Temper{} : random_temper(dice_);
    made.temper.leaves_at =
        honest ? made.temper.leaves_at : std::min(made.temper.leaves_at, kGoneAt);
    made.acts = honest ? 0 : static_cast<std::uint32_t>(dice_.below(6));
    if (!friends_[owner]) friends_[owner] = std::make_shared<Accomplices>();
    seat_of_[person.id] = &made;
    return made;
}

/// Who is honest, and who belongs to whom.
void History::cast() {
    constexpr std::uint32_t kShares[] = {0, 150'000, 300'000, 500'000, 800'000};
    const std::uint32_t share = kShares[dice_.below(5)];
    const auto any = [&](const Person& person) {
        const bool honest = !dice_.chance(share);
        const bool together = honest ? dice_.below(10) == 0 : dice_.below(4) != 0;
        seat(person, honest, together ? kCoalition : ++others_);
    };
    any(world_.submitter);
    for (const Person& person : world_.workers) any(person);
    for (const Person& person : world_.validators) any(person);
    poster_ = seats_.front().get();
    // A coalition posts its own job from an account that works or audits as well.
    if (dice_.below(8) == 0) {
        Seat& other = *seats_[dice_.below(seats_.size())];
        if (!other.member.honest) poster_ = &other;
    }
}

void History::open_market() {
    const auto worker = [&](const Person& person) {
        const Seat& seat = *seat_of_.at(person.id);
        std::unique_ptr<WorkerConduct> conduct = std::make_unique<WorkerConduct>();
        if (!seat.member.honest)
            conduct = std::make_unique<RandomWorker>(seat.temper, friends_.at(seat.member.owner));
        workers_.emplace_back(world_, person, std::move(conduct));
        workers_.back().offer(1'000 + dice_.below(1'000),
                              1 + static_cast<std::uint32_t>(dice_.below(2)));
    };
    for (std::size_t i = 0; i < world_.validators.size(); ++i) {
        const Person& person = world_.validators[i];
        const Seat& seat = *seat_of_.at(person.id);
        std::unique_ptr<ValidatorConduct> conduct = std::make_unique<ValidatorConduct>();
        if (!seat.member.honest)
            conduct =
                std::make_unique<RandomValidator>(seat.temper, friends_.at(seat.member.owner));
        validators_.emplace_back(world_, i, std::move(conduct));
        // Some validators work as well.
        if (dice_.below(8) != 0) continue;
        world_.send(person, market::StakeBond{market::Role::worker, Amount::of(500'000'000'000)});
        worker(person);
    }
    for (const Person& person : world_.workers) worker(person);
    step();
    post();
}

void History::post() {
    const Person& person = *poster_->member.person;
    const bool honest = poster_->member.honest;
    const market::JobSpec spec = world_.spec_of(world_.options);
    const base::Hash init =
        !honest && dice_.below(8) == 0 ? numbered(seed_, "wrong init") : world_.init_root;
    jobs_.push_back(world_.send_job(spec, init, world_.receipt(init),
                                    world_.receipt(numbered(seed_, "data")), person));
    if (!honest && dice_.below(12) == 0) world_.missing.insert(jobs_.back());
    cancels_in_the_end_ = dice_.below(2) == 0;
    if (dice_.below(4) == 0) cancel_at_ = world_.blocks + 5 + dice_.below(120);
    if (dice_.below(5) == 0) pause_at_ = world_.blocks + 10 + dice_.below(80);
    if (pause_at_ != 0 && dice_.below(4) != 0) resume_at_ = pause_at_ + 1 + dice_.below(30);
    // A coalition's own job beside it, for what it draws and for whom it keeps busy.
    if (dice_.below(8) != 0) return;
    for (const auto& one : seats_) {
        if (one->member.honest || one->member.owner != kCoalition || one.get() == poster_) continue;
        WorldOptions small = world_.options;
        small.lanes = small.rounds = 1;
        small.rate_ppm = 1'000'000;
        jobs_.push_back(world_.send_job(small, *one->member.person));
        return;
    }
}

void History::submitter_acts() {
    const Person& person = *poster_->member.person;
    const base::JobId& job = jobs_.front();
    if (cancel_at_ != 0 && world_.blocks == cancel_at_) {
        for (const base::JobId& own : jobs_) {
            const auto record = market::find_job(world_.state(), own);
            if (record)
                world_.send(*seat_of_.at(record->submitter)->member.person, market::JobCancel{own});
        }
    }
    if (world_.blocks == kCancelAt && cancels_in_the_end_)
        world_.send(person, market::JobCancel{job});
    if (pause_at_ != 0 && world_.blocks == pause_at_) world_.send(person, market::JobPause{job});
    if (resume_at_ != 0 && world_.blocks == resume_at_) world_.send(person, market::JobResume{job});
    if (world_.blocks == kNoMoneyAt) {
        for (const market::Lane& lane : market::lanes_of(world_.state(), job)) {
            if (lane.wait == market::LaneWait::audit_funds)
                world_.send(person, market::JobCancel{job});
        }
    }
    const bool missing = world_.missing.contains(job);
    for (const market::Question& question :
         market::questions_owed(world_.state(), person.id, std::nullopt, kMany)) {
        const bool silent = (missing && question.target.kind == market::StoredKind::data) ||
                            poster_->temper.does(Wrong::no_answer, question.id);
        if (!question.lease.is_zero() || silent) continue;
        if (const auto answer = world_.answer_to(question)) world_.send(person, *answer);
    }
}

void History::step() {
    const Snapshot seen = snapshot(world_);
    for (Worker& worker : workers_) worker.act(seen);
    for (Validator& validator : validators_) validator.act(seen);
    if (!jobs_.empty()) submitter_acts();
    for (const auto& one : seats_) {
        open_challenges(*one);
        if (one->member.honest) {
            if (world_.blocks % 8 == 0) challenge(*one, true);
        } else if (one->acts > 0 && world_.blocks < one->temper.leaves_at && dice_.below(12) == 0) {
            --one->acts;
            own_accord(*one);
        }
    }
    world_.block();
    check_block();
}

/// Accounts by their names, other ids by their beginning.
std::string History::named(const std::string& value) const {
    for (const auto& [id, seat] : seat_of_) {
        if (id.hex() == value)
            return seat->member.person->name + (seat->member.honest ? "" : "!") +
                   std::to_string(seat->member.owner);
    }
    return value.size() == 64 ? value.substr(0, 8) : value;
}

void History::print_block() const {
    std::fprintf(options_.out, "-- block %" PRIu64 ", live %" PRIu64 "\n", world_.blocks,
                 world_.live().value);
    for (std::size_t i = 0; i < world_.last_refusals().size(); ++i) {
        if (world_.last_refusals()[i] == market::Refusal::none) continue;
        const std::string why(market::to_word(world_.last_refusals()[i]));
        std::fprintf(options_.out, "   refused %s: %s\n",
                     named(world_.last_fees()[i].first.hex()).c_str(), why.c_str());
    }
    for (const market::Event& event : world_.last_events()) {
        std::string line = "   " + event.kind;
        for (const auto& [name, value] : event.attributes) line += " " + name + "=" + named(value);
        std::fprintf(options_.out, "%s\n", line.c_str());
    }
}

void History::check_block() {
    if (options_.out != nullptr) print_block();
    incidents_->read_block();
    if (world_.last_events().empty() && world_.last_fees().empty()) return;
    if (market::total_supply(world_.state()) != market::genesis_supply(world_.genesis()))
        complain("the supply is another one");
    const bool due =
        ++changed_ % options_.books_every == 0 ||
        std::any_of(world_.last_events().begin(), world_.last_events().end(), is_a_turn);
    if (!due) return;
    const auto books = wrong_books(world_.state());
    if (!books.empty()) complain(books.front());
}

void History::own_accord(Seat& seat) {
    switch (dice_.below(10)) {
        case 0:
        case 1:
            return ask(seat);
        case 2:
        case 3:
        case 4:
            return challenge(seat, false);
        case 5:
            return equivocate(seat);
        case 6:
        case 7:
            return leave_or_give_up(seat);
        case 8:
            return move_stake(seat);
        default:
            return declare(seat);
    }
}

/// A question about anything stored; whether it goes on when it is answered is left to chance.
void History::ask(Seat& seat) {
    const Person& person = *seat.member.person;
    const base::JobId job = jobs_.empty() ? base::JobId{} : jobs_[dice_.below(jobs_.size())];
    market::StoredTarget target{static_cast<market::StoredKind>(1 + dice_.below(6)), job.hash, 0};
    const auto parts = market::parts_of_job(world_.state(), job, std::nullopt, std::nullopt, kMany);
    using market::StoredKind;
    if (!parts.empty() &&
        (target.kind == StoredKind::checkpoint || target.kind == StoredKind::payload ||
         target.kind == StoredKind::start)) {
        const market::Part& part = parts[dice_.below(parts.size())];
        target.subject = part.id.hash;
        if (target.kind == StoredKind::start)
            target.number = static_cast<std::uint32_t>(dice_.below(part.segments));
    }
    for (const market::Question& open :
         market::questions_asked(world_.state(), person.id, std::nullopt, kMany)) {
        if (open.kind == market::QuestionKind::state && open.answered && dice_.below(2) == 0)
            return world_.send(person, market::StateNext{open.id, 0});
    }
    if (dice_.below(2) == 0) return world_.send(person, market::ChunkAsk{target, 0});
    world_.send(person, market::StateAsk{target});
}

/// Seals a challenge of something that has passed: with the right root when it is wrong and the
/// challenger watches, else as it happens.
void History::challenge(Seat& seat, bool watches) {
    const Person& person = *seat.member.person;
    const bool validates = market::find_validator(world_.state(), person.id).has_value();
    if (watches && !validates) return;
    std::vector<market::Part> parts;
    for (const base::JobId& job : jobs_) {
        for (market::Part& part :
             market::parts_of_job(world_.state(), job, std::nullopt, std::nullopt, kMany)) {
            if (part.state == market::PartState::passed) parts.push_back(std::move(part));
        }
    }
    if (parts.empty()) return;
    const market::Part& part = parts[dice_.below(parts.size())];
    if (watches && !watched_.insert(part.id).second) return;
    const auto job = market::find_job(world_.state(), part.key.job);
    const auto segment = static_cast<std::uint32_t>(dice_.below(part.segments));
    const auto leaf = market::opened_leaf(world_.state(), part, segment);
    const base::Hash honest = honest_field(*job, part, segment, leaf->start_root);
    const bool wrong = honest != leaf->end_field;
    if (watches && !wrong) return;
    market::ChallengeOpen open;
    open.target.part = part.id;
    open.target.segment = segment;
    const auto merge = market::find_merge(world_.state(), job->id, part.key.round);
    if (!watches && merge && !merge->commitment.is_zero() && dice_.below(4) == 0) {
        open.target = {market::DisputeTarget::merge, merge->commitment, 0, job->id, part.key.round};
        open.claimed = numbered(seed_, "merge claim", dice_.next());
    } else {
        open.claimed = wrong && (watches || dice_.below(3) != 0)
                           ? honest
                           : numbered(seed_, "claim", dice_.next());
    }
    open.nonce = numbered(seed_, "nonce", dice_.next());
    open.role = validates ? market::Role::validator : market::Role::worker;
    world_.send(person, market::ChallengeSealPost{market::challenge_digest(
                            person.id, open.target, open.claimed, open.nonce)});
    seat.sealed.push_back(open);
}

void History::open_challenges(Seat& seat) {
    for (const market::ChallengeOpen& open : seat.sealed) {
        if (seat.member.honest || dice_.below(8) != 0) world_.send(*seat.member.person, open);
    }
    seat.sealed.clear();
}

/// Two trees under one part's key, reported by anybody, itself included.
void History::equivocate(Seat& seat) {
    const Person& person = *seat.member.person;
    for (const market::Lease& lease :
         market::leases_of_worker(world_.state(), person.id, std::nullopt, kMany)) {
        const auto job = market::find_job(world_.state(), lease.job);
        if (lease.state == market::LeaseState::settled || market::is_terminal(job->state) ||
            dice_.below(2) == 0)
            continue;
        if (market::find_lane(world_.state(), lease.job, lease.lane)->committed_parts >=
            job->shape.parts_per_round())
            continue;
        const market::EquivocationReport report{signed_commit(world_, person, lease, *job, 0),
                                                signed_commit(world_, person, lease, *job, 1)};
        return world_.send(*seats_[dice_.below(seats_.size())]->member.person, report);
    }
}

void History::leave_or_give_up(Seat& seat) {
    const Person& person = *seat.member.person;
    for (const market::Lease& lease :
         market::leases_of_worker(world_.state(), person.id, std::nullopt, kMany)) {
        if (lease.state != market::LeaseState::active || dice_.below(2) == 0) continue;
        const auto parts =
            market::parts_of_job(world_.state(), lease.job, std::nullopt, std::nullopt, kMany);
        const auto own = std::find_if(parts.rbegin(), parts.rend(), [&](const market::Part& part) {
            return part.lease == lease.id;
        });
        const std::uint64_t how = dice_.below(3);
        if (how == 0 || own == parts.rend())
            return world_.send(person, market::LeaseLeave{lease.id});
        if (how == 1) return world_.send(person, market::PartRetract{own->id});
        return world_.send(person, market::Confess{own->id});
    }
}

void History::move_stake(Seat& seat) {
    const Person& person = *seat.member.person;
    const market::Role role = dice_.below(2) == 0 ? market::Role::worker : market::Role::validator;
    const auto stake = market::find_stake(world_.state(), person.id, role);
    const Person& other = *seats_[dice_.below(seats_.size())]->member.person;
    if (!stake || dice_.below(4) == 0)
        return world_.send(person,
                           market::Transfer{other.id, Amount::of(1 + dice_.below(1'000'000'000))});
    if (dice_.below(3) == 0)
        return world_.send(person,
                           market::StakeBond{role, Amount::of(1 + dice_.below(1'000'000'000))});
    const Amount free = stake->free();
    const Amount some = dice_.below(2) == 0 ? free : Amount::of(free.grains() / 2);
    if (!some.is_zero()) world_.send(person, market::StakeUnbond{role, some});
}

void History::declare(Seat& seat) {
    const Person& person = *seat.member.person;
    const auto validator = market::find_validator(world_.state(), person.id);
    if (validator && dice_.below(2) == 0) {
        const Amount most =
            dice_.below(2) == 0 ? Amount{} : Amount::of(1 + dice_.below(1'000'000'000'000));
        return world_.send(
            person, market::ValidatorDeclare{"f32", 1'000'000'000'000, most, dice_.below(2) == 0});
    }
    const auto offers = market::offers_of(world_.state(), person.id, kMany);
    if (!offers.empty() && dice_.below(2) == 0)
        return world_.send(person, market::OfferWithdraw{offers.front().id});
    if (!jobs_.empty())
        world_.send(person, market::JobFund{jobs_[dice_.below(jobs_.size())],
                                            Amount::of(1 + dice_.below(10'000'000))});
}

bool History::over() const {
    return std::all_of(jobs_.begin(), jobs_.end(), [&](const base::JobId& id) {
        const auto job = market::find_job(world_.state(), id);
        return !job || market::is_terminal(job->state);
    });
}

/// What a confession leaves of a lock waits for one unbonding time; nothing else waits at all.
void History::wait_for_locks() {
    world_.options.idle_ms = kIdleAfterMs;
    for (std::uint64_t i = 0; i < kBlocksAfterMax && wrong_.empty(); ++i) {
        const auto leases = all_of<market::Lease>(world_.state(), market::Table::lease);
        if (std::all_of(leases.begin(), leases.end(), [](const auto& lease) {
                return lease.state == market::LeaseState::settled;
            }))
            return;
        step();
    }
    complain("a lock does not come back");
}

HistoryResult History::result() const {
    HistoryResult out;
    out.seed = seed_;
    out.blocks = world_.blocks;
    out.wrong = wrong_;
    for (const std::string& wrong : incidents_->wrong()) out.wrong.push_back(wrong);
    out.counts = incidents_->counts();
    base::Hasher hasher("sim.history");
    hasher.add_u64(seed_).add_u64(out.blocks).add_u64(out.wrong.size());
    for (const auto& [name, count] : out.counts)
        hasher.add_sized(base::view_of(name)).add_u64(count);
    for (const auto& one : seats_)
        hasher.add_u64(market::balance_of(world_.state(), one->member.person->id).grains());
    out.digest = base::first_u64(hasher.finish());
    return out;
}

HistoryResult History::tell() {
    step();
    while (world_.blocks < kBlocksMax && !over() && wrong_.empty() && incidents_->wrong().empty())
        step();
    if (wrong_.empty() && incidents_->wrong().empty()) {
        if (!over()) complain("a job does not end");
        wait_for_locks();
        incidents_->end();
    }
    return result();
}

}  // namespace

HistoryResult tell_history(std::uint64_t seed, const HistoryOptions& options) {
    return History(seed, options).tell();
}

}  // namespace assay::sim
