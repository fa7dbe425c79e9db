#pragma once

#include <functional>
#include <optional>

#include "market/commitment.h"
#include "market/objects.h"
#include "market/transactions.h"

/// How a party behaves wherever it has a choice. The base classes are honest; a strategy of an adversary overrides what it does otherwise.
/// Training is a hash (world.h), so a lie is another hash, and what a strategy costs to compute is said by the strategy.
namespace assay::sim {

class World;
struct Person;

inline constexpr std::uint32_t kWhole = 1'000'000;

/// One segment that a worker has to train.
struct SegmentPlace {
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    std::uint32_t segment = 0;               ///< within the round
    std::uint32_t index = 0, count = 0;      ///< within its part
    base::Hash start;                        ///< state root it starts from
};

/// What a worker makes of it.
struct SegmentWork {
    base::Hash end;                          ///< state root it commits to
    bool true_steps = true;                  ///< its step digests are those of honest training
    std::uint32_t computed_ppm = kWhole;     ///< share of the honest computation it spent
    std::optional<bool> plant;               ///< says so, whatever is forced
    std::optional<base::Hash> payload = {};  ///< of a segment that closes a round, instead of the pretended one
};

/// All that stands behind one commitment.
struct PartWork {
    std::vector<market::SegmentLeaf> leaves;
    std::vector<std::vector<base::Hash>> digests;
    std::vector<market::PlantRoot> plants;
    base::VrfProof proof;
    base::Hash end;                          ///< state root at the end of the part
    base::Hash payload;                      ///< what its lane gives to the merge, when it closes a round
};

/// What a side does when it is its turn in a dispute.
enum class Play : std::uint8_t { move, wait, concede };

class WorkerConduct {
  public:
    enum class Drawn : std::uint8_t { deliver, wait, confess, retract };

    virtual ~WorkerConduct() = default;
    /// `honest_end`: what training gives.
    virtual SegmentWork train(const World&, const SegmentPlace&, const base::Hash& honest_end) { return {honest_end, true, kWhole, {}}; }
    /// Whether it commits the lease's next part now; asked again after each block.
    virtual bool commits(const World&, const market::Job&, const market::Lease&) { return true; }
    virtual Drawn drawn(const World&, const market::Part&) { return Drawn::deliver; }
    virtual bool closes(const World&, const market::Part&) { return true; }
    virtual base::Hash merge(const World&, const market::Job&, const base::Hash& honest_root) { return honest_root; }
    virtual Play plays(const World&, const market::Dispute&) { return Play::move; }
    /// Its commitment has gone out.
    virtual void committed(const base::PartId&, const PartWork&) {}
    /// Anything else it wants to send in this block.
    virtual std::vector<market::Message> extra(const World&) { return {}; }
};

/// What a validator says about an audit.
struct Opinion {
    market::Verdict verdict;
    std::uint32_t computed_ppm = kWhole;     ///< share of the replay it spent
    std::optional<base::Hash> seal;          ///< sends this instead of its own seal
};

class ValidatorConduct {
  public:
    virtual ~ValidatorConduct() = default;
    virtual bool contributes(const World&, const market::Epoch&) { return true; }
    virtual bool seals(const World&, const market::Audit&) { return true; }
    virtual bool reveals(const World&, const market::Audit&) { return true; }
    virtual Play plays(const World&, const market::Dispute&) { return Play::move; }
    /// Anything else it wants to send in this block: challenges.
    virtual std::vector<market::Message> extra(const World&, const Person&) { return {}; }
    /// What the last `extra` had to compute, in grains at the protocol's price.
    virtual base::Amount extra_cost() { return {}; }
    /// `recompute` gives the true verdict; whoever asks has computed.
    virtual Opinion judge(const World&, const market::Audit&, const std::function<market::Verdict()>& recompute) { return {recompute(), kWhole, {}}; }
};

}  // namespace assay::sim
