#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/chunk_nodes.h"
#include "chain.h"
#include "market/tables.h"

/// What an outside auditor found (wt-adv-findings.md): each test states what must hold, and fails
/// while it does not.
namespace assay::market {
namespace {

using base::Amount;

struct Market : TestChain {
    explicit Market(const OfferPost& first, const std::function<void(Genesis&)>& change = {})
        : TestChain(change) {
        EXPECT_EQ(send(workers[0], first), Refusal::none);
        job_id = start().id;
        EXPECT_EQ(job().state, JobState::running);
    }
    [[nodiscard]] Job job() const { return TestChain::job(job_id); }
    base::JobId job_id;
};

/// A party from a number of any size.
Party numbered_party(std::uint32_t number) {
    const base::Hash key = base::Hasher("adversary.key").add_u32(number).finish();
    const base::Hash vrf = base::Hasher("adversary.vrf").add_u32(number).finish();
    return {base::SecretKey::from_seed(key.view()), base::SecretKey::from_seed(vrf.view()), {}};
}

struct Crowd {
    std::vector<Party> parties;
    /// Adds so many validators to a genesis.
    void join(Genesis& genesis, std::uint32_t count,
              const std::function<std::uint64_t(std::uint32_t)>& stake) {
        for (std::uint32_t i = 0; i < count; ++i) {
            parties.push_back(numbered_party(i));
            GenesisAccount account;
            account.cold = account.hot = parties.back().key.public_key();
            account.vrf = parties.back().vrf.public_key();
            account.balance = Amount::of(1'000'000'000);
            account.validator_stake = Amount::of(stake(i));
            account.validator = GenesisValidator{"f32", 1'000'000'000'000};
            genesis.accounts.push_back(account);
        }
        std::sort(genesis.accounts.begin(), genesis.accounts.end(),
                  [](const auto& a, const auto& b) { return a.cold < b.cold; });
    }
    void name(const base::Hash& chain) {
        for (Party& party : parties) party.id = account_id(chain, party.key.public_key());
    }
};

/// Whoever has the stake and is neither away nor jailed is a member, whatever one member declares
/// while the members are listed.
TEST(Adversary, F4_OneDeclarationKeepsAllSmallerValidatorsOutOfAnEpoch) {
    constexpr std::uint32_t kCrowd = 600;
    Crowd crowd;
    TestChain chain([&](Genesis& genesis) {
        crowd.join(genesis, kCrowd, [](std::uint32_t i) { return 2'000'000'000'000 - i; });
    });
    crowd.name(chain.id);
    chain.post();
    while (!find_epoch(chain.state, 0) || find_epoch(chain.state, 0)->state == EpochState::open)
        chain.pass(50);
    const auto closing = find_epoch(chain.state, 0);
    ASSERT_EQ(closing->state, EpochState::closing);
    const base::AccountId last = closing->member_after;
    const auto own = std::find_if(crowd.parties.begin(), crowd.parties.end(),
                                  [&](const Party& party) { return party.id == last; });
    ASSERT_NE(own, crowd.parties.end());
    // In the very next block the sweep goes on first; its owner needs the block in which the first
    // 256 are listed. It knows which one that is.
    ValidatorDeclare smaller;
    smaller.profile = "f32";
    smaller.flops_per_second = 1'000'000'000'000;
    smaller.weight_max = Amount::of(1);
    // The same block as the first listing: the sweep is at the start of it, the transaction after.
    const base::Bytes raw = build_transaction(chain.header(*own), smaller, own->key);
    const BlockContext block{chain.height, chain.time, chain.height.value, {}, &chain.program};
    std::vector<Event> events;
    ASSERT_EQ(apply(chain.state, block, raw, events).code, Refusal::none);
    while (find_epoch(chain.state, 0)->state == EpochState::closing) chain.pass(1);
    const auto epoch = find_epoch(chain.state, 0);
    std::cout << "[ figures  ] F4: " << epoch->members << " of " << kCrowd + 3
              << " validators are members of the epoch; nobody is fined" << std::endl;
    EXPECT_EQ(epoch->members, kCrowd + 3);
}

/// Counts what one call reads.
class Counting final : public StateWriter {
  public:
    explicit Counting(market::MemoryState& state) : state_(state) {}
    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override {
        ++reads;
        return state_.get(key);
    }
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override {
        ++reads;
        const base::Bytes timers = table_prefix(Table::timer);
        if (std::equal(from.begin(), from.end(), timers.begin(), timers.end())) ++starts;
        return state_.seek(from, prefix);
    }
    void put(base::ByteView key, base::ByteView value) override { state_.put(key, value); }
    void erase(base::ByteView key) override { state_.erase(key); }
    mutable std::uint64_t reads = 0;
    mutable std::uint64_t starts = 0;  ///< looks from the beginning of the table of timers

  private:
    market::MemoryState& state_;
};

/// What one block does for a draw is bounded, however many members the epoch has.
TEST(Adversary, F5_ADrawReadsABoundedNumberOfMembersInABlock) {
    constexpr std::uint32_t kCrowd = 5'000;
    Crowd crowd;
    TestChain chain([&](Genesis& genesis) {
        crowd.join(genesis, kCrowd, [](std::uint32_t) { return 1'000'000; });
    });
    crowd.name(chain.id);
    for (Party& validator : chain.validators) crowd.parties.push_back(std::move(validator));
    chain.post();
    while (!find_epoch(chain.state, 0) ||
           find_epoch(chain.state, 0)->state != EpochState::contributing)
        chain.pass(50);
    const auto epoch = find_epoch(chain.state, 0);
    ASSERT_EQ(epoch->members, kCrowd + 3);
    const base::Bytes alpha = contribution_alpha(chain.id, 0, epoch->commitments_root);
    std::vector<Event> events;
    for (const Party& party : crowd.parties) {
        const EpochContribute message{0, epoch->commitments_root, epoch->log_size, epoch->log_root,
                                      base::vrf_prove(party.vrf, alpha)};
        const base::Bytes raw = build_transaction(chain.header(party), message, party.key);
        const BlockContext block{chain.height, chain.time, chain.height.value, {}, &chain.program};
        const TransactionResult result = apply(chain.state, block, raw, events);
        ASSERT_EQ(result.code, Refusal::none) << to_word(result.code);
        ASSERT_EQ(result.fee, Amount{});
    }
    std::uint64_t most = 0, most_us = 0;
    std::size_t most_events = 0;
    for (int i = 0; i < 40 && find_epoch(chain.state, 0)->state != EpochState::done; ++i) {
        chain.time.value += 1;
        ++chain.height.value;
        Counting counting(chain.state);
        std::vector<Event> seen;
        const BlockContext block{chain.height, chain.time, chain.height.value, {}, &chain.program};
        const auto begun = std::chrono::steady_clock::now();
        begin_block(counting, block, seen);
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
                              std::chrono::steady_clock::now() - begun)
                              .count();
        most = std::max(most, counting.reads);
        most_us = std::max<std::uint64_t>(most_us, static_cast<std::uint64_t>(took));
        most_events = std::max(most_events, seen.size());
    }
    std::cout << "[ figures  ] F5: one block of the draw of one commitment: " << most << " reads, "
              << most_events << " events, " << most_us << " us, with " << kCrowd
              << " validators of the least stake" << std::endl;
    EXPECT_LE(most, 5U * chain.genesis.parameters.draws_per_block_max)
        << "four reads for each of 2,000 pairs, and some";
}

/// Nobody is a member who could not pay for being absent.
TEST(Adversary, F5_TheLeastStakePaysTheFineOfAnAbsentee) {
    Crowd crowd;
    const Amount least = demo_parameters().validator_stake_min;
    TestChain chain([&](Genesis& genesis) {
        crowd.join(genesis, 1, [&](std::uint32_t) { return least.grains(); });
    });
    crowd.name(chain.id);
    chain.post();
    while (!find_epoch(chain.state, 0) || find_epoch(chain.state, 0)->state != EpochState::done)
        chain.judge(50);
    EXPECT_EQ(find_stake(chain.state, crowd.parties[0].id, Role::validator)->active,
              least - chain.genesis.parameters.absence_fine);
}

/// Offers that fit nothing do not keep lanes from those that fit.
TEST(Adversary, F6_OffersThatFitNothingKeepLanesVacant) {
    constexpr std::uint32_t kCrowd = 100;
    Crowd crowd;
    TestChain chain([&](Genesis& genesis) {
        crowd.join(genesis, kCrowd, [](std::uint32_t) { return 1'000'000'000'000; });
        for (GenesisAccount& account : genesis.accounts) {
            if (account.balance != Amount::of(1'000'000'000)) continue;
            account.validator.reset();
            account.validator_stake = {};
            account.worker_stake = Amount::of(1);
        }
    });
    crowd.name(chain.id);
    std::vector<Event> events;
    Amount fees;
    for (const Party& party : crowd.parties) {
        for (std::uint32_t i = 0; i < chain.genesis.parameters.offers_per_worker_max; ++i) {
            OfferPost junk = chain.offer();
            junk.price_per_gflop = junk.bond = Amount::of(1);
            const base::Bytes raw = build_transaction(chain.header(party), junk, party.key);
            const TransactionResult result = apply(
                chain.state, {chain.height, chain.time, chain.height.value, {}, &chain.program},
                raw, events);
            ASSERT_EQ(result.code, Refusal::none) << to_word(result.code);
            fees += result.fee;
        }
    }
    ASSERT_EQ(chain.send(chain.workers[0], chain.offer()), Refusal::none);
    const Job job = chain.post();
    while (!chain.job(job.id).init_passed) chain.judge(50);
    const std::uint64_t from = chain.live().value;
    const auto asked = [&] { return !find_lane(chain.state, job.id, 0)->asked.empty(); };
    std::uint64_t waited = 0;
    for (; waited < 7'200'000 && !asked(); waited += 250) chain.pass(250);
    std::cout << "[ figures  ] F6: 1,600 offers of one grain (" << fees.decimal()
              << " grains in fees at a base fee of 1, 1,600 in bonds that return): an honest offer "
                 "is asked after "
              << chain.live().value - from << " ms" << std::endl;
    EXPECT_LE(chain.live().value - from, 10'000U);
}

/// A report that is refused costs its sender what it costs the chain.
TEST(Adversary, F9_RefusedReportsVerifyMoreSignaturesThanTheyPayFor) {
    Market chain(TestChain().offer());
    const Lease lease = chain.lease_of(chain.job_id, 0);
    Party& worker = chain.workers[0];
    // Eight changes of both keys leave sixteen former ones.
    std::vector<Party> keys;
    keys.reserve(16);
    const base::SecretKey* signer = &worker.key;
    for (std::uint32_t i = 0; i < 8; ++i) {
        keys.push_back(numbered_party(1'000 + i));
        Party hot = numbered_party(2'000 + i);
        KeysSet set{keys.back().key.public_key(), hot.key.public_key(), worker.vrf.public_key()};
        const base::Bytes raw = build_transaction(chain.header(worker), set, *signer);
        ASSERT_EQ(chain.send_raw(raw), Refusal::none) << to_word(chain.last.code);
        keys.push_back(std::move(hot));
        signer = &keys[keys.size() - 2].key;
    }
    PartCommit commit;
    commit.lease = lease.id;
    commit.segments = 1;
    commit.tree_root = filled(1);
    commit.start_root = filled(2);
    commit.end_root = filled(3);
    commit.end_receipt = chain.receipt({filled(0x53)});
    // Signed by a key that was never the worker's.
    const base::Bytes first = build_transaction(chain.header(worker), commit, chain.stranger.key);
    const EquivocationReport report{first, first};
    std::uint64_t best = ~std::uint64_t{0};
    std::uint64_t weight = 0;
    for (int i = 0; i < 5; ++i) {
        const base::Bytes raw =
            build_transaction(chain.header(chain.stranger), report, chain.stranger.key);
        weight = message_weight(report, raw.size());
        std::vector<Event> events;
        const auto begun = std::chrono::steady_clock::now();
        const TransactionResult result =
            apply(chain.state, {chain.height, chain.time, chain.height.value, {}, &chain.program},
                  raw, events);
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
                              std::chrono::steady_clock::now() - begun)
                              .count();
        EXPECT_EQ(result.code, Refusal::not_equivocation) << to_word(result.code);
        best = std::min(best, static_cast<std::uint64_t>(took));
    }
    std::cout << "[ figures  ] F9: a refused report takes " << best << " us at a weight of "
              << weight << " us" << std::endl;
    // Two signatures by up to eighteen keys each, some 60 us a verification.
    EXPECT_GE(weight, 36U * 60U);
}

/// Who is asked beside a cheaper one that accepts at once has ignored nothing.
TEST(Adversary, F16_OffersSleepThatHadNoTimeToAccept) {
    TestChain chain;
    Party& first = chain.workers[0];   // is asked first and lets it lapse
    Party& second = chain.workers[1];  // accepts at once
    Party& honest = chain.workers[2];
    const auto offers = [&](const Party& party, std::uint64_t price) {
        OfferPost offer = chain.offer();
        offer.price_per_gflop = Amount::of(price);
        offer.slots = 16;
        offer.bond = Amount::of(1'000'000'000);
        EXPECT_EQ(chain.send(party, offer), Refusal::none);
    };
    offers(first, 1'000);
    offers(second, 1'001);
    offers(honest, 1'002);
    JobSpec spec = chain.spec();
    spec.lanes = 8;
    ASSERT_EQ(chain.send(chain.submitter, chain.job_post(spec)), Refusal::none)
        << to_word(chain.last.code);
    const Job job = jobs(chain.state, std::nullopt, 10).at(0);
    const auto asked = [&](const Party& party) {
        std::size_t count = 0;
        for (const Lane& lane : lanes_of(chain.state, job.id))
            count += static_cast<std::size_t>(
                std::count_if(lane.asked.begin(), lane.asked.end(),
                              [&](const Reservation& r) { return r.worker == party.id; }));
        return count;
    };
    for (int i = 0; i < 2'000 && asked(honest) < 8; ++i) chain.judge(50);
    ASSERT_EQ(asked(honest), 8U) << "two are asked for each lane now";
    // In the same block: the honest worker sees the request when this block is done, at the
    // earliest.
    std::vector<Event> events;
    std::uint64_t nonce = next_nonce(chain.state, second.id, 0);
    for (std::uint32_t lane = 0; lane < 8; ++lane) {
        TransactionHeader header = chain.header(second);
        header.nonce = nonce++;
        const base::Bytes raw = build_transaction(header, LeaseAccept{job.id, lane}, second.key);
        ASSERT_EQ(
            apply(chain.state, {chain.height, chain.time, chain.height.value, {}, &chain.program},
                  raw, events)
                .code,
            Refusal::none);
    }
    const Offer offer = offers_of(chain.state, honest.id, 1).at(0);
    std::cout << "[ figures  ] F16: after one block the honest offer has ignored " << offer.ignored
              << " requests and sleeps for "
              << (offer.asleep_until.value > chain.live().value
                      ? (offer.asleep_until.value - chain.live().value) / 1000
                      : 0)
              << " s" << std::endl;
    EXPECT_EQ(offer.ignored, 0U);
}

/// Who owes an answer about a large blob can give it within what each further question adds to its
/// time: its chunks' nodes are kept beside it.
TEST(Adversary, F17_AnAnswerAboutALargeBlobReadsOneChunkOfIt) {
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("adversary-blob-" + std::to_string(::getpid()));
    constexpr std::uint64_t kBytes = std::uint64_t{256} << 20U;
    {
        std::ofstream out(file, std::ios::binary);
        out.seekp(static_cast<std::streamoff>(kBytes - 1));
        out.put(0);
    }
    const auto us_since = [](std::chrono::steady_clock::time_point begun) {
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                              std::chrono::steady_clock::now() - begun)
                                              .count());
    };
    auto begun = std::chrono::steady_clock::now();
    base::ChunkTreeHasher hasher;
    const auto root = base::hash_file(file, hasher);
    const std::uint64_t hashed_us = us_since(begun);
    ASSERT_TRUE(root.has_value());
    base::save_chunk_nodes(file, hasher.nodes());
    begun = std::chrono::steady_clock::now();
    const auto proved = base::prove_chunk_of_file(file, *root, 7);
    const std::uint64_t us = us_since(begun);
    std::filesystem::remove(file);
    std::filesystem::remove(base::chunk_nodes_file(file));
    ASSERT_TRUE(proved.has_value());
    EXPECT_TRUE(base::verify_chunk(*root, kBytes, 7, proved->bytes, proved->proof));
    const std::uint64_t answer_ms = demo_parameters().question_answer_ms;
    std::cout << "[ figures  ] F17: one answer about a blob of 256 MiB takes " << us << " us ("
              << hashed_us / 1000 << " ms without its chunks' nodes), of 16 GiB " << us * 64 / 1000
              << " ms; each further question adds " << answer_ms << " ms to the time of who owes it"
              << std::endl;
    EXPECT_LE(us * 64 / 1000, answer_ms) << "for a blob of 16 GiB";
}

/// A block's sweep of timers takes time in proportion to them: it does not look from the beginning
/// of the table for each.
TEST(Adversary, F18_TimersOfOneMomentAreSweptFromWhereTheSweepIs) {
    constexpr std::uint32_t kCrowd = 256;
    for (const std::uint32_t each : {4U, 16U}) {
        Crowd crowd;
        TestChain chain([&](Genesis& genesis) {
            crowd.join(genesis, kCrowd, [](std::uint32_t) { return 1'000'000; });
            for (GenesisAccount& account : genesis.accounts) {
                if (account.balance != Amount::of(1'000'000'000)) continue;
                account.validator.reset();
                account.validator_stake = {};
            }
        });
        crowd.name(chain.id);
        chain.pass(10);
        std::vector<Event> events;
        for (const Party& party : crowd.parties) {
            for (std::uint32_t i = 0; i < each; ++i) {
                const ChallengeSealPost seal{base::Hasher("adversary.seal").add_u32(i).finish()};
                const base::Bytes raw = build_transaction(chain.header(party), seal, party.key);
                const TransactionResult result = apply(
                    chain.state, {chain.height, chain.time, chain.height.value, {}, &chain.program},
                    raw, events);
                ASSERT_EQ(result.code, Refusal::none) << to_word(result.code);
            }
        }
        // Blocks of five seconds until the seals are due in the next one.
        while (true) {
            const auto due = next_due(chain.state, chain.time);
            ASSERT_TRUE(due.has_value());
            if (due->value <= chain.time.value + 4'000) break;
            chain.time.value += 4'000;
            ++chain.height.value;
            ASSERT_EQ(chain.send(chain.stranger, Transfer{chain.submitter.id, Amount::of(1)}, 0),
                      Refusal::none);
        }
        const BlockContext block{{chain.height.value + 1},
                                 {chain.time.value + 4'500},
                                 chain.height.value,
                                 {},
                                 &chain.program};
        Counting counting(chain.state);
        begin_block(counting, block, events);
        EXPECT_TRUE(seals_of(chain.state, crowd.parties[0].id).empty())
            << "they ended in this block";
        // A look for the first key again would walk, in a dry run, over all that the block has
        // erased so far.
        EXPECT_LE(counting.starts, 4U) << each;
    }
}

/// Each lane that a validator took would leave the job to fewer auditors: who may audit half of all
/// weight at the post could be a friend alone when it trains.
TEST(Adversary, F26_ValidatorsTakeNoLanes) {
    TestChain chain([](Genesis& genesis) {
        for (GenesisAccount& account : genesis.accounts)
            account.worker_stake = Amount::of(1'000'000'000'000);
    });
    EXPECT_EQ(chain.send(chain.validators[0], chain.offer()), Refusal::validator_cannot_work);
    // Nor does who declares itself after its offer.
    ASSERT_EQ(chain.send(chain.workers[0], chain.offer()), Refusal::none);
    ASSERT_EQ(chain.send(chain.workers[0], StakeBond{Role::validator, Amount::of(1'000'000'000)}),
              Refusal::none);
    KeysSet keys{chain.workers[0].key.public_key(), chain.workers[0].key.public_key(),
                 chain.workers[0].vrf.public_key()};
    chain.send(chain.workers[0], keys);
    ASSERT_EQ(chain.send(chain.workers[0], ValidatorDeclare{"f32", 1000, {}, false}), Refusal::none)
        << to_word(chain.last.code);
    const base::JobId id = chain.post().id;
    while (!chain.job(id).init_passed) chain.judge();
    for (int i = 0; i < 20; ++i) {
        for (const Lane& lane : lanes_of(chain.state, id)) EXPECT_TRUE(lane.asked.empty());
        chain.pass(500);
    }
}

/// Nothing that a worker declares may change what a pause costs: 5 % of what a machine of the class
/// could have trained at most.
TEST(Adversary, F1_APauseIsPaidByTheWorkersOwnWord) {
    OfferPost offer = TestChain().offer();
    offer.segment_ms = 1;
    offer.flops_per_second = std::uint64_t{1} << 62U;
    Market chain(offer);
    ASSERT_EQ(chain.send(chain.submitter, JobPause{chain.job_id}), Refusal::none);
    const Amount before = chain.balance(chain.submitter);
    chain.wait(600'000);
    ASSERT_EQ(chain.send(chain.submitter, JobResume{chain.job_id}), Refusal::none);
    const Amount lost = before - chain.balance(chain.submitter);
    // A segment of this job takes a machine of the class a second: ten minutes are 600 segments of
    // 1,000,000 in two lanes, 5 % of it is 60 million.
    std::cout << "[ figures  ] F1: a pause of ten minutes cost the submitter " << lost.decimal()
              << " of " << before.decimal() << " grains; the whole job holds "
              << chain.job().held.decimal() << std::endl;
    EXPECT_LE(lost, Amount::of(70'000'000));
}

}  // namespace
}  // namespace assay::market
