#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>

#include "answerer.h"
#include "base/atomic_file.h"
#include "blob_collector.h"
#include "checker.h"
#include "client/key_file.h"
#include "commands.h"
#include "data_dir.h"
#include "dispute/environment.h"
#include "dispute/remembering_referee.h"
#include "ledger/node.h"
#include "server/server.h"

namespace assay::node {
namespace {

int fail(const std::string& text) {
    spdlog::error("{}", text);
    return 1;
}

/// One JSON object per line on stderr; messages are texts of ours, outside text is never part of
/// one.
void set_up_log() {
    auto logger = spdlog::stderr_logger_mt("assayd");
    logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%v"})",
                        spdlog::pattern_time_type::utc);
    spdlog::set_default_logger(logger);
}

/// "127.0.0.1:80" or "[::1]:80".
bool split_listen(const std::string& text, server::Options& options) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return false;
    options.address = text.substr(0, colon);
    if (options.address.front() == '[' && options.address.back() == ']')
        options.address = options.address.substr(1, options.address.size() - 2);
    const std::string port = text.substr(colon + 1);
    if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
        std::stoul(port) > 65535)
        return false;
    options.port = static_cast<std::uint16_t>(std::stoul(port));
    return true;
}

/// Written whole: whoever waits for the file never reads half a number.
bool write_port(const std::filesystem::path& file, std::uint16_t port) {
    const std::string text = std::to_string(port) + "\n";
    base::AtomicFile::Options options;
    options.synced = false;
    return !base::save_atomically(file, base::view_of(text), options);
}

/// The market with the referee of verify/dispute: here, and only here, the two meet.
const ledger::RuleSet& rules() {
    static const dispute::RememberingReferee referee;
    static const ledger::RuleSet rules = ledger::market_rules(referee);
    return rules;
}

}  // namespace

int run(const RunOptions& options) {
    set_up_log();
    if (!client::harden_process()) spdlog::warn("core dumps could not be turned off");
    // Every thread inherits the float environment that this sets.
    if (const auto wrong = dispute::check_environment()) return fail(*wrong);
    // Every thread inherits the blocked signals; only the wait below takes them.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);

    server::Options serving;
    if (!split_listen(options.listen, serving)) return fail("--listen is not ADDRESS:PORT");
    serving.host_names.insert(options.host_names.begin(), options.host_names.end());
    serving.limits.disk_reserve_bytes = options.disk_reserve_mib << 20U;
    auto keys = client::open_keys(options.key);
    if (!keys) return fail(keys.error());
    const base::SecretKey receipt_key = base::SecretKey::from_seed(keys->hot.seed());

    base::PublicKey answer_account = keys->first_key();
    base::SecretKey answer_key = base::SecretKey::from_seed(keys->hot.seed());
    if (!options.answer_key.file.empty()) {
        auto answers = client::open_keys(options.answer_key);
        if (!answers) return fail(answers.error());
        answer_account = answers->first_key();
        answer_key = std::move(answers->hot);
    }

    const auto genesis = read_text(options.dir / kGenesisFile);
    if (!genesis) return fail(genesis.error() + " (run: assayd init)");
    ledger::Options ledger_options;
    ledger_options.rules = &rules();
    auto node = ledger::Node::open(options.dir / kLedgerFolder, base::view_of(*genesis),
                                   std::move(keys->hot), ledger_options);
    if (!node) return fail("cannot open the ledger: " + node.error().detail);
    auto blobs = server::BlobStore::open(
        options.dir / kBlobFolder, {serving.limits.blob_bytes_max, serving.limits.store_bytes_max,
                                    serving.limits.disk_reserve_bytes});
    if (!blobs) return fail(blobs.error());
    Checker checker(options.threads, options.job_memory_mib << 20U);
    std::optional<BlobCollector> collector;
    if (!options.keep_checkpoints) collector.emplace(**node, **blobs);
    std::optional<Answerer> answerer;
    answerer.emplace(**node, **blobs, std::move(answer_key), answer_account, options.threads);
    auto server = server::Server::start(
        serving, {**node, **blobs, checker, receipt_key, ledger::system_clock()});
    if (!server) return fail(server.error());
    if (!options.port_file.empty() && !write_port(options.port_file, (*server)->port()))
        return fail("cannot write " + options.port_file.string());
    spdlog::info("chain {} at height {}, listening on {} port {}", (*node)->chain_id().hex(),
                 (*node)->snapshot().head().height.value, serving.address, (*server)->port());
    spdlog::default_logger()->flush();

    int signal = 0;
    sigwait(&signals, &signal);
    spdlog::info("stopping");
    // A second signal ends the process at once.
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    (*server)->drain(std::chrono::milliseconds(options.drain_ms));
    collector.reset();
    answerer.reset();
    (*node)->shutdown();
    server->reset();
    spdlog::info("stopped at height {}", (*node)->snapshot().head().height.value);
    return 0;
}

int verify(const std::filesystem::path& dir) {
    if (const auto wrong = dispute::check_environment()) {
        std::fprintf(stderr, "assayd: %s\n", wrong->c_str());
        return 1;
    }
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    const auto show = [&](const ledger::VerifyProgress& progress) {
        if (terminal)
            std::fprintf(stderr, "\rheight %llu of %llu",
                         static_cast<unsigned long long>(progress.height),
                         static_cast<unsigned long long>(progress.height_last));
    };
    const auto report = ledger::verify_chain(dir / kLedgerFolder, show, rules());
    if (terminal) std::fprintf(stderr, "\r\033[K");
    if (!report) {
        std::fprintf(stderr, "assayd: the chain is not right: %s\n", report.error().c_str());
        return 1;
    }
    std::printf(
        "height %llu, app hash %s: %llu blocks, %llu transactions, %llu events, %llu state "
        "entries, all as replayed\n",
        static_cast<unsigned long long>(report->head.height.value),
        report->head.app_hash.hex().c_str(), static_cast<unsigned long long>(report->blocks),
        static_cast<unsigned long long>(report->transactions),
        static_cast<unsigned long long>(report->events),
        static_cast<unsigned long long>(report->state_entries));
    return 0;
}

}  // namespace assay::node
