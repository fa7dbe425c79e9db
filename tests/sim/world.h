#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/chunk_tree.h"
#include "base/signature.h"
#include "ground_truth.h"
#include "market/job_spec.h"
#include "market/overlay.h"
#include "market/queries.h"
#include "market/rules.h"
#include "market/transactions.h"

/// A market in memory: the real rules, a pretended clock, pretended training. One seed decides
/// everything.
namespace assay::sim {

base::Hash numbered(std::uint64_t seed, std::string_view what, std::uint64_t n = 0);

/// Training as a hash: honest parties agree on it, and nobody gets it without "doing" it.
base::Hash trained_root(const base::Hash& start, const base::JobId& job, std::uint32_t round,
                        std::uint32_t lane, std::uint32_t segment);
base::Hash trained_payload(const base::Hash& end);
base::Hash merged_root(const base::Hash& opening, const std::vector<base::Hash>& payloads);

/// The bytes that a store keeps under a root. Three chunks unless stated.
inline constexpr std::size_t kBlobBytes = 2 * base::kBlobChunkBytes + 1'500;
base::Bytes blob_of(const base::Hash& what, std::size_t size = kBlobBytes);

struct Person {
    base::SecretKey key, vrf;
    base::AccountId id;
    std::string name;
};

struct WorldOptions {
    std::uint64_t seed = 1;
    std::uint32_t workers = 3, validators = 3;
    std::uint32_t lanes = 2, rounds = 3, round_steps = 20, segment_steps = 20, part_segments = 1;
    std::uint32_t rate_ppm = 450'000;
    std::uint32_t round_deadline_s = 3600;
    bool public_job = true;
    std::uint32_t audit_lag = 0;
    std::map<std::size_t, std::uint64_t> worker_stakes,
        validator_stakes;                           ///< grains of those that differ from the others
    std::function<void(market::Parameters&)> tune;  ///< changes the demo's parameters
    const market::Referee* referee =
        nullptr;  ///< of every block, instead of the truth; outlives the world
    /// Time that passes in a block in which nobody sends anything and nothing is due.
    std::uint64_t idle_ms = 5'000;
    /// Long runs: the supply is compared in every n-th block (0: never), and events are given out
    /// once and not kept.
    std::uint32_t supply_every = 1;
    bool keep_events = true;
    std::size_t blob_bytes = kBlobBytes;  ///< of every blob
    /// Keeps a real receipt log: told of every block, says what it holds after it. None: a
    /// pretended log.
    struct LogSize {
        std::uint64_t size = 0;
        base::Hash root;
    };
    std::function<LogSize(const market::BlockContext&, const std::vector<base::Bytes>&,
                          const std::vector<market::TransactionResult>&,
                          const std::vector<market::Event>&)>
        log;
    bool shows = true;  ///< who is asked about something stored answers by itself
    /// What honest books say is compared with the objects in every n-th block (invariants.h); 0:
    /// never.
    std::uint32_t books_every = 1;
};

class World {
  public:
    explicit World(const WorldOptions& options);
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    /// Puts a message into the next block.
    void send(const Person& person, const market::Message& message);
    void send_raw(base::Bytes raw) { queue_.emplace_back(base::AccountId{}, std::move(raw)); }
    base::Bytes build(const Person& person, const market::Message& message);
    /// What waits for the next block, decoded and taken back: for tests that change or hold back
    /// messages.
    std::vector<std::pair<const Person*, market::Message>> take_queue();
    [[nodiscard]] const Person& person(const base::AccountId& id) const;
    /// Runs one block and checks that nothing was made or lost. Time goes on to the next timer when
    /// nobody sends anything.
    void block();
    base::JobId post_job();
    /// Puts a job of this shape into the next block; its id.
    base::JobId send_job(const WorldOptions& shape) { return send_job(shape, submitter); }
    base::JobId send_job(const WorldOptions& shape, const Person& poster);
    /// A job with a spec and initial state of this world or real; the receipts are of its data and
    /// its initial state.
    base::JobId send_job(const market::JobSpec& spec, const base::Hash& job_init_root,
                         const market::Receipt& init, const market::Receipt& data,
                         const Person& poster);
    [[nodiscard]] market::JobSpec spec_of(const WorldOptions& shape) const;
    /// Time that passes while no block is made.
    void outage(std::uint64_t ms) { time_.value += ms; }
    /// A moment to which a test goes back: what the chain knows. What waits for the next block is
    /// not of it.
    struct Moment {
        market::MemoryState state;
        base::Hash log_root;
        std::uint64_t log_size = 0;
        base::Height height;
        base::TimeMs time;
    };
    [[nodiscard]] Moment moment() const { return {state_, log_root_, log_size_, height_, time_}; }
    void go_back(const Moment& moment);
    /// Everything that is the person's: balance, stake, what is unbonding, bonds, and what its open
    /// jobs hold.
    [[nodiscard]] base::Amount wealth_of(const Person& person) const;
    [[nodiscard]] market::Receipt receipt(const base::Hash& what) const;
    [[nodiscard]] market::Receipt receipt(const base::Bytes& bytes) const;
    /// The answer to what a question asks now, out of what has got a receipt: nothing when it is
    /// not the answerer's turn, or nobody has the blob.
    [[nodiscard]] std::optional<market::Message> answer_to(const market::Question& question) const;
    /// The bytes behind a blob that has got a receipt.
    [[nodiscard]] std::optional<base::Bytes> stored(const base::BlobRoot& blob) const;
    /// Nobody has sent anything for the next block.
    [[nodiscard]] bool quiet() const { return queue_.empty(); }

    [[nodiscard]] GroundTruth& truth() { return truth_; }
    [[nodiscard]] const GroundTruth& truth() const { return truth_; }
    [[nodiscard]] const market::StateReader& state() const { return state_; }
    [[nodiscard]] const base::Hash& chain_id() const { return chain_id_; }
    [[nodiscard]] const market::Genesis& genesis() const { return genesis_; }
    /// Block time and live time of the last block. The state records live time in blocks that
    /// change something only.
    [[nodiscard]] base::TimeMs time() const { return time_; }
    [[nodiscard]] base::TimeMs live() const;
    [[nodiscard]] market::Refusal last_refusal() const {
        return refusals_.empty() ? market::Refusal::none : refusals_.back();
    }
    [[nodiscard]] std::size_t count_events(std::string_view kind) const;
    [[nodiscard]] const std::vector<market::Event>& events() const { return events_; }
    /// Of the last block alone.
    [[nodiscard]] const std::vector<market::Event>& last_events() const { return last_events_; }
    [[nodiscard]] const std::vector<market::Refusal>& last_refusals() const { return refusals_; }
    /// What senders paid in the last block for what it held; of raw bytes without a name.
    [[nodiscard]] const std::vector<std::pair<base::AccountId, base::Amount>>& last_fees() const {
        return fees_;
    }
    [[nodiscard]] std::string refusals_text() const;
    /// Every time an auditor was asked to compute, to reveal or to open its cells, in order: whose
    /// turn it is, without reading all audits in every block.
    [[nodiscard]] const std::vector<std::pair<base::AccountId, base::AuditId>>& calls() const {
        return calls_;
    }
    [[nodiscard]] base::Amount stake_of(const Person& person, market::Role role) const;

    /// Jobs whose data nobody can get.
    std::set<base::JobId> missing;
    WorldOptions options;
    std::vector<Person> workers, validators;
    Person submitter, node;
    base::Hash init_root;
    std::uint64_t blocks = 0;
    /// Blobs that are lost: nobody shows them.
    std::set<base::BlobRoot> lost;

  private:
    void note_calls(const std::vector<market::Event>& events);

    market::MemoryState state_;
    GroundTruth truth_;
    market::Genesis genesis_;
    mutable std::map<base::BlobRoot, base::Hash> stored_;  ///< what stands behind a blob
    mutable std::map<base::BlobRoot, base::Bytes>
        bytes_;  ///< of blobs that are no pretended states
    base::Hash chain_id_, log_root_;
    std::uint64_t log_size_ = 0;
    base::Height height_;
    base::TimeMs time_;
    std::vector<std::pair<base::AccountId, base::Bytes>> queue_;
    std::map<base::AccountId, std::uint64_t> queued_;
    std::vector<market::Event> events_, last_events_;
    std::vector<market::Refusal> refusals_;
    std::vector<std::pair<base::AccountId, base::Amount>> fees_;
    std::vector<std::pair<base::AccountId, base::AuditId>> calls_;
};

}  // namespace assay::sim
