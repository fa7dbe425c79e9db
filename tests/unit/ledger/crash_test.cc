#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <random>

#include "fake_rules.h"
#include "ledger/node.h"

/// A node that is killed, again and again. Every node lives in a forked process: this one never
/// opens a store, so it has no threads to lose.
namespace assay::ledger {
namespace {

using base::Bytes;
using fake::Transfer;

constexpr std::size_t kInFlight = 16;

Options options_with(const Clock& clock) {
    Options options;
    options.clock = &clock;
    options.rules = &fake::rules();
    options.block_transactions_max = 4;  // many writes
    return options;
}

enum ChildExit : int { kFine = 0, kNotOpened = 10, kLostWrite = 11, kNotVerified = 12 };

/// Opens the node, checks that `acknowledged` transfers are there, then sends more as fast as it
/// can and writes a byte for each answer. Runs until it is killed.
[[noreturn]] void serve(const std::filesystem::path& dir, std::uint64_t acknowledged, int answers) {
    const fake::ManualClock clock;
    const Bytes genesis = fake::genesis();
    const auto node = Node::open(dir, genesis, fake::operator_key(), options_with(clock));
    if (!node) ::_exit(kNotOpened);
    const std::uint64_t next = fake::nonce((*node)->snapshot().state(), 1);
    if (next < acknowledged) ::_exit(kLostWrite);
    // The first byte says: open. Then one for each answer, those that were stored before this
    // process too.
    for (std::uint64_t i = acknowledged; i <= next; ++i)
        static_cast<void>(::write(answers, "o", 1));
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t in_flight = 0;
    for (std::uint64_t nonce = next;; ++nonce) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return in_flight < kInFlight; });
        ++in_flight;
        lock.unlock();
        (*node)->submit(
            fake::encode(Transfer{.nonce = nonce, .amount = 1, .timer_delay_ms = nonce % 5}),
            [&](const Outcome& outcome) {
                if (outcome.status != Outcome::Status::in_block) ::_exit(kLostWrite);
                static_cast<void>(::write(answers, "a", 1));
                const std::lock_guard guard(mutex);
                --in_flight;
                changed.notify_all();
            });
    }
}

struct Child {
    pid_t pid = -1;
    int answers = -1;
};

Child start(const std::filesystem::path& dir, std::uint64_t acknowledged) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(ends[0]);
        serve(dir, acknowledged, ends[1]);
    }
    ::close(ends[1]);
    return {pid, ends[0]};
}

/// Bytes read until `count` have come, or nothing came for `patience_ms`, or the other side is
/// gone.
std::uint64_t read_answers(int answers, std::uint64_t count, int patience_ms) {
    std::uint64_t read = 0;
    std::array<char, 64> buffer{};
    while (read < count) {
        pollfd waiting{answers, POLLIN, 0};
        if (::poll(&waiting, 1, patience_ms) <= 0) break;
        const ssize_t got =
            ::read(answers, buffer.data(), std::min<std::size_t>(buffer.size(), count - read));
        if (got <= 0) break;
        read += static_cast<std::uint64_t>(got);
    }
    return read;
}

/// Kills the child; gives the answers that were still in the pipe and how it ended.
std::pair<std::uint64_t, int> kill_child(const Child& child) {
    EXPECT_EQ(::kill(child.pid, SIGKILL), 0);
    int status = 0;
    EXPECT_EQ(::waitpid(child.pid, &status, 0), child.pid);
    const std::uint64_t rest = read_answers(child.answers, UINT64_MAX, -1);
    ::close(child.answers);
    return {rest, status};
}

/// In a process of its own: replays the chain; gives its exit status.
int verify_in_child(const std::filesystem::path& dir, std::uint64_t acknowledged) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        const auto report = verify_chain(dir, {}, fake::rules());
        if (!report) {
            std::fprintf(stderr, "%s\n", report.error().c_str());
            ::_exit(kNotVerified);
        }
        ::_exit(report->transactions >= acknowledged ? kFine : kLostWrite);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// In a process of its own: tries to open the node; gives 100 + the problem, or 100 when it opens.
int open_in_child(const std::filesystem::path& dir) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        const fake::ManualClock clock;
        const auto node = Node::open(dir, std::nullopt, fake::operator_key(), options_with(clock));
        if (!node) std::fprintf(stderr, "%s\n", node.error().detail.c_str());
        ::_exit(100 + (node ? 0 : static_cast<int>(node.error().problem)));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// The write-ahead log that holds the newest blocks.
std::filesystem::path newest_wal(const std::filesystem::path& dir) {
    std::filesystem::path newest;
    for (const auto& entry : std::filesystem::directory_iterator(dir / "db")) {
        if (entry.path().extension() == ".log" && entry.file_size() > 0 && entry.path() > newest)
            newest = entry.path();
    }
    return newest;
}

TEST(Crash, AKilledNodeLosesNoAcknowledgedTransaction) {
    const fake::TemporaryDirectory dir;
    std::minstd_rand random(20'240'817);
    std::uint64_t acknowledged = 0;
    for (int kill = 0; kill < 40; ++kill) {
        const Child child = start(dir.path(), acknowledged);
        // Every fourth one is killed while it opens, the others after some answers.
        const bool early = kill % 4 == 3;
        const std::uint64_t wanted = early ? 0 : 1 + random() % 40;
        std::uint64_t read = read_answers(child.answers, wanted, 20'000);
        if (early) read = read_answers(child.answers, 1, static_cast<int>(random() % 20));
        const auto [rest, status] = kill_child(child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status) << " at kill " << kill;
        ASSERT_EQ(read >= wanted, true) << "kill " << kill;
        const std::uint64_t seen = read + rest;
        if (seen > 0) acknowledged += seen - 1;  // the first byte only says that the node is open
    }
    EXPECT_GT(acknowledged, 100U);
    EXPECT_EQ(verify_in_child(dir.path(), acknowledged), kFine);
}

TEST(Crash, ATornTailOfTheLogCostsTheLastBlockOnly) {
    const fake::TemporaryDirectory dir;
    const Child child = start(dir.path(), 0);
    ASSERT_EQ(read_answers(child.answers, 60, 20'000), 60U);
    kill_child(child);
    const std::filesystem::path wal = newest_wal(dir.path());
    ASSERT_FALSE(wal.empty());
    std::filesystem::resize_file(wal, std::filesystem::file_size(wal) - 7);
    EXPECT_EQ(open_in_child(dir.path()), 100);
    EXPECT_EQ(verify_in_child(dir.path(), 59 - 4 - 1), kFine);
}

TEST(Crash, DamageInsideTheLogIsRefused) {
    const fake::TemporaryDirectory dir;
    const Child child = start(dir.path(), 0);
    ASSERT_EQ(read_answers(child.answers, 60, 20'000), 60U);
    kill_child(child);
    const std::filesystem::path wal = newest_wal(dir.path());
    ASSERT_FALSE(wal.empty());
    {
        std::fstream file(wal, std::ios::in | std::ios::out | std::ios::binary);
        const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(wal) / 2);
        file.seekg(middle);
        const int byte = file.get();
        file.seekp(middle);
        file.put(static_cast<char>(byte ^ 0x55));
    }
    EXPECT_EQ(open_in_child(dir.path()), 100 + static_cast<int>(OpenProblem::corrupt));
}

TEST(Crash, ASecondProcessIsRefused) {
    const fake::TemporaryDirectory dir;
    const Child child = start(dir.path(), 0);
    ASSERT_EQ(read_answers(child.answers, 2, 20'000), 2U);
    EXPECT_EQ(open_in_child(dir.path()), 100 + static_cast<int>(OpenProblem::already_open));
    kill_child(child);
    // The lock dies with its owner.
    EXPECT_EQ(open_in_child(dir.path()), 100);
}

}  // namespace
}  // namespace assay::ledger
