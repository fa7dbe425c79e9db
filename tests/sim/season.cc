#include "season.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::sim {

using base::Amount;

namespace {

constexpr std::size_t kMany = 100'000;

Amount share_of(Amount amount, std::uint32_t ppm) {
    return *base::multiply_divide(amount, ppm, kWhole, base::Rounding::up);
}

std::string attribute(const market::Event& event, std::string_view name) {
    for (const auto& [key, value] : event.attributes) {
        if (key == name) return value;
    }
    return {};
}

bool contains(const std::vector<std::size_t>& seats, std::size_t seat) {
    return std::find(seats.begin(), seats.end(), seat) != seats.end();
}

}  // namespace

base::Hash honest_root_of(const market::Job& job, const base::Hash& init_root) {
    base::Hash opening = init_root;
    for (std::uint32_t round = 0; round < job.shape.rounds; ++round) {
        std::vector<base::Hash> payloads;
        base::Hash end;
        for (std::uint32_t lane = 0; lane < job.shape.lanes; ++lane) {
            end = opening;
            for (std::uint32_t segment = 0; segment < job.shape.segments_per_round(); ++segment) {
                end = trained_root(end, job.id, round, lane, segment);
            }
            payloads.push_back(trained_payload(end));
        }
        opening = job.shape.has_merge() ? merged_root(opening, payloads) : end;
    }
    return opening;
}

std::int64_t SeasonResult::adversary_net() const {
    std::int64_t sum = submitter.adversary ? submitter.net() : 0;
    for (const auto* group : {&workers, &validators}) {
        for (const PartyResult& party : *group) sum += party.adversary ? party.net() : 0;
    }
    return sum;
}

std::uint64_t SeasonResult::count(const std::string& kind) const {
    const auto found = events.find(kind);
    return found == events.end() ? 0 : found->second;
}

Season::Season(SeasonOptions options, Cast cast)
    : options_(std::move(options)), cast_(std::move(cast)), world_(options_.world) {
    for (std::size_t i = 0; i < world_.workers.size(); ++i) {
        auto own = cast_.workers.find(i);
        PartyResult party;
        party.name = world_.workers[i].name;
        party.bystander = contains(cast_.bystanders, i);
        party.adversary = (own != cast_.workers.end() && !party.bystander &&
                           !contains(cast_.honest_workers, i)) ||
                          contains(cast_.accomplices_workers, i);
        result_.workers.push_back(party);
        workers_.emplace_back(world_, i,
                              own == cast_.workers.end() ? std::make_unique<WorkerConduct>()
                                                         : std::move(own->second));
    }
    for (std::size_t i = 0; i < world_.validators.size(); ++i) {
        auto own = cast_.validators.find(i);
        PartyResult party;
        party.name = world_.validators[i].name;
        party.volunteer = contains(cast_.volunteers, i);
        const bool honest = party.volunteer || contains(cast_.honest_validators, i);
        party.adversary =
            (own != cast_.validators.end() && !honest) || contains(cast_.accomplices_validators, i);
        result_.validators.push_back(party);
        validators_.emplace_back(world_, i,
                                 own == cast_.validators.end()
                                     ? std::make_unique<ValidatorConduct>()
                                     : std::move(own->second));
    }
    result_.submitter.name = world_.submitter.name;
    result_.submitter.adversary = cast_.submitter != nullptr && !cast_.honest_submitter;
    submitter_ =
        cast_.submitter ? std::move(cast_.submitter) : std::make_unique<SubmitterConduct>();
}

void Season::open_books() {
    for (std::size_t i = 0; i < workers_.size(); ++i)
        result_.workers[i].begin = world_.wealth_of(world_.workers[i]);
    for (std::size_t i = 0; i < validators_.size(); ++i)
        result_.validators[i].begin = world_.wealth_of(world_.validators[i]);
    result_.submitter.begin = world_.wealth_of(world_.submitter);
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (!result_.workers[i].adversary && !result_.workers[i].bystander)
            honest_[world_.workers[i].id.hex()] = world_.workers[i].name;
    }
    for (std::size_t i = 0; i < validators_.size(); ++i) {
        if (!result_.validators[i].adversary)
            honest_[world_.validators[i].id.hex()] = world_.validators[i].name;
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        const auto price = options_.prices.find(i);
        const auto slots = options_.worker_slots.find(i);
        workers_[i].offer(price == options_.prices.end() ? kSeasonPrice : price->second,
                          slots == options_.worker_slots.end() ? options_.slots : slots->second,
                          options_.bond);
    }
    world_.block();
    for (const market::Refusal refusal : world_.last_refusals())
        EXPECT_EQ(refusal, market::Refusal::none) << market::to_word(refusal);
}

bool Season::posting() const {
    if (options_.leases) return result_.count("part_committed") < *options_.leases;
    return posted_ < options_.jobs;
}

void Season::post() {
    while (open_ < options_.at_once && posting()) {
        const base::JobId id = world_.send_job(submitter_->shape(options_.world));
        own_.insert(id);
        if (submitter_->withholds()) world_.missing.insert(id);
        ++posted_;
        ++open_;
    }
}

void Season::close_job(const base::JobId& id) {
    if (own_.count(id) == 0) return;
    const auto job = market::find_job(world_.state(), id);
    ASSERT_TRUE(job);
    --open_;
    if (job->state != market::JobState::completed) {
        ++result_.other_end;
        return;
    }
    ++result_.completed;
    if (job->final_root != honest_root_of(*job, world_.init_root)) {
        ++result_.poisoned;
    } else if (submitter_->useful()) {
        worth_ += share_of(job->spent.workers + job->spent.auditors + job->spent.protocol_fees,
                           kModelWorthPpm);
    }
}

void Season::note_events() {
    for (const market::Event& event : world_.last_events()) {
        ++result_.events[event.kind];
        if (event.kind == "lease_started") ++result_.leases_of[attribute(event, "worker")];
        if (event.kind == "slashed") ++result_.slashed_of[attribute(event, "worker")];
        if (event.kind == "slashed") ++result_.events["slashed_" + attribute(event, "reason")];
        if (event.kind == "dispute_closed")
            ++result_.events["dispute_" + attribute(event, "outcome")];
        if (event.kind == "audit_drawn" && attribute(event, "kind") == "audit" &&
            attribute(event, "claim") == "segment") {
            result_.drawn_by[attribute(event, "subject")].insert(attribute(event, "validator"));
        }
        note_harm(event);
        if (event.kind == "job_closed")
            close_job(base::JobId{*base::hash_from_hex(attribute(event, "job"))});
    }
}

void Season::note_harm(const market::Event& event) {
    if (event.kind != "fined" && event.kind != "jailed" && event.kind != "slashed" &&
        event.kind != "tombstoned")
        return;
    for (const auto& [name, value] : event.attributes) {
        const auto found = honest_.find(value);
        if (name != "reporter" && found != honest_.end())
            result_.harmed.push_back(found->second + " " + event.kind + " " +
                                     attribute(event, "reason"));
    }
}

/// Workers answer by themselves (parties.h). The submitter does when it is not its strategy to be
/// silent.
void Season::show_data() {
    if (submitter_->withholds()) return;
    for (const market::Question& question :
         market::questions_owed(world_.state(), world_.submitter.id, std::nullopt, kMany)) {
        if (!submitter_->answers(world_, question)) continue;
        if (const auto answer = world_.answer_to(question)) world_.send(world_.submitter, *answer);
    }
}

void Season::step() {
    const Snapshot seen = snapshot(world_);
    for (Worker& worker : workers_) worker.act(seen);
    for (Validator& validator : validators_) validator.act(seen);
    for (const market::Message& message : submitter_->act(world_, seen))
        world_.send(world_.submitter, message);
    show_data();
    if (cast_.plot) cast_.plot(world_, seen);
    world_.block();
    note_events();
}

bool Season::settled() const {
    for (const Person& worker : world_.workers) {
        const auto stake = market::find_stake(world_.state(), worker.id, market::Role::worker);
        if (stake && !stake->locked.is_zero()) return false;
    }
    return true;
}

SeasonResult Season::balance() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        result_.workers[i].end = world_.wealth_of(world_.workers[i]);
        result_.workers[i].cost = share_of(workers_[i].computed(), kWorkerCostPpm);
    }
    for (std::size_t i = 0; i < validators_.size(); ++i) {
        result_.validators[i].end = world_.wealth_of(world_.validators[i]);
        result_.validators[i].cost = share_of(validators_[i].computed(), kValidatorCostPpm);
    }
    result_.submitter.end = world_.wealth_of(world_.submitter);
    result_.submitter.worth = worth_;
    result_.blocks = world_.blocks;
    return result_;
}

SeasonResult Season::run() {
    open_books();
    while (world_.blocks < options_.blocks_max) {
        post();
        step();
        if (testing::Test::HasFatalFailure()) break;
        if (posting() || open_ > 0 || !settled()) continue;
        result_.finished = true;
        break;
    }
    return balance();
}

}  // namespace assay::sim
