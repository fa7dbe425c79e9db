#include "experiments.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "market/draw.h"
#include "other_strategies.h"
#include "season.h"

namespace assay::sim {

namespace {

constexpr std::uint32_t kSteps = 4;
constexpr double kUnit = 1'000'000;          ///< grains of a segment's protocol cost in these worlds
/// Jobs under way at the same time share the epochs' contributions, which are the dearest thing here.
constexpr std::uint32_t kAtOnce = 400;
constexpr std::uint32_t kSlots = 64;
constexpr std::uint32_t kWorkers = 24;

double units(std::int64_t grains) { return static_cast<double>(grains) / kUnit; }

/// The share of leases in which the hardware failed follows from the place alone.
class Faulty final : public WorkerConduct {
  public:
    Faulty(std::uint32_t fault_ppm, bool confesses) : fault_ppm_(fault_ppm), confesses_(confesses) {}
    SegmentWork train(const World& world, const SegmentPlace& place, const base::Hash& honest_end) override {
        const base::Hash word = base::Hasher("sim.fault").add_u64(world.options.seed).add(place.job.hash).add(place.start).add_u64(count_++).finish();
        failed_ = base::scale_u64(base::first_u64(word), kWhole) < fault_ppm_;
        any_ = place.index == 0 ? failed_ : any_ || failed_;
        if (!failed_) return {honest_end, true, kWhole, {}};
        return {base::Hasher("sim.flip").add(honest_end).finish(), false, kWhole, {}};
    }
    void committed(const base::PartId& id, const PartWork&) override {
        if (any_) faults_.insert(id);
    }
    Drawn drawn(const World&, const market::Part& part) override {
        return confesses_ && faults_.count(part.id) != 0 ? Drawn::confess : Drawn::deliver;
    }
    [[nodiscard]] std::size_t faults() const { return faults_.size(); }

  private:
    std::uint32_t fault_ppm_;
    bool confesses_, failed_ = false, any_ = false;
    std::uint64_t count_ = 0;
    std::set<base::PartId> faults_;
};

SeasonOptions long_season(std::uint64_t seed, std::uint32_t segments, std::uint32_t rate_ppm, std::uint32_t validators, std::uint32_t leases) {
    const std::uint32_t at_once = std::min(kAtOnce, std::max(1U, leases / 4));
    SeasonOptions options;
    options.world.seed = seed;
    options.world.workers = kWorkers;
    options.world.validators = validators;
    options.world.lanes = options.world.rounds = 1;
    options.world.segment_steps = kSteps;
    options.world.round_steps = kSteps * segments;
    options.world.part_segments = segments;
    options.world.rate_ppm = rate_ppm;
    options.world.capacity = 1024;
    options.world.supply_every = 1024;
    options.world.keep_events = false;
    options.world.blob_bytes = 1000;
    options.world.tune = [](market::Parameters& parameters) { parameters.retention_ms = 1'000; };
    options.at_once = at_once;
    options.slots = kSlots;
    // Enough for the bonds of all convictions.
    options.bond = 100'000'000'000;
    return options;
}

std::int64_t net_of(const std::vector<PartyResult>& parties, std::size_t first, std::size_t last) {
    std::int64_t sum = 0;
    for (std::size_t i = first; i < last; ++i) sum += parties[i].net();
    return sum;
}

double mean(std::int64_t grains, std::uint64_t parties, std::uint64_t leases) {
    return parties == 0 || leases == 0 ? 0 : units(grains) / static_cast<double>(parties) / static_cast<double>(leases);
}

}  // namespace

DetectionResult detect(const DetectionSetting& setting) {
    SeasonOptions options = long_season(setting.seed, setting.segments, setting.rate_ppm, setting.validators, setting.leases);
    Cast cast;
    auto coalition = std::make_shared<Coalition>();
    for (std::size_t i = 0; i < kWorkers; ++i) cast.workers[i] = std::make_unique<ColludingWorker>(coalition);
    for (std::size_t i = 0; i < setting.colluding; ++i) cast.validators[i] = std::make_unique<ColludingValidator>(coalition);
    for (std::size_t i = 0; i < setting.lazy; ++i) cast.validators[setting.colluding + i] = std::make_unique<Lazy>();
    options.leases = setting.leases;
    options.world.by_referee = setting.judged == Judged::by_referee;
    Season driver(std::move(options), std::move(cast));
    const SeasonResult season = driver.run();
    ASSAY_CHECK(season.finished);
    DetectionResult result;
    result.leases = season.count("part_committed");
    result.found = season.accused_parts;
    result.convicted = season.count("slashed");
    result.paid = season.count("part_passed");
    result.unaudited = season.count("segment_unaudited");
    result.income = mean(net_of(season.workers, 0, kWorkers), 1, result.leases);
    const std::size_t lazy_end = setting.colluding + setting.lazy;
    result.lazy_validator_income = mean(net_of(season.validators, setting.colluding, lazy_end), setting.lazy, result.leases);
    result.honest_validator_income =
        mean(net_of(season.validators, lazy_end, setting.validators), setting.validators - lazy_end, result.leases);
    return result;
}

WithholdingResult withhold(const WithholdingSetting& setting) {
    WithholdingResult result;
    const auto escapes = [&](const std::vector<market::DrawMember>& members, const base::PartId& part) {
        for (std::uint32_t segment = 0; segment < setting.segments; ++segment) {
            const auto order = market::draw_order(members, part, segment);
            const market::DrawMember& auditor = members[order.front()];
            // The first bytes of an account tell the coalition's members from the others.
            const bool honest = auditor.validator.hash.bytes[31] >= setting.colluding;
            if (honest && market::is_drawn(auditor.y, part, segment, setting.rate_ppm)) return false;
        }
        return true;
    };
    for (std::uint64_t draw = 0; draw < setting.draws; ++draw) {
        const base::PartId part{numbered(setting.seed, "part", draw)};
        std::vector<market::DrawMember> all;
        for (std::uint32_t i = 0; i < setting.validators; ++i) {
            base::AccountId account{numbered(setting.seed, "member", i)};
            account.hash.bytes[31] = static_cast<std::uint8_t>(i);
            all.push_back({account, numbered(setting.seed, "y", draw * setting.validators + i), 1'000'000});
        }
        ++result.draws;
        if (escapes(all, part)) ++result.escaped_all_give;
        bool best = false;
        for (std::uint32_t subset = 0; subset < (1U << setting.colluding) && !best; ++subset) {
            std::vector<market::DrawMember> members;
            for (std::uint32_t i = 0; i < setting.validators; ++i) {
                if (i >= setting.colluding || ((subset >> i) & 1U) == 0) members.push_back(all[i]);
            }
            best = escapes(members, part);
        }
        if (best) ++result.escaped_best;
    }
    return result;
}

HonestResult serve(const HonestSetting& setting) {
    SeasonOptions options = long_season(setting.seed, setting.segments, setting.rate_ppm, setting.validators, setting.leases);
    Cast cast;
    std::vector<Faulty*> workers;
    HonestResult result;
    std::uint64_t faulty = 0;
    for (std::size_t i = 0; i < kWorkers; ++i) {
        auto conduct = std::make_unique<Faulty>(setting.fault_ppm, setting.confesses);
        workers.push_back(conduct.get());
        cast.workers[i] = std::move(conduct);
    }
    for (std::size_t i = 0; i < setting.accusers; ++i) cast.validators[i] = std::make_unique<FalseAccuser>();
    options.leases = setting.leases;
    options.world.by_referee = setting.judged == Judged::by_referee;
    Season driver(std::move(options), std::move(cast));
    const SeasonResult season = driver.run();
    ASSAY_CHECK(season.finished);
    for (const Faulty* worker : workers) faulty += worker->faults();
    result.leases = season.count("part_committed");
    result.faulty = faulty;
    result.confessed = season.count("slashed_confession");
    result.slashed = season.count("slashed") - result.confessed;
    result.paid = season.count("part_passed");
    result.judgements = season.count("vote_opened") + season.count("dispute_opened");
    result.upheld = season.count("vote_upheld") + season.count("dispute_upheld");
    result.income = mean(net_of(season.workers, 0, kWorkers), 1, result.leases);
    result.accuser_income = mean(net_of(season.validators, 0, setting.accusers), setting.accusers, result.leases);
    result.honest_validator_income =
        mean(net_of(season.validators, setting.accusers, setting.validators), setting.validators - setting.accusers, result.leases);
    result.insurance = mean(season.insurance_lost, 1, result.leases);
    return result;
}

}  // namespace assay::sim
