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

/// Few audits, so that much is left for third parties to find; and one honest validator that looks
/// at everything.
void watched(SeasonOptions& options) {
    options.world.rate_ppm = 200'000;
    options.watcher = true;
}

void copying(SeasonOptions& options) {
    watched(options);
    // It wants no lease.
    options.prices[kCopier] = 100 * kSeasonPrice;
}

/// Stake for the lock of one lease and slots for many.
void one_stake(SeasonOptions& options) {
    const std::uint64_t lock = std::uint64_t{kSeasonPrice} * 10 * 8 * options.world.lanes *
                               options.world.round_steps / options.world.segment_steps;
    options.world.worker_stakes[0] = lock + 1;
    options.worker_slots[0] = 32;
}

Cast chunk_coalition() {
    Cast cast = validator_cast<ClaimsMissingChunks>();
    cast.submitter = std::make_unique<SubmitterConduct>();
    return cast;
}

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

/// One `valid` in sixteen is controlled, and costs whoever is caught 32 audits: it takes a hundred
/// audits and more until that is no luck.
void much_audited(SeasonOptions& options) { options.world.rate_ppm = 990'000; }
constexpr std::uint32_t kLazySeasons = 5;

void cheapest(SeasonOptions& options) { options.prices[0] = 1; }

std::vector<Adversary> at_work() {
    using Role = AdversaryRole;
    return {
        {"fakes_everything", Role::worker, "never trains",
         [] { return liar_cast("fake", kWhole, 0); }},
        {"skips_steps", Role::worker, "trains every second step",
         [] { return liar_cast("skips", kWhole, 500'000); }},
        {"stale_checkpoint", Role::worker, "commits the state it was given",
         worker_cast<StaleCheckpoint>},
        {"others_checkpoint", Role::worker, "commits what another lane has committed",
         worker_cast<OthersCheckpoint>},
        {"wrong_data", Role::worker, "trains on data of its own choice",
         [] { return liar_cast("data", kWhole, kWhole); }},
        {"one_flipped_bit", Role::worker, "trains, and flips a bit in one segment of four",
         [] { return liar_cast("bit", 250'000, kWhole); }},
        {"withholds_when_drawn", Role::worker, "fakes, and is silent when drawn",
         worker_cast<WithholdsWhenDrawn>},
        {"stalls_late", Role::worker, "leaves the last part of each round undone",
         worker_cast<StallsLate>},
        {"retracts_what_is_drawn", Role::worker,
         "fakes, takes back what is drawn, confesses when it can't",
         worker_cast<RetractsWhatIsDrawn>},
        {"many_leases_one_stake", Role::worker, "fakes, with 32 slots and stake for one lease",
         [] { return liar_cast("one stake", kWhole, 0); }, one_stake},
        {"bids_zero_to_squat", Role::worker, "takes lanes for one grain and does nothing",
         worker_cast<Squats>, cheapest},
        {"holds_lanes_vacant", Role::worker, "is the cheapest and never accepts",
         worker_cast<HoldsLanesVacant>, cheapest},
        {"late_fake", Role::worker, "fakes, and does everything at the last moment",
         [] {
             Cast cast;
             cast.workers[0] = std::make_unique<LateWorker>(kWhole);
             return cast;
         }},
        {"poisons_merges", Role::worker, "trains honestly and posts wrong merges",
         worker_cast<PoisonsMerges>},
    };
}

std::vector<Adversary> at_audits() {
    using Role = AdversaryRole;
    return {
        {"lazy_validator", Role::validator, "says valid without computing", validator_cast<Lazy>,
         much_audited, false, kLazySeasons},
        {"false_accuser", Role::validator, "says invalid without computing",
         validator_cast<FalseAccuser>},
        {"hides_cells", Role::validator,
         "says valid without computing, and is silent when it is controlled",
         validator_cast<HidesCells>, much_audited, false, kLazySeasons},
        {"never_seals", Role::validator, "contributes, and answers no audit",
         validator_cast<NeverSeals>},
        {"copies_seals", Role::validator, "computes nothing and sends the seals of others",
         validator_cast<CopiesSeals>},
        {"claims_non_delivery", Role::validator,
         "asks for what its audits start from instead of computing",
         validator_cast<ClaimsNonDelivery>},
        {"late_accuser", Role::validator, "challenges honest work at the last moment of its window",
         validator_cast<LateAccuser>},
        {"withholds_contribution", Role::validator, "never contributes to a draw",
         validator_cast<WithholdsContribution>},
    };
}

std::vector<Adversary> at_jobs_and_games() {
    using Role = AdversaryRole;
    return {
        {"cancels_before_commits", Role::submitter, "cancels each job before the first commitment",
         submitter_cast<CancelsBeforeCommits>},
        {"impossible_deadlines", Role::submitter, "asks for rounds of one second",
         submitter_cast<ImpossibleDeadlines>},
        {"missing_data", Role::submitter, "posts jobs and keeps their data to itself",
         submitter_cast<WithholdsData>},
        {"claims_missing_chunks", Role::coalition,
         "a validator that asks for a chunk of every checkpoint, for its submitter",
         chunk_coalition, nullptr, true},
        {"record_washing", Role::coalition,
         "a worker that buys a record with jobs of its own, then fakes others'", record_washing,
         by_record},
        {"nan_bomb", Role::submitter, "posts jobs that diverge", submitter_cast<NumericBomb>},
        {"slashes_itself", Role::coalition, "signs two trees and lets an accomplice report it",
         slashes_itself},
        {"colluders", Role::coalition, "a worker that fakes and a third of the validators",
         colluders},
        {"concedes_when_caught", Role::worker, "fakes, and concedes every game at once",
         worker_cast<ConcedesWhenCaught>},
        {"stalls_in_games", Role::worker, "fakes, and makes every move at the last moment",
         worker_cast<StallsInGames>},
        {"serial_challenger", Role::validator, "challenges all honest work with made-up roots",
         validator_cast<SerialChallenger>},
        {"copies_challenges", Role::worker, "repeats challenges that have become public", copier,
         copying},
        {"worse_root_shield", Role::coalition,
         "a worker that fakes, and an accomplice that challenges it badly", shielded, watched},
    };
}

const std::vector<Adversary>& library() {
    static const std::vector<Adversary> all = [] {
        std::vector<Adversary> every = at_work();
        for (const auto& more : {at_audits(), at_jobs_and_games()})
            every.insert(every.end(), more.begin(), more.end());
        return every;
    }();
    return all;
}

}  // namespace

const std::vector<Adversary>& adversaries() { return library(); }

const Adversary& adversary(const std::string& name) {
    const auto& all = library();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Adversary& one) { return one.name == name; });
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
    options.world.books_every = 64;
    // Finished jobs leave the state soon, so that a season's cost does not grow with its length.
    options.world.tune = [](market::Parameters& parameters) {
        parameters.retention_ms = 1'000;
        parameters.open_ms_max = 600'000;
    };
    return options;
}

SeasonResult play(const Adversary& adversary, std::uint64_t seed, std::uint32_t jobs, bool honest) {
    SeasonOptions options = usual_season(seed);
    options.jobs = jobs;
    if (adversary.prepare != nullptr) adversary.prepare(options);
    Cast cast = adversary.cast();
    if (honest) {
        for (const auto& [seat, conduct] : cast.workers) {
            const bool bystander = std::find(cast.bystanders.begin(), cast.bystanders.end(),
                                             seat) != cast.bystanders.end();
            if (!bystander) cast.accomplices_workers.push_back(seat);
        }
        cast.bystanders.clear();
        for (const auto& [seat, conduct] : cast.validators)
            cast.accomplices_validators.push_back(seat);
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
        cast.volunteers = {seat};
    }
    return Season(std::move(options), std::move(cast)).run();
}

}  // namespace assay::sim
