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

Result<client::Passphrase> ask_passphrase(const client::KeySource& source,
                                          const std::string& prompt, bool twice) {
    auto passphrase = client::read_passphrase(source, prompt, twice);
    if (!passphrase) return tl::unexpected(Failure{Exit::refused, passphrase.error()});
    return std::move(*passphrase);
}

Result<client::KeySet> open_key(const Program& program) {
    const client::KeySource& source = program.globals.key;
    if (source.file.empty())
        return tl::unexpected(Failure{Exit::usage, "--key FILE is needed: this command signs"});
    auto keys = client::open_keys(source);
    if (!keys) return tl::unexpected(Failure{Exit::refused, keys.error()});
    return std::move(*keys);
}

Result<Signer> open_signer(const Program& program, client::Client& client) {
    auto chain = client.chain();
    if (!chain) return tl::unexpected(failure_of(chain.error()));
    auto keys = open_key(program);
    if (!keys) return tl::unexpected(keys.error());
    const base::AccountId account = market::account_id(chain->chain_id, keys->first_key());
    return Signer{std::move(*keys), chain->chain_id, account};
}

Result<base::AccountId> chosen_account(const Program& program, client::Client& client,
                                       const std::string& given) {
    if (!given.empty()) {
        const auto id = parse_id(given, "the account");
        if (!id) return tl::unexpected(id.error());
        return base::AccountId{*id};
    }
    if (program.globals.key.file.empty())
        return tl::unexpected(Failure{Exit::usage, "say which account: its id, or --key FILE"});
    const auto info = client::inspect_key_file(program.globals.key.file);
    if (!info)
        return tl::unexpected(
            Failure{Exit::refused, program.globals.key.file.string() + ": " +
                                       std::string(client::key_file_error_text(info.error()))});
    const auto chain = client.chain();
    if (!chain) return tl::unexpected(failure_of(chain.error()));
    return market::account_id(chain->chain_id, info->first_key());
}

Result<client::Sent> send(client::Client& client, const Signer& signer,
                          const market::Message& message, bool with_cold_key) {
    const base::SecretKey& key =
        with_cold_key && signer.keys.cold ? *signer.keys.cold : signer.keys.hot;
    auto sent = client::sign_and_send(client, {signer.chain_id, signer.account, 0}, key, message,
                                      [] { return false; });
    if (!sent) return tl::unexpected(failure_of(sent.error()));
    return std::move(*sent);
}

}  // namespace assay::cli
