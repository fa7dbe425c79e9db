/// Tells random histories and says what they held; `scripts/histories` runs it, one process for
/// each core.
///
///   histories SEED                      one of them, event by event
///   histories FIRST COUNT [STRIDE]      seeds FIRST, FIRST + STRIDE, …; one line of JSON at the
///   end; 1 when something was wrong
#include <malloc.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "histories.h"

namespace {

constexpr std::uint32_t kBooksEvery = 4;
volatile std::uint64_t telling = 0;

/// A check that failed in the rules ends the program: the seed is what is needed.
void say_seed(int) {
    std::fprintf(stderr, "seed %" PRIu64 ": aborted\n", static_cast<std::uint64_t>(telling));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2) {
        const auto result =
            assay::sim::tell_history(std::strtoull(argv[1], nullptr, 10), {stdout, 1});
        for (const std::string& what : result.wrong) std::printf("WRONG: %s\n", what.c_str());
        return result.wrong.empty() ? 0 : 1;
    }
    if (argc < 3) return 2;
    // A history frees all that it used, and the next one needs as much again.
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_TOP_PAD, 16 << 20);
    const std::uint64_t first = std::strtoull(argv[1], nullptr, 10),
                        count = std::strtoull(argv[2], nullptr, 10);
    const std::uint64_t stride = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
    std::signal(SIGABRT, say_seed);
    std::map<std::string, std::uint64_t> counts;
    std::uint64_t digest = 0, blocks = 0, wrong = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        telling = first + i * stride;
        const auto result = assay::sim::tell_history(telling, {nullptr, kBooksEvery});
        for (const auto& [name, number] : result.counts) counts[name] += number;
        // A sum: the same for the same seeds, in whatever order.
        digest += result.digest;
        blocks += result.blocks;
        if (result.wrong.empty()) continue;
        ++wrong;
        for (const std::string& what : result.wrong)
            std::fprintf(stderr, "seed %" PRIu64 ": %s\n", result.seed, what.c_str());
    }
    std::printf("{\"histories\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"blocks\": %" PRIu64
                ", \"digest\": %" PRIu64 ", \"counts\": {",
                count, wrong, blocks, digest);
    const char* comma = "";
    for (const auto& [name, number] : counts) {
        std::printf("%s\"%s\": %" PRIu64, comma, name.c_str(), number);
        comma = ", ";
    }
    std::printf("}}\n");
    return wrong == 0 ? 0 : 1;
}
