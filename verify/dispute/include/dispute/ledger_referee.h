#pragma once

#include "market/referee.h"

namespace assay::dispute {

/// Programs and games as the rules reach them: bytes in, bytes out. Holds nothing, so threads may share it.
class LedgerReferee final : public market::Referee {
  public:
    [[nodiscard]] tl::expected<market::JobFacts, market::SpecError> facts(
        const market::JobSpec& spec, base::ByteView encoded) const override;
    /// Requires a subject as the rules make them: with a spec that they accepted.
    [[nodiscard]] market::GameStatus open(const market::GameSubject& subject) const override;
    [[nodiscard]] tl::expected<market::GameStatus, market::MoveRefusal> play(
        base::ByteView game, market::Side side, base::ByteView move) const override;
};

}  // namespace assay::dispute
