#include "client/sender.h"

#include <algorithm>

namespace assay::client {

namespace {

/// Blocks come only when something happens, so this is long in time.
constexpr std::uint64_t kValidBlocks = 500;
/// The base fee moves by an eighth per block at most; this leaves room for a dozen full blocks.
constexpr std::uint64_t kFeeMargin = 4;
constexpr int kAttemptsMax = 5;
/// The weight depends on the size, and the size on nothing that the fee limit changes by more than
/// a few bytes.
constexpr std::size_t kFeeLimitBytes = 16;

Result<Sent> try_once(Client& node, const Sender& sender, const base::SecretKey& key,
                      const market::Message& message) {
    const auto chain = node.chain();
    if (!chain) return tl::unexpected(chain.error());
    const auto nonce = node.next_nonce(sender.account, sender.nonce_lane);
    if (!nonce && !nonce.error().not_found()) return tl::unexpected(nonce.error());
    market::TransactionHeader header;
    header.chain_id = sender.chain_id;
    header.app_version = chain->app_version;
    header.account = sender.account;
    header.nonce_lane = sender.nonce_lane;
    header.nonce = nonce ? *nonce : 0;
    header.valid_until.value =
        chain->height.value +
        std::min<std::uint64_t>(kValidBlocks, chain->parameters.valid_blocks_max);
    const base::Bytes draft = market::build_transaction(header, message, key);
    const std::uint64_t weight = market::message_weight(message, draft.size() + kFeeLimitBytes);
    header.fee_limit = base::multiply(chain->base_fee, weight * kFeeMargin)
                           .value_or(base::Amount::of(base::Amount::kMax));
    auto submitted = node.submit_transaction(market::build_transaction(header, message, key));
    if (!submitted) return tl::unexpected(submitted.error());
    return Sent{std::move(*submitted), header};
}

}  // namespace

Result<Sent> sign_and_send(Client& node, const Sender& sender, const base::SecretKey& key,
                           const market::Message& message, const std::function<bool()>& stop) {
    for (int attempt = 1;; ++attempt) {
        auto sent = try_once(node, sender, key, message);
        const bool again = !sent && (is_refusal(sent.error(), market::Refusal::wrong_nonce) ||
                                     is_refusal(sent.error(), market::Refusal::fee_limit_too_low) ||
                                     is_refusal(sent.error(), market::Refusal::expired));
        if (!again || attempt == kAttemptsMax || stop()) return sent;
    }
}

bool is_refusal(const ClientError& error, market::Refusal refusal) {
    return error.code == market::to_word(refusal);
}

}  // namespace assay::client
