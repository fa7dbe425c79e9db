#pragma once

#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "sides.h"

/// Sides of games that nobody would call sensible: for tests in which an honest side meets whatever
/// may come.
namespace assay::dispute::testing {

/// Jobs of the smallest shapes with more than one tile.
market::JobSpec tiny_mlp();
market::JobSpec tiny_gpt();

/// Numbers of a fixed generator, the same everywhere.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t below(std::uint64_t n) { return engine_() % n; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    base::Hash noise() { return base::Hasher("assay.noise").add_u64(engine_()).finish(); }
    template <class T>
    const T& one_of(const std::vector<T>& all) {
        return all[below(all.size())];
    }

  private:
    std::mt19937_64 engine_;
};

/// A dishonest side's view: replayed with an error that changes the end.
struct Lie {
    std::unique_ptr<ScalarReplayer> replayer;
    std::unique_ptr<History> history;
    market::GameSubject subject;
};

/// One stage, the truth about it, and lies.
struct Quarrel {
    Quarrel(const market::JobSpec& spec, market::GameStage stage, std::uint32_t steps,
            bool closes_round, std::size_t lies_count, bool from_stepped = true,
            const std::optional<std::uint64_t>& cell_seed = std::nullopt);
    Arena arena;
    market::GameSubject truth;
    std::vector<Lie> lies;
};

/// The dishonest side: who it is changes from game to game, what it does from move to move.
class Rogue {
  public:
    Rogue(Quarrel& quarrel, const Terms& terms, Side side, std::size_t lie, Dice& dice);
    /// Bytes of some move. `tame`: what the side with the error would say.
    std::optional<base::Bytes> move(const base::Bytes& bytes, bool tame);

  private:
    std::vector<History*> histories();
    std::optional<base::Bytes> of_player(History& history, const base::Bytes& bytes);
    std::optional<base::Bytes> made_up_bytes(const Game& game);

    Quarrel& quarrel_;
    const Side side_;
    const std::size_t lie_;
    Dice& dice_;
    const Terms terms_;
    std::uint64_t chaos_;
};

}  // namespace assay::dispute::testing
