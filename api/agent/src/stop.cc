#include "agent/stop.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace assay::agent {

namespace {

std::atomic<bool> stopping{false};
std::atomic<bool> unfit{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");
/// Written once when the end is asked for and never read, so that every waiter sees it readable.
int stop_pipe[2] = {-1, -1};

void ask_for_stop() {
    if (stopping.exchange(true)) return;
    const char byte = 1;
    if (stop_pipe[1] >= 0) static_cast<void>(!::write(stop_pipe[1], &byte, 1));
}

extern "C" void on_stop_signal(int signal_number) {
    if (stopping.load()) {
        std::signal(signal_number, SIG_DFL);
        std::raise(signal_number);
        return;
    }
    const int saved = errno;
    ask_for_stop();
    errno = saved;
}

}  // namespace

void install_stop_signals() {
    if (::pipe(stop_pipe) != 0) stop_pipe[0] = stop_pipe[1] = -1;
    struct sigaction action = {};
    action.sa_handler = on_stop_signal;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() { return stopping.load(); }

void request_stop() { ask_for_stop(); }

void request_stop_as_unfit() {
    unfit = true;
    ask_for_stop();
}

bool is_unfit() { return unfit.load(); }

bool wait_for_stop(std::chrono::milliseconds time) {
    if (!stopping.load()) {
        pollfd waited{stop_pipe[0], POLLIN, 0};
        ::poll(&waited, stop_pipe[0] >= 0 ? 1 : 0, static_cast<int>(time.count()));
    }
    return stopping.load();
}

}  // namespace assay::agent
