/// Transfers through a node: from the raw bytes to the synced block. One line of JSON.
///
///   ledger_bench FOLDER [TRANSACTIONS]      FOLDER is made and must not exist

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <semaphore>

#include "dispute/ledger_referee.h"
#include "ledger/node.h"
#include "market/genesis.h"
#include "market/transactions.h"

namespace {

using namespace assay;

constexpr std::size_t kAccounts = 64;
constexpr std::ptrdiff_t kOnTheirWay = 2'000;  ///< fewer than the queue holds

base::SecretKey key_of(std::uint8_t number) {
    return base::SecretKey::from_seed(base::Bytes(32, number));
}

market::Genesis genesis_of(const std::vector<base::SecretKey>& keys) {
    market::Genesis genesis;
    genesis.chain_name = "ledger-bench";
    genesis.time = {1};
    genesis.operator_key = key_of(255).public_key();
    for (const base::SecretKey& key : keys) {
        market::GenesisAccount account;
        account.cold = account.hot = account.vrf = key.public_key();
        account.balance = base::Amount::of(1'000'000'000'000);
        genesis.accounts.push_back(account);
    }
    std::sort(genesis.accounts.begin(), genesis.accounts.end(),
              [](const auto& a, const auto& b) { return a.cold < b.cold; });
    return genesis;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    const std::size_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 20'000;
    std::vector<base::SecretKey> keys;
    for (std::size_t i = 0; i < kAccounts; ++i)
        keys.push_back(key_of(static_cast<std::uint8_t>(i)));
    const market::Genesis genesis = genesis_of(keys);
    const base::Hash chain = market::chain_id(genesis);
    std::vector<base::Bytes> raws;
    for (std::size_t i = 0; i < count; ++i) {
        const base::SecretKey& key = keys[i % kAccounts];
        market::TransactionHeader header;
        header.chain_id = chain;
        header.account = market::account_id(chain, key.public_key());
        header.nonce = i / kAccounts;
        header.valid_until = {100'000};
        header.fee_limit = base::Amount::of(1'000'000'000);
        const auto to = market::account_id(chain, keys[(i + 1) % kAccounts].public_key());
        raws.push_back(
            market::build_transaction(header, market::Transfer{to, base::Amount::of(1)}, key));
    }
    const dispute::LedgerReferee referee;
    const ledger::RuleSet rules = ledger::market_rules(referee);
    ledger::Options options;
    options.rules = &rules;
    std::counting_semaphore<kOnTheirWay> room(kOnTheirWay);
    std::atomic<std::size_t> refused = 0;
    auto node = ledger::Node::open(argv[1], market::encode_genesis(genesis), key_of(255), options);
    if (!node) {
        std::fprintf(stderr, "ledger_bench: %s\n", node.error().detail.c_str());
        return 1;
    }
    const auto begin = std::chrono::steady_clock::now();
    for (const base::Bytes& raw : raws) {
        room.acquire();
        (*node)->submit(raw, [&](const ledger::Outcome& outcome) {
            if (outcome.status != ledger::Outcome::Status::in_block) ++refused;
            room.release();
        });
    }
    for (std::ptrdiff_t i = 0; i < kOnTheirWay; ++i) room.acquire();
    const double seconds = seconds_since(begin);
    std::printf(
        "{\"transactions\": %zu, \"refused\": %zu, \"seconds\": %.3f, \"per_second\": %.0f}\n",
        count, refused.load(), seconds, static_cast<double>(count) / seconds);
    return refused == 0 ? 0 : 1;
}
