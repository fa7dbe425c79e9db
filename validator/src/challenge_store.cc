#include "challenge_store.h"

#include <algorithm>

#include "agent/durable_file.h"
#include "base/encoding.h"
#include "client/challenge.h"

namespace assay::validator {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kFileBytesMax = 1024;

}  // namespace

base::Bytes encode_kept_challenge(const KeptChallenge& kept) {
    const market::ChallengeTarget& target = kept.target;
    base::Encoder out;
    out.u8(kVersion).u8(static_cast<std::uint8_t>(kept.step)).id(kept.job).u32(kept.round);
    out.u8(static_cast<std::uint8_t>(target.kind))
        .id(target.part)
        .u32(target.segment)
        .id(target.job)
        .u32(target.round);
    out.hash(kept.claimed).hash(kept.nonce);
    const base::Hash digest = base::blake2b("assay.kept.chal", out.view());
    return out.hash(digest).take();
}

std::optional<KeptChallenge> decode_kept_challenge(base::ByteView bytes) {
    if (bytes.size() < 32) return std::nullopt;
    const base::ByteView content = bytes.first(bytes.size() - 32);
    if (base::hash_from_bytes(bytes.last(32)) != base::blake2b("assay.kept.chal", content))
        return std::nullopt;
    base::Decoder in(content);
    if (in.u8() != kVersion) return std::nullopt;
    KeptChallenge kept;
    const std::uint8_t step = in.u8();
    kept.job = in.id_of<base::JobId>();
    kept.round = in.u32();
    const std::uint8_t kind = in.u8();
    kept.target.part = in.id_of<base::PartId>();
    kept.target.segment = in.u32();
    kept.target.job = in.id_of<base::JobId>();
    kept.target.round = in.u32();
    kept.claimed = in.hash();
    kept.nonce = in.hash();
    if (!in.finished() || step < 1 || step > 3 || kind < 1 || kind > 2) return std::nullopt;
    kept.step = static_cast<ChallengeStep>(step);
    kept.target.kind = static_cast<market::DisputeTarget>(kind);
    return kept;
}

tl::expected<void, std::string> ChallengeStore::save(const KeptChallenge& kept) const {
    return agent::save_durable(folder_ / client::target_digest(kept.target).hex(),
                               encode_kept_challenge(kept));
}

std::optional<KeptChallenge> ChallengeStore::load(const market::ChallengeTarget& target) const {
    const auto bytes =
        agent::load_file(folder_ / client::target_digest(target).hex(), kFileBytesMax);
    auto kept = bytes ? decode_kept_challenge(*bytes) : std::nullopt;
    if (!kept || kept->target != target) return std::nullopt;
    return kept;
}

std::vector<KeptChallenge> ChallengeStore::list() const {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    std::vector<KeptChallenge> all;
    for (const std::string& name : names) {
        const auto bytes = agent::load_file(folder_ / name, kFileBytesMax);
        auto kept = bytes ? decode_kept_challenge(*bytes) : std::nullopt;
        if (kept && client::target_digest(kept->target).hex() == name)
            all.push_back(std::move(*kept));
    }
    return all;
}

void ChallengeStore::remove(const market::ChallengeTarget& target) const {
    std::error_code error;
    std::filesystem::remove(folder_ / client::target_digest(target).hex(), error);
}

}  // namespace assay::validator
