#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "conduct.h"
#include "world.h"

/// Strategies of workers. What differs between the ways to make up a segment is the root and what
/// it saves; the rules see a wrong root.
namespace assay::sim {

/// Commits a wrong root for a share of its segments, chosen by a hash. What it computes of a false
/// segment is its own affair.
class Liar : public WorkerConduct {
  public:
    Liar(std::string name, std::uint32_t lies_ppm, std::uint32_t computed_ppm)
        : name_(std::move(name)), lies_ppm_(lies_ppm), computed_ppm_(computed_ppm) {}
    SegmentWork train(const World& world, const SegmentPlace& place,
                      const base::Hash& honest_end) override;
    [[nodiscard]] bool lies_at(const SegmentPlace& place) const;

  protected:
    [[nodiscard]] virtual base::Hash false_root(const World& world, const SegmentPlace& place,
                                                const base::Hash& honest_end) const;

  private:
    std::string name_;
    std::uint32_t lies_ppm_, computed_ppm_;
};

/// Commits the state it was given, untrained.
class StaleCheckpoint final : public Liar {
  public:
    StaleCheckpoint() : Liar("stale checkpoint", kWhole, 0) {}

  private:
    base::Hash false_root(const World&, const SegmentPlace& place,
                          const base::Hash&) const override {
        return place.start;
    }
};

/// Commits what another lane has committed to for the same place, once there is such a thing; else
/// what that lane started from.
class OthersCheckpoint final : public Liar {
  public:
    OthersCheckpoint() : Liar("another's checkpoint", kWhole, 0) {}

  private:
    base::Hash false_root(const World& world, const SegmentPlace& place,
                          const base::Hash& honest_end) const override;
};

/// Lies, and says nothing when drawn.
class WithholdsWhenDrawn final : public Liar {
  public:
    WithholdsWhenDrawn() : Liar("withholds", kWhole, 0) {}
    Drawn drawn(const World&, const market::Part&) override { return Drawn::wait; }
};

/// Lies, tries to take back what is drawn, and confesses when that is refused.
class RetractsWhatIsDrawn final : public Liar {
  public:
    RetractsWhatIsDrawn() : Liar("retracts", kWhole, 0) {}
    Drawn drawn(const World& world, const market::Part& part) override;

  private:
    std::map<base::PartId, int> tried_;
};

/// Trains honestly and leaves the last part of each round undone until its time is over.
class StallsLate final : public WorkerConduct {
  public:
    bool commits(const World& world, const market::Job& job, const market::Lease& lease) override;
};

/// Takes lanes and does nothing.
class Squats final : public WorkerConduct {
  public:
    bool commits(const World&, const market::Job&, const market::Lease&) override { return false; }
};

/// Fakes, and gives up for the fixed fee as soon as somebody disputes.
class ConcedesWhenCaught final : public Liar {
  public:
    ConcedesWhenCaught() : Liar("concedes", kWhole, 0) {}
    Play plays(const World&, const market::Dispute&) override { return Play::concede; }
};

/// Holds lanes by being the cheapest, and never accepts one.
class HoldsLanesVacant final : public WorkerConduct {
  public:
    bool accepts(const World&, const market::Job&, const market::Reservation&) override {
        return false;
    }
};

/// How long before its deadline an action still is in time: a deadline is over in its own block, an
/// idle block takes 5,000 ms, the one with the action 20.
inline constexpr std::uint64_t kLastMomentMs = 5'021;
inline bool is_last_moment(const World& world, base::TimeMs deadline) {
    return deadline.value <= world.live().value + kLastMomentMs;
}

/// A side has one clock for all its moves: it keeps a moment for each that may come.
inline Play plays_late(const World& world, const market::Dispute& dispute) {
    const std::uint64_t kept =
        kLastMomentMs *
        (GroundTruth::kMoves - std::min<std::uint32_t>(dispute.moves, GroundTruth::kMoves - 1U));
    return dispute.deadline.value <= world.live().value + kept ? Play::move : Play::wait;
}

/// Delivers, answers, closes and moves at the last moment. Fakes a share of its segments.
class LateWorker final : public Liar {
  public:
    explicit LateWorker(std::uint32_t lies_ppm) : Liar("late", lies_ppm, 0) {}
    Drawn drawn(const World& world, const market::Part& part) override {
        return is_last_moment(world, part.deadline) ? Drawn::deliver : Drawn::wait;
    }
    bool closes(const World& world, const market::Part& part) override {
        return is_last_moment(world, part.deadline);
    }
    bool answers(const World& world, const market::Question& question) override {
        return is_last_moment(world, question.deadline);
    }
    Play plays(const World& world, const market::Dispute& dispute) override {
        return plays_late(world, dispute);
    }
};

/// Honest, and does everything at the last moment, accepting and committing included.
class Procrastinates final : public WorkerConduct {
  public:
    bool accepts(const World& world, const market::Job& job,
                 const market::Reservation& asked) override;
    bool commits(const World& world, const market::Job&, const market::Lease& lease) override {
        return is_last_moment(world, lease.deadline);
    }
    Drawn drawn(const World& world, const market::Part& part) override {
        return is_last_moment(world, part.deadline) ? Drawn::deliver : Drawn::wait;
    }
    bool closes(const World& world, const market::Part& part) override {
        return is_last_moment(world, part.deadline);
    }
    bool merges(const World& world, const market::MergeRecord& merge) override {
        return is_last_moment(world, merge.deadline);
    }
    bool answers(const World& world, const market::Question& question) override {
        return is_last_moment(world, question.deadline);
    }
    Play plays(const World& world, const market::Dispute& dispute) override {
        return plays_late(world, dispute);
    }
};

/// Honest, with one machine: it makes one replay after the other, for the game with the least time
/// left, and a move needs a replay of its own.
class OneMachine final : public WorkerConduct {
  public:
    explicit OneMachine(std::uint64_t replay_ms) : replay_ms_(replay_ms) {}
    Play plays(const World& world, const market::Dispute& dispute) override;

  private:
    using Move = std::pair<base::DisputeId, std::uint32_t>;
    void work(const World& world, const base::AccountId& self);

    std::uint64_t replay_ms_;
    std::optional<Move> working_;
    std::uint64_t ready_ms_ = 0;
    std::set<Move> ready_;
};

/// Fakes, and makes each move of a game at the last moment.
class StallsInGames final : public Liar {
  public:
    StallsInGames() : Liar("stalls", kWhole, 0) {}
    Play plays(const World& world, const market::Dispute& dispute) override {
        return plays_late(world, dispute);
    }
};

/// Trains honestly and posts wrong merges.
class PoisonsMerges final : public WorkerConduct {
  public:
    base::Hash merge(const World& world, const market::Job& job, const base::Hash&) override {
        return numbered(world.options.seed, "wrong merge", job.round);
    }
};

}  // namespace assay::sim
