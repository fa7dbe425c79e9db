#pragma once

#include "market/referee.h"

namespace assay::dispute {

/// Programs and games as the rules reach them: bytes in, bytes out. Holds nothing, so threads may
/// share it.
class LedgerReferee : public market::Referee {
  public:
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(
        const market::JobSpec& spec, base::ByteView encoded) const override;
    /// Requires a subject as the rules make them: with a spec that they accepted.
    [[nodiscard]] market::GameStatus open(const market::GameSubject& subject) const override;
    [[nodiscard]] tl::expected<market::GameStatus, market::MoveRefusal> play(
        base::ByteView game, market::Side side, base::ByteView move) const override;

    /// Requires the same of its subject. Bytes that are no question are refused as malformed.
    [[nodiscard]] market::QuestionStatus open_question(
        const market::QuestionSubject& subject) const override;
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> answer(
        base::ByteView question, base::ByteView bytes) const override;
    [[nodiscard]] tl::expected<market::QuestionStatus, market::MoveRefusal> ask(
        base::ByteView question, std::uint32_t child) const override;
    [[nodiscard]] tl::expected<bool, market::MoveRefusal> leaf_differs(
        base::ByteView question, std::uint64_t leaf, base::ByteView bytes) const override;
    [[nodiscard]] std::uint64_t blob_bytes(const market::QuestionSubject& subject) const override;
};

}  // namespace assay::dispute
