#pragma once

#include <map>
#include <memory>
#include <set>

#include "conduct.h"
#include "season.h"
#include "worker_strategies.h"

/// Strategies of validators, submitters, and of several parties together.
namespace assay::sim {

/// Says `valid` without computing; its digest is a guess.
class Lazy final : public ValidatorConduct {
  public:
    Opinion judge(const World& world, const market::Audit& audit, const std::function<market::Verdict()>& recompute) override;
};

/// Sends the seal that another validator has sent, as its own.
class CopiesSeals final : public ValidatorConduct {
  public:
    Opinion judge(const World& world, const market::Audit& audit, const std::function<market::Verdict()>& recompute) override;
};

/// Says `invalid` without computing.
class FalseAccuser final : public ValidatorConduct {
  public:
    Opinion judge(const World& world, const market::Audit& audit, const std::function<market::Verdict()>& recompute) override;
};

class WithholdsContribution final : public ValidatorConduct {
  public:
    bool contributes(const World&, const market::Epoch&) override { return false; }
};

/// Takes audits and never answers: the delivery, it says, never came.
class ClaimsNonDelivery final : public ValidatorConduct {
  public:
    bool seals(const World&, const market::Audit&) override { return false; }
};

/// What a worker tells the validators it is in league with.
struct Coalition {
    std::map<base::PartId, PartWork> parts;
};

class ColludingWorker final : public Liar {
  public:
    explicit ColludingWorker(std::shared_ptr<Coalition> coalition) : Liar("colluder", kWhole, 0), coalition_(std::move(coalition)) {}
    void committed(const base::PartId& id, const PartWork& work) override { coalition_->parts[id] = work; }

  private:
    std::shared_ptr<Coalition> coalition_;
};

/// Confirms what the coalition's worker committed to, as if it had recomputed it; honest to everybody else.
class ColludingValidator final : public ValidatorConduct {
  public:
    explicit ColludingValidator(std::shared_ptr<Coalition> coalition) : coalition_(std::move(coalition)) {}
    Opinion judge(const World& world, const market::Audit& audit, const std::function<market::Verdict()>& recompute) override;

  private:
    std::shared_ptr<Coalition> coalition_;
};

/// Cancels every job when its workers have begun and before anything is committed.
class CancelsBeforeCommits final : public SubmitterConduct {
  public:
    std::vector<market::Message> act(const World& world, const Snapshot& seen) override;
};

/// Asks for rounds faster than anybody offers.
class ImpossibleDeadlines final : public SubmitterConduct {
  public:
    WorldOptions shape(const WorldOptions& usual) override;
};

/// Posts jobs whose training diverges or runs in subnormals: what comes out is of no use to anybody.
class NumericBomb final : public SubmitterConduct {
  public:
    bool useful() override { return false; }
};

/// A worker that wants its stake out of a lease signs two trees for one part, and an accomplice reports it.
Cast slashes_itself();

}  // namespace assay::sim
