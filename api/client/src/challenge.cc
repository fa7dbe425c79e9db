#include "client/challenge.h"

#include "base/encoding.h"

namespace assay::client {

base::Hash target_digest(const market::ChallengeTarget& target) {
    base::Encoder out;
    out.u8(static_cast<std::uint8_t>(target.kind))
        .id(target.part)
        .u32(target.segment)
        .id(target.job)
        .u32(target.round);
    return base::blake2b("assay.spotcheck", out.view());
}

base::Hash challenge_nonce(const base::SecretKey& key, const market::ChallengeTarget& target,
                           const base::Hash& claimed) {
    base::Encoder out;
    out.hash(target_digest(target)).hash(claimed);
    return key.derive("challenge", out.view());
}

}  // namespace assay::client
