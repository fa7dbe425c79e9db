#pragma once

#include <chrono>
#include <filesystem>

#include "client/client.h"

namespace assay::agent {

/// Follows the event log from where the last run ended. Events only wake a program up and give it
/// lines to log; what it owes it reads from the state, so a lost cursor costs nothing but repeated
/// lines.
class EventFollower {
  public:
    /// The cursor lives in `file`; without one following begins at the head.
    EventFollower(client::Client& node, std::filesystem::path file);
    /// The next events, waiting up to `wait` for the first. The cursor moves past them and is
    /// saved.
    client::Result<std::vector<client::EventRecord>> next(std::chrono::milliseconds wait);

  private:
    client::Client& node_;
    std::filesystem::path file_;
    std::optional<client::Cursor> cursor_;
};

/// A log line for each event that names the account.
void log_events_about(const std::vector<client::EventRecord>& events,
                      const base::AccountId& account);

}  // namespace assay::agent
