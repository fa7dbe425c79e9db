#include "world.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "invariants.h"

namespace assay::sim {

using base::Amount;

base::Hash numbered(std::uint64_t seed, std::string_view what, std::uint64_t n) {
    return base::Hasher("sim").add_u64(seed).add_sized(base::view_of(what)).add_u64(n).finish();
}

base::Hash trained_root(const base::Hash& start, const base::JobId& job, std::uint32_t round,
                        std::uint32_t lane, std::uint32_t segment) {
    return base::Hasher("sim.segment")
        .add(start)
        .add(job.hash)
        .add_u32(round)
        .add_u32(lane)
        .add_u32(segment)
        .finish();
}

base::Hash trained_payload(const base::Hash& end) {
    return base::Hasher("sim.payload").add(end).finish();
}

base::Hash merged_root(const base::Hash& opening, const std::vector<base::Hash>& payloads) {
    base::Hasher hasher("sim.merge");
    hasher.add(opening);
    for (const base::Hash& payload : payloads) hasher.add(payload);
    return hasher.finish();
}

namespace {

constexpr std::uint64_t kStartTime = 1'700'000'000'000;
constexpr std::uint64_t kBusyBlockMs = 20;

Person make_person(std::uint64_t seed, const std::string& name, std::uint64_t n) {
    const base::Hash key = numbered(seed, name + " key", n);
    const base::Hash vrf = numbered(seed, name + " vrf", n);
    return {base::SecretKey::from_seed(key.view()),
            base::SecretKey::from_seed(vrf.view()),
            {},
            name + std::to_string(n)};
}

market::GenesisAccount genesis_account(const Person& person) {
    market::GenesisAccount account;
    account.cold = account.hot = person.key.public_key();
    account.vrf = person.vrf.public_key();
    account.balance = Amount::of(1'000'000'000'000);
    return account;
}

Amount stake_for(const std::map<std::size_t, std::uint64_t>& given, std::size_t index) {
    const auto own = given.find(index);
    return Amount::of(own == given.end() ? 1'000'000'000'000 : own->second);
}

market::JobSpec make_spec(const WorldOptions& options) {
    market::JobSpec spec;
    market::GptModel gpt;
    gpt.layers = 1;
    gpt.heads = 1;
    gpt.width = 8;
    gpt.context = 8;
    market::TokenData data;
    data.blob = base::blob_root(blob_of(numbered(options.seed, "data"), options.blob_bytes));
    data.tokens = 1000;
    data.train_tokens = 900;
    data.vocabulary = 256;
    data.tokeniser = market::Tokeniser::bytes;
    spec.model = gpt;
    spec.data = data;
    spec.batch = 1;
    spec.optimizer.learning_rate_ppb = 1000;
    spec.lanes = options.lanes;
    spec.rounds = options.rounds;
    spec.round_steps = options.round_steps;
    spec.segment_steps = options.segment_steps;
    spec.part_segments = options.part_segments;
    spec.min_lanes = (options.lanes + 1) / 2;
    spec.price_ceiling = Amount::of(20'000'000);
    spec.round_deadline_s = options.round_deadline_s;
    spec.audit_rate_ppm = options.rate_ppm;
    spec.public_job = options.public_job;
    spec.audit_lag = options.audit_lag;
    return spec;
}

}  // namespace

World::World(const WorldOptions& given)
    : options(given),
      submitter(make_person(given.seed, "submitter", 0)),
      node(make_person(given.seed, "node", 0)),
      init_root(numbered(given.seed, "init")),
      time_{kStartTime} {
    for (std::uint32_t i = 0; i < options.workers; ++i)
        workers.push_back(make_person(options.seed, "worker", i));
    for (std::uint32_t i = 0; i < options.validators; ++i)
        validators.push_back(make_person(options.seed, "validator", i));
    genesis_.chain_name = "sim";
    genesis_.time = time_;
    genesis_.operator_key = node.key.public_key();
    genesis_.parameters = market::demo_parameters();
    genesis_.parameters.rate_new_ppm = 0;
    truth_.set_blob_bytes(options.blob_bytes);
    truth_.set_init_root(init_root);
    if (options.tune) options.tune(genesis_.parameters);
    genesis_.accounts.push_back(genesis_account(submitter));
    for (std::size_t i = 0; i < workers.size(); ++i) {
        market::GenesisAccount account = genesis_account(workers[i]);
        account.worker_stake = stake_for(options.worker_stakes, i);
        genesis_.accounts.push_back(account);
    }
    for (std::size_t i = 0; i < validators.size(); ++i) {
        market::GenesisAccount account = genesis_account(validators[i]);
        account.validator_stake = stake_for(options.validator_stakes, i);
        account.validator = market::GenesisValidator{"f32", 1'000'000'000'000};
        genesis_.accounts.push_back(account);
    }
    std::sort(genesis_.accounts.begin(), genesis_.accounts.end(),
              [](const auto& a, const auto& b) { return a.cold < b.cold; });
    chain_id_ = market::chain_id(genesis_);
    submitter.id = market::account_id(chain_id_, submitter.key.public_key());
    for (Person& worker : workers)
        worker.id = market::account_id(chain_id_, worker.key.public_key());
    for (Person& validator : validators)
        validator.id = market::account_id(chain_id_, validator.key.public_key());
    market::apply_genesis(state_, genesis_);
    EXPECT_EQ(market::total_supply(state_), market::genesis_supply(genesis_));
}

base::Bytes World::build(const Person& person, const market::Message& message) {
    market::TransactionHeader header;
    header.chain_id = chain_id_;
    header.account = person.id;
    header.nonce = market::next_nonce(state_, person.id, 0) + queued_[person.id]++;
    header.valid_until = base::Height{height_.value + 10};
    header.fee_limit = Amount::of(1'000'000'000);
    return market::build_transaction(header, message, person.key);
}

void World::send(const Person& person, const market::Message& message) {
    queue_.emplace_back(person.id, build(person, message));
}

const Person& World::person(const base::AccountId& id) const {
    for (const std::vector<Person>* group : {&workers, &validators}) {
        for (const Person& one : *group) {
            if (one.id == id) return one;
        }
    }
    return submitter;
}

std::vector<std::pair<const Person*, market::Message>> World::take_queue() {
    std::vector<std::pair<const Person*, market::Message>> messages;
    for (const auto& [sender, raw] : queue_) {
        auto transaction = market::decode_transaction(raw);
        EXPECT_TRUE(transaction.has_value());
        if (transaction)
            messages.emplace_back(&person(transaction->header.account),
                                  std::move(transaction->message));
    }
    queue_.clear();
    queued_.clear();
    return messages;
}

void World::note_calls(const std::vector<market::Event>& events) {
    for (const market::Event& event : events) {
        if (event.kind != "audit_open" && event.kind != "audit_reveal_due" &&
            event.kind != "audit_cells_due")
            continue;
        std::optional<base::Hash> audit, validator;
        for (const auto& [name, value] : event.attributes) {
            if (name == "audit") audit = base::hash_from_hex(value);
            if (name == "validator") validator = base::hash_from_hex(value);
        }
        calls_.emplace_back(base::AccountId{validator.value()}, base::AuditId{audit.value()});
    }
}

void World::go_back(const Moment& moment) {
    state_ = moment.state;
    log_root_ = moment.log_root;
    log_size_ = moment.log_size;
    height_ = moment.height;
    time_ = moment.time;
    queue_.clear();
    queued_.clear();
    refusals_.clear();
    last_events_.clear();
}

void World::block() {
    const auto due = market::next_due(state_, time_);
    std::uint64_t wait = queue_.empty() ? options.idle_ms : kBusyBlockMs;
    if (due) wait = std::min(wait, due->value > time_.value ? due->value - time_.value : 1);
    time_.value += wait;
    ++height_.value;
    const market::BlockContext context{height_, time_, log_size_, log_root_,
                                       options.referee != nullptr ? options.referee : &truth_};
    std::vector<market::Event> events;
    market::begin_block(state_, context, events);
    const auto sent = std::move(queue_);
    queue_.clear();
    queued_.clear();
    refusals_.clear();
    fees_.clear();
    std::vector<market::TransactionResult> results;
    for (const auto& [sender, raw] : sent) {
        results.push_back(market::apply(state_, context, raw, events));
        refusals_.push_back(results.back().code);
        fees_.emplace_back(sender, results.back().fee);
    }
    market::end_block(state_, context, events);
    note_calls(events);
    log_size_ += sent.size();
    log_root_ = base::Hasher("sim.log").add(log_root_).add_u64(log_size_).finish();
    if (options.log) {
        std::vector<base::Bytes> transactions;
        for (const auto& [sender, raw] : sent) transactions.push_back(raw);
        const WorldOptions::LogSize real = options.log(context, transactions, results, events);
        log_size_ = real.size;
        log_root_ = real.root;
    }
    if (options.keep_events) events_.insert(events_.end(), events.begin(), events.end());
    last_events_ = std::move(events);
    ++blocks;
    if (options.books_every != 0 && blocks % options.books_every == 0) {
        const std::vector<std::string> wrong = wrong_books(state_);
        ASSERT_TRUE(wrong.empty())
            << "seed " << options.seed << " block " << blocks << ": " << wrong.front();
    }
    if (options.supply_every == 0 || blocks % options.supply_every != 0) return;
    ASSERT_EQ(market::total_supply(state_), market::genesis_supply(genesis_))
        << "seed " << options.seed << " block " << blocks;
}

base::Bytes blob_of(const base::Hash& what, std::size_t size) {
    base::Bytes bytes(size);
    for (std::size_t i = 0; i + what.bytes.size() <= size; i += base::kBlobLeafBytes) {
        std::copy(what.bytes.begin(), what.bytes.end(),
                  bytes.begin() + static_cast<std::ptrdiff_t>(i));
        bytes[i] = static_cast<std::uint8_t>(bytes[i] + i / base::kBlobLeafBytes);
    }
    return bytes;
}

market::Receipt World::receipt(const base::Hash& what) const {
    const market::Receipt given = receipt(blob_of(what, options.blob_bytes));
    bytes_.erase(given.blob);
    stored_[given.blob] = what;
    return given;
}

std::optional<base::Bytes> World::stored(const base::BlobRoot& blob) const {
    if (lost.count(blob) != 0) return std::nullopt;
    if (const auto state = stored_.find(blob); state != stored_.end())
        return blob_of(state->second, options.blob_bytes);
    if (const auto other = bytes_.find(blob); other != bytes_.end()) return other->second;
    return std::nullopt;
}

std::optional<market::Message> World::answer_to(const market::Question& question) const {
    const auto bytes = options.shows ? stored(question.blob) : std::nullopt;
    if (!bytes) return std::nullopt;
    if (question.kind == market::QuestionKind::chunk) {
        const base::ProvedChunk proved = base::prove_chunk(*bytes, question.chunk);
        return market::ChunkAnswer{question.id, proved.bytes, proved.proof};
    }
    if (question.answered) return std::nullopt;
    return market::StateAnswer{
        question.id, truth_.right_answer(market::find_question_bytes(state_, question.id).value())};
}

market::Receipt World::receipt(const base::Bytes& bytes) const {
    market::Receipt receipt;
    receipt.blob = base::blob_root(bytes);
    receipt.bytes = bytes.size();
    receipt.kept_until_block_time = base::TimeMs{time_.value + 86'400'000'000};
    const base::Bytes message =
        market::receipt_message(receipt.blob, receipt.bytes, receipt.kept_until_block_time);
    receipt.signature = node.key.sign(market::kReceiptDomain, chain_id_, message);
    if (stored_.count(receipt.blob) == 0) bytes_[receipt.blob] = bytes;
    return receipt;
}

market::JobSpec World::spec_of(const WorldOptions& shape) const { return make_spec(shape); }

base::JobId World::send_job(const WorldOptions& shape, const Person& poster) {
    return send_job(make_spec(shape), init_root, receipt(init_root),
                    receipt(numbered(options.seed, "data")), poster);
}

base::JobId World::send_job(const market::JobSpec& spec, const base::Hash& job_init_root,
                            const market::Receipt& init, const market::Receipt& data,
                            const Person& poster) {
    market::JobPost post;
    post.spec = market::encode_spec(spec);
    post.init_root = job_init_root;
    post.init_receipt = init;
    post.data_receipt = data;
    post.hold_limit = Amount::of(1'000'000'000'000);
    const base::Bytes raw = build(poster, post);
    const std::uint64_t nonce = market::decode_transaction(raw)->header.nonce;
    queue_.emplace_back(poster.id, raw);
    const market::Referee& referee = options.referee != nullptr ? *options.referee : truth_;
    const auto facts = referee.facts(spec, post.spec);
    return market::job_id(chain_id_, poster.id, nonce, 0, market::spec_root(post.spec),
                          facts ? facts->program_root : base::Hash{}, post.init_root);
}

base::JobId World::post_job() {
    const base::JobId id = send_job(options);
    block();
    EXPECT_EQ(last_refusal(), market::Refusal::none) << market::to_word(last_refusal());
    EXPECT_TRUE(market::find_job(state_, id));
    return id;
}

base::TimeMs World::live() const {
    return market::live_time(market::load_chain(state_), height_, time_,
                             market::current_parameters(state_).live_step_ms_max);
}

Amount World::wealth_of(const Person& person) const {
    constexpr std::size_t kMany = 100'000;
    Amount sum = market::balance_of(state_, person.id);
    for (const market::Role role : {market::Role::worker, market::Role::validator}) {
        if (const auto stake = market::find_stake(state_, person.id, role)) sum += stake->active;
        for (const market::Unbonding& entry : market::unbondings_of(state_, person.id, role))
            sum += entry.amount;
    }
    for (const market::Offer& offer : market::offers_of(state_, person.id, kMany))
        sum += offer.bond;
    for (const market::Lease& lease :
         market::leases_of_worker(state_, person.id, std::nullopt, kMany))
        sum += lease.bond;
    for (const market::Job& job : market::jobs(state_, std::nullopt, kMany)) {
        if (job.submitter == person.id) sum += job.hold.total();
    }
    return sum;
}

std::size_t World::count_events(std::string_view kind) const {
    return static_cast<std::size_t>(std::count_if(
        events_.begin(), events_.end(), [&](const auto& event) { return event.kind == kind; }));
}

std::string World::refusals_text() const {
    std::string text;
    for (const market::Refusal refusal : refusals_)
        text += std::string(market::to_word(refusal)) + " ";
    return text;
}

Amount World::stake_of(const Person& person, market::Role role) const {
    const auto stake = market::find_stake(state_, person.id, role);
    return stake ? stake->active : Amount{};
}

}  // namespace assay::sim
