#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "client/client.h"
#include "client/default_node.h"
#include "client/key_file.h"
#include "client/sender.h"
#include "market/transactions.h"

/// What the command groups of `assay` share.
namespace assay::cli {

using Json = nlohmann::json;

/// The closed list of exit codes (docs/api.md). CLI11's own usage errors are mapped to `usage`.
enum class Exit : int {
    done = 0,
    refused = 1,  ///< the node, the rules or a file refused
    usage = 2,
    unreachable = 3,  ///< no node answers
    not_proved = 4,   ///< a certificate, model or job did not pass its check
    ended_badly = 5,  ///< `watch`: the job ended in another state than completed
};

/// Options that every command understands, in any place of the command line.
struct Globals {
    std::string node{client::kDefaultNodeUrl};
    bool node_given = false;
    bool json = false;
    client::KeySource key;
};

/// A failure with what to say and how to end.
struct Failure {
    Exit code = Exit::refused;
    std::string text;
    std::string word = {};  ///< of a refusal by node or rules
};
template <class T>
using Result = tl::expected<T, Failure>;

/// A command: what runs once the command line is understood.
using Command = std::function<Exit()>;
struct Program {
    Globals globals;
    Command chosen;
    /// Registers `run` as the body of `command`.
    void on(CLI::App* command, Command run);
};

// One function per command group; each registers its commands.
void add_key_commands(CLI::App& app, Program& program);
void add_account_commands(CLI::App& app, Program& program);
void add_challenge_commands(CLI::App& app, Program& program);
void add_dispute_commands(CLI::App& app, Program& program);
void add_data_commands(CLI::App& app, Program& program);
void add_job_commands(CLI::App& app, Program& program);
void add_watch_command(CLI::App& app, Program& program);
void add_model_commands(CLI::App& app, Program& program);
void add_train_command(CLI::App& app, Program& program);
void add_status_commands(CLI::App& app, Program& program);

// Output: people read lines, programs read one JSON document on stdout.
Exit fail(const Program& program, const Failure& failure);
Failure failure_of(const client::ClientError& error);
Exit print(const Program& program, const Json& json, const std::string& text);
std::string grains(base::Amount amount);

// Input.
Result<std::string> read_text(const std::filesystem::path& file, std::size_t bytes_max);
Result<market::JobSpec> read_spec(const std::filesystem::path& file);
Result<base::Hash> parse_id(std::string_view text, std::string_view what);
Result<base::Amount> parse_amount(std::string_view text);
client::Client connect(const Program& program);

/// An unlocked key and the account it signs for.
struct Signer {
    client::KeySet keys;
    base::Hash chain_id;
    base::AccountId account;
};
Result<client::Passphrase> ask_passphrase(const client::KeySource& source,
                                          const std::string& prompt, bool twice);
Result<client::KeySet> open_key(const Program& program);
Result<Signer> open_signer(const Program& program, client::Client& client);
/// The account of --key without a passphrase, or the one given in hexadecimal.
Result<base::AccountId> chosen_account(const Program& program, client::Client& client,
                                       const std::string& given);
/// Signs with the hot key (or the cold one) and waits until it is durable.
Result<client::Sent> send(client::Client& client, const Signer& signer,
                          const market::Message& message, bool with_cold_key = false);

/// Answers those of the questions that are about this file, and stores it again. Says how many.
Result<std::size_t> answer_questions_with(client::Client& client, Signer& signer,
                                          const std::vector<market::Question>& questions,
                                          const std::filesystem::path& file);

}  // namespace assay::cli
