#include "validator/validator.h"

int main(int argc, char** argv) {
    assay::runtime::Trainer trainer;
    assay::games::Honest honest;
    return assay::validator::validator_main(argc, argv, trainer, honest);
}
