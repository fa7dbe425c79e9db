#include <bit>

#include "client/json.h"
#include "json_parts.h"
#include "json_reader.h"

// Objects of the state. What is not said here is as json_parts.h has it.

namespace assay::client {

namespace {

/// Audits that open work expects, in 32.32.
void show_expected(Json& json, std::uint64_t expected) {
    json.erase("expected");
    json["expected_audits"] = fixed_json(expected);
}

/// The loss of a worker's last step, as it said: shown, never relied on.
Json loss_json(std::uint32_t bits) {
    const float loss = std::bit_cast<float>(bits);
    return bits == 0 || !(loss >= 0.0F && loss < 1e30F) ? Json() : Json(loss);
}

}  // namespace

Json json_of(const market::Account& a) { return fields_json(a); }
Json json_of(const market::Unbonding& u) { return fields_json(u); }
Json json_of(const market::WorkRecord& r) { return fields_json(r); }
Json json_of(const market::QuestionDuty& d) { return fields_json(d); }
Json json_of(const market::GameLoad& l) { return fields_json(l); }
Json json_of(const market::Offer& o) { return object_json("offer", o); }
Json json_of(const market::Lease& l) { return object_json("lease", l); }
Json json_of(const market::Round& r) { return fields_json(r); }
Json json_of(const market::MergeRecord& m) { return fields_json(m); }
Json json_of(const market::EpochMember& m) { return fields_json(m); }
Json json_of(const market::EpochCommitment& c) { return fields_json(c); }
Json json_of(const market::Audit& a) { return object_json("audit", a); }

Json json_of(const market::Stake& s) {
    Json json = fields_json(s);
    json["free"] = s.free().decimal();
    hide(json, "jailed_at_ms", s.jailed_at.value == 0);
    hide(json, "convicted_at_ms", s.convicted_at.value == 0);
    return json;
}

Json json_of(const market::Validator& v) {
    Json json = fields_json(v);
    hide(json, "weight_max", v.weight_max.is_zero());
    return json;
}

Json json_of(const market::Job& j) {
    Json json = object_json("job", j);
    json["hold"]["total"] = j.hold.total().decimal();
    hide(json, "end_state", j.state != market::JobState::settling);
    show_expected(json, j.expected);
    return json;
}

Json json_of(const market::Lane& l) {
    Json json = fields_json(l);
    hide(json, "wait", l.wait == market::LaneWait::none);
    show_expected(json, l.expected);
    return json;
}

Json json_of(const market::Part& p) {
    Json json = object_json("part", p);
    json.erase("last_loss_bits");
    json["loss"] = loss_json(p.last_loss_bits);
    show_expected(json, p.expected);
    return json;
}

Json json_of(const market::Claim& c) {
    Json json = object_json("claim", c);
    json["judged"] = c.judged();
    return json;
}

Json json_of(const market::Epoch& e) { return object_json("epoch", e); }

Json json_of(const market::Question& q) {
    Json json = object_json("question", q);
    hide(json, "chunk", q.kind != market::QuestionKind::chunk);
    hide(json, "round", q.round == market::kNoRound);
    return json;
}

Json json_of(const market::Pool& p) {
    Json json = object_json("pool", p);
    rename(json, "batch", "next_batch");
    return json;
}

Json json_of(const market::PoolMember& m) {
    Json json = fields_json(m);
    rename(json, "sealed", "sealed_height");
    return json;
}

Json json_of(const market::Dispute& d) {
    Json json = object_json("dispute", d);
    hide(json, "role", d.pool.is_zero());
    hide(json, "cell", d.target != market::DisputeTarget::cell);
    rename(json, "asserter_ms", "asserter_clock_ms");
    rename(json, "challenger_ms", "challenger_clock_ms");
    return json;
}

namespace {

constexpr const char* kEntryWords[] = {"part_passed",  "part_voided",   "round_closed",
                                       "round_merged", "merge_audited", "init_audited",
                                       "round_final",  "slashed",       "job_closed"};
static_assert(std::size(kEntryWords) == std::variant_size_v<market::JobHistoryEntry>);

}  // namespace

Json json_of(const market::JobHistoryEntry& entry) {
    Json json = std::visit([](const auto& e) { return fields_json(e); }, entry);
    json["kind"] = kEntryWords[entry.index()];
    return json;
}

Json json_of(const market::Receipt& r) {
    Json json = fields_json(r);
    rename(json, "kept_until_block_time_ms", "kept_until_ms");
    return json;
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
