#include "cli.h"

namespace assay::cli {
namespace {

struct KeyOptions {
    std::filesystem::path out, new_key, new_passphrase_file;
    std::string kdf = "standard", chain;
    bool no_cold = false, no_vrf = false;
};

client::KeyCost cost_of(const std::string& kdf) {
    return kdf == "interactive" ? client::KeyCost::interactive : client::KeyCost::standard;
}

Json key_json(const std::filesystem::path& file, const client::KeyFileInfo& info,
              const std::optional<base::Hash>& chain) {
    Json json{{"file", file.string()},
              {"first_key", info.first_key().hex()},
              {"hot", info.hot.hex()},
              {"cold", info.cold ? Json(info.cold->hex()) : Json()},
              {"vrf", info.vrf ? Json(info.vrf->hex()) : Json()},
              {"passes", info.passes},
              {"memory_bytes", std::to_string(info.memory_bytes)}};
    if (chain) json["account"] = market::account_id(*chain, info.first_key()).hex();
    return json;
}

std::string key_text(const Json& json) {
    std::string text =
        "file   " + json["file"].get<std::string>() + "\nhot    " + json["hot"].get<std::string>();
    for (const char* name : {"cold", "vrf", "account"}) {
        if (json.contains(name) && json[name].is_string())
            text += "\n" + std::string(name) + std::string(7 - std::string_view(name).size(), ' ') +
                    json[name].get<std::string>();
    }
    return text;
}

/// The chain that decides the account's id: --chain, or the node's when --node was given.
Result<std::optional<base::Hash>> chosen_chain(const Program& program, const std::string& given) {
    if (!given.empty()) {
        const auto id = parse_id(given, "--chain");
        if (!id) return tl::unexpected(id.error());
        return std::optional(*id);
    }
    if (!program.globals.node_given) return std::optional<base::Hash>();
    client::Client client = connect(program);
    const auto chain = client.chain();
    if (!chain) return tl::unexpected(failure_of(chain.error()));
    return std::optional(chain->chain_id);
}

Exit show(const Program& program, const std::filesystem::path& file,
          const std::string& chain_text) {
    if (file.empty()) return fail(program, {Exit::usage, "--key FILE is needed"});
    const auto info = client::inspect_key_file(file);
    if (!info)
        return fail(program,
                    {Exit::refused, file.string() + ": " +
                                        std::string(client::key_file_error_text(info.error()))});
    const auto chain = chosen_chain(program, chain_text);
    if (!chain) return fail(program, chain.error());
    const Json json = key_json(file, *info, *chain);
    return print(program, json, key_text(json));
}

Exit create(const Program& program, const KeyOptions& options) {
    client::harden_process();
    const auto passphrase =
        ask_passphrase(program.globals.key, "Passphrase for " + options.out.string(), true);
    if (!passphrase) return fail(program, passphrase.error());
    const client::KeySet keys = client::KeySet::generate(!options.no_cold, !options.no_vrf);
    const auto created =
        client::create_key_file(options.out, keys, *passphrase, cost_of(options.kdf));
    if (!created)
        return fail(program,
                    {Exit::refused, options.out.string() + ": " +
                                        std::string(client::key_file_error_text(created.error()))});
    return show(program, options.out, options.chain);
}

Exit change_passphrase(const Program& program, const KeyOptions& options) {
    client::harden_process();
    const client::KeySource& source = program.globals.key;
    if (source.file.empty()) return fail(program, {Exit::usage, "--key FILE is needed"});
    const auto old_words = ask_passphrase(source, "Present passphrase", false);
    if (!old_words) return fail(program, old_words.error());
    const client::KeySource fresh{source.file, options.new_passphrase_file, -1};
    const auto new_words = ask_passphrase(fresh, "New passphrase", true);
    if (!new_words) return fail(program, new_words.error());
    const auto changed =
        client::change_passphrase(source.file, *old_words, *new_words, cost_of(options.kdf));
    if (!changed)
        return fail(program,
                    {Exit::refused, source.file.string() + ": " +
                                        std::string(client::key_file_error_text(changed.error()))});
    return show(program, source.file, "");
}

/// Puts keys on the ledger: those of --key itself (a new account's first act), or those of another
/// file (rotation).
Exit set_keys(const Program& program, const KeyOptions& options) {
    client::Client client = connect(program);
    const auto signer = open_signer(program, client);
    if (!signer) return fail(program, signer.error());
    market::KeysSet message{signer->keys.first_key(), signer->keys.hot.public_key(), {}};
    if (signer->keys.vrf) message.vrf = signer->keys.vrf->public_key();
    if (!options.new_key.empty()) {
        const auto info = client::inspect_key_file(options.new_key);
        if (!info)
            return fail(program, {Exit::refused,
                                  options.new_key.string() + ": " +
                                      std::string(client::key_file_error_text(info.error()))});
        message = {info->first_key(), info->hot, info->vrf.value_or(base::PublicKey())};
    }
    const auto sent = send(client, *signer, message, true);
    if (!sent) return fail(program, sent.error());
    return print(program,
                 {{"account", signer->account.hex()},
                  {"transaction", sent->id.hex()},
                  {"fee", sent->fee.decimal()}},
                 "keys of account " + signer->account.hex() + " are set");
}

}  // namespace

void add_key_commands(CLI::App& app, Program& program) {
    auto options = std::make_shared<KeyOptions>();
    auto* key = app.add_subcommand("key", "Key files");
    key->require_subcommand(1);
    const auto add_kdf = [&](CLI::App* command) {
        command
            ->add_option("--kdf", options->kdf,
                         "Cost of guessing the passphrase: standard (256 MiB), or interactive (64 "
                         "MiB) for demos")
            ->check(CLI::IsMember({"standard", "interactive"}))
            ->capture_default_str();
    };
    auto* create_command = key->add_subcommand("new", "Create a key file");
    create_command
        ->add_option("--out", options->out, "The new file; an existing one is never overwritten")
        ->required();
    create_command->add_option("--chain", options->chain, "Chain id, to show the account's id");
    create_command->add_flag("--no-cold", options->no_cold,
                             "One signing key only (no separate cold key)");
    create_command->add_flag("--no-vrf", options->no_vrf,
                             "No VRF key (not for validators and workers)");
    add_kdf(create_command);
    program.on(create_command, [&program, options] { return create(program, *options); });
    auto* show_command =
        key->add_subcommand("show", "Show a file's public keys (needs no passphrase)");
    show_command->add_option("--chain", options->chain, "Chain id, to show the account's id");
    program.on(show_command, [&program, options] {
        return show(program, program.globals.key.file, options->chain);
    });
    auto* pass_command = key->add_subcommand("passphrase", "Change a file's passphrase");
    pass_command->add_option("--new-passphrase-file", options->new_passphrase_file,
                             "File with the new passphrase (mode 0600)");
    add_kdf(pass_command);
    program.on(pass_command, [&program, options] { return change_passphrase(program, *options); });
    auto* set_command = key->add_subcommand(
        "set",
        "Put the account's keys on the ledger: a new account's first transaction, or a rotation");
    set_command->add_option("--new", options->new_key, "Key file whose keys take over");
    program.on(set_command, [&program, options] { return set_keys(program, *options); });
}

}  // namespace assay::cli
