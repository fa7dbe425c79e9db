#include "replay/job_states.h"

#include <algorithm>
#include <utility>

#include "base/chunk_tree.h"

namespace assay::replay {

using commit::State;

namespace {

auto failed(const client::ClientError& error) { return unavailable(error.text()); }

}  // namespace

runtime::JobCache::Fetch fetch_from(client::Client& node) {
    return [&node](const base::BlobRoot& blob,
                   const std::filesystem::path& file) -> tl::expected<void, std::string> {
        if (auto got = node.get_blob(blob, file); !got)
            return tl::unexpected("blob " + blob.hex() + ": " + got.error().text());
        return {};
    };
}

runtime::JobCache::Fetch fetch_from(client::Client& node, const base::JobId& job, KeptBlobs kept) {
    return [&node, job, kept = std::move(kept), get = fetch_from(node)](
               const base::BlobRoot& blob,
               const std::filesystem::path& file) -> tl::expected<void, std::string> {
        auto got = get(blob, file);
        if (got || !kept) return got;
        const auto here = kept(job, blob);
        if (!here) return got;
        std::error_code error;
        std::filesystem::copy_file(*here, file, std::filesystem::copy_options::overwrite_existing,
                                   error);
        if (error || base::blob_root_of_file(file) != blob) return got;
        return {};
    };
}

Available<JobStates::Opening> JobStates::opening(std::uint32_t round) {
    Opening opening;
    auto record = node_.round(id_, round);
    if (!record) return failed(record.error());
    opening.round = std::move(*record);
    if (round > 0) {
        const auto previous = node_.round(id_, round - 1);
        if (!previous) return failed(previous.error());
        opening.previous_root = previous->opening_root;
    }
    return opening;
}

Available<State> JobStates::opening_state(const Opening& opening) {
    const auto round_of = [&](std::uint32_t number) -> tl::expected<market::Round, std::string> {
        auto record = node_.round(id_, number);
        if (!record) return tl::unexpected(record.error().text());
        return std::move(*record);
    };
    const market::Round& round = opening.round;
    auto state = cache_.opening_state(id_, job_, round.round, round.opening_blob,
                                      opening.previous_root, round.opening_root, round_of);
    if (!state) return unavailable(state.error(), opening_need(opening));
    return std::move(*state);
}

Available<State> JobStates::part_start(const market::PartKey& key, std::uint32_t first_segment,
                                       const base::Hash& root, const base::BlobRoot& blob,
                                       const Opening& opening) {
    const auto descriptor = runtime::segment_start_descriptor(
        job_, {key.round, key.lane, first_segment, opening.round.opening_root},
        opening.previous_root);
    auto state = cache_.fetch_state(id_, job_, blob, descriptor, root);
    if (!state) return unavailable(state.error(), part_start_need(key, root, blob, descriptor));
    return std::move(*state);
}

Available<State> JobStates::delivered_start(const market::Part& part,
                                            const market::DeliveredSegment& delivered,
                                            const Opening& opening) {
    const base::Hash& root = delivered.leaf.start_root;
    if (delivered.segment == 0)
        return part_start(part.key, part.first_segment, root, delivered.start_blob, opening);
    const auto descriptor = runtime::segment_start_descriptor(
        job_,
        {part.key.round, part.key.lane, part.first_segment + delivered.segment,
         opening.round.opening_root},
        opening.previous_root);
    auto state = cache_.fetch_state(id_, job_, delivered.start_blob, descriptor, root);
    if (!state)
        return unavailable(
            state.error(),
            state_need({market::StoredKind::start, part.id.hash, delivered.segment},
                       delivered.start_blob, delivered.start_bytes, root, descriptor));
    return std::move(*state);
}

Available<State> JobStates::segment_start(const market::Part& part, std::uint32_t index,
                                          const base::Hash& root,
                                          const runtime::Progress& progress) {
    const auto opened = opening(part.key.round);
    if (!opened) return tl::unexpected(opened.error());
    const bool opens_round = part.first_segment == 0;
    const auto delivered = std::find_if(part.delivered.begin(), part.delivered.end(),
                                        [&](const market::DeliveredSegment& d) {
                                            return d.segment == index && d.leaf.start_root == root;
                                        });
    if (delivered != part.delivered.end() && !(opens_round && index == 0)) {
        auto state = delivered_start(part, *delivered, *opened);
        if (state)
            return state;  // a useless blob is no reason to stop: the part's start is another way
    }
    auto state = opens_round ? opening_state(*opened)
                             : part_start(part.key, part.first_segment, part.start_root,
                                          part.start_blob, *opened);
    if (!state) return state;
    base::Hash reached = opens_round ? opened->round.opening_root : part.start_root;
    for (std::uint32_t before = 0; before < index; ++before) {
        const runtime::SegmentPlace place{part.key.round, part.key.lane,
                                          part.first_segment + before, opened->round.opening_root};
        const runtime::SegmentResult result =
            runtime::run_segment(job_, *state, nullptr, place, progress);
        if (result.stopped) return interrupted();
        reached = result.state_root;
    }
    if (reached != root)
        return unavailable("training again from the part's start leads to " + reached.hex() +
                           " and not to " + root.hex());
    return state;
}

Available<commit::Payload> JobStates::payload(const market::RoundMember& member) {
    auto payload = cache_.fetch_payload(id_, job_, member.payload_blob, member.payload_root);
    if (!payload) return unavailable(payload.error(), payload_need(member));
    return std::move(*payload);
}

Available<std::vector<commit::Payload>> JobStates::payloads(const market::Round& round) {
    std::vector<commit::Payload> all;
    for (const market::RoundMember& member : round.members) {
        auto one = payload(member);
        if (!one) return tl::unexpected(one.error());
        all.push_back(std::move(*one));
    }
    if (all.empty()) return unavailable("the round has no members");
    return all;
}

}  // namespace assay::replay
