#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "conduct.h"
#include "season.h"
#include "worker_strategies.h"

/// Strategies of validators, submitters, and of several parties together.
namespace assay::sim {

/// Says `valid` without computing; its cells are a guess.
class Lazy final : public ValidatorConduct {
  public:
    Opinion judge(const World& world, const market::Audit& audit,
                  const std::function<Finding()>& recompute) override;
};

/// Says `invalid` without computing.
class FalseAccuser final : public ValidatorConduct {
  public:
    Opinion judge(const World& world, const market::Audit& audit,
                  const std::function<Finding()>& recompute) override;
};

/// Challenges honest work with made-up roots, one after the other, as long as its stake lasts.
class SerialChallenger : public ValidatorConduct {
  public:
    std::vector<market::Message> extra(const World& world, const Person& self) override;

  protected:
    /// Whether it challenges this worker's parts.
    virtual bool wants(const World&, const market::Part&) const { return true; }
    /// The root it claims; `honest`: what it would find if it computed.
    virtual base::Hash claim(const World& world, const market::Part& part) const {
        return numbered(world.options.seed, "challenge", part.first_segment);
    }

  private:
    std::vector<market::ChallengeOpen> sealed_;
    std::set<base::PartId> seen_;
};

/// Challenges its accomplice's false work with a root that is worse, and loses on purpose: a
/// shield, if losing closed the case.
class ShieldsWithAWorseRoot final : public SerialChallenger {
  public:
    Play plays(const World&, const market::Dispute&) override { return Play::concede; }

  private:
    bool wants(const World& world, const market::Part& part) const override {
        return part.key.worker == world.workers[0].id;
    }
};

/// Also computes what a worker that it suspects has passed, and challenges what is wrong: an honest
/// validator that lives on bounties too.
class Watches final : public ValidatorConduct {
  public:
    explicit Watches(std::size_t suspect) : suspect_(suspect) {}
    std::vector<market::Message> extra(const World& world, const Person& self) override;
    base::Amount extra_cost() override { return std::exchange(cost_, base::Amount{}); }

  private:
    std::size_t suspect_;
    std::vector<market::ChallengeOpen> sealed_;
    std::set<base::JobId> seen_;
    base::Amount cost_;
};

/// Repeats, under its own name, every challenge that becomes public. It holds a worker's stake and
/// does nothing else.
class CopiesChallenges final : public WorkerConduct {
  public:
    explicit CopiesChallenges(std::size_t seat) : seat_(seat) {}
    std::vector<market::Message> extra(const World& world) override;

  private:
    std::size_t seat_;
    std::set<base::DisputeId> seen_;
    std::vector<market::ChallengeOpen> sealed_;
};

/// Honest until a moment, and never seen again.
class LeavesForGood final : public ValidatorConduct {
  public:
    explicit LeavesForGood(std::uint64_t after_blocks) : after_(after_blocks) {}
    bool contributes(const World& world, const market::Epoch&) override { return here(world); }
    bool seals(const World& world, const market::Audit&) override { return here(world); }
    bool reveals(const World& world, const market::Audit&) override { return here(world); }
    bool opens_cells(const World& world, const market::Audit&) override { return here(world); }
    bool returns(const World& world) override { return here(world); }
    Play plays(const World& world, const market::Dispute&) override {
        return here(world) ? Play::move : Play::wait;
    }

  private:
    [[nodiscard]] bool here(const World& world) const { return world.blocks < after_; }
    std::uint64_t after_;
};

/// Says `valid` for what it has computed, and never opens its cells to a control.
class HidesCells final : public ValidatorConduct {
  public:
    bool opens_cells(const World&, const market::Audit&) override { return false; }
    Opinion judge(const World& world, const market::Audit& audit,
                  const std::function<Finding()>&) override {
        return guess(world, audit);
    }
};

class NeverSeals final : public ValidatorConduct {
  public:
    bool seals(const World&, const market::Audit&) override { return false; }
};

/// Computes nothing, waits until another auditor of the same work has sealed, and sends that seal
/// as its own.
class CopiesSeals final : public ValidatorConduct {
  public:
    bool seals(const World& world, const market::Audit& audit) override;
    Opinion judge(const World& world, const market::Audit& audit,
                  const std::function<Finding()>& recompute) override;
    /// It does not know what it has sealed.
    bool reveals(const World&, const market::Audit&) override { return false; }
};

/// Says of whatever it has to audit that it cannot get it, as long as that stops its clock.
class ClaimsNonDelivery final : public ValidatorConduct {
  public:
    bool seals(const World&, const market::Audit& audit) override {
        return audit.claim != market::ClaimKind::segment;
    }
    std::vector<market::Message> extra(const World& world, const Person& self) override;
};

/// Challenges honest work with made-up roots at the last moment of its window, and makes every move
/// at the last moment.
class LateAccuser final : public SerialChallenger {
  public:
    Play plays(const World& world, const market::Dispute& dispute) override {
        return plays_late(world, dispute);
    }

  private:
    bool wants(const World& world, const market::Part& part) const override;
};

/// Challenges the same parts as others of its kind, each with a root of its own: as many games as
/// there are accusers.
class AccusesInCompany final : public SerialChallenger {
  public:
    explicit AccusesInCompany(std::uint64_t seat) : seat_(seat) {}

  private:
    base::Hash claim(const World& world, const market::Part& part) const override;
    std::uint64_t seat_;
};

/// Honest, and does everything at the last moment.
class LateValidator final : public ValidatorConduct {
  public:
    bool contributes(const World& world, const market::Epoch& epoch) override {
        return is_last_moment(world, epoch.deadline);
    }
    bool seals(const World& world, const market::Audit& audit) override {
        return is_last_moment(world, audit.deadline);
    }
    bool reveals(const World& world, const market::Audit& audit) override {
        return is_last_moment(world, audit.deadline);
    }
    bool opens_cells(const World& world, const market::Audit& audit) override {
        return is_last_moment(world, audit.deadline);
    }
    Play plays(const World& world, const market::Dispute& dispute) override {
        return plays_late(world, dispute);
    }
};

class WithholdsContribution final : public ValidatorConduct {
  public:
    bool contributes(const World&, const market::Epoch&) override { return false; }
};

/// What a worker tells the validators it is in league with.
struct Coalition {
    std::map<base::PartId, PartWork> parts;
};

class ColludingWorker final : public Liar {
  public:
    explicit ColludingWorker(std::shared_ptr<Coalition> coalition)
        : Liar("colluder", kWhole, 0), coalition_(std::move(coalition)) {}
    void committed(const base::PartId& id, const PartWork& work) override {
        coalition_->parts[id] = work;
    }

  private:
    std::shared_ptr<Coalition> coalition_;
};

/// Confirms what the coalition's worker committed to, as if it had recomputed it; honest to
/// everybody else.
class ColludingValidator final : public ValidatorConduct {
  public:
    explicit ColludingValidator(std::shared_ptr<Coalition> coalition)
        : coalition_(std::move(coalition)) {}
    Opinion judge(const World& world, const market::Audit& audit,
                  const std::function<Finding()>& recompute) override;

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

/// Honest, and shows what it is asked for at the last moment.
class LateSubmitter final : public SubmitterConduct {
  public:
    bool answers(const World& world, const market::Question& question) override {
        return is_last_moment(world, question.deadline);
    }
};

/// Posts jobs and keeps their data to itself.
class WithholdsData final : public SubmitterConduct {
  public:
    bool withholds() override { return true; }
    bool useful() override { return false; }
};

/// Says of everything that is committed that it can't be got: a validator that wants the work void
/// without having looked at it.
class ClaimsMissingChunks final : public ValidatorConduct {
  public:
    std::vector<market::Message> extra(const World& world, const Person& self) override;

  private:
    std::set<base::PartId> seen_;
};

/// Trains honestly until it has a record, and fakes everything afterwards. Its own jobs cost it
/// nothing to compute.
class WashesItsRecord final : public Liar {
  public:
    explicit WashesItsRecord(std::shared_ptr<Coalition> coalition)
        : Liar("washed", kWhole, 0), coalition_(std::move(coalition)) {}
    SegmentWork train(const World& world, const SegmentPlace& place,
                      const base::Hash& honest_end) override;
    void committed(const base::PartId& id, const PartWork& work) override {
        coalition_->parts[id] = work;
    }

  private:
    std::shared_ptr<Coalition> coalition_;
};
/// A worker that is its own submitter and has a validator: it buys a record with jobs of its own,
/// and then fakes those of others.
Cast record_washing();

/// Posts jobs whose training diverges or runs in subnormals: what comes out is of no use to
/// anybody.
class NumericBomb final : public SubmitterConduct {
  public:
    bool useful() override { return false; }
};

/// One commitment with a made-up tree, signed as the worker's next transaction would be: two of
/// them, numbered, are evidence against it.
base::Bytes signed_commit(const World& world, const Person& worker, const market::Lease& lease,
                          const market::Job& job, std::uint32_t which);
/// A worker that wants its stake out of a lease signs two trees for one part, and an accomplice
/// reports it.
Cast slashes_itself();

}  // namespace assay::sim
