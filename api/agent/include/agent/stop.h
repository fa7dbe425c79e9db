#pragma once

#include <chrono>

namespace assay::agent {

/// A clean end: SIGTERM and SIGINT ask for it, every loop looks. A second signal ends the process
/// at once. Called once, before threads start; also ignores SIGPIPE.
void install_stop_signals();
[[nodiscard]] bool stop_requested();
/// Asks for the end from inside (a thread that cannot go on).
void request_stop();
/// The same, because this process computes other results than everybody else: the program ends with
/// ExitCode::check_failed.
void request_stop_as_unfit();
[[nodiscard]] bool is_unfit();
/// Waits at most `time`, less when the end is asked for. True when it is.
bool wait_for_stop(std::chrono::milliseconds time);

}  // namespace assay::agent
