#include "checks.h"

namespace assay::certificate {
namespace {

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
    for (const market::JobHistoryEntry& entry : entries)
        lie.history.push_back(market::encode(entry));
    expect_lie_found(lie, Problem::history, words);
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
    EXPECT_NE(report->statement.find("would have passed with chance 0.550000"), std::string::npos)
        << report->statement;
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
    evidence.epochs = {{6,
                        7,
                        filled(2),
                        {filled(3)},
                        8,
                        {{{filled(4)}, 9}},
                        {{{filled(5)}, {filled(6)}, filled(7)}},
                        {{{filled(5)}, {filled(4)}}}}};
    evidence.leases = {{1, 2, 450'000}};
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
    for (std::size_t size = 0; size < bytes.size(); size += 41)
        expect_refused(decode(base::ByteView(bytes).first(size)), Problem::malformed);
    Bytes longer = bytes;
    longer.push_back(0);
    expect_refused(decode(longer), Problem::malformed);
    Bytes other_version = bytes;
    other_version[17] = 1;
    expect_refused(decode(other_version), Problem::unknown_version);
}

/// Every 97th byte: each costs the checks up to the one that finds it. The job's rate is that of a
/// new worker: no lease can have another.
TEST(Certificate, FlippedBytesAreRefused) {
    const TrainedJob& job = plain_job();
    auto certificate = decode(certificate_of(job));
    ASSERT_TRUE(certificate.has_value());
    const Bytes bytes = certificate_of(job);
    const std::size_t leases = certificate->evidence.leases.size() * 12 + 4 +
                               certificate->other_tensor_roots.size() * 32 + 4 + 32;
    for (std::size_t i = 0; i < bytes.size(); i += i + leases >= bytes.size() ? 1 : 97) {
        Bytes flipped = bytes;
        flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ (1U << (i % 8)));
        EXPECT_FALSE(verify(flipped, with_model(job.folder("model"))).has_value())
            << "byte " << i << " of " << bytes.size();
    }
}

/// Between the job's rate and that of a new worker a rate is the operator's word.
TEST(Certificate, RatesAreThoseThatALeaseCanHave) {
    const TrainedJob job(2, 2, 200'000);
    const auto stated = [&](std::uint32_t truly, std::uint32_t ppm) {
        SignedChain::Options options;
        options.rate_ppm = truly;
        Evidence evidence = job.evidence({}, options);
        for (evidence::Lease& lease : evidence.leases) lease.rate_ppm = ppm;
        return evidence;
    };
    EXPECT_TRUE(verify(encoded(stated(200'000, 200'000)), {}).has_value());
    EXPECT_TRUE(verify(encoded(stated(450'000, 450'000)), {}).has_value());
    expect_lie_found(stated(200'000, 199'999), Problem::job,
                     "a rate that none of the job can have");
    expect_lie_found(stated(450'000, 450'001), Problem::job,
                     "a rate that none of the job can have");
    // More would have drawn what nobody judged; with less somebody judged what was not drawn.
    expect_lie_found(stated(200'000, 450'000), Problem::draws, "not judged");
    EXPECT_FALSE(verify(encoded(stated(450'000, 200'000)), {}).has_value());
}

TEST(Certificate, LeasesAreStatedOnceInOrder) {
    const Evidence honest = merged_job().evidence();
    const auto refused = [&](const char* words,
                             const std::function<void(std::vector<evidence::Lease>&)>& change) {
        Evidence lie = honest;
        change(lie.leases);
        expect_lie_found(lie, Problem::job, words);
    };
    ASSERT_EQ(honest.leases.size(), 2U);
    refused("not stated", [](auto& leases) { leases.pop_back(); });
    refused("not stated", [](auto& leases) { leases[0].number += 1; });
    refused("outside the job", [](auto& leases) { leases[1].lane = 2; });
    refused("out of order", [](auto& leases) { std::swap(leases[0], leases[1]); });
    refused("out of order", [](auto& leases) { leases.push_back(leases.back()); });
    refused("no part was committed", [](auto& leases) {
        leases.push_back({1, 7, leases[1].rate_ppm});
    });
}

/// The rate may have been stated after the draws were known, together with who is missing. Nobody
/// missing: that nobody is drawn at the stated rate is as unlikely as is stated, whoever chose it.
/// Somebody missing: the least rate counts, so there is nothing to choose.
TEST(Certificate, AChosenRateGainsNothingWhereSomebodyIsMissing) {
    const auto trust = plain_job().chain().trust();
    evidence::Facts facts;
    facts.chain_id = plain_job().chain().chain_id();
    evidence::Draw draw;
    draw.exponent = market::rate_exponent(900'000);
    draw.least_exponent = market::rate_exponent(800'000);
    draw.weight = 3;
    for (std::size_t i = 0; i < 3; ++i)
        draw.voices.push_back({plain_job().chain().validator(i), 1, true, false, {}});
    facts.contributors = {{plain_job().chain().validator(0)}};
    const auto chance = [&](const evidence::Draw& of) {
        facts.claims = {{market::ClaimKind::segment, 0, 0, 0, {of}, 1}};
        const auto weighed = evidence::weigh(facts, trust);
        EXPECT_TRUE(weighed.has_value()) << weighed.error();
        return weighed ? weighed->sentence.substr(weighed->sentence.rfind(' ') + 1) : "";
    };
    EXPECT_EQ(chance(draw), "0.100000");
    draw.voices[2].present = false;
    draw.weight = 2;
    EXPECT_EQ(chance(draw), "0.600000");                   // 3 (1 - 0.8)
    draw.voices[2].present = draw.voices[2].drawn = true;  // and said nothing
    draw.weight = 3;
    facts.claims = {{market::ClaimKind::segment, 0, 0, 0, {draw}, 1}};
    EXPECT_FALSE(evidence::weigh(facts, trust).has_value()) << "3 (1 - 0.8)^(2/3) is more than 1";
}

TEST(Certificate, RefusesAnotherModelThanTheFinalState) {
    const TrainedJob& job = merged_job();
    auto certificate = decode(certificate_of(job));
    auto other = decode(certificate_of(plain_job()));
    ASSERT_TRUE(certificate.has_value() && other.has_value());
    expect_refused(verify(certificate_of(job), with_model(plain_job().folder("model"))),
                   Problem::model, "another model");
    certificate->model_root = other->model_root;
    expect_refused(verify(encode(*certificate), with_model(plain_job().folder("model"))),
                   Problem::model, "not those of the job's final state");
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
    expect_refused(make(job.evidence(), plain_job().checkpoint(), job.folder("lie")),
                   Problem::files);
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
    expect_lie_found(without(index_of<market::PartCommit>(honest)), Problem::job,
                     "closed by another");
    expect_lie_found(without(index_of<market::PartClose>(honest)), Problem::job,
                     "lacks what its worker signed");
    expect_lie_found(without(index_of<market::JobPost>(honest)), Problem::job, "no job is posted");
    const Evidence merged = merged_job().evidence();
    Evidence lie = merged;
    lie.transactions.erase(lie.transactions.begin() +
                           static_cast<std::ptrdiff_t>(index_of<market::MergePost>(merged)));
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
    const auto changed = [&](const std::function<void(evidence::Epoch&)>& change,
                             const char* words) {
        Evidence lie = honest;
        change(lie.epochs[1]);
        expect_lie_found(lie, Problem::epochs, words);
    };
    changed([](auto& epoch) { epoch.members[0].weight += 1; }, "signed other commitments");
    const auto by_id = [](const evidence::Member& a, const evidence::Member& b) {
        return a.validator < b.validator;
    };
    changed(
        [&](auto& epoch) {
            epoch.members.erase(
                std::min_element(epoch.members.begin(), epoch.members.end(), by_id));
        },
        "nobody who is a member");
    changed([](auto& epoch) { epoch.members.push_back(epoch.members[0]); }, "a member twice");
    changed([](auto& epoch) { epoch.jailed_weight = 5; }, "signed other commitments");
    changed([](auto& epoch) { epoch.commitments.pop_back(); }, "signed other commitments");
    changed([](auto& epoch) { epoch.commitments[0].root.bytes[0] ^= 1; },
            "signed other commitments");
    changed([](auto& epoch) { epoch.log_root.bytes[0] ^= 1; }, "not the beginning");
    changed([](auto& epoch) { epoch.log_size += 1; }, "not the beginning");
    const auto barred = [&](const base::PartId& commitment, const base::AccountId& validator,
                            int times, const char* words) {
        changed(
            [&](auto& epoch) {
                for (int i = 0; i < times; ++i) epoch.barred.push_back({commitment, validator});
            },
            words);
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

/// A key that contributes to nothing is absent: its share counts for nobody, and which of the keys
/// are absent may have been chosen.
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
    expect_refused(verify(bytes, with_trust({job.chain().trust()[2]})), Problem::trust,
                   "took part in a draw");
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
                if (commitment.id == std::get<market::PartPassed>(job.entries()[0]).part)
                    void_epoch = epoch.number;
            }
        }
    }
    options.contributes = [&](std::uint64_t epoch, std::size_t validator) {
        return epoch != void_epoch || validator == 0;
    };
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
    options.says = [&](const base::PartId& subject, std::uint32_t segment,
                       std::size_t) -> std::optional<market::VerdictKind> {
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
    std::erase_if(lie.transactions,
                  [](const auto& recorded) { return is<market::VerdictReveal>(recorded); });
    EXPECT_FALSE(verify(encoded(lie), {}).has_value());
}

TEST(Certificate, AVerdictOfATrustedKeyAgainstTheWorkRefuses) {
    const TrainedJob& job = plain_job();
    SignedChain::Options options;
    options.says = [&](const base::PartId& subject, std::uint32_t, std::size_t) {
        return subject == std::get<market::PartPassed>(job.entries()[0]).part
                   ? market::VerdictKind::invalid
                   : market::VerdictKind::valid;
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
    for (const std::string& line : {chain, key, chain + key, chain + "  " + key,
                                    chain + " " + std::string(64, '0'), chain + " " + key + " x"}) {
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
        std::erase_if(entries, [](const auto& entry) {
            return !std::holds_alternative<market::RoundFinal>(entry) &&
                   !std::holds_alternative<market::JobClosed>(entry);
        });
    });
    refused("merge comes before", [](Entries& entries) {
        std::erase_if(entries, [](const auto& entry) {
            return std::holds_alternative<market::RoundClosed>(entry);
        });
    });
    refused("another root than its merge", [](Entries& entries) {
        std::erase_if(entries, [](const auto& entry) {
            return std::holds_alternative<market::RoundMerged>(entry) ||
                   std::holds_alternative<market::MergeAudited>(entry);
        });
    });
    refused("another root than was posted",
            [](Entries& entries) { first<market::MergeAudited>(entries).root.bytes[0] ^= 1; });
    refused("another root than its merge", [](Entries& entries) {
        first<market::MergeAudited>(entries).outcome = market::MergeState::refuted;
    });
    refused("another root than its merge",
            [](Entries& entries) { first<market::RoundFinal>(entries).root.bytes[0] ^= 1; });
    refused("out of order", [](Entries& entries) { first<market::RoundFinal>(entries).round = 1; });
    refused("open on the root before it", [](Entries& entries) {
        first<market::RoundClosed>(entries, 1).opening_root.bytes[0] ^= 1;
    });
    refused("ends elsewhere than its last part", [](Entries& entries) {
        first<market::RoundClosed>(entries).members[1].end_root.bytes[0] ^= 1;
    });
    refused("payload", [](Entries& entries) {
        first<market::RoundClosed>(entries).members[1].payload_root.bytes[0] ^= 1;
    });
    refused("members of a round are out of order",
            [](Entries& entries) { first<market::RoundClosed>(entries).members[1].lane = 0; });
    refused("not those of its tree", [](Entries& entries) {
        first<market::PartPassed>(entries).leaves[0].salt.bytes[0] ^= 1;
    });
    refused("do not follow each other", [](Entries& entries) {
        auto& part = first<market::PartPassed>(entries);
        part.leaves[0].end_field.bytes[0] ^= 1;
        std::vector<base::Hash> leaves;
        for (const auto& leaf : part.leaves) leaves.push_back(market::segment_leaf_hash(leaf));
        part.tree_root = market::part_root(leaves);
    });
    refused("id of its key",
            [](Entries& entries) { first<market::PartPassed>(entries).key.attempt = 5; });
    refused("number of segments",
            [](Entries& entries) { first<market::PartPassed>(entries).first_segment = 1; });
    refused("in the place of one that stands",
            [](Entries& entries) { entries.insert(entries.begin(), entries.front()); });
    refused("job's end is missing", [](Entries& entries) { entries.pop_back(); });
    refused("after the job's end", [](Entries& entries) { entries.push_back(entries.back()); });
    refused("another root",
            [](Entries& entries) { first<market::JobClosed>(entries).final_root.bytes[0] ^= 1; });
    refused("another number of final rounds",
            [](Entries& entries) { first<market::JobClosed>(entries).final_rounds = 1; });
}

}  // namespace
}  // namespace assay::certificate
