#include "protocol.h"

#include <iostream>
#include <sstream>

namespace assay::bench {

namespace {
constexpr int kExitInput = 3;
constexpr long kCountMax = 1'000'000;
}  // namespace

int fail(const std::string& reason) {
    std::cerr << "assay-bench: " << reason << "\n";
    return kExitInput;
}

int serve(const Json& ready, const Measure& measure, const std::function<Json()>& extra) {
    std::cout << Json{{"ready", ready}}.dump() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string verb, name;
        long count = 0;
        words >> verb >> count;
        if (verb != "run" || !words || count < 1 || count > kCountMax)
            return fail("expected `run N [NAME]`, got: " + line);
        words >> name;
        Json answer{{"values", Json::array()}};
        for (long i = 0; i < count; ++i) answer["values"].push_back(measure(name));
        if (extra) answer.update(extra());
        std::cout << answer.dump() << std::endl;
    }
    return 0;
}

}  // namespace assay::bench
