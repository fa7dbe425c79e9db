#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "ledger/block.h"

/// The seam between what orders transactions (an engine: `solo` in this library, a BFT engine over
/// a socket later) and what executes them. Per height an engine calls prepare (if it proposes),
/// process, finalize, commit, in this order, from one thread.
namespace assay::ledger {

/// What an engine decides about a block: nothing else enters its execution.
struct Proposal {
    base::Height height;
    base::TimeMs time;
    std::vector<base::Bytes> transactions;
    bool operator==(const Proposal&) const = default;
};

/// Why `process` rejects a proposal: each is a pure function of the proposal and the head, the same
/// on every node. Failure of a transaction against the state is a result code, never a reason to
/// reject a block.
enum class ProposalProblem : std::uint8_t {
    wrong_height = 1,
    time_not_after_previous = 2,
    too_many_transactions = 3,
    too_many_bytes = 4,
    malformed_transaction = 5,
    duplicate_transaction = 6,
    too_heavy = 7,
};
std::string_view word_of(ProposalProblem problem);

/// A candidate that prepare left out for good (as opposed to one that did not fit).
struct LeftOut {
    std::size_t candidate = 0;  ///< index
    market::Refusal code = market::Refusal::none;
};
struct Prepared {
    Proposal proposal;
    std::vector<std::size_t> included;  ///< candidate index of each transaction
    std::vector<LeftOut> left_out;
};

struct Finalized {
    Block block;                    ///< its head is not signed yet
    std::vector<Receipt> receipts;  ///< one per transaction
    std::vector<StoredEvent> events;
};

class Application {
  public:
    virtual ~Application() = default;
    /// The last committed head.
    [[nodiscard]] virtual const Head& head() const = 0;
    /// Chooses from candidates, in their order, what the rules admit on top of each other.
    virtual Prepared prepare(base::TimeMs time, std::vector<base::Bytes> candidates) = 0;
    [[nodiscard]] virtual std::optional<ProposalProblem> process(
        const Proposal& proposal) const = 0;
    /// Executes; changes nothing that lasts. Requires that process found no problem.
    virtual const Finalized& finalize(const Proposal& proposal) = 0;
    /// Makes the finalized block durable, in one write, and the new head. Requires finalize before.
    virtual void commit() = 0;
};

}  // namespace assay::ledger
