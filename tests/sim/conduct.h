#pragma once

#include <functional>
#include <optional>

#include "market/commitment.h"
#include "market/objects.h"
#include "market/transactions.h"

/// How a party behaves wherever it has a choice. The base classes are honest; a strategy of an
/// adversary overrides what it does otherwise. Training is a hash (world.h), so a lie is another
/// hash, and what a strategy costs to compute is said by the strategy.
namespace assay::sim {

class World;
struct Person;

inline constexpr std::uint32_t kWhole = 1'000'000;

/// One segment that a worker has to train.
struct SegmentPlace {
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    std::uint32_t segment = 0;           ///< within the round
    std::uint32_t index = 0, count = 0;  ///< within its part
    base::Hash start;                    ///< state root it starts from
};

/// What a worker makes of it.
struct SegmentWork {
    base::Hash end;                       ///< state root it commits to
    std::uint32_t computed_ppm = kWhole;  ///< share of the honest computation it spent
    std::optional<base::Hash> payload =
        {};  ///< of a segment that closes a round, instead of the pretended one
};

/// All that stands behind one commitment.
struct PartWork {
    std::vector<market::SegmentLeaf> leaves;
    base::Hash end;      ///< state root at the end of the part
    base::Hash payload;  ///< what its lane gives to the merge, when it closes a round
};

/// What a side does when it is its turn in a dispute.
enum class Play : std::uint8_t { move, wait, concede };

class WorkerConduct {
  public:
    enum class Drawn : std::uint8_t { deliver, wait, confess, retract };

    virtual ~WorkerConduct() = default;
    /// Whether it takes a lane that is offered to it.
    virtual bool accepts(const World&, const market::Job&, const market::Reservation&) {
        return true;
    }
    /// `honest_end`: what training gives.
    virtual SegmentWork train(const World&, const SegmentPlace&, const base::Hash& honest_end) {
        return {honest_end, kWhole};
    }
    /// Whether it commits the lease's next part now; asked again after each block.
    virtual bool commits(const World&, const market::Job&, const market::Lease&) { return true; }
    virtual Drawn drawn(const World&, const market::Part&) { return Drawn::deliver; }
    virtual bool closes(const World&, const market::Part&) { return true; }
    /// Whether it posts a merge that it owes; asked again after each block.
    virtual bool merges(const World&, const market::MergeRecord&) { return true; }
    virtual base::Hash merge(const World&, const market::Job&, const base::Hash& honest_root) {
        return honest_root;
    }
    virtual Play plays(const World&, const market::Dispute&) { return Play::move; }
    /// Last change to what stands behind a commitment that has not gone out yet: a salt is free,
    /// the roots are as trained.
    virtual void finish(const World&, const base::PartId&, PartWork&) {}
    /// Its commitment has gone out.
    virtual void committed(const base::PartId&, const PartWork&) {}
    /// Whether it answers a question that it is obliged to answer, with what it has stored.
    virtual bool answers(const World&, const market::Question&) { return true; }
    /// Anything else it wants to send in this block.
    virtual std::vector<market::Message> extra(const World&) { return {}; }
};

/// What recomputing a claim gives.
struct Finding {
    base::Hash end;       ///< the root, in the place of the committed one
    bool agrees = false;  ///< with what was committed
    std::vector<base::Hash>
        cells;  ///< at the auditor's own spot; of a control, at that of the audit it controls
};

/// What a validator says about an audit: `invalid` with this root, else `valid` with these cells.
struct Opinion {
    std::optional<base::Hash> invalid;
    std::vector<base::Hash> cells;
    std::uint32_t computed_ppm = kWhole;  ///< share of the replay it spent
    std::optional<base::Hash> seal = {};  ///< sends this instead of its own seal
};
/// Says what it found.
Opinion opinion_of(const Finding& finding);
/// Says `valid` with cells that are made up.
Opinion guess(const World& world, const market::Audit& audit);

class ValidatorConduct {
  public:
    virtual ~ValidatorConduct() = default;
    virtual bool contributes(const World&, const market::Epoch&) { return true; }
    virtual bool seals(const World&, const market::Audit&) { return true; }
    virtual bool reveals(const World&, const market::Audit&) { return true; }
    virtual bool opens_cells(const World&, const market::Audit&) { return true; }
    /// Whether it comes back from jail as soon as it may.
    virtual bool returns(const World&) { return true; }
    virtual Play plays(const World&, const market::Dispute&) { return Play::move; }
    /// Anything else it wants to send in this block: challenges.
    virtual std::vector<market::Message> extra(const World&, const Person&) { return {}; }
    /// What the last `extra` had to compute, in grains at the protocol's price.
    virtual base::Amount extra_cost() { return {}; }
    /// `recompute` gives the truth; whoever asks has computed.
    virtual Opinion judge(const World&, const market::Audit&,
                          const std::function<Finding()>& recompute) {
        return opinion_of(recompute());
    }
};

}  // namespace assay::sim
