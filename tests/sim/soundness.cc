/// Runs the settings behind docs/soundness.md and writes one CSV file per table; `scripts/soundness` calls it and makes tables of them.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "draw_experiment.h"
#include "market/pricing.h"
#include "model.h"

namespace {

using namespace assay::sim;

constexpr std::uint32_t kRates[] = {100'000, 450'000, 900'000};
constexpr std::uint32_t kShares[] = {0, 50'000, 333'333, 500'000};
constexpr std::uint32_t kSegments[] = {4, 2, 1};
/// 10^5 tries for each part.
constexpr std::uint32_t kCommitments = 1'250, kJobsTried = 80;

struct File {
    File(const std::string& folder, const char* name) : file(std::fopen((folder + "/" + name + ".csv").c_str(), "w")) {
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
            for (std::size_t job = next++; job < jobs.size(); job = next++) lines[job] = jobs[job]();
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

std::string detection_line(std::uint32_t rate, std::uint32_t share, std::uint32_t segments, std::uint32_t trials) {
    DrawSetting setting;
    setting.trials = trials;
    setting.rate_ppm = rate;
    setting.colluding_ppm = share;
    setting.segments = segments;
    setting.commitments = kCommitments;
    setting.jobs = kJobsTried;
    const DrawResult result = draw_often(setting);
    const double all = static_cast<double>(result.trials), expected = model::detection(rate / 1e6, share / 1e6, segments);
    return line_of("%u,%u,%u,%u,%llu,%.2f,%.4f,%.4f,%.4f\n", rate, share, segments, trials, static_cast<unsigned long long>(setting.tries()),
                   static_cast<double>(result.own_audits) / all, 1 - static_cast<double>(result.escaped_best) / all, expected,
                   model::interval99(expected, all));
}

/// `segments_judged`: false segments in each row, so that the longer parts are fewer.
void detection(const std::string& folder, std::uint32_t segments_judged) {
    std::vector<std::function<std::string()>> rows;
    for (const std::uint32_t segments : kSegments) {
        for (const std::uint32_t rate : kRates) {
            for (const std::uint32_t share : kShares)
                rows.push_back([=] { return detection_line(rate, share, segments, segments_judged / segments); });
        }
    }
    const std::vector<std::string> lines = in_parallel(rows);
    const File out(folder, "detection");
    std::fputs("rate_ppm,colluding_ppm,segments,trials,tries,own_audits,measured,model,interval99\n", out.file);
    for (const std::string& line : lines) std::fputs(line.c_str(), out.file);
}

/// The rules' lock of a lease with one lane, one part a round and four unfinal rounds, in units of a segment's protocol cost.
double lock_of(std::uint32_t rate, std::uint32_t segments) {
    const assay::market::LockTerms terms{assay::base::Amount::of(1'200'000), assay::base::Amount::of(1'000'000), rate, 100'000, 4, 1, segments, segments};
    return static_cast<double>(assay::market::lease_lock(terms).value().grains()) / 1e6;
}

void money(const std::string& folder) {
    const File out(folder, "money");
    std::fprintf(out.file, "rate_ppm,colluding_ppm,lock_1,income_1,lock_10,income_10,audits,pool_100\n");
    for (const std::uint32_t rate : kRates) {
        for (const std::uint32_t share : {0U, 50'000U, 333'333U}) {
            const double audits = model::expected_audits(rate / 1e6);
            const auto income = [&](std::uint32_t segments) {
                return model::income_of_faking(1.2, lock_of(rate, segments), segments, model::detection(rate / 1e6, share / 1e6, segments));
            };
            std::fprintf(out.file, "%u,%u,%.2f,%.3f,%.2f,%.3f,%.3f,%.0f\n", rate, share, lock_of(rate, 1), income(1), lock_of(rate, 10), income(10), audits,
                         model::audits_bound(100 * audits));
        }
    }
}

}  // namespace

/// soundness detection FOLDER SEGMENTS | money FOLDER
int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string_view what = argv[1];
    if (what == "detection" && argc == 4) {
        detection(argv[2], static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)));
    } else if (what == "money" && argc == 3) {
        money(argv[2]);
    } else {
        return 2;
    }
    return 0;
}
