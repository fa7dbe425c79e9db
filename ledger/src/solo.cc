#include "solo.h"

#include <algorithm>

#include "base/check.h"

namespace assay::ledger {
namespace {

using base::TimeMs;

/// How many callers may wait for one and the same transaction.
constexpr std::size_t kWaitersMax = 64;
/// The clock is looked at again after this long, since it may be set.
constexpr std::chrono::milliseconds kClockCheck{1000};

Outcome plain(Outcome::Status status, const base::TransactionId& id,
              market::Refusal code = market::Refusal::none) {
    return {status, id, code, std::nullopt};
}

Outcome in_block(const Receipt& receipt) {
    return {Outcome::Status::in_block, receipt.id, receipt.code, receipt};
}

}  // namespace

Solo::Solo(Chain& chain, const Store& store, const Options& options)
    : chain_(chain),
      store_(store),
      options_(options),
      chain_id_(chain.facts().chain_id),
      height_(chain.head().height) {}

Solo::~Solo() { stop(); }

void Solo::start(std::function<void(const Head&)> on_block) {
    on_block_ = std::move(on_block);
    plan_next(true);
    writer_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Solo::stop() {
    writer_.request_stop();
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    if (writer_.joinable()) writer_.join();
    std::map<base::TransactionId, std::vector<Done>> left;
    {
        const std::lock_guard lock(mutex_);
        left.swap(waiters_);
        queue_.clear();
        queue_bytes_ = 0;
    }
    for (const auto& [id, callbacks] : left) {
        for (const Done& done : callbacks) done(plain(Outcome::Status::stopped, id));
    }
}

void Solo::submit(base::Bytes raw, Done done) {
    const base::TransactionId id = transaction_id_of(raw);
    const auto weight = options_.rules->check_bytes(raw, chain_id_);
    std::optional<Outcome> known;
    if (!weight) known = plain(Outcome::Status::refused, id, weight.error());
    std::unique_lock lock(mutex_);
    if (known) {
        ++metrics_.refused_at_admission;
    } else if (const auto waiting = waiters_.find(id); waiting != waiters_.end() && !stopped_) {
        if (waiting->second.size() < kWaitersMax) {
            waiting->second.push_back(std::move(done));
            return;
        }
        known = plain(Outcome::Status::busy, id);
    } else if (const auto stored = store_.get(Table::results, id.view())) {
        // A transaction leaves `waiters_` only after its receipt is stored, so it is found in one
        // of the two.
        const auto receipt = decode_receipt(*stored);
        ASSAY_CHECK(receipt.has_value());
        known = in_block(*receipt);
    } else if (stopped_) {
        known = plain(Outcome::Status::stopped, id);
    } else if (raw.size() > options_.block_bytes_max ||
               queue_.size() >= options_.queue_transactions_max ||
               queue_bytes_ + raw.size() > options_.queue_bytes_max) {
        ++metrics_.refused_busy;
        known = plain(Outcome::Status::busy, id);
    }
    if (known) {
        lock.unlock();
        done(*known);
        return;
    }
    queue_bytes_ += raw.size();
    waiters_[id].push_back(std::move(done));
    queue_.push_back({id, std::move(raw), *weight});
    lock.unlock();
    changed_.notify_all();
}

void Solo::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_all();
}

bool Solo::wait_above(base::Height height, std::chrono::milliseconds deadline) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, deadline, [&] { return height_ > height || stopped_; });
    return height_ > height;
}

Metrics Solo::metrics() const {
    const std::lock_guard lock(mutex_);
    Metrics out = metrics_;
    out.queue_transactions = queue_.size();
    out.queue_bytes = queue_bytes_;
    return out;
}

void Solo::run(const std::stop_token& stop) {
    while (auto batch = collect(stop)) make_block(std::move(*batch));
}

std::optional<std::vector<Solo::Waiting>> Solo::collect(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (queue_.empty() && !stop.stop_requested() && !timer_due(options_.clock->now())) {
        const auto something = [&] { return !queue_.empty() || woken_ || stop.stop_requested(); };
        if (wake_at_) {
            const TimeMs now = options_.clock->now();
            const auto left = std::chrono::milliseconds(
                wake_at_->value > now.value ? wake_at_->value - now.value : 0);
            changed_.wait_for(lock, std::min(left, kClockCheck), something);
        } else {
            changed_.wait(lock, something);
        }
        woken_ = false;
    }
    if (stop.stop_requested()) return std::nullopt;
    std::vector<Waiting> batch;
    std::size_t bytes = 0;
    const std::uint64_t weight_max = chain_.block_weight_max();
    std::uint64_t weight = 0;
    while (!queue_.empty() && batch.size() < options_.block_transactions_max) {
        bytes += queue_.front().raw.size();
        weight += queue_.front().weight;
        // One that is too heavy for any block goes alone, and is refused.
        if (bytes > options_.block_bytes_max || (weight > weight_max && !batch.empty())) break;
        queue_bytes_ -= queue_.front().raw.size();
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    return batch;
}

void Solo::make_block(std::vector<Waiting> batch) {
    const Head previous = chain_.head();
    const TimeMs now = options_.clock->now();
    const TimeMs time{std::max(now.value, previous.time.value + 1)};
    std::vector<base::Bytes> candidates;
    for (Waiting& waiting : batch) candidates.push_back(std::move(waiting.raw));
    const Prepared prepared = chain_.prepare(time, std::move(candidates));
    ASSAY_CHECK(prepared.included.size() + prepared.left_out.size() == batch.size());
    if (prepared.included.empty() && !timer_due(now)) {
        chain_.abandon();
    } else {
        ASSAY_CHECK(!chain_.process(prepared.proposal));
        const Finalized finalized = chain_.finalize(prepared.proposal);
        chain_.commit();
        const Head& head = chain_.head();
        count_block(finalized);
        plan_next(head.state_root != previous.state_root || !prepared.included.empty());
        for (const Receipt& receipt : finalized.receipts) answer(receipt.id, in_block(receipt));
        on_block_(head);
    }
    for (const LeftOut& left : prepared.left_out) {
        answer(batch[left.candidate].id,
               plain(Outcome::Status::refused, batch[left.candidate].id, left.code));
    }
}

void Solo::plan_next(bool changed) {
    const TimeMs previous = chain_.head().time;
    const TimeMs latest{previous.value + options_.block_interval_ms_max};
    const auto due = chain_.next_due();
    // A block that changed nothing though a timer was due must not be followed by another one at
    // once.
    wake_at_ = due ? std::optional(changed ? std::min(*due, latest) : latest) : std::nullopt;
}

void Solo::answer(const base::TransactionId& id, Outcome outcome) {
    std::vector<Done> callbacks;
    {
        const std::lock_guard lock(mutex_);
        const auto found = waiters_.find(id);
        ASSAY_CHECK(found != waiters_.end());
        callbacks = std::move(found->second);
        waiters_.erase(found);
        if (outcome.status == Outcome::Status::refused) metrics_.refused_at_admission += 1;
    }
    for (const Done& done : callbacks) done(outcome);
}

void Solo::count_block(const Finalized& finalized) {
    const Chain::CommitCost& cost = chain_.cost();
    {
        const std::lock_guard lock(mutex_);
        height_ = finalized.block.head.height;
        metrics_.blocks += 1;
        metrics_.transactions += finalized.receipts.size();
        for (const Receipt& receipt : finalized.receipts)
            metrics_.refused_in_block += receipt.code != market::Refusal::none ? 1U : 0U;
        metrics_.events += finalized.events.size();
        metrics_.block_bytes += cost.block_bytes;
        metrics_.execute_us += cost.execute_us;
        metrics_.tree_us += cost.tree_us;
        metrics_.write_us += cost.write_us;
        metrics_.state_writes += cost.state_writes;
    }
    changed_.notify_all();
}

}  // namespace assay::ledger
