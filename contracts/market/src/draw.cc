#include "market/draw.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/merkle.h"

namespace assay::market {

namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint32_t kOpenedSteps = 8;
constexpr std::uint32_t kFractionBits = 32;
constexpr std::uint64_t kMillion = 1'000'000;

}  // namespace

base::Bytes contribution_alpha(const base::Hash& chain_id, std::uint64_t epoch, const base::Hash& commitments_root) {
    base::Encoder out;
    out.text("assay.contribution").hash(chain_id).u64(epoch).hash(commitments_root);
    return out.take();
}

base::Hash contribution_output(const base::VrfOutput& beta) { return base::blake2b("assay.y", beta); }

base::Hash commitment_leaf(const base::PartId& part, const base::Hash& part_root) {
    return base::Hasher("assay.commitment").add(part.hash).add(part_root).finish();
}

base::PartId merge_commitment_id(const base::Hash& chain_id, const base::JobId& job, std::uint32_t round,
                                 std::uint32_t attempt) {
    return {base::Hasher("assay.mergeid").add(chain_id).add(job.hash).add_u32(round).add_u32(attempt).finish()};
}

std::uint64_t negative_log2(std::uint64_t word) {
    const std::uint64_t value = std::max<std::uint64_t>(word, 1);
    const auto zeros = static_cast<std::uint64_t>(std::countl_zero(value));
    std::uint64_t x = value << zeros;
    std::uint64_t digits = 0;
    for (std::uint32_t i = 0; i < kFractionBits; ++i) {
        const Wide square = (static_cast<Wide>(x) * x) >> 63U;
        const bool two_or_more = (square >> 64U) != 0;
        digits = (digits << 1U) | (two_or_more ? 1U : 0U);
        x = static_cast<std::uint64_t>(two_or_more ? square >> 1U : square);
    }
    return ((zeros + 1) << kFractionBits) - digits;
}

bool draws_before(std::uint64_t l1, std::uint64_t w1, std::uint64_t l2, std::uint64_t w2) {
    return static_cast<Wide>(l1) * w2 < static_cast<Wide>(l2) * w1;
}

std::uint64_t draw_distance(const base::Hash& y, const base::PartId& commitment, std::uint32_t segment) {
    const base::Hash ticket = base::Hasher("assay.auditor").add(y).add(commitment.hash).add_u32(segment).finish();
    return negative_log2(base::first_u64(ticket));
}

std::vector<std::size_t> draw_order(std::span<const DrawMember> members, const base::PartId& commitment,
                                    std::uint32_t segment) {
    std::vector<std::uint64_t> distance(members.size());
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i].weight == 0) continue;
        distance[i] = draw_distance(members[i].y, commitment, segment);
        order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        if (draws_before(distance[a], members[a].weight, distance[b], members[b].weight)) return true;
        if (draws_before(distance[b], members[b].weight, distance[a], members[a].weight)) return false;
        return members[a].validator < members[b].validator;
    });
    return order;
}

bool is_drawn(const base::Hash& y, const base::PartId& commitment, std::uint32_t segment, std::uint32_t rate_ppm) {
    const base::Hash ticket = base::Hasher("assay.drawn").add(y).add(commitment.hash).add_u32(segment).finish();
    return base::scale_u64(base::first_u64(ticket), kMillion) < rate_ppm;
}

std::vector<std::uint32_t> opened_steps(const base::Hash& y, const base::AuditId& audit, std::uint32_t steps) {
    ASSAY_CHECK(steps > 0);
    const base::Hash seed = base::Hasher("assay.steps").add(y).add(audit.hash).finish();
    std::vector<std::uint32_t> chosen{steps - 1};
    for (std::uint32_t j = 0; j < kOpenedSteps; ++j) {
        const base::Hash word = base::Hasher("assay.step").add(seed).add_u32(j).finish();
        chosen.push_back(static_cast<std::uint32_t>(base::scale_u64(base::first_u64(word), steps)));
    }
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    return chosen;
}

base::Hash opened_steps_digest(std::span<const std::uint32_t> steps, std::span<const base::Hash> digests) {
    ASSAY_CHECK(steps.size() == digests.size());
    base::Hasher hasher("assay.opened");
    for (std::size_t i = 0; i < steps.size(); ++i) hasher.add_u32(steps[i]).add(digests[i]);
    return hasher.finish();
}

base::Hash cells_digest(const base::Hash& salt, std::span<const base::Hash> cells) {
    base::Hasher hasher("assay.cells");
    hasher.add(salt);
    for (const base::Hash& cell : cells) hasher.add(cell);
    return hasher.finish();
}

base::Hash verdict_seal(const base::AuditId& audit, const base::AccountId& validator, const Verdict& verdict,
                        const base::Hash& nonce) {
    return base::Hasher("assay.seal")
        .add(audit.hash)
        .add(validator.hash)
        .add_u8(static_cast<std::uint8_t>(verdict.kind))
        .add(verdict.end_root)
        .add(verdict.steps_digest)
        .add(nonce)
        .finish();
}

}  // namespace assay::market
