#include "transport.h"

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fstream>

namespace assay::client {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using tcp = net::ip::tcp;
using Error = boost::system::error_code;
using Parser = http::response_parser<http::buffer_body>;

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::uint64_t kBytesPerSecondMin = 64 * 1024;
constexpr std::uint32_t kHeadBytesMax = 16 * 1024;

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

}  // namespace

std::string_view Incoming::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

std::optional<std::pair<std::string, std::string>> split_url(std::string_view url) {
    constexpr std::string_view kScheme = "http://";
    if (!url.starts_with(kScheme)) return std::nullopt;
    url.remove_prefix(kScheme.size());
    if (url.ends_with('/')) url.remove_suffix(1);
    const std::size_t colon = url.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    std::string_view host = url.substr(0, colon);
    const std::string_view port = url.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (host.empty() || port.empty() || port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), is_digit))
        return std::nullopt;
    const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
        return c > 0x20 && c < 0x7f && c != '/' && c != '@' && c != '?' && c != '#';
    });
    if (!plain) return std::nullopt;
    return std::pair(std::string(host), std::string(port));
}

struct Transport::Impl {
    Impl(std::string host_in, std::string port_in, std::chrono::milliseconds connect_in)
        : host(std::move(host_in)), port(std::move(port_in)), connect_timeout(connect_in) {}

    /// Runs what was started until it is done or `deadline` passes; then everything on the socket
    /// is cancelled.
    bool run(std::chrono::steady_clock::time_point deadline) {
        context.restart();
        context.run_until(deadline);
        if (context.stopped()) return true;
        close();
        context.run();
        return false;
    }

    void close() {
        Error ignored;
        socket.close(ignored);
        buffer.clear();
    }

    tl::expected<void, Failure> connect() {
        Error error;
        tcp::resolver resolver(context);
        // Addresses need no resolver thread; names are resolved synchronously, with the system's
        // own limits.
        const auto endpoints = resolver.resolve(host, port, error);
        if (error) return tl::unexpected(Failure::refused);
        bool connected = false;
        net::async_connect(socket, endpoints,
                           [&](const Error& result, const tcp::endpoint&) { connected = !result; });
        if (!run(std::chrono::steady_clock::now() + connect_timeout))
            return tl::unexpected(Failure::timeout);
        if (!connected) {
            close();
            return tl::unexpected(Failure::refused);
        }
        socket.set_option(tcp::no_delay(true), error);
        return {};
    }

    std::string head_of(const Outgoing& request, std::uint64_t body_size) const {
        const bool v6 = host.find(':') != std::string::npos;
        std::string head = request.method + " " + request.target +
                           " HTTP/1.1\r\nHost: " + (v6 ? "[" + host + "]" : host) + ":" + port +
                           "\r\n";
        if (request.method == "POST" || request.method == "PUT")
            head += "Content-Length: " + std::to_string(body_size) + "\r\n";
        for (const auto& [name, value] : request.headers) head += name + ": " + value + "\r\n";
        return head + "\r\n";
    }

    /// False: the connection ended while writing. An answer may be there all the same (a refusal
    /// before the body was read).
    tl::expected<bool, Failure> send(const Outgoing& request) {
        std::ifstream file;
        std::uint64_t size = request.body.size();
        if (!request.body_file.empty()) {
            std::error_code missing;
            size = std::filesystem::file_size(request.body_file, missing);
            file.open(request.body_file, std::ios::binary);
            if (missing || !file) return tl::unexpected(Failure::sink);
        }
        const std::string head = head_of(request, size);
        Error result;
        bool done = false;
        const auto write = [&](const auto& buffers) {
            done = false;
            net::async_write(socket, buffers,
                             [&](const Error& error, std::size_t) { result = error, done = true; });
            return run(std::chrono::steady_clock::now() + request.deadline) && done;
        };
        if (request.body_file.empty()) {
            const std::array<net::const_buffer, 2> parts{
                net::buffer(head), net::const_buffer(request.body.data(), request.body.size())};
            if (!write(parts)) return tl::unexpected(Failure::timeout);
            return !result;
        }
        if (!write(std::array<net::const_buffer, 1>{net::buffer(head)}))
            return tl::unexpected(Failure::timeout);
        std::vector<char> piece(kPiece);
        while (size > 0 && !result) {
            const auto wanted =
                static_cast<std::streamsize>(std::min<std::uint64_t>(size, piece.size()));
            file.read(piece.data(), wanted);
            if (file.gcount() != wanted) return tl::unexpected(Failure::sink);
            size -= static_cast<std::uint64_t>(wanted);
            if (!write(std::array<net::const_buffer, 1>{
                    net::const_buffer(piece.data(), static_cast<std::size_t>(wanted))}))
                return tl::unexpected(Failure::timeout);
        }
        return !result;
    }

    tl::expected<Incoming, Failure> receive(const Outgoing& request, std::size_t body_max,
                                            const Sink& sink, bool& any_byte) {
        Parser parser;
        parser.header_limit(kHeadBytesMax);
        parser.body_limit(boost::none);
        if (request.method == "HEAD") parser.skip(true);
        Error result;
        std::size_t got = 0;
        const auto note = [&](const Error& error, std::size_t size) { result = error, got = size; };
        http::async_read_header(socket, buffer, parser, note);
        if (!run(std::chrono::steady_clock::now() + request.deadline))
            return tl::unexpected(Failure::timeout);
        any_byte = got > 0;
        if (result) return tl::unexpected(any_byte ? Failure::bad_answer : Failure::refused);
        Incoming incoming;
        incoming.status = parser.get().result_int();
        for (const auto& field : parser.get()) {
            incoming.headers.emplace_back(
                lower({field.name_string().data(), field.name_string().size()}),
                std::string(field.value()));
        }
        const bool sunk = sink && incoming.status >= 200 && incoming.status < 300;
        const auto began = std::chrono::steady_clock::now();
        std::uint64_t received = 0;
        std::vector<std::uint8_t> piece(kPiece);
        while (!parser.is_done()) {
            parser.get().body().data = piece.data();
            parser.get().body().size = piece.size();
            http::async_read(socket, buffer, parser, note);
            const auto earned = std::chrono::milliseconds(received * 1000 / kBytesPerSecondMin);
            if (!run(began + request.deadline + earned)) return tl::unexpected(Failure::timeout);
            if (result == http::error::need_buffer) result = {};
            if (result) return tl::unexpected(Failure::refused);
            const base::ByteView bytes(piece.data(), piece.size() - parser.get().body().size);
            received += bytes.size();
            if (sunk) {
                if (!sink(incoming, bytes)) return tl::unexpected(Failure::sink);
            } else {
                if (incoming.body.size() + bytes.size() > body_max)
                    return tl::unexpected(Failure::bad_answer);
                incoming.body.insert(incoming.body.end(), bytes.begin(), bytes.end());
            }
        }
        if (!parser.keep_alive()) close();
        return incoming;
    }

    const std::string host, port;
    const std::chrono::milliseconds connect_timeout;
    net::io_context context{1};
    tcp::socket socket{context};
    boost::beast::flat_buffer buffer{kPiece + kHeadBytesMax};
};

Transport::Transport(std::string host, std::string port, std::chrono::milliseconds connect_timeout)
    : impl_(std::make_unique<Impl>(std::move(host), std::move(port), connect_timeout)) {}
Transport::~Transport() = default;

tl::expected<Incoming, Failure> Transport::exchange(const Outgoing& request, std::size_t body_max,
                                                    const Sink& sink) {
    Impl& impl = *impl_;
    for (int attempt = 0;; ++attempt) {
        const bool reused = impl.socket.is_open();
        if (!reused) {
            if (const auto connected = impl.connect(); !connected)
                return tl::unexpected(connected.error());
        }
        bool any_byte = false;
        const auto sent = impl.send(request);
        tl::expected<Incoming, Failure> answer = tl::unexpected(Failure::refused);
        if (sent) {
            answer = impl.receive(request, body_max, sink, any_byte);
        } else {
            answer = tl::unexpected(sent.error());
        }
        if (answer) {
            if (!*sent) impl.close();
            return answer;
        }
        impl.close();
        // A kept connection that the server closed in the meantime: once more on a fresh one.
        if (!(reused && attempt == 0 && !any_byte && answer.error() == Failure::refused))
            return answer;
    }
}

}  // namespace assay::client
