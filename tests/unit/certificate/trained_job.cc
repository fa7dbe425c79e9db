#include "trained_job.h"

#include <cstring>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "commit/checkpoint.h"

namespace assay::certificate {
namespace {

using base::Bytes;
using base::Hash;

/// 40 rows of 5 features and a class number.
void write_table(market::JobSpec& spec, const std::filesystem::path& blob) {
    auto& table = std::get<market::TableData>(spec.data);
    Bytes bytes;
    for (std::uint64_t row = 0; row < table.rows; ++row) {
        for (std::uint32_t column = 0; column <= table.features; ++column) {
            const auto value = column < table.features
                                   ? static_cast<float>((row * 7 + column * 3) % 11) / 8.0F
                                   : static_cast<float>(row % table.classes);
            std::uint32_t bits = 0;
            std::memcpy(&bits, &value, sizeof bits);
            for (unsigned shift = 0; shift < 32; shift += 8)
                bytes.push_back(static_cast<std::uint8_t>(bits >> shift));
        }
    }
    commit::write_file(blob, bytes);
    table.blob = base::blob_root(bytes);
}

}  // namespace

TrainedJob::TrainedJob(std::uint32_t lanes, std::uint32_t rounds, std::uint32_t audit_rate_ppm)
    : spec_(commit::small_mlp()) {
    std::filesystem::create_directory(blobs());
    spec_.audit_rate_ppm = audit_rate_ppm;
    spec_.model = market::MlpModel{{4}, market::Activation::relu, 4, 0};
    spec_.lanes = lanes;
    spec_.rounds = rounds;
    spec_.round_steps = 6;
    spec_.segment_steps = 2;
    spec_.part_segments = 2;  // a round has a part of two segments and one of one
    write_table(spec_, folder_ / "blob");
    auto job = runtime::Job::open(spec_, folder_ / "blob", {});
    ASSAY_CHECK(job.has_value());
    job_ = std::move(*job);

    id_ = chain_.job_of(market::encode_spec(spec_), job_->program_root(), job_->initial_root());
    train();
}

void TrainedJob::keep(const commit::State& state, const Hash& root, std::uint32_t round,
                      std::uint32_t lane, std::uint32_t step, const Hash& round_start_root) const {
    commit::StateDescriptor descriptor;
    descriptor.spec_root = job_->spec_root();
    descriptor.program_root = job_->program_root();
    descriptor.round = round;
    descriptor.lane = lane;
    descriptor.step = step;
    descriptor.round_start_root = round_start_root;
    ASSAY_CHECK(commit::save_state(blobs() / base::sha256(root.view()).hex(), job_->program(),
                                   state, descriptor, commit::Durability::scratch)
                    .has_value());
}

std::optional<commit::Payload> TrainedJob::train_lane(std::uint32_t round, std::uint32_t lane,
                                                      const commit::State& opening,
                                                      const Hash& opening_root,
                                                      market::RoundMember& member) {
    last_ = opening.clone();
    Hash root = opening_root;
    std::optional<commit::Payload> payload;
    member.lane = lane;
    const std::uint32_t parts =
        market::parts_per_round(spec_.segments_per_round(), spec_.part_segments);
    for (std::uint32_t number = 0; number < parts; ++number) {
        const market::PartSpan span =
            market::part_span(number, spec_.segments_per_round(), spec_.part_segments);
        market::PartPassed part;
        part.key = {id_, round, lane, 0, number, chain_.worker(lane), 0};
        part.part = market::part_id(chain_.chain_id(), part.key);
        part.first_segment = span.first_segment;
        part.start_root = root;
        std::vector<Hash> leaves;
        for (std::uint32_t i = 0; i < span.segments; ++i) {
            auto result = runtime::run_segment(
                *job_, last_, &opening, {round, lane, span.first_segment + i, opening_root}, {});
            const Hash salt = base::blake2b("assay.test", part.part.view());
            part.leaves.push_back({salt, root, result.end_root});
            leaves.push_back(market::segment_leaf_hash(part.leaves.back()));
            root = result.state_root;
            if (result.payload_root) part.payload_root = *result.payload_root;
            if (result.payload) payload = std::move(result.payload);
        }
        keep(last_, root, round, lane, (span.first_segment + span.segments) * spec_.segment_steps,
             opening_root);
        if (payload) {
            const auto file = blobs() / base::sha256(part.payload_root.view()).hex();
            ASSAY_CHECK(
                commit::save_payload(file, job_->program(), *payload, commit::Durability::scratch)
                    .has_value());
        }
        part.tree_root = market::part_root(leaves);
        part.end_root = root;
        member.worker = part.key.worker;
        member.part = part.part;
        member.end_root = root;
        member.payload_root = part.payload_root;
        entries_.emplace_back(std::move(part));
    }
    return payload;
}

void TrainedJob::train() {
    commit::State opening = job_->initial_state();
    Hash opening_root = job_->initial_root();
    keep(opening, opening_root, 0, commit::kOpeningLane, 0, {});
    commit::StateDescriptor descriptor;
    descriptor.spec_root = job_->spec_root();
    descriptor.program_root = job_->program_root();
    for (std::uint32_t round = 0; round < spec_.rounds; ++round) {
        market::RoundClosed closed;
        closed.round = round;
        closed.opening_root = opening_root;
        std::vector<commit::Payload> payloads;
        for (std::uint32_t lane = 0; lane < spec_.lanes; ++lane) {
            auto payload =
                train_lane(round, lane, opening, opening_root, closed.members.emplace_back());
            if (payload) payloads.push_back(std::move(*payload));
        }
        Hash next = closed.members[0].end_root;
        entries_.emplace_back(closed);
        descriptor.round_start_root = opening_root;
        if (spec_.has_merge()) {
            std::vector<const commit::Payload*> members;
            for (const commit::Payload& payload : payloads) members.push_back(&payload);
            next = runtime::run_merge(*job_, opening, members, round, opening_root);
            keep(opening, next, round + 1, commit::kOpeningLane, 0, opening_root);
            entries_.emplace_back(
                market::RoundMerged{round, 0, closed.members[0].worker, next, {}});
            entries_.emplace_back(
                market::MergeAudited{round, 0, market::MergeState::audited, next, {}});
            descriptor.round = round + 1;
            descriptor.lane = commit::kOpeningLane;
        } else {
            descriptor.step = spec_.round_steps;
        }
        entries_.emplace_back(
            market::RoundFinal{round, next, spec_.lanes * spec_.segments_per_round(), 0});
        opening_root = next;
    }
    const commit::State& final_state = spec_.has_merge() ? opening : last_;
    ASSAY_CHECK(
        commit::save_state(checkpoint(), job_->program(), final_state, descriptor).has_value());
    final_root_ = opening_root;
    entries_.emplace_back(market::JobClosed{
        market::JobState::completed, market::CloseReason::finished, final_root_, spec_.rounds, {}});
}

evidence::Evidence TrainedJob::evidence(const std::function<void(Entries&)>& change,
                                        const evidence::SignedChain::Options& options) const {
    Entries entries = entries_;
    if (change) change(entries);
    return chain_.run(spec_, job_->program_root(), job_->initial_root(), entries, options);
}

}  // namespace assay::certificate
