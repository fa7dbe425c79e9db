#include "stage.h"

#include <algorithm>
#include <iostream>

namespace assay::attacks {

namespace {

std::uint64_t number_of(std::string_view digits) {
    std::uint64_t value = 0;
    for (const char c : digits) value = value * 10 + static_cast<std::uint64_t>(c - '0');
    return value;
}

}  // namespace

std::string_view attribute(const market::Event& event, std::string_view name) {
    for (const auto& [key, value] : event.attributes) {
        if (key == name) return value;
    }
    return {};
}

WorldOptions options_of(std::uint64_t seed) {
    WorldOptions options;
    options.seed = seed;
    options.lanes = options.rounds = 1;
    return options;
}

Stage::Stage(const WorldOptions& options, WorkerSeats worker_seats, ValidatorSeats validator_seats)
    : world(options) {
    workers.reserve(options.workers);
    validators.reserve(options.validators);
    for (std::size_t i = 0; i < options.workers; ++i) {
        auto seat = std::move(worker_seats[i]);
        if (!seat) seat = sim::conduct_of(sim::WorkerKind::honest);
        workers.emplace_back(world, i, std::move(seat));
    }
    for (std::size_t i = 0; i < options.validators; ++i) {
        auto seat = std::move(validator_seats[i]);
        if (!seat) seat = sim::conduct_of(sim::ValidatorKind::honest);
        validators.emplace_back(world, i, std::move(seat));
    }
}

void Stage::offer(const std::map<std::size_t, std::uint64_t>& prices, std::uint32_t slots) {
    for (const auto& [seat, price] : prices) workers.at(seat).offer(price, slots, 100'000'000'000);
    world.block();
    ASSERT_EQ(world.last_refusal(), market::Refusal::none) << world.refusals_text();
}

base::JobId Stage::post(const WorldOptions& shape, const Person& poster) {
    const base::JobId id = world.send_job(shape, poster);
    world.block();
    EXPECT_EQ(world.last_refusal(), market::Refusal::none) << world.refusals_text();
    return id;
}

void Stage::step() {
    const sim::Snapshot seen = sim::snapshot(world);
    for (sim::Worker& worker : workers) worker.act(seen);
    for (sim::Validator& validator : validators) validator.act(seen);
    world.block();
}

bool Stage::until(const std::function<bool()>& reached, std::uint64_t blocks_max) {
    for (std::uint64_t i = 0; i < blocks_max && !reached(); ++i) {
        step();
        if (testing::Test::HasFatalFailure()) return false;
    }
    return reached();
}

bool Stage::finish(const base::JobId& id, std::uint64_t blocks_max) {
    for (std::uint64_t i = 0; i < blocks_max; ++i) {
        if (market::is_terminal(job(id).state)) return true;
        step();
        if (testing::Test::HasFatalFailure()) return false;
    }
    return false;
}

market::Job Stage::job(const base::JobId& id) const {
    return market::find_job(world.state(), id).value();
}

void Stage::tick(std::uint64_t ms) {
    world.outage(ms);
    world.send(world.submitter, market::Transfer{world.workers.front().id, Amount::of(1)});
    world.block();
}

Amount wealth(const World& world, const std::vector<const Person*>& people) {
    Amount sum;
    for (const Person* person : people) sum += world.wealth_of(*person);
    return sum;
}

Amount paid_to(const World& world, const Person& person, std::string_view reason) {
    std::uint64_t sum = 0;
    for (const market::Event& event : world.events()) {
        if (event.kind != "paid" || attribute(event, "account") != person.id.hex()) continue;
        if (!reason.empty() && attribute(event, "reason") != reason) continue;
        sum += number_of(attribute(event, "amount"));
    }
    return Amount::of(sum);
}

Amount fined(const World& world, const Person& person) {
    std::uint64_t sum = 0;
    for (const market::Event& event : world.events()) {
        if (event.kind == "fined" && attribute(event, "validator") == person.id.hex())
            sum += number_of(attribute(event, "amount"));
    }
    return Amount::of(sum);
}

std::size_t jailed(const World& world, const Person& person) {
    const auto& events = world.events();
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const market::Event& event) {
            return event.kind == "jailed" && attribute(event, "account") == person.id.hex();
        }));
}

void expect_unharmed(const World& world, const Person& person, market::Role role, Amount stake) {
    EXPECT_EQ(fined(world, person), Amount{}) << person.name << " was fined";
    EXPECT_EQ(jailed(world, person), 0U) << person.name << " was jailed";
    EXPECT_EQ(world.stake_of(person, role), stake) << person.name << " lost stake";
}

void figures(std::string_view attack, const std::string& line) {
    std::cout << "[ figures  ] " << attack << ": " << line << std::endl;
}

}  // namespace assay::attacks
