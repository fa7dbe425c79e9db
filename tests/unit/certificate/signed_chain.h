#pragma once

#include <functional>
#include <map>
#include <set>

#include "evidence/evidence.h"
#include "market/transactions.h"

namespace assay::evidence {

struct Party {
    base::SecretKey key;
    base::AccountId id;
    std::uint64_t nonce = 0;
};

/// A chain that one test holds in its hands: an operator, a submitter, workers and validators, and
/// a log of what they really signed. It draws as the rules do, with its own loop. `tag` makes
/// another chain with other keys.
class SignedChain {
  public:
    static constexpr std::uint32_t kWorkers = 4, kValidators = 3;
    explicit SignedChain(std::uint8_t tag = 0);

    [[nodiscard]] const base::Hash& chain_id() const { return chain_id_; }
    [[nodiscard]] const market::Genesis& genesis() const { return genesis_; }
    [[nodiscard]] const base::AccountId& worker(std::uint32_t lane) const {
        return workers_.at(lane).id;
    }
    [[nodiscard]] const base::AccountId& validator(std::size_t number) const {
        return validators_.at(number).id;
    }
    [[nodiscard]] base::JobId job_of(const base::Bytes& spec, const base::Hash& program_root,
                                     const base::Hash& init_root) const;
    /// All validators' keys, as a reader would have them.
    [[nodiscard]] std::vector<Trusted> trust() const;

    struct Options {
        std::uint32_t rate_ppm = 450'000;
        /// Who contributes to an epoch; everybody when empty.
        std::function<bool(std::uint64_t epoch, std::size_t validator)> contributes;
        /// What a validator says of a segment: valid when empty. Nothing: it misses.
        std::function<std::optional<market::VerdictKind>(
            const base::PartId& subject, std::uint32_t segment, std::size_t validator)>
            says;
        /// Attempts that were void before the part passed, each with another worker: committed,
        /// drawn, and no part of the history.
        std::uint32_t attempts_before = 0;
        /// Of every lane: how many leases it has had before.
        std::uint32_t lease_number = 1;
    };
    /// The records of a job with this history.
    Evidence run(const market::JobSpec& spec, const base::Hash& program_root,
                 const base::Hash& init_root, const std::vector<market::JobHistoryEntry>& entries,
                 const Options& options);
    /// What an operator can do alone: sign a head over other receipts.
    void sign_head(Evidence& evidence) const;

  private:
    struct Leaf {
        Commitment commitment;
        std::uint32_t segments = 1, rate_ppm = 0, first_segment = 0, in_part = 0, redraws = 0;
        market::DrawSubject subject;  ///< of its first segment
        base::PartId claim;
        base::Hash root;  ///< what cells are proved over
        bool redraw = false;
    };
    void append(Party& party, const market::Message& message);
    void prove();
    void epoch(bool draw = true);
    void drain();
    void draw_leaf(const Leaf& leaf, std::uint64_t number,
                   const std::map<std::size_t, base::Hash>& y, bool void_);
    void commit_part(const market::PartPassed& part, const market::JobSpec& spec);
    void take(const market::JobHistoryEntry& entry, const market::JobSpec& spec);
    Party& party_of(const base::AccountId& id);

    base::SecretKey operator_;
    Party submitter_;
    std::vector<Party> workers_, validators_;
    market::Genesis genesis_;
    base::Hash chain_id_;

    // Of one run.
    Options options_;
    base::JobId job_;
    Evidence out_;
    std::vector<base::Hash> log_;
    std::uint64_t epoch_next_ = 0;
    std::vector<Leaf> pending_;
    std::vector<std::pair<std::uint64_t, std::size_t>> signed_logs_;  ///< epoch index, size
};

}  // namespace assay::evidence
