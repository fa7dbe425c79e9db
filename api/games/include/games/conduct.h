#pragma once

#include <memory>

#include "market/objects.h"
#include "prover/replayer.h"

namespace assay::games {

/// How a party computes in its games, and when it answers. The desk does everything else the same
/// way whoever plays, so tests can put a side here that lies or stalls; the product has only
/// `Honest`.
class Conduct {
  public:
    virtual ~Conduct() = default;
    virtual std::unique_ptr<dispute::Replayer> replayer(
        runtime::Job& job, const runtime::ExecutorOptions& options) = 0;
    /// Whether it moves now, or looks again a little later.
    virtual bool answers_now(const market::Dispute& dispute) = 0;
    /// Whether the disputed step is run by the scalar definition before the side rests on its trace
    /// (PROTOCOL section 4), where that takes no more than a quarter of its clock.
    virtual bool checks_definition() const = 0;
};

/// Replays with the executor that trained, answers at once, and gives up a game in which it finds
/// itself wrong.
class Honest final : public Conduct {
  public:
    std::unique_ptr<dispute::Replayer> replayer(runtime::Job& job,
                                                const runtime::ExecutorOptions& options) override;
    bool answers_now(const market::Dispute&) override { return true; }
    bool checks_definition() const override { return true; }
};

}  // namespace assay::games
