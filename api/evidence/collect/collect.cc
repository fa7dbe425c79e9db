#include "evidence/collect.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/check.h"
#include "market/queries.h"
#include "market/rules.h"
#include "market/transactions.h"

namespace assay::evidence {
namespace {

using base::Height;
using ledger::StoredEvent;

constexpr std::size_t kHistoryPage = 1000;
constexpr std::size_t kEventsPage = ledger::Snapshot::kEventsMax;

class Attributes {
  public:
    explicit Attributes(const market::Event& event) : event_(event) {}
    [[nodiscard]] std::string text(std::string_view name) const {
        for (const auto& [key, value] : event_.attributes) {
            if (key == name) return value;
        }
        return {};
    }
    [[nodiscard]] base::Hash hash(std::string_view name) const {
        return base::hash_from_hex(text(name)).value_or(base::Hash{});
    }
    template <class Id>
    [[nodiscard]] Id id(std::string_view name) const {
        return Id{hash(name)};
    }
    /// The rules write decimal numbers of 64 bits.
    [[nodiscard]] std::uint64_t number(std::string_view name) const {
        std::uint64_t out = 0;
        for (const char digit : text(name))
            out = out * 10 + static_cast<std::uint64_t>(digit - '0');
        return out;
    }

  private:
    const market::Event& event_;
};

/// Calls `one` with every event of blocks [from, head] until it says false.
template <class One>
void for_each_event(const Records& records, Height from, One one) {
    std::optional<ledger::EventCursor> after;
    if (from.value > 0) after = ledger::EventCursor{{from.value - 1}, ~std::uint32_t{0}};
    while (true) {
        const auto events = records.events(after, kEventsPage);
        for (const StoredEvent& event : events) {
            if (!one(event)) return;
        }
        if (events.size() < kEventsPage) return;
        after = events.back().cursor;
    }
}

struct EpochSeen {
    Epoch epoch;
    std::map<base::PartId, Commitment> commitments;
    bool drawn = false;
};

class Collector {
  public:
    Collector(const Records& records, const market::Job& job) : records_(records), job_(job) {}

    /// False: nothing that comes later matters.
    bool take(const StoredEvent& event);
    std::optional<std::string> finish(Evidence& out, const market::Genesis& genesis);

  private:
    void about_epochs(const StoredEvent& event, const Attributes& attributes);
    void about_job(const StoredEvent& event, const Attributes& attributes);
    [[nodiscard]] bool wanted(const market::Transaction& transaction) const;
    void add_block(Evidence& out, Height height);
    void add_keys(const market::Genesis& genesis);

    const Records& records_;
    const market::Job& job_;
    std::map<std::uint64_t, EpochSeen> epochs_;
    std::optional<std::uint64_t> first_, last_;
    std::map<base::LeaseId, Lease> leases_;
    std::map<std::uint32_t, std::uint32_t> leases_of_lane_;
    std::set<base::LeaseId> used_;  ///< parts were committed under them
    std::set<base::PartId> parts_;
    std::set<base::AuditId> audits_;
    std::set<base::AccountId> signers_, changed_;
    std::set<Height> heights_;
};

void Collector::about_epochs(const StoredEvent& event, const Attributes& attributes) {
    const std::string& kind = event.event.kind;
    const std::uint64_t number = attributes.number("epoch");
    EpochSeen& seen = epochs_[number];
    seen.epoch.number = number;
    if (kind == "commitment_joined") {
        const Commitment commitment{attributes.id<base::PartId>("commitment"),
                                    attributes.id<base::JobId>("job"), attributes.hash("root")};
        seen.commitments[commitment.id] = commitment;
        if (commitment.id == market::init_commitment_id(job_.id)) first_ = number;
        if (commitment.id == market::job_commitment_id(job_.id)) last_ = number;
    } else if (kind == "part_retracted") {
        seen.commitments.erase(attributes.id<base::PartId>("part"));
    } else if (kind == "epoch_carried") {
        seen.epoch.members.clear();
    } else if (kind == "epoch_member") {
        seen.epoch.members.push_back(
            {attributes.id<base::AccountId>("validator"), attributes.number("weight")});
    } else if (kind == "epoch_closed") {
        seen.epoch.log_size = attributes.number("log_size");
        seen.epoch.log_root = attributes.hash("log_root");
        seen.epoch.jailed_weight = attributes.number("jailed_weight");
    } else if (kind == "epoch_contributed") {
        signers_.insert(attributes.id<base::AccountId>("validator"));
        heights_.insert(event.cursor.height);
    } else if (kind == "member_barred") {
        seen.epoch.barred.push_back({attributes.id<base::PartId>("commitment"),
                                     attributes.id<base::AccountId>("validator")});
    } else if (kind == "epoch_drawn") {
        seen.drawn = true;
    }
}

void Collector::about_job(const StoredEvent& event, const Attributes& attributes) {
    const std::string& kind = event.event.kind;
    if (kind == "lease_started") {
        // The rules number the leases of a lane as they start, from 0.
        const auto lane = static_cast<std::uint32_t>(attributes.number("lane"));
        const Lease lease{lane, leases_of_lane_[lane]++,
                          static_cast<std::uint32_t>(attributes.number("rate_ppm"))};
        const auto id = attributes.id<base::LeaseId>("lease");
        ASSAY_CHECK(id == market::lease_id(job_.id, lease.lane, lease.number));
        leases_[id] = lease;
    } else if (kind == "part_committed") {
        parts_.insert(attributes.id<base::PartId>("part"));
        used_.insert(attributes.id<base::LeaseId>("lease"));
    } else if (kind == "audit_revealed" || kind == "audit_cells_opened") {
        audits_.insert(attributes.id<base::AuditId>("audit"));
        signers_.insert(attributes.id<base::AccountId>("validator"));
    } else if (kind != "part_passed" && kind != "merge_posted" && kind != "job_posted") {
        return;
    }
    if (const std::string worker = attributes.text("worker"); !worker.empty())
        signers_.insert(attributes.id<base::AccountId>("worker"));
    heights_.insert(event.cursor.height);
}

bool Collector::take(const StoredEvent& event) {
    const Attributes attributes(event.event);
    const std::string& kind = event.event.kind;
    if (!attributes.text("epoch").empty() && kind != "part_committed" && kind != "part_void" &&
        kind != "part_unproved" && kind != "claim_redrawn")
        about_epochs(event, attributes);
    if (attributes.text("job") == job_.id.hex()) about_job(event, attributes);
    return !last_ || !epochs_[*last_].drawn;
}

bool Collector::wanted(const market::Transaction& transaction) const {
    const market::Message& message = transaction.message;
    if (const auto* commit = std::get_if<market::PartCommit>(&message))
        return leases_.contains(commit->lease);
    if (const auto* close = std::get_if<market::PartClose>(&message))
        return parts_.contains(close->part);
    if (const auto* merge = std::get_if<market::MergePost>(&message)) return merge->job == job_.id;
    if (const auto* reveal = std::get_if<market::VerdictReveal>(&message))
        return audits_.contains(reveal->audit);
    if (const auto* cells = std::get_if<market::CellsOpen>(&message))
        return audits_.contains(cells->audit);
    if (const auto* given = std::get_if<market::EpochContribute>(&message))
        return given->epoch >= *first_ && given->epoch <= *last_;
    return std::holds_alternative<market::KeysSet>(message) &&
           changed_.contains(transaction.header.account);
}

void Collector::add_block(Evidence& out, Height height) {
    const auto block = records_.block(height);
    ASSAY_CHECK(block.has_value());
    for (const ledger::BlockTransaction& in_block : *block) {
        if (in_block.code != market::Refusal::none) continue;
        const auto transaction = market::decode_transaction(in_block.raw);
        const base::TransactionId id = market::transaction_id(in_block.raw);
        if (!transaction || (!wanted(*transaction) && id != job_.transaction)) continue;
        const auto receipt = records_.receipt(id);
        ASSAY_CHECK(receipt.has_value());
        auto path = records_.inclusion(receipt->log_index);
        ASSAY_CHECK(path.has_value());
        out.transactions.push_back({in_block.raw, receipt->height, receipt->time, receipt->index,
                                    receipt->fee, receipt->log_index, std::move(*path)});
    }
}

/// Whose keys are not those of the genesis has changed them, perhaps long before the job.
void Collector::add_keys(const market::Genesis& genesis) {
    const base::Hash chain = market::chain_id(genesis);
    changed_ = signers_;
    for (const market::GenesisAccount& given : genesis.accounts) {
        const base::AccountId id = market::account_id(chain, given.cold);
        const auto account = market::find_account(records_.state(), id);
        const bool same = account && account->keys && account->keys->cold == given.cold &&
                          account->keys->hot == given.hot && account->keys->vrf == given.vrf;
        if (same) changed_.erase(id);
    }
    if (changed_.empty()) return;
    for_each_event(records_, {0}, [&](const StoredEvent& event) {
        if (event.event.kind == "keys_changed" &&
            changed_.contains(Attributes(event.event).id<base::AccountId>("account")))
            heights_.insert(event.cursor.height);
        return true;
    });
}

std::optional<std::string> Collector::finish(Evidence& out, const market::Genesis& genesis) {
    if (!first_ || !last_ || !epochs_[*last_].drawn)
        return "the epoch that holds the job's end is not drawn yet";
    signers_.insert(job_.submitter);
    add_keys(genesis);
    for (const Height& height : heights_) add_block(out, height);
    for (auto& [number, seen] : epochs_) {
        // An epoch whose only commitment was retracted is gone.
        if (number < *first_ || number > *last_ || seen.commitments.empty()) continue;
        std::set<base::PartId> own;
        for (const auto& [id, commitment] : seen.commitments) {
            seen.epoch.commitments.push_back(commitment);
            if (commitment.job == job_.id) own.insert(id);
        }
        std::set<std::pair<base::PartId, base::AccountId>> barred;
        for (const Barred& b : seen.epoch.barred) {
            if (own.contains(b.commitment)) barred.emplace(b.commitment, b.validator);
        }
        seen.epoch.barred.clear();
        for (const auto& [commitment, validator] : barred)
            seen.epoch.barred.push_back({commitment, validator});
        if (const auto proof = records_.consistency(seen.epoch.log_size))
            seen.epoch.consistency = *proof;
        out.epochs.push_back(std::move(seen.epoch));
    }
    for (const base::LeaseId& id : used_) out.leases.push_back(leases_.at(id));
    std::sort(out.leases.begin(), out.leases.end(), [](const Lease& a, const Lease& b) {
        return std::tie(a.lane, a.number) < std::tie(b.lane, b.number);
    });
    return std::nullopt;
}

/// The block in which an epoch opened: what joined it before the job did is part of it.
Height opening_of(const Records& records, std::uint64_t epoch, Height from) {
    for (Height height = from; height.value > 0; --height.value) {
        bool found = false;
        for_each_event(records, height, [&](const StoredEvent& event) {
            if (event.cursor.height != height) return false;
            found = event.event.kind == "epoch_opened" &&
                    Attributes(event.event).number("epoch") == epoch;
            return !found;
        });
        if (found) return height;
    }
    return {0};
}

/// The epoch that the job's initial state joined.
std::optional<std::uint64_t> first_epoch(const Records& records, const base::JobId& job,
                                         Height posted) {
    std::optional<std::uint64_t> out;
    for_each_event(records, posted, [&](const StoredEvent& event) {
        if (event.cursor.height != posted) return false;
        const Attributes attributes(event.event);
        if (event.event.kind == "commitment_joined" &&
            attributes.id<base::PartId>("commitment") == market::init_commitment_id(job))
            out = attributes.number("epoch");
        return !out;
    });
    return out;
}

class SnapshotRecords : public Records {
  public:
    explicit SnapshotRecords(const ledger::Snapshot& snapshot) : snapshot_(snapshot) {}
    [[nodiscard]] ledger::Head head() const override { return snapshot_.head(); }
    [[nodiscard]] const market::StateReader& state() const override { return snapshot_.state(); }
    [[nodiscard]] std::vector<StoredEvent> events(std::optional<ledger::EventCursor> after,
                                                  std::size_t limit) const override {
        return snapshot_.events(after, limit);
    }
    [[nodiscard]] std::optional<std::vector<ledger::BlockTransaction>> block(
        Height height) const override {
        auto block = snapshot_.block(height);
        if (!block) return std::nullopt;
        return std::move(block->transactions);
    }
    [[nodiscard]] std::optional<ledger::Receipt> receipt(
        const base::TransactionId& id) const override {
        return snapshot_.receipt(id);
    }
    [[nodiscard]] std::optional<std::vector<base::Hash>> inclusion(
        std::uint64_t index) const override {
        auto proof = snapshot_.receipt_inclusion(index, snapshot_.head().log_size);
        if (!proof) return std::nullopt;
        return std::move(proof->path);
    }
    [[nodiscard]] std::optional<std::vector<base::Hash>> consistency(
        std::uint64_t old_size) const override {
        return snapshot_.receipt_consistency(old_size, snapshot_.head().log_size);
    }

  private:
    const ledger::Snapshot& snapshot_;
};

}  // namespace

tl::expected<Evidence, std::string> collect(const ledger::Snapshot& snapshot,
                                            base::ByteView genesis, const base::JobId& id) {
    return collect(SnapshotRecords(snapshot), genesis, id);
}

tl::expected<Evidence, std::string> collect(const Records& records, base::ByteView genesis,
                                            const base::JobId& id) {
    const auto parsed = market::decode_genesis(genesis);
    ASSAY_CHECK(parsed.has_value());
    const auto job = market::find_job(records.state(), id);
    if (!job) return tl::unexpected(std::string("the node does not know that job"));
    if (!market::is_terminal(job->state))
        return tl::unexpected(std::string("the job has not ended"));
    const auto posted = records.receipt(job->transaction);
    ASSAY_CHECK(posted.has_value());
    const auto first = first_epoch(records, id, posted->height);
    if (!first) return tl::unexpected(std::string("the job joined no epoch"));
    Collector collector(records, *job);
    for_each_event(records, opening_of(records, *first, posted->height),
                   [&](const StoredEvent& event) { return collector.take(event); });
    Evidence out;
    out.genesis.assign(genesis.begin(), genesis.end());
    const ledger::Head head = records.head();
    out.head = {head.height,   head.time,      head.state_root, head.log_root,
                head.log_size, head.params_id, head.signature};
    if (auto what = collector.finish(out, *parsed)) return tl::unexpected(std::move(*what));
    while (out.history.size() < job->history_count) {
        const auto page = market::history_of(records.state(), id, out.history.size(), kHistoryPage);
        if (page.empty())
            return tl::unexpected(std::string("the job's history has left the state"));
        out.history.insert(out.history.end(), page.begin(), page.end());
    }
    return out;
}

}  // namespace assay::evidence
