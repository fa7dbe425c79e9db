#pragma once

#include <array>
#include <map>

#include "conduct.h"
#include "world.h"

/// Parties that pick at random among honest and dishonest conduct, at every choice they have. A
/// choice depends on the party's salt, its kind and its subject alone: a party that is asked again
/// says the same again, and one number decides a history.
namespace assay::sim {

/// A stream of numbers, for what is chosen in order.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    std::uint64_t below(std::uint64_t n) { return base::scale_u64(next(), n); }
    bool chance(std::uint32_t ppm) { return below(kWhole) < ppm; }

  private:
    std::uint64_t state_;
};

/// What a party may do wrong.
enum class Wrong : std::uint8_t {
    refuses_lease,
    fakes,
    stale_state,
    wrong_payload,
    copies,
    stops_committing,
    hides_drawn,
    late_delivery,
    confesses,
    nothing,  ///< honest wherever it is asked: it acts of its own accord only
    never_closes,
    late_close,
    wrong_merge,
    no_merge,
    no_answer,
    late_answer,
    stalls_game,
    late_game,
    concedes,
    no_contribution,
    no_seal,
    late_seal,
    no_reveal,
    late_reveal,
    hides_cells,
    lazy_cells,
    wrong_invalid,
    empty_seal,
    stays_in_jail,
    blind_to_friends,
    no_start,
    count
};

/// How often a party does each of them, in parts per million.
struct Temper {
    std::array<std::uint32_t, static_cast<std::size_t>(Wrong::count)> ppm{};
    std::uint64_t salt = 0;
    /// From this block on it is never seen again.
    std::uint64_t leaves_at = ~std::uint64_t{0};
    [[nodiscard]] bool does(Wrong wrong, const base::Hash& subject) const;
};
/// One thing always, a little of everything, or some of it often.
Temper random_temper(Dice& dice);

/// How long before a deadline a late party acts: more than a block without messages takes.
inline constexpr std::uint64_t kLateMs = 4'500;

/// What the accounts of one owner know of each other's work: parts of theirs, and whether something
/// in them is made up.
struct Accomplices {
    std::map<base::PartId, bool> parts;
};

class RandomWorker final : public WorkerConduct {
  public:
    RandomWorker(const Temper& temper, std::shared_ptr<Accomplices> friends)
        : temper_(temper), friends_(std::move(friends)) {}
    bool accepts(const World& world, const market::Job& job,
                 const market::Reservation& asked) override;
    SegmentWork train(const World& world, const SegmentPlace& place,
                      const base::Hash& honest_end) override;
    bool commits(const World& world, const market::Job& job, const market::Lease& lease) override;
    Drawn drawn(const World& world, const market::Part& part) override;
    bool closes(const World& world, const market::Part& part) override;
    bool merges(const World& world, const market::MergeRecord& merge) override;
    base::Hash merge(const World& world, const market::Job& job,
                     const base::Hash& honest_root) override;
    Play plays(const World& world, const market::Dispute& dispute) override;
    void committed(const base::PartId& id, const PartWork& work) override;
    bool answers(const World& world, const market::Question& question) override;

  private:
    Temper temper_;
    std::shared_ptr<Accomplices> friends_;
    bool made_up_ = false;  ///< something of what it trained since its last commitment
};

class RandomValidator final : public ValidatorConduct {
  public:
    RandomValidator(const Temper& temper, std::shared_ptr<Accomplices> friends)
        : temper_(temper), friends_(std::move(friends)) {}
    bool contributes(const World& world, const market::Epoch& epoch) override;
    bool seals(const World& world, const market::Audit& audit) override;
    bool reveals(const World& world, const market::Audit& audit) override;
    bool opens_cells(const World& world, const market::Audit& audit) override;
    bool returns(const World& world) override;
    Play plays(const World& world, const market::Dispute& dispute) override;
    std::vector<market::Message> extra(const World& world, const Person& self) override;
    Opinion judge(const World& world, const market::Audit& audit,
                  const std::function<Finding()>& recompute) override;

  private:
    Temper temper_;
    std::shared_ptr<Accomplices> friends_;
    std::vector<market::Message>
        asks_;  ///< of audits that it does not begin for want of a state, it says
};

}  // namespace assay::sim
