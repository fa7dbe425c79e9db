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
#include "validator/recomputer.h"

namespace assay::validator {

/// What `assay-validator run` was told.
struct ValidatorSettings {
    std::string node_url;
    std::filesystem::path data_folder;
    runtime::ExecutorOptions executor;
    std::optional<base::Amount>
        stake;                     ///< none: half of what the account has, when nothing is staked
    base::Amount weight_max;       ///< draws as if it had no more stake than this; 0: all of it
    std::optional<double> gflops;  ///< none: measured at the start
    double spot_check =
        0;  ///< share of accepted segments and merges that it recomputes unasked, 0 to 1
    bool away_on_exit = false;  ///< declares to be away when it ends cleanly: no member of later
                                ///< epochs until it starts again
};

/// Declares, contributes to every epoch, replays what is drawn, seals, reveals and opens cells,
/// until SIGTERM. One thread follows the ledger and answers at once; one replays, and while no
/// audit waits it recomputes accepted work at random and challenges what is wrong; one follows its
/// questions, one plays its games. Contribution, verdict, cells and challenge are on disk before
/// they are sent, so a crash at any instant changes nothing of what is said.
agent::ExitCode run_validator(ValidatorSettings settings, client::KeySet keys,
                              Recomputer& recomputer, games::Conduct& conduct);

/// The whole command line of `assay-validator`; in the product `recomputer` replays and `conduct`
/// is Honest.
int validator_main(int argc, char** argv, Recomputer& recomputer, games::Conduct& conduct);

}  // namespace assay::validator
