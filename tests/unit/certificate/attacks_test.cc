#include "checks.h"

namespace assay::certificate {
namespace {

/// A8: an operator writes a certificate alone, for weights that nobody trained: its own workers,
/// its own validators, its own chain.
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
    ASSERT_TRUE(
        commit::save_state(checkpoint, (*program)->program(), state, descriptor).has_value());
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
                    const bool last = part->first_segment + part->leaves.size() == 3 &&
                                      &leaf == &part->leaves.back();
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

/// B3: an operator re-rolls attempts on its own chain until none is drawn, and exports the last
/// one.
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
    // Not shown, the epochs that drew them give them away: what they closed with is signed by keys
    // that the reader trusts.
    Evidence hidden = shown;
    std::erase_if(hidden.transactions, [&](const evidence::Recorded& recorded) {
        const auto transaction = market::decode_transaction(recorded.raw).value();
        return std::holds_alternative<market::PartCommit>(transaction.message) &&
               transaction.header.account != job.chain().worker(0);
    });
    ASSERT_EQ(hidden.transactions.size() + 2, shown.transactions.size());
    expect_refused(verify(encoded(hidden), trust), Problem::epochs, "not shown");
    // Nor can the commitments be left out of the epochs.
    std::set<base::PartId> standing;
    for (const market::JobHistoryEntry& entry : job.entries()) {
        if (const auto* part = std::get_if<market::PartPassed>(&entry)) standing.insert(part->part);
    }
    std::set<base::PartId> rerolled;
    for (const evidence::Recorded& recorded : shown.transactions) {
        const auto transaction = market::decode_transaction(recorded.raw).value();
        const auto* commit = std::get_if<market::PartCommit>(&transaction.message);
        if (commit == nullptr) continue;
        const market::PartKey key{
            job.id(),       commit->round, 0, 0, commit->part, transaction.header.account,
            commit->attempt};
        const base::PartId part = market::part_id(job.chain().chain_id(), key);
        if (!standing.contains(part)) rerolled.insert(part);
    }
    ASSERT_EQ(rerolled.size(), 2U);
    const auto holds_one = [&](const evidence::Epoch& epoch) {
        return std::any_of(epoch.commitments.begin(), epoch.commitments.end(),
                           [&](const auto& c) { return rerolled.contains(c.id); });
    };
    Evidence cut = hidden;
    for (evidence::Epoch& epoch : cut.epochs)
        std::erase_if(epoch.commitments, [&](const auto& c) { return rerolled.contains(c.id); });
    expect_refused(verify(encoded(cut), trust), Problem::epochs, "signed other commitments");
    // Epochs that are left out are seen by their numbers: each may hide an attempt, and counts as
    // one.
    Evidence gap = hidden;
    std::erase_if(gap.epochs, holds_one);
    std::erase_if(gap.transactions, [&](const evidence::Recorded& recorded) {
        const auto transaction = market::decode_transaction(recorded.raw).value();
        const auto* reveal = std::get_if<market::VerdictReveal>(&transaction.message);
        if (reveal == nullptr) return false;
        for (const evidence::Epoch& epoch : hidden.epochs) {
            for (const base::PartId& part : rerolled) {
                for (std::uint32_t segment = 0; segment < 2; ++segment) {
                    if (market::audit_id(part, segment, epoch.number, transaction.header.account) ==
                        reveal->audit)
                        return true;
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

ReplayOptions replay_of(const TrainedJob& job, std::uint64_t segments) {
    ReplayOptions options;
    options.dataset = job.folder("blob");
    options.segments = segments;
    options.scratch = job.folder("scratch");
    options.fetch = [&job](const base::BlobRoot& blob, const std::filesystem::path& file) {
        std::error_code error;
        return std::filesystem::copy_file(job.blobs() / blob.hex(), file,
                                          std::filesystem::copy_options::overwrite_existing, error);
    };
    return options;
}

TEST(Replay, RecomputesSegmentsAndTheSameShareOfTheMerges) {
    const TrainedJob& job = merged_job();
    const auto report = verify(certificate_of(job), {});
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    const auto text = [&](std::uint64_t segments) {
        const auto done = replay(report->facts, replay_of(job, segments));
        EXPECT_TRUE(done.has_value()) << done.error().detail;
        return done ? to_text(*done) + (done->missing.empty() ? "" : ", and some are missing") : "";
    };
    EXPECT_EQ(text(0), "0 of 12 segments, 1 of 2 merges");
    EXPECT_EQ(text(6), "6 of 12 segments, 1 of 2 merges");
    EXPECT_EQ(text(7), "7 of 12 segments, 2 of 2 merges");
    EXPECT_EQ(text(1'000), "12 of 12 segments, 2 of 2 merges");
    const auto plain = verify(certificate_of(plain_job()), {});
    ASSERT_TRUE(plain.has_value()) << plain.error().detail;
    const auto done = replay(plain->facts, replay_of(plain_job(), 3));
    ASSERT_TRUE(done.has_value()) << done.error().detail;
    EXPECT_EQ(to_text(*done), "3 of 3 segments");
}

TEST(Replay, NamesWhatCouldNotBeHad) {
    const TrainedJob& job = merged_job();
    const auto report = verify(certificate_of(job), {});
    ASSERT_TRUE(report.has_value()) << report.error().detail;
    const base::BlobRoot payload = report->facts.parts.back().payload_blob;
    ReplayOptions options = replay_of(job, 1'000);
    options.fetch = [&, all = options.fetch](const base::BlobRoot& blob,
                                             const std::filesystem::path& file) {
        return blob != payload && all(blob, file);
    };
    const auto without = replay(report->facts, options);
    ASSERT_TRUE(without.has_value()) << without.error().detail;
    EXPECT_EQ(to_text(*without), "12 of 12 segments, 1 of 2 merges");
    EXPECT_EQ(without->missing, std::vector<base::BlobRoot>{payload});
    // Another file under its name is as good as none.
    options.fetch = [&, all = replay_of(job, 0).fetch](const base::BlobRoot& blob,
                                                       const std::filesystem::path& file) {
        return all(blob == payload ? report->facts.parts.back().end_blob : blob, file);
    };
    const auto other = replay(report->facts, options);
    ASSERT_TRUE(other.has_value()) << other.error().detail;
    EXPECT_EQ(other->missing, std::vector<base::BlobRoot>{payload});
    options.fetch = [](const base::BlobRoot&, const std::filesystem::path&) { return false; };
    const auto none = replay(report->facts, options);
    ASSERT_TRUE(none.has_value()) << none.error().detail;
    EXPECT_EQ(to_text(*none), "0 of 12 segments, 0 of 2 merges");
    EXPECT_FALSE(none->missing.empty());
}

/// A reader who recomputes every segment of a certificate has recomputed the model: what a merge
/// gave is recomputed with them, and that of the last round is even when one segment is asked for.
TEST(Attack, F10_AnInventedMergeIsRecomputed) {
    const TrainedJob job(2, 1);
    auto program = runtime::Job::open(job.spec(), job.folder("blob"), {});
    ASSERT_TRUE(program.has_value());
    // The initial state stands for any weights whatever.
    const commit::State any = (*program)->initial_state();
    commit::StateDescriptor descriptor;
    descriptor.spec_root = (*program)->spec_root();
    descriptor.program_root = (*program)->program_root();
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
    // The operator serves every checkpoint that is asked for: they are all honest.
    expect_refused(replay(report->facts, replay_of(job, 1'000)), Problem::replay,
                   "the merge of round 0 ends elsewhere");
    expect_refused(replay(report->facts, replay_of(job, 1)), Problem::replay,
                   "the merge of round 0 ends elsewhere");
}

/// A lane may have had any number of leases: accepting and leaving costs next to nothing, and must
/// not take the proof from who paid for it.
TEST(Attack, F11_ManyLeasesOfALaneDoNotSpoilTheCertificate) {
    for (const std::uint32_t number : {0U, 1'023U, 1'024U, 0xffff'ffffU}) {
        SignedChain::Options options;
        options.lease_number = number;
        const auto report = verify(encoded(plain_job().evidence({}, options)), {});
        EXPECT_TRUE(report.has_value()) << report.error().detail;
    }
}

}  // namespace
}  // namespace assay::certificate
