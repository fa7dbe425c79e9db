#include "cli.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "client/json.h"

namespace assay::cli {

void Program::on(CLI::App* command, Command run) {
    command->callback([this, run = std::move(run)] { chosen = run; });
}

Exit fail(const Program& program, const Failure& failure) {
    if (program.globals.json) {
        std::printf("%s\n", Json{{"error", failure.text}, {"exit", static_cast<int>(failure.code)}}
                                .dump(-1, ' ', false, Json::error_handler_t::replace)
                                .c_str());
    }
    std::fprintf(stderr, "assay: %s\n", failure.text.c_str());
    return failure.code;
}

Failure failure_of(const client::ClientError& error) {
    const bool unreachable =
        error.status == 0 &&
        (error.code == "unreachable" || error.code == "timeout" || error.code == "bad_url");
    return {unreachable ? Exit::unreachable : Exit::refused, error.text(), error.code};
}

Exit print(const Program& program, const Json& json, const std::string& text) {
    if (program.globals.json) {
        std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
        std::printf("%s\n", text.c_str());
    }
    return Exit::done;
}

/// "1,234,567 grains".
std::string grains(base::Amount amount) {
    std::string text = amount.decimal();
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    return text + " grains";
}

Result<std::string> read_text(const std::filesystem::path& file, std::size_t bytes_max) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return tl::unexpected(Failure{Exit::refused, "cannot read " + file.string()});
    std::string text((std::istreambuf_iterator<char>(in)), {});
    if (text.size() > bytes_max)
        return tl::unexpected(Failure{Exit::refused, file.string() + " is longer than " +
                                                         std::to_string(bytes_max) + " bytes"});
    return text;
}

Result<market::JobSpec> read_spec(const std::filesystem::path& file) {
    const auto text = read_text(file, 4U << 20U);
    if (!text) return tl::unexpected(text.error());
    // What `model get` saves is canonical bytes; what people write is JSON.
    if (!text->empty() && text->front() != '{' &&
        text->find_first_not_of(" \t\r\n") != text->find('{')) {
        auto spec = market::decode_spec(base::view_of(*text));
        if (spec) return std::move(*spec);
    }
    const auto json = client::parse_json(*text, 4U << 20U);
    if (!json) return tl::unexpected(Failure{Exit::refused, file.string() + " " + json.error()});
    auto spec = client::spec_from_json(*json);
    if (!spec)
        return tl::unexpected(
            Failure{Exit::refused, file.string() + ": " + client::spec_error_text(spec.error())});
    return std::move(*spec);
}

Result<base::Hash> parse_id(std::string_view text, std::string_view what) {
    const auto hash = base::hash_from_hex(text);
    if (!hash)
        return tl::unexpected(
            Failure{Exit::usage, std::string(what) + " must be 64 lower-case hexadecimal digits"});
    return *hash;
}

Result<base::Amount> parse_amount(std::string_view text) {
    const auto amount = base::amount_from_decimal(text);
    if (!amount)
        return tl::unexpected(
            Failure{Exit::usage, "'" + std::string(text) + "' is not an amount in grains"});
    return *amount;
}

client::Client connect(const Program& program) {
    client::ClientOptions options;
    options.retry_for = std::chrono::seconds(5);
    return client::Client(program.globals.node, options);
}

Result<client::Passphrase> read_passphrase(const Globals& globals, const std::string& prompt,
                                           bool twice) {
    auto passphrase =
        globals.passphrase_fd >= 0 ? client::Passphrase::from_descriptor(globals.passphrase_fd)
        : !globals.passphrase_file.empty() ? client::Passphrase::from_file(globals.passphrase_file)
                                           : client::Passphrase::from_prompt(prompt, twice);
    if (!passphrase) return tl::unexpected(Failure{Exit::refused, passphrase.error()});
    return std::move(*passphrase);
}

Result<client::KeySet> open_key(const Program& program) {
    const Globals& globals = program.globals;
    if (globals.key.empty())
        return tl::unexpected(Failure{Exit::usage, "--key FILE is needed: this command signs"});
    client::harden_process();
    const auto passphrase =
        read_passphrase(globals, "Passphrase of " + globals.key.string(), false);
    if (!passphrase) return tl::unexpected(passphrase.error());
    auto keys = client::open_key_file(globals.key, *passphrase);
    if (!keys)
        return tl::unexpected(Failure{
            Exit::refused,
            globals.key.string() + ": " + std::string(client::key_file_error_text(keys.error()))});
    return std::move(*keys);
}

Result<Signer> open_signer(const Program& program, client::Client& client) {
    auto chain = client.chain();
    if (!chain) return tl::unexpected(failure_of(chain.error()));
    auto keys = open_key(program);
    if (!keys) return tl::unexpected(keys.error());
    const base::AccountId account = market::account_id(chain->chain_id, keys->first_key());
    return Signer{std::move(*keys), *chain, account};
}

Result<base::AccountId> chosen_account(const Program& program, client::Client& client,
                                       const std::string& given) {
    if (!given.empty()) {
        const auto id = parse_id(given, "the account");
        if (!id) return tl::unexpected(id.error());
        return base::AccountId{*id};
    }
    if (program.globals.key.empty())
        return tl::unexpected(Failure{Exit::usage, "say which account: its id, or --key FILE"});
    const auto info = client::inspect_key_file(program.globals.key);
    if (!info)
        return tl::unexpected(
            Failure{Exit::refused, program.globals.key.string() + ": " +
                                       std::string(client::key_file_error_text(info.error()))});
    const auto chain = client.chain();
    if (!chain) return tl::unexpected(failure_of(chain.error()));
    return market::account_id(chain->chain_id, info->first_key());
}

Result<client::Submitted> send(client::Client& client, const Signer& signer,
                               const market::Message& message, bool with_cold_key,
                               std::optional<market::TransactionHeader>* used) {
    const auto nonce = client.next_nonce(signer.account, 0);
    if (!nonce && !nonce.error().not_found()) return tl::unexpected(failure_of(nonce.error()));
    market::TransactionHeader header;
    header.chain_id = signer.chain.chain_id;
    header.app_version = signer.chain.app_version;
    header.account = signer.account;
    header.nonce = nonce ? *nonce : 0;
    header.valid_until.value =
        signer.chain.height.value +
        std::min<std::uint64_t>(1000, signer.chain.parameters.valid_blocks_max);
    const base::SecretKey& key =
        with_cold_key && signer.keys.cold ? *signer.keys.cold : signer.keys.hot;
    // The fee depends on the size; four times the fee of today covers the base fee's growth over a
    // dozen full blocks.
    const std::size_t size = market::build_transaction(header, message, key).size() + 64;
    const auto limit =
        base::multiply(signer.chain.base_fee, 4 * market::message_weight(message, size));
    if (!limit) return tl::unexpected(Failure{Exit::refused, "the fee does not fit an amount"});
    header.fee_limit = *limit;
    if (used != nullptr) *used = header;
    auto submitted = client.submit_transaction(market::build_transaction(header, message, key));
    if (!submitted) return tl::unexpected(failure_of(submitted.error()));
    return *submitted;
}

}  // namespace assay::cli
