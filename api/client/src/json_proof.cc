#include <bit>

#include "client/json.h"
#include "json_parts.h"
#include "json_reader.h"

// Commitments, draws, audits, questions and games.

namespace assay::client {
namespace {

/// The loss of a worker's last step, as it said: shown, never relied on.
Json loss_json(std::uint32_t bits) {
    const float loss = std::bit_cast<float>(bits);
    return bits == 0 || !(loss >= 0.0F && loss < 1e30F) ? Json() : Json(loss);
}

Json target_json(const market::StoredTarget& target) {
    return {{"kind", word(to_word(target.kind))},
            {"subject", target.subject.hex()},
            {"number", target.number}};
}

Json challenged_json(const market::ChallengeTarget& target) {
    return {{"kind", word(to_word(target.kind))},
            {"part", target.part.hex()},
            {"segment", target.segment},
            {"job", id_or_null(target.job)},
            {"round", target.round}};
}

Json verdict_json(const market::Verdict& verdict) {
    return {{"kind", word(to_word(verdict.kind))},
            {"end_root", hash_or_null(verdict.end_root)},
            {"cells_digest", hash_or_null(verdict.cells_digest)}};
}

Json delivered_json(const std::vector<market::DeliveredSegment>& delivered) {
    Json list = Json::array();
    for (const market::DeliveredSegment& d : delivered)
        list.push_back({{"segment", d.segment},
                        {"leaf", json_of(d.leaf)},
                        {"start_blob", d.start_blob.hex()},
                        {"start_bytes", number(d.start_bytes)}});
    return list;
}

}  // namespace

Json json_of(const market::PartKey& k) {
    return {{"job", k.job.hex()},  {"round", k.round}, {"lane", k.lane},
            {"stage", k.stage},    {"part", k.part},   {"worker", k.worker.hex()},
            {"attempt", k.attempt}};
}

Json json_of(const market::SegmentLeaf& l) {
    return {{"salt", l.salt.hex()},
            {"start_root", l.start_root.hex()},
            {"end_field", l.end_field.hex()}};
}

Json json_of(const market::Part& p) {
    return {{"id", p.id.hex()},
            {"object", "part"},
            {"key", json_of(p.key)},
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
            {"closing", id_or_null(p.closing)},
            {"epoch", number(p.epoch)},
            {"committed_at_ms", number(p.committed_at.value)},
            {"deadline_ms", number(p.deadline.value)},
            {"delivered", delivered_json(p.delivered)},
            {"draws", p.draws},
            {"open_claims", p.open_claims},
            {"expected_audits", fixed_json(p.expected)},
            {"passed_at_ms", number(p.passed_at.value)}};
}

Json json_of(const market::Claim& c) {
    return {{"object", "claim"},
            {"subject", c.subject.hex()},
            {"segment", c.segment},
            {"kind", word(to_word(c.kind))},
            {"job", c.job.hex()},
            {"round", c.round},
            {"lane", c.lane},
            {"worker", c.worker.hex()},
            {"lease", id_or_null(c.lease)},
            {"rate", format_decimal(c.rate_ppm, 6)},
            {"draws", c.draws},
            {"open", c.open},
            {"redraws", c.redraws},
            {"valid", c.valid},
            {"fund", c.fund.decimal()},
            {"judged", c.judged()},
            {"over", c.over}};
}

Json json_of(const market::Epoch& e) {
    return {{"number", number(e.number)},
            {"object", "epoch"},
            {"state", word(to_word(e.state))},
            {"opened_at_ms", number(e.opened_at.value)},
            {"deadline_ms", number(e.deadline.value)},
            {"commitments_root", hash_or_null(e.commitments_root)},
            {"commitments", e.commitments},
            {"log_size", number(e.log_size)},
            {"log_root", hash_or_null(e.log_root)},
            {"members", e.members},
            {"contributed", e.contributed},
            {"weight", number(e.weight)},
            {"jailed_weight", number(e.jailed_weight)},
            {"contributed_weight", number(e.contributed_weight)},
            {"void", e.void_}};
}

Json json_of(const market::EpochMember& m) {
    return {{"epoch", number(m.epoch)},
            {"validator", m.validator.hex()},
            {"weight", number(m.weight)},
            {"y", m.y ? Json(m.y->hex()) : Json()},
            {"transaction", id_or_null(m.transaction)}};
}

Json json_of(const market::EpochCommitment& c) {
    return {{"epoch", number(c.epoch)},
            {"id", c.id.hex()},
            {"kind", word(to_word(c.kind))},
            {"job", id_or_null(c.job)},
            {"subject", id_or_null(c.subject)},
            {"segment", c.segment},
            {"audit", id_or_null(c.audit)},
            {"round", c.round},
            {"root", c.root.hex()}};
}

Json json_of(const market::Audit& a) {
    Json cells = Json::array();
    for (const base::Hash& cell : a.cells) cells.push_back(cell.hex());
    return {{"id", a.id.hex()},
            {"object", "audit"},
            {"kind", word(to_word(a.kind))},
            {"claim", word(to_word(a.claim))},
            {"job", a.job.hex()},
            {"round", a.round},
            {"lane", a.lane},
            {"subject", a.subject.hex()},
            {"segment", a.segment},
            {"worker", id_or_null(a.worker)},
            {"lease", id_or_null(a.lease)},
            {"auditor", a.auditor.hex()},
            {"epoch", number(a.epoch)},
            {"controls", id_or_null(a.controls)},
            {"price", a.price.decimal()},
            {"fund", a.fund.decimal()},
            {"lock", a.lock.decimal()},
            {"flops", number(a.flops)},
            {"state", word(to_word(a.state))},
            {"drawn_at_ms", number(a.drawn_at.value)},
            {"deadline_ms", number(a.deadline.value)},
            {"seal", hash_or_null(a.seal)},
            {"verdict", a.verdict ? verdict_json(*a.verdict) : Json()},
            {"salt", hash_or_null(a.salt)},
            {"cells", std::move(cells)},
            {"controls_open", a.controls_open},
            {"redraws", a.redraws},
            {"paid", a.paid},
            {"revealed", id_or_null(a.revealed)}};
}

Json json_of(const market::Question& q) {
    return {{"id", q.id.hex()},
            {"object", "question"},
            {"kind", word(to_word(q.kind))},
            {"target", target_json(q.target)},
            {"chunk", q.kind == market::QuestionKind::chunk ? Json(number(q.chunk)) : Json()},
            {"blob", q.blob.hex()},
            {"bytes", number(q.bytes)},
            {"root", hash_or_null(q.root)},
            {"job", q.job.hex()},
            {"round", q.round == market::kNoRound ? Json() : Json(q.round)},
            {"obliged", q.obliged.hex()},
            {"lease", id_or_null(q.lease)},
            {"asker", q.asker.hex()},
            {"bond", q.bond.decimal()},
            {"answered", q.answered},
            {"rounds", q.rounds},
            {"answerer", id_or_null(q.answerer)},
            {"opened_at_ms", number(q.opened_at.value)},
            {"deadline_ms", number(q.deadline.value)}};
}

Json json_of(const market::Pool& p) {
    return {{"id", p.id.hex()},
            {"object", "pool"},
            {"target", challenged_json(p.target)},
            {"job", p.job.hex()},
            {"round", p.round},
            {"lane", p.lane},
            {"claimed", p.claimed.hex()},
            {"opened_height", number(p.opened_height.value)},
            {"members", p.members},
            {"started", p.started},
            {"playing", p.playing},
            {"next_batch", p.batch}};
}

Json json_of(const market::PoolMember& m) {
    return {{"pool", m.pool.hex()},       {"number", m.number},
            {"account", m.account.hex()}, {"role", word(to_word(m.role))},
            {"bond", m.bond.decimal()},   {"sealed_height", number(m.sealed.value)}};
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
            {"lease", id_or_null(d.lease)},
            {"asserter", d.asserter.hex()},
            {"challenger", d.challenger.hex()},
            {"audit", id_or_null(d.audit)},
            {"defended", id_or_null(d.defended)},
            {"pool", hash_or_null(d.pool)},
            {"role", d.pool.is_zero() ? Json() : Json(word(to_word(d.role)))},
            {"bond", d.bond.decimal()},
            {"asserted", d.asserted.hex()},
            {"claimed", d.claimed.hex()},
            {"cell", d.target == market::DisputeTarget::cell ? Json(d.cell) : Json()},
            {"turn", word(to_word(d.turn))},
            {"traced", d.traced},
            {"opened_at_ms", number(d.opened_at.value)},
            {"deadline_ms", number(d.deadline.value)},
            {"asserter_clock_ms", number(d.asserter_ms)},
            {"challenger_clock_ms", number(d.challenger_ms)},
            {"planned_ms", number(d.planned_ms)},
            {"moves", d.moves}};
}

}  // namespace assay::client
