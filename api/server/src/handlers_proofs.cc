#include "evidence/collect.h"
#include "handlers.h"
#include "market/queries.h"

namespace assay::server {
namespace {

constexpr std::size_t kKeyBytesMax = 256;

Json hashes_json(const std::vector<base::Hash>& hashes) {
    Json json = Json::array();
    for (const auto& hash : hashes) json.push_back(hash.hex());
    return json;
}

Json head_json(const ledger::Head& head) {
    return {{"height", std::to_string(head.height.value)},
            {"block_time_ms", std::to_string(head.time.value)},
            {"app_version", head.app_version},
            {"state_root", head.state_root.hex()},
            {"log_root", head.log_root.hex()},
            {"log_size", std::to_string(head.log_size)},
            {"params_id", head.params_id.hex()},
            {"app_hash", head.app_hash.hex()},
            {"signature", base::to_hex(head.signature.view())}};
}

std::optional<base::Bytes> key_value(std::string_view text) {
    if (text.size() > 2 * kKeyBytesMax) return std::nullopt;
    auto key = base::from_hex(text);
    if (!key || key->empty()) return std::nullopt;
    return key;
}

}  // namespace

Response get_state_value(Context& context, const Request& request, const PathValues& values) {
    const auto key = key_value(values[0]);
    if (!key)
        return problem(request, 400, "bad_id",
                       "a key is at most 256 bytes in lower-case hexadecimal");
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto value = snapshot.state().get(*key);
    if (!value) return problem(request, 404, "not_found", "the state has no such key");
    return bytes_response(*value);
}

Response get_proof(Context& context, const Request& request, const PathValues& values) {
    const auto key = key_value(values[0]);
    if (!key)
        return problem(request, 400, "bad_id",
                       "a key is at most 256 bytes in lower-case hexadecimal");
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto value = snapshot.state().get(*key);
    const base::StateProof proof = snapshot.state_proof(*key);
    Json leaf;
    if (proof.leaf)
        leaf = {{"path", proof.leaf->path.hex()}, {"value_hash", proof.leaf->value_hash.hex()}};
    return json_response({{"object", "state_proof"},
                          {"key", values[0]},
                          {"value", value ? Json(base::to_hex(*value)) : Json()},
                          {"siblings", hashes_json(proof.siblings)},
                          {"leaf", std::move(leaf)},
                          {"head", head_json(snapshot.head())}});
}

Response get_receipt_proof(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id)
        return problem(request, 400, "bad_id",
                       "a transaction id is 64 lower-case hexadecimal digits");
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto receipt = snapshot.receipt(base::TransactionId{*id});
    if (!receipt) return problem(request, 404, "not_found", "no block has that transaction");
    const auto size =
        number_query(request, "size", snapshot.head().log_size, snapshot.head().log_size);
    if (!size) return problem_response(size.error(), request.id);
    const auto proof = snapshot.receipt_inclusion(receipt->log_index, *size);
    if (!proof)
        return problem(request, 400, "bad_query", "the log of that size does not have the receipt");
    return json_response({{"object", "receipt_proof"},
                          {"receipt", base::to_hex(ledger::encode_receipt(*receipt))},
                          {"index", std::to_string(proof->index)},
                          {"size", std::to_string(proof->size)},
                          {"path", hashes_json(proof->path)},
                          {"head", head_json(snapshot.head())}});
}

Response get_log_consistency(Context& context, const Request& request, const PathValues&) {
    const ledger::Snapshot snapshot = context.node.snapshot();
    const std::uint64_t newest = snapshot.head().log_size;
    const auto from = number_query(request, "from", 0, newest);
    const auto to = number_query(request, "to", newest, newest);
    if (!from || !to) return problem_response(!from ? from.error() : to.error(), request.id);
    const auto proof = snapshot.receipt_consistency(*from, *to);
    if (!proof) return problem(request, 400, "bad_query", "from must be at least 1 and at most to");
    return json_response({{"object", "consistency_proof"},
                          {"from", std::to_string(*from)},
                          {"to", std::to_string(*to)},
                          {"path", hashes_json(*proof)},
                          {"head", head_json(snapshot.head())}});
}

Response get_job_evidence(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return problem(request, 400, "bad_id", "a job id is 64 lower-case hexadecimal digits");
    const ledger::Snapshot snapshot = context.node.snapshot();
    if (!market::find_job(snapshot.state(), base::JobId{*id}))
        return problem(request, 404, "not_found", "the state has no such job");
    const auto evidence = evidence::collect(snapshot, context.node.genesis(), base::JobId{*id});
    if (!evidence) return problem(request, 409, "not_ready", evidence.error());
    base::Encoder out;
    evidence::write(out, *evidence);
    return bytes_response(out.take());
}

}  // namespace assay::server
