#include "blob_collector.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "market/job_spec.h"
#include "market/queries.h"

namespace assay::node {
namespace {

constexpr std::size_t kJobsMax = 1000, kPartsMax = 1000;

/// Jobs whose rounds may have become final, in any state that still moves or has just ended.
std::vector<market::Job> relevant_jobs(const market::StateReader& state) {
    std::vector<market::Job> all;
    for (const market::JobState wanted :
         {market::JobState::running, market::JobState::paused, market::JobState::verifying,
          market::JobState::completed}) {
        const auto some = market::jobs_in_state(state, wanted, std::nullopt, kJobsMax);
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

/// What one job's final rounds leave behind.
void superseded(const market::StateReader& state, const market::Job& job, std::uint32_t from,
                std::set<base::BlobRoot>& out) {
    for (std::uint32_t number = from; number < job.final_rounds; ++number) {
        for (const auto& part :
             market::parts_of_job(state, job.id, number, std::nullopt, kPartsMax)) {
            out.insert(part.end_blob);
            out.insert(part.payload_blob);
        }
        if (const auto round = market::find_round(state, job.id, number))
            out.insert(round->opening_blob);
    }
}

}  // namespace

BlobCollector::BlobCollector(ledger::Node& node, server::BlobStore& blobs)
    : node_(node), blobs_(blobs) {
    thread_ = std::jthread([this] { run(); });
    blocks_ = node_.subscribe([this](const ledger::Head&) {
        const std::lock_guard lock(mutex_);
        changed_ = true;
        wake_.notify_one();
    });
}

BlobCollector::~BlobCollector() {
    blocks_ = {};
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
}

void BlobCollector::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return changed_ || stopping_; });
        if (stopping_) return;
        changed_ = false;
        lock.unlock();
        collect();
        lock.lock();
        // Once a second is often enough for disk space.
        wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; });
    }
}

void BlobCollector::collect() {
    const ledger::Snapshot snapshot = node_.snapshot();
    const std::vector<market::Job> jobs = relevant_jobs(snapshot.state());
    std::set<base::BlobRoot> old, kept;
    for (const market::Job& job : jobs) {
        for (const base::BlobRoot& root : {job.init_blob, job.opening_blob, job.final_blob})
            kept.insert(root);
        if (const auto spec = market::find_spec(snapshot.state(), job.id)) {
            if (const auto decoded = market::decode_spec(*spec))
                kept.insert(std::visit([](const auto& data) { return data.blob; }, decoded->data));
        }
        for (std::uint32_t number = job.final_rounds; number <= job.round; ++number) {
            if (const auto round = market::find_round(snapshot.state(), job.id, number)) {
                kept.insert(round->opening_blob);
                kept.insert(round->closing_blob);
            }
            // The same spec posted twice gives the same checkpoints: what another job's live rounds
            // refer to stays.
            for (const auto& part :
                 market::parts_of_job(snapshot.state(), job.id, number, std::nullopt, kPartsMax)) {
                for (const base::BlobRoot& root :
                     {part.start_blob, part.end_blob, part.payload_blob})
                    kept.insert(root);
            }
        }
        superseded(snapshot.state(), job, collected_[job.id], old);
        collected_[job.id] = job.final_rounds;
    }
    std::erase_if(collected_, [&](const auto& entry) {
        return std::none_of(jobs.begin(), jobs.end(),
                            [&](const market::Job& job) { return job.id == entry.first; });
    });
    // The same training gives the same blobs: one of these may just have been uploaded again, with its
    // receipt still on the way to the ledger.
    old.merge(promised_);
    promised_.clear();
    for (const base::BlobRoot& root : old) {
        if (root.is_zero() || kept.contains(root)) continue;
        if (!blobs_.remove(root)) promised_.insert(root);
    }
}

}  // namespace assay::node
