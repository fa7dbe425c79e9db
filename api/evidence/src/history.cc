#include "history.h"

#include <optional>

#include "market/objects.h"

namespace assay::evidence {
namespace {

using base::Hash;
using Check = std::optional<std::string>;

class Walk {
  public:
    Walk(const Hash& chain_id, const market::JobSpec& spec, const base::JobId& job,
         const Hash& init_root)
        : chain_id_(chain_id), spec_(spec), job_(job), init_root_(init_root) {}

    Check entry(const market::JobHistoryEntry& entry) {
        if (closed_) return "there are entries after the job's end";
        return std::visit([this](const auto& fact) { return take(fact); }, entry);
    }

    Check end() const {
        if (!closed_) return "the job's end is missing";
        if (facts.final_roots.empty()) return "no round of the job is final, so there is no model";
        if (facts.final_roots.size() != facts.closed.final_rounds)
            return "the job's end counts another number of final rounds";
        if (facts.final_roots.back() != facts.closed.final_root)
            return "the job's end names another root";
        return std::nullopt;
    }

    HistoryFacts facts;

  private:
    struct Place {
        std::uint32_t round = 0, lane = 0;
        auto operator<=>(const Place&) const = default;
    };

    [[nodiscard]] Hash opening(std::size_t round) const {
        return round == 0 ? init_root_ : facts.final_roots[round - 1];
    }

    Check take(const market::PartPassed& part) {
        const market::PartKey& key = part.key;
        if (key.job != job_ || part.part != market::part_id(chain_id_, key))
            return "a part does not have the id of its key";
        if (key.round >= spec_.rounds || key.lane >= spec_.lanes || key.stage != 0)
            return "a part is outside the job";
        if (key.part >= market::parts_per_round(spec_.segments_per_round(), spec_.part_segments))
            return "a part is outside its round";
        const market::PartSpan span =
            market::part_span(key.part, spec_.segments_per_round(), spec_.part_segments);
        if (span.first_segment != part.first_segment || span.segments != part.leaves.size() ||
            part.leaves.empty()) {
            return "a part has another number of segments";
        }
        std::vector<Hash> leaves;
        for (const market::SegmentLeaf& leaf : part.leaves)
            leaves.push_back(market::segment_leaf_hash(leaf));
        if (market::part_root(leaves) != part.tree_root)
            return "the leaves of a part are not those of its tree";
        if (auto what = continuity(part, span)) return what;
        for (const market::AuditFact& audit : part.audits) {
            if (audit.segment >= part.leaves.size()) return "an audit is outside its part";
        }
        // Parts may pass out of order; one that takes the place of another comes after that one was
        // voided.
        if (!standing_[{key.round, key.lane}].emplace(key.part, part).second)
            return "a part passes in the place of one that stands";
        return std::nullopt;
    }

    /// Each segment ends where the next one starts.
    [[nodiscard]] Check continuity(const market::PartPassed& part,
                                   const market::PartSpan& span) const {
        if (part.leaves.front().start_root != part.start_root)
            return "the first segment of a part starts elsewhere";
        for (std::size_t i = 0; i + 1 < part.leaves.size(); ++i) {
            if (part.leaves[i].end_field != part.leaves[i + 1].start_root)
                return "the segments of a part do not follow each other";
        }
        const bool closes_round =
            span.first_segment + span.segments == spec_.segments_per_round() && spec_.has_merge();
        const Hash expected =
            closes_round ? market::round_end_root(part.end_root, part.payload_root) : part.end_root;
        if (part.leaves.back().end_field != expected)
            return "the last segment of a part ends elsewhere";
        return std::nullopt;
    }

    Check take(const market::PartVoided& voided) {
        const auto found = standing_.find({voided.key.round, voided.key.lane});
        if (found == standing_.end()) return std::nullopt;
        const auto part = found->second.find(voided.key.part);
        if (part != found->second.end() && part->second.part == voided.part)
            found->second.erase(part);
        return std::nullopt;
    }

    Check take(const market::RoundClosed& round) {
        closings_.insert_or_assign(round.round, round);
        merges_.erase(round.round);
        return std::nullopt;
    }

    Check take(const market::RoundMerged& merge) {
        if (!closings_.contains(merge.round)) return "a merge comes before its round closed";
        merges_.insert_or_assign(merge.round, merge);
        facts.merges.push_back(merge);
        return std::nullopt;
    }

    Check take(const market::MergeAudited& audit) {
        const auto merged = merges_.find(audit.round);
        if (merged == merges_.end()) return "an audit comes before its merge";
        if (audit.outcome == market::MergeState::refuted) {
            merges_.erase(merged);
            return std::nullopt;
        }
        if (merged->second.root != audit.root || merged->second.attempt != audit.attempt)
            return "an audited merge has another root than was posted";
        return std::nullopt;
    }

    Check take(const market::InitAudited& init) {
        if (init.root != init_root_) return "another initial state was audited";
        return std::nullopt;
    }

    Check take(const market::RoundFinal& round) {
        if (round.round != facts.final_roots.size()) return "final rounds are out of order";
        const auto closing = closings_.find(round.round);
        if (closing == closings_.end() || closing->second.members.empty())
            return "a final round was never closed";
        if (closing->second.opening_root != opening(round.round))
            return "a round did not open on the root before it";
        std::optional<std::uint32_t> previous_lane;
        for (const market::RoundMember& member : closing->second.members) {
            if (member.lane >= spec_.lanes || (previous_lane && member.lane <= *previous_lane))
                return "the members of a round are out of order";
            previous_lane = member.lane;
            if (auto what = member_leads(round.round, member)) return what;
        }
        if (spec_.has_merge()) {
            const auto merged = merges_.find(round.round);
            if (merged == merges_.end() || merged->second.root != round.root)
                return "a final round has another root than its merge";
            facts.final_merges.emplace(round.round, merged->second);
        } else if (closing->second.members.size() != 1 ||
                   closing->second.members[0].end_root != round.root) {
            return "the final root is not the end of the only lane";
        }
        facts.left_out += spec_.lanes - static_cast<std::uint32_t>(closing->second.members.size());
        facts.final_roots.push_back(round.root);
        return std::nullopt;
    }

    /// The member's parts lead from the round's opening to what it brought into the merge.
    Check member_leads(std::uint32_t round, const market::RoundMember& member) {
        const std::uint32_t parts =
            market::parts_per_round(spec_.segments_per_round(), spec_.part_segments);
        const auto found = standing_.find({round, member.lane});
        if (found == standing_.end() || found->second.size() != parts)
            return "a member's parts are not complete";
        Hash root = opening(round);
        for (const auto& [number, part] : found->second) {
            if (part.start_root != root) return "a member's parts do not follow each other";
            root = part.end_root;
            facts.final_parts.push_back(part);
        }
        const market::PartPassed& last = found->second.rbegin()->second;
        if (member.end_root != root || member.part != last.part)
            return "a member ends elsewhere than its last part";
        if (spec_.has_merge() && member.payload_root != last.payload_root)
            return "a member's payload is not that of its last part";
        return std::nullopt;
    }

    Check take(const market::Slashed&) {
        ++facts.slashes;
        return std::nullopt;
    }

    Check take(const market::JobClosed& closed) {
        closed_ = true;
        facts.closed = closed;
        return std::nullopt;
    }

    const Hash& chain_id_;
    const market::JobSpec& spec_;
    const base::JobId& job_;
    const Hash& init_root_;
    std::map<Place, std::map<std::uint32_t, market::PartPassed>>
        standing_;  ///< passed and not void, by part number
    std::map<std::uint32_t, market::RoundClosed> closings_;
    std::map<std::uint32_t, market::RoundMerged> merges_;
    bool closed_ = false;
};

}  // namespace

tl::expected<HistoryFacts, std::string> check_history(const Hash& chain_id,
                                                      const market::JobSpec& spec,
                                                      const base::JobId& job, const Hash& init_root,
                                                      const std::vector<base::Bytes>& entries) {
    Walk walk(chain_id, spec, job, init_root);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        walk.facts.hash = market::extend_history(walk.facts.hash, entries[i]);
        const auto entry = market::decode<market::JobHistoryEntry>(entries[i]);
        if (!entry) return tl::unexpected("history entry " + std::to_string(i) + " is malformed");
        if (auto what = walk.entry(*entry))
            return tl::unexpected("history entry " + std::to_string(i) + ": " + *what);
    }
    if (auto what = walk.end()) return tl::unexpected(std::move(*what));
    return std::move(walk.facts);
}

}  // namespace assay::evidence
