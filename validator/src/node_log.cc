#include "node_log.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/merkle.h"
#include "base/state_tree.h"
#include "market/tables.h"

namespace assay::validator {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kPathMax = 512;

const Json* member(const Json& json, const char* name) {
    if (!json.is_object()) return nullptr;
    const auto found = json.find(name);
    return found == json.end() ? nullptr : &*found;
}

std::optional<std::string> text_of(const Json& json, const char* name) {
    const Json* value = member(json, name);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return value->get<std::string>();
}

std::optional<base::Bytes> bytes_of(const Json& json, const char* name) {
    const auto text = text_of(json, name);
    return text ? base::from_hex(*text) : std::nullopt;
}

std::optional<base::Hash> hash_of(const Json& json, const char* name) {
    const auto text = text_of(json, name);
    return text ? base::hash_from_hex(*text) : std::nullopt;
}

/// 64-bit numbers are decimal strings.
std::optional<std::uint64_t> number_of(const Json& json, const char* name) {
    const auto text = text_of(json, name);
    if (!text) return std::nullopt;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
    return number;
}

std::optional<std::vector<base::Hash>> hashes_of(const Json& json, const char* name) {
    const Json* list = member(json, name);
    if (list == nullptr || !list->is_array() || list->size() > kPathMax) return std::nullopt;
    std::vector<base::Hash> hashes;
    for (const Json& entry : *list) {
        const auto hash =
            entry.is_string() ? base::hash_from_hex(entry.get<std::string>()) : std::nullopt;
        if (!hash) return std::nullopt;
        hashes.push_back(*hash);
    }
    return hashes;
}

tl::expected<ledger::Head, std::string> signed_head(const Json& answer,
                                                    const OperatorIdentity& who) {
    const Json* json = member(answer, "head");
    if (json == nullptr) return tl::unexpected(std::string("the answer has no head"));
    const auto height = number_of(*json, "height");
    const auto time = number_of(*json, "block_time_ms");
    const Json* version = member(*json, "app_version");
    const auto state_root = hash_of(*json, "state_root");
    const auto log_root = hash_of(*json, "log_root");
    const auto log_size = number_of(*json, "log_size");
    const auto params_id = hash_of(*json, "params_id");
    const auto app_hash = hash_of(*json, "app_hash");
    const auto signature = bytes_of(*json, "signature");
    const bool whole = height && time && version != nullptr && version->is_number_unsigned() &&
                       state_root && log_root && log_size && params_id && app_hash && signature &&
                       signature->size() == base::Signature{}.bytes.size();
    if (!whole) return tl::unexpected(std::string("the answer's head is malformed"));
    ledger::Head head;
    head.height = base::Height{*height};
    head.time = base::TimeMs{*time};
    head.app_version = version->get<std::uint32_t>();
    head.state_root = *state_root;
    head.log_root = *log_root;
    head.log_size = *log_size;
    head.params_id = *params_id;
    head.app_hash = *app_hash;
    std::copy(signature->begin(), signature->end(), head.signature.bytes.begin());
    if (!ledger::verify_head(head, who.key, who.chain_id))
        return tl::unexpected(
            std::string("the operator did not sign the head that the node shows"));
    return head;
}

std::string text_of(const client::ClientError& error) { return error.text(); }

}  // namespace

tl::expected<ShownEpoch, std::string> read_shown_epoch(const Json& answer,
                                                       const OperatorIdentity& who,
                                                       std::uint64_t number) {
    const auto head = signed_head(answer, who);
    if (!head) return tl::unexpected(head.error());
    const auto value = bytes_of(answer, "value");
    base::StateProof proof;
    const auto siblings = hashes_of(answer, "siblings");
    const Json* leaf = member(answer, "leaf");
    const auto path = leaf != nullptr ? hash_of(*leaf, "path") : std::nullopt;
    const auto value_hash = leaf != nullptr ? hash_of(*leaf, "value_hash") : std::nullopt;
    if (!value || !siblings || !path || !value_hash)
        return tl::unexpected(std::string("the answer is no proof of an epoch"));
    proof.siblings = *siblings;
    proof.leaf = base::StateProof::Leaf{*path, *value_hash};
    if (!base::state_verify(head->state_root, market::epoch_key(number), base::ByteView(*value),
                            proof)) {
        return tl::unexpected(std::string(
            "the epoch that the node shows is not in the state that the operator signed"));
    }
    auto epoch = market::decode<market::Epoch>(*value);
    if (!epoch || epoch->number != number)
        return tl::unexpected(std::string("the epoch that the node shows is malformed"));
    return ShownEpoch{std::move(*epoch), *head, answer.dump()};
}

tl::expected<ShownReceipt, std::string> read_shown_receipt(const Json& answer,
                                                           const OperatorIdentity& who,
                                                           const base::TransactionId& id) {
    const auto head = signed_head(answer, who);
    if (!head) return tl::unexpected(head.error());
    const auto bytes = bytes_of(answer, "receipt");
    const auto index = number_of(answer, "index");
    const auto size = number_of(answer, "size");
    const auto path = hashes_of(answer, "path");
    const auto receipt = bytes ? ledger::decode_receipt(*bytes) : std::nullopt;
    if (!receipt || !index || !size || !path || receipt->id != id || receipt->log_index != *index ||
        *size != head->log_size) {
        return tl::unexpected(std::string("the answer is no receipt of the transaction"));
    }
    const base::Hash leaf = base::merkle_leaf(base::MerkleFamily::sha256, *bytes);
    if (!base::merkle_verify(base::MerkleFamily::sha256, leaf, {*index, *size, *path},
                             head->log_root)) {
        return tl::unexpected(std::string(
            "the receipt that the node shows is not in the log that the operator signed"));
    }
    return ShownReceipt{*receipt, *head, answer.dump()};
}

tl::expected<std::vector<base::Hash>, std::string> read_log_proof(const Json& answer,
                                                                  std::uint64_t from,
                                                                  std::uint64_t to) {
    auto path = hashes_of(answer, "path");
    if (!path || number_of(answer, "from") != from || number_of(answer, "to") != to)
        return tl::unexpected(std::string("the answer is no proof about the log"));
    return std::move(*path);
}

tl::expected<ShownEpoch, std::string> NodeLog::epoch(std::uint64_t number) {
    const auto answer = node_.get_json("/v1/proofs/" + base::to_hex(market::epoch_key(number)));
    if (!answer) return tl::unexpected(text_of(answer.error()));
    return read_shown_epoch(*answer, who_, number);
}

tl::expected<ShownReceipt, std::string> NodeLog::receipt(const base::TransactionId& id) {
    const auto answer = node_.get_json("/v1/receipts/" + id.hex());
    if (!answer) return tl::unexpected(text_of(answer.error()));
    return read_shown_receipt(*answer, who_, id);
}

ProveLog NodeLog::prover() {
    return [this](std::uint64_t from,
                  std::uint64_t to) -> tl::expected<std::vector<base::Hash>, NoProof> {
        const auto answer = node_.get_json("/v1/log/consistency?from=" + std::to_string(from) +
                                           "&to=" + std::to_string(to));
        // A node that answers and has no log of that size has lost what it once showed.
        if (!answer)
            return tl::unexpected(answer.error().code == "bad_query" ? NoProof::refused
                                                                     : NoProof::no_answer);
        auto path = read_log_proof(*answer, from, to);
        if (!path) return tl::unexpected(NoProof::no_answer);
        return std::move(*path);
    };
}

LogPoint point_of(const ledger::Head& head, const std::string& shown) {
    return {head.log_size, head.log_root, shown};
}

}  // namespace assay::validator
