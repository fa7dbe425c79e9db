#include "client/json.h"
#include "json_parts.h"

namespace assay::client {

Json json_of(const market::AuditFact& f) {
    return {{"segment", f.segment},
            {"audit", f.audit.hex()},
            {"auditor", f.auditor.hex()},
            {"verdict", word(to_word(f.verdict))},
            {"end_root", hash_or_null(f.end_root)}};
}

namespace {

struct EntryJson {
    Json operator()(const market::PartPassed& e) const {
        return {{"kind", "part_passed"},          {"key", json_of(e.key)},
                {"part", e.part.hex()},           {"first_segment", e.first_segment},
                {"tree_root", e.tree_root.hex()}, {"start_root", e.start_root.hex()},
                {"end_root", e.end_root.hex()},   {"payload_root", hash_or_null(e.payload_root)},
                {"leaves", list_json(e.leaves)},  {"audits", list_json(e.audits)}};
    }
    Json operator()(const market::PartVoided& e) const {
        return {{"kind", "part_voided"},
                {"key", json_of(e.key)},
                {"part", e.part.hex()},
                {"unproved", e.unproved}};
    }
    Json operator()(const market::RoundClosed& e) const {
        return {{"kind", "round_closed"},
                {"round", e.round},
                {"opening_root", e.opening_root.hex()},
                {"members", list_json(e.members)}};
    }
    Json operator()(const market::RoundMerged& e) const {
        return {{"kind", "round_merged"},   {"round", e.round},     {"attempt", e.attempt},
                {"poster", e.poster.hex()}, {"root", e.root.hex()}, {"blob", e.blob.hex()}};
    }
    Json operator()(const market::MergeAudited& e) const {
        return {{"kind", "merge_audited"},      {"round", e.round},
                {"attempt", e.attempt},         {"outcome", word(to_word(e.outcome))},
                {"root", hash_or_null(e.root)}, {"audits", list_json(e.audits)}};
    }
    Json operator()(const market::InitAudited& e) const {
        return {{"kind", "init_audited"}, {"root", e.root.hex()}, {"audits", list_json(e.audits)}};
    }
    Json operator()(const market::RoundFinal& e) const {
        return {{"kind", "round_final"},
                {"round", e.round},
                {"root", e.root.hex()},
                {"segments", number(e.segments)},
                {"audited", number(e.audited)}};
    }
    Json operator()(const market::Slashed& e) const {
        return {{"kind", "slashed"},
                {"worker", e.worker.hex()},
                {"lease", e.lease.hex()},
                {"reason", word(to_word(e.reason))},
                {"evidence", e.evidence.hex()},
                {"amount", e.amount.decimal()}};
    }
    Json operator()(const market::JobClosed& e) const {
        return {{"kind", "job_closed"},
                {"state", word(to_word(e.state))},
                {"reason", word(to_word(e.reason))},
                {"final_root", e.final_root.hex()},
                {"final_rounds", e.final_rounds},
                {"spent", json_of(e.spent)}};
    }
};

}  // namespace

Json json_of(const market::JobHistoryEntry& entry) { return std::visit(EntryJson{}, entry); }

}  // namespace assay::client
