#include "fake_rules.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/encoding.h"

namespace assay::ledger::fake {
namespace {

using base::Amount;
using base::Bytes;
using base::ByteView;
using market::Refusal;

constexpr std::uint8_t kMagic = 0x46;

Bytes nonce_key(std::uint8_t account) { return {'n', account}; }

Bytes timer_key(std::uint64_t due, std::uint64_t number) {
    Bytes out{'t'};
    for (unsigned i = 8; i-- > 0;) out.push_back(static_cast<std::uint8_t>(due >> (8U * i)));
    for (unsigned i = 8; i-- > 0;) out.push_back(static_cast<std::uint8_t>(number >> (8U * i)));
    return out;
}

std::uint64_t due_of(ByteView key) {
    std::uint64_t due = 0;
    for (std::size_t i = 1; i <= 8; ++i) due = (due << 8U) | key[i];
    return due;
}

std::uint64_t read(const market::StateReader& state, const Bytes& key) {
    const auto value = state.get(key);
    if (!value) return 0;
    base::Decoder in(*value);
    return in.u64();
}

void write(market::StateWriter& state, const Bytes& key, std::uint64_t number) {
    base::Encoder out;
    out.u64(number);
    state.put(key, out.view());
}

std::uint8_t seal_of(ByteView bytes) {
    std::uint8_t seal = 0x5a;
    for (const std::uint8_t byte : bytes) seal = static_cast<std::uint8_t>(seal * 31U + byte);
    return seal;
}

std::optional<Transfer> decode(ByteView raw, base::Hash& chain) {
    if (raw.size() < 2) return std::nullopt;
    base::Decoder in(raw.first(raw.size() - 1));
    Transfer out;
    if (in.u8() != kMagic) return std::nullopt;
    chain = in.hash();
    out.from = in.u8();
    out.to = in.u8();
    out.nonce = in.u64();
    out.amount = in.u64();
    out.timer_delay_ms = in.u64();
    out.make_money = in.boolean();
    if (!in.finished()) return std::nullopt;
    out.spoil_seal = raw.back() != seal_of(raw.first(raw.size() - 1));
    return out;
}

tl::expected<GenesisFacts, std::string> read_genesis(ByteView bytes) {
    base::Decoder in(bytes);
    if (in.text(16) != "fake")
        return tl::unexpected(std::string("not a genesis of the fake market"));
    in.u8();
    if (!in.finished())
        return tl::unexpected(std::string("the genesis of the fake market is too long"));
    return GenesisFacts{base::sha256(bytes), {kGenesisTime}, Amount::of(kSupply), std::nullopt};
}

void apply_genesis(market::StateWriter& state, ByteView) {
    for (std::uint8_t account = 0; account < 100; ++account)
        write(state, balance_key(account), kSupply / 100);
}

void begin_block(market::StateWriter& state, const market::BlockContext& block,
                 std::vector<market::Event>& events) {
    const Bytes prefix{'t'};
    for (auto timer = state.seek(prefix, prefix); timer && due_of(timer->first) <= block.time.value;
         timer = state.seek(prefix, prefix)) {
        state.erase(timer->first);
        events.push_back({"timer_fired", {{"due", std::to_string(due_of(timer->first))}}});
    }
}

std::uint64_t weight(const Transfer& transfer) {
    if (transfer.to == kHeavy) return kBlockWeightMax / 2 + 1;
    return transfer.to == kTooHeavy ? kBlockWeightMax + 1 : 1;
}

tl::expected<std::uint64_t, Refusal> check_bytes(ByteView raw, const base::Hash& chain) {
    base::Hash named;
    const auto transfer = decode(raw, named);
    if (!transfer) return tl::unexpected(Refusal::malformed);
    if (named != chain) return tl::unexpected(Refusal::wrong_chain);
    return weight(*transfer);
}

market::Admission judge(const market::StateReader& state, const market::BlockContext&,
                        ByteView raw) {
    base::Hash chain;
    const auto transfer = decode(raw, chain);
    if (!transfer || transfer->spoil_seal) return {Refusal::malformed, true};
    if (transfer->nonce != nonce(state, transfer->from)) return {Refusal::wrong_nonce, true};
    if (balance(state, transfer->from) < 1) return {Refusal::insufficient_balance, true};
    if (balance(state, transfer->from) - 1 < transfer->amount)
        return {Refusal::insufficient_balance, false};
    return {};
}

market::TransactionResult apply(market::StateWriter& state, const market::BlockContext& block,
                                ByteView raw, std::vector<market::Event>& events) {
    const base::TransactionId id{base::sha256(raw)};
    const market::Admission admission = judge(state, block, raw);
    if (admission.keep_out) return {id, admission.code, {}, 0};
    base::Hash chain;
    const Transfer transfer = *decode(raw, chain);
    write(state, nonce_key(transfer.from), transfer.nonce + 1);
    write(state, balance_key(transfer.from), balance(state, transfer.from) - 1);
    write(state, balance_key(kFees), balance(state, kFees) + 1);
    const std::uint64_t own_weight = weight(transfer);
    if (admission.code != Refusal::none) return {id, admission.code, Amount::of(1), own_weight};
    write(state, balance_key(transfer.from), balance(state, transfer.from) - transfer.amount);
    write(state, balance_key(transfer.to),
          balance(state, transfer.to) + transfer.amount + (transfer.make_money ? 1 : 0));
    events.push_back(
        {"transferred",
         {{"from", std::to_string(transfer.from)}, {"amount", std::to_string(transfer.amount)}}});
    if (transfer.timer_delay_ms != 0) {
        write(state, timer_key(block.time.value + transfer.timer_delay_ms, transfer.nonce), 1);
    }
    return {id, Refusal::none, Amount::of(1), own_weight};
}

void end_block(market::StateWriter&, const market::BlockContext&, std::vector<market::Event>&) {}

std::optional<base::TimeMs> next_due(const market::StateReader& state, base::TimeMs) {
    const Bytes prefix{'t'};
    const auto timer = state.seek(prefix, prefix);
    if (!timer) return std::nullopt;
    return base::TimeMs{due_of(timer->first)};
}

Amount total_supply(const market::StateReader& state) {
    std::uint64_t sum = 0;
    const Bytes prefix{'b'};
    Bytes from = prefix;
    while (auto entry = state.seek(from, prefix)) {
        sum += read(state, entry->first);
        from = std::move(entry->first);
        from.push_back(0);
    }
    return Amount::of(sum);
}

Amount money_in(ByteView key, ByteView value) {
    if (key[0] != 'b') return {};
    base::Decoder in(value);
    return Amount::of(in.u64());
}

base::Hash params_id(const market::StateReader&) {
    return base::sha256(base::view_of("fake parameters"));
}

std::uint32_t app_version(const market::StateReader&) { return 1; }

std::uint64_t block_weight_max(const market::StateReader&) { return kBlockWeightMax; }

}  // namespace

Bytes genesis(std::uint8_t variant) {
    base::Encoder out;
    out.text("fake").u8(variant);
    return out.take();
}

base::Hash chain_id(std::uint8_t variant) { return base::sha256(genesis(variant)); }

Bytes encode(const Transfer& transfer, const base::Hash& chain) {
    base::Encoder out;
    out.u8(kMagic)
        .hash(chain)
        .u8(transfer.from)
        .u8(transfer.to)
        .u64(transfer.nonce)
        .u64(transfer.amount);
    out.u64(transfer.timer_delay_ms).boolean(transfer.make_money);
    Bytes raw = out.take();
    raw.push_back(static_cast<std::uint8_t>(seal_of(raw) + (transfer.spoil_seal ? 1U : 0U)));
    return raw;
}

const RuleSet& rules() {
    static const RuleSet set{read_genesis, apply_genesis, begin_block, check_bytes,
                             apply,        end_block,     next_due,    total_supply,
                             money_in,     params_id,     app_version, block_weight_max};
    return set;
}

Bytes balance_key(std::uint8_t account) { return {'b', account}; }

std::uint64_t balance(const market::StateReader& state, std::uint8_t account) {
    return read(state, balance_key(account));
}

std::uint64_t nonce(const market::StateReader& state, std::uint8_t account) {
    return read(state, nonce_key(account));
}

base::SecretKey operator_key(std::uint8_t number) {
    return base::SecretKey::from_seed(Bytes(32, number));
}

TemporaryDirectory::TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "assay-ledger-XXXXXX").string();
    ASSAY_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace assay::ledger::fake
