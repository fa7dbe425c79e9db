#include <algorithm>

#include "certificate/certificate.h"
#include "commit/checkpoint.h"
#include "runtime/segment.h"

namespace assay::certificate {
namespace {

using base::Hash;

struct Choice {
    const evidence::FinalPart* part = nullptr;
    const evidence::FinalPart* before = nullptr;  ///< the lane's part before it; nothing: it starts from the round's opening
    std::uint32_t segment = 0;                    ///< within the part
};

/// `count` of all segments, each set as likely: the first ones of a shuffle by the seed.
std::vector<Choice> choose(const evidence::Facts& facts, std::uint64_t count, const Hash& seed) {
    std::vector<Choice> all;
    for (std::size_t i = 0; i < facts.parts.size(); ++i) {
        const evidence::FinalPart& part = facts.parts[i];
        const evidence::FinalPart* before = part.first_segment == 0 ? nullptr : &facts.parts[i - 1];
        for (std::uint32_t segment = 0; segment < part.leaves.size(); ++segment) all.push_back({&part, before, segment});
    }
    const std::size_t wanted = std::min<std::uint64_t>(count, all.size());
    for (std::size_t i = 0; i < wanted; ++i) {
        const std::uint64_t word = base::first_u64(base::Hasher("assay.replay").add(seed).add_u64(i).finish());
        std::swap(all[i], all[i + word % (all.size() - i)]);
    }
    all.resize(wanted);
    return all;
}

class Replay {
  public:
    Replay(const evidence::Facts& facts, const ReplayOptions& options, runtime::Job& job) : facts_(facts), options_(options), job_(job) {}

    /// False: its checkpoints could not be had.
    Result<bool> one(const Choice& choice);

  private:
    [[nodiscard]] const Hash& opening_root(std::uint32_t round) const { return round == 0 ? facts_.init_root : facts_.final_roots[round - 1]; }
    [[nodiscard]] commit::StateDescriptor opening(std::uint32_t round) const {
        commit::StateDescriptor descriptor = shared();
        descriptor.round = round;
        descriptor.lane = commit::kOpeningLane;
        if (round > 0) descriptor.round_start_root = opening_root(round - 1);
        return descriptor;
    }
    [[nodiscard]] commit::StateDescriptor shared() const {
        commit::StateDescriptor descriptor;
        descriptor.spec_root = facts_.spec_root;
        descriptor.program_root = facts_.program_root;
        descriptor.profile = facts_.spec.profile;
        return descriptor;
    }
    std::optional<commit::State> load(const base::BlobRoot& blob, const commit::StateDescriptor& descriptor, const Hash& root) const {
        const std::filesystem::path file = options_.scratch / blob.hex();
        if (!options_.fetch(blob, file)) return std::nullopt;
        auto state = commit::load_state(file, job_.program(), descriptor, root, options_.threads);
        std::error_code ignored;
        std::filesystem::remove(file, ignored);
        if (!state) return std::nullopt;
        return std::move(*state);
    }

    const evidence::Facts& facts_;
    const ReplayOptions& options_;
    runtime::Job& job_;
};

Result<bool> Replay::one(const Choice& choice) {
    const evidence::FinalPart& part = *choice.part;
    const Hash& round_root = opening_root(part.round);
    const std::uint32_t last = facts_.spec.segments_per_round() - 1;
    const bool merges = facts_.spec.has_merge() && part.first_segment + choice.segment == last;
    std::optional<commit::State> round_start;
    if (choice.before == nullptr || merges) {
        round_start = load(facts_.opening_blobs[part.round], opening(part.round), round_root);
        if (!round_start) return false;
    }
    std::optional<commit::State> state;
    if (choice.before == nullptr) {
        state = round_start->clone();
    } else {
        commit::StateDescriptor descriptor = shared();
        descriptor.round = part.round;
        descriptor.lane = part.lane;
        descriptor.step = part.first_segment * facts_.spec.segment_steps;
        descriptor.round_start_root = round_root;
        state = load(choice.before->end_blob, descriptor, part.leaves[0].start_root);
        if (!state) return false;
    }
    for (std::uint32_t segment = 0; segment <= choice.segment; ++segment) {
        const runtime::SegmentPlace place{part.round, part.lane, part.first_segment + segment, round_root, part.leaves[segment].start_root};
        const auto result = runtime::run_segment(job_, *state, round_start ? &*round_start : nullptr, place, {});
        if (result.end_root != part.leaves[segment].end_field) {
            return tl::unexpected(Failure{Problem::replay, "segment " + std::to_string(place.segment) + " of lane " + std::to_string(part.lane) +
                                                               " in round " + std::to_string(part.round) + " ends elsewhere"});
        }
    }
    return true;
}

}  // namespace

Result<Replayed> replay(const evidence::Facts& facts, const ReplayOptions& options) {
    runtime::ExecutorOptions executor;
    executor.threads = options.threads;
    auto job = runtime::Job::open(facts.spec, options.dataset, executor);
    if (!job) return tl::unexpected(Failure{Problem::files, job.error()});
    std::error_code error;
    std::filesystem::create_directories(options.scratch, error);
    Replay replay(facts, options, **job);
    Replayed out;
    for (const Choice& choice : choose(facts, options.segments, options.seed)) {
        const auto done = replay.one(choice);
        if (!done) return tl::unexpected(done.error());
        ++(*done ? out.segments : out.unavailable);
    }
    return out;
}

}  // namespace assay::certificate
