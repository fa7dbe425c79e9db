/// Runs the settings behind docs/soundness.md and writes one CSV file per table; `scripts/soundness` calls it and makes tables of them.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "draw_experiment.h"
#include "market/pricing.h"
#include "model.h"

namespace {

using namespace assay::sim;

struct File {
    File(const std::string& folder, const char* name) : file(std::fopen((folder + "/" + name + ".csv").c_str(), "w")) {
        if (file == nullptr) std::exit(1);
    }
    ~File() { std::fclose(file); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    std::FILE* file;
};

constexpr std::uint32_t kShares[] = {0, 50'000, 333'333, 500'000};

void detection(const std::string& folder, std::uint32_t trials) {
    const File out(folder, "detection");
    std::fprintf(out.file, "rate_ppm,colluding_ppm,segments,trials,measured,model,interval99\n");
    for (const std::uint32_t rate : {100'000U, 450'000U, 900'000U}) {
        for (const std::uint32_t share : kShares) {
            for (const std::uint32_t segments : {1U, 4U}) {
                DrawSetting setting;
                setting.trials = trials;
                setting.rate_ppm = rate;
                setting.colluding_ppm = share;
                setting.segments = segments;
                const DrawResult result = draw_often(setting);
                const double all = static_cast<double>(result.trials), expected = model::detection(rate / 1e6, share / 1e6, segments);
                std::fprintf(out.file, "%u,%u,%u,%u,%.4f,%.4f,%.4f\n", rate, share, segments, trials, 1 - static_cast<double>(result.escaped_best) / all,
                             expected, model::interval99(expected, all));
            }
        }
    }
}

/// The rules' lock of a lease with one lane, one part a round and four unfinal rounds, in units of a segment's protocol cost.
double lock_of(std::uint32_t rate, std::uint32_t segments) {
    const assay::market::LockTerms terms{assay::base::Amount::of(1'200'000), assay::base::Amount::of(1'000'000), rate, 100'000, 4, 1, segments, segments};
    return static_cast<double>(assay::market::lease_lock(terms).value().grains()) / 1e6;
}

void money(const std::string& folder) {
    const File out(folder, "money");
    std::fprintf(out.file, "rate_ppm,colluding_ppm,lock_1,income_1,lock_10,income_10,audits,pool_100\n");
    for (const std::uint32_t rate : {100'000U, 450'000U, 900'000U}) {
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

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    detection(argv[1], static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
    money(argv[1]);
    return 0;
}
