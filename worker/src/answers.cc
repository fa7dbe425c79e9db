#include "answers.h"

#include <set>

namespace assay::worker {

namespace {

using namespace std::chrono_literals;

/// Beside the lanes of duties, leases and games.
constexpr std::uint32_t kAnswersNonceLane = 61;
constexpr auto kLookEvery = 2000ms;

}  // namespace

Answers::Answers(const WorkerSettings& settings, const agent::Identity& identity,
                 const agent::BlobKeeper& keeper, agent::Uploads& uploads)
    : settings_(settings),
      keeper_(keeper),
      uploads_(uploads),
      node_(settings.node_url, agent::patient_options()),
      party_(identity, node_, kAnswersNonceLane),
      thread_([this] { run(); }) {}

Answers::~Answers() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Answers::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_one();
}

void Answers::run() {
    while (true) {
        look();
        // Connections of one address are counted, and most of the time nobody asks anything.
        node_ = client::Client(settings_.node_url, agent::patient_options());
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kLookEvery, [this] { return woken_ || ending_; });
        woken_ = false;
        if (ending_) return;
    }
}

bool Answers::is_ending() {
    const std::lock_guard lock(mutex_);
    return ending_;
}

void Answers::look() {
    std::set<base::JobId> jobs;
    const auto leases = node_.leases_of(party_.identity().account());
    for (const market::Lease& lease : leases ? *leases : std::vector<market::Lease>{}) {
        if (lease.state == market::LeaseState::active) jobs.insert(lease.job);
    }
    const auto restore = [this](const std::filesystem::path& file, const base::BlobRoot& blob) {
        uploads_.again(file, blob);
    };
    const unsigned threads = settings_.executor.threads;
    const auto stop = [this] { return is_ending(); };
    agent::answer_questions(party_, keeper_, {jobs.begin(), jobs.end()},
                            settings_.data_folder / "fetched", threads, said_, restore, stop);
    agent::follow_questions(party_, settings_.data_folder / "asked", threads);
    keeper_.forget_settled(node_);
}

}  // namespace assay::worker
