#include <time.h>

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "program/builder.h"
#include "program/cells.h"
#include "runtime/cell_watch.h"

/// What the cells of a verdict cost beside the replay of a segment of 20 steps, on one thread:
/// processor time of the steps with a watch against those without. Recorded, never gating.
namespace assay {
namespace {

constexpr std::uint32_t kSteps = 20, kVocabulary = 96;

struct Shape {
    const char* name;
    std::uint32_t layers, heads, width, context, batch;
};

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

market::JobSpec spec_of(const Shape& shape) {
    market::GptModel model;
    model.layers = shape.layers;
    model.heads = shape.heads;
    model.width = shape.width;
    model.context = shape.context;
    model.dropout_ppb = 100'000'000;
    market::TokenData data;
    data.tokens = 100'000;
    data.train_tokens = 90'000;
    data.vocabulary = kVocabulary;
    data.tokeniser = market::Tokeniser::pretokenised;
    market::JobSpec spec;
    spec.model = model;
    spec.data = data;
    spec.batch = shape.batch;
    spec.lanes = spec.rounds = 1;
    spec.round_steps = spec.segment_steps = kSteps;
    return spec;
}

base::VrfOutput spot_of(std::uint32_t number) {
    base::VrfOutput spot{};
    const base::Hash hash = base::Hasher("assay.bench").add_u32(number).finish();
    std::ranges::copy(hash.bytes, spot.begin());
    return spot;
}

class Bench {
  public:
    explicit Bench(const Shape& shape)
        : program_(program::build_program(spec_of(shape)).value()), executor_(program_, kOptions) {
        for (std::uint32_t i = 0; i < 100'000; ++i) words_.push_back(i * 2654435761U >> 8U);
        for (std::uint32_t& word : words_) word %= kVocabulary;
        start_ = commit::State::zeros(program_);
        executor_.run_init(start_);
    }

    /// Seconds of a segment from the initial state; what a watch allocates and plans is part of it.
    double run(const std::vector<program::CellPlace>& places) {
        commit::State state = start_.clone();
        const double begin = cpu_seconds();
        runtime::CellWatch watch(program_, executor_, kOptions, places);
        for (std::uint32_t i = 0; i < kSteps; ++i) {
            const auto result = watch.run_step(state, {words_, 90'000, 1}, 0, 0, i, i);
            ASSAY_CHECK(result.fault == 0);
        }
        return cpu_seconds() - begin;
    }

    void report(const Shape& shape, std::uint32_t spots) {
        const program::CellScope scope{program::CellStage::segment, kSteps, false};
        run({});
        double plain = 0, watched = 0, worst = 0;
        for (std::uint32_t n = 0; n < spots; ++n) {
            const double without = run({});
            const double with = run(program::choose_cells(program_, scope, spot_of(n)));
            plain += without;
            watched += with;
            worst = std::max(worst, with / without - 1);
        }
        std::printf(
            "%-8s batch %3u: %8.1f ms plain, %8.1f ms with cells, %+5.1f %% (at most %+.1f %%)\n",
            shape.name, shape.batch, plain / spots * 1e3, watched / spots * 1e3,
            (watched / plain - 1) * 100, worst * 100);
        std::fflush(stdout);
    }

  private:
    static constexpr runtime::ExecutorOptions kOptions{1, 0, runtime::Target::best, false};
    const program::Program program_;
    runtime::Executor executor_;
    std::vector<std::uint32_t> words_;
    commit::State start_;
};

constexpr Shape kShapes[] = {
    {"demo", 4, 4, 128, 64, 1},   {"demo", 4, 4, 128, 64, 4},   {"demo", 4, 4, 128, 64, 12},
    {"small", 6, 6, 384, 256, 1}, {"small", 6, 6, 384, 256, 8},
};

}  // namespace
}  // namespace assay

int main() {
    for (const assay::Shape& shape : assay::kShapes)
        assay::Bench(shape).report(shape, shape.width > 200 ? 3 : 12);
    return 0;
}
