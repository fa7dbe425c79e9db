#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "agent/exit_code.h"
#include "base/amount.h"
#include "client/key_file.h"
#include "games/conduct.h"
#include "runtime/executor.h"
#include "runtime/segment_producer.h"

namespace assay::validator {

/// What `assay-validator run` was told.
struct ValidatorSettings {
    std::string node_url;
    std::filesystem::path data_folder;
    runtime::ExecutorOptions executor;
    std::optional<base::Amount> stake;       ///< none: half of what the account has, when nothing is staked
    std::uint32_t capacity = 4;              ///< audits it may owe at the same time; one is computed at a time
    std::optional<double> gflops;            ///< none: measured at the start
    double spot_check = 0;                   ///< share of accepted segments and merges that it recomputes unasked, 0 to 1
};

/// Declares, contributes to every epoch, replays what is drawn, seals and reveals, until SIGTERM. One thread follows the ledger and answers
/// at once; one replays, and while no audit waits it recomputes accepted work at random and challenges what is wrong. A verdict or challenge
/// is on disk before its seal is sent, so a crash reveals what was sealed.
agent::ExitCode run_validator(ValidatorSettings settings, client::KeySet keys, runtime::SegmentProducer& producer,
                              games::Conduct& conduct);

/// The whole command line of `assay-validator`; in the product `producer` is a Trainer and `conduct` is Honest.
int validator_main(int argc, char** argv, runtime::SegmentProducer& producer, games::Conduct& conduct);

}  // namespace assay::validator
