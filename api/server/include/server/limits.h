#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "market/transactions.h"

namespace assay::server {

/// Every bound of the server in one place; docs/security.md explains them. Tests shorten the times.
struct Limits {
    // Time. A fresh deadline per phase; transfers are measured on progress: grace + bytes / rate.
    std::chrono::milliseconds head_deadline{5'000};   ///< from the first byte of a head to its end
    std::chrono::milliseconds idle_deadline{30'000};  ///< between requests of one connection
    std::chrono::milliseconds transfer_grace{10'000};
    std::uint64_t transfer_bytes_per_second_min = 64 * 1024;
    std::chrono::milliseconds body_stall_max{
        30'000};  ///< silence in a body, however fast it came before
    std::chrono::milliseconds answer_deadline{120'000};  ///< a handler's own time
    std::chrono::milliseconds linger{
        1'000};  ///< reading on after a refusal, so that the client sees it
    std::chrono::milliseconds event_wait_max{30'000};   ///< long poll
    std::chrono::milliseconds event_heartbeat{10'000};  ///< of an event stream
    std::chrono::milliseconds connection_age_max{600'000};
    // Counts.
    std::size_t connections_max = 2'000;
    std::size_t connections_per_address_max = 64;
    std::size_t requests_per_connection_max = 1'000;
    std::size_t event_waiters_max = 1'024;
    std::size_t queue_max = 512;  ///< requests waiting for a worker thread
    unsigned worker_threads = 4;
    unsigned plans_max = 2;  ///< programs being compiled at the same time; more are told to wait
    unsigned io_threads = 2;
    // Sizes.
    std::size_t json_bytes_max = 64 * 1024;
    std::size_t transaction_bytes_max = market::kTransactionBytesMax;
    std::uint64_t blob_bytes_max = std::uint64_t{16} << 30U;
    std::uint64_t store_bytes_max = std::uint64_t{256} << 30U;
    std::uint64_t disk_reserve_bytes = std::uint64_t{1} << 30U;
};

}  // namespace assay::server
