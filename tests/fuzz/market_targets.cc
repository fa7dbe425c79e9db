#include <memory>

#include "../unit/commit/fixtures.h"
#include "base/check.h"
#include "ledger/block.h"
#include "market/genesis.h"
#include "market/job_spec.h"
#include "market/objects.h"
#include "market/referee.h"
#include "market/transactions.h"
#include "part_record.h"
#include "target.h"
#include "verdict_store.h"

/// Bytes of the ledger and of the parties' folders. Each has one spelling: what decodes is encoded
/// to the same bytes.
namespace assay::fuzz {
namespace {

using base::Bytes;
using base::ByteView;
using namespace market;

bool same(ByteView a, const Bytes& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

std::vector<Bytes> spec_seeds() {
    return {encode_spec(commit::small_gpt()), encode_spec(commit::small_gpt(false)),
            encode_spec(commit::small_mlp())};
}
void run_spec(ByteView input) {
    const auto spec = decode_spec(input);
    if (spec) ASSAY_CHECK(same(input, encode_spec(*spec)));
}

Genesis example_genesis() {
    Genesis genesis;
    genesis.chain_name = "fuzz";
    genesis.time = {1'700'000'000'000};
    genesis.operator_key = base::SecretKey::from_seed(filled(9).view()).public_key();
    genesis.parameters = demo_parameters();
    GenesisAccount account;
    account.cold = account.hot = account.vrf =
        base::SecretKey::from_seed(filled(1).view()).public_key();
    account.balance = base::Amount::of(1'000'000);
    account.validator_stake = base::Amount::of(1'000'000'000);
    account.validator = GenesisValidator{"f32", 1'000'000};
    genesis.accounts.push_back(account);
    return genesis;
}
std::vector<Bytes> genesis_seeds() { return {encode_genesis(example_genesis())}; }
void run_genesis(ByteView input) {
    const auto genesis = decode_genesis(input);
    if (genesis) ASSAY_CHECK(same(input, encode_genesis(*genesis)));
}
std::vector<Bytes> parameters_seeds() { return {encode_parameters(demo_parameters())}; }
void run_parameters(ByteView input) {
    const auto parameters = decode_parameters(input);
    if (parameters) ASSAY_CHECK(same(input, encode_parameters(*parameters)));
}

std::vector<Bytes> transaction_seeds() {
    const auto key = base::SecretKey::from_seed(filled(1).view());
    TransactionHeader header;
    header.chain_id = filled(8);
    header.account.hash = filled(7);
    header.nonce = 5;
    header.valid_until = {100};
    header.fee_limit = base::Amount::of(1'000);
    PartCommit commit;
    commit.payload_root = filled(2);
    commit.payload_receipt.emplace();
    PartClose close;
    close.leaves = {{filled(1), filled(2), filled(3)}, {filled(4), filled(5), filled(6)}};
    SegmentDeliver deliver;
    deliver.path = {filled(2)};
    JobPost post;
    post.spec = encode_spec(commit::small_gpt());
    const auto pub = key.public_key();
    const StoredTarget target{StoredKind::start, filled(3), 4};
    const std::vector<Message> messages = {
        KeysSet{pub, pub, {}},
        Transfer{},
        StakeBond{Role::worker, base::Amount::of(1)},
        ValidatorDeclare{"f32", 1, base::Amount::of(2), true},
        ValidatorReturn{},
        OfferPost{},
        post,
        JobFund{{filled(1)}, base::Amount::of(2)},
        LeaseAccept{{filled(1)}, 2},
        commit,
        EpochContribute{1, filled(2), 3, filled(4), {}},
        deliver,
        VerdictReveal{{}, {VerdictKind::invalid, filled(1), {}}, filled(2), std::nullopt},
        VerdictReveal{{}, {VerdictKind::valid, {}, filled(1)}, filled(2), base::VrfProof{}},
        CellsOpen{{filled(1)}, filled(2), std::vector(kCells, filled(3))},
        close,
        MergePost{},
        EquivocationReport{{1, 2}, {3}},
        ChunkAsk{target, 5},
        ChunkAnswer{filled(1), {1, 2, 3}, {filled(2), {filled(3)}}},
        StateAsk{target},
        StateAnswer{filled(1), {1, 2, 3}},
        StateNext{filled(1), 2},
        StateShow{filled(1), 2, {3}, {filled(5), {filled(4)}}},
        ChallengeSealPost{filled(1)},
        ChallengeOpen{{DisputeTarget::init, {filled(1)}, 0, {filled(2)}, 0},
                      filled(3),
                      filled(4),
                      Role::worker},
        DisputeMove{{filled(1)}, {2, 3}}};
    std::vector<Bytes> seeds;
    for (const Message& message : messages)
        seeds.push_back(build_transaction(header, message, key));
    return seeds;
}
void run_transaction(ByteView input) {
    const auto transaction = decode_transaction(input);
    if (!transaction) return;
    // Building the same message again gives the same body: there is one encoding.
    const auto key = base::SecretKey::from_seed(filled(1).view());
    const auto again =
        decode_transaction(build_transaction(transaction->header, transaction->message, key));
    ASSAY_CHECK(again.has_value() && again->body == transaction->body &&
                again->message == transaction->message);
    ASSAY_CHECK(message_weight(transaction->message, input.size()) > 0);
}

/// The first byte chooses the type.
template <class T>
void check_object(ByteView bytes) {
    if (const auto object = decode<T>(bytes)) ASSAY_CHECK(same(bytes, encode(*object)));
}
template <class... T>
struct Objects {
    static constexpr std::size_t kCount = sizeof...(T);
    static void run(std::size_t which, ByteView bytes) {
        std::size_t at = 0;
        ((at++ == which ? check_object<T>(bytes) : void()), ...);
    }
    static std::vector<Bytes> seeds() {
        std::vector<Bytes> all;
        std::uint8_t tag = 0;
        (
            [&] {
                Bytes bytes{tag++};
                const Bytes encoded = encode(T{});
                bytes.insert(bytes.end(), encoded.begin(), encoded.end());
                all.push_back(bytes);
            }(),
            ...);
        return all;
    }
};
using AllObjects = Objects<Account, Stake, Unbonding, Validator, WorkRecord, Offer, Job, Lane,
                           Lease, Receipt, Round, MergeRecord, Part, Claim, Epoch, EpochMember,
                           EpochCommitment, Audit, Question, QuestionDuty, Pool, PoolMember,
                           Dispute, GameLoad, ChallengeSeal, Chain, JobHistoryEntry>;
/// An object with lists and optional fields that are there, under its place among all.
template <class T>
Bytes object_seed(std::uint8_t place, const T& object) {
    Bytes seed = encode(object);
    seed.insert(seed.begin(), place);
    return seed;
}
std::vector<Bytes> object_seeds() {
    auto seeds = AllObjects::seeds();
    Lane lane;
    lane.asked.resize(2);
    lane.excluded = {{filled(1)}};
    seeds.push_back(object_seed(7, lane));
    Round round;
    round.members.push_back(
        {1, {filled(1)}, {filled(2)}, {filled(3)}, filled(4), filled(5), {filled(6)}, {filled(7)}});
    seeds.push_back(object_seed(10, round));
    Part part;
    part.delivered.push_back({1, {filled(1), filled(2), filled(3)}, {filled(5)}, 9});
    seeds.push_back(object_seed(12, part));
    Audit audit;
    audit.verdict = Verdict{VerdictKind::valid, {}, filled(4)};
    audit.cells = std::vector(kCells, filled(5));
    seeds.push_back(object_seed(17, audit));
    PartPassed passed;
    passed.leaves.push_back({filled(1), filled(2), filled(3)});
    passed.audits.push_back({0, {filled(1)}, {filled(2)}, VerdictKind::invalid, filled(3)});
    seeds.push_back(object_seed(26, JobHistoryEntry{passed}));
    return seeds;
}
void run_object(ByteView input) {
    if (!input.empty()) AllObjects::run(input[0] % AllObjects::kCount, input.subspan(1));
}

std::vector<Bytes> subject_seeds() {
    GameSubject subject;
    subject.spec = {1, 2, 3};
    subject.payload_roots = {filled(1), filled(2)};
    std::vector<Bytes> seeds{encode(subject)};
    subject.stage = GameStage::cell;
    subject.about = GameStage::merge;
    subject.cell = 7;
    seeds.push_back(encode(subject));
    return seeds;
}
void run_subject(ByteView input) {
    if (const auto subject = decode_subject(input)) ASSAY_CHECK(same(input, encode(*subject)));
}

std::vector<Bytes> block_seeds() {
    ledger::Block block;
    block.transactions.push_back({Bytes{1, 2, 3}, Refusal::none, base::Amount::of(9)});
    const ledger::StoredEvent event{{{3}, 1}, {1'700'000'000'123}, {"job_opened", {{"job", "ab"}}}};
    std::vector<Bytes> seeds = {ledger::encode_block(block), ledger::encode_head(block.head),
                                ledger::encode_receipt({}), ledger::encode_event(event)};
    for (std::uint8_t i = 0; i < 4; ++i) seeds[i].insert(seeds[i].begin(), i);
    return seeds;
}
void run_block(ByteView input) {
    if (input.empty()) return;
    const ByteView bytes = input.subspan(1);
    switch (input[0] % 4) {
        case 0:
            if (const auto block = ledger::decode_block(bytes))
                ASSAY_CHECK(same(bytes, ledger::encode_block(*block)));
            break;
        case 1:
            if (const auto head = ledger::decode_head(bytes))
                ASSAY_CHECK(same(bytes, ledger::encode_head(*head)));
            break;
        case 2:
            if (const auto receipt = ledger::decode_receipt(bytes))
                ASSAY_CHECK(same(bytes, ledger::encode_receipt(*receipt)));
            break;
        default:
            if (const auto event = ledger::decode_event(bytes))
                ASSAY_CHECK(same(bytes, ledger::encode_event(*event)));
    }
}

std::vector<Bytes> part_record_seeds() {
    worker::PartRecord record;
    record.segments.resize(2);
    record.segments[0].state_root = filled(1);
    record.payload_receipt.emplace();
    return {worker::encode_part_record(record), worker::encode_part_record({})};
}
void run_part_record(ByteView input) {
    if (const auto record = worker::decode_part_record(input))
        ASSAY_CHECK(same(input, worker::encode_part_record(*record)));
}
std::vector<Bytes> verdict_seeds() {
    return {validator::encode_sealed_verdict({{filled(1)},
                                              {VerdictKind::valid, {}, filled(2)},
                                              filled(3),
                                              filled(4),
                                              filled(5),
                                              std::vector<base::Hash>(market::kCells, filled(6))})};
}
void run_verdict(ByteView input) {
    if (const auto sealed = validator::decode_sealed_verdict(input))
        ASSAY_CHECK(same(input, validator::encode_sealed_verdict(*sealed)));
}

constexpr Target kTargets[] = {
    {"spec", spec_seeds, run_spec},
    {"genesis", genesis_seeds, run_genesis, 3'000},
    {"parameters", parameters_seeds, run_parameters},
    {"transaction", transaction_seeds, run_transaction, 8'000},
    {"market_object", object_seeds, run_object, 50'000},
    {"game_subject", subject_seeds, run_subject},
    {"block", block_seeds, run_block},
    {"part_record", part_record_seeds, run_part_record},
    {"sealed_verdict", verdict_seeds, run_verdict},
};

}  // namespace

std::span<const Target> market_targets() { return kTargets; }

}  // namespace assay::fuzz
