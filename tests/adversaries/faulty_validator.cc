/// A validator with a fault in its arithmetic: it accuses honest work and plays on. The command line is that of `assay-validator`, with
/// `--stall N` for one that waits N thousandths of its remaining clock before each move.
#include "faulty.h"
#include "validator/validator.h"

int main(int argc, char** argv) {
    using namespace assay;
    std::vector<char*> arguments(argv, argv + argc);
    adversaries::FaultyConduct conduct(adversaries::take_stall(arguments));
    adversaries::FaultyProducer producer;
    const auto count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    return validator::validator_main(count, arguments.data(), producer, conduct);
}
