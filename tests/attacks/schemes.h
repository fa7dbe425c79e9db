#pragma once

#include <functional>
#include <memory>
#include <set>

#include "stage.h"

/// What the attackers do, by the transactions and the draw of the protocol under test. The tests
/// say what must hold.
namespace assay::attacks {

/// Roots of which nobody has a state, not even who committed to them.
using Phantoms = std::set<base::Hash>;
/// Accounts that stand for each other.
using Friends = std::set<base::AccountId>;

/// The open question for the first chunk of a job's data.
std::optional<market::Question> data_question(const World& world, const base::JobId& job);
void ask_for_data(Stage& stage, const Person& asker, const base::JobId& job);
/// Lets time pass until no more than `ms` are left of it.
void wait_for_last_moment(Stage& stage, const base::JobId& job, std::uint64_t ms);
/// Whether any segment of the job has been drawn for an audit.
bool segment_drawn(const World& world, const base::JobId& job);
std::uint32_t open_audits(const World& world);
/// What an event's attribute says, over all events of a kind, how often.
std::size_t count_where(const World& world, std::string_view kind, std::string_view name,
                        std::string_view value);

/// Ends the first segment of a round in a state that nobody has, and makes up everything after it.
class InventsStates final : public sim::WorkerConduct {
  public:
    explicit InventsStates(std::shared_ptr<Phantoms> phantoms) : phantoms_(std::move(phantoms)) {}
    sim::SegmentWork train(const World& world, const sim::SegmentPlace& place,
                           const base::Hash& honest_end) override;
    /// There is nothing that it could show.
    bool answers(const World&, const market::Question& question) override {
        return phantoms_->count(question.root) == 0;
    }

  private:
    std::shared_ptr<Phantoms> phantoms_;
};

/// Honest: asks for the state of a segment that starts from no state, and cannot judge one of a job
/// whose data does not open.
class HonestButBlind final : public sim::ValidatorConduct {
  public:
    explicit HonestButBlind(std::shared_ptr<Phantoms> phantoms,
                            std::shared_ptr<std::set<base::JobId>> unreadable = {})
        : phantoms_(std::move(phantoms)), unreadable_(std::move(unreadable)) {}
    bool seals(const World& world, const market::Audit& audit) override;
    std::vector<market::Message> extra(const World& world, const Person& self) override;

  private:
    [[nodiscard]] bool blind(const World& world, const market::Audit& audit) const;
    std::shared_ptr<Phantoms> phantoms_;
    std::shared_ptr<std::set<base::JobId>> unreadable_;
};

/// Fakes everything. `when` says when it commits; it may wait for ever in its games.
class Liar : public sim::WorkerConduct {
  public:
    using When = std::function<bool(const World&, const market::Job&)>;
    explicit Liar(When when = {}, sim::Play play = sim::Play::move)
        : when_(std::move(when)), play_(play) {}
    bool commits(const World& world, const market::Job& job, const market::Lease&) override {
        return !when_ || when_(world, job);
    }
    sim::SegmentWork train(const World& world, const sim::SegmentPlace& place,
                           const base::Hash& honest_end) override;
    sim::Play plays(const World&, const market::Dispute&) override { return play_; }

  private:
    When when_;
    sim::Play play_;
};

/// Fakes everything and tries salts, alone, until its accomplice is drawn. It commits only into an
/// epoch of its own, whose commitments it knows.
class GrindsSalts final : public sim::WorkerConduct {
  public:
    GrindsSalts(std::size_t accomplice, std::uint64_t patience)
        : accomplice_(accomplice), patience_(patience) {}
    bool commits(const World& world, const market::Job& job, const market::Lease& lease) override;
    sim::SegmentWork train(const World& world, const sim::SegmentPlace& place,
                           const base::Hash& honest_end) override;
    void finish(const World& world, const base::PartId& id, sim::PartWork& work) override;
    [[nodiscard]] std::uint64_t tries() const { return tries_; }

  private:
    [[nodiscard]] bool drawn_for_accomplice(const World& world, const base::PartId& id,
                                            const base::Hash& tree) const;
    std::size_t accomplice_;
    std::uint64_t patience_, tries_ = 0;
    market::DrawSubject subject_;
    std::uint32_t rate_ppm_ = 0;
};

/// Stands for what its friends commit to, honest elsewhere.
class Accomplice final : public sim::ValidatorConduct {
  public:
    explicit Accomplice(std::shared_ptr<Friends> friends) : friends_(std::move(friends)) {}
    sim::Opinion judge(const World& world, const market::Audit& audit,
                       const std::function<sim::Finding()>& recompute) override;

  private:
    std::shared_ptr<Friends> friends_;
};

/// Delivers when it is told to, or when it must.
class HoldsAuditors final : public sim::WorkerConduct {
  public:
    explicit HoldsAuditors(std::shared_ptr<bool> release) : release_(std::move(release)) {}
    Drawn drawn(const World& world, const market::Part& part) override;

  private:
    std::shared_ptr<bool> release_;
};

/// The worker's signature under a made-up tree for part 0 of a round.
base::Bytes signed_tree(const World& world, const Person& worker, const market::Lease& lease,
                        std::uint32_t round, std::uint32_t which);

/// Takes a place in the pool of the right root against its accomplice, stalls, and concedes at the
/// end of the clock.
class FillsThePool final : public sim::WorkerConduct {
  public:
    FillsThePool(std::size_t seat, std::size_t accomplice) : seat_(seat), accomplice_(accomplice) {}
    bool accepts(const World&, const market::Job&, const market::Reservation&) override {
        return false;
    }
    std::vector<market::Message> extra(const World& world) override;

  private:
    std::size_t seat_, accomplice_;
    std::set<base::PartId> sealed_;
};

/// An honest validator that computes what one worker has passed, and repeats its challenge until it
/// is accepted.
class WatchesAndInsists final : public sim::ValidatorConduct {
  public:
    explicit WatchesAndInsists(std::size_t suspect, std::uint32_t late_blocks = 0)
        : suspect_(suspect), late_(late_blocks) {}
    std::vector<market::Message> extra(const World& world, const Person& self) override;

  private:
    std::size_t suspect_;
    std::uint32_t late_;
    std::map<base::PartId, std::uint64_t> seen_;
    std::set<base::PartId> sealed_;
};

/// Fakes, plays against its auditors at once, and lets those who challenged it wait.
class HurriesToItsAuditor final : public sim::WorkerConduct {
  public:
    sim::SegmentWork train(const World& world, const sim::SegmentPlace& place,
                           const base::Hash& honest_end) override;
    sim::Play plays(const World&, const market::Dispute& dispute) override {
        return dispute.audit.is_zero() ? sim::Play::wait : sim::Play::move;
    }
};
/// Whether all that this account challenged ended without a decision, because the work fell for
/// another reason.
bool overtaken(const World& world, const Person& challenger);

/// Computes segments and takes merges on trust.
class LazyAboutMerges final : public sim::ValidatorConduct {
  public:
    sim::Opinion judge(const World& world, const market::Audit& audit,
                       const std::function<sim::Finding()>& recompute) override;
};

/// What one auditor found, where another can read it.
using Leak = std::map<std::pair<base::PartId, std::uint32_t>, std::vector<base::Hash>>;
class LeaksCells final : public sim::ValidatorConduct {
  public:
    explicit LeaksCells(std::shared_ptr<Leak> leak) : leak_(std::move(leak)) {}
    sim::Opinion judge(const World& world, const market::Audit& audit,
                       const std::function<sim::Finding()>& recompute) override;

  private:
    std::shared_ptr<Leak> leak_;
};
/// Seals the cells that somebody else computed; honest where nobody has leaked.
class CopiesCells final : public sim::ValidatorConduct {
  public:
    explicit CopiesCells(std::shared_ptr<Leak> leak) : leak_(std::move(leak)) {}
    bool seals(const World& world, const market::Audit& audit) override;
    sim::Opinion judge(const World& world, const market::Audit& audit,
                       const std::function<sim::Finding()>& recompute) override;
    std::size_t copied = 0;

  private:
    std::shared_ptr<Leak> leak_;
};

/// Counts what a handler reads and writes.
class CountingState final : public market::StateWriter {
  public:
    explicit CountingState(const market::MemoryState& state) : state_(state) {}
    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override;
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override;
    void put(base::ByteView key, base::ByteView value) override;
    void erase(base::ByteView key) override;
    [[nodiscard]] std::uint64_t reads() const { return reads_; }
    [[nodiscard]] std::uint64_t writes() const { return writes_; }
    /// Different keys that were found or written.
    [[nodiscard]] std::size_t objects() const { return touched_.size(); }

  private:
    market::MemoryState state_;
    mutable std::uint64_t reads_ = 0;
    std::uint64_t writes_ = 0;
    mutable std::set<base::Bytes> touched_;
};

}  // namespace assay::attacks
