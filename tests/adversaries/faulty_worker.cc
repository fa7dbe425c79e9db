/// A worker with a fault in its arithmetic that it defends in disputes. The command line is that of
/// `assay-worker`, with `--stall N` for one that waits N thousandths of its remaining clock before
/// each move.
#include "faulty.h"
#include "worker/worker.h"

int main(int argc, char** argv) {
    using namespace assay;
    std::vector<char*> arguments(argv, argv + argc);
    adversaries::FaultyConduct conduct(adversaries::take_stall(arguments));
    const auto count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    return worker::worker_main(
        count, arguments.data(), [] { return std::make_unique<adversaries::FaultyProducer>(); },
        conduct);
}
