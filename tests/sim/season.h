#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conduct.h"
#include "parties.h"
#include "world.h"

/// A season: many jobs, one population, real rules, settled to the grain at its end. Whoever
/// computes pays for it, so that what a cheat saves counts as its gain.
namespace assay::sim {

/// Computing costs a worker exactly the protocol's price: a cheat saves as much as it can.
/// Validators are paid that price, so theirs is less, or honest auditing would not pay at all.
inline constexpr std::uint32_t kWorkerCostPpm = 1'000'000;
inline constexpr std::uint32_t kValidatorCostPpm = 800'000;
/// What a finished honest model is worth to its submitter, of what it paid for it.
inline constexpr std::uint32_t kModelWorthPpm = 1'500'000;
/// Workers ask this, in grains per GFLOP; the protocol's price is 100,000.
inline constexpr std::uint64_t kSeasonPrice = 120'000;

class SubmitterConduct {
  public:
    virtual ~SubmitterConduct() = default;
    virtual WorldOptions shape(const WorldOptions& usual) { return usual; }
    virtual std::vector<market::Message> act(const World&, const Snapshot&) { return {}; }
    /// Nobody can get the data of its jobs, and it doesn't show what it is asked for.
    virtual bool withholds() { return false; }
    /// Whether it shows now what it is asked for.
    virtual bool answers(const World&, const market::Question&) { return true; }
    /// Whether a finished job gives it anything it can use.
    virtual bool useful() { return true; }
};

struct SeasonOptions {
    WorldOptions world;  ///< parties, and the shape of each job
    std::uint32_t jobs = 24, at_once = 4;
    /// Instead of `jobs`: posts as long as fewer leases than this have committed.
    std::optional<std::uint64_t> leases;
    std::uint32_t slots = 4;
    std::uint64_t bond = 1'000'000'000;           ///< grains of each offer's reserve bond
    std::map<std::size_t, std::uint64_t> prices;  ///< of workers that ask another price
    std::map<std::size_t, std::uint32_t> worker_slots;
    std::uint64_t blocks_max = 40'000;
    bool watcher = false;  ///< the last validator also looks at everything that nobody audited
};

/// Who takes which seat of the population; seats that are not named are honest.
struct Cast {
    std::map<std::size_t, std::unique_ptr<WorkerConduct>> workers;
    std::map<std::size_t, std::unique_ptr<ValidatorConduct>> validators;
    std::unique_ptr<SubmitterConduct> submitter;
    /// Does what no single party can: runs before each block.
    std::function<void(World&, const Snapshot&)> plot;
    /// Seats that belong to the adversary although they behave honestly.
    std::vector<std::size_t> accomplices_workers, accomplices_validators;
    /// Seats with a conduct of their own that is honest, and workers that cheat on their own
    /// account.
    std::vector<std::size_t> honest_validators, honest_workers, bystanders;
    std::vector<std::size_t>
        volunteers;                 ///< honest validators that compute what nobody asked them to
    bool honest_submitter = false;  ///< it has a conduct of its own that is honest
};

struct PartyResult {
    std::string name;
    bool adversary = false;
    bool bystander = false;  ///< cheats, but not for the adversary
    bool volunteer = false;  ///< honest, and computes at its own risk: nobody asked it to
    base::Amount begin, end, cost, worth;
    /// What the season brought, after the cost of computing, in grains.
    [[nodiscard]] std::int64_t net() const {
        return static_cast<std::int64_t>(end.grains()) + static_cast<std::int64_t>(worth.grains()) -
               static_cast<std::int64_t>(begin.grains()) - static_cast<std::int64_t>(cost.grains());
    }
};

struct SeasonResult {
    std::vector<PartyResult> workers, validators;
    PartyResult submitter;
    std::map<std::string, std::uint64_t> events;      ///< by kind
    std::map<std::string, std::uint64_t> leases_of;   ///< leases started, by worker (hex)
    std::map<std::string, std::uint64_t> slashed_of;  ///< convictions, by worker (hex)
    std::uint64_t completed = 0, other_end = 0;
    /// Honest parties that were fined, jailed or slashed, or have less stake than before: nobody
    /// may stand here.
    std::vector<std::string> harmed;
    std::map<std::string, std::set<std::string>>
        drawn_by;                ///< segments' audits, controls aside: part -> auditors (hex)
    std::uint64_t poisoned = 0;  ///< completed with another root than honest training gives
    std::uint64_t blocks = 0;
    bool finished = false;
    /// Sum over the adversary's parties.
    [[nodiscard]] std::int64_t adversary_net() const;
    [[nodiscard]] std::uint64_t count(const std::string& kind) const;
};

class Season {
  public:
    Season(SeasonOptions options, Cast cast);
    SeasonResult run();
    [[nodiscard]] World& world() { return world_; }
    [[nodiscard]] const Person& worker(std::size_t seat) const { return world_.workers[seat]; }

  private:
    void open_books();
    [[nodiscard]] bool posting() const;
    void post();
    void step();
    void show_data();
    void note_events();
    void close_job(const base::JobId& id);
    [[nodiscard]] bool settled() const;
    [[nodiscard]] SeasonResult balance();

    SeasonOptions options_;
    Cast cast_;
    World world_;
    std::vector<Worker> workers_;
    std::vector<Validator> validators_;
    std::unique_ptr<SubmitterConduct> submitter_;
    SeasonResult result_;
    std::uint32_t posted_ = 0, open_ = 0;
    void note_harm(const market::Event& event);
    base::Amount worth_;
    std::map<std::string, std::string> honest_;  ///< ids (hex) of whoever may not be harmed
    std::set<base::JobId> own_;                  ///< jobs of the season's submitter
};

/// What honest training of a whole job gives.
base::Hash honest_root_of(const market::Job& job, const base::Hash& init_root);

}  // namespace assay::sim
