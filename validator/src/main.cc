#include "validator/validator.h"

int main(int argc, char** argv) {
    assay::validator::Replays replays;
    assay::games::Honest honest;
    return assay::validator::validator_main(argc, argv, replays, honest);
}
