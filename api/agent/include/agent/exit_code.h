#pragma once

namespace assay::agent {

/// How `assay-worker` and `assay-validator` end: a closed list, in `--help` and docs/operations.md.
enum class ExitCode : int {
    success = 0,       ///< also after SIGTERM
    usage = 2,         ///< a wrong option or value
    key = 3,           ///< key file or passphrase
    unreachable = 4,   ///< the node gave no answer
    refused = 5,       ///< the ledger refused what the program needs to start
    check_failed = 6,  ///< this machine does not qualify (`check`), or this build on this machine
                       ///< computes other programs or results than everybody else
    data = 7,          ///< the data folder is in use, unwritable or damaged
};

}  // namespace assay::agent
