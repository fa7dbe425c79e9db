#include "blob_collector.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <tuple>

#include "market/queries.h"

namespace assay::node {
namespace {

constexpr std::size_t kPage = 1000;
/// From a receipt to the transaction that names it: who needs longer asks for the receipt again.
constexpr std::chrono::hours kUnnamedMax{1};
constexpr std::chrono::minutes kSweepEvery{1};

/// Every job that has not left the state.
std::vector<market::Job> all_jobs(const market::StateReader& state) {
    std::vector<market::Job> all;
    while (true) {
        const auto after = all.empty() ? std::nullopt : std::optional(all.back().id);
        const auto page = market::jobs(state, after, kPage);
        all.insert(all.end(), page.begin(), page.end());
        if (page.size() < kPage) return all;
    }
}

template <class Take>
void for_each_part(const market::StateReader& state, const base::JobId& job, std::uint32_t round,
                   Take take) {
    std::optional<base::PartId> after;
    while (true) {
        const auto page = market::parts_of_job(state, job, round, after, kPage);
        for (const market::Part& part : page) take(part);
        if (page.size() < kPage) return;
        after = page.back().id;
    }
}

/// What rounds [from, to) leave behind.
void superseded(const market::StateReader& state, const market::Job& job, std::uint32_t from,
                std::uint32_t to, std::set<base::BlobRoot>& out) {
    for (std::uint32_t number = from; number < to; ++number) {
        for_each_part(state, job.id, number, [&](const market::Part& part) {
            out.insert(part.end_blob);
            out.insert(part.payload_blob);
            for (const market::DeliveredSegment& segment : part.delivered)
                out.insert(segment.start_blob);
        });
        if (const auto round = market::find_round(state, job.id, number)) {
            out.insert(round->opening_blob);
            out.insert(round->closing_blob);
        }
    }
}

/// What the live rounds of a job start from or will be asked for.
void needed(const market::StateReader& state, const market::Job& job,
            std::set<base::BlobRoot>& out) {
    out.insert(job.opening_blob);
    for (std::uint32_t number = job.final_rounds; number <= job.round; ++number) {
        if (const auto round = market::find_round(state, job.id, number)) {
            out.insert(round->opening_blob);
            out.insert(round->closing_blob);
        }
        for_each_part(state, job.id, number, [&](const market::Part& part) {
            for (const base::BlobRoot& root : {part.start_blob, part.end_blob, part.payload_blob})
                out.insert(root);
            for (const market::DeliveredSegment& segment : part.delivered)
                out.insert(segment.start_blob);
        });
        if (const auto merge = market::find_merge(state, job.id, number)) out.insert(merge->blob);
    }
    std::optional<base::Hash> after;
    while (true) {
        const auto page = market::questions_of_job(state, job.id, std::nullopt, after, kPage);
        for (const market::Question& question : page) out.insert(question.blob);
        if (page.size() < kPage) return;
        after = page.back().id;
    }
}

}  // namespace

BlobCollector::BlobCollector(ledger::Node& node, server::BlobStore& blobs)
    : node_(node),
      blobs_(blobs),
      // Once a second is often enough for disk space.
      thread_(node, std::chrono::seconds(1), [this] {
          collect();
          return false;
      }) {}

void BlobCollector::collect() {
    const ledger::Snapshot snapshot = node_.snapshot();
    const market::StateReader& state = snapshot.state();
    const std::vector<market::Job> jobs = all_jobs(state);
    std::set<base::BlobRoot> old, kept;
    // The same spec posted twice gives the same states: what another job still needs stays.
    for (const market::Job& job : jobs) {
        for (const base::BlobRoot& root : {job.init_blob, job.data_blob, job.final_blob})
            kept.insert(root);
        const bool closed = market::is_terminal(job.state);
        if (!closed) needed(state, job, kept);
        // Final rounds stay final; a closed job has none that anything starts from.
        const std::uint32_t done = closed ? job.round + 1 : job.final_rounds;
        superseded(state, job, collected_[job.id], done, old);
        collected_[job.id] = done;
    }
    std::erase_if(collected_, [&](const auto& entry) {
        return std::none_of(jobs.begin(), jobs.end(),
                            [&](const market::Job& job) { return job.id == entry.first; });
    });
    // The same training gives the same blobs: one of these may just have been uploaded again, with
    // its receipt still on the way to the ledger.
    old.merge(promised_);
    promised_.clear();
    for (const base::BlobRoot& root : old) {
        if (root.is_zero() || kept.contains(root)) continue;
        if (!blobs_.remove(root)) promised_.insert(root);
    }
    sweep(kept);
}

void BlobCollector::sweep(const std::set<base::BlobRoot>& kept) {
    const auto now = std::chrono::steady_clock::now();
    if (swept_ && now - *swept_ < kSweepEvery) return;
    swept_ = now;
    for (const base::BlobRoot& root : blobs_.not_promised_for(kUnnamedMax)) {
        // One that was promised again meanwhile stays.
        if (!kept.contains(root)) std::ignore = blobs_.remove(root, kUnnamedMax);
    }
}

}  // namespace assay::node
