/// Runs the settings behind docs/soundness.md and writes one CSV file per table;
/// `scripts/soundness` calls it and makes tables of them.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "adversaries.h"
#include "draw_experiment.h"
#include "market/pricing.h"
#include "model.h"

namespace {

using namespace assay::sim;

constexpr std::uint32_t kRates[] = {100'000, 450'000, 900'000};
constexpr std::uint32_t kShares[] = {0, 50'000, 333'333, 500'000};
/// False segments of a part, and how many parts a row has: with these the whole takes two idle
/// cores about ten minutes.
constexpr struct { std::uint32_t segments, parts; } kRows[] = {{4, 5'000}, {2, 2'000}, {1, 2'000}};
/// 10^5 tries for each part.
constexpr std::uint32_t kCommitments = 1'250, kJobsTried = 80;

struct File {
    File(const std::string& folder, const char* name)
        : file(std::fopen((folder + "/" + name + ".csv").c_str(), "w")) {
        if (file == nullptr) std::exit(1);
    }
    ~File() { std::fclose(file); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    std::FILE* file;
};

/// Lines that do not depend on each other, made on all cores and given back in order.
std::vector<std::string> in_parallel(const std::vector<std::function<std::string()>>& jobs) {
    std::vector<std::string> lines(jobs.size());
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
        threads.emplace_back([&] {
            for (std::size_t job = next++; job < jobs.size(); job = next++)
                lines[job] = jobs[job]();
        });
    }
    threads.clear();
    return lines;
}

template <class... Values>
std::string line_of(const char* format, Values... values) {
    char line[256];
    std::snprintf(line, sizeof(line), format, values...);
    return line;
}

std::string detection_line(std::uint32_t rate, std::uint32_t share, std::uint32_t segments,
                           std::uint32_t trials) {
    DrawSetting setting;
    setting.trials = trials;
    setting.rate_ppm = rate;
    setting.colluding_ppm = share;
    setting.segments = segments;
    setting.commitments = kCommitments;
    setting.jobs = kJobsTried;
    const DrawResult result = draw_often(setting);
    const double all = static_cast<double>(result.trials),
                 expected = model::detection(rate / 1e6, share / 1e6, segments);
    return line_of("%u,%u,%u,%u,%llu,%.2f,%.4f,%.4f,%.4f\n", rate, share, segments, trials,
                   static_cast<unsigned long long>(setting.tries()),
                   static_cast<double>(result.own_audits) / all,
                   1 - static_cast<double>(result.escaped_best) / all, expected,
                   model::interval99(expected, all));
}

/// `percent` of the parts of each row.
void detection(const std::string& folder, std::uint32_t percent) {
    std::vector<std::function<std::string()>> rows;
    for (const auto& row : kRows) {
        for (const std::uint32_t rate : kRates) {
            for (const std::uint32_t share : kShares)
                rows.push_back([=] {
                    return detection_line(rate, share, row.segments, row.parts * percent / 100);
                });
        }
    }
    const std::vector<std::string> lines = in_parallel(rows);
    const File out(folder, "detection");
    std::fputs(
        "rate_ppm,colluding_ppm,segments,trials,tries,own_audits,measured,model,interval99\n",
        out.file);
    for (const std::string& line : lines) std::fputs(line.c_str(), out.file);
}

/// The rules' lock of a lease with one lane, one part a round and four unfinal rounds, in units of
/// a segment's protocol cost.
double lock_of(std::uint32_t rate, std::uint32_t segments) {
    const assay::market::LockTerms terms{assay::base::Amount::of(1'200'000),
                                         assay::base::Amount::of(1'000'000),
                                         rate,
                                         100'000,
                                         4,
                                         1,
                                         segments,
                                         segments};
    return static_cast<double>(assay::market::lease_lock(terms).value().grains()) / 1e6;
}

void money(const std::string& folder) {
    const File out(folder, "money");
    std::fprintf(out.file,
                 "rate_ppm,colluding_ppm,lock_1,income_1,lock_10,income_10,audits,pool_100\n");
    for (const std::uint32_t rate : kRates) {
        for (const std::uint32_t share : {0U, 50'000U, 333'333U}) {
            const double audits = model::expected_audits(rate / 1e6);
            const auto income = [&](std::uint32_t segments) {
                return model::income_of_faking(1.2, lock_of(rate, segments), segments,
                                               model::detection(rate / 1e6, share / 1e6, segments));
            };
            std::fprintf(out.file, "%u,%u,%.2f,%.3f,%.2f,%.3f,%.3f,%.0f\n", rate, share,
                         lock_of(rate, 1), income(1), lock_of(rate, 10), income(10), audits,
                         model::audits_bound(100 * audits));
        }
    }
}

/// What a group of parties began and ended with, on one line with what honesty would have brought
/// it.
std::string season_line(const Adversary& one, std::uint64_t seed, std::uint32_t jobs) {
    const SeasonResult cheated = play(one, seed, jobs, false), honest = play(one, seed, jobs, true);
    std::int64_t begin = 0, end = 0, cost = 0;
    const auto add = [&](const PartyResult& party) {
        if (!party.adversary) return;
        begin += static_cast<std::int64_t>(party.begin.grains());
        end += static_cast<std::int64_t>(party.end.grains());
        cost += static_cast<std::int64_t>(party.cost.grains());
    };
    for (const auto* group : {&cheated.workers, &cheated.validators}) {
        for (const PartyResult& party : *group) add(party);
    }
    add(cheated.submitter);
    const std::int64_t worth = cheated.submitter.adversary
                                   ? static_cast<std::int64_t>(cheated.submitter.worth.grains())
                                   : 0;
    const auto wide = [](std::int64_t value) { return static_cast<long long>(value); };
    return line_of("%s,%llu,%u,%lld,%lld,%lld,%lld,%lld,%lld,%zu,%d\n", one.name.c_str(),
                   static_cast<unsigned long long>(seed), jobs, wide(begin), wide(end), wide(cost),
                   wide(worth), wide(cheated.adversary_net()), wide(honest.adversary_net()),
                   cheated.harmed.size() + honest.harmed.size(),
                   cheated.finished && honest.finished ? 1 : 0);
}

/// Every strategy of the library, with several seeds: grains.
void seasons(const std::string& folder, std::uint32_t seeds) {
    constexpr std::uint32_t kJobs = 12;
    std::vector<std::function<std::string()>> rows;
    for (const Adversary& one : adversaries()) {
        for (std::uint64_t seed = 1; seed <= std::max(seeds, one.seasons); ++seed)
            rows.push_back([&one, seed] { return season_line(one, seed, kJobs); });
    }
    const std::vector<std::string> lines = in_parallel(rows);
    const File out(folder, "seasons");
    std::fputs("strategy,seed,jobs,begin,end,cost,worth,net,honest_net,harmed,finished\n",
               out.file);
    for (const std::string& line : lines) std::fputs(line.c_str(), out.file);
    const File names(folder, "strategies");
    std::fputs("strategy,what\n", names.file);
    for (const Adversary& one : adversaries())
        std::fprintf(names.file, "%s,\"%s\"\n", one.name.c_str(), one.what.c_str());
}

}  // namespace

/// soundness detection FOLDER PERCENT | money FOLDER | seasons FOLDER SEEDS
int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string_view what = argv[1];
    if (what == "detection" && argc == 4) {
        detection(argv[2], static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)));
    } else if (what == "seasons" && argc == 4) {
        seasons(argv[2], static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)));
        // Without a test around them, a season's own checks count here.
        return testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed() ? 1 : 0;
    } else if (what == "money" && argc == 3) {
        money(argv[2]);
    } else {
        return 2;
    }
    return 0;
}
