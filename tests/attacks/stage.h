#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "parties.h"

/// What the tests of attacks share: a market in memory with its parties in their seats, and the
/// outcomes that are asked for. Nothing here knows how a protocol draws, judges or settles.
namespace assay::attacks {

using base::Amount;
using sim::Person;
using sim::World;
using sim::WorldOptions;

using WorkerSeats = std::map<std::size_t, std::unique_ptr<sim::WorkerConduct>>;
using ValidatorSeats = std::map<std::size_t, std::unique_ptr<sim::ValidatorConduct>>;

/// One lane, one round, one segment unless changed.
WorldOptions options_of(std::uint64_t seed);

/// A world and its parties. Seats that are not given are honest. Nobody has made an offer yet.
class Stage {
  public:
    explicit Stage(const WorldOptions& options, WorkerSeats workers = {},
                   ValidatorSeats validators = {});
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    /// Offers of the given workers, in grains per GFLOP and in force after this call.
    void offer(const std::map<std::size_t, std::uint64_t>& prices, std::uint32_t slots = 1);
    /// Posts a job of this shape in a block of its own. It is matched once its initial state has
    /// passed.
    base::JobId post(const WorldOptions& shape, const Person& poster);
    base::JobId post() { return post(world.options, world.submitter); }
    /// Everybody reacts to what stands in the state, then a block.
    void step();
    /// Steps until something is so or `blocks_max` are over. Whether it is.
    bool until(const std::function<bool()>& reached, std::uint64_t blocks_max = 5'000);
    /// Steps until the job has ended or `blocks_max` are over. True when it has ended.
    bool finish(const base::JobId& job, std::uint64_t blocks_max = 20'000);
    [[nodiscard]] market::Job job(const base::JobId& id) const;
    /// A block `ms` of time after this one, whatever else would be due later.
    void tick(std::uint64_t ms);

    World world;
    std::vector<sim::Worker> workers;
    std::vector<sim::Validator> validators;
};

/// The value of an event's attribute; empty when it has none of this name.
std::string_view attribute(const market::Event& event, std::string_view name);
/// Sum of all that these people have.
Amount wealth(const World& world, const std::vector<const Person*>& people);
/// What a person was paid; for one reason, unless that is empty.
Amount paid_to(const World& world, const Person& person, std::string_view reason = "");
/// What a person was fined, and how often it was jailed.
Amount fined(const World& world, const Person& person);
std::size_t jailed(const World& world, const Person& person);

/// Neither fine nor jail, and the stake is what it was.
void expect_unharmed(const World& world, const Person& person, market::Role role, Amount stake);

inline const Amount kStake = Amount::of(1'000'000'000'000);

/// One line of figures, for the record in docs/attacks.md.
void figures(std::string_view attack, const std::string& line);

}  // namespace assay::attacks
