#include "worker/worker.h"

int main(int argc, char** argv) {
    return assay::worker::worker_main(argc, argv, [] { return std::make_unique<assay::worker::Trainer>(); });
}
