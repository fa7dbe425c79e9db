#include "validator/validator.h"

int main(int argc, char** argv) { return assay::validator::validator_main(argc, argv); }
