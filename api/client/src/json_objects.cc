#include "client/json.h"
#include "json_parts.h"
#include "json_reader.h"

namespace assay::client {
namespace {

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
    return {{"account", s.account.hex()},
            {"role", word(to_word(s.role))},
            {"active", s.active.decimal()},
            {"locked", s.locked.decimal()},
            {"free", s.free().decimal()},
            {"jailed_at_ms", s.jailed_at.value == 0 ? Json() : Json(number(s.jailed_at.value))},
            {"convicted_at_ms",
             s.convicted_at.value == 0 ? Json() : Json(number(s.convicted_at.value))},
            {"tombstoned", s.tombstoned},
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
            {"weight_max", v.weight_max.is_zero() ? Json() : Json(v.weight_max.decimal())},
            {"away", v.away},
            {"open_audits", v.open_audits},
            {"open_flops", number(v.open_flops)},
            {"declared_at_ms", number(v.declared_at.value)}};
}

Json json_of(const market::WorkRecord& r) {
    return {{"worker", r.worker.hex()},
            {"amount", r.amount.decimal()},
            {"in_use", r.in_use.decimal()},
            {"halved_at_ms", number(r.halved_at.value)}};
}

Json json_of(const market::QuestionDuty& d) {
    return {{"raised", d.raised}, {"owed", d.owed}, {"owed_ms", number(d.owed_ms)}};
}

Json json_of(const market::GameLoad& l) {
    return {{"games", l.games}, {"planned_ms", number(l.planned_ms)}};
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
            {"withdrawn", o.withdrawn},
            {"ignored", o.ignored},
            {"asleep_until_ms", number(o.asleep_until.value)}};
}

Json json_of(const market::Spent& s) {
    return {{"workers", s.workers.decimal()},
            {"auditors", s.auditors.decimal()},
            {"protocol_fees", s.protocol_fees.decimal()},
            {"refunded", s.refunded.decimal()},
            {"pauses", s.pauses.decimal()},
            {"unproved", s.unproved.decimal()}};
}

Json json_of(const market::Job& j) {
    return {{"id", j.id.hex()},
            {"object", "job"},
            {"submitter", j.submitter.hex()},
            {"state", word(to_word(j.state))},
            {"reason", word(to_word(j.reason))},
            {"end_state",
             j.state == market::JobState::settling ? Json(word(to_word(j.end_state))) : Json()},
            {"spec_root", j.spec_root.hex()},
            {"program_root", j.program_root.hex()},
            {"init_root", j.init_root.hex()},
            {"init_blob", j.init_blob.hex()},
            {"params_id", j.params_id.hex()},
            {"costs", costs_json(j.costs)},
            {"shape", shape_json(j.shape)},
            {"audit_price", j.audit_price.decimal()},
            {"merge_audit_price", j.merge_audit_price.decimal()},
            {"init_audit_price", j.init_audit_price.decimal()},
            {"init_flops", number(j.init_flops)},
            {"held", j.held.decimal()},
            {"hold",
             {{"segment_pay", j.hold.segment_pay.decimal()},
              {"audits", j.hold.audits.decimal()},
              {"drawn", j.hold.drawn.decimal()},
              {"fees", j.hold.fees.decimal()},
              {"total", j.hold.total().decimal()}}},
            {"spent", json_of(j.spent)},
            {"posted_at_ms", number(j.posted_at.value)},
            {"state_since_ms", number(j.state_since.value)},
            {"deadline_ms", number(j.deadline.value)},
            {"window_ends_ms", number(j.window_ends.value)},
            {"paused_ms", number(j.paused_ms.value)},
            {"init_passed", j.init_passed},
            {"round", j.round},
            {"opening_root", j.opening_root.hex()},
            {"opening_blob", j.opening_blob.hex()},
            {"final_rounds", j.final_rounds},
            {"final_root", j.final_root.hex()},
            {"final_blob", j.final_blob.hex()},
            {"final_segments", number(j.final_segments)},
            {"audited_segments", number(j.audited_segments)},
            {"unproved_segments", number(j.unproved_segments)},
            {"active_leases", j.active_leases},
            {"expected_audits", fixed_json(j.expected)},
            {"backlog_flops", number(j.backlog_flops)},
            {"open_claims", j.open_claims},
            {"open_disputes", j.open_disputes},
            {"open_questions", j.open_questions},
            {"history", j.history.hex()},
            {"history_count", number(j.history_count)},
            {"closed_at_ms", number(j.closed_at.value)},
            {"data_blob", id_or_null(j.data_blob)},
            {"init_bytes", number(j.init_bytes)},
            {"data_bytes", number(j.data_bytes)},
            {"transaction", j.transaction.hex()}};
}

Json json_of(const market::Reservation& r) {
    return {{"offer", r.offer.hex()},
            {"worker", r.worker.hex()},
            {"price", r.price.decimal()},
            {"lock", r.lock.decimal()},
            {"bond", r.bond.decimal()},
            {"record_used", r.record_used.decimal()},
            {"rate", format_decimal(r.rate_ppm, 6)},
            {"segment_ms", number(r.segment_ms)},
            {"accepted", r.accepted}};
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
            {"vacant_since_ms", number(l.vacant_since.value)},
            {"wait", l.wait == market::LaneWait::none ? Json() : Json(word(to_word(l.wait)))},
            {"asked", list_json(l.asked)},
            {"ask_ends_ms", number(l.ask_ends.value)},
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
            {"record_used", l.record_used.decimal()},
            {"extensions", l.extensions},
            {"lacked_data", l.lacked_data}};
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
            {"merge_audited", r.merge_audited},
            {"open_disputes", r.open_disputes},
            {"open_questions", r.open_questions}};
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
            {"bytes", number(m.bytes)},
            {"barred", ids_json(m.barred)},
            {"extensions", m.extensions},
            {"transaction", id_or_null(m.transaction)}};
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
