#include "server/server.h"

#include "event_hub.h"
#include "handlers.h"
#include "metrics.h"
#include "router.h"
#include "session.h"
#include "worker_pool.h"

namespace assay::server {

struct Server::Impl {
    Impl(const Options& options, const Dependencies& d)
        : limits(options.limits),
          pool(limits.worker_threads, limits.queue_max),
          hub(pool, limits.event_waiters_max),
          context{d.node, d.blobs, d.checker, d.receipt_key, limits, d.clock,
                  pool,   hub,     metrics,   draining,      plans},
          router(context) {
        hub.block(d.node.snapshot().head().height.value);
        blocks =
            d.node.subscribe([this](const ledger::Head& head) { hub.block(head.height.value); });
    }

    const Limits limits;
    std::atomic<bool> draining{false};
    std::atomic<unsigned> plans{0};
    Metrics metrics;
    WorkerPool pool;
    EventHub hub;
    Context context;
    Router router;
    ledger::Node::Subscription blocks;  // before everything it calls is destroyed
    std::unique_ptr<Listener> listener;
};

Server::Server() = default;

tl::expected<std::unique_ptr<Server>, std::string> Server::start(const Options& options,
                                                                 const Dependencies& dependencies) {
    std::unique_ptr<Server> server(new Server());
    server->impl_ = std::make_unique<Impl>(options, dependencies);
    auto listener = Listener::start(
        {options.address, options.port, options.host_names, options.limits}, server->impl_->router);
    if (!listener) return tl::unexpected(listener.error());
    server->impl_->listener = std::move(*listener);
    return server;
}

std::uint16_t Server::port() const { return impl_->listener->port(); }

void Server::drain(std::chrono::milliseconds deadline) {
    impl_->draining = true;
    impl_->hub.stop();
    impl_->listener->drain(deadline);
}

Server::~Server() {
    if (!impl_) return;
    if (impl_->listener) drain(std::chrono::milliseconds(0));
    // Tasks use everything below; none may run while it is taken down.
    impl_->blocks = {};
    impl_->pool.stop();
}

}  // namespace assay::server
