#include "recorded.h"

#include "base/merkle.h"
#include "market/rules.h"

namespace assay::evidence {
namespace {

using base::Bytes;
using base::Hash;

tl::unexpected<Failure> refuse(Problem problem, std::string detail) {
    return tl::unexpected(Failure{problem, std::move(detail)});
}

bool is_included(const Recorded& recorded, const SignedRoots& head) {
    ledger::Receipt receipt;
    receipt.id = market::transaction_id(recorded.raw);
    receipt.height = recorded.height;
    receipt.time = recorded.time;
    receipt.index = recorded.index;
    receipt.fee = recorded.fee;
    receipt.log_index = recorded.log_index;
    const Hash leaf =
        base::merkle_leaf(base::MerkleFamily::sha256, ledger::encode_receipt(receipt));
    return base::merkle_verify(base::MerkleFamily::sha256, leaf,
                               {recorded.log_index, head.log_size, recorded.path}, head.log_root);
}

struct Keys {
    base::PublicKey cold, hot, vrf;
};

/// Follows every account's keys through the log.
class KeyChain {
  public:
    explicit KeyChain(const Log& log) : chain_id_(log.chain_id) {
        for (const market::GenesisAccount& account : log.genesis.accounts)
            keys_[market::account_id(chain_id_, account.cold)] = {account.cold, account.hot,
                                                                  account.vrf};
    }

    /// The VRF key of the sender when it signed, or nothing when it did not.
    std::optional<base::PublicKey> take(const market::Transaction& transaction) {
        const base::AccountId& sender = transaction.header.account;
        const auto signed_by = [&](const base::PublicKey& key) {
            return base::verify(key, transaction.signature, market::kTransactionDomain, chain_id_,
                                transaction.body);
        };
        const auto* set = std::get_if<market::KeysSet>(&transaction.message);
        const auto known = keys_.find(sender);
        if (known == keys_.end()) {
            if (set == nullptr || market::account_id(chain_id_, set->cold) != sender ||
                !signed_by(set->cold))
                return std::nullopt;
        } else if (!signed_by(known->second.cold) &&
                   (set != nullptr || !signed_by(known->second.hot))) {
            return std::nullopt;
        }
        if (set != nullptr) keys_[sender] = {set->cold, set->hot, set->vrf};
        return keys_[sender].vrf;
    }

  private:
    const Hash& chain_id_;
    std::map<base::AccountId, Keys> keys_;
};

bool head_is_signed(const SignedRoots& head, const Log& log) {
    const Hash app_hash =
        ledger::app_hash_of(head.state_root, head.log_root, head.log_size, head.params_id);
    const Bytes message = ledger::head_message(head.height, head.time, app_hash);
    return base::verify(log.genesis.operator_key, head.signature, ledger::kHeadDomain, log.chain_id,
                        message);
}

}  // namespace

tl::expected<Log, Failure> check_log(const Evidence& evidence) {
    auto genesis = market::decode_genesis(evidence.genesis);
    if (!genesis) return refuse(Problem::signature, "the genesis is refused: " + genesis.error());
    Log log;
    log.genesis = std::move(*genesis);
    log.chain_id = market::chain_id(log.genesis);
    if (!head_is_signed(evidence.head, log))
        return refuse(Problem::signature, "the operator key did not sign this head for this chain");
    KeyChain keys(log);
    for (std::size_t i = 0; i < evidence.transactions.size(); ++i) {
        const Recorded& recorded = evidence.transactions[i];
        const std::string name = "transaction " + std::to_string(i);
        if (i > 0 && recorded.log_index <= evidence.transactions[i - 1].log_index)
            return refuse(Problem::log, name + " is out of order");
        if (!is_included(recorded, evidence.head))
            return refuse(Problem::log, name + " is not in the signed log");
        const auto transaction = market::decode_transaction(recorded.raw);
        if (!transaction || transaction->header.chain_id != log.chain_id)
            return refuse(Problem::log, name + " is malformed or of another chain");
        const auto vrf = keys.take(*transaction);
        if (!vrf) return refuse(Problem::keys, name + " is not signed by a key of its account");
        log.messages.push_back({transaction->header.account, transaction->header,
                                transaction->message, recorded.log_index, *vrf});
    }
    return log;
}

}  // namespace assay::evidence
