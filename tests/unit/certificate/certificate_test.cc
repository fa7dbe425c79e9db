#include "certificate/certificate.h"

#include <gtest/gtest.h>

#include "market/objects.h"
#include "trained_job.h"

namespace assay::certificate {
namespace {

using base::Bytes;
using evidence::Evidence;
using evidence::SignedChain;
using Entries = TrainedJob::Entries;

/// Two lanes and two rounds; trained once for all tests.
const TrainedJob& merged_job() {
    static const TrainedJob job(2, 2);
    return job;
}
const TrainedJob& plain_job() {
    static const TrainedJob job(1, 1);
    return job;
}

const Bytes& certificate_of(const TrainedJob& job) {
    static std::map<const TrainedJob*, Bytes> made;
    Bytes& bytes = made[&job];
    if (bytes.empty()) {
        auto result = make(job.evidence(), job.checkpoint(), job.folder("model"));
        EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().detail);
        bytes = result.value_or(Bytes{});
    }
    return bytes;
}

VerifyOptions with_trust(std::vector<evidence::Trusted> trust) {
    VerifyOptions options;
    options.trust = std::move(trust);
    return options;
}
VerifyOptions with_model(const std::filesystem::path& folder) {
    VerifyOptions options;
    options.model = folder;
    return options;
}

template <class T>
void expect_refused(const Result<T>& result, Problem problem, const std::string& words = "") {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(to_word(result.error().problem), to_word(problem)) << result.error().detail;
    EXPECT_NE(result.error().detail.find(words), std::string::npos) << result.error().detail;
}

Bytes encoded(const Evidence& evidence) {
    Certificate certificate;
    certificate.evidence = evidence;
    return encode(certificate);
}

/// The evidence changed by an operator who can sign heads.
void expect_lie_found(const Evidence& evidence, Problem problem, const std::string& words) {
    SCOPED_TRACE(words);
    expect_refused(verify(encoded(evidence), {}), problem, words);
}

void expect_history_refused(const std::function<void(Entries&)>& change, const std::string& words) {
    static const Evidence honest = merged_job().evidence();
    Evidence lie = honest;
    Entries entries = merged_job().entries();
    change(entries);
    lie.history.clear();
    for (const market::JobHistoryEntry& entry : entries) lie.history.push_back(market::encode(entry));
    expect_lie_found(lie, Problem::history, words);
}

template <class Fact>
Fact& first(Entries& entries, std::size_t skip = 0) {
    for (market::JobHistoryEntry& entry : entries) {
        if (auto* fact = std::get_if<Fact>(&entry); fact != nullptr && skip-- == 0) return *fact;
    }
    ADD_FAILURE();
    static Fact none;
    return none;
}

template <class Message>
bool is(const evidence::Recorded& recorded) {
    return std::holds_alternative<Message>(market::decode_transaction(recorded.raw).value().message);
}
template <class Message>
std::size_t index_of(const Evidence& evidence, std::size_t skip = 0) {
    for (std::size_t i = 0; i < evidence.transactions.size(); ++i) {
        if (is<Message>(evidence.transactions[i]) && skip-- == 0) return i;
    }
    ADD_FAILURE();
    return 0;
}

TEST(Certificate, OfAMergedJobVerifies) {
    const TrainedJob& job = merged_job();
    VerifyOptions options = with_model((certificate_of(job), job.folder("model")));
    options.trust = job.chain().trust();
    const auto report = verify(certificate_of(job), options);
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    EXPECT_EQ(report->facts.job, job.id());
    EXPECT_EQ(report->facts.closed.final_root, job.final_root());
    EXPECT_EQ(report->segments, 2U * 2U * 3U);
    EXPECT_GT(report->audited, 0U);
    EXPECT_EQ(report->weighed->vouched, report->audited);
    EXPECT_TRUE(report->model_checked);
    // Everybody is trusted and took part: (1 - q)^1, one draw of each place.
    EXPECT_EQ(report->weighed->attempts, 1U);
    EXPECT_NE(report->statement.find("would have passed with chance 0.550000"), std::string::npos) << report->statement;
}

TEST(Certificate, WithoutAListNothingIsProved) {
    const auto report = verify(certificate_of(plain_job()), {});
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    EXPECT_FALSE(report->weighed.has_value());
    EXPECT_EQ(report->statement.find("unproved: "), 0U);
    EXPECT_NE(report->not_proved.front().find("operator introduced the keys"), std::string::npos);
    EXPECT_FALSE(report->model_checked);
}

TEST(Certificate, EncodesAsTheFormatPageSays) {
    const auto filled = [](std::uint8_t byte) {
        base::Hash hash;
        hash.bytes.fill(byte);
        return hash;
    };
    Certificate example;
    Evidence& evidence = example.evidence;
    evidence.genesis = {0xaa, 0xbb};
    evidence.head = {{6}, {7}, filled(8), filled(9), 10, filled(11), {}};
    evidence.head.signature.bytes.fill(12);
    evidence.history = {{0xc1}, {0xc2, 0xc3}};
    evidence.transactions = {{{0xdd}, {1}, {2}, 3, base::Amount::of(4), 5, {filled(1)}}};
    evidence.epochs = {{6, 7, filled(2), {filled(3)}, 8, {{{filled(4)}, 9}}, {{{filled(5)}, {filled(6)}, filled(7)}}, {{{filled(5)}, {filled(4)}}}}};
    evidence.rates = {{{filled(5)}, 450'000}};
    example.other_tensor_roots = {filled(13)};
    example.model_root = filled(14);
    EXPECT_EQ(commit::golden_of("certificate.md").at("certificate"), base::to_hex(encode(example)));
    EXPECT_EQ(decode(encode(example)).value(), example);
}

TEST(Certificate, HasOneSpelling) {
    const Bytes& bytes = certificate_of(merged_job());
    const auto decoded = decode(bytes);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(encode(*decoded), bytes);
    for (std::size_t size = 0; size < bytes.size(); size += 41) expect_refused(decode(base::ByteView(bytes).first(size)), Problem::malformed);
    Bytes longer = bytes;
    longer.push_back(0);
    expect_refused(decode(longer), Problem::malformed);
    Bytes other_version = bytes;
    other_version[17] = 1;
    expect_refused(decode(other_version), Problem::unknown_version);
}

/// Every 97th byte: each costs the checks up to the one that finds it. The rates are the operator's word, see the next test.
TEST(Certificate, FlippedBytesAreRefused) {
    const TrainedJob& job = plain_job();
    auto certificate = decode(certificate_of(job));
    ASSERT_TRUE(certificate.has_value());
    const Bytes bytes = certificate_of(job);
    const std::size_t rates = certificate->evidence.rates.size() * 36 + 4 + certificate->other_tensor_roots.size() * 32 + 4 + 32;
    for (std::size_t i = 0; i < bytes.size(); i += 97) {
        if (i >= bytes.size() - rates && i < bytes.size() - rates + certificate->evidence.rates.size() * 36 + 4) continue;
        Bytes flipped = bytes;
        flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ (1U << (i % 8)));
        EXPECT_FALSE(verify(flipped, with_model(job.folder("model"))).has_value()) << "byte " << i << " of " << bytes.size();
    }
}

/// Who states a greater rate than the lease had states draws that nobody answered; a lesser one is a worse chance.
TEST(Certificate, RatesAreWhatTheDrawsSay) {
    const TrainedJob& job = plain_job();
    Evidence lie = job.evidence();
    for (auto& rate : lie.rates) rate.ppm = 1'000'000;
    expect_lie_found(lie, Problem::draws, "not judged");
    lie = job.evidence();
    lie.rates[0].ppm = 1;
    expect_lie_found(lie, Problem::job, "without the rate");
    lie = job.evidence();
    lie.rates.pop_back();
    expect_lie_found(lie, Problem::job, "without the rate");
}

TEST(Certificate, RefusesAnotherModelThanTheFinalState) {
    const TrainedJob& job = merged_job();
    auto certificate = decode(certificate_of(job));
    auto other = decode(certificate_of(plain_job()));
    ASSERT_TRUE(certificate.has_value() && other.has_value());
    expect_refused(verify(certificate_of(job), with_model(plain_job().folder("model"))), Problem::model, "another model");
    certificate->model_root = other->model_root;
    expect_refused(verify(encode(*certificate), with_model(plain_job().folder("model"))), Problem::model, "not those of the job's final state");
    expect_refused(verify(certificate_of(job), with_model(job.folder("nothing"))), Problem::files);
}

TEST(Certificate, RefusesAnotherPartyThanExpected) {
    VerifyOptions options;
    options.chain_id = base::sha256({});
    expect_refused(verify(certificate_of(plain_job()), options), Problem::unexpected, "chain");
    options = {};
    options.operator_key = base::SecretKey::from_seed(Bytes(32, 1)).public_key();
    expect_refused(verify(certificate_of(plain_job()), options), Problem::unexpected, "operator");
    options = {};
    options.job = base::JobId{base::sha256({})};
    expect_refused(verify(certificate_of(plain_job()), options), Problem::unexpected, "job");
}

TEST(Certificate, IsNotMadeFromAnotherCheckpoint) {
    const TrainedJob& job = merged_job();
    expect_refused(make(job.evidence(), plain_job().checkpoint(), job.folder("lie")), Problem::files);
    expect_refused(make(job.evidence(), job.folder("nothing"), job.folder("lie")), Problem::files);
}

TEST(Certificate, RefusesALogThatNobodySigned) {
    const Evidence honest = plain_job().evidence();
    Evidence lie = honest;
    lie.head.signature.bytes[3] ^= 1;
    expect_lie_found(lie, Problem::signature, "did not sign this head");
    lie = honest;
    lie.head.log_root.bytes[0] ^= 1;
    plain_job().chain().sign_head(lie);
    expect_lie_found(lie, Problem::log, "not in the signed log");
    lie = honest;
    lie.transactions[2].fee = base::Amount::of(8);
    expect_lie_found(lie, Problem::log, "not in the signed log");
    lie = honest;
    std::swap(lie.transactions[1], lie.transactions[2]);
    expect_lie_found(lie, Problem::log, "");
    lie = honest;
    lie.genesis = market::encode_genesis(SignedChain(3).genesis());
    expect_lie_found(lie, Problem::signature, "");
}

TEST(Certificate, RefusesWorkThatNobodySigned) {
    const Evidence honest = plain_job().evidence();
    const auto without = [&](std::size_t index) {
        Evidence lie = honest;
        lie.transactions.erase(lie.transactions.begin() + static_cast<std::ptrdiff_t>(index));
        return lie;
    };
    expect_lie_found(without(index_of<market::PartCommit>(honest)), Problem::job, "closed by another");
    expect_lie_found(without(index_of<market::PartClose>(honest)), Problem::job, "lacks what its worker signed");
    expect_lie_found(without(index_of<market::JobPost>(honest)), Problem::job, "no job is posted");
    const Evidence merged = merged_job().evidence();
    Evidence lie = merged;
    lie.transactions.erase(lie.transactions.begin() + static_cast<std::ptrdiff_t>(index_of<market::MergePost>(merged)));
    expect_lie_found(lie, Problem::job, "nobody signed the merge");
}

TEST(Certificate, RefusesVerdictsThatAreMissing) {
    const Evidence honest = merged_job().evidence();
    for (std::size_t i = 0; i < honest.transactions.size(); ++i) {
        if (!is<market::VerdictReveal>(honest.transactions[i])) continue;
        Evidence lie = honest;
        lie.transactions.erase(lie.transactions.begin() + static_cast<std::ptrdiff_t>(i));
        const auto report = verify(encoded(lie), {});
        // Its control was committed to, so that it cannot just be left out; nor can a whole draw.
        EXPECT_FALSE(report.has_value()) << i;
    }
}

TEST(Certificate, RefusesEpochsThatAreNotWhatTheMembersSigned) {
    const Evidence honest = plain_job().evidence();
    const auto changed = [&](const std::function<void(evidence::Epoch&)>& change, const char* words) {
        Evidence lie = honest;
        change(lie.epochs[1]);
        expect_lie_found(lie, Problem::epochs, words);
    };
    changed([](auto& epoch) { epoch.members[0].weight += 1; }, "signed other commitments");
    changed([](auto& epoch) { epoch.members.pop_back(); }, "nobody who is a member");
    changed([](auto& epoch) { epoch.members.push_back(epoch.members[0]); }, "a member twice");
    changed([](auto& epoch) { epoch.jailed_weight = 5; }, "signed other commitments");
    changed([](auto& epoch) { epoch.commitments.pop_back(); }, "signed other commitments");
    changed([](auto& epoch) { epoch.commitments[0].root.bytes[0] ^= 1; }, "signed other commitments");
    changed([](auto& epoch) { epoch.log_root.bytes[0] ^= 1; }, "not the beginning");
    changed([](auto& epoch) { epoch.log_size += 1; }, "not the beginning");
    const auto barred = [&](const base::PartId& commitment, const base::AccountId& validator, int times, const char* words) {
        changed([&](auto& epoch) {
            for (int i = 0; i < times; ++i) epoch.barred.push_back({commitment, validator});
        }, words);
    };
    const base::PartId commitment = honest.epochs[1].commitments[0].id;
    const base::AccountId member = honest.epochs[1].members[0].validator;
    base::AccountId stranger = member;
    stranger.hash.bytes[0] ^= 1;
    base::PartId unknown = commitment;
    unknown.hash.bytes[0] ^= 1;
    barred(commitment, stranger, 1, "barred who did not contribute");
    barred(unknown, member, 1, "from what was not committed");
    barred(commitment, member, 2, "out of order");
    Evidence lie = honest;
    lie.epochs.erase(lie.epochs.begin());
    expect_lie_found(lie, Problem::epochs, "the one that the job began in");
    lie = honest;
    lie.epochs.pop_back();
    expect_lie_found(lie, Problem::epochs, "holds the job's end");
    lie = honest;
    // Under another number nobody has signed it.
    lie.epochs.back().number += std::uint64_t{1} << 32U;
    expect_lie_found(lie, Problem::epochs, "which is not shown");
    lie = honest;
    std::swap(lie.epochs[0], lie.epochs[1]);
    expect_lie_found(lie, Problem::epochs, "");
}

/// A key that contributes to nothing is absent: its share counts for nobody, and which of the keys are absent may have been chosen.
TEST(Certificate, AbsentKeysLowerTheShare) {
    const TrainedJob& job = plain_job();
    SignedChain::Options options;
    options.contributes = [](std::uint64_t, std::size_t validator) { return validator != 2; };
    const Bytes bytes = encoded(job.evidence({}, options));
    const auto all = verify(bytes, with_trust(job.chain().trust()));
    // Three ways to leave one of three out, at (1 - q)^1.
    expect_refused(all, Problem::trust, "nothing is proved");
    auto two = job.chain().trust();
    two.pop_back();
    const auto present = verify(bytes, with_trust(two));
    ASSERT_TRUE(present.has_value()) << present.error().detail;
    EXPECT_NE(present->statement.find("chance 0.55"), std::string::npos) << present->statement;
    auto one = job.chain().trust();
    one.resize(1);
    const auto half = verify(bytes, with_trust(one));
    ASSERT_TRUE(half.has_value()) << half.error().detail;
    // 0.55^(1/2).
    EXPECT_NE(half->statement.find("chance 0.7416"), std::string::npos) << half->statement;
    expect_refused(verify(bytes, with_trust({job.chain().trust()[2]})), Problem::trust, "took part in a draw");
}

TEST(Certificate, VoidEpochsAreAttempts) {
    const TrainedJob& job = plain_job();
    SignedChain::Options options;
    // The first part's first draw: epoch 5 holds the initial state, the next ones its controls.
    std::uint64_t void_epoch = 0;
    {
        const Evidence honest = job.evidence();
        for (const evidence::Epoch& epoch : honest.epochs) {
            for (const auto& commitment : epoch.commitments) {
                if (commitment.id == std::get<market::PartPassed>(job.entries()[0]).part) void_epoch = epoch.number;
            }
        }
    }
    options.contributes = [&](std::uint64_t epoch, std::size_t validator) { return epoch != void_epoch || validator == 0; };
    const auto report = verify(encoded(job.evidence({}, options)), with_trust(job.chain().trust()));
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    EXPECT_EQ(report->weighed->attempts, 2U);
    // 1 - (1 - 0.55)^2.
    EXPECT_NE(report->statement.find("chance 0.79750"), std::string::npos) << report->statement;
}

TEST(Certificate, MissedAuditsAreDrawnAgain) {
    const TrainedJob& job = plain_job();
    SignedChain::Options options;
    std::set<std::pair<base::PartId, std::uint32_t>> missed;
    std::uint32_t misses = 0;
    options.says = [&](const base::PartId& subject, std::uint32_t segment, std::size_t) -> std::optional<market::VerdictKind> {
        const bool part = subject == std::get<market::PartPassed>(job.entries()[0]).part;
        if (!part || !missed.emplace(subject, segment).second) return market::VerdictKind::valid;
        ++misses;
        return std::nullopt;
    };
    const Evidence evidence = job.evidence({}, options);
    ASSERT_GT(misses, 0U) << "choose another seed";
    EXPECT_TRUE(verify(encoded(evidence), {}).has_value());
    // Without the redraw it is not judged.
    Evidence lie = evidence;
    std::erase_if(lie.transactions, [](const auto& recorded) { return is<market::VerdictReveal>(recorded); });
    EXPECT_FALSE(verify(encoded(lie), {}).has_value());
}

TEST(Certificate, AVerdictOfATrustedKeyAgainstTheWorkRefuses) {
    const TrainedJob& job = plain_job();
    SignedChain::Options options;
    options.says = [&](const base::PartId& subject, std::uint32_t, std::size_t) {
        return subject == std::get<market::PartPassed>(job.entries()[0]).part ? market::VerdictKind::invalid : market::VerdictKind::valid;
    };
    const Bytes bytes = encoded(job.evidence({}, options));
    EXPECT_TRUE(verify(bytes, {}).has_value());
    expect_refused(verify(bytes, with_trust(job.chain().trust())), Problem::trust, "calls segment");
}

TEST(Certificate, TrustFilesAreRead) {
    const std::string chain(64, 'a');
    const std::string key = base::SecretKey::from_seed(Bytes(32, 1)).public_key().hex();
    const auto read = evidence::read_trust("# people I know\n\n" + chain + " " + key + "\r\n");
    ASSERT_TRUE(read.has_value()) << read.error();
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ(read->front().key.hex(), key);
    for (const std::string& line : {chain, key, chain + key, chain + "  " + key, chain + " " + std::string(64, '0'), chain + " " + key + " x"}) {
        EXPECT_FALSE(evidence::read_trust(line).has_value()) << line;
    }
}

TEST(Certificate, RefusesHistoriesThatDoNotLeadToTheModel) {
    const auto refused = [](const char* words, const std::function<void(Entries&)>& change) {
        SCOPED_TRACE(words);
        expect_history_refused(change, words);
    };
    refused("parts are not complete", [](Entries& entries) { entries.erase(entries.begin()); });
    refused("parts are not complete", [](Entries& entries) {
        const auto& part = first<market::PartPassed>(entries, 1);
        entries.insert(entries.begin() + 4, market::PartVoided{part.key, part.part});
    });
    refused("never closed", [](Entries& entries) {
        std::erase_if(entries, [](const auto& entry) { return !std::holds_alternative<market::RoundFinal>(entry) && !std::holds_alternative<market::JobClosed>(entry); });
    });
    refused("merge comes before", [](Entries& entries) {
        std::erase_if(entries, [](const auto& entry) { return std::holds_alternative<market::RoundClosed>(entry); });
    });
    refused("another root than its merge", [](Entries& entries) {
        std::erase_if(entries, [](const auto& entry) { return std::holds_alternative<market::RoundMerged>(entry) || std::holds_alternative<market::MergeAudited>(entry); });
    });
    refused("another root than was posted", [](Entries& entries) { first<market::MergeAudited>(entries).root.bytes[0] ^= 1; });
    refused("another root than its merge", [](Entries& entries) { first<market::MergeAudited>(entries).outcome = market::MergeState::refuted; });
    refused("another root than its merge", [](Entries& entries) { first<market::RoundFinal>(entries).root.bytes[0] ^= 1; });
    refused("out of order", [](Entries& entries) { first<market::RoundFinal>(entries).round = 1; });
    refused("open on the root before it", [](Entries& entries) { first<market::RoundClosed>(entries, 1).opening_root.bytes[0] ^= 1; });
    refused("ends elsewhere than its last part", [](Entries& entries) { first<market::RoundClosed>(entries).members[1].end_root.bytes[0] ^= 1; });
    refused("payload", [](Entries& entries) { first<market::RoundClosed>(entries).members[1].payload_root.bytes[0] ^= 1; });
    refused("members of a round are out of order", [](Entries& entries) { first<market::RoundClosed>(entries).members[1].lane = 0; });
    refused("not those of its tree", [](Entries& entries) { first<market::PartPassed>(entries).leaves[0].salt.bytes[0] ^= 1; });
    refused("do not follow each other", [](Entries& entries) {
        auto& part = first<market::PartPassed>(entries);
        part.leaves[0].end_field.bytes[0] ^= 1;
        std::vector<base::Hash> leaves;
        for (const auto& leaf : part.leaves) leaves.push_back(market::segment_leaf_hash(leaf));
        part.tree_root = market::part_root(leaves);
    });
    refused("id of its key", [](Entries& entries) { first<market::PartPassed>(entries).key.attempt = 5; });
    refused("number of segments", [](Entries& entries) { first<market::PartPassed>(entries).first_segment = 1; });
    refused("in the place of one that stands", [](Entries& entries) { entries.insert(entries.begin(), entries.front()); });
    refused("job's end is missing", [](Entries& entries) { entries.pop_back(); });
    refused("after the job's end", [](Entries& entries) { entries.push_back(entries.back()); });
    refused("another root", [](Entries& entries) { first<market::JobClosed>(entries).final_root.bytes[0] ^= 1; });
    refused("another number of final rounds", [](Entries& entries) { first<market::JobClosed>(entries).final_rounds = 1; });
}

/// A8: an operator writes a certificate alone, for weights that nobody trained: its own workers, its own validators, its own chain.
TEST(Attack, A8_OperatorWritesACertificateAlone) {
    const TrainedJob& job = plain_job();
    auto program = runtime::Job::open(job.spec(), job.folder("blob"), {});
    ASSERT_TRUE(program.has_value());
    // The state before the first step stands for any weights whatever.
    const commit::State state = (*program)->initial_state();
    commit::StateDescriptor descriptor;
    descriptor.spec_root = (*program)->spec_root();
    descriptor.program_root = (*program)->program_root();
    descriptor.round_start_root = (*program)->initial_root();
    descriptor.step = job.spec().round_steps;
    const auto checkpoint = job.folder("any weights");
    ASSERT_TRUE(commit::save_state(checkpoint, (*program)->program(), state, descriptor).has_value());
    const base::Hash end = commit::state_root((*program)->program(), state, descriptor);
    ASSERT_NE(end, job.final_root());
    const auto forge = [&](Entries& entries) {
        base::Hash root = (*program)->initial_root();
        for (market::JobHistoryEntry& entry : entries) {
            if (auto* part = std::get_if<market::PartPassed>(&entry)) {
                std::vector<base::Hash> leaves;
                part->start_root = root;
                for (market::SegmentLeaf& leaf : part->leaves) {
                    leaf.start_root = root;
                    const bool last = part->first_segment + part->leaves.size() == 3 && &leaf == &part->leaves.back();
                    leaf.end_field = root = last ? end : base::blake2b("attack", root.view());
                    leaves.push_back(market::segment_leaf_hash(leaf));
                }
                part->end_root = root;
                part->tree_root = market::part_root(leaves);
            } else if (auto* closed = std::get_if<market::RoundClosed>(&entry)) {
                closed->members[0].end_root = end;
            } else if (auto* last = std::get_if<market::RoundFinal>(&entry)) {
                last->root = end;
            } else if (auto* over = std::get_if<market::JobClosed>(&entry)) {
                over->final_root = end;
            }
        }
    };
    const auto bytes = make(job.evidence(forge), checkpoint, job.folder("forged"));
    ASSERT_TRUE(bytes.has_value()) << bytes.error().detail;
    // A reader who asked three validators, whom the operator never asked.
    std::vector<evidence::Trusted> trust = SignedChain(3).trust();
    for (evidence::Trusted& line : trust) line.chain_id = job.chain().chain_id();
    VerifyOptions options = with_model(job.folder("forged"));
    const auto alone = verify(*bytes, options);
    ASSERT_TRUE(alone.has_value()) << alone.error().detail;
    EXPECT_EQ(alone->statement.find("unproved: "), 0U) << alone->statement;
    options.trust = trust;
    expect_refused(verify(*bytes, options), Problem::trust, "nothing is proved");
    options.trust = SignedChain(3).trust();  // of another chain
    expect_refused(verify(*bytes, options), Problem::trust, "names no validator of this chain");
}

/// B3: an operator re-rolls attempts on its own chain until none is drawn, and exports the last one.
TEST(Attack, B3_OperatorExportsTheLastOfManyAttempts) {
    const TrainedJob& job = plain_job();
    SignedChain::Options options;
    options.attempts_before = 2;
    const Evidence shown = job.evidence({}, options);
    const VerifyOptions trust = with_trust(job.chain().trust());
    const auto honest = verify(encoded(job.evidence()), trust);
    ASSERT_TRUE(honest.has_value());
    // Shown, the attempts count.
    const auto report = verify(encoded(shown), trust);
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    EXPECT_EQ(report->weighed->attempts, 3U);
    EXPECT_GT(report->weighed->chance, honest->weighed->chance);
    const auto unproved = verify(encoded(shown), {});
    ASSERT_TRUE(unproved.has_value());
    EXPECT_EQ(unproved->statement.find("unproved: "), 0U);
    // Not shown, the epochs that drew them give them away: what they closed with is signed by keys that the reader trusts.
    Evidence hidden = shown;
    std::erase_if(hidden.transactions, [&](const evidence::Recorded& recorded) {
        const auto transaction = market::decode_transaction(recorded.raw).value();
        return std::holds_alternative<market::PartCommit>(transaction.message) && transaction.header.account != job.chain().worker(0);
    });
    ASSERT_EQ(hidden.transactions.size() + 2, shown.transactions.size());
    expect_refused(verify(encoded(hidden), trust), Problem::epochs, "not shown");
    // Nor can the commitments be left out of the epochs.
    std::set<base::PartId> standing;
    for (const market::JobHistoryEntry& entry : job.entries()) {
        if (const auto* part = std::get_if<market::PartPassed>(&entry)) standing.insert(part->part);
    }
    std::set<base::PartId> rerolled;
    for (const evidence::Rate& rate : shown.rates) {
        if (!standing.contains(rate.part)) rerolled.insert(rate.part);
    }
    ASSERT_EQ(rerolled.size(), 2U);
    const auto holds_one = [&](const evidence::Epoch& epoch) {
        return std::any_of(epoch.commitments.begin(), epoch.commitments.end(), [&](const auto& c) { return rerolled.contains(c.id); });
    };
    Evidence cut = hidden;
    for (evidence::Epoch& epoch : cut.epochs) std::erase_if(epoch.commitments, [&](const auto& c) { return rerolled.contains(c.id); });
    expect_refused(verify(encoded(cut), trust), Problem::epochs, "signed other commitments");
    // Epochs that are left out are seen by their numbers: each may hide an attempt, and counts as one.
    Evidence gap = hidden;
    std::erase_if(gap.epochs, holds_one);
    std::erase_if(gap.transactions, [&](const evidence::Recorded& recorded) {
        const auto transaction = market::decode_transaction(recorded.raw).value();
        const auto* reveal = std::get_if<market::VerdictReveal>(&transaction.message);
        if (reveal == nullptr) return false;
        for (const evidence::Epoch& epoch : hidden.epochs) {
            for (const base::PartId& part : rerolled) {
                for (std::uint32_t segment = 0; segment < 2; ++segment) {
                    if (market::audit_id(part, segment, epoch.number, transaction.header.account) == reveal->audit) return true;
                }
            }
        }
        return false;
    });
    const auto counted = verify(encoded(gap), trust);
    if (counted) {
        EXPECT_GE(counted->weighed->attempts, 3U);
    } else {
        EXPECT_EQ(counted.error().problem, Problem::epochs) << counted.error().detail;
    }
}

/// A reader who recomputes every segment of a certificate has recomputed the model: what a merge gave is recomputed with them.
TEST(Attack, F10_ReplayOfAllSegmentsPassesOverAnInventedMerge) {
    const TrainedJob job(2, 1);
    auto program = runtime::Job::open(job.spec(), job.folder("blob"), {});
    ASSERT_TRUE(program.has_value());
    // The initial state stands for any weights whatever.
    const commit::State any = (*program)->initial_state();
    commit::StateDescriptor shared;
    shared.spec_root = (*program)->spec_root();
    shared.program_root = (*program)->program_root();
    commit::StateDescriptor descriptor = shared;
    descriptor.round_start_root = (*program)->initial_root();
    descriptor.round = 1;
    descriptor.lane = commit::kOpeningLane;
    const auto checkpoint = job.folder("any weights");
    ASSERT_TRUE(commit::save_state(checkpoint, (*program)->program(), any, descriptor).has_value());
    const base::Hash end = commit::state_root((*program)->program(), any, descriptor);
    ASSERT_NE(end, job.final_root());
    const auto forge = [&](Entries& entries) {
        first<market::RoundMerged>(entries).root = end;
        first<market::MergeAudited>(entries).root = end;
        first<market::RoundFinal>(entries).root = end;
        first<market::JobClosed>(entries).final_root = end;
    };
    const auto bytes = make(job.evidence(forge), checkpoint, job.folder("forged"));
    ASSERT_TRUE(bytes.has_value()) << bytes.error().detail;
    auto report = verify(*bytes, with_model(job.folder("forged")));
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    EXPECT_TRUE(report->model_checked);

    // The operator serves every checkpoint that is asked for: they are all honest. Test receipts name no blobs, so they are numbered here.
    std::map<base::BlobRoot, std::filesystem::path> store;
    const auto number = [&](base::BlobRoot& blob, const std::filesystem::path& file) {
        blob.hash = base::blake2b("attack.blob", base::view_of(file.string()));
        store[blob] = file;
    };
    descriptor = shared;
    descriptor.lane = commit::kOpeningLane;
    ASSERT_TRUE(commit::save_state(job.folder("opening"), (*program)->program(), any, descriptor).has_value());
    number(report->facts.opening_blobs.at(0), job.folder("opening"));
    for (evidence::FinalPart& part : report->facts.parts) {
        if (part.first_segment != 0) continue;
        commit::State state = any.clone();
        for (std::uint32_t segment = 0; segment < part.leaves.size(); ++segment)
            runtime::run_segment(**program, state, &any, {0, part.lane, segment, (*program)->initial_root()}, {});
        descriptor = shared;
        descriptor.lane = part.lane;
        descriptor.step = static_cast<std::uint32_t>(part.leaves.size()) * job.spec().segment_steps;
        descriptor.round_start_root = (*program)->initial_root();
        const auto file = job.folder("lane" + std::to_string(part.lane));
        ASSERT_TRUE(commit::save_state(file, (*program)->program(), state, descriptor).has_value());
        number(part.end_blob, file);
    }
    ReplayOptions all;
    all.dataset = job.folder("blob");
    all.segments = 1'000;
    all.scratch = job.folder("scratch");
    all.fetch = [&](const base::BlobRoot& blob, const std::filesystem::path& file) {
        std::error_code error;
        return store.contains(blob) && std::filesystem::copy_file(store.at(blob), file, std::filesystem::copy_options::overwrite_existing, error);
    };
    const auto replayed = replay(report->facts, all);
    if (replayed) {
        std::cout << "[ figures  ] F10: recomputed " << replayed->segments << " of " << report->segments << " segments, " << replayed->unavailable
                  << " not to be had, of a model that nobody trained" << std::endl;
    }
    expect_refused(replayed, Problem::replay);
}

/// A lane may have had any number of leases: accepting and leaving costs next to nothing, and must not take the proof from who paid for it.
TEST(Attack, F11_ManyLeasesOfALaneDoNotSpoilTheCertificate) {
    SignedChain::Options options;
    options.lease_number = 1'024;
    const auto report = verify(encoded(plain_job().evidence({}, options)), {});
    EXPECT_TRUE(report.has_value()) << report.error().detail;
}

}  // namespace
}  // namespace assay::certificate
