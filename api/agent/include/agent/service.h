#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "agent/durable_file.h"
#include "agent/exit_code.h"
#include "agent/party.h"
#include "runtime/executor.h"

namespace assay::agent {

/// Why a program that acts for a key cannot start.
struct StartError {
    ExitCode code = ExitCode::refused;
    std::string_view event;  ///< of the log line
    std::string text;
};
/// Of what the node or the rules answered while the program made itself ready.
[[nodiscard]] StartError start_error(const client::ClientError& error, const std::string& what);

/// What worker and validator stand on: this machine computes as everybody does, the folder is
/// theirs alone, the node answers, and there is an account that signs. One thread.
class Service {
  public:
    /// Waits for the node until it answers or the end is asked for.
    static tl::expected<std::unique_ptr<Service>, StartError> start(
        const std::string& node_url, const std::filesystem::path& folder, client::KeySet keys);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    [[nodiscard]] const Identity& identity() const { return identity_; }
    [[nodiscard]] const client::ChainInfo& chain() const { return chain_; }
    [[nodiscard]] client::Client& node() { return node_; }
    /// On the nonce lane of duties.
    [[nodiscard]] Party& party() { return party_; }

    /// Until the end is asked for: `look`, then the next events of the log (a line for each that
    /// names the account), and `woken` when there were any. The place in the log is kept in the
    /// folder.
    void follow(const std::function<void()>& look, const std::function<void()>& woken);

  private:
    Service(const std::filesystem::path& folder, FolderLock lock, client::Client node,
            client::ChainInfo chain, client::KeySet keys);

    std::filesystem::path folder_;
    FolderLock lock_;
    client::Client node_;
    client::ChainInfo chain_;
    Identity identity_;
    Party party_;
};

/// The nonce lane of what a program owes; threads that act independently use others.
inline constexpr std::uint32_t kDutyNonceLane = 0;

/// Bonds what is missing of `wanted`; without it half of what the account has, when nothing is
/// staked.
tl::expected<void, StartError> ensure_stake(Party& party, market::Role role,
                                            const std::optional<base::Amount>& wanted);

/// Operations a second: the declared figure, else what this machine does in a second.
tl::expected<std::uint64_t, StartError> speed_of_machine(std::optional<double> gflops,
                                                         const std::filesystem::path& folder,
                                                         const runtime::ExecutorOptions& executor);

/// Logs why it did not start, and gives the exit code.
ExitCode not_started(const StartError& error);

}  // namespace assay::agent
