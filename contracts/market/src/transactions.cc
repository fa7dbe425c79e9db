#include "market/transactions.h"

#include "base/check.h"
#include "base/hash.h"
#include "market/job_spec.h"

namespace assay::market {

namespace {

struct MessageTraits {
    std::string_view word;
    std::uint64_t weight;
    std::uint64_t per_kib;
};
#define ASSAY_MARKET_MESSAGE(Type, word, weight, per_kib) {#word, weight, per_kib},
constexpr MessageTraits kTraits[] = {ASSAY_MARKET_MESSAGES(ASSAY_MARKET_MESSAGE)};
#undef ASSAY_MARKET_MESSAGE

/// A judgement costs at most 10 ms. What it computes follows from the tiles it is shown, so a move
/// that is too small for openings has none.
constexpr std::uint64_t kJudgementWeight = 10'000;
constexpr std::size_t kSmallMoveBytes = 2'048;

/// What apply_job_post computes through the referee. A spec that does not decode is refused before
/// that.
std::uint64_t post_weight(const JobPost& post) {
    const auto spec = decode_spec(post.spec);
    return spec ? facts_weight(*spec) : 0;
}

}  // namespace

std::string_view message_word(const Message& message) { return kTraits[message.index()].word; }

std::uint64_t message_weight(const Message& message, std::size_t raw_bytes) {
    const MessageTraits& traits = kTraits[message.index()];
    const auto* post = std::get_if<JobPost>(&message);
    const bool judges = std::holds_alternative<DisputeMove>(message) && raw_bytes > kSmallMoveBytes;
    return traits.weight + traits.per_kib * ((raw_bytes + 1023) / 1024) +
           (judges ? kJudgementWeight : 0) + (post != nullptr ? post_weight(*post) : 0);
}

base::JobId job_id(const base::Hash& chain_id, const base::AccountId& account, std::uint64_t nonce,
                   std::uint32_t nonce_lane, const base::Hash& spec_root,
                   const base::Hash& program_root, const base::Hash& init_root) {
    return {base::Hasher("assay.job")
                .add(chain_id)
                .add(account.hash)
                .add_u32(nonce_lane)
                .add_u64(nonce)
                .add(spec_root)
                .add(program_root)
                .add(init_root)
                .finish()};
}

base::OfferId offer_id(const base::Hash& chain_id, const base::AccountId& account,
                       std::uint32_t nonce_lane, std::uint64_t nonce) {
    return {base::Hasher("assay.offer")
                .add(chain_id)
                .add(account.hash)
                .add_u32(nonce_lane)
                .add_u64(nonce)
                .finish()};
}

base::LeaseId lease_id(const base::JobId& job, std::uint32_t lane, std::uint32_t number) {
    return {base::Hasher("assay.lease").add(job.hash).add_u32(lane).add_u32(number).finish()};
}

base::AuditId audit_id(const base::PartId& commitment, std::uint32_t segment, std::uint64_t epoch,
                       const base::AccountId& auditor) {
    return {base::Hasher("assay.audit")
                .add(commitment.hash)
                .add_u32(segment)
                .add_u64(epoch)
                .add(auditor.hash)
                .finish()};
}

}  // namespace assay::market
