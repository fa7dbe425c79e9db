/// A worker that never trains, for the demo: `assay-adversary-worker --strategy fakes_everything`
/// under a name of its own.
#include "strategies.h"
#include "worker/worker.h"

int main(int argc, char** argv) {
    using namespace assay;
    games::Honest conduct;
    return worker::worker_main(
        argc, argv, [] { return adversaries::make_strategy("fakes_everything"); }, conduct);
}
