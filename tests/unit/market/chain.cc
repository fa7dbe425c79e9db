#include "chain.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "market/tables.h"

namespace assay::market {

using base::Amount;

namespace {

constexpr std::uint64_t kStart = 1'700'000'000'000;
constexpr std::uint64_t kRich = 1'000'000'000'000;
constexpr std::uint64_t kBlobBytes = 4'096;

GenesisAccount account_of(const Party& party) {
    GenesisAccount account;
    account.cold = party.key.public_key();
    account.hot = party.key.public_key();
    account.vrf = party.vrf.public_key();
    account.balance = Amount::of(kRich);
    return account;
}

/// The entries that a refused transaction may change.
bool belongs_to_frame(const base::Bytes& key, const base::AccountId& sender) {
    if (key == chain_key() || key == account_key(sender) ||
        key == account_key(system_account(SystemAccount::burned)))
        return true;
    base::Bytes nonces = nonce_key(sender, 0);
    return key.size() == nonces.size() && std::equal(nonces.begin(), nonces.end() - 4, key.begin());
}

}  // namespace

base::Hash filled(std::uint8_t byte) {
    base::Hash hash;
    hash.bytes.fill(byte);
    return hash;
}

Party make_party(std::uint8_t number) {
    return {base::SecretKey::from_seed(filled(number).view()),
            base::SecretKey::from_seed(filled(static_cast<std::uint8_t>(number + 100)).view()),
            {}};
}

OneProgram::OneProgram() {
    given.program_root = filled(0x51);
    given.costs = {10'000'000'000, 1'000'000'000, 1000, 1000, 1000, 1000};
    given.init_bytes = given.payload_bytes = given.data_bytes = kFileBytes;
    given.init_flops = 1'000'000;
}

tl::expected<JobFacts, SpecError> OneProgram::facts(const JobSpec& spec,
                                                    base::ByteView encoded) const {
    ++asked;
    EXPECT_EQ(encode_spec(spec), base::Bytes(encoded.begin(), encoded.end()));
    if (!judgeable) return tl::unexpected(SpecError{"model", "cannot be judged"});
    JobFacts facts = given;
    if (!spec.has_merge())
        facts.costs.merge_flops = facts.costs.payload_bytes = facts.payload_bytes = 0;
    return facts;
}

TestChain::TestChain(const std::function<void(Genesis&)>& change)
    : submitter(make_party(1)),
      stranger(make_party(2)),
      newcomer(make_party(3)),
      node(make_party(4)),
      time{kStart} {
    genesis.chain_name = "test";
    genesis.time = time;
    genesis.operator_key = node.key.public_key();
    program.set_blob_bytes(kBlobBytes);
    program.set_init_root(filled(0x52));
    genesis.parameters = demo_parameters();
    genesis.accounts.push_back(account_of(submitter));
    genesis.accounts.push_back(account_of(stranger));
    for (std::uint8_t i = 0; i < 3; ++i) {
        workers.push_back(make_party(static_cast<std::uint8_t>(10 + i)));
        GenesisAccount account = account_of(workers.back());
        account.worker_stake = Amount::of(kRich);
        genesis.accounts.push_back(account);
        validators.push_back(make_party(static_cast<std::uint8_t>(20 + i)));
        account = account_of(validators.back());
        account.validator_stake = Amount::of(kRich);
        account.validator = GenesisValidator{"f32", 1'000'000'000'000};
        genesis.accounts.push_back(account);
    }
    std::sort(genesis.accounts.begin(), genesis.accounts.end(),
              [](const auto& a, const auto& b) { return a.cold < b.cold; });
    if (change) change(genesis);
    id = chain_id(genesis);
    for (Party* party : {&submitter, &stranger, &newcomer, &node})
        party->id = account_id(id, party->key.public_key());
    for (Party& party : workers) party.id = account_id(id, party.key.public_key());
    for (Party& party : validators) party.id = account_id(id, party.key.public_key());
    apply_genesis(state, genesis);
    check_supply();
}

void TestChain::check_supply() const { ASSERT_EQ(total_supply(state), genesis_supply(genesis)); }

TransactionHeader TestChain::header(const Party& from) const {
    TransactionHeader out;
    out.chain_id = id;
    out.account = from.id;
    out.nonce = next_nonce(state, from.id, 0);
    out.valid_until = {height.value + 100};
    out.fee_limit = Amount::of(1'000'000'000);
    return out;
}

Refusal TestChain::send(const Party& from, const Message& message, std::uint64_t ms) {
    return send_raw(build_transaction(header(from), message, from.key), ms);
}

Refusal TestChain::send_with(const Party& from, const Message& message,
                             const std::function<void(TransactionHeader&)>& spoil) {
    TransactionHeader changed = header(from);
    spoil(changed);
    return send_raw(build_transaction(changed, message, from.key));
}

Refusal TestChain::send_raw(base::ByteView raw, std::uint64_t ms) {
    time.value += ms;
    ++height.value;
    events.clear();
    const BlockContext block = next_block();
    const market::MemoryState before_block = state;
    const Admission admission = admit(*begun(state, block), block, raw);
    EXPECT_EQ(before_block.entries(), state.entries()) << "admission must not write";
    begin_block(state, block, events);
    const market::MemoryState before = state;
    last = apply(state, block, raw, events);
    EXPECT_EQ(admission.code, last.code)
        << to_word(admission.code) << " at admission, then " << to_word(last.code);
    if (last.code != Refusal::none) {
        const auto transaction = decode_transaction(raw);
        for (const auto* side : {&before, static_cast<const market::MemoryState*>(&state)}) {
            for (const auto& [key, value] : side->entries()) {
                const auto other = (side == &before ? state : before).get(key);
                if (other == value || (transaction && !admission.keep_out &&
                                       belongs_to_frame(key, transaction->header.account)))
                    continue;
                ADD_FAILURE() << to_word(last.code) << " changed " << base::to_hex(key);
            }
        }
    }
    end_block(state, block, events);
    check_supply();
    return last.code;
}

void TestChain::pass(std::uint64_t ms) {
    time.value += ms;
    ++height.value;
    events.clear();
    const BlockContext block = next_block();
    begin_block(state, block, events);
    end_block(state, block, events);
    check_supply();
}

void TestChain::wait(std::uint64_t ms) {
    std::vector<Event> all;
    while (ms > 0) {
        const std::uint64_t step = std::min<std::uint64_t>(ms, 5'000);
        pass(step);
        all.insert(all.end(), events.begin(), events.end());
        ms -= step;
    }
    events = std::move(all);
}

Receipt TestChain::receipt(const base::BlobRoot& blob, std::uint64_t bytes) const {
    Receipt out;
    out.blob = blob;
    out.bytes = bytes;
    out.kept_until_block_time = {time.value + 30 * 86'400'000ULL};
    out.signature = node.key.sign(kReceiptDomain, id,
                                  receipt_message(out.blob, out.bytes, out.kept_until_block_time));
    return out;
}

JobSpec TestChain::spec() const {
    JobSpec out;
    GptModel gpt;
    gpt.layers = gpt.heads = 1;
    gpt.width = gpt.context = 8;
    TokenData data;
    data.blob = {filled(0x77)};
    data.tokens = 1000;
    data.train_tokens = 900;
    data.vocabulary = 256;
    data.tokeniser = Tokeniser::bytes;
    out.model = gpt;
    out.data = data;
    out.batch = 1;
    out.optimizer.learning_rate_ppb = 1000;
    out.lanes = 2;
    out.rounds = 3;
    out.round_steps = out.segment_steps = 20;
    out.min_lanes = 1;
    out.price_ceiling = Amount::of(2'000'000);
    out.audit_rate_ppm = 450'000;
    return out;
}

JobPost TestChain::job_post(const JobSpec& wanted) const {
    JobPost out;
    out.spec = encode_spec(wanted);
    out.init_root = filled(0x52);
    out.init_receipt = receipt({filled(0x53)});
    out.data_receipt = receipt({filled(0x77)});
    out.hold_limit = Amount::of(kRich);
    return out;
}

OfferPost TestChain::offer() const {
    OfferPost out;
    out.price_per_gflop = Amount::of(100'000);
    out.segment_ms = 1000;
    out.profile = "f32";
    out.memory_bytes = 1'000'000;
    out.flops_per_second = 100'000'000'000;
    out.slots = 2;
    out.bond = Amount::of(10'000'000);
    return out;
}

Job TestChain::post() {
    EXPECT_EQ(send(submitter, job_post()), Refusal::none) << to_word(last.code);
    const auto all = jobs(state, std::nullopt, 100);
    const auto newest = std::max_element(
        all.begin(), all.end(), [](const Job& a, const Job& b) { return a.nonce < b.nonce; });
    return *newest;
}

BlockContext TestChain::next_block() const {
    return {height, time, height.value, base::Hasher("test").add_u64(height.value).finish(),
            &program};
}

void TestChain::contribute(const Party& validator) {
    const Chain chain = load_chain(state);
    for (std::uint64_t number = 0; number < chain.epoch_next; ++number) {
        const auto epoch = find_epoch(state, number);
        const auto member = find_epoch_member(state, number, validator.id);
        if (!epoch || epoch->state != EpochState::contributing || !member || member->y) continue;
        const base::Bytes alpha = contribution_alpha(id, number, epoch->commitments_root);
        send(validator, EpochContribute{number, epoch->commitments_root, epoch->log_size,
                                        epoch->log_root, base::vrf_prove(validator.vrf, alpha)});
    }
}

void TestChain::answer_audits(const Party& validator) {
    for (const Audit& audit : audits_of_validator(state, validator.id, std::nullopt, 100)) {
        if (audit.claim != ClaimKind::init || audit.deadline.value == 0) continue;
        const base::Bytes alpha = spot_alpha(audit.id, find_job(state, audit.job)->init_root);
        const base::VrfProof proof = base::vrf_prove(validator.vrf, alpha);
        const bool control = audit.kind == AuditKind::control;
        const base::VrfOutput spot =
            control ? find_audit(state, audit.controls)->spot
                    : *base::vrf_verify(validator.vrf.public_key(), alpha, proof);
        const auto cells = sim::true_cells({GameStage::init, 0, 0, 0, {}}, spot);
        const base::Hash salt = filled(0x42);
        const Verdict verdict{VerdictKind::valid, {}, cells_digest(salt, cells)};
        if (audit.state == AuditState::open) {
            send(validator,
                 VerdictSeal{audit.id, verdict_seal(audit.id, validator.id, verdict, salt)});
        } else if (audit.state == AuditState::sealed && !control) {
            send(validator, VerdictReveal{audit.id, verdict, salt, proof});
        } else {
            send(validator, CellsOpen{audit.id, salt, cells});
        }
    }
}

void TestChain::judge(std::uint64_t ms) {
    std::vector<Event> all;
    for (const std::uint64_t until = time.value + ms; time.value < until;) {
        for (const Party& validator : validators) {
            contribute(validator);
            answer_audits(validator);
        }
        pass(50);
        all.insert(all.end(), events.begin(), events.end());
    }
    events = std::move(all);
}

void TestChain::accept(const base::JobId& job) {
    for (const Lane& lane : lanes_of(state, job)) {
        for (const Reservation& asked : lane.asked) {
            for (const Party& worker : workers) {
                if (worker.id == asked.worker) send(worker, LeaseAccept{job, lane.lane});
            }
        }
    }
}

Job TestChain::start() {
    const Job job = post();
    for (int i = 0; i < 20 && !find_job(state, job.id)->init_passed; ++i) judge();
    pass(10);
    accept(job.id);
    pass(10);
    return find_job(state, job.id).value();
}

Lease TestChain::lease_of(const base::JobId& job, std::uint32_t lane) const {
    return find_lease(state, find_lane(state, job, lane).value().lease).value();
}

bool TestChain::saw(std::string_view kind) const {
    return std::any_of(events.begin(), events.end(),
                       [&](const Event& event) { return event.kind == kind; });
}

}  // namespace assay::market
