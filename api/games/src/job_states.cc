#include "games/job_states.h"

#include <algorithm>
#include <utility>

#include "base/chunk_tree.h"

namespace assay::games {

using commit::State;

namespace {

auto failed(const client::ClientError& error) { return tl::unexpected(error.text()); }

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

tl::expected<JobStates::Opening, std::string> JobStates::opening(std::uint32_t round) {
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

tl::expected<State, std::string> JobStates::opening_state(std::uint32_t round,
                                                          const Opening& opening) {
    const auto round_of = [&](std::uint32_t number) -> tl::expected<market::Round, std::string> {
        auto record = node_.round(id_, number);
        if (!record) return failed(record.error());
        return std::move(*record);
    };
    return cache_.opening_state(id_, job_, round, opening.round.opening_blob, opening.previous_root,
                                opening.round.opening_root, round_of);
}

tl::expected<State, std::string> JobStates::part_start(const market::Part& part,
                                                       const Opening& opening) {
    if (part.first_segment == 0) return opening_state(part.key.round, opening);
    const runtime::SegmentPlace place{part.key.round, part.key.lane, part.first_segment,
                                      opening.round.opening_root};
    return cache_.fetch_state(id_, job_, part.start_blob,
                              runtime::segment_start_descriptor(job_, place, opening.previous_root),
                              part.start_root);
}

tl::expected<State, std::string> JobStates::segment_start(const market::Part& part,
                                                          std::uint32_t index,
                                                          const base::Hash& root,
                                                          const runtime::Progress& progress) {
    const auto opened = opening(part.key.round);
    if (!opened) return tl::unexpected(opened.error());
    runtime::SegmentPlace place{part.key.round, part.key.lane, part.first_segment + index,
                                opened->round.opening_root};
    const auto delivered = std::find_if(part.delivered.begin(), part.delivered.end(),
                                        [&](const market::DeliveredSegment& d) {
                                            return d.segment == index && d.leaf.start_root == root;
                                        });
    if (delivered != part.delivered.end() && place.segment != 0) {
        auto state = cache_.fetch_state(
            id_, job_, delivered->start_blob,
            runtime::segment_start_descriptor(job_, place, opened->previous_root), root);
        if (state)
            return state;  // a useless blob is no reason to stop: the part's start is another way
    }
    auto state = part_start(part, *opened);
    if (!state) return state;
    base::Hash reached = place.segment == 0 ? opened->round.opening_root : part.start_root;
    for (std::uint32_t before = 0; before < index; ++before) {
        place.segment = part.first_segment + before;
        const runtime::SegmentResult result =
            runtime::run_segment(job_, *state, nullptr, place, progress);
        if (result.stopped) return tl::unexpected(std::string("interrupted"));
        reached = result.state_root;
    }
    if (reached != root)
        return tl::unexpected("training again from the part's start leads to " + reached.hex() +
                              " and not to " + root.hex());
    return state;
}

tl::expected<commit::Payload, std::string> JobStates::payload(const market::RoundMember& member) {
    return cache_.fetch_payload(id_, job_, member.payload_blob, member.payload_root);
}

tl::expected<std::vector<commit::Payload>, std::string> JobStates::payloads(
    const market::Round& round) {
    std::vector<commit::Payload> all;
    for (const market::RoundMember& member : round.members) {
        auto one = payload(member);
        if (!one) return tl::unexpected(one.error());
        all.push_back(std::move(*one));
    }
    if (all.empty()) return tl::unexpected(std::string("the round has no members"));
    return all;
}

}  // namespace assay::games
