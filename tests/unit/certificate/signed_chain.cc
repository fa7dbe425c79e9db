#include "signed_chain.h"

#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "base/vrf.h"
#include "market/parties.h"
#include "market/rules.h"

namespace assay::evidence {
namespace {

using base::Bytes;
using base::Hash;

constexpr std::uint64_t kWeight = 1'000'000'000;

Party party_with(std::uint8_t seed) { return {base::SecretKey::from_seed(Bytes(32, seed)), {}, 0}; }

}  // namespace

SignedChain::SignedChain(std::uint8_t tag)
    : operator_(base::SecretKey::from_seed(Bytes(32, static_cast<std::uint8_t>(9 + tag)))),
      submitter_(party_with(static_cast<std::uint8_t>(20 + tag))) {
    genesis_.chain_name = "certificates";
    genesis_.time = {1'700'000'000'000};
    genesis_.operator_key = operator_.public_key();
    genesis_.parameters = market::demo_parameters();
    for (std::uint8_t i = 0; i < kWorkers; ++i)
        workers_.push_back(party_with(static_cast<std::uint8_t>(40 + tag + i)));
    for (std::uint8_t i = 0; i < kValidators; ++i)
        validators_.push_back(party_with(static_cast<std::uint8_t>(80 + tag + i)));
    const auto add = [&](Party& party) {
        market::GenesisAccount account;
        account.cold = account.hot = account.vrf = party.key.public_key();
        account.balance = base::Amount::of(kWeight);
        genesis_.accounts.push_back(account);
    };
    add(submitter_);
    for (auto* group : {&workers_, &validators_}) {
        for (Party& party : *group) add(party);
    }
    std::sort(genesis_.accounts.begin(), genesis_.accounts.end(),
              [](const auto& a, const auto& b) { return a.cold < b.cold; });
    ASSAY_CHECK(!market::check_genesis(genesis_));
    chain_id_ = market::chain_id(genesis_);
    const auto name = [&](Party& party) {
        party.id = market::account_id(chain_id_, party.key.public_key());
    };
    name(submitter_);
    for (auto* group : {&workers_, &validators_}) {
        for (Party& party : *group) name(party);
    }
}

base::JobId SignedChain::job_of(const Bytes& spec, const Hash& program_root,
                                const Hash& init_root) const {
    return market::job_id(chain_id_, submitter_.id, 0, 0, market::spec_root(spec), program_root,
                          init_root);
}

std::vector<Trusted> SignedChain::trust() const {
    std::vector<Trusted> out;
    for (const Party& party : validators_) out.push_back({chain_id_, party.key.public_key()});
    return out;
}

Party& SignedChain::party_of(const base::AccountId& id) {
    for (auto* group : {&workers_, &validators_}) {
        for (Party& party : *group) {
            if (party.id == id) return party;
        }
    }
    ASSAY_CHECK(submitter_.id == id);
    return submitter_;
}

void SignedChain::append(Party& party, const market::Message& message) {
    market::TransactionHeader header;
    header.chain_id = chain_id_;
    header.account = party.id;
    header.nonce = party.nonce++;
    header.valid_until = {1'000'000};
    header.fee_limit = base::Amount::of(1'000'000);
    Recorded recorded;
    recorded.raw = market::build_transaction(header, message, party.key);
    recorded.log_index = log_.size();
    recorded.height = {recorded.log_index + 1};
    recorded.time = {genesis_.time.value + recorded.height.value};
    recorded.fee = base::Amount::of(7);
    const ledger::Receipt receipt{market::transaction_id(recorded.raw),
                                  recorded.height,
                                  recorded.time,
                                  0,
                                  market::Refusal::none,
                                  recorded.fee,
                                  recorded.log_index};
    log_.push_back(base::merkle_leaf(base::MerkleFamily::sha256, ledger::encode_receipt(receipt)));
    out_.transactions.push_back(std::move(recorded));
}

void SignedChain::sign_head(Evidence& evidence) const {
    SignedRoots& head = evidence.head;
    const Hash app_hash =
        ledger::app_hash_of(head.state_root, head.log_root, head.log_size, head.params_id);
    head.signature = operator_.sign(ledger::kHeadDomain, chain_id_,
                                    ledger::head_message(head.height, head.time, app_hash));
}

void SignedChain::prove() {
    for (Recorded& recorded : out_.transactions)
        recorded.path =
            base::merkle_prove(base::MerkleFamily::sha256, log_, recorded.log_index).path;
    for (Epoch& epoch : out_.epochs) {
        if (epoch.log_size > 0)
            epoch.consistency =
                base::consistency_prove(base::MerkleFamily::sha256, log_, epoch.log_size);
    }
    SignedRoots& head = out_.head;
    head.height = {log_.size() + 1};
    head.time = {genesis_.time.value + head.height.value};
    head.state_root = base::sha256(base::view_of("state"));
    head.log_root = base::merkle_root(base::MerkleFamily::sha256, log_);
    head.log_size = log_.size();
    head.params_id = market::parameters_id(genesis_.parameters);
    sign_head(out_);
}

void SignedChain::draw_leaf(const Leaf& leaf, std::uint64_t number,
                            const std::map<std::size_t, Hash>& y, bool void_) {
    bool again = void_;
    for (std::uint32_t segment = 0; segment < leaf.segments; ++segment) {
        market::DrawSubject subject = leaf.subject;
        subject.segment += segment;
        const std::uint32_t in_part = leaf.in_part + segment;
        for (const auto& [index, output] : y) {
            const std::uint64_t all = void_ ? kValidators * kWeight : y.size() * kWeight;
            const std::uint64_t exponent =
                market::member_exponent(market::rate_exponent(leaf.rate_ppm), kWeight, all);
            if (!market::is_drawn(output, subject, market::draw_chance(exponent))) continue;
            Party& auditor = validators_[index];
            const base::AuditId audit =
                market::audit_id(leaf.commitment.id, in_part, number, auditor.id);
            const auto verdict = options_.says ? options_.says(leaf.claim, in_part, index)
                                               : market::VerdictKind::valid;
            if (!verdict) {
                Leaf next = leaf;
                next.redraw = true;
                next.redraws = leaf.redraws + 1;
                next.segments = 1;
                next.subject = subject;
                next.in_part = in_part;
                next.rate_ppm = std::max(leaf.rate_ppm, genesis_.parameters.rate_sure_ppm);
                next.commitment.id =
                    market::redraw_commitment_id(leaf.claim, in_part, next.redraws);
                next.commitment.root = next.commitment.id.hash;
                pending_.push_back(next);
                continue;
            }
            market::VerdictReveal reveal{
                audit, {*verdict, {}, {}}, base::sha256(base::view_of("nonce")), {}};
            if (*verdict == market::VerdictKind::valid) {
                reveal.verdict.cells_digest = base::blake2b("cells", audit.hash.view());
                reveal.proof = base::vrf_prove(auditor.key, market::spot_alpha(audit, leaf.root));
            } else {
                reveal.verdict.end_root = base::sha256(base::view_of("another end"));
            }
            append(auditor, reveal);
            if (*verdict != market::VerdictKind::valid) continue;
            Leaf control;
            control.commitment = {market::control_commitment_id(audit, 0), job_,
                                  reveal.verdict.cells_digest};
            control.segments = 0;  // joins the epoch; nobody has to show its cells
            pending_.push_back(control);
        }
    }
    if (!again || leaf.segments == 0) return;
    pending_.push_back(leaf);
}

void SignedChain::epoch(bool draw) {
    Epoch epoch;
    epoch.number = epoch_next_++;
    epoch.log_size = log_.size();
    epoch.log_root = base::merkle_root(base::MerkleFamily::sha256, log_);
    std::vector<Leaf> leaves;
    leaves.swap(pending_);
    std::sort(leaves.begin(), leaves.end(),
              [](const Leaf& a, const Leaf& b) { return a.commitment.id < b.commitment.id; });
    Hash members;
    for (const Party& validator : validators_) {
        epoch.members.push_back({validator.id, kWeight});
        members = market::extend_members(members, validator.id, kWeight);
    }
    std::vector<Hash> hashes;
    for (const Leaf& leaf : leaves) {
        epoch.commitments.push_back(leaf.commitment);
        hashes.push_back(
            market::commitment_leaf(leaf.commitment.id, leaf.commitment.job, leaf.commitment.root));
    }
    const Hash root = market::epoch_root(members, 0, hashes);
    const Bytes alpha = market::contribution_alpha(chain_id_, epoch.number, root);
    std::map<std::size_t, Hash> y;
    for (std::size_t i = 0; i < validators_.size(); ++i) {
        if (options_.contributes && !options_.contributes(epoch.number, i)) continue;
        const base::VrfProof proof = base::vrf_prove(validators_[i].key, alpha);
        append(validators_[i],
               market::EpochContribute{epoch.number, root, epoch.log_size, epoch.log_root, proof});
        y[i] = market::contribution_output(
            base::vrf_verify(validators_[i].key.public_key(), alpha, proof).value());
    }
    out_.epochs.push_back(epoch);
    const bool is_void = 2 * (kValidators - y.size()) > kValidators;
    if (!draw) return;
    for (const Leaf& leaf : leaves) draw_leaf(leaf, epoch.number, y, is_void);
}

void SignedChain::drain() {
    for (std::uint32_t i = 0; i < 64 && !pending_.empty(); ++i) epoch();
    ASSAY_CHECK(pending_.empty());
}

void SignedChain::commit_part(const market::PartPassed& part, const market::JobSpec& spec) {
    const market::PartSpan span =
        market::part_span(part.key.part, spec.segments_per_round(), spec.part_segments);
    market::PartCommit commit;
    commit.lease = market::lease_id(job_, part.key.lane, options_.lease_number);
    commit.round = part.key.round;
    commit.part = part.key.part;
    commit.attempt = part.key.attempt;
    commit.tree_root = part.tree_root;
    commit.segments = span.segments;
    commit.start_root = part.start_root;
    commit.end_root = part.end_root;
    commit.end_receipt.blob = {base::sha256(part.end_root.view())};
    commit.payload_root = part.payload_root;
    if (!part.payload_root.is_zero()) {
        commit.payload_receipt.emplace();
        commit.payload_receipt->blob = {base::sha256(part.payload_root.view())};
    }
    append(party_of(part.key.worker), commit);
    if (std::none_of(out_.leases.begin(), out_.leases.end(),
                     [&](const Lease& lease) { return lease.lane == part.key.lane; }))
        out_.leases.push_back({part.key.lane, options_.lease_number, options_.rate_ppm});
    Leaf leaf;
    leaf.commitment = {part.part, job_, part.tree_root};
    leaf.segments = span.segments;
    leaf.rate_ppm = options_.rate_ppm;
    leaf.subject = {market::ClaimKind::segment, job_, part.key.round, part.key.lane,
                    span.first_segment,         {}};
    leaf.claim = part.part;
    leaf.root = part.tree_root;
    pending_.push_back(leaf);
    epoch();
}

void SignedChain::take(const market::JobHistoryEntry& entry, const market::JobSpec& spec) {
    if (const auto* part = std::get_if<market::PartPassed>(&entry)) {
        for (std::uint32_t i = 0;
             i < options_.attempts_before && part->key.part == 0 && part->key.round == 0; ++i) {
            market::PartPassed before = *part;
            before.key.worker = workers_[kWorkers - 1 - i].id;
            before.part = market::part_id(chain_id_, before.key);
            before.tree_root = base::blake2b("attempt", before.part.hash.view());
            commit_part(before, spec);
        }
        commit_part(*part, spec);
        drain();
        append(party_of(part->key.worker), market::PartClose{part->part, part->leaves});
    } else if (const auto* merge = std::get_if<market::RoundMerged>(&entry)) {
        market::MergePost post{job_, merge->round, merge->root, {}};
        post.receipt.blob = {base::sha256(merge->root.view())};
        append(party_of(merge->poster), post);
        Leaf leaf;
        leaf.commitment = {
            market::merge_commitment_id(chain_id_, job_, merge->round, merge->attempt), job_,
            merge->root};
        leaf.rate_ppm = genesis_.parameters.rate_sure_ppm;
        leaf.subject = {market::ClaimKind::merge, job_, merge->round, 0, 0, {}};
        leaf.claim = leaf.commitment.id;
        leaf.root = merge->root;
        pending_.push_back(leaf);
        drain();
    }
}

Evidence SignedChain::run(const market::JobSpec& spec, const Hash& program_root,
                          const Hash& init_root,
                          const std::vector<market::JobHistoryEntry>& entries,
                          const Options& options) {
    options_ = options;
    out_ = {};
    log_.clear();
    pending_.clear();
    epoch_next_ = 5;
    submitter_.nonce = 0;
    for (auto* group : {&workers_, &validators_}) {
        for (Party& party : *group) party.nonce = 0;
    }
    out_.genesis = market::encode_genesis(genesis_);
    market::JobPost post;
    post.spec = market::encode_spec(spec);
    post.init_root = init_root;
    post.init_receipt.blob = post.data_receipt.blob = {base::sha256(init_root.view())};
    post.hold_limit = base::Amount::of(1'000'000'000);
    job_ = job_of(post.spec, program_root, init_root);
    append(submitter_, post);
    Leaf init;
    init.commitment = {market::init_commitment_id(job_), job_, init_root};
    init.rate_ppm = genesis_.parameters.rate_sure_ppm;
    init.subject = {market::ClaimKind::init, job_, 0, 0, 0, {}};
    init.claim = init.commitment.id;
    init.root = init_root;
    pending_.push_back(init);
    // Somebody else's work joins the same epoch.
    Leaf other;
    other.commitment = {{base::sha256(base::view_of("a part of another job"))},
                        {base::sha256(base::view_of("another job"))},
                        init_root};
    other.segments = 0;
    pending_.push_back(other);
    drain();
    Hash history;
    for (const market::JobHistoryEntry& entry : entries) {
        out_.history.push_back(market::encode(entry));
        history = market::extend_history(history, out_.history.back());
        take(entry, spec);
    }
    Leaf end;
    end.commitment = {market::job_commitment_id(job_), job_, history};
    end.segments = 0;
    pending_.push_back(end);
    epoch(false);
    std::sort(out_.leases.begin(), out_.leases.end(),
              [](const Lease& a, const Lease& b) { return a.lane < b.lane; });
    prove();
    return std::move(out_);
}

}  // namespace assay::evidence
