#include "ledger/node.h"

#include <mutex>

#include "base/check.h"
#include "chain.h"
#include "snapshot.h"
#include "solo.h"
#include "store.h"

namespace assay::ledger {
namespace {

OpenError open_error(const StoreError& error) {
    switch (error.problem) {
        case StoreProblem::absent:
            return {OpenProblem::not_found, error.detail};
        case StoreProblem::locked:
            return {OpenProblem::already_open, error.detail};
        case StoreProblem::corrupt:
            return {OpenProblem::corrupt, error.detail};
        case StoreProblem::storage:
            return {OpenProblem::storage, error.detail};
    }
    return {OpenProblem::storage, error.detail};
}

}  // namespace

/// Members are destroyed from the last to the first: the writer stops before what it uses goes
/// away.
struct Node::Impl {
    Impl(base::SecretKey operator_key, const Options& given)
        : key(std::move(operator_key)), options(given) {}

    base::SecretKey key;
    Options options;
    std::unique_ptr<Store> store;
    std::unique_ptr<Chain> chain;
    base::Hash chain_id;

    std::mutex
        subscribers_mutex;  ///< held during calls, so that a destroyed subscription is never called
    std::map<std::uint64_t, std::function<void(const Head&)>> subscribers;
    std::uint64_t subscriptions = 0;

    std::unique_ptr<Solo> solo;

    void tell(const Head& head) {
        const std::lock_guard lock(subscribers_mutex);
        for (const auto& [id, on_block] : subscribers) on_block(head);
    }
};

Node::Node() = default;
Node::~Node() {
    if (impl_) shutdown();
}

tl::expected<std::unique_ptr<Node>, OpenError> Node::open(const std::filesystem::path& dir,
                                                          std::optional<base::ByteView> genesis,
                                                          base::SecretKey operator_key,
                                                          const Options& options) {
    ASSAY_CHECK(options.clock != nullptr && options.rules != nullptr);
    auto node = std::unique_ptr<Node>(new Node);
    node->impl_ = std::make_unique<Impl>(std::move(operator_key), options);
    Impl& impl = *node->impl_;
    auto store = Store::open(dir, genesis ? Store::Mode::create_or_open : Store::Mode::open);
    if (!store) return tl::unexpected(open_error(store.error()));
    impl.store = std::move(*store);
    auto chain = Chain::open(*impl.store, genesis, impl.key, impl.options);
    if (!chain)
        return tl::unexpected(
            OpenError{chain.error().problem, dir.string() + ": " + chain.error().detail});
    impl.chain = std::move(*chain);
    impl.chain_id = impl.chain->facts().chain_id;
    impl.solo = std::make_unique<Solo>(*impl.chain, *impl.store, impl.options);
    impl.solo->start([&impl](const Head& head) { impl.tell(head); });
    return node;
}

void Node::submit(base::Bytes raw, std::function<void(const Outcome&)> done) {
    impl_->solo->submit(std::move(raw), std::move(done));
}

Snapshot Node::snapshot() const {
    return Snapshot(std::make_unique<Snapshot::Impl>(impl_->store->view(), *impl_->options.rules));
}

Node::Subscription Node::subscribe(std::function<void(const Head&)> on_block) {
    const std::lock_guard lock(impl_->subscribers_mutex);
    Subscription subscription;
    subscription.node_ = this;
    subscription.id_ = ++impl_->subscriptions;
    impl_->subscribers[subscription.id_] = std::move(on_block);
    return subscription;
}

Node::Subscription::Subscription(Subscription&& other) noexcept
    : node_(std::exchange(other.node_, nullptr)), id_(other.id_) {}

Node::Subscription& Node::Subscription::operator=(Subscription&& other) noexcept {
    std::swap(node_, other.node_);
    std::swap(id_, other.id_);
    return *this;
}

Node::Subscription::~Subscription() {
    if (node_ == nullptr) return;
    const std::lock_guard lock(node_->impl_->subscribers_mutex);
    node_->impl_->subscribers.erase(id_);
}

bool Node::wait_above(base::Height height, std::chrono::milliseconds deadline) const {
    return impl_->solo->wait_above(height, deadline);
}

const base::Hash& Node::chain_id() const { return impl_->chain_id; }

const base::PublicKey& Node::operator_key() const { return impl_->key.public_key(); }

base::Bytes Node::genesis() const {
    auto bytes = impl_->store->get(Table::meta, genesis_key());
    ASSAY_CHECK(bytes.has_value());
    return std::move(*bytes);
}

Metrics Node::metrics() const { return impl_->solo->metrics(); }

void Node::wake() { impl_->solo->wake(); }

void Node::shutdown() {
    if (impl_->solo) impl_->solo->stop();
}

}  // namespace assay::ledger
