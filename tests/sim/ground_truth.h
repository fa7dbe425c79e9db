#pragma once

#include <set>

#include "base/hash.h"
#include "market/referee.h"

namespace assay::sim {

/// A referee that knows what honest training gives. A game of its is a fixed number of moves, asserter first; then the truth decides, so that
/// what is left to a party is to play, to stall, to concede, or to be silent. The real game is tested where it lives (verify/dispute).
class GroundTruth final : public market::Referee {
  public:
    static constexpr std::uint8_t kMoves = 4;
    /// From which move on a game counts as traced.
    static constexpr std::uint8_t kTraced = 2;

    /// Training the segment that begins at `first_step` from `start` ends in this field (or a plant of it).
    void know(const base::Hash& start, std::uint32_t round, std::uint32_t lane, std::uint32_t first_step, const base::Hash& end);
    /// A world has programs of its own.
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(const market::JobSpec&, base::ByteView) const override {
        return tl::unexpected(market::SpecError{"(bytes)", "the truth knows no programs"});
    }
    [[nodiscard]] market::GameStatus open(const market::GameSubject& subject) const override;
    [[nodiscard]] tl::expected<market::GameStatus, market::MoveRefusal> play(base::ByteView game, market::Side side, base::ByteView move) const override;
    // Nobody asks for a state in these markets.
    [[nodiscard]] market::QuestionStatus open_question(const market::QuestionSubject&) const override { return {}; }
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> answer(base::ByteView, base::ByteView) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> ask(base::ByteView, std::uint32_t) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] tl::expected<bool, market::MoveRefusal> leaf_differs(base::ByteView, std::uint64_t, base::ByteView) const override {
        return tl::unexpected(market::MoveRefusal::over);
    }
    [[nodiscard]] std::uint64_t blob_bytes(const market::QuestionSubject&) const override { return 0; }
    /// The only move there is.
    static base::Bytes move() { return {1}; }

  private:
    [[nodiscard]] bool true_claim(const market::GameSubject& subject) const;
    std::set<base::Hash> truths_;
};

}  // namespace assay::sim
