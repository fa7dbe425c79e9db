#include <algorithm>
#include <set>

#include "certificate/certificate.h"
#include "commit/checkpoint.h"
#include "runtime/segment.h"

namespace assay::certificate {
namespace {

using base::Hash;

struct Choice {
    const evidence::FinalPart* part = nullptr;
    const evidence::FinalPart* before =
        nullptr;  ///< the lane's part before it; nothing: it starts from the round's opening
    std::uint32_t segment = 0;  ///< within the part
};

/// Leaves `count`, each set as likely: the first ones of a shuffle by the seed.
template <class T>
void draw_some(std::vector<T>& all, std::uint64_t count, std::string_view domain,
               const Hash& seed) {
    const std::size_t wanted = std::min<std::uint64_t>(count, all.size());
    for (std::size_t i = 0; i < wanted; ++i) {
        const std::uint64_t word =
            base::first_u64(base::Hasher(domain).add(seed).add_u64(i).finish());
        std::swap(all[i], all[i + word % (all.size() - i)]);
    }
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(wanted), all.end());
}

std::vector<Choice> all_segments(const evidence::Facts& facts) {
    std::vector<Choice> all;
    for (std::size_t i = 0; i < facts.parts.size(); ++i) {
        const evidence::FinalPart& part = facts.parts[i];
        const evidence::FinalPart* before = part.first_segment == 0 ? nullptr : &facts.parts[i - 1];
        for (std::uint32_t segment = 0; segment < part.leaves.size(); ++segment)
            all.push_back({&part, before, segment});
    }
    return all;
}

/// The same share of the merges as of the segments, rounded up. That of the last round gives the
/// model: it is never left to chance.
std::vector<std::uint32_t> choose_merges(const evidence::Facts& facts, std::uint64_t segments,
                                         std::uint64_t of, const Hash& seed) {
    std::vector<std::uint32_t> out;
    const auto rounds = static_cast<std::uint32_t>(facts.final_roots.size());
    if (!facts.spec.has_merge() || rounds == 0) return out;
    for (std::uint32_t round = 0; round + 1 < rounds; ++round) out.push_back(round);
    const std::uint64_t wanted = of == 0 ? 1 : (std::min(segments, of) * rounds + of - 1) / of;
    draw_some(out, wanted > 0 ? wanted - 1 : 0, "assay.remerge", seed);
    out.push_back(rounds - 1);
    return out;
}

class Replay {
  public:
    Replay(const evidence::Facts& facts, const ReplayOptions& options, runtime::Job& job)
        : facts_(facts), options_(options), job_(job) {}

    /// False: its checkpoints could not be had.
    Result<bool> segment(const Choice& choice);
    Result<bool> merge(std::uint32_t round);
    [[nodiscard]] std::vector<base::BlobRoot> missing() const {
        return {missing_.begin(), missing_.end()};
    }

  private:
    [[nodiscard]] const Hash& opening_root(std::uint32_t round) const {
        return round == 0 ? facts_.init_root : facts_.final_roots[round - 1];
    }
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
    /// What `read` makes of the blob's file. A file that is something else is as good as none.
    template <class Read>
    auto load(const base::BlobRoot& blob, Read read)
        -> std::optional<typename decltype(read(std::filesystem::path{}))::value_type> {
        const std::filesystem::path file = options_.scratch / blob.hex();
        if (options_.fetch(blob, file)) {
            auto content = read(file);
            std::error_code ignored;
            std::filesystem::remove(file, ignored);
            if (content) return std::move(*content);
        }
        missing_.insert(blob);
        return std::nullopt;
    }
    std::optional<commit::State> load_state(const base::BlobRoot& blob,
                                            const commit::StateDescriptor& descriptor,
                                            const Hash& root) {
        return load(blob, [&](const std::filesystem::path& file) {
            return commit::load_state(file, job_.program(), descriptor, root, options_.threads);
        });
    }

    const evidence::Facts& facts_;
    const ReplayOptions& options_;
    runtime::Job& job_;
    std::set<base::BlobRoot> missing_;
};

Result<bool> Replay::segment(const Choice& choice) {
    const evidence::FinalPart& part = *choice.part;
    const Hash& round_root = opening_root(part.round);
    const std::uint32_t last = facts_.spec.segments_per_round() - 1;
    const bool merges = facts_.spec.has_merge() && part.first_segment + choice.segment == last;
    std::optional<commit::State> round_start;
    if (choice.before == nullptr || merges) {
        round_start = load_state(facts_.opening_blobs[part.round], opening(part.round), round_root);
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
        state = load_state(choice.before->end_blob, descriptor, part.leaves[0].start_root);
        if (!state) return false;
    }
    for (std::uint32_t segment = 0; segment <= choice.segment; ++segment) {
        const runtime::SegmentPlace place{part.round, part.lane, part.first_segment + segment,
                                          round_root, part.leaves[segment].start_root};
        const auto result =
            runtime::run_segment(job_, *state, round_start ? &*round_start : nullptr, place, {});
        if (result.end_root != part.leaves[segment].end_field) {
            return tl::unexpected(
                Failure{Problem::replay, "segment " + std::to_string(place.segment) + " of lane " +
                                             std::to_string(part.lane) + " in round " +
                                             std::to_string(part.round) + " ends elsewhere"});
        }
    }
    return true;
}

/// Everything is asked for, so that the caller is told all that is missing.
Result<bool> Replay::merge(std::uint32_t round) {
    auto state = load_state(facts_.opening_blobs[round], opening(round), opening_root(round));
    bool all = state.has_value();
    std::vector<commit::Payload> payloads;
    for (std::size_t i = 0; i < facts_.parts.size(); ++i) {
        const evidence::FinalPart& part = facts_.parts[i];
        const bool last = i + 1 == facts_.parts.size() || facts_.parts[i + 1].round != part.round ||
                          facts_.parts[i + 1].lane != part.lane;
        if (part.round != round || !last) continue;
        auto payload = load(part.payload_blob, [&](const std::filesystem::path& file) {
            return commit::load_payload(file, job_.program(), part.payload_root, options_.threads);
        });
        if (payload)
            payloads.push_back(std::move(*payload));
        else
            all = false;
    }
    if (!all) return false;
    std::vector<const commit::Payload*> members;
    for (const commit::Payload& payload : payloads) members.push_back(&payload);
    if (runtime::run_merge(job_, *state, members, round, opening_root(round)) !=
        facts_.final_roots[round])
        return tl::unexpected(Failure{
            Problem::replay, "the merge of round " + std::to_string(round) + " ends elsewhere"});
    return true;
}

}  // namespace

std::string to_text(const Replayed& replayed) {
    std::string text = std::to_string(replayed.segments) + " of " +
                       std::to_string(replayed.segments_all) + " segments";
    if (replayed.merges_all > 0)
        text += ", " + std::to_string(replayed.merges) + " of " +
                std::to_string(replayed.merges_all) + " merges";
    return text;
}

Result<Replayed> replay(const evidence::Facts& facts, const ReplayOptions& options) {
    runtime::ExecutorOptions executor;
    executor.threads = options.threads;
    auto job = runtime::Job::open(facts.spec, options.dataset, executor);
    if (!job) return tl::unexpected(Failure{Problem::files, job.error()});
    std::error_code error;
    std::filesystem::create_directories(options.scratch, error);
    Replay replay(facts, options, **job);
    Replayed out;
    std::vector<Choice> segments = all_segments(facts);
    out.segments_all = segments.size();
    out.merges_all = facts.spec.has_merge() ? facts.final_roots.size() : 0;
    const std::vector<std::uint32_t> merges =
        choose_merges(facts, options.segments, segments.size(), options.seed);
    draw_some(segments, options.segments, "assay.replay", options.seed);
    for (const std::uint32_t round : merges) {
        const auto done = replay.merge(round);
        if (!done) return tl::unexpected(done.error());
        out.merges += *done ? 1U : 0U;
    }
    for (const Choice& choice : segments) {
        const auto done = replay.segment(choice);
        if (!done) return tl::unexpected(done.error());
        out.segments += *done ? 1U : 0U;
    }
    out.missing = replay.missing();
    return out;
}

}  // namespace assay::certificate
