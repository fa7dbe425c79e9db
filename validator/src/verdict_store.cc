#include "verdict_store.h"

#include <algorithm>

#include "agent/durable_file.h"
#include "base/encoding.h"

namespace assay::validator {

namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kFileBytesMax = 1024;

}  // namespace

base::Bytes encode_sealed_verdict(const SealedVerdict& sealed) {
    base::Encoder out;
    out.u8(kVersion).id(sealed.audit).u8(static_cast<std::uint8_t>(sealed.verdict.kind));
    out.hash(sealed.verdict.end_root)
        .hash(sealed.verdict.cells_digest)
        .hash(sealed.nonce)
        .hash(sealed.root)
        .hash(sealed.salt);
    out.u32(static_cast<std::uint32_t>(sealed.cells.size()));
    for (const base::Hash& cell : sealed.cells) out.hash(cell);
    const base::Hash digest = base::blake2b("assay.verdict", out.view());
    return out.hash(digest).take();
}

std::optional<SealedVerdict> decode_sealed_verdict(base::ByteView bytes) {
    if (bytes.size() < 32) return std::nullopt;
    const base::ByteView content = bytes.first(bytes.size() - 32);
    if (base::hash_from_bytes(bytes.last(32)) != base::blake2b("assay.verdict", content))
        return std::nullopt;
    base::Decoder in(content);
    if (in.u8() != kVersion) return std::nullopt;
    SealedVerdict sealed;
    sealed.audit = in.id_of<base::AuditId>();
    const std::uint8_t kind = in.u8();
    if (kind < 1 || kind > 2) return std::nullopt;
    sealed.verdict.kind = static_cast<market::VerdictKind>(kind);
    sealed.verdict.end_root = in.hash();
    sealed.verdict.cells_digest = in.hash();
    sealed.nonce = in.hash();
    sealed.root = in.hash();
    sealed.salt = in.hash();
    const std::uint32_t cells = in.length(market::kCells);
    for (std::uint32_t i = 0; i < cells && in.ok(); ++i) sealed.cells.push_back(in.hash());
    if (!in.finished() || (cells != 0 && cells != market::kCells)) return std::nullopt;
    return sealed;
}

base::Hash verdict_nonce(const base::SecretKey& key, const base::AuditId& audit) {
    return key.derive("verdict", audit.view());
}
base::Hash cells_salt(const base::SecretKey& key, const base::AuditId& audit) {
    return key.derive("cells", audit.view());
}

SealedVerdict make_verdict(const base::SecretKey& key, const base::AuditId& audit, bool control,
                           const base::Hash& root, const base::Hash& asserted,
                           const base::Hash& found, std::vector<base::Hash> cells) {
    SealedVerdict sealed;
    sealed.audit = audit;
    sealed.root = root;
    sealed.nonce = verdict_nonce(key, audit);
    if (found != asserted) {
        sealed.verdict = {market::VerdictKind::invalid, found, {}};
        return sealed;
    }
    sealed.salt = cells_salt(key, audit);
    // A control opens its cells and nothing else, so what hides them hides its verdict too.
    if (control) sealed.nonce = sealed.salt;
    sealed.verdict = {market::VerdictKind::valid, {}, market::cells_digest(sealed.salt, cells)};
    sealed.cells = std::move(cells);
    return sealed;
}

tl::expected<void, std::string> VerdictStore::save(const SealedVerdict& sealed) const {
    return agent::save_durable(folder_ / sealed.audit.hex(), encode_sealed_verdict(sealed));
}

std::optional<SealedVerdict> VerdictStore::load(const base::AuditId& id) const {
    const auto bytes = agent::load_file(folder_ / id.hex(), kFileBytesMax);
    auto sealed = bytes ? decode_sealed_verdict(*bytes) : std::nullopt;
    if (!sealed || sealed->audit != id) return std::nullopt;
    return sealed;
}

std::vector<base::AuditId> VerdictStore::list() const {
    std::vector<base::AuditId> ids;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        if (const auto id = base::hash_from_hex(entry.path().filename().string()))
            ids.push_back(base::AuditId{*id});
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

void VerdictStore::remove(const base::AuditId& id) const {
    std::error_code error;
    std::filesystem::remove(folder_ / id.hex(), error);
}

}  // namespace assay::validator
