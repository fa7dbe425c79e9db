#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "conduct.h"
#include "world.h"

namespace assay::sim {

/// How a worker departs from honesty.
enum class WorkerKind : std::uint8_t {
    honest,
    fakes_everything,
    silent_after_draw,
    never_closes,
    wrong_merge,
    never_accepts
};
/// How a validator does.
enum class ValidatorKind : std::uint8_t {
    honest,
    never_contributes,
    always_invalid,
    always_valid,
    never_seals,
    never_reveals,
    never_opens_cells
};

std::unique_ptr<WorkerConduct> conduct_of(WorkerKind kind);
std::unique_ptr<ValidatorConduct> conduct_of(ValidatorKind kind);

/// What parties look at after a block: read once, for all of them.
struct Snapshot {
    struct OpenJob {
        market::Job job;
        std::vector<market::Lane> lanes;
        std::vector<market::Lease> leases;  ///< active ones
        std::vector<market::Part> parts;    ///< of unfinal rounds
    };
    std::vector<OpenJob> jobs;
    std::vector<market::Epoch> contributing;
};
Snapshot snapshot(const World& world);

/// Trains what it has leases for, as a reaction to the state it sees after each block.
class Worker {
  public:
    Worker(World& world, std::size_t index, WorkerKind kind = WorkerKind::honest)
        : Worker(world, index, conduct_of(kind)) {}
    Worker(World& world, std::size_t index, std::unique_ptr<WorkerConduct> conduct)
        : Worker(world, world.workers[index], std::move(conduct)) {}
    /// Anybody may work: a validator, or a submitter for others.
    Worker(World& world, const Person& person, std::unique_ptr<WorkerConduct> conduct);
    void offer(std::uint64_t price_per_gflop, std::uint32_t slots = 1,
               std::uint64_t bond = 1'000'000'000);
    void act() { act(snapshot(world_)); }
    void act(const Snapshot& seen);
    [[nodiscard]] const Person& person() const { return person_; }
    [[nodiscard]] WorkerConduct& conduct() { return *conduct_; }
    /// What its computing cost so far, at the protocol's price.
    [[nodiscard]] base::Amount computed() const { return computed_; }

  private:
    void accept(const Snapshot::OpenJob& open);
    void commit(const market::Job& job, const market::Lease& lease, const market::Lane& lane);
    PartWork train(const market::Job& job, const market::PartKey& key, const market::Lane& lane);
    void answer_draw(const market::Part& part);
    void deliver(const market::Part& part);
    void close(const market::Part& part);
    void merge(const market::Job& job);
    void answer_questions();
    /// Asks the submitter to show the data that it can't find.
    void ask_for_data(const base::JobId& job);
    void forget();

    World& world_;
    const Person& person_;
    std::unique_ptr<WorkerConduct> conduct_;
    std::map<base::PartId, PartWork> work_;
    base::Amount computed_;
};

class Validator {
  public:
    Validator(World& world, std::size_t index, ValidatorKind kind = ValidatorKind::honest)
        : Validator(world, index, conduct_of(kind)) {}
    Validator(World& world, std::size_t index, std::unique_ptr<ValidatorConduct> conduct);
    void act() { act(snapshot(world_)); }
    void act(const Snapshot& seen);
    [[nodiscard]] const Person& person() const { return person_; }
    [[nodiscard]] ValidatorConduct& conduct() { return *conduct_; }
    [[nodiscard]] base::Amount computed() const { return computed_; }

  private:
    /// What it has on its disk about one audit.
    struct Sealed {
        market::Verdict verdict;
        base::Hash nonce;
        std::vector<base::Hash> cells;
        std::optional<base::VrfProof> proof;
        base::Hash seal;  ///< what it sends
    };

    void contribute(const Snapshot& seen);
    void come_back();
    void answer_audits();
    /// True when the audit waits for something else.
    bool answer(const market::Audit& audit);
    const Sealed& judged(const market::Audit& audit);

    World& world_;
    const Person& person_;
    std::unique_ptr<ValidatorConduct> conduct_;
    std::map<base::AuditId, Sealed> sealed_;
    std::set<base::AuditId> due_;  ///< that wait for something of this validator
    std::size_t calls_seen_ = 0;
    base::Amount computed_;
};

/// What honest training of one segment of a part gives, in the place of its leaf's end field.
base::Hash honest_field(const market::Job& job, const market::Part& part, std::uint32_t segment,
                        const base::Hash& start);
/// What recomputing an audit gives, at this spot.
Finding find_truth(const World& world, const market::Audit& audit, const base::VrfOutput& spot);

/// Runs blocks until the job is in a terminal state or `blocks_max` have passed. True when
/// terminal.
bool run(World& world, std::vector<Worker>& workers, std::vector<Validator>& validators,
         const base::JobId& job, std::uint64_t blocks_max);

}  // namespace assay::sim
