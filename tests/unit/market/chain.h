#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/signature.h"
#include "ground_truth.h"
#include "market/job_spec.h"
#include "market/overlay.h"
#include "market/queries.h"
#include "market/rules.h"
#include "market/transactions.h"

/// A small chain in memory whose clock and parties a test moves by hand.
namespace assay::market {

struct Party {
    base::SecretKey key, vrf;
    base::AccountId id;
};

/// Every spec is a program of one size, unless a test spoils the facts.
class OneProgram final : public sim::GroundTruth {
  public:
    static constexpr std::uint64_t kFileBytes = 4096;

    OneProgram();
    [[nodiscard]] tl::expected<JobFacts, SpecError> facts(const JobSpec& spec,
                                                          base::ByteView encoded) const override;

    JobFacts given;  ///< of a spec with merges
    bool judgeable = true;
    mutable int asked = 0;  ///< how often somebody wanted facts
};

class TestChain {
  public:
    /// `change` may edit the genesis before the chain begins.
    explicit TestChain(const std::function<void(Genesis&)>& change = {});

    /// Runs one block, `ms` later, with this one transaction. Checks that nothing was made or lost
    /// and that a refusal changed nothing but fee and nonce.
    Refusal send(const Party& from, const Message& message, std::uint64_t ms = 10);
    /// The same with a header that the test has spoilt.
    Refusal send_with(const Party& from, const Message& message,
                      const std::function<void(TransactionHeader&)>& spoil);
    Refusal send_raw(base::ByteView raw, std::uint64_t ms = 10);
    /// A block without transactions.
    void pass(std::uint64_t ms);
    /// Blocks until `ms` of live time are over, at most five seconds each.
    void wait(std::uint64_t ms);

    [[nodiscard]] TransactionHeader header(const Party& from) const;
    [[nodiscard]] Receipt receipt(const base::BlobRoot& blob,
                                  std::uint64_t bytes = OneProgram::kFileBytes) const;
    [[nodiscard]] JobSpec spec() const;
    [[nodiscard]] JobPost job_post(const JobSpec& spec) const;
    [[nodiscard]] JobPost job_post() const { return job_post(spec()); }
    [[nodiscard]] OfferPost offer() const;
    /// Posts a job and gives it; the post must be accepted.
    Job post();
    /// Validators do their duty for a while: contributions, and the audits of initial states.
    void judge(std::uint64_t ms = 2'000);
    /// Whoever is asked for a lane accepts it.
    void accept(const base::JobId& job);
    /// A job whose initial state has passed, with its lanes given to whoever offers.
    Job start();
    [[nodiscard]] Job job(const base::JobId& job) const { return find_job(state, job).value(); }
    [[nodiscard]] Lease lease_of(const base::JobId& job, std::uint32_t lane) const;
    [[nodiscard]] base::Amount balance(const Party& party) const {
        return balance_of(state, party.id);
    }
    [[nodiscard]] Stake stake(const Party& party, Role role) const {
        return find_stake(state, party.id, role).value();
    }
    [[nodiscard]] bool saw(std::string_view kind) const;
    [[nodiscard]] base::TimeMs live() const { return load_chain(state).recorded_live; }

    market::MemoryState state;
    Genesis genesis;
    base::Hash id;
    Party submitter, stranger, newcomer, node;
    std::vector<Party> workers, validators;
    base::Height height;
    base::TimeMs time;
    std::vector<Event> events;  ///< of the last block
    TransactionResult last;
    OneProgram program;

  private:
    void check_supply() const;
    void contribute(const Party& validator);
    void answer_audits(const Party& validator);
    [[nodiscard]] BlockContext next_block() const;
};

Party make_party(std::uint8_t number);
base::Hash filled(std::uint8_t byte);

}  // namespace assay::market
