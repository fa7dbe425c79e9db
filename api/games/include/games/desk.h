#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "agent/log.h"
#include "agent/party.h"
#include "games/conduct.h"
#include "replay/job_states.h"

namespace assay::games {

struct DeskSettings {
    std::string node_url;
    std::filesystem::path
        folder;  ///< datasets of disputed jobs; nothing in it is missed when it is deleted
    runtime::ExecutorOptions executor;
    /// What this party still has of a job's blobs: whoever withholds data takes nobody's answer
    /// away. Null: what the node has and nothing else.
    replay::KeptBlobs kept = nullptr;
    std::uint64_t memory_bytes = 0;  ///< for states of games; zero: a quarter of the machine's
};

/// Plays every game in which the account is a side, as asserter or challenger, on a thread of its
/// own. What comes next is computed from the game on the ledger and from public data, so a restart
/// in the middle of a game costs a replay and nothing else. Each game is replayed once: games whose
/// states have no room in memory rest in files. The game whose deadline comes first is answered
/// first among those in memory, and before them when its time gets short. Owns its connection and
/// nonce lane.
class Desk {
  public:
    /// `identity` and `conduct` outlive it.
    Desk(DeskSettings settings, const agent::Identity& identity, Conduct& conduct);
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;
    /// Something happened: looks at once instead of at the next interval.
    void wake();

  private:
    struct OpenJob;
    struct Seat;
    struct Turn {
        market::Dispute dispute;
        market::Side side;
    };
    void run();
    bool wait(std::chrono::milliseconds time);
    struct Due {
        std::vector<Turn> turns;  ///< the most urgent first
        bool others = false;      ///< our turn too, but the conduct waits
    };
    Due look();
    void answer(const Turn& turn);
    std::shared_ptr<OpenJob> open_job(const Turn& turn, const market::GameSubject& subject);
    void make_room_for(const Seat& seat);
    [[nodiscard]] std::filesystem::path resting_file(const base::DisputeId& id) const;
    Seat* seat_for(const Turn& turn, const market::GameSubject& subject);
    bool has_time_for_definition(const Turn& turn, market::GameStage stage);
    void concede(const Turn& turn, std::string_view why);
    void trouble(const Turn& turn, const std::string& text);
    void keep_seats_of(const std::vector<base::DisputeId>& open);

    const DeskSettings settings_;
    const agent::Identity& identity_;
    Conduct& conduct_;
    const std::uint64_t memory_;
    client::Client node_;
    agent::Party party_;
    std::map<base::JobId, std::weak_ptr<OpenJob>> jobs_;
    std::map<base::DisputeId, std::unique_ptr<Seat>> seats_;
    std::chrono::milliseconds longest_{};  ///< that an answer took
    agent::SaidBefore said_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false;
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

}  // namespace assay::games
