#pragma once

#include <set>
#include <vector>

#include "base/hash.h"
#include "market/draw.h"
#include "market/referee.h"

namespace assay::sim {

/// A referee that knows what honest training gives. A game of its is a fixed number of moves,
/// asserter first; then the truth decides, so that what is left to a party is to play, to stall, to
/// concede, or to be silent. A state tree of its is one node with eight tiles, which follow from
/// the root. The real games and questions are tested where they live (verify/dispute,
/// verify/commit).
class GroundTruth : public market::Referee {
  public:
    static constexpr std::uint8_t kMoves = 4;
    /// From which move on a game counts as traced.
    static constexpr std::uint8_t kTraced = 2;
    static constexpr std::uint32_t kTiles = 8;

    /// Size of every blob of jobs that are posted from now on.
    void set_blob_bytes(std::uint64_t bytes) { blob_bytes_ = bytes; }
    /// The initial state that follows from every program of the world.
    void set_init_root(const base::Hash& root) { init_root_ = root; }
    /// Training the segment that begins at `first_step` from `start` ends in this field.
    void know(const base::Hash& start, std::uint32_t round, std::uint32_t lane,
              std::uint32_t first_step, const base::Hash& end);

    [[nodiscard]] bool knows(const base::Hash& start, std::uint32_t round, std::uint32_t lane,
                             std::uint32_t first_step, const base::Hash& end) const;

    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(
        const market::JobSpec& spec, base::ByteView encoded) const override;
    [[nodiscard]] market::QuestionStatus open_question(
        const market::QuestionSubject& subject) const override;
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> answer(
        base::ByteView question, base::ByteView bytes) const override;
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> ask(
        base::ByteView question, std::uint32_t child) const override;
    [[nodiscard]] tl::expected<bool, market::MoveRefusal> leaf_differs(
        base::ByteView question, std::uint64_t leaf, base::ByteView bytes) const override;
    [[nodiscard]] std::uint64_t blob_bytes(const market::QuestionSubject&) const override {
        return blob_bytes_;
    }
    [[nodiscard]] market::GameStatus open(const market::GameSubject& subject) const override;
    [[nodiscard]] tl::expected<market::GameStatus, market::MoveRefusal> play(
        base::ByteView game, market::Side side, base::ByteView move) const override;
    /// The only move there is.
    static base::Bytes move() { return {1}; }
    /// The right answer to what a question asks now.
    [[nodiscard]] base::Bytes right_answer(base::ByteView question) const;

  private:
    [[nodiscard]] bool true_claim(const market::GameSubject& subject) const;
    std::set<base::Hash> truths_;
    base::Hash init_root_;
    std::uint64_t blob_bytes_ = 0;
};

/// Where a stage is played: what its cells follow from.
struct CellPlace {
    market::GameStage stage = market::GameStage::segment;
    std::uint32_t round = 0, lane = 0, first_step = 0;
    base::Hash start;  ///< zeros in init
};
/// The hash of one cell that honest training gives.
base::Hash true_cell(const CellPlace& place, const base::VrfOutput& spot, std::uint32_t cell);
std::vector<base::Hash> true_cells(const CellPlace& place, const base::VrfOutput& spot);

}  // namespace assay::sim
