#include "adversaries.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/check.h"
#include "other_strategies.h"
#include "worker_strategies.h"

namespace assay::sim {

namespace {

template <class Conduct>
Cast worker_cast() {
    Cast cast;
    cast.workers[0] = std::make_unique<Conduct>();
    return cast;
}

template <class Conduct>
Cast validator_cast() {
    Cast cast;
    cast.validators[0] = std::make_unique<Conduct>();
    return cast;
}

template <class Conduct>
Cast submitter_cast() {
    Cast cast;
    cast.submitter = std::make_unique<Conduct>();
    return cast;
}

Cast liar_cast(const char* name, std::uint32_t lies_ppm, std::uint32_t computed_ppm) {
    Cast cast;
    cast.workers[0] = std::make_unique<Liar>(name, lies_ppm, computed_ppm);
    return cast;
}

Cast colluders() {
    Cast cast;
    auto coalition = std::make_shared<Coalition>();
    cast.workers[0] = std::make_unique<ColludingWorker>(coalition);
    cast.validators[0] = std::make_unique<ColludingValidator>(coalition);
    cast.validators[1] = std::make_unique<ColludingValidator>(coalition);
    return cast;
}

/// A worker that fakes stands for what there is to challenge; what it loses is not the copier's.
constexpr std::size_t kCopier = 5;

Cast copier() {
    Cast cast = liar_cast("challenged", kWhole, 0);
    cast.workers[kCopier] = std::make_unique<CopiesChallenges>(kCopier);
    cast.bystanders = {0};
    return cast;
}

Cast shielded() {
    Cast cast = liar_cast("shielded", kWhole, 0);
    cast.validators[0] = std::make_unique<ShieldsWithAWorseRoot>();
    return cast;
}

/// Few audits, so that much is left for third parties to find; and one honest validator that looks at everything.
void watched(SeasonOptions& options) {
    options.world.rate_ppm = 200'000;
    options.watcher = true;
}

void copying(SeasonOptions& options) {
    watched(options);
    // It wants no lease.
    options.prices[kCopier] = 100 * kSeasonPrice;
}

void longer_parts(SeasonOptions& options) {
    options.world.round_steps = 16;
    options.world.part_segments = 4;
    options.world.plant_ppm = 300'000;
}

/// Stake for the lock of one lease and slots for many.
void one_stake(SeasonOptions& options) {
    const std::uint64_t lock = std::uint64_t{kSeasonPrice} * 10 * 4 * options.world.lanes * options.world.round_steps / options.world.segment_steps;
    options.world.worker_stakes[0] = lock + 1;
    options.worker_slots[0] = 32;
}

Cast chunk_coalition() {
    Cast cast = validator_cast<ClaimsMissingChunks>();
    cast.submitter = std::make_unique<SubmitterConduct>();
    return cast;
}

void shows(SeasonOptions& options) { options.world.shows_chunks = true; }

/// Rates follow records, and who washes its own is matched first.
void by_record(SeasonOptions& options) {
    options.world.rate_ppm = 0;
    options.prices[0] = kSeasonPrice - 1;
    options.worker_slots[0] = 32;
    options.world.tune = [usual = options.world.tune](market::Parameters& parameters) {
        usual(parameters);
        parameters.rate_new_ppm = 450'000;
        parameters.record_value_factor = 112;  // the least that the genesis takes
    };
}

void cheapest(SeasonOptions& options) { options.prices[0] = 1; }

const std::vector<Adversary>& library() {
    using Role = AdversaryRole;
    static const std::vector<Adversary> all = {
        {"fakes_everything", Role::worker, "never trains", [] { return liar_cast("fake", kWhole, 0); }},
        {"skips_steps", Role::worker, "trains every second step", [] { return liar_cast("skips", kWhole, 500'000); }},
        {"smaller_batch", Role::worker, "trains on half of each batch", [] { return liar_cast("batch", kWhole, 500'000); }},
        {"stale_checkpoint", Role::worker, "commits the state it was given", worker_cast<StaleCheckpoint>},
        {"others_checkpoint", Role::worker, "commits what another lane has committed", worker_cast<OthersCheckpoint>},
        {"interpolated_weights", Role::worker, "trains a little and interpolates", [] { return liar_cast("interpolates", kWhole, 100'000); }},
        {"wrong_data", Role::worker, "trains on data of its own choice", [] { return liar_cast("data", kWhole, kWhole); }},
        {"lower_precision", Role::worker, "trains in bf16", [] { return liar_cast("bf16", kWhole, 500'000); }},
        {"one_flipped_bit", Role::worker, "trains, and flips a bit in one segment of four", [] { return liar_cast("bit", 250'000, kWhole); }},
        {"withholds_when_drawn", Role::worker, "fakes, and is silent when drawn", worker_cast<WithholdsWhenDrawn>},
        {"stalls_late", Role::worker, "leaves the last part of each round undone", worker_cast<StallsLate>},
        {"retracts_what_is_drawn", Role::worker, "fakes, takes back what is drawn, confesses when it can't", worker_cast<RetractsWhatIsDrawn>},
        {"many_leases_one_stake", Role::worker, "fakes, with 32 slots and stake for one lease", [] { return liar_cast("one stake", kWhole, 0); }, one_stake},
        {"bids_zero_to_squat", Role::worker, "takes lanes for one grain and does nothing", worker_cast<Squats>, cheapest},
        {"plants_where_it_cheats", Role::worker, "fakes half of its segments and declares them plants", worker_cast<PlantsWhereItCheats>, longer_parts},
        {"diverges_on_purpose", Role::worker, "commits a state full of NaN", [] { return liar_cast("nan", kWhole, 0); }},
        {"frames_validator", Role::worker, "trains honestly and commits false step digests", worker_cast<FramesValidator>, nullptr,
         "a digest that does not match costs the auditor its fee and the worker nothing"},
        {"poisons_merges", Role::worker, "trains honestly and posts wrong merges", worker_cast<PoisonsMerges>},
        {"lazy_validator", Role::validator, "says valid without computing", validator_cast<Lazy>, nullptr,
         "an audit of a merge is paid on the auditor's word: it ends with less than an honest validator, but with something"},
        {"false_accuser", Role::validator, "says invalid without computing", validator_cast<FalseAccuser>, nullptr,
         "an accusation that stays alone is paid from insurance"},
        {"copies_seals", Role::validator, "sends another validator's seal as its own", validator_cast<CopiesSeals>},
        {"withholds_contribution", Role::validator, "never contributes to a draw", validator_cast<WithholdsContribution>},
        {"claims_non_delivery", Role::validator, "takes audits and never answers, as if nothing had come", validator_cast<ClaimsNonDelivery>},
        {"cancels_before_commits", Role::submitter, "cancels each job before the first commitment", submitter_cast<CancelsBeforeCommits>},
        {"impossible_deadlines", Role::submitter, "asks for rounds of one second", submitter_cast<ImpossibleDeadlines>},
        {"missing_data", Role::submitter, "posts jobs and keeps their data to itself", submitter_cast<WithholdsData>, shows},
        {"claims_missing_chunks", Role::coalition, "a validator that asks for a chunk of every checkpoint, for its submitter", chunk_coalition, shows, {}, {},
         false, true},
        {"record_washing", Role::coalition, "a worker that buys a record with jobs of its own, then fakes others'", record_washing, by_record},
        {"nan_bomb", Role::submitter, "posts jobs that diverge", submitter_cast<NumericBomb>},
        {"subnormal_bomb", Role::submitter, "posts jobs that run in subnormals", submitter_cast<NumericBomb>},
        {"slashes_itself", Role::coalition, "signs two trees and lets an accomplice report it", slashes_itself},
        {"colluders", Role::coalition, "a worker that fakes and a third of the validators", colluders},
        {"concedes_when_caught", Role::worker, "fakes, and concedes every game at once", worker_cast<ConcedesWhenCaught>, nullptr, {}, {}, true},
        {"stalls_in_games", Role::worker, "fakes, and makes every move at the last moment", worker_cast<StallsInGames>, nullptr, {}, {}, true},
        {"serial_challenger", Role::validator, "challenges all honest work with made-up roots", validator_cast<SerialChallenger>, nullptr, {}, {}, true},
        {"copies_challenges", Role::worker, "repeats challenges that have become public", copier, copying, {}, {}, true},
        {"worse_root_shield", Role::coalition, "a worker that fakes, and an accomplice that challenges it badly", shielded, watched, {}, {}, true},
    };
    return all;
}

}  // namespace

const std::vector<Adversary>& adversaries() { return library(); }

const Adversary& adversary(const std::string& name) {
    const auto& all = library();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Adversary& one) { return one.name == name; });
    ASSAY_CHECK(found != all.end());
    return *found;
}

SeasonOptions usual_season(std::uint64_t seed) {
    SeasonOptions options;
    options.world.seed = seed;
    options.world.workers = 6;
    options.world.validators = 6;
    options.world.lanes = 2;
    options.world.rounds = 2;
    options.world.round_steps = 8;
    options.world.segment_steps = 4;
    options.world.part_segments = 1;
    options.world.supply_every = 16;
    options.world.keep_events = false;
    options.world.blob_bytes = 1000;
    options.world.capacity = 64;
    // Finished jobs leave the state soon, so that a season's cost does not grow with its length.
    options.world.tune = [](market::Parameters& parameters) {
        parameters.retention_ms = 1'000;
        parameters.open_ms_max = 600'000;
    };
    return options;
}

SeasonResult play(const Adversary& adversary, std::uint64_t seed, bool honest, Judged judged) {
    SeasonOptions options = usual_season(seed);
    options.world.by_referee = judged == Judged::by_referee;
    if (adversary.prepare != nullptr) adversary.prepare(options);
    Cast cast = adversary.cast();
    if (honest) {
        for (const auto& [seat, conduct] : cast.workers) {
            const bool bystander = std::find(cast.bystanders.begin(), cast.bystanders.end(), seat) != cast.bystanders.end();
            if (!bystander) cast.accomplices_workers.push_back(seat);
        }
        cast.bystanders.clear();
        for (const auto& [seat, conduct] : cast.validators) cast.accomplices_validators.push_back(seat);
        cast.workers.clear();
        cast.validators.clear();
        if (cast.submitter) cast.submitter = std::make_unique<SubmitterConduct>();
        cast.plot = nullptr;
        // An honest worker has no reason to ask less than the others.
        options.prices.clear();
    }
    // Nobody suspects an honest worker.
    if (options.watcher && !honest) {
        const std::size_t seat = options.world.validators - 1;
        cast.validators[seat] = std::make_unique<Watches>(0);
        cast.honest_validators = {seat};
    }
    return Season(std::move(options), std::move(cast)).run();
}

}  // namespace assay::sim
