#include "base/encoding.h"
#include "handlers.h"
#include "money.h"
#include "store.h"

namespace assay::market {

namespace {

bool is_system(const base::AccountId& id) {
    for (const SystemAccount account :
         {SystemAccount::burned, SystemAccount::fees, SystemAccount::dust}) {
        if (system_account(account) == id) return true;
    }
    return false;
}

/// Former keys that an account can have: a report of a double signature tries them all.
constexpr std::size_t kPastKeysMax = 16;
constexpr std::size_t kKeyBytes = 32;

base::Bytes past_key_prefix(const base::AccountId& account) {
    base::Bytes prefix = past_key_key(account, {});
    prefix.erase(prefix.end() - kKeyBytes, prefix.end());
    return prefix;
}

/// Former keys stay known for an unbonding period, so that what was signed with them can still be
/// evidence.
void remember_key(Context& context, const base::AccountId& account, const base::PublicKey& key) {
    base::Encoder replaced_at;
    replaced_at.count(context.live);
    context.state.put(past_key_key(account, key), replaced_at.view());
}

struct PastKeys {
    std::size_t fresh = 0;
    std::vector<base::Bytes> old;  ///< of the state, no evidence any more
};

PastKeys past_keys(const Context& context, const base::AccountId& account) {
    PastKeys out;
    const base::Bytes prefix = past_key_prefix(account);
    base::Bytes from = prefix;
    while (auto entry = context.state.seek(from, prefix)) {
        base::Decoder in(entry->second);
        const auto replaced_at = in.count_of<base::TimeMs>();
        if (replaced_at.value + context.parameters.unbonding_ms < context.live.value)
            out.old.push_back(entry->first);
        else
            ++out.fresh;
        from = std::move(entry->first);
        from.push_back(0);
    }
    return out;
}

}  // namespace

Refusal apply_transfer(Context& context, const Transfer& message) {
    if (message.amount.is_zero()) return Refusal::amount_zero;
    if (message.to == context.sender) return Refusal::transfer_to_self;
    if (message.to.is_zero() || is_system(message.to)) return Refusal::system_account;
    if (!debit(context, context.sender, message.amount)) return Refusal::insufficient_balance;
    credit(context, message.to, message.amount);
    emit(context, EventKind::transferred,
         {{"from", context.sender.hex()},
          {"to", message.to.hex()},
          {"amount", message.amount.decimal()}});
    return Refusal::none;
}

Refusal apply_keys_set(Context& context, const KeysSet& message) {
    auto* account = live_account(context, context.sender);
    if (!account) return Refusal::unknown_account;
    const bool first = !account->keys;
    if (!first) {
        const KeyRecord& old = *account->keys;
        if (old.cold == message.cold && old.hot == message.hot && old.vrf == message.vrf)
            return Refusal::keys_unchanged;
        // A declared validator keeps a VRF key: without one it would owe contributions it cannot
        // give.
        if (message.vrf.is_zero() && find_validator(context.state, context.sender))
            return Refusal::vrf_key_missing;
        const PastKeys past = past_keys(context, context.sender);
        // One change adds two of them at most.
        if (past.fresh + 2 > kPastKeysMax) return Refusal::too_many_keys;
        for (const base::Bytes& key : past.old) context.state.erase(key);
        if (old.cold != message.cold) remember_key(context, context.sender, old.cold);
        if (old.hot != message.hot) remember_key(context, context.sender, old.hot);
    }
    KeyRecord keys{message.cold, message.hot, message.vrf, context.block.height, context.live};
    // Rotating the other keys does not make the VRF key new.
    if (!first && account->keys->vrf == message.vrf)
        keys.registered_at = account->keys->registered_at;
    account->keys = keys;
    emit(context, EventKind::keys_changed,
         {{"account", context.sender.hex()}, {"cold", keys.cold.hex()}, {"hot", keys.hot.hex()}});
    return Refusal::none;
}

bool signed_by_account(const Context& context, const base::AccountId& account, base::ByteView body,
                       const base::Signature& signature) {
    const auto found = find_account(context.state, account);
    if (!found || !found->keys) return false;
    const auto signed_by = [&](const base::PublicKey& key) {
        return base::verify(key, signature, kTransactionDomain, context.chain.id, body);
    };
    if (signed_by(found->keys->hot) || signed_by(found->keys->cold)) return true;
    const base::Bytes prefix = past_key_prefix(account);
    base::Bytes from = prefix;
    while (auto entry = context.state.seek(from, prefix)) {
        const auto key = base::public_key_from_bytes(base::ByteView(entry->first).last(32));
        if (key && signed_by(*key)) return true;
        from = std::move(entry->first);
        from.push_back(0);
    }
    return false;
}

}  // namespace assay::market
