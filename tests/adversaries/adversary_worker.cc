/// A worker that cheats in one named way. The command line is that of `assay-worker`, with
/// `--strategy NAME` in front.
#include <iostream>
#include <string>
#include <vector>

#include "strategies.h"
#include "worker/worker.h"

int main(int argc, char** argv) {
    using namespace assay;
    std::vector<char*> rest{argv[0]};
    std::string strategy;
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "--strategy" && i + 1 < argc) {
            strategy = argv[++i];
        } else {
            rest.push_back(argv[i]);
        }
    }
    if (!adversaries::make_strategy(strategy)) {
        std::cerr << "assay-adversary-worker: --strategy must be one of\n";
        for (const adversaries::StrategyInfo& info : adversaries::strategies())
            std::cerr << "  " << info.name << ": " << info.what << "\n";
        return 2;
    }
    rest.push_back(nullptr);
    games::Honest conduct;  // it knows that it cheats, and gives up what it would lose
    return worker::worker_main(
        static_cast<int>(rest.size()) - 1, rest.data(),
        [&] { return adversaries::make_strategy(strategy); }, conduct);
}
