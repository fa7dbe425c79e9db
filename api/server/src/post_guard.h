#pragma once

#include <atomic>
#include <optional>

#include "market/queries.h"
#include "market/referee.h"
#include "market/refusal.h"
#include "market/transactions.h"

namespace assay::server {

/// One of the few places for compiling a program: a handful of large specs must not occupy every
/// worker thread.
class PlanSlot {
  public:
    PlanSlot(std::atomic<unsigned>& plans, unsigned plans_max) : plans_(plans) {
        taken_ = ++plans_ <= plans_max;
    }
    PlanSlot(const PlanSlot&) = delete;
    PlanSlot& operator=(const PlanSlot&) = delete;
    ~PlanSlot() { --plans_; }
    [[nodiscard]] bool taken() const { return taken_; }

  private:
    std::atomic<unsigned>& plans_;
    bool taken_ = false;
};

/// Stands before the node's referee while the edge tries a `job_post`. The rules ask for facts when
/// everything cheap has passed; here they get them only if the hold can be covered at all, and with
/// a slot, which it keeps: a refused post pays no fee. One post, one thread.
class PostGuard final : public market::Referee {
  public:
    /// `state`: before the post's fee. All arguments outlive the guard.
    PostGuard(const market::Referee& referee, const market::StateReader& state,
              const market::TransactionHeader& header, const market::JobPost& post,
              std::atomic<unsigned>& plans, unsigned plans_max)
        : referee_(referee),
          state_(state),
          header_(header),
          post_(post),
          plans_(plans),
          plans_max_(plans_max) {}

    /// Why no facts were computed, although the rules asked for them.
    [[nodiscard]] const std::optional<market::Refusal>& refusal() const { return refusal_; }
    /// No slot was free.
    [[nodiscard]] bool busy() const { return slot_ && !slot_->taken(); }
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(
        const market::JobSpec& spec, base::ByteView encoded) const override;
    [[nodiscard]] market::GameStatus open(const market::GameSubject& subject) const override {
        return referee_.open(subject);
    }
    [[nodiscard]] tl::expected<market::GameStatus, market::MoveRefusal> play(
        base::ByteView game, market::Side side, base::ByteView move) const override {
        return referee_.play(game, side, move);
    }
    [[nodiscard]] market::QuestionStatus open_question(
        const market::QuestionSubject& subject) const override {
        return referee_.open_question(subject);
    }
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> answer(
        base::ByteView question, base::ByteView bytes) const override {
        return referee_.answer(question, bytes);
    }
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> ask(
        base::ByteView question, std::uint32_t child) const override {
        return referee_.ask(question, child);
    }
    [[nodiscard]] tl::expected<bool, market::MoveRefusal> leaf_differs(
        base::ByteView question, std::uint64_t leaf, base::ByteView bytes) const override {
        return referee_.leaf_differs(question, leaf, bytes);
    }
    [[nodiscard]] std::uint64_t blob_bytes(const market::QuestionSubject& subject) const override {
        return referee_.blob_bytes(subject);
    }

  private:
    [[nodiscard]] std::optional<market::Refusal> too_dear(const market::JobSpec& spec) const;

    const market::Referee& referee_;
    const market::StateReader& state_;
    const market::TransactionHeader& header_;
    const market::JobPost& post_;
    std::atomic<unsigned>& plans_;
    const unsigned plans_max_;
    mutable std::optional<PlanSlot> slot_;
    mutable std::optional<market::Refusal> refusal_;
};

}  // namespace assay::server
