// The frame of every block: genesis, the sweep of what is due, transactions with their signatures,
// nonces and fees.

#include <array>

#include "base/check.h"
#include "base/encoding.h"
#include "fees.h"
#include "handlers.h"
#include "market/overlay.h"
#include "market/rules.h"
#include "money.h"
#include "store.h"

namespace assay::market {

namespace {

using base::Amount;

Context make_context(StateWriter& state, const BlockContext& block, std::vector<Event>& events) {
    Chain chain = load_chain(state);
    Parameters parameters = load_parameters(state, chain.params_id);
    const base::TimeMs live =
        live_time(chain, block.height, block.time, parameters.live_step_ms_max);
    return {Work(state), block, events, std::move(chain), std::move(parameters), live, {},
            {},          0,     0};
}

/// From now on this block is one that changes something.
void record_block(Context& context) {
    context.chain = chain_in_block(context.chain, context.block, context.parameters);
}

Refusal dispatch(Context& context, const Message& message) {
    struct Call {
        Context& context;
#define ASSAY_MARKET_MESSAGE(Type, word, ...) \
    Refusal operator()(const Type& message) const { return apply_##word(context, message); }
        ASSAY_MARKET_MESSAGES(ASSAY_MARKET_MESSAGE)
#undef ASSAY_MARKET_MESSAGE
    };
    return std::visit(Call{context}, message);
}

void run_timer(Context& context, const Timer& timer) {
    switch (timer.kind) {
#define ASSAY_MARKET_TIMER(kind) \
    case TimerKind::kind:        \
        return on_##kind(context, timer);
        ASSAY_MARKET_TIMERS(ASSAY_MARKET_TIMER)
#undef ASSAY_MARKET_TIMER
    }
}

std::optional<Timer> first_timer(const StateReader& state) {
    const base::Bytes prefix = table_prefix(Table::timer);
    const auto entry = state.seek(prefix, prefix);
    if (!entry) return std::nullopt;
    const auto timer = timer_from_key(entry->first);
    ASSAY_CHECK(timer.has_value());
    return timer;
}

/// The signature is by a key that may send this message now. An account that has no keys yet
/// answers to the key its id was made of.
Refusal check_signature(const Context& context, const Transaction& transaction) {
    const TransactionHeader& header = transaction.header;
    const auto signed_by = [&](const base::PublicKey& key) {
        return base::verify(key, transaction.signature, kTransactionDomain, context.chain.id,
                            transaction.body);
    };
    const auto account = find_account(context.state, header.account);
    ASSAY_CHECK(account.has_value());
    const auto* keys_set = std::get_if<KeysSet>(&transaction.message);
    if (!account->keys) {
        if (!keys_set || account_id(context.chain.id, keys_set->cold) != header.account)
            return Refusal::unknown_account;
        return signed_by(keys_set->cold) ? Refusal::none : Refusal::wrong_signature;
    }
    if (signed_by(account->keys->cold)) return Refusal::none;
    if (!signed_by(account->keys->hot)) return Refusal::wrong_signature;
    return keys_set ? Refusal::cold_key_required : Refusal::none;
}

/// Everything that must hold before a fee can be taken. The fee is what the sender pays.
tl::expected<Amount, Refusal> check_frame(const Context& context, const Transaction& transaction,
                                          std::uint64_t weight) {
    const TransactionHeader& header = transaction.header;
    const Parameters& parameters = context.parameters;
    if (header.chain_id != context.chain.id) return tl::unexpected(Refusal::wrong_chain);
    if (header.app_version != context.chain.app_version)
        return tl::unexpected(Refusal::wrong_version);
    if (!find_account(context.state, header.account))
        return tl::unexpected(Refusal::unknown_account);
    if (header.nonce_lane >= parameters.nonce_lanes_max)
        return tl::unexpected(Refusal::nonce_lane_out_of_range);
    if (header.valid_until < context.block.height) return tl::unexpected(Refusal::expired);
    if (header.valid_until.value - context.block.height.value > parameters.valid_blocks_max) {
        return tl::unexpected(Refusal::valid_until_too_far);
    }
    if (header.nonce != next_nonce(context.state, header.account, header.nonce_lane))
        return tl::unexpected(Refusal::wrong_nonce);
    const auto fee = transaction_fee(context.chain.base_fee, weight);
    if (!fee || *fee > header.fee_limit) return tl::unexpected(Refusal::fee_limit_too_low);
    if (balance_of(context.state, header.account) < *fee)
        return tl::unexpected(Refusal::fee_not_covered);
    if (const Refusal refusal = check_signature(context, transaction); refusal != Refusal::none)
        return tl::unexpected(refusal);
    return *fee;
}

void use_nonce(Context& context, const TransactionHeader& header) {
    base::Encoder value;
    value.u64(header.nonce + 1);
    context.state.put(nonce_key(header.account, header.nonce_lane), value.view());
}

struct Applied {
    TransactionResult result;
    bool kept_out = false;  ///< refused before a fee was taken
};

Applied apply_checked(StateWriter& state, const BlockContext& block, base::ByteView raw,
                      std::vector<Event>& events) {
    Applied out;
    out.result.id = transaction_id(raw);
    out.kept_out = true;
    const auto transaction = decode_transaction(raw);
    if (!transaction) {
        out.result.code = transaction.error();
        return out;
    }
    out.result.weight = message_weight(transaction->message, raw.size());
    Context context = make_context(state, block, events);
    record_block(context);
    const auto fee = check_frame(context, *transaction, out.result.weight);
    if (!fee) {
        out.result.code = fee.error();
        return out;
    }
    const TransactionHeader& header = transaction->header;
    context.sender = header.account;
    context.transaction = out.result.id;
    context.nonce_lane = header.nonce_lane;
    context.nonce = header.nonce;
    context.fee = *fee;
    ASSAY_CHECK(debit(context, header.account, *fee));
    use_nonce(context, header);
    context.chain.block_weight += out.result.weight;
    out.kept_out = false;
    out.result.fee = *fee;
    context.state.write();
    out.result.code = dispatch(context, transaction->message);
    if (out.result.code != Refusal::none) context.state.forget();
    // What a draw owes to its commitments costs nothing; a contribution that fails does.
    if (out.result.code == Refusal::none &&
        std::holds_alternative<EpochContribute>(transaction->message)) {
        out.result.fee = {};
        credit(context, header.account, *fee);
    } else {
        credit(context, SystemAccount::burned, *fee);
    }
    save(context.state, context.chain);
    context.state.write();
    return out;
}

void write_genesis_account(Context& context, const GenesisAccount& given) {
    Account account;
    account.id = account_id(context.chain.id, given.cold);
    account.balance = given.balance;
    account.keys = KeyRecord{given.cold, given.hot, given.vrf, {}, {}};
    save(context.state, account);
    const auto bond = [&](Role role, Amount amount) {
        if (amount.is_zero()) return;
        Stake stake;
        stake.account = account.id;
        stake.role = role;
        stake.active = amount;
        stake.shares = amount.grains();
        save(context.state, stake);
    };
    bond(Role::worker, given.worker_stake);
    bond(Role::validator, given.validator_stake);
    if (!given.validator) return;
    Validator validator;
    validator.account = account.id;
    validator.profile = given.validator->profile;
    validator.flops_per_second = given.validator->flops_per_second;
    save(context.state, validator);
}

}  // namespace

void apply_genesis(StateWriter& state, const Genesis& genesis) {
    ASSAY_CHECK(!check_genesis(genesis));
    Chain chain;
    chain.id = chain_id(genesis);
    chain.operator_key = genesis.operator_key;
    chain.app_version = genesis.app_version;
    chain.params_id = parameters_id(genesis.parameters);
    chain.recorded_block_time = genesis.time;
    chain.base_fee = genesis.parameters.base_fee_min;
    chain.supply = genesis_supply(genesis);
    save(state, chain);
    state.put(parameters_key(chain.params_id), encode_parameters(genesis.parameters));
    const BlockContext block{{0}, genesis.time, 0, {}, nullptr};
    std::vector<Event> events;
    Context context = make_context(state, block, events);
    for (const SystemAccount account :
         {SystemAccount::burned, SystemAccount::fees, SystemAccount::dust}) {
        save(state, Account{system_account(account), {}, {}});
    }
    for (const GenesisAccount& account : genesis.accounts) write_genesis_account(context, account);
}

namespace {

/// Runs what is due, the earliest key first. The sweep goes on from where it was, and beside it
/// over what was set meanwhile: looking from the beginning each time would walk over everything
/// that is done already.
void sweep_timers(Context& context) {
    const base::Bytes prefix = table_prefix(Table::timer);
    base::Bytes from = prefix;
    std::set<base::Bytes> fresh;
    context.fresh_timers = &fresh;
    for (std::uint32_t swept = 0; swept < context.parameters.timers_per_block_max; ++swept) {
        const auto entry = context.state.seek(from, prefix);
        const bool old = entry && (fresh.empty() || entry->first < *fresh.begin());
        if (!old && fresh.empty()) break;
        base::Bytes key = old ? entry->first : *fresh.begin();
        const auto timer = timer_from_key(key);
        ASSAY_CHECK(timer.has_value());
        if (timer->due > context.live) break;
        clear_timer(context, *timer);
        if (old) from = std::move(key);
        run_timer(context, *timer);
        context.state.write();
    }
    context.fresh_timers = nullptr;
}

}  // namespace

void begin_block(StateWriter& state, const BlockContext& block, std::vector<Event>& events) {
    const auto first = first_timer(state);
    if (!first) return;
    Context context = make_context(state, block, events);
    // The node was away: what is lost beyond the step stays lost, so the jump is recorded now and
    // counts once. Less than a step is no jump: a block that comes a little late changes nothing,
    // and the next ones make up for it.
    const std::uint64_t credited = context.live.value - context.chain.recorded_live.value;
    const bool jumped = block.time.value > context.chain.recorded_block_time.value + credited +
                                               context.parameters.live_step_ms_max;
    if (first->due > context.live && !jumped) return;
    record_block(context);
    sweep_timers(context);
    save(context.state, context.chain);
}

tl::expected<std::uint64_t, Refusal> check_transaction_bytes(base::ByteView raw,
                                                             const base::Hash& chain_id) {
    const auto transaction = decode_transaction(raw);
    if (!transaction) return tl::unexpected(transaction.error());
    if (transaction->header.chain_id != chain_id) return tl::unexpected(Refusal::wrong_chain);
    if (transaction->header.app_version != kAppVersion)
        return tl::unexpected(Refusal::wrong_version);
    return message_weight(transaction->message, raw.size());
}

TransactionResult apply(StateWriter& state, const BlockContext& block, base::ByteView raw,
                        std::vector<Event>& events) {
    return apply_checked(state, block, raw, events).result;
}

std::unique_ptr<const StateReader> begun(const StateReader& state, const BlockContext& block) {
    auto scratch = std::make_unique<Overlay>(state);
    std::vector<Event> events;
    begin_block(*scratch, block, events);
    return scratch;
}

Admission admit(const StateReader& begun, const BlockContext& block, base::ByteView raw) {
    Overlay scratch(begun);
    std::vector<Event> events;
    const Applied applied = apply_checked(scratch, block, raw, events);
    return {applied.result.code, applied.kept_out};
}

void end_block(StateWriter&, const BlockContext&, std::vector<Event>&) {
    // Everything done by the rules is done in begin_block; nothing is left for the end.
}

std::optional<base::TimeMs> next_due(const StateReader& state, base::TimeMs now) {
    const auto first = first_timer(state);
    if (!first) return std::nullopt;
    const Chain chain = load_chain(state);
    if (first->due <= chain.recorded_live) return std::min(now, chain.recorded_block_time);
    return base::TimeMs{chain.recorded_block_time.value +
                        (first->due.value - chain.recorded_live.value)};
}

base::TransactionId transaction_id(base::ByteView raw) { return {base::sha256(raw)}; }

}  // namespace assay::market
