#pragma once

#include <string>
#include <tl/expected.hpp>

#include "evidence/evidence.h"
#include "ledger/node.h"

namespace assay::evidence {

/// What is read of a ledger, as it stands under one head. Owns nothing; one thread.
class Records {
  public:
    virtual ~Records() = default;
    [[nodiscard]] virtual ledger::Head head() const = 0;
    [[nodiscard]] virtual const market::StateReader& state() const = 0;
    /// At most `limit` events after the cursor; nothing given: from the first one.
    [[nodiscard]] virtual std::vector<ledger::StoredEvent> events(
        std::optional<ledger::EventCursor> after, std::size_t limit) const = 0;
    /// The transactions of a block; nothing when there is none.
    [[nodiscard]] virtual std::optional<std::vector<ledger::BlockTransaction>> block(
        base::Height height) const = 0;
    [[nodiscard]] virtual std::optional<ledger::Receipt> receipt(
        const base::TransactionId& id) const = 0;
    /// Under the head's log.
    [[nodiscard]] virtual std::optional<std::vector<base::Hash>> inclusion(
        std::uint64_t index) const = 0;
    [[nodiscard]] virtual std::optional<std::vector<base::Hash>> consistency(
        std::uint64_t old_size) const = 0;
};

/// What the ledger holds about an ended job, under its head. Reads the events and blocks from the
/// job's first epoch on, so it works after every object of the job has left the state but its
/// record and history. The error is one sentence: the job has not ended, or the epoch that holds
/// its end is not drawn yet.
tl::expected<Evidence, std::string> collect(const Records& records, base::ByteView genesis,
                                            const base::JobId& job);
tl::expected<Evidence, std::string> collect(const ledger::Snapshot& snapshot,
                                            base::ByteView genesis, const base::JobId& job);

}  // namespace assay::evidence
