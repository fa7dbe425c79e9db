#pragma once

#include <map>
#include <vector>

#include "world.h"

namespace assay::sim {

/// How a worker departs from honesty.
enum class WorkerKind : std::uint8_t { honest, fakes_everything, silent_after_draw, never_closes, wrong_merge };
/// How a validator does.
enum class ValidatorKind : std::uint8_t { honest, never_contributes, always_invalid, always_valid, never_seals, never_reveals };

/// Trains what it has leases for, as a reaction to the state it sees after each block.
class Worker {
  public:
    Worker(World& world, std::size_t index, WorkerKind kind = WorkerKind::honest);
    void offer(std::uint64_t price_per_gflop);
    void act();
    [[nodiscard]] const Person& person() const { return person_; }

  private:
    struct Work {
        std::vector<market::SegmentLeaf> leaves;
        std::vector<std::vector<base::Hash>> digests;
        std::vector<market::PlantRoot> plants;
        base::VrfProof proof;
    };
    void commit(const market::Job& job, const market::Lease& lease);
    Work train(const market::Job& job, const market::PartKey& key, const market::Lane& lane) const;
    void deliver(const market::Part& part);
    void close(const market::Job& job, const market::Part& part);
    void merge(const market::Job& job);

    World& world_;
    const Person& person_;
    WorkerKind kind_;
    std::map<base::PartId, Work> work_;
};

class Validator {
  public:
    Validator(World& world, std::size_t index, ValidatorKind kind = ValidatorKind::honest);
    void act();
    [[nodiscard]] const Person& person() const { return person_; }

  private:
    void contribute();
    market::Verdict judge(const market::Audit& audit) const;
    market::Verdict judge_merge(const market::Audit& audit) const;

    World& world_;
    const Person& person_;
    ValidatorKind kind_;
    std::map<base::AuditId, market::Verdict> verdicts_;
};

/// Runs blocks until the job is in a terminal state or `blocks_max` have passed. True when terminal.
bool run(World& world, std::vector<Worker>& workers, std::vector<Validator>& validators, const base::JobId& job, std::uint64_t blocks_max);

}  // namespace assay::sim
