#include "duties.h"

#include <algorithm>
#include <utility>

#include "agent/log.h"
#include "base/chunk_nodes.h"
#include "base/merkle.h"

namespace assay::worker {

namespace {

agent::LogFields part_fields(const market::Part& part) {
    return {{"part", agent::shortened(part.id.hex())},
            {"round", std::to_string(part.key.round)},
            {"lane", std::to_string(part.key.lane)}};
}

}  // namespace

void Duties::trouble(std::string_view event, const market::Part& part, const std::string& what) {
    agent::log(agent::LogLevel::warning, event, what, part_fields(part));
}

std::size_t Duties::look() {
    std::size_t open = 0;
    for (const base::PartId& id : parts_.list()) {
        if (serve(id)) {
            records_.erase(id);
            uploads_.forget(parts_.start_file(id, 0).parent_path());
            parts_.remove(id);
        } else {
            ++open;
        }
    }
    return open;
}

bool Duties::lease_is_over(const base::LeaseId& id) {
    const auto lease = party_.node().lease(id);
    if (!lease) return lease.error().not_found();
    return lease->state != market::LeaseState::active;
}

/// The record of what was committed. One that was read before may have made room for another, from
/// another start, before anything was committed.
const PartRecord* Duties::record_of(const market::Part& part) {
    auto found = records_.find(part.id);
    if (found != records_.end() && found->second.tree_root() == part.tree_root)
        return &found->second;
    auto record = parts_.load(part.id);
    if (!record || !*record || (*record)->tree_root() != part.tree_root)
        return nullptr;  // damaged: the lane's runner says so
    return &records_.insert_or_assign(part.id, std::move(**record)).first->second;
}

bool Duties::serve(const base::PartId& id) {
    const auto part = party_.node().part(id);
    if (!part) {
        // Not committed yet, or never: its lane's runner sends it as long as there is one.
        if (!part.error().not_found()) return false;
        const auto record = parts_.load(id);
        return record && *record && lease_is_over((*record)->lease);
    }
    switch (part->state) {
        case market::PartState::committed:
        case market::PartState::auditing:
            if (const PartRecord* record = record_of(*part)) {
                if (part->deadline.value != 0) deliver(*part, *record);
                store_starts(id, *record);
            }
            return false;
        case market::PartState::closing:
            if (const PartRecord* record = record_of(*part)) close(*part, *record);
            return false;
        case market::PartState::passed:
        case market::PartState::settled:
        case market::PartState::retracted:
        case market::PartState::void_:
        case market::PartState::unproved:
            return true;
    }
    return false;
}

/// A segment that was delivered once is not delivered again: later draws of it start at once.
void Duties::deliver(const market::Part& part, const PartRecord& record) {
    const auto claims = party_.node().claims_of(part.id);
    if (!claims) return trouble("delivery.trouble", part, claims.error().text());
    for (const market::Claim& claim : *claims) {
        const bool delivered = std::any_of(
            part.delivered.begin(), part.delivered.end(),
            [&](const market::DeliveredSegment& d) { return d.segment == claim.segment; });
        if (claim.open > 0 && !delivered) deliver_segment(part, record, claim.segment);
    }
}

void Duties::keep_start(const market::Part& part, std::uint32_t segment,
                        const base::BlobRoot& blob) {
    if (keeper_.find(blob)) return;
    std::filesystem::path link = parts_.start_file(part.id, segment);
    const std::filesystem::path file = link;
    link += ".kept";
    std::error_code error;
    std::filesystem::remove(link, error);
    std::filesystem::create_hard_link(file, link, error);
    if (error) return trouble("delivery.trouble", part, link.string() + ": " + error.message());
    // Made when it was uploaded; a keeper without them would read all of it while other deliveries
    // wait.
    std::filesystem::remove(base::chunk_nodes_file(link), error);
    std::filesystem::create_hard_link(base::chunk_nodes_file(file), base::chunk_nodes_file(link),
                                      error);
    if (auto kept = keeper_.keep(part.key.job, part.key.round, blob, link); !kept)
        trouble("delivery.trouble", part, kept.error());
}

void Duties::store_starts(const base::PartId& id, const PartRecord& record) {
    for (std::uint32_t segment = 1; segment < record.segments.size(); ++segment)
        uploads_.add(parts_.start_file(id, segment));
}

std::optional<market::Receipt> Duties::start_receipt(const market::Part& part,
                                                     const PartRecord& record,
                                                     std::uint32_t segment) {
    const std::filesystem::path file = parts_.start_file(part.id, segment);
    const auto blob = segment == 0 ? std::optional(record.start_blob) : uploads_.stored(file);
    if (!blob) return std::nullopt;  // on its way: at the next look
    const auto receipt = party_.node().blob_receipt(*blob);
    if (receipt) return *receipt;
    trouble("delivery.trouble", part, "start checkpoint: " + receipt.error().text());
    if (!receipt.error().not_found()) return std::nullopt;
    if (segment != 0) uploads_.again(file, *blob);
    // Whoever trained the part before may be gone; this worker may have kept what it started from.
    if (const auto kept = segment == 0 ? keeper_.find(*blob) : std::nullopt)
        uploads_.again(*kept, *blob);
    return std::nullopt;
}

void Duties::deliver_segment(const market::Part& part, const PartRecord& record,
                             std::uint32_t segment) {
    if (segment >= record.segments.size())
        return trouble("delivery.trouble", part, "drawn segment is not in the record");
    const auto receipt = start_receipt(part, record, segment);
    if (!receipt) return;
    if (segment != 0) keep_start(part, segment, receipt->blob);
    const std::vector<base::Hash> leaves = record.leaf_hashes();
    const auto proof = base::merkle_prove(base::MerkleFamily::blake2b, leaves, segment);
    const market::SegmentDeliver message{part.id, segment, record.segments[segment].leaf,
                                         proof.path, *receipt};
    const auto sent = party_.send(message);
    if (!sent) {
        if (!agent::is_refusal(sent.error(), market::Refusal::already_delivered))
            trouble("delivery.trouble", part, sent.error().text());
        return;
    }
    agent::log(agent::LogLevel::info, "segment.delivered", "delivered a drawn segment",
               part_fields(part));
}

void Duties::close(const market::Part& part, const PartRecord& record) {
    market::PartClose message;
    message.part = part.id;
    for (const SegmentRecord& segment : record.segments) message.leaves.push_back(segment.leaf);
    const auto sent = party_.send(message);
    if (!sent) return trouble("close.trouble", part, sent.error().text());
    agent::log(agent::LogLevel::info, "part.closed", "closed a part", part_fields(part));
}

}  // namespace assay::worker
