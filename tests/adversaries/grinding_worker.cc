/// A worker that makes everything up and grinds what its accomplices will draw. The command line is
/// that of `assay-worker`, with
/// `--accomplice KEYFILE` for each validator whose keys it has, `--wish drawn|undrawn|unforced`,
/// `--no-states` where nothing that it commits to has a state, and `--rubbish` where it answers
/// questions about states with rubbish. The passphrase is everybody's.
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "grinding.h"
#include "worker/worker.h"

int main(int argc, char** argv) {
    using namespace assay;
    const std::map<std::string, adversaries::Wish> wishes = {
        {"drawn", adversaries::Wish::drawn},
        {"undrawn", adversaries::Wish::undrawn},
        {"unforced", adversaries::Wish::unforced}};
    adversaries::GrindSettings settings;
    std::vector<std::string> files;
    bool rubbish = false;
    std::vector<char*> rest{argv[0]};
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        const std::string value = i + 1 < argc ? argv[i + 1] : "";
        if (name == "--no-states" || name == "--rubbish") {
            (name == "--rubbish" ? rubbish : settings.no_states) = true;
            continue;
        }
        if (name == "--accomplice" || name == "--wish") {
            if (name == "--accomplice") files.push_back(value);
            if (name == "--wish" && !wishes.contains(value)) {
                std::cerr
                    << "assay-adversary-grinding-worker: --wish is drawn, undrawn or unforced\n";
                return 2;
            }
            if (name == "--wish") settings.wish = wishes.at(value);
            ++i;
            continue;
        }
        if (name == "--node") settings.node_url = value;
        if (name == "--key") settings.own.file = value;
        if (name == "--passphrase-file") settings.own.passphrase_file = value;
        rest.push_back(argv[i]);
    }
    for (const std::string& file : files)
        settings.accomplices.push_back({file, settings.own.passphrase_file, -1});
    rest.push_back(nullptr);
    games::Honest conduct;  // it knows that it cheats, and gives up what it would lose
    std::jthread answers;
    if (rubbish)
        answers = std::jthread([&settings](const std::stop_token& stop) {
            adversaries::answer_with_rubbish(stop, settings);
        });
    return worker::worker_main(
        static_cast<int>(rest.size()) - 1, rest.data(),
        [&] { return adversaries::make_grinder(settings); }, conduct);
}
