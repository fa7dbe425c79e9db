#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/signature.h"
#include "commands.h"

namespace {

using namespace assay;

void add_genesis(CLI::App& app, node::GenesisOptions& genesis, int& code) {
    auto* genesis_command =
        app.add_subcommand("genesis", "Write a genesis document from key files");
    genesis_command
        ->add_option("--operator-key", genesis.operator_key,
                     "Key file of the operator (only public keys are read)")
        ->required();
    genesis_command->add_option("--out", genesis.out, "Where the genesis JSON goes")->required();
    genesis_command->add_option("--name", genesis.chain_name, "Name of the chain")
        ->capture_default_str();
    genesis_command->add_option(
        "--party", genesis.parties,
        "KEYFILE[,balance=N][,worker=N][,validator=N][,flops=N]: an account that "
        "exists from the start; N in grains (repeatable)");
    genesis_command->add_option("--parameters", genesis.parameters,
                                "JSON file with parameters that differ from the defaults");
    genesis_command->add_flag("--demo", genesis.demo,
                              "Take the demo chain's parameters as defaults");
    genesis_command->callback([&] { code = node::make_genesis(genesis); });
}

void add_run(CLI::App& app, node::RunOptions& run, int& code) {
    auto* run_command = app.add_subcommand("run", "Run the node until SIGTERM");
    run_command->add_option("--dir", run.dir, "Data directory")->required();
    run_command->add_option("--listen", run.listen, "ADDRESS:PORT; port 0 lets the kernel choose")
        ->capture_default_str();
    run_command->add_option("--port-file", run.port_file, "File that receives the chosen port");
    run_command->add_option(
        "--host", run.host_names,
        "Name that clients may use in Host, besides the address and localhost (repeatable)");
    run_command->add_option("--key", run.key.file, "Key file of the operator")->required();
    run_command->add_option("--passphrase-file", run.key.passphrase_file,
                            "File with the passphrase (mode 0600)");
    run_command->add_option("--passphrase-fd", run.key.passphrase_fd,
                            "Open file descriptor to read the passphrase from");
    run_command->add_option("--threads", run.threads, "Threads for recomputing posted jobs")
        ->capture_default_str();
    run_command
        ->add_option("--job-memory-mib", run.job_memory_mib,
                     "Jobs that need more memory than this cannot be planned or posted here")
        ->capture_default_str();
    run_command
        ->add_option("--drain-ms", run.drain_ms,
                     "How long requests in progress may take after SIGTERM")
        ->capture_default_str();
    run_command
        ->add_option("--disk-reserve-mib", run.disk_reserve_mib,
                     "Blobs are refused when the disk has less than this left")
        ->capture_default_str();
    run_command->add_flag("--keep-checkpoints", run.keep_checkpoints,
                          "Keep checkpoints and payloads of final rounds");
    run_command->add_option(
        "--answer-key", run.answer_key.file,
        "Key file of the account that pays for answers to questions about stored "
        "states and data (default: the operator's account)");
    run_command->add_option("--answer-passphrase-file", run.answer_key.passphrase_file,
                            "File with its passphrase (mode 0600)");
    run_command->callback([&] { code = node::run(run); });
}

}  // namespace

int main(int argc, char** argv) {
    if (const auto failed = base::crypto_self_test()) {
        std::fprintf(stderr, "assayd: the cryptographic self test failed: %s\n", failed->c_str());
        return 1;
    }
    CLI::App app{"assayd: a node of an Assay market (ledger and REST interface)"};
    app.require_subcommand(1);
    int code = 0;

    node::GenesisOptions genesis;
    add_genesis(app, genesis, code);

    std::filesystem::path dir, genesis_json;
    auto* init_command = app.add_subcommand("init", "Prepare a data directory for a chain");
    init_command->add_option("--dir", dir, "Data directory")->required();
    init_command->add_option("--genesis", genesis_json, "Genesis JSON (see: assayd genesis)")
        ->required();
    init_command->callback([&] { code = node::init(dir, genesis_json); });

    node::RunOptions run;
    add_run(app, run, code);

    auto* verify_command = app.add_subcommand(
        "verify", "Replay the whole chain and compare every root (the node must not run)");
    verify_command->add_option("--dir", dir, "Data directory")->required();
    verify_command->callback([&] { code = node::verify(dir); });

    CLI11_PARSE(app, argc, argv);
    return code;
}
