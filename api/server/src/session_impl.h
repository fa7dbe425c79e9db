#pragma once

// Private to session.cc and listener.cc: the only header with Boost in it.

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <fstream>
#include <map>
#include <mutex>
#include <unordered_map>

#include "framing.h"
#include "session.h"

namespace assay::server {

namespace net = boost::asio;
using tcp = net::ip::tcp;

/// What all sessions of a listener share. Thread-safe.
struct Shared {
    explicit Shared(Application& application_in) : application(application_in) {}
    net::io_context context;  ///< here, so that an answer that comes after the listener has gone
                              ///< posts to something
    Application& application;
    Limits limits;
    std::set<std::string, std::less<>> hosts;  ///< with port
    ConnectionCounts counts;
    std::atomic<bool> draining{false};

    std::mutex mutex;
    std::map<std::string, std::size_t> per_address;
    std::map<const void*, std::weak_ptr<class Session>> sessions;
};

/// One connection: head, body, handler, answer, again. All members are touched on the socket's
/// strand only. Keeps itself alive through the handlers it has started; ends when none is left.
class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(tcp::socket socket, std::shared_ptr<Shared> shared, std::string address);
    ~Session();
    void start();
    /// Closes a connection that is between requests; one that is busy closes after its answer. From
    /// any thread.
    void drain();
    void close();  ///< from any thread

  private:
    enum class Phase : std::uint8_t { idle, head, body, handling, writing, lingering, closed };

    void arm(std::chrono::milliseconds after);
    void arm_transfer(std::uint64_t bytes);
    void arm_body(std::uint64_t new_bytes);
    void expired();
    void read_more();
    void head_bytes();
    void accept_head(std::size_t head_size);
    void send_continue();
    void take_body();
    bool feed_body(base::ByteView bytes);
    void body_done();
    void refuse(const Problem& problem);
    void answer(Answer answer);
    void write_answer();
    void write_file_piece();
    void pull_feed();
    void after_answer();
    void linger();
    void finish();

    std::shared_ptr<Shared> shared_;  // first: owns what the socket runs on
    tcp::socket socket_;
    net::steady_timer timer_;
    std::string address_;
    Phase phase_ = Phase::idle;
    std::uint64_t timer_round_ = 0;  // tells an expiry of an earlier arm from the current one
    std::chrono::steady_clock::time_point opened_, phase_began_, request_began_;

    std::string buffer_;                   // received and not consumed
    std::array<char, 64 * 1024> piece_{};  // receive and file buffer
    std::size_t requests_ = 0;
    Request request_;
    BodyPlan plan_;
    std::uint64_t body_left_ = 0, body_seen_ = 0, body_armed_ = 0;
    std::chrono::milliseconds body_credit_{};
    std::chrono::steady_clock::time_point body_wait_began_;
    bool keep_alive_ = true, reading_ = false;

    Answer answer_;
    std::string head_text_, stream_piece_;
    std::ifstream file_;
    std::uint64_t file_left_ = 0, written_ = 0;
    std::size_t lingered_ = 0;
};

}  // namespace assay::server
