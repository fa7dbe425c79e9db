#include <bit>

#include "client/json.h"
#include "json_reader.h"

namespace assay::client {
namespace {

std::string word(std::string_view text) {
    return std::string(text);
}
std::string number(std::uint64_t value) {
    return std::to_string(value);
}
/// Ids that may be absent are zeros in the state and null in JSON.
template <class Kind>
Json id_or_null(const base::Id<Kind>& id) {
    return id.is_zero() ? Json() : Json(id.hex());
}
Json hash_or_null(const base::Hash& hash) {
    return hash.is_zero() ? Json() : Json(hash.hex());
}
/// The loss of a worker's last step, as it said: shown, never relied on.
Json loss_json(std::uint32_t bits) {
    const float loss = std::bit_cast<float>(bits);
    return bits == 0 || !(loss >= 0.0F && loss < 1e30F) ? Json() : Json(loss);
}

Json json_of(const market::RoundMember& member);
Json json_of(const market::EpochMember& member);
Json json_of(const market::DeliveredSegment& delivered);
Json json_of(const market::AuditFact& fact);
Json json_of(const market::Challenger& challenger);

template <class T>
Json list_json(const std::vector<T>& list) {
    Json json = Json::array();
    for (const T& entry : list) json.push_back(json_of(entry));
    return json;
}
template <class Kind>
Json ids_json(const std::vector<base::Id<Kind>>& ids) {
    Json json = Json::array();
    for (const auto& id : ids) json.push_back(id.hex());
    return json;
}

Json costs_json(const market::JobCosts& c) {
    return {{"segment_flops", number(c.segment_flops)}, {"merge_flops", number(c.merge_flops)},
            {"state_bytes", number(c.state_bytes)},     {"payload_bytes", number(c.payload_bytes)},
            {"memory_bytes", number(c.memory_bytes)},   {"weights", number(c.weights)}};
}
Json shape_json(const market::JobShape& s) {
    return {{"profile", s.profile},
            {"lanes", s.lanes},
            {"rounds", s.rounds},
            {"round_steps", s.round_steps},
            {"segment_steps", s.segment_steps},
            {"part_segments", s.part_segments},
            {"min_lanes", s.min_lanes},
            {"price_ceiling", s.price_ceiling.decimal()},
            {"audit_rate", format_decimal(s.audit_rate_ppm, 6)},
            {"audit_lag", s.audit_lag},
            {"round_deadline_s", s.round_deadline_s},
            {"public_job", s.public_job}};
}
Json spent_json(const market::Spent& s) {
    return {{"workers", s.workers.decimal()},
            {"auditors", s.auditors.decimal()},
            {"protocol_fees", s.protocol_fees.decimal()},
            {"refunded", s.refunded.decimal()},
            {"pauses", s.pauses.decimal()}};
}
Json part_key_json(const market::PartKey& k) {
    return {{"job", k.job.hex()},  {"round", k.round}, {"lane", k.lane},
            {"stage", k.stage},    {"part", k.part},   {"worker", k.worker.hex()},
            {"attempt", k.attempt}};
}
Json leaf_json(const market::SegmentLeaf& l) {
    return {{"salt", l.salt.hex()},
            {"start_root", l.start_root.hex()},
            {"end_field", l.end_field.hex()},
            {"steps_root", l.steps_root.hex()}};
}

Json json_of(const market::RoundMember& m) {
    return {{"lane", m.lane},
            {"worker", m.worker.hex()},
            {"lease", m.lease.hex()},
            {"part", m.part.hex()},
            {"end_root", m.end_root.hex()},
            {"payload_root", hash_or_null(m.payload_root)},
            {"payload_blob", id_or_null(m.payload_blob)},
            {"end_blob", m.end_blob.hex()}};
}
Json json_of(const market::EpochMember& m) {
    return {{"validator", m.validator.hex()},
            {"weight", number(m.weight)},
            {"y", m.y ? Json(m.y->hex()) : Json()}};
}
Json json_of(const market::DeliveredSegment& d) {
    return {
        {"segment", d.segment}, {"leaf", leaf_json(d.leaf)}, {"start_blob", d.start_blob.hex()}};
}
Json json_of(const market::AuditFact& f) {
    return {{"segment", f.segment},
            {"audit", f.audit.hex()},
            {"auditor", f.auditor.hex()},
            {"verdict", word(to_word(f.verdict))},
            {"end_root", hash_or_null(f.end_root)}};
}

Json json_of(const market::Challenger& c) {
    return {{"account", c.account.hex()},
            {"role", word(to_word(c.role))},
            {"bond", c.bond.decimal()},
            {"lost", c.lost},
            {"late", c.late}};
}

struct EntryJson {
    Json operator()(const market::PartPassed& e) const {
        Json leaves = Json::array();
        for (const auto& leaf : e.leaves) leaves.push_back(leaf_json(leaf));
        return {{"kind", "part_passed"},
                {"key", part_key_json(e.key)},
                {"part", e.part.hex()},
                {"first_segment", e.first_segment},
                {"tree_root", e.tree_root.hex()},
                {"start_root", e.start_root.hex()},
                {"end_root", e.end_root.hex()},
                {"payload_root", hash_or_null(e.payload_root)},
                {"leaves", leaves},
                {"audits", list_json(e.audits)},
                {"unaudited", e.unaudited}};
    }
    Json operator()(const market::PartVoided& e) const {
        return {{"kind", "part_voided"}, {"key", part_key_json(e.key)}, {"part", e.part.hex()}};
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
    Json operator()(const market::RoundFinal& e) const {
        return {{"kind", "round_final"},        {"round", e.round},
                {"root", e.root.hex()},         {"segments", number(e.segments)},
                {"audited", number(e.audited)}, {"unaudited", number(e.unaudited)}};
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
                {"spent", spent_json(e.spent)}};
    }
};

}  // namespace

Json json_of(const market::Account& a) {
    Json json{{"id", a.id.hex()}, {"balance", a.balance.decimal()}, {"keys", Json()}};
    if (a.keys) {
        json["keys"] = {{"cold", a.keys->cold.hex()},
                        {"hot", a.keys->hot.hex()},
                        {"vrf", a.keys->vrf.is_zero() ? Json() : Json(a.keys->vrf.hex())},
                        {"valid_from", number(a.keys->valid_from.value)},
                        {"registered_at_ms", number(a.keys->registered_at.value)}};
    }
    return json;
}

Json json_of(const market::Stake& s) {
    return {{"account", s.account.hex()},   {"role", word(to_word(s.role))},
            {"active", s.active.decimal()}, {"locked", s.locked.decimal()},
            {"free", s.free().decimal()},   {"jailed_until_ms", number(s.jailed_until.value)},
            {"tombstoned", s.tombstoned},   {"misses", s.misses},
            {"unbondings", s.unbondings}};
}

Json json_of(const market::Unbonding& u) {
    return {{"role", word(to_word(u.role))},
            {"number", number(u.number)},
            {"amount", u.amount.decimal()},
            {"matures_at_ms", number(u.matures_at.value)}};
}

Json json_of(const market::Validator& v) {
    return {{"account", v.account.hex()},
            {"profile", v.profile},
            {"flops_per_second", number(v.flops_per_second)},
            {"capacity", v.capacity},
            {"open_audits", v.open_audits},
            {"declared_at_ms", number(v.declared_at.value)}};
}

Json json_of(const market::Offer& o) {
    return {{"id", o.id.hex()},
            {"object", "offer"},
            {"worker", o.worker.hex()},
            {"price_per_gflop", o.price_per_gflop.decimal()},
            {"segment_ms", number(o.segment_ms)},
            {"profile", o.profile},
            {"memory_bytes", number(o.memory_bytes)},
            {"flops_per_second", number(o.flops_per_second)},
            {"slots", o.slots},
            {"slots_used", o.slots_used},
            {"bond", o.bond.decimal()},
            {"arrival", number(o.arrival)},
            {"withdrawn", o.withdrawn}};
}

Json json_of(const market::Job& j) {
    return {{"id", j.id.hex()},
            {"object", "job"},
            {"submitter", j.submitter.hex()},
            {"state", word(to_word(j.state))},
            {"reason", word(to_word(j.reason))},
            {"spec_root", j.spec_root.hex()},
            {"program_root", j.program_root.hex()},
            {"init_root", j.init_root.hex()},
            {"init_blob", j.init_blob.hex()},
            {"params_id", j.params_id.hex()},
            {"costs", costs_json(j.costs)},
            {"shape", shape_json(j.shape)},
            {"audit_price", j.audit_price.decimal()},
            {"merge_audit_price", j.merge_audit_price.decimal()},
            {"held", j.held.decimal()},
            {"hold",
             {{"segment_pay", j.hold.segment_pay.decimal()},
              {"audits", j.hold.audits.decimal()},
              {"fees", j.hold.fees.decimal()},
              {"total", j.hold.total().decimal()}}},
            {"spent", spent_json(j.spent)},
            {"posted_at_ms", number(j.posted_at.value)},
            {"state_since_ms", number(j.state_since.value)},
            {"deadline_ms", number(j.deadline.value)},
            {"paused_ms", number(j.paused_ms.value)},
            {"round", j.round},
            {"opening_root", j.opening_root.hex()},
            {"opening_blob", j.opening_blob.hex()},
            {"final_rounds", j.final_rounds},
            {"final_root", j.final_root.hex()},
            {"final_blob", j.final_blob.hex()},
            {"final_segments", number(j.final_segments)},
            {"audited_segments", number(j.audited_segments)},
            {"unaudited_segments", number(j.unaudited_segments)},
            {"active_leases", j.active_leases},
            {"history", j.history.hex()},
            {"history_count", number(j.history_count)},
            {"closed_at_ms", number(j.closed_at.value)}};
}

Json json_of(const market::Lane& l) {
    return {{"job", l.job.hex()},
            {"lane", l.lane},
            {"lease", id_or_null(l.lease)},
            {"leases", l.leases},
            {"passed_parts", l.passed_parts},
            {"committed_parts", l.committed_parts},
            {"next_start_root", l.next_start_root.hex()},
            {"next_start_blob", l.next_start_blob.hex()},
            {"plant_seed", l.plant_seed.hex()},
            {"vacant_since_ms", number(l.vacant_since.value)},
            {"excluded", ids_json(l.excluded)}};
}

Json json_of(const market::Lease& l) {
    return {{"id", l.id.hex()},
            {"object", "lease"},
            {"job", l.job.hex()},
            {"lane", l.lane},
            {"worker", l.worker.hex()},
            {"offer", l.offer.hex()},
            {"price", l.price.decimal()},
            {"rate", format_decimal(l.rate_ppm, 6)},
            {"lock", l.lock.decimal()},
            {"bond", l.bond.decimal()},
            {"segment_ms", number(l.segment_ms)},
            {"state", word(to_word(l.state))},
            {"end", word(to_word(l.end))},
            {"started_at_ms", number(l.started_at.value)},
            {"ended_at_ms", number(l.ended_at.value)},
            {"deadline_ms", number(l.deadline.value)},
            {"start_round", l.start_round},
            {"start_part", l.start_part},
            {"last_round", l.last_round},
            {"commits", l.commits},
            {"open_parts", l.open_parts},
            {"passed_segments", l.passed_segments},
            {"paid_segments", l.paid_segments},
            {"record_used", l.record_used.decimal()}};
}

Json json_of(const market::Round& r) {
    return {{"job", r.job.hex()},
            {"round", r.round},
            {"state", word(to_word(r.state))},
            {"opening_root", r.opening_root.hex()},
            {"opening_blob", r.opening_blob.hex()},
            {"opened_at_ms", number(r.opened_at.value)},
            {"deadline_ms", number(r.deadline.value)},
            {"extended", r.extended},
            {"closed_at_ms", number(r.closed_at.value)},
            {"members", list_json(r.members)},
            {"closing_root", hash_or_null(r.closing_root)},
            {"closing_blob", id_or_null(r.closing_blob)},
            {"merged_at_ms", number(r.merged_at.value)},
            {"window_ends_ms", number(r.window_ends.value)},
            {"open_parts", r.open_parts},
            {"open_votes", r.open_votes},
            {"merge_audited", r.merge_audited}};
}

Json json_of(const market::MergeRecord& m) {
    return {{"job", m.job.hex()},
            {"round", m.round},
            {"attempt", m.attempt},
            {"state", word(to_word(m.state))},
            {"turn", m.turn},
            {"deadline_ms", number(m.deadline.value)},
            {"poster", id_or_null(m.poster)},
            {"lease", id_or_null(m.lease)},
            {"root", hash_or_null(m.root)},
            {"blob", id_or_null(m.blob)},
            {"commitment", id_or_null(m.commitment)},
            {"epoch", number(m.epoch)},
            {"audit", id_or_null(m.audit)}};
}

Json json_of(const market::Part& p) {
    return {{"id", p.id.hex()},
            {"object", "part"},
            {"key", part_key_json(p.key)},
            {"lease", p.lease.hex()},
            {"state", word(to_word(p.state))},
            {"tree_root", p.tree_root.hex()},
            {"first_segment", p.first_segment},
            {"segments", p.segments},
            {"start_root", p.start_root.hex()},
            {"end_root", p.end_root.hex()},
            {"start_blob", p.start_blob.hex()},
            {"end_blob", p.end_blob.hex()},
            {"payload_root", hash_or_null(p.payload_root)},
            {"payload_blob", id_or_null(p.payload_blob)},
            {"loss", loss_json(p.last_loss_bits)},
            {"transaction", p.transaction.hex()},
            {"epoch", number(p.epoch)},
            {"plant_seed", p.plant_seed.hex()},
            {"committed_at_ms", number(p.committed_at.value)},
            {"deadline_ms", number(p.deadline.value)},
            {"delivered", list_json(p.delivered)},
            {"audits", ids_json(p.audits)},
            {"unaudited", p.unaudited},
            {"passed_at_ms", number(p.passed_at.value)}};
}

Json json_of(const market::Epoch& e) {
    return {{"number", number(e.number)},
            {"object", "epoch"},
            {"state", word(to_word(e.state))},
            {"opened_at_ms", number(e.opened_at.value)},
            {"deadline_ms", number(e.deadline.value)},
            {"commitments_root", hash_or_null(e.commitments_root)},
            {"commitments", e.commitments},
            {"members", list_json(e.members)}};
}

Json json_of(const market::EpochCommitment& c) {
    return {{"epoch", number(c.epoch)}, {"id", c.id.hex()}, {"merge", c.merge},
            {"job", id_or_null(c.job)}, {"round", c.round}, {"root", c.root.hex()}};
}

Json json_of(const market::Audit& a) {
    Json verdict;
    if (a.verdict)
        verdict = {{"kind", word(to_word(a.verdict->kind))},
                   {"end_root", hash_or_null(a.verdict->end_root)},
                   {"steps_digest", hash_or_null(a.verdict->steps_digest)}};
    return {{"id", a.id.hex()},
            {"object", "audit"},
            {"kind", word(to_word(a.kind))},
            {"job", a.job.hex()},
            {"round", a.round},
            {"lane", a.lane},
            {"part", id_or_null(a.part)},
            {"segment", a.segment},
            {"worker", id_or_null(a.worker)},
            {"lease", id_or_null(a.lease)},
            {"auditor", a.auditor.hex()},
            {"y", a.y.hex()},
            {"epoch", number(a.epoch)},
            {"place", a.place},
            {"redraws", a.redraws},
            {"price", a.price.decimal()},
            {"lock", a.lock.decimal()},
            {"state", word(to_word(a.state))},
            {"drawn_at_ms", number(a.drawn_at.value)},
            {"deadline_ms", number(a.deadline.value)},
            {"seal", hash_or_null(a.seal)},
            {"verdict", verdict},
            {"paid", a.paid}};
}

Json json_of(const market::Vote& v) {
    return {{"id", v.id.hex()},
            {"object", "vote"},
            {"kind", word(to_word(v.kind))},
            {"state", word(to_word(v.state))},
            {"job", v.job.hex()},
            {"round", v.round},
            {"lane", v.lane},
            {"part", id_or_null(v.part)},
            {"segment", v.segment},
            {"lease", id_or_null(v.lease)},
            {"claim", v.claim.hex()},
            {"audits", ids_json(v.audits)},
            {"opened_at_ms", number(v.opened_at.value)}};
}

Json json_of(const market::ChunkChallenge& c) {
    return {{"id", c.id.hex()},
            {"object", "challenge"},
            {"target", word(to_word(c.target.kind))},
            {"subject", c.target.subject.hex()},
            {"number", c.target.number},
            {"chunk", number(c.chunk)},
            {"blob", c.blob.hex()},
            {"bytes", number(c.bytes)},
            {"job", c.job.hex()},
            {"round", c.round == market::kNoRound ? Json() : Json(c.round)},
            {"obliged", c.obliged.hex()},
            {"lease", id_or_null(c.lease)},
            {"challenger", c.challenger.hex()},
            {"bond", c.bond.decimal()},
            {"opened_at_ms", number(c.opened_at.value)},
            {"deadline_ms", number(c.deadline.value)}};
}

Json json_of(const market::Dispute& d) {
    return {{"id", d.id.hex()},
            {"object", "dispute"},
            {"target", word(to_word(d.target))},
            {"state", word(to_word(d.state))},
            {"job", d.job.hex()},
            {"round", d.round},
            {"lane", d.lane},
            {"part", d.part.hex()},
            {"segment", d.segment},
            {"lease", d.lease.hex()},
            {"asserter", d.asserter.hex()},
            {"challenger", d.challenger.hex()},
            {"audit", id_or_null(d.audit)},
            {"asserted", d.asserted.hex()},
            {"claimed", d.claimed.hex()},
            {"pool", list_json(d.pool)},
            {"player", d.player},
            {"turn", word(to_word(d.turn))},
            {"traced", d.traced},
            {"opened_at_ms", number(d.opened_at.value)},
            {"deadline_ms", number(d.deadline.value)},
            {"asserter_clock_ms", number(d.asserter_ms)},
            {"challenger_clock_ms", number(d.challenger_ms)},
            {"moves", d.moves}};
}

Json json_of(const market::JobHistoryEntry& entry) {
    return std::visit(EntryJson{}, entry);
}

Json json_of(const market::Receipt& r) {
    return {{"blob", r.blob.hex()},
            {"bytes", number(r.bytes)},
            {"kept_until_ms", number(r.kept_until_block_time.value)},
            {"signature", base::to_hex(r.signature.view())}};
}

tl::expected<market::Receipt, market::SpecError> receipt_from_json(const Json& json) {
    std::optional<market::SpecError> error;
    ObjectReader reader(json, "receipt", error);
    market::Receipt receipt;
    receipt.blob.hash = reader.hash("blob");
    receipt.bytes = reader.u64("bytes");
    receipt.kept_until_block_time.value = reader.u64("kept_until_ms");
    const auto bytes = base::from_hex(reader.text("signature"));
    const auto signature = bytes ? base::signature_from_bytes(*bytes) : std::nullopt;
    if (!signature) reader.fail("signature", "must be 128 lower-case hexadecimal digits");
    if (error) return tl::unexpected(*error);
    receipt.signature = *signature;
    return receipt;
}

}  // namespace assay::client
