#pragma once

#include "base/signature.h"
#include "market/objects.h"

/// What whoever challenges a segment or a merge derives from the key, so that a program or a person
/// who starts again goes on with the same seal.
namespace assay::client {

/// Names a target: H("assay.spotcheck", kind, part, segment, job, round).
base::Hash target_digest(const market::ChallengeTarget& target);
/// One nonce per key, target and claimed root.
base::Hash challenge_nonce(const base::SecretKey& key, const market::ChallengeTarget& target,
                           const base::Hash& claimed);

}  // namespace assay::client
