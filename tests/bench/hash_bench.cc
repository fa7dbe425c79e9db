#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "base/hash_batch.h"
#include "commit/state.h"

/// How fast commitments are hashed on this machine, per instruction set and number of threads.
/// Recorded, never gating.
namespace assay {
namespace {

constexpr int kTries = 15;

constexpr const char* kHelp =
    "Usage: hash_bench [MEGABYTES]\n"
    "Measures tile leaves (32 x 32 f32, read in place) and tree nodes per instruction set in time "
    "of the processor, and state roots in\n"
    "time of the clock; best of 15 tries.\n"
    "MEGABYTES: size of the state, default 10.\n";

double seconds_of(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double best_seconds(clockid_t clock, auto&& work) {
    double best = 1e9;
    for (int i = 0; i < kTries; ++i) {
        const double begin = seconds_of(clock);
        work();
        best = std::min(best, seconds_of(clock) - begin);
    }
    return best;
}
/// Of this thread alone: what other programs take from it does not count.
double best_cpu_seconds(auto&& work) { return best_seconds(CLOCK_THREAD_CPUTIME_ID, work); }
double best_wall_seconds(auto&& work) { return best_seconds(CLOCK_MONOTONIC, work); }

program::Program program_of(std::uint32_t cols, std::uint32_t rows) {
    program::Program program;
    program::Tensor tensor;
    tensor.name = std::string("t");
    tensor.cls = program::TensorClass::state;
    tensor.dtype = program::DType::f32;
    tensor.rows = rows;
    tensor.cols = cols;
    program.tensors = {tensor};
    return program;
}

void leaves(std::size_t megabytes) {
    const std::size_t width = 768 * 4, rows = (megabytes << 20U) / width / 32 * 32;
    std::vector<std::uint8_t> matrix(rows * width, 0x3b);
    std::vector<const std::uint8_t*> starts;
    for (std::size_t row = 0; row < rows; row += 32) {
        for (std::size_t col = 0; col < width; col += 128)
            starts.push_back(matrix.data() + row * width + col);
    }
    std::vector<base::Hash> out(starts.size());
    for (const auto target : base::hash_targets()) {
        const double s = best_cpu_seconds([&] {
            base::blake2b_batch("assay.leaf", {32, 128, width, base::MessageWords::f32}, starts,
                                out, target);
        });
        std::printf("leaves  %-7s 1 thread  %6.3f GB/s\n",
                    std::string(base::name_of(target)).c_str(),
                    static_cast<double>(matrix.size()) / s * 1e-9);
    }
    for (const auto target : base::hash_targets()) {
        const std::size_t nodes = starts.size();
        std::vector<const std::uint8_t*> pairs;
        for (std::size_t i = 0; i < nodes; ++i) pairs.push_back(matrix.data() + 64 * i);
        const double s = best_cpu_seconds([&] {
            base::blake2b_batch("assay.node", {1, 64, 64, base::MessageWords::bytes}, pairs, out,
                                target);
        });
        std::printf("nodes   %-7s 1 thread  %6.1f ns each\n",
                    std::string(base::name_of(target)).c_str(),
                    s / static_cast<double>(nodes) * 1e9);
    }
}

void roots(std::size_t megabytes) {
    const auto program =
        program_of(768, static_cast<std::uint32_t>((megabytes << 20U) / (768 * 4)));
    commit::State state = commit::State::zeros(program);
    std::memset(state.tensors[0].data(), 0x3b, state.tensors[0].size());
    for (const unsigned threads : {1U, 2U, 4U}) {
        const double s =
            best_wall_seconds([&] { (void)commit::state_root(program, state, {}, threads); });
        std::printf("state root of %zu MB, %u threads: %.3f ms, %.3f GB/s\n", megabytes, threads,
                    s * 1e3, static_cast<double>(state.tensors[0].size()) / s * 1e-9);
    }
    const double start = best_wall_seconds([] { const std::jthread nothing([] {}); });
    std::printf("start and join of a thread: %.1f us\n", start * 1e6);
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
    if (argc > 1 && (std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0)) {
        std::fputs(assay::kHelp, stdout);
        return 0;
    }
    char* end = nullptr;
    const unsigned long megabytes = argc > 1 ? std::strtoul(argv[1], &end, 10) : 10;
    if (argc > 2 || megabytes == 0 || megabytes > 65'536 || (end != nullptr && *end != '\0')) {
        std::fputs(assay::kHelp, stderr);
        return 2;
    }
    assay::leaves(megabytes);
    assay::roots(megabytes);
    return 0;
}
