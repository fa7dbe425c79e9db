#include "certificate/certificate.h"

#include <gtest/gtest.h>

#include "trained_job.h"

namespace assay::certificate {
namespace {

using base::Bytes;
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

Bytes certificate_of(const TrainedJob& job) {
    auto bytes = make(job.source(), job.checkpoint(), job.folder("model"));
    EXPECT_TRUE(bytes.has_value()) << (bytes ? "" : bytes.error().detail);
    return bytes.value_or(Bytes{});
}

template <class T>
void expect_refused(const Result<T>& result, Problem problem, const std::string& words = "") {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(to_word(result.error().problem), to_word(problem)) << result.error().detail;
    EXPECT_NE(result.error().detail.find(words), std::string::npos) << result.error().detail;
}

/// What an operator who signs other records gets.
void expect_lie_found(const std::function<void(Entries&, market::Job&)>& change, Problem problem, const std::string& words) {
    const TrainedJob& job = merged_job();
    expect_refused(make(job.source(change), job.checkpoint(), job.folder("lie")), problem, words);
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

TEST(Certificate, OfAMergedJobVerifies) {
    const TrainedJob& job = merged_job();
    const auto report = verify(certificate_of(job), job.folder("model"));
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    EXPECT_EQ(report->job, job.record().id);
    EXPECT_EQ(report->final_root, job.record().final_root);
    EXPECT_EQ(report->height.value, 77U);
    EXPECT_EQ(report->final_rounds, 2U);
    EXPECT_EQ(report->segments, 2U * 2U * 3U);
    EXPECT_EQ(report->audited, 4U);
    EXPECT_EQ(report->unaudited, 2U);
    EXPECT_GE(report->not_proved.size(), 4U);
}

TEST(Certificate, OfAPlainJobVerifies) {
    const TrainedJob& job = plain_job();
    const auto report = verify(certificate_of(job), job.folder("model"));
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    EXPECT_EQ(report->segments, 3U);
}

TEST(Certificate, IsAFunctionOfItsSource) { EXPECT_EQ(certificate_of(merged_job()), certificate_of(merged_job())); }

TEST(Certificate, EncodesAsTheFormatPageSays) {
    const auto filled = [](std::uint8_t byte) {
        base::Hash hash;
        hash.bytes.fill(byte);
        return hash;
    };
    Certificate example;
    example.chain_id = filled(1);
    example.operator_key.bytes.fill(2);
    example.spec = {0xaa, 0xbb};
    example.program_root = filled(3);
    example.init_root = filled(4);
    example.history = {{0xc1}, {0xc2, 0xc3}};
    example.job = {0xdd};
    example.siblings = {filled(5)};
    example.signed_roots = {{6}, {7}, filled(8), filled(9), 10, filled(11), {}};
    example.signed_roots.signature.bytes.fill(12);
    example.other_tensor_roots = {filled(13)};
    example.model_root = filled(14);
    EXPECT_EQ(commit::golden_of("certificate.md").at("certificate"), base::to_hex(encode(example)));
    EXPECT_EQ(decode(encode(example)).value(), example);
}

TEST(Certificate, HasOneSpelling) {
    const Bytes bytes = certificate_of(merged_job());
    const auto decoded = decode(bytes);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(encode(*decoded), bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) expect_refused(decode(base::ByteView(bytes).first(size)), Problem::malformed);
    Bytes longer = bytes;
    longer.push_back(0);
    expect_refused(decode(longer), Problem::malformed);
    Bytes other_version = bytes;
    other_version[17] = 2;
    expect_refused(decode(other_version), Problem::unknown_version);
}

TEST(Certificate, EveryFlippedByteIsRefused) {
    const TrainedJob& job = merged_job();
    const Bytes bytes = certificate_of(job);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        Bytes flipped = bytes;
        flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ (1U << (i % 8)));
        EXPECT_FALSE(verify(flipped, job.folder("model")).has_value()) << "byte " << i << " of " << bytes.size();
    }
}

TEST(Certificate, EveryFlippedByteOfTheModelIsRefused) {
    const TrainedJob& job = merged_job();
    const Bytes bytes = certificate_of(job);
    for (const char* name : {"model.safetensors", "config.json"}) {
        const auto directory = job.folder(std::string("flipped-") + name);
        std::filesystem::create_directory(directory);
        for (const char* file : {"model.safetensors", "config.json"}) std::filesystem::copy(job.folder("model") / file, directory);
        const Bytes content = commit::read_file(directory / name);
        for (std::size_t i = 0; i < content.size(); ++i) {
            Bytes flipped = content;
            flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ (1U << (i % 8)));
            commit::write_file(directory / name, flipped);
            expect_refused(verify(bytes, directory), Problem::model);
        }
        commit::write_file(directory / name, content);
        EXPECT_TRUE(verify(bytes, directory).has_value());
        std::filesystem::remove(directory / name);
        expect_refused(verify(bytes, directory), Problem::files);
    }
}

TEST(Certificate, RefusesAnotherModelThanTheFinalState) {
    // Both certificates are right; the models are exchanged, the model root too.
    const TrainedJob& job = merged_job();
    auto certificate = decode(certificate_of(job));
    auto other = decode(certificate_of(plain_job()));
    ASSERT_TRUE(certificate.has_value() && other.has_value());
    certificate->model_root = other->model_root;
    expect_refused(verify(encode(*certificate), plain_job().folder("model")), Problem::model, "not those of the job's final state");
}

TEST(Certificate, RefusesAnotherPartyThanExpected) {
    const TrainedJob& job = merged_job();
    const Bytes bytes = certificate_of(job);
    VerifyOptions right;
    right.chain_id = TrainedJob::chain_id();
    right.operator_key = TrainedJob::operator_key().public_key();
    right.job = job.record().id;
    EXPECT_TRUE(verify(bytes, job.folder("model"), right).has_value());
    VerifyOptions wrong = right;
    wrong.chain_id = base::Hash{};
    expect_refused(verify(bytes, job.folder("model"), wrong), Problem::unexpected, "chain");
    wrong = right;
    wrong.operator_key = base::SecretKey::from_seed(Bytes(32, 1)).public_key();
    expect_refused(verify(bytes, job.folder("model"), wrong), Problem::unexpected, "operator");
    wrong = right;
    wrong.job = base::JobId{};
    expect_refused(verify(bytes, job.folder("model"), wrong), Problem::unexpected, "job");
}

TEST(Certificate, RefusesARecordThatIsNotInTheSignedState) {
    const TrainedJob& job = merged_job();
    Source source = job.source();
    source.proof.siblings.pop_back();
    expect_refused(make(source, job.checkpoint(), job.folder("lie")), Problem::state_proof);
    source = job.source();
    source.job = job.source([](Entries&, market::Job& record) { record.nonce += 1; }).job;
    expect_refused(make(source, job.checkpoint(), job.folder("lie")), Problem::state_proof);
}

TEST(Certificate, RefusesAHeadThatTheOperatorDidNotSign) {
    const TrainedJob& job = merged_job();
    Source source = job.source();
    source.operator_key = base::SecretKey::from_seed(Bytes(32, 1)).public_key();
    expect_refused(make(source, job.checkpoint(), job.folder("lie")), Problem::signature);
    source = job.source();
    source.chain_id = base::Hash{};
    expect_refused(make(source, job.checkpoint(), job.folder("lie")), Problem::signature);
}

TEST(Certificate, RefusesAnotherSpec) {
    const TrainedJob& job = merged_job();
    Source source = job.source();
    source.spec = plain_job().source().spec;
    expect_refused(make(source, job.checkpoint(), job.folder("lie")), Problem::job, "spec");
}

TEST(Certificate, RefusesAJobThatHasNotEnded) {
    expect_lie_found([](Entries&, market::Job& record) { record.state = market::JobState::running; }, Problem::job, "not ended");
}

TEST(Certificate, RefusesAnotherProgramOrInit) {
    expect_lie_found([](Entries&, market::Job& record) { record.program_root.bytes[0] ^= 1; }, Problem::program, "another program");
    expect_lie_found(
        [](Entries& entries, market::Job& record) {
            // All later roots follow from the wrong one, as far as records can.
            record.init_root.bytes[0] ^= 1;
            for (std::size_t lane = 0; lane < 2; ++lane) {
                auto& part = first<market::PartPassed>(entries, 2 * lane);
                part.start_root = record.init_root;
                part.leaves[0].start_root = record.init_root;
                std::vector<base::Hash> leaves;
                for (const auto& leaf : part.leaves) leaves.push_back(market::segment_leaf_hash(leaf));
                part.tree_root = market::part_root(leaves);
            }
            first<market::RoundClosed>(entries).opening_root = record.init_root;
        },
        Problem::init, "init part");
}

TEST(Certificate, RefusesHistoriesThatDoNotLeadToTheModel) {
    const auto refused = [](const char* words, const std::function<void(Entries&, market::Job&)>& change) {
        SCOPED_TRACE(words);
        expect_lie_found(change, Problem::history, words);
    };
    refused("parts are not complete", [](Entries& entries, market::Job&) { entries.erase(entries.begin()); });
    refused("parts are not complete", [](Entries& entries, market::Job&) {
        const auto& part = first<market::PartPassed>(entries, 1);
        entries.insert(entries.begin() + 4, market::PartVoided{part.key, part.part});
    });
    refused("never closed", [](Entries& entries, market::Job&) {
        std::erase_if(entries, [](const auto& entry) { return !std::holds_alternative<market::RoundFinal>(entry) && !std::holds_alternative<market::JobClosed>(entry); });
    });
    refused("merge comes before", [](Entries& entries, market::Job&) {
        std::erase_if(entries, [](const auto& entry) { return std::holds_alternative<market::RoundClosed>(entry); });
    });
    refused("another root than its merge", [](Entries& entries, market::Job&) {
        std::erase_if(entries, [](const auto& entry) { return std::holds_alternative<market::RoundMerged>(entry) || std::holds_alternative<market::MergeAudited>(entry); });
    });
    refused("another root than was posted", [](Entries& entries, market::Job&) { first<market::MergeAudited>(entries).root.bytes[0] ^= 1; });
    refused("another root than its merge", [](Entries& entries, market::Job&) {
        auto& audited = first<market::MergeAudited>(entries);
        audited.outcome = market::MergeState::replaced;
        audited.root.bytes[0] ^= 1;
    });
    refused("another root than its merge", [](Entries& entries, market::Job&) { first<market::RoundFinal>(entries).root.bytes[0] ^= 1; });
    refused("out of order", [](Entries& entries, market::Job&) { first<market::RoundFinal>(entries).round = 1; });
    refused("open on the root before it", [](Entries& entries, market::Job&) { first<market::RoundClosed>(entries, 1).opening_root.bytes[0] ^= 1; });
    refused("ends elsewhere than its last part", [](Entries& entries, market::Job&) { first<market::RoundClosed>(entries).members[1].end_root.bytes[0] ^= 1; });
    refused("payload", [](Entries& entries, market::Job&) { first<market::RoundClosed>(entries).members[1].payload_root.bytes[0] ^= 1; });
    refused("members of a round are out of order", [](Entries& entries, market::Job&) { first<market::RoundClosed>(entries).members[1].lane = 0; });
    refused("not those of its tree", [](Entries& entries, market::Job&) { first<market::PartPassed>(entries).leaves[0].steps_root.bytes[0] ^= 1; });
    refused("do not follow each other", [](Entries& entries, market::Job&) {
        auto& part = first<market::PartPassed>(entries);
        part.leaves[0].end_field.bytes[0] ^= 1;
        std::vector<base::Hash> leaves;
        for (const auto& leaf : part.leaves) leaves.push_back(market::segment_leaf_hash(leaf));
        part.tree_root = market::part_root(leaves);
    });
    refused("id of its key", [](Entries& entries, market::Job&) { first<market::PartPassed>(entries).key.attempt = 5; });
    refused("number of segments", [](Entries& entries, market::Job&) { first<market::PartPassed>(entries).first_segment = 1; });
    refused("outside its part", [](Entries& entries, market::Job&) { first<market::PartPassed>(entries).audits[0].segment = 2; });
    refused("in the place of one that stands", [](Entries& entries, market::Job&) { entries.insert(entries.begin(), entries.front()); });
    refused("job's end is missing", [](Entries& entries, market::Job&) { entries.pop_back(); });
    refused("after the job's end", [](Entries& entries, market::Job&) { entries.push_back(entries.back()); });
    refused("another way", [](Entries& entries, market::Job&) { first<market::JobClosed>(entries).reason = market::CloseReason::no_workers; });
    refused("another root", [](Entries& entries, market::Job&) { first<market::JobClosed>(entries).final_root.bytes[0] ^= 1; });
    refused("another final root", [](Entries& entries, market::Job& record) {
        record.final_root.bytes[0] ^= 1;
        first<market::JobClosed>(entries).final_root = record.final_root;
    });
    refused("number of final rounds", [](Entries& entries, market::Job& record) {
        record.final_rounds = 1;
        first<market::JobClosed>(entries).final_rounds = 1;
    });
}

TEST(Certificate, AllowsPartsThatPassOutOfOrderAndThoseThatWereReplaced) {
    const TrainedJob& job = merged_job();
    const auto change = [](Entries& entries, market::Job&) {
        std::swap(entries[0], entries[1]);
        // Another worker's part stood in the place of the third and was voided.
        auto voided = std::get<market::PartPassed>(entries[2]);
        voided.key.worker.hash.bytes[0] ^= 1;
        voided.part = market::part_id(TrainedJob::chain_id(), voided.key);
        entries.insert(entries.begin() + 2, market::PartVoided{voided.key, voided.part});
        entries.insert(entries.begin() + 2, voided);
    };
    const auto bytes = make(job.source(change), job.checkpoint(), job.folder("replaced"));
    ASSERT_TRUE(bytes.has_value()) << bytes.error().detail;
    EXPECT_EQ(verify(*bytes, job.folder("replaced"))->segments, 12U);
}

TEST(Certificate, RefusesHistoriesThatTheRecordDoesNotCommitTo) {
    const TrainedJob& job = merged_job();
    Source source = job.source();
    source.history.pop_back();
    expect_refused(make(source, job.checkpoint(), job.folder("lie")), Problem::history, "number of history entries");
    source = job.source();
    std::swap(source.history[0], source.history[1]);
    expect_refused(make(source, job.checkpoint(), job.folder("lie")), Problem::history, "commits to");
}

TEST(Certificate, IsNotMadeFromAnotherCheckpoint) {
    const TrainedJob& job = merged_job();
    expect_refused(make(job.source(), plain_job().checkpoint(), job.folder("lie")), Problem::files);
    expect_refused(make(job.source(), job.folder("nothing"), job.folder("lie")), Problem::files);
}

}  // namespace
}  // namespace assay::certificate
