#include "runtime/job_cache.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "commit/checkpoint.h"

namespace assay::runtime {

namespace {

std::string blob_problem(const base::BlobRoot& blob, commit::FileError error) {
    return "blob " + blob.hex() + ": " + std::string(commit::message_of(error));
}

commit::JobIdentity identity_of(const Job& job) {
    return {job.spec_root(), job.program_root(), job.spec().profile};
}

}  // namespace

JobCache::JobCache(std::filesystem::path folder, ExecutorOptions options, Fetch fetch,
                   std::size_t jobs_max)
    : folder_(std::move(folder)), options_(options), fetch_(std::move(fetch)), jobs_max_(jobs_max) {
    ASSAY_CHECK(jobs_max_ > 0 && fetch_ != nullptr);
}

std::filesystem::path JobCache::folder_of(const base::JobId& id) const {
    return folder_ / id.hex();
}

tl::expected<std::reference_wrapper<Job>, std::string> JobCache::open(const base::JobId& id,
                                                                      const market::JobSpec& spec) {
    auto found = jobs_.find(id);
    if (found == jobs_.end()) {
        std::error_code error;
        std::filesystem::create_directories(folder_of(id), error);
        if (error)
            return tl::unexpected("cannot create " + folder_of(id).string() + ": " +
                                  error.message());
        const std::filesystem::path dataset = folder_of(id) / "dataset";
        if (auto fetched = fetch_(commit::extent_of(spec.data).blob, dataset); !fetched) {
            return tl::unexpected("dataset: " + fetched.error());
        }
        auto job = Job::open(spec, dataset, options_);
        if (!job) return tl::unexpected(job.error());
        if (jobs_.size() >= jobs_max_) {
            jobs_.erase(std::min_element(
                jobs_.begin(), jobs_.end(),
                [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
        }
        found = jobs_.emplace(id, Entry{std::move(*job), 0}).first;
    }
    found->second.used = ++clock_;
    return *found->second.job;
}

tl::expected<commit::State, std::string> JobCache::fetch_state(
    const base::JobId& id, Job& job, const base::BlobRoot& blob,
    const commit::StateDescriptor& descriptor, const base::Hash& root) {
    const std::filesystem::path file = folder_of(id) / "blobs" / blob.hex();
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (auto fetched = fetch_(blob, file); !fetched) return tl::unexpected(fetched.error());
    auto state = commit::load_state(file, job.program(), descriptor, root, options_.threads);
    std::filesystem::remove(file, error);
    if (!state) return tl::unexpected(blob_problem(blob, state.error()));
    return std::move(*state);
}

tl::expected<commit::Payload, std::string> JobCache::fetch_payload(const base::JobId& id, Job& job,
                                                                   const base::BlobRoot& blob,
                                                                   const base::Hash& root) {
    const std::filesystem::path file = folder_of(id) / "blobs" / blob.hex();
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (auto fetched = fetch_(blob, file); !fetched) return tl::unexpected(fetched.error());
    auto payload = commit::load_payload(file, job.program(), root, options_.threads);
    std::filesystem::remove(file, error);
    if (!payload) return tl::unexpected(blob_problem(blob, payload.error()));
    return std::move(*payload);
}

tl::expected<commit::State, std::string> JobCache::opening_state(
    const base::JobId& id, Job& job, std::uint32_t round, const base::BlobRoot& blob,
    const base::Hash& previous_opening, const base::Hash& root, const Rounds& rounds) {
    if (round == 0 && root == job.initial_root()) return job.initial_state();
    auto stored =
        fetch_state(id, job, blob, opening_descriptor(job, round, previous_opening), root);
    if (stored || round == 0) return stored;
    const std::string problem = stored.error();
    const auto before = rounds(round - 1);
    if (!before) return tl::unexpected(problem + "; and " + before.error());
    base::Hash opening_before;
    if (round > 1) {
        const auto earlier = rounds(round - 2);
        if (!earlier) return tl::unexpected(problem + "; and " + earlier.error());
        opening_before = earlier->opening_root;
    }
    auto state = opening_state(id, job, round - 1, before->opening_blob, opening_before,
                               before->opening_root, rounds);
    if (!state) return state;
    std::vector<commit::Payload> payloads;
    for (const market::RoundMember& member : before->members) {
        auto payload = fetch_payload(id, job, member.payload_blob, member.payload_root);
        if (!payload) return tl::unexpected(problem + "; and " + payload.error());
        payloads.push_back(std::move(*payload));
    }
    if (payloads.empty()) return tl::unexpected(problem + "; and the round before has no members");
    std::vector<const commit::Payload*> members;
    for (const commit::Payload& payload : payloads) members.push_back(&payload);
    if (run_merge(job, *state, members, round - 1, before->opening_root) != root) {
        return tl::unexpected(problem + "; and merging again gives another root");
    }
    return state;
}

void JobCache::forget(const base::JobId& id) {
    jobs_.erase(id);
    std::error_code error;
    std::filesystem::remove_all(folder_of(id), error);
}

std::vector<base::JobId> JobCache::kept() const {
    std::vector<base::JobId> ids;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        if (const auto id = base::hash_from_hex(entry.path().filename().string()))
            ids.push_back(base::JobId{*id});
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

commit::StateDescriptor opening_descriptor(const Job& job, std::uint32_t round,
                                           const base::Hash& previous_opening) {
    return commit::opening_descriptor(identity_of(job), round, previous_opening);
}

commit::StateDescriptor state_descriptor(const Job& job, const SegmentPlace& place,
                                         std::uint32_t steps) {
    return commit::lane_descriptor(identity_of(job), place.round, place.lane, steps,
                                   place.round_start_root);
}

commit::StateDescriptor segment_start_descriptor(const Job& job, const SegmentPlace& place,
                                                 const base::Hash& previous_opening) {
    if (place.segment == 0) return opening_descriptor(job, place.round, previous_opening);
    return state_descriptor(job, place, place.segment * job.spec().segment_steps);
}

}  // namespace assay::runtime
