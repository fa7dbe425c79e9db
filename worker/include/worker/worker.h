#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/exit_code.h"
#include "base/amount.h"
#include "client/key_file.h"
#include "games/conduct.h"
#include "runtime/executor.h"
#include "runtime/segment_producer.h"

namespace assay::worker {

/// What `assay-worker run` was told.
struct WorkerSettings {
    std::string node_url;
    std::filesystem::path data_folder;
    runtime::ExecutorOptions executor;
    std::uint64_t memory_bytes = 0;               ///< offered; 0: what the machine has
    std::uint32_t slots = 1;                      ///< lanes trained at the same time
    std::optional<base::Amount> price_per_gflop;  ///< none: the protocol price
    std::optional<base::Amount> stake;            ///< none: half of what the account has
    std::optional<base::Amount> bond;  ///< of the offer; none: a tenth of what the account has
    std::uint64_t segment_ms = 1000;   ///< least time of a segment that the offer promises
    std::optional<double> gflops;      ///< none: measured at the start
    std::chrono::seconds checkpoint_every{10};
    std::chrono::seconds leave_waiting_after{
        600};  ///< a lane whose audits are not paid for or cannot be done
    bool withdraw_on_exit =
        false;  ///< take the offer back on SIGTERM, for a machine that is to be switched off
    bool leave_on_exit =
        false;  ///< on SIGTERM also hand the lanes over, once what is committed has been judged
};

/// Registers, offers, trains, commits, delivers and closes until SIGTERM. One thread follows the
/// ledger and answers what is owed; one thread per lease trains. Everything it owes it reads from
/// the ledger's state, and what it signed it keeps in the data folder, so it may be killed at any
/// instant.
agent::ExitCode run_worker(const WorkerSettings& settings, client::KeySet keys,
                           const runtime::ProducerFactory& producer, games::Conduct& conduct);

/// The whole command line of `assay-worker`; in the product `producer` gives Trainers and `conduct`
/// is Honest.
int worker_main(int argc, char** argv, const runtime::ProducerFactory& producer,
                games::Conduct& conduct);

}  // namespace assay::worker
