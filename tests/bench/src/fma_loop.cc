#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "contestants.h"
#include "protocol.h"

// What this machine's registers can do: the yardstick for matmul, at the clock of this moment.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fma_loop.cc"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace assay::bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Twelve chains: two units times a latency of four to five cycles, and AVX2 has registers for no
/// more. 24 FLOPs per lane and iteration, in registers only. The values converge to 1, so neither
/// subnormals nor infinities slow them. The result depends on all of them: nothing can be dropped.
float fma_loop(std::size_t iterations) {
    const hn::ScalableTag<float> d;
    const auto factor = hn::Set(d, 0.75F);
    const auto addend = hn::Set(d, 0.25F);
    // Different starts: equal chains would be computed once.
    auto a0 = hn::Set(d, 0.0F), a1 = hn::Set(d, 2.0F), a2 = hn::Set(d, 3.0F);
    auto a3 = hn::Set(d, 4.0F), a4 = hn::Set(d, 5.0F), a5 = hn::Set(d, 6.0F);
    auto a6 = hn::Set(d, 7.0F), a7 = hn::Set(d, 8.0F), a8 = hn::Set(d, 9.0F);
    auto a9 = hn::Set(d, 10.0F), a10 = hn::Set(d, 11.0F), a11 = hn::Set(d, 12.0F);
    for (std::size_t i = 0; i < iterations; ++i) {
        a0 = hn::MulAdd(a0, factor, addend);
        a1 = hn::MulAdd(a1, factor, addend);
        a2 = hn::MulAdd(a2, factor, addend);
        a3 = hn::MulAdd(a3, factor, addend);
        a4 = hn::MulAdd(a4, factor, addend);
        a5 = hn::MulAdd(a5, factor, addend);
        a6 = hn::MulAdd(a6, factor, addend);
        a7 = hn::MulAdd(a7, factor, addend);
        a8 = hn::MulAdd(a8, factor, addend);
        a9 = hn::MulAdd(a9, factor, addend);
        a10 = hn::MulAdd(a10, factor, addend);
        a11 = hn::MulAdd(a11, factor, addend);
    }
    const auto low = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), hn::Add(a4, a5));
    const auto high = hn::Add(hn::Add(hn::Add(a6, a7), hn::Add(a8, a9)), hn::Add(a10, a11));
    return hn::GetLane(hn::Add(low, high));
}

std::size_t fma_lanes() { return hn::Lanes(hn::ScalableTag<float>()); }
const char* fma_target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace assay::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::bench {

HWY_EXPORT(fma_loop);
HWY_EXPORT(fma_lanes);
HWY_EXPORT(fma_target);

namespace {

constexpr double kFlopsPerLane = 24;  // of one iteration
constexpr double kRunMilliseconds = 50;

using Clock = std::chrono::steady_clock;

/// Milliseconds from the first thread's start to the last one's end. The threads read the clock
/// themselves: who started them may sleep while they run.
double time_loop(unsigned threads, std::size_t iterations) {
    struct Span {
        Clock::time_point begin, end;
    };
    std::vector<Span> spans(threads);
    std::atomic<float> sink{0};
    std::atomic<unsigned> waiting{threads};
    {
        std::vector<std::jthread> workers;
        for (Span& span : spans) {
            workers.emplace_back([&waiting, &sink, &span, iterations] {
                // All together, without anything that would have to be woken.
                --waiting;
                while (waiting.load() != 0) std::this_thread::yield();
                span.begin = Clock::now();
                sink = HWY_DYNAMIC_DISPATCH(fma_loop)(iterations);
                span.end = Clock::now();
            });
        }
    }
    Clock::time_point begin = spans.front().begin, end = spans.front().end;
    for (const Span& span : spans) {
        begin = std::min(begin, span.begin);
        end = std::max(end, span.end);
    }
    return std::chrono::duration<double, std::milli>(end - begin).count();
}

}  // namespace

int run_fma(const Options& options) {
    std::size_t iterations = 1 << 16;
    double took = 0;
    while ((took = time_loop(options.threads, iterations)) < kRunMilliseconds / 2) iterations *= 2;
    iterations =
        static_cast<std::size_t>(static_cast<double>(iterations) * kRunMilliseconds / took);
    const double flops = kFlopsPerLane * static_cast<double>(HWY_DYNAMIC_DISPATCH(fma_lanes)()) *
                         static_cast<double>(iterations) * options.threads;
    const Json ready{{"contestant", "fma"},
                     {"unit", "GFLOP/s"},
                     {"threads", options.threads},
                     {"target", HWY_DYNAMIC_DISPATCH(fma_target)()}};
    return serve(ready, [&](const std::string&) {
        return flops / time_loop(options.threads, iterations) / 1e6;
    });
}

}  // namespace assay::bench
#endif
