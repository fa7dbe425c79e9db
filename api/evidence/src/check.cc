#include <algorithm>
#include <tuple>

#include "draws.h"

namespace assay::evidence {
namespace {

using base::Hash;

Failure failed(Problem problem, std::string detail) { return {problem, std::move(detail)}; }

struct Posted {
    base::JobId id;
    const SignedMessage* message = nullptr;
    const market::JobPost* post = nullptr;
};

/// The one post of a job.
std::optional<Posted> posted(const Log& log, const Hash& program_root) {
    Posted out;
    for (const SignedMessage& message : log.messages) {
        const auto* post = std::get_if<market::JobPost>(&message.message);
        if (post == nullptr) continue;
        if (out.post != nullptr) return std::nullopt;
        out.message = &message;
        out.post = post;
        out.id = market::job_id(log.chain_id, message.sender, message.header.nonce,
                                message.header.nonce_lane, market::spec_root(post->spec),
                                program_root, post->init_root);
    }
    return out.post == nullptr ? std::nullopt : std::optional(out);
}

struct Leased {
    std::uint32_t lane = 0;
    Rates rates;
    bool used = false;  ///< a part was committed under it
};

/// The stated leases by their ids. A rate is that of the job or the genesis's floor at least, and
/// that of a new worker at most unless these are more.
tl::expected<std::map<base::LeaseId, Leased>, Failure> leases_of(const Evidence& evidence,
                                                                 const Log& log,
                                                                 const Facts& facts) {
    const market::Parameters& parameters = log.genesis.parameters;
    const std::uint32_t least = std::max(facts.spec.audit_rate_ppm, parameters.rate_floor_ppm);
    const std::uint32_t most = std::max(least, parameters.rate_new_ppm);
    std::map<base::LeaseId, Leased> out;
    const Lease* before = nullptr;
    for (const Lease& lease : evidence.leases) {
        if (before && std::tie(lease.lane, lease.number) <= std::tie(before->lane, before->number))
            return tl::unexpected(failed(Problem::job, "the leases are out of order"));
        if (lease.lane >= facts.spec.lanes)
            return tl::unexpected(failed(Problem::job, "a lease is outside the job"));
        if (lease.rate_ppm < least || lease.rate_ppm > most)
            return tl::unexpected(
                failed(Problem::job, "a lease has a rate that none of the job can have"));
        out[market::lease_id(facts.job, lease.lane, lease.number)] = {
            lease.lane, {lease.rate_ppm, least}, false};
        before = &lease;
    }
    return out;
}

/// Sorts what the parties sent.
class Sorting {
  public:
    Sorting(std::map<base::LeaseId, Leased> leases, const Log& log, const Facts& facts)
        : log_(log), facts_(facts), leases_(std::move(leases)) {}

    std::optional<std::string> take(const SignedMessage& signed_message) {
        sender_ = &signed_message;
        return std::visit([this](const auto& message) { return one(message); },
                          signed_message.message);
    }

    [[nodiscard]] bool all_leases_used() const {
        return std::all_of(leases_.begin(), leases_.end(),
                           [](const auto& lease) { return lease.second.used; });
    }

    Sent sent;

  private:
    using Check = std::optional<std::string>;

    Check one(const market::PartCommit& message) {
        const auto lease = leases_.find(message.lease);
        if (lease == leases_.end())
            return "a part of another job, or of a lease that is not stated";
        lease->second.used = true;
        const std::uint32_t segments = facts_.spec.segments_per_round();
        if (message.round >= facts_.spec.rounds ||
            message.part >= market::parts_per_round(segments, facts_.spec.part_segments))
            return "a part outside the job";
        const market::PartSpan span =
            market::part_span(message.part, segments, facts_.spec.part_segments);
        if (message.segments != span.segments) return "a part with another number of segments";
        const market::PartKey key{facts_.job,   message.round,   lease->second.lane, 0,
                                  message.part, sender_->sender, message.attempt};
        const base::PartId id = market::part_id(log_.chain_id, key);
        const bool first =
            sent.parts
                .emplace(id, CommittedPart{key, message, span.first_segment, lease->second.rates})
                .second;
        return first ? Check() : "a part that was committed twice";
    }
    Check one(const market::PartClose& message) {
        const auto part = sent.parts.find(message.part);
        if (part == sent.parts.end() || part->second.key.worker != sender_->sender)
            return "a part closed by another than its worker";
        sent.closes[message.part] = message.leaves;
        return std::nullopt;
    }
    Check one(const market::MergePost& message) {
        if (message.job != facts_.job) return "a merge of another job";
        sent.merges[message.round].emplace_back(sender_->sender, message);
        return std::nullopt;
    }
    Check one(const market::VerdictReveal& message) {
        return sent.reveals
                       .emplace(message.audit, Sent::Reveal{sender_->sender, sender_->vrf, message})
                       .second
                   ? Check()
                   : "a second verdict on one audit";
    }
    Check one(const market::CellsOpen& message) {
        return sent.cells.emplace(message.audit, std::pair(sender_->sender, message)).second
                   ? Check()
                   : "cells opened twice";
    }
    Check one(const market::EpochContribute& message) {
        const bool first = sent.contributions[message.epoch]
                               .emplace(sender_->sender, Sent::Contribution{message, sender_->vrf})
                               .second;
        return first ? Check() : "a second contribution to one epoch";
    }
    static Check one(const market::JobPost&) { return std::nullopt; }
    static Check one(const market::KeysSet&) { return std::nullopt; }
    template <class Other>
    static Check one(const Other&) {
        return "it says nothing about the job";
    }

    const Log& log_;
    const Facts& facts_;
    std::map<base::LeaseId, Leased> leases_;
    const SignedMessage* sender_ = nullptr;
};

/// What the history says of a final part, its worker has signed.
std::optional<Failure> bind_parts(const HistoryFacts& history, const Sent& sent, Facts& facts) {
    for (const market::PartPassed& part : history.final_parts) {
        const auto committed = sent.parts.find(part.part);
        const auto closed = sent.closes.find(part.part);
        if (committed == sent.parts.end() || closed == sent.closes.end())
            return failed(Problem::job, "a final part lacks what its worker signed");
        const market::PartCommit& message = committed->second.message;
        if (message.tree_root != part.tree_root || message.start_root != part.start_root ||
            message.end_root != part.end_root || message.payload_root != part.payload_root ||
            closed->second != part.leaves)
            return failed(Problem::job,
                          "the history says otherwise of a part than its worker signed");
        const base::BlobRoot payload =
            message.payload_receipt ? message.payload_receipt->blob : base::BlobRoot{};
        facts.parts.push_back({part.key.round, part.key.lane, part.first_segment,
                               message.end_receipt.blob, part.end_root, payload, part.payload_root,
                               part.leaves});
        if (facts.members.size() <= part.key.round) facts.members.resize(part.key.round + 1);
        auto& lanes = facts.members[part.key.round];
        if (lanes.empty() || lanes.back() != part.key.lane) lanes.push_back(part.key.lane);
    }
    return std::nullopt;
}

std::optional<Failure> bind_merges(const HistoryFacts& history, const Sent& sent, Facts& facts) {
    std::map<std::uint32_t, base::BlobRoot> blobs;
    for (const market::RoundMerged& merge : history.merges) {
        const auto posts = sent.merges.find(merge.round);
        bool found = false;
        if (posts != sent.merges.end()) {
            for (const auto& [poster, post] : posts->second) {
                if (poster != merge.poster || post.merge_root != merge.root) continue;
                found = true;
                const auto last = history.final_merges.find(merge.round);
                if (last != history.final_merges.end() && last->second == merge)
                    blobs[merge.round] = post.receipt.blob;
            }
        }
        if (!found)
            return failed(Problem::job,
                          "nobody signed the merge of round " + std::to_string(merge.round));
    }
    for (const auto& [round, blob] : blobs) facts.opening_blobs.push_back(blob);
    return std::nullopt;
}

}  // namespace

tl::expected<Facts, Failure> check(const Evidence& evidence, const Hash& program_root) {
    const auto log = check_log(evidence);
    if (!log) return tl::unexpected(log.error());
    const auto job = posted(*log, program_root);
    if (!job) return tl::unexpected(failed(Problem::job, "there must be one post of a job"));
    Facts facts;
    facts.chain_id = log->chain_id;
    facts.operator_key = log->genesis.operator_key;
    facts.height = evidence.head.height;
    facts.time = evidence.head.time;
    facts.job = job->id;
    facts.submitter = job->message->sender;
    facts.spec_bytes = job->post->spec;
    facts.spec_root = market::spec_root(facts.spec_bytes);
    facts.program_root = program_root;
    facts.init_root = job->post->init_root;
    auto spec = market::decode_spec(facts.spec_bytes);
    if (!spec)
        return tl::unexpected(failed(Problem::job, "the spec is refused: " + spec.error().path +
                                                       ": " + spec.error().reason));
    facts.spec = std::move(*spec);
    const auto history =
        check_history(facts.chain_id, facts.spec, facts.job, facts.init_root, evidence.history);
    if (!history) return tl::unexpected(failed(Problem::history, history.error()));
    facts.closed = history->closed;
    facts.final_roots = history->final_roots;
    facts.slashes = history->slashes;
    facts.left_out = history->left_out;
    facts.opening_blobs.push_back(job->post->init_receipt.blob);
    facts.parties.insert(facts.submitter);
    auto leases = leases_of(evidence, *log, facts);
    if (!leases) return tl::unexpected(leases.error());
    Sorting sorting(std::move(*leases), *log, facts);
    for (const SignedMessage& message : log->messages) {
        if (const auto what = sorting.take(message))
            return tl::unexpected(
                failed(Problem::job,
                       "log index " + std::to_string(message.log_index) + " holds " + *what));
    }
    if (!sorting.all_leases_used())
        return tl::unexpected(failed(Problem::job, "no part was committed under a stated lease"));
    for (const auto& [id, part] : sorting.sent.parts) facts.parties.insert(part.key.worker);
    if (auto what = bind_parts(*history, sorting.sent, facts))
        return tl::unexpected(std::move(*what));
    if (auto what = bind_merges(*history, sorting.sent, facts))
        return tl::unexpected(std::move(*what));
    if (auto what = check_draws(evidence, *log, *history, sorting.sent, facts))
        return tl::unexpected(std::move(*what));
    return facts;
}

}  // namespace assay::evidence
