#include <algorithm>
#include <thread>
#include <vector>

#include "session_impl.h"

namespace assay::server {
namespace {

std::string address_text(const tcp::endpoint& endpoint) { return endpoint.address().to_string(); }

/// Values of Host that mean this node: its address and localhost, the given names, each with the
/// port.
std::set<std::string, std::less<>> accepted_hosts(const ListenerOptions& options,
                                                  const tcp::endpoint& bound) {
    std::string port(":");
    port += std::to_string(bound.port());
    std::set<std::string, std::less<>> hosts{"localhost" + port, "127.0.0.1" + port,
                                             "[::1]" + port};
    const std::string own = address_text(bound);
    hosts.insert(bound.address().is_v6() ? "[" + own + "]" + port : own + port);
    for (const std::string& name : options.host_names) {
        hosts.insert(name);
        hosts.insert(name + port);
    }
    return hosts;
}

}  // namespace

struct Listener::Impl {
    explicit Impl(Application& application) : shared(std::make_shared<Shared>(application)) {}

    void accept() {
        acceptor->async_accept(net::make_strand(context),
                               [this](const boost::system::error_code& error, tcp::socket socket) {
                                   if (!acceptor->is_open()) return;
                                   if (!error) {
                                       admit(std::move(socket));
                                   } else if (error == net::error::no_descriptors ||
                                              error == net::error::no_buffer_space) {
                                       pause();
                                       return;
                                   }
                                   accept();
                               });
    }

    /// Out of descriptors: accepting again at once would only spin.
    void pause() {
        pause_timer.expires_after(std::chrono::milliseconds(100));
        pause_timer.async_wait([this](const boost::system::error_code& error) {
            if (!error && acceptor->is_open()) accept();
        });
    }

    void admit(tcp::socket socket) {
        boost::system::error_code error;
        const tcp::endpoint peer = socket.remote_endpoint(error);
        if (error) return;
        const std::string address = address_text(peer);
        std::shared_ptr<Session> session;
        {
            const std::lock_guard lock(shared->mutex);
            std::size_t& here = shared->per_address[address];
            if (shared->draining || shared->counts.open >= shared->limits.connections_max ||
                here >= shared->limits.connections_per_address_max) {
                if (here == 0) shared->per_address.erase(address);
                ++shared->counts.refused;
                return;  // closing the socket is the answer: a client that floods gets no work done
                         // for it
            }
            ++here;
            ++shared->counts.open;
            ++shared->counts.accepted;
            session = std::make_shared<Session>(std::move(socket), shared, address);
            shared->sessions.emplace(session.get(), session);
        }
        session->start();
    }

    /// Live sessions, kept alive outside the lock: a session's destructor takes it.
    std::vector<std::shared_ptr<Session>> live() {
        std::vector<std::shared_ptr<Session>> sessions;
        const std::lock_guard lock(shared->mutex);
        for (const auto& [key, weak] : shared->sessions) {
            if (auto session = weak.lock()) sessions.push_back(std::move(session));
        }
        return sessions;
    }

    std::shared_ptr<Shared> shared;
    net::io_context& context{shared->context};
    std::optional<net::executor_work_guard<net::io_context::executor_type>> work{
        net::make_work_guard(context)};
    std::optional<tcp::acceptor> acceptor;
    net::strand<net::io_context::executor_type> accepting{
        net::make_strand(context)};  ///< acceptor and pause run here
    net::steady_timer pause_timer{accepting};
    std::uint16_t port = 0;
    std::vector<std::jthread> threads;
};

Listener::Listener() = default;

tl::expected<std::unique_ptr<Listener>, std::string> Listener::start(const ListenerOptions& options,
                                                                     Application& application) {
    std::unique_ptr<Listener> listener(new Listener());
    listener->impl_ = std::make_unique<Impl>(application);
    Impl& impl = *listener->impl_;
    impl.shared->limits = options.limits;
    boost::system::error_code error;
    const auto address = net::ip::make_address(options.address, error);
    if (error) return tl::unexpected("'" + options.address + "' is not an IP address");
    impl.acceptor.emplace(impl.accepting);
    const tcp::endpoint wanted(address, options.port);
    impl.acceptor->open(wanted.protocol(), error);
    if (!error) impl.acceptor->set_option(net::socket_base::reuse_address(true), error);
    if (!error) impl.acceptor->bind(wanted, error);
    if (!error) impl.acceptor->listen(net::socket_base::max_listen_connections, error);
    if (error)
        return tl::unexpected("cannot listen on " + options.address + ":" +
                              std::to_string(options.port) + ": " + error.message());
    const tcp::endpoint bound = impl.acceptor->local_endpoint(error);
    impl.port = bound.port();
    impl.shared->hosts = accepted_hosts(options, bound);
    net::post(impl.accepting, [&impl] { impl.accept(); });
    for (unsigned i = 0; i < std::max(1U, options.limits.io_threads); ++i) {
        impl.threads.emplace_back([&impl] { impl.context.run(); });
    }
    return listener;
}

std::uint16_t Listener::port() const { return impl_->port; }
const ConnectionCounts& Listener::counts() const { return impl_->shared->counts; }

void Listener::drain(std::chrono::milliseconds deadline) {
    Impl& impl = *impl_;
    if (!impl.work) return;
    impl.shared->draining = true;
    net::post(impl.accepting, [&impl] {
        boost::system::error_code ignored;
        impl.acceptor->close(ignored);
        impl.pause_timer.cancel();
    });
    for (const auto& session : impl.live()) session->drain();
    const auto end = std::chrono::steady_clock::now() + deadline;
    while (impl.shared->counts.open > 0 && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (const auto& session : impl.live()) session->close();
    impl.work.reset();
    impl.threads.clear();  // joins: every session has been closed, so the context runs out of work
}

Listener::~Listener() {
    if (impl_) drain(std::chrono::milliseconds(0));
}

}  // namespace assay::server
