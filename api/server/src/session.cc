#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <sstream>

#include "base/check.h"
#include "session_impl.h"

namespace assay::server {
namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

/// The second opinion: what Beast's parser makes of a head that the filter accepted.
struct Parsed {
    std::string target;
    std::uint64_t content_length = 0;
};
std::optional<Parsed> parse_head(std::string_view raw) {
    http::request_parser<http::buffer_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(kHeadBytesMax));
    parser.body_limit(boost::none);
    parser.eager(false);
    boost::system::error_code error;
    const std::size_t used = parser.put(net::const_buffer(raw.data(), raw.size()), error);
    if ((error && error != http::error::need_buffer) || used != raw.size() ||
        !parser.is_header_done() || parser.chunked())
        return std::nullopt;
    const auto target = parser.get().target();
    return Parsed{std::string(target.data(), target.size()), parser.content_length().value_or(0)};
}

/// `content_length` below zero: the answer has none (event streams, 304).
std::string response_head(const Response& response, std::int64_t content_length, bool keep_alive) {
    http::response<http::empty_body> head;
    head.version(11);
    head.result(static_cast<unsigned>(response.status));
    head.reason(std::string(status_title(response.status)));
    head.set(http::field::server, "assayd");
    head.set(http::field::content_type, response.content_type);
    head.set("X-Content-Type-Options", "nosniff");
    for (const auto& [name, value] : response.headers) head.set(name, value);
    if (content_length >= 0) head.set(http::field::content_length, std::to_string(content_length));
    head.set(http::field::connection, keep_alive ? "keep-alive" : "close");
    std::ostringstream out;
    out << head.base();
    return out.str();
}

}  // namespace

Session::Session(tcp::socket socket, std::shared_ptr<Shared> shared, std::string address)
    : shared_(std::move(shared)),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      address_(std::move(address)),
      opened_(Clock::now()) {}

Session::~Session() {
    --shared_->counts.open;
    const std::lock_guard lock(shared_->mutex);
    shared_->sessions.erase(this);
    if (--shared_->per_address[address_] == 0) shared_->per_address.erase(address_);
}

void Session::start() {
    boost::system::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    net::dispatch(socket_.get_executor(), [self = shared_from_this()] {
        self->arm(self->shared_->limits.idle_deadline);
        self->read_more();
    });
}

void Session::drain() {
    net::post(socket_.get_executor(), [self = shared_from_this()] {
        if (self->phase_ == Phase::idle) self->finish();
    });
}

void Session::close() {
    net::post(socket_.get_executor(), [self = shared_from_this()] { self->finish(); });
}

// One timer, armed anew for every phase. An expiry that was already queued when the timer was armed
// again is recognised by its round.
void Session::arm(std::chrono::milliseconds after) {
    const std::uint64_t round = ++timer_round_;
    timer_.expires_after(after);
    timer_.async_wait([self = shared_from_this(), round](const boost::system::error_code& error) {
        if (!error && round == self->timer_round_) self->expired();
    });
}

/// The time an answer may have taken once `bytes` have gone through, measured from the beginning
/// of the phase.
void Session::arm_transfer(std::uint64_t bytes) {
    const Limits& limits = shared_->limits;
    const auto earned =
        std::chrono::milliseconds(bytes * 1000 / limits.transfer_bytes_per_second_min);
    const auto used =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - phase_began_);
    arm(std::max(std::chrono::milliseconds(1), limits.transfer_grace + earned - used));
}

/// The time in which more of a body must come. Each byte earns some, but what came fast earns no
/// long silence: an upload holds room that others wait for. The server's own time does not count.
void Session::arm_body(std::uint64_t new_bytes) {
    const Limits& limits = shared_->limits;
    const auto earned =
        std::chrono::milliseconds(new_bytes * 1000 / limits.transfer_bytes_per_second_min);
    body_credit_ =
        std::min<std::chrono::milliseconds>(body_credit_ + earned, limits.body_stall_max);
    body_wait_began_ = Clock::now();
    arm(std::max(std::chrono::milliseconds(1), body_credit_));
}

void Session::expired() {
    switch (phase_) {
        case Phase::head:
        case Phase::body:
            refuse({408, "timeout", "the request came too slowly"});
            return;
        case Phase::handling:
            refuse({503, "busy", "the request took too long"});
            return;
        case Phase::idle:
        case Phase::writing:
        case Phase::lingering:
        case Phase::closed:
            finish();
            return;
    }
}

void Session::read_more() {
    reading_ = true;
    socket_.async_read_some(
        net::buffer(piece_),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
            Session& s = *self;
            s.reading_ = false;
            if (s.phase_ == Phase::closed) return;
            if (s.phase_ == Phase::lingering) {
                s.lingered_ += size;
                if (error || s.lingered_ > 4 * 1024 * 1024) return s.finish();
                return s.read_more();
            }
            if (s.phase_ != Phase::idle && s.phase_ != Phase::head && s.phase_ != Phase::body)
                return;
            if (error) return s.finish();
            if (s.phase_ == Phase::body) {
                s.body_credit_ -= std::chrono::duration_cast<std::chrono::milliseconds>(
                    Clock::now() - s.body_wait_began_);
                if (!s.feed_body({reinterpret_cast<const std::uint8_t*>(s.piece_.data()), size}))
                    return;
                return s.take_body();
            }
            s.buffer_.append(s.piece_.data(), size);
            s.head_bytes();
        });
}

/// Looks for a whole head in what has arrived.
void Session::head_bytes() {
    if (phase_ == Phase::idle) {
        phase_ = Phase::head;
        request_ = Request();
        request_.id = shared_->application.next_request_id();
        request_.address = address_;
        request_began_ = Clock::now();
        arm(shared_->limits.head_deadline);
    }
    const std::size_t end = buffer_.find("\r\n\r\n");
    const std::string_view head = std::string_view(buffer_).substr(0, end);
    for (std::size_t at = head.find('\n'); at != std::string_view::npos;
         at = head.find('\n', at + 1)) {
        if (at == 0 || head[at - 1] != '\r')
            return refuse({400, "bad_framing", "a line ends in LF without CR"});
    }
    if (end != std::string::npos) return accept_head(end + 4);
    if (buffer_.size() > kHeadBytesMax)
        return refuse({431, "head_too_large", "the request head is longer than 8 KiB"});
    read_more();
}

void Session::accept_head(std::size_t head_size) {
    const std::string raw = buffer_.substr(0, head_size);
    const auto head = check_head(raw, shared_->hosts);
    if (!head) return refuse(head.error());
    const auto parsed = parse_head(raw);
    if (!parsed || parsed->target != head->target ||
        parsed->content_length != head->content_length) {
        return refuse({400, "bad_framing", "the request head can be read in two ways"});
    }
    buffer_.erase(0, head_size);
    request_.method = head->method;
    request_.headers = head->headers;
    keep_alive_ = head->keep_alive && ++requests_ < shared_->limits.requests_per_connection_max &&
                  Clock::now() - opened_ < shared_->limits.connection_age_max;
    body_left_ = head->content_length;
    body_seen_ = 0;
    if (const auto split = split_target(head->target, request_); !split)
        return refuse(split.error());
    auto plan = shared_->application.plan(request_, head->content_length);
    if (!plan) return refuse(plan.error());
    plan_ = std::move(*plan);
    if (body_left_ > plan_.bytes_max)
        return refuse({413, "body_too_large",
                       "the body may have at most " + std::to_string(plan_.bytes_max) + " bytes"});
    phase_ = Phase::body;
    phase_began_ = Clock::now();
    body_credit_ = shared_->limits.transfer_grace;
    body_armed_ = 0;
    if (head->expects_continue && buffer_.empty() && body_left_ > 0) return send_continue();
    take_body();
}

void Session::send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    arm_body(0);
    net::async_write(
        socket_, net::buffer(kContinue),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
            if (self->phase_ != Phase::body) return;
            if (error) return self->finish();
            self->take_body();
        });
}

void Session::take_body() {
    if (!buffer_.empty() && body_left_ > 0) {
        const std::size_t size =
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), body_left_));
        const std::string piece = buffer_.substr(0, size);
        buffer_.erase(0, size);
        if (!feed_body(base::view_of(piece))) return;
    }
    if (body_left_ == 0) return body_done();
    arm_body(body_seen_ - body_armed_);
    body_armed_ = body_seen_;
    read_more();
}

/// False when the request was refused. What follows the body stays in the buffer: it is the next
/// request.
bool Session::feed_body(base::ByteView bytes) {
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_));
    const base::ByteView mine = bytes.first(size);
    buffer_.append(reinterpret_cast<const char*>(bytes.data()) + size, bytes.size() - size);
    body_left_ -= size;
    body_seen_ += size;
    if (!plan_.upload) {
        request_.body.insert(request_.body.end(), mine.begin(), mine.end());
        return true;
    }
    const auto written = plan_.upload->write(mine);
    if (written) return true;
    refuse(written.error());
    return false;
}

void Session::body_done() {
    phase_ = Phase::handling;
    arm(shared_->limits.answer_deadline);
    // The answer may come from any thread and after this session has ended.
    Deliver deliver = [weak = weak_from_this(), shared = shared_,
                       executor = socket_.get_executor()](Answer answer) {
        net::post(executor, [weak, answer = std::move(answer)]() mutable {
            const auto self = weak.lock();
            if (self && self->phase_ == Phase::handling) self->answer(std::move(answer));
        });
    };
    if (plan_.upload) {
        // The upload lives until it has answered.
        std::shared_ptr<Upload> upload = std::move(plan_.upload);
        upload->finish([deliver, upload](Response response) {
            deliver({std::move(response), nullptr});
        });
        return;
    }
    Request copy = request_;
    request_.body.clear();
    shared_->application.handle(std::move(copy), std::move(deliver));
}

/// Answers and closes: used where the rest of the input cannot or need not be read.
void Session::refuse(const Problem& problem) {
    plan_.upload.reset();
    keep_alive_ = false;
    answer({problem_response(problem, request_.id), nullptr});
}

void Session::answer(Answer answer) {
    answer_ = std::move(answer);
    if (answer_.response.close || shared_->draining || answer_.feed) keep_alive_ = false;
    phase_ = Phase::writing;
    phase_began_ = Clock::now();
    written_ = 0;
    write_answer();
}

void Session::write_answer() {
    Response& response = answer_.response;
    const auto* file = std::get_if<FileBody>(&response.body);
    std::int64_t length = -1;
    if (!answer_.feed && response.status != 304) {
        length = static_cast<std::int64_t>(
            file != nullptr ? file->size : std::get<std::string>(response.body).size());
    }
    file_left_ = 0;
    if (file != nullptr && request_.method != Method::head) {
        file_.close();
        file_.clear();
        file_.open(file->file, std::ios::binary);
        file_.seekg(static_cast<std::streamoff>(file->offset));
        file_left_ = file->size;
        if (!file_) return refuse({404, "not_found", "the blob is gone"});
    }
    head_text_ = response_head(response, length, keep_alive_);
    std::array<net::const_buffer, 2> parts{net::buffer(head_text_), net::const_buffer()};
    if (file == nullptr && request_.method != Method::head && response.status != 304)
        parts[1] = net::buffer(std::get<std::string>(response.body));
    arm_transfer(0);
    net::async_write(
        socket_, parts,
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
            if (self->phase_ != Phase::writing) return;
            if (error) return self->finish();
            self->written_ += size;
            if (self->answer_.feed) return self->pull_feed();
            self->write_file_piece();
        });
}

void Session::write_file_piece() {
    if (file_left_ == 0) return after_answer();
    const auto wanted =
        static_cast<std::streamsize>(std::min<std::uint64_t>(piece_.size(), file_left_));
    file_.read(piece_.data(), wanted);
    // A file that became shorter cannot be mended in the middle of an answer: the client sees the
    // connection end early.
    if (file_.gcount() != wanted) return finish();
    file_left_ -= static_cast<std::uint64_t>(wanted);
    arm_transfer(written_);
    net::async_write(
        socket_, net::buffer(piece_.data(), static_cast<std::size_t>(wanted)),
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
            if (self->phase_ != Phase::writing) return;
            if (error) return self->finish();
            self->written_ += size;
            self->write_file_piece();
        });
}

/// Event streams: the next piece is asked for when the last one is written.
void Session::pull_feed() {
    if (shared_->draining) return finish();
    // The feed sends heartbeats, so it has something to say well before this.
    arm(2 * shared_->limits.event_heartbeat + shared_->limits.transfer_grace);
    answer_.feed->next([weak = weak_from_this(), shared = shared_,
                        executor = socket_.get_executor()](std::string text) {
        net::post(executor, [weak, text = std::move(text)]() mutable {
            const auto self = weak.lock();
            if (!self || self->phase_ != Phase::writing) return;
            if (text.empty()) return self->after_answer();
            self->stream_piece_ = std::move(text);
            self->phase_began_ = Clock::now();
            self->arm_transfer(0);
            net::async_write(self->socket_, net::buffer(self->stream_piece_),
                             [self](const boost::system::error_code& error, std::size_t size) {
                                 if (self->phase_ != Phase::writing) return;
                                 if (error) return self->finish();
                                 self->written_ += size;
                                 self->pull_feed();
                             });
        });
    });
}

void Session::after_answer() {
    const double seconds = std::chrono::duration<double>(Clock::now() - request_began_).count();
    shared_->application.observe(request_, answer_.response.status, written_, seconds);
    answer_ = Answer();
    if (!keep_alive_) return linger();
    phase_ = Phase::idle;
    arm(shared_->limits.idle_deadline);
    if (shared_->draining) return finish();
    if (buffer_.empty()) return read_more();
    head_bytes();
}

/// Says that nothing more will be sent and reads on for a moment, so that the answer is not lost in
/// a reset when the client is still sending.
void Session::linger() {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    phase_ = Phase::lingering;
    lingered_ = 0;
    arm(shared_->limits.linger);
    if (!reading_) read_more();  // else the read of the phase that was refused goes on in this one
}

void Session::finish() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    ++timer_round_;
    timer_.cancel();
    plan_.upload.reset();
    answer_ = Answer();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace assay::server
