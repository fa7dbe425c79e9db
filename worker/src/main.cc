#include "worker/worker.h"

int main(int argc, char** argv) {
    assay::games::Honest honest;
    return assay::worker::worker_main(
        argc, argv, [] { return std::make_unique<assay::runtime::Trainer>(); }, honest);
}
