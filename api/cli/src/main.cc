#include "base/signature.h"
#include "cli.h"

int main(int argc, char** argv) {
    using namespace assay;
    if (const auto failed = base::crypto_self_test()) {
        std::fprintf(stderr, "assay: the cryptographic self test failed: %s\n", failed->c_str());
        return static_cast<int>(cli::Exit::refused);
    }
    cli::Program program;
    CLI::App app{"assay: train, post, watch and check jobs of an Assay market"};
    app.require_subcommand(1);
    app.fallthrough();
    app.footer(
        "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no node answers, 4 not proved, 5 the job "
        "ended badly.");
    cli::Globals& globals = program.globals;
    auto* node =
        app.add_option("--node", globals.node, "The node's address")->capture_default_str();
    app.add_flag("--json", globals.json, "Print one JSON document instead of text");
    app.add_option("--key", globals.key.file, "Key file of the account that acts");
    app.add_option("--passphrase-file", globals.key.passphrase_file,
                   "File with the passphrase (mode 0600)");
    app.add_option("--passphrase-fd", globals.key.passphrase_fd,
                   "Open file descriptor to read the passphrase from");
    cli::add_key_commands(app, program);
    cli::add_account_commands(app, program);
    cli::add_data_commands(app, program);
    cli::add_challenge_commands(app, program);
    cli::add_dispute_commands(app, program);
    cli::add_job_commands(app, program);
    cli::add_watch_command(app, program);
    cli::add_model_commands(app, program);
    cli::add_train_command(app, program);
    cli::add_status_commands(app, program);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // Help and version are parse "errors" with code 0.
        return app.exit(error) == 0 ? 0 : static_cast<int>(cli::Exit::usage);
    }
    globals.node_given = node->count() > 0;
    return static_cast<int>(program.chosen ? program.chosen() : cli::Exit::usage);
}
