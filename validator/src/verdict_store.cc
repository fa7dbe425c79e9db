#include "verdict_store.h"

#include <algorithm>

#include "agent/durable_file.h"
#include "base/encoding.h"

namespace assay::validator {

namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

base::Bytes encode_sealed_verdict(const SealedVerdict& sealed) {
    base::Encoder out;
    out.u8(kVersion).id(sealed.audit).u8(static_cast<std::uint8_t>(sealed.verdict.kind));
    out.hash(sealed.verdict.end_root).hash(sealed.verdict.steps_digest).hash(sealed.nonce);
    const base::Hash digest = base::blake2b("assay.verdict", out.view());
    return out.hash(digest).take();
}

std::optional<SealedVerdict> decode_sealed_verdict(base::ByteView bytes) {
    if (bytes.size() < 32) return std::nullopt;
    const base::ByteView content = bytes.first(bytes.size() - 32);
    if (base::hash_from_bytes(bytes.last(32)) != base::blake2b("assay.verdict", content)) return std::nullopt;
    base::Decoder in(content);
    if (in.u8() != kVersion) return std::nullopt;
    SealedVerdict sealed;
    sealed.audit = in.id_of<base::AuditId>();
    const std::uint8_t kind = in.u8();
    if (kind < 1 || kind > 3) return std::nullopt;
    sealed.verdict.kind = static_cast<market::VerdictKind>(kind);
    sealed.verdict.end_root = in.hash();
    sealed.verdict.steps_digest = in.hash();
    sealed.nonce = in.hash();
    if (!in.finished()) return std::nullopt;
    return sealed;
}

base::Hash verdict_nonce(const base::SecretKey& key, const base::AuditId& audit) { return key.derive("verdict", audit.view()); }

tl::expected<void, std::string> VerdictStore::save(const SealedVerdict& sealed) const {
    return agent::save_durable(folder_ / sealed.audit.hex(), encode_sealed_verdict(sealed));
}

std::optional<SealedVerdict> VerdictStore::load(const base::AuditId& id) const {
    const auto bytes = agent::load_file(folder_ / id.hex(), 1024);
    auto sealed = bytes ? decode_sealed_verdict(*bytes) : std::nullopt;
    if (!sealed || sealed->audit != id) return std::nullopt;
    return sealed;
}

std::vector<base::AuditId> VerdictStore::list() const {
    std::vector<base::AuditId> ids;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        if (const auto id = base::hash_from_hex(entry.path().filename().string())) ids.push_back(base::AuditId{*id});
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

void VerdictStore::remove(const base::AuditId& id) const {
    std::error_code error;
    std::filesystem::remove(folder_ / id.hex(), error);
}

}  // namespace assay::validator
