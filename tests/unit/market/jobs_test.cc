// Offers, jobs, matching, leases, pauses.

#include <gtest/gtest.h>

#include "chain.h"
#include "market/pricing.h"

namespace assay::market {
namespace {

using base::Amount;

TEST(ApplyOfferPost, Refuses) {
    TestChain chain([](Genesis& genesis) { genesis.parameters.offers_per_worker_max = 1; });
    const auto refused = [&](const std::function<void(OfferPost&)>& spoil) {
        OfferPost message = chain.offer();
        spoil(message);
        return chain.send(chain.workers[0], message);
    };
    EXPECT_EQ(refused([](auto& o) { o.price_per_gflop = {}; }), Refusal::price_out_of_range);
    EXPECT_EQ(refused([](auto& o) { o.price_per_gflop = Amount::of(Amount::kMax); }),
              Refusal::price_out_of_range);
    EXPECT_EQ(refused([](auto& o) { o.segment_ms = 0; }), Refusal::seconds_out_of_range);
    EXPECT_EQ(refused([](auto& o) { o.profile = "int8"; }), Refusal::profile_unknown);
    EXPECT_EQ(refused([](auto& o) { o.memory_bytes = 0; }), Refusal::memory_out_of_range);
    EXPECT_EQ(refused([](auto& o) { o.flops_per_second = 0; }), Refusal::speed_out_of_range);
    EXPECT_EQ(refused([](auto& o) { o.slots = 0; }), Refusal::slots_out_of_range);
    EXPECT_EQ(refused([](auto& o) { o.slots = 65; }), Refusal::slots_out_of_range);
    EXPECT_EQ(refused([](auto& o) { o.bond = {}; }), Refusal::bond_too_small);
    EXPECT_EQ(refused([](auto& o) { o.bond = Amount::of(Amount::kMax); }),
              Refusal::insufficient_balance);
    EXPECT_EQ(chain.send(chain.stranger, chain.offer()), Refusal::stake_missing);
    EXPECT_EQ(refused([](auto&) {}), Refusal::none);
    EXPECT_EQ(refused([](auto&) {}), Refusal::too_many_offers);
}

TEST(ApplyOfferWithdraw, ReturnsTheBond) {
    TestChain chain;
    ASSERT_EQ(chain.send(chain.workers[0], chain.offer()), Refusal::none);
    const auto offers = offers_by_price(chain.state, 10);
    ASSERT_EQ(offers.size(), 1U);
    EXPECT_EQ(chain.send(chain.workers[1], OfferWithdraw{offers[0].id}), Refusal::offer_not_yours);
    EXPECT_EQ(chain.send(chain.workers[0], OfferWithdraw{{filled(1)}}), Refusal::offer_unknown);
    const Amount before = chain.balance(chain.workers[0]);
    EXPECT_EQ(chain.send(chain.workers[0], OfferWithdraw{offers[0].id}), Refusal::none);
    EXPECT_EQ(chain.balance(chain.workers[0]), before + offers[0].bond - chain.last.fee);
    EXPECT_EQ(chain.send(chain.workers[0], OfferWithdraw{offers[0].id}), Refusal::offer_unknown);
    EXPECT_TRUE(offers_of(chain.state, chain.workers[0].id, 10).empty());
}

TEST(ApplyJobPost, HoldsWhatTheFormulaSays) {
    TestChain chain;
    const Amount before = chain.balance(chain.submitter);
    const Job job = chain.post();
    HoldTerms terms;
    terms.segments = 6;
    terms.price_ceiling = Amount::of(2'000'000);
    terms.audit_price = Amount::of(1'000'000);
    terms.merge_price = Amount::of(100'000);
    terms.init_price = Amount::of(100);
    // A third of the weight each, at the rate of whatever is drawn again.
    terms.highest_pay =
        *audit_pay(Amount::of(1'000'000), member_exponent(rate_exponent(990'000), 2, 3));
    terms.fees = Amount::of(6 * 20'000);
    terms.rate_ppm = 450'000;
    terms.rate_sure_ppm = 990'000;
    terms.control_ppm = 62'500;
    terms.rounds = 3;
    EXPECT_EQ(job.held, job_hold(terms)->total);
    EXPECT_EQ(job.hold.total(), job.held);
    EXPECT_EQ(chain.balance(chain.submitter), before - job.held - chain.last.fee);
    EXPECT_EQ(job.state, JobState::open);
    EXPECT_EQ(lanes_of(chain.state, job.id).size(), 2U);
    EXPECT_TRUE(find_spec(chain.state, job.id).has_value());
}

TEST(ApplyJobPost, Refuses) {
    TestChain chain;
    const auto refused = [&](const std::function<void(JobPost&)>& spoil) {
        JobPost message = chain.job_post();
        spoil(message);
        return chain.send(chain.submitter, message);
    };
    EXPECT_EQ(refused([](auto& p) { p.spec.push_back(0); }), Refusal::spec_invalid);
    EXPECT_EQ(refused([](auto& p) { p.spec.clear(); }), Refusal::spec_invalid);
    EXPECT_EQ(refused([](auto& p) { p.init_receipt.signature.bytes[0] ^= 1; }),
              Refusal::receipt_invalid);
    EXPECT_EQ(refused([](auto& p) { p.init_receipt.bytes += 1; }), Refusal::receipt_invalid);
    EXPECT_EQ(refused([](auto& p) { p.init_receipt.blob = {filled(3)}; }),
              Refusal::receipt_invalid);
    EXPECT_EQ(refused([](auto& p) { p.data_receipt = p.init_receipt; }), Refusal::receipt_invalid)
        << "another blob than the spec's";
    const auto of_size = [&](Receipt receipt, std::uint64_t bytes) {
        receipt.bytes = bytes;
        receipt.signature = chain.node.key.sign(
            kReceiptDomain, chain.id,
            receipt_message(receipt.blob, bytes, receipt.kept_until_block_time));
        return receipt;
    };
    EXPECT_EQ(refused([&](auto& p) { p.data_receipt = of_size(p.data_receipt, 4'097); }),
              Refusal::data_size_wrong);
    EXPECT_EQ(refused([&](auto& p) { p.init_receipt = of_size(p.init_receipt, 4'095); }),
              Refusal::init_size_wrong);
    EXPECT_EQ(refused([](auto& p) { p.init_root = {}; }), Refusal::receipt_invalid);
    EXPECT_EQ(refused([](auto& p) { p.hold_limit = Amount::of(1000); }),
              Refusal::hold_limit_too_low);
    EXPECT_EQ(refused([&](auto& p) {
                  p.init_receipt.kept_until_block_time = {chain.time.value + 1000};
                  p.init_receipt.signature =
                      chain.node.key.sign(kReceiptDomain, chain.id,
                                          receipt_message(p.init_receipt.blob, p.init_receipt.bytes,
                                                          p.init_receipt.kept_until_block_time));
              }),
              Refusal::receipt_expires_early);
    JobSpec cheap = chain.spec();
    cheap.price_ceiling = Amount::of(10);
    EXPECT_EQ(chain.send(chain.submitter, chain.job_post(cheap)), Refusal::segment_too_small);
    JobSpec dear = chain.spec();
    dear.price_ceiling = Amount::of(Amount::kMax / 6);  // the pay alone just fits
    EXPECT_EQ(chain.send(chain.submitter, chain.job_post(dear)), Refusal::amount_too_large);
    EXPECT_TRUE(jobs(chain.state, std::nullopt, 10).empty());
}

TEST(ApplyJobPost, TakesCostsAndSizesFromTheSpecAlone) {
    TestChain chain;
    chain.program.given.costs.segment_flops = 7'000'000'001;
    chain.program.given.payload_bytes = 512;
    const Job job = chain.post();
    EXPECT_EQ(job.program_root, filled(0x51));
    EXPECT_EQ(job.costs, chain.program.given.costs);
    EXPECT_EQ(job.audit_price,
              *protocol_cost(chain.genesis.parameters.protocol_price, 7'000'000'001));
    EXPECT_EQ(job.init_audit_price,
              *audit_price(chain.genesis.parameters.protocol_price,
                           chain.genesis.parameters.base_fee_min, job.init_flops));
    EXPECT_GT(job.init_audit_price,
              *protocol_cost(chain.genesis.parameters.protocol_price, job.init_flops))
        << "so small that its fees are more";
    EXPECT_EQ(job.init_bytes, OneProgram::kFileBytes);
    EXPECT_EQ(job.data_bytes, OneProgram::kFileBytes);
    EXPECT_EQ(job.payload_bytes, 512U);
}

TEST(ApplyJobPost, RefusesFilesOfAnotherSizeThanTheSpecs) {
    TestChain chain;
    for (const std::uint64_t bytes : {OneProgram::kFileBytes - 1, OneProgram::kFileBytes + 1}) {
        JobPost post = chain.job_post();
        post.data_receipt = chain.receipt(post.data_receipt.blob, bytes);
        EXPECT_EQ(chain.send(chain.submitter, post), Refusal::data_size_wrong);
        post = chain.job_post();
        post.init_receipt = chain.receipt(post.init_receipt.blob, bytes);
        EXPECT_EQ(chain.send(chain.submitter, post), Refusal::init_size_wrong);
    }
    chain.program.given.data_bytes += 4;
    EXPECT_EQ(chain.send(chain.submitter, chain.job_post()), Refusal::data_size_wrong);
    EXPECT_TRUE(jobs(chain.state, std::nullopt, 10).empty());
}

TEST(ApplyJobPost, PaysForARefusalThatTheProgramHadToBeBuiltFor) {
    TestChain chain;
    chain.program.judgeable = false;
    const Amount before = chain.balance(chain.submitter);
    EXPECT_EQ(chain.send(chain.submitter, chain.job_post()), Refusal::spec_unjudgeable);
    EXPECT_FALSE(chain.last.fee.is_zero());
    EXPECT_EQ(chain.balance(chain.submitter), before - chain.last.fee);
    EXPECT_GT(chain.program.asked, 0);
}

TEST(ApplyJobPost, RefusesWhatIsCheapToRefuseBeforeItBuildsAProgram) {
    TestChain chain;
    const auto unasked = [&](const JobPost& post) {
        const Refusal refusal = chain.send(chain.submitter, post);
        EXPECT_EQ(chain.program.asked, 0) << to_word(refusal);
        return refusal;
    };
    JobPost post = chain.job_post();
    post.data_receipt.blob = {filled(3)};
    EXPECT_EQ(unasked(post), Refusal::receipt_invalid);
    JobSpec cheap = chain.spec();
    cheap.price_ceiling = Amount::of(10);
    EXPECT_EQ(unasked(chain.job_post(cheap)), Refusal::segment_too_small);
    TransactionHeader header = chain.header(chain.submitter);
    header.nonce += 1;
    EXPECT_EQ(chain.send_raw(build_transaction(header, chain.job_post(), chain.submitter.key)),
              Refusal::wrong_nonce);
    header.nonce -= 1;
    header.fee_limit = Amount::of(1);
    EXPECT_EQ(chain.send_raw(build_transaction(header, chain.job_post(), chain.submitter.key)),
              Refusal::fee_limit_too_low);
    EXPECT_EQ(chain.program.asked, 0);
    EXPECT_EQ(chain.send(chain.submitter, chain.job_post()), Refusal::none);
    EXPECT_GT(chain.program.asked, 0);
}

TEST(ApplyJobPost, RefusesWhenItCannotBeHeldOrAudited) {
    TestChain poor([](Genesis& genesis) {
        const base::PublicKey key = make_party(1).key.public_key();
        for (GenesisAccount& account : genesis.accounts) {
            if (account.cold == key) account.balance = Amount::of(1'000'000);
        }
    });
    EXPECT_EQ(poor.send(poor.submitter, poor.job_post()), Refusal::insufficient_balance);
    TestChain unwatched;
    for (std::size_t i = 0; i < 3; ++i)
        ASSERT_EQ(unwatched.send(unwatched.validators[i], ValidatorDeclare{"f32", 1, {}, true}),
                  Refusal::none);
    EXPECT_EQ(unwatched.send(unwatched.submitter, unwatched.job_post()), Refusal::no_auditors);
}

TEST(ApplyJobPost, RefusesWhatLessThanHalfOfAllWeightMayAudit) {
    // The greatest validator is the submitter itself.
    TestChain chain([](Genesis& genesis) {
        const base::PublicKey key = make_party(1).key.public_key();
        for (GenesisAccount& account : genesis.accounts) {
            if (account.cold != key) continue;
            account.validator_stake = Amount::of(4'000'000'000'000);
            account.validator = GenesisValidator{"f32", 1'000'000'000'000};
        }
    });
    EXPECT_EQ(chain.send(chain.submitter, chain.job_post()), Refusal::no_auditors);
    EXPECT_EQ(chain.send(chain.stranger, chain.job_post()), Refusal::none);
}

TEST(Matching, BeginsWhenTheInitialStateHasPassed) {
    TestChain chain;
    ASSERT_EQ(chain.send(chain.workers[0], chain.offer()), Refusal::none);
    const Job job = chain.post();
    chain.pass(10);
    EXPECT_TRUE(find_lane(chain.state, job.id, 0)->asked.empty());
    chain.judge(5'000);
    EXPECT_TRUE(chain.job(job.id).init_passed);
    EXPECT_EQ(chain.job(job.id).state, JobState::open) << "asked is not accepted";
    ASSERT_EQ(find_lane(chain.state, job.id, 0)->asked.size(), 1U);
    EXPECT_TRUE(chain.stake(chain.workers[0], Role::worker).locked.is_zero());
}

TEST(Matching, TakesTheCheapest) {
    TestChain chain;
    OfferPost dear = chain.offer();
    dear.price_per_gflop = Amount::of(150'000);
    ASSERT_EQ(chain.send(chain.workers[0], dear), Refusal::none);
    OfferPost cheap = chain.offer();
    cheap.slots = 1;
    ASSERT_EQ(chain.send(chain.workers[1], cheap), Refusal::none);
    const Job job = chain.start();
    EXPECT_EQ(chain.job(job.id).state, JobState::running);
    EXPECT_EQ(chain.lease_of(job.id, 0).worker, chain.workers[1].id);
    EXPECT_EQ(chain.lease_of(job.id, 1).worker, chain.workers[0].id)
        << "the cheap one has one slot";
    EXPECT_EQ(chain.lease_of(job.id, 0).price, Amount::of(1'000'000));
    EXPECT_EQ(chain.lease_of(job.id, 0).bond, Amount::of(500'000));
    EXPECT_EQ(chain.job(job.id).active_leases, 2U);
    EXPECT_TRUE(find_round(chain.state, job.id, 0).has_value());
}

TEST(Matching, TiesGoByArrival) {
    TestChain chain;
    for (const std::size_t i : {2U, 0U, 1U}) {
        OfferPost offer = chain.offer();
        offer.slots = 1;
        ASSERT_EQ(chain.send(chain.workers[i], offer), Refusal::none);
    }
    const Job job = chain.start();
    EXPECT_EQ(chain.lease_of(job.id, 0).worker, chain.workers[2].id);
    EXPECT_EQ(chain.lease_of(job.id, 1).worker, chain.workers[0].id);
}

TEST(Matching, PassesOverWhoDoesNotFit) {
    TestChain chain;
    const auto spoilt = [&](std::size_t worker, const std::function<void(OfferPost&)>& spoil) {
        OfferPost offer = chain.offer();
        spoil(offer);
        ASSERT_EQ(chain.send(chain.workers[worker], offer), Refusal::none);
    };
    spoilt(0, [](auto& o) { o.memory_bytes = 999; });
    spoilt(0, [](auto& o) { o.price_per_gflop = Amount::of(200'001); });  // above the ceiling
    spoilt(0, [](auto& o) { o.bond = Amount::of(499'999); });             // half a part is more
    const Job job = chain.start();
    EXPECT_EQ(chain.job(job.id).state, JobState::open);
    spoilt(1, [](auto&) {});
    chain.judge(2000);
    chain.accept(job.id);
    EXPECT_EQ(chain.job(job.id).state, JobState::running) << "a later offer is found";
    EXPECT_EQ(chain.lease_of(job.id, 0).worker, chain.workers[1].id);
}

TEST(Matching, PassesOverWhoIsSlowerThanTheSubmitterWaits) {
    TestChain chain;
    OfferPost squatter = chain.offer();
    squatter.price_per_gflop = Amount::of(1);
    squatter.segment_ms = 6 * 86'400'000ULL;
    ASSERT_EQ(chain.send(chain.workers[0], squatter), Refusal::none);
    ASSERT_EQ(chain.send(chain.workers[1], chain.offer()), Refusal::none);
    const Job job = chain.start();
    EXPECT_EQ(chain.lease_of(job.id, 0).worker, chain.workers[1].id);
}

TEST(ApplyOfferPost, NeedsNoVrfKey) {
    TestChain chain([](Genesis& genesis) {
        for (GenesisAccount& account : genesis.accounts)
            if (!account.worker_stake.is_zero()) account.vrf = {};
    });
    EXPECT_EQ(chain.send(chain.workers[0], chain.offer()), Refusal::none);
}

/// Who lets a reservation lapse sleeps, twice as long each time; more are asked meanwhile.
TEST(Matching, WhoDoesNotAcceptSleeps) {
    TestChain chain;
    OfferPost squatter = chain.offer();
    squatter.price_per_gflop = Amount::of(1);
    ASSERT_EQ(chain.send(chain.workers[0], squatter), Refusal::none);
    const Job job = chain.post();
    chain.judge(5'000);
    ASSERT_EQ(find_lane(chain.state, job.id, 0)->asked.size(), 1U);
    chain.judge(11'000);
    const Offer offer = offers_of(chain.state, chain.workers[0].id, 1).front();
    EXPECT_GE(offer.ignored, 1U);
    EXPECT_GT(offer.asleep_until, chain.live());
    EXPECT_EQ(offer.slots_used, 0U);
    EXPECT_EQ(find_lane(chain.state, job.id, 0)->ask, 2U);
    ASSERT_EQ(chain.send(chain.workers[1], chain.offer()), Refusal::none);
    for (int i = 0; i < 40 && chain.job(job.id).state == JobState::open; ++i) {
        chain.judge(1'000);
        for (std::uint32_t lane = 0; lane < 2; ++lane)
            chain.send(chain.workers[1], LeaseAccept{job.id, lane});
    }
    EXPECT_EQ(chain.job(job.id).state, JobState::running);
}

TEST(Matching, OneStakeDoesNotBackManyLeases) {
    TestChain chain([](Genesis& genesis) {
        for (GenesisAccount& account : genesis.accounts) {
            if (!account.worker_stake.is_zero()) account.worker_stake = Amount::of(17'000'000);
        }
    });
    ASSERT_EQ(chain.send(chain.workers[0], chain.offer()), Refusal::none);
    const Job job = chain.start();
    EXPECT_EQ(chain.lease_of(job.id, 0).lock, Amount::of(16'000'000));
    EXPECT_TRUE(find_lane(chain.state, job.id, 1)->lease.is_zero());
}

TEST(Matching, ThrowAwayOffersDoNotHideARealOne) {
    TestChain chain([](Genesis& genesis) { genesis.parameters.candidates_max = 4; });
    for (int i = 0; i < 9; ++i) {
        OfferPost offer = chain.offer();
        offer.price_per_gflop = Amount::of(1);
        offer.bond = Amount::of(1);
        ASSERT_EQ(chain.send(chain.workers[0], offer), Refusal::none);
    }
    ASSERT_EQ(chain.send(chain.workers[1], chain.offer()), Refusal::none);
    const Job job = chain.start();
    for (int i = 0; i < 5; ++i) {
        chain.judge(600);
        chain.accept(job.id);
    }
    EXPECT_EQ(chain.job(job.id).state, JobState::running);
    EXPECT_EQ(chain.lease_of(job.id, 0).worker, chain.workers[1].id);
}

TEST(JobDeadline, AnOpenJobExpiresAndIsRefunded) {
    TestChain chain([](Genesis& genesis) { genesis.parameters.open_ms_max = 20'000; });
    const Job job = chain.post();
    const Amount before = chain.balance(chain.submitter);
    chain.wait(19'000);
    EXPECT_EQ(chain.job(job.id).state, JobState::open);
    chain.wait(2'000);
    EXPECT_EQ(chain.job(job.id).state, JobState::expired);
    EXPECT_EQ(chain.job(job.id).reason, CloseReason::no_offer);
    EXPECT_EQ(chain.balance(chain.submitter), before + job.held);
    EXPECT_TRUE(chain.saw("job_closed"));
}

TEST(Retention, ATerminalJobLeavesTheState) {
    TestChain chain([](Genesis& genesis) {
        genesis.parameters.open_ms_max = 10'000;
        genesis.parameters.retention_ms = 10'000;
        genesis.parameters.absence_fine = {};
    });
    const auto empty = chain.state.entries().size();
    const Job job = chain.post();
    chain.judge(60'000);
    EXPECT_FALSE(find_job(chain.state, job.id).has_value());
    EXPECT_FALSE(find_spec(chain.state, job.id).has_value());
    EXPECT_EQ(chain.state.entries().size(), empty + 4) << "only nonces are new";
}

struct Running : TestChain {
    Running() {
        EXPECT_EQ(send(workers[0], offer()), Refusal::none);
        job_id = start().id;
        EXPECT_EQ(job().state, JobState::running);
    }
    [[nodiscard]] Job job() const { return TestChain::job(job_id); }
    [[nodiscard]] Lease lease(std::uint32_t lane) const { return lease_of(job_id, lane); }
    base::JobId job_id;
};

TEST(LaneDeadline, ASilentWorkerLosesBondAndLaneButNoStake) {
    Running chain;
    const Lease lease = chain.lease(0);
    const Amount burned = balance_of(chain.state, system_account(SystemAccount::burned));
    const Amount active = chain.stake(chain.workers[0], Role::worker).active;
    chain.wait(29'000);
    EXPECT_EQ(chain.lease(0).state, LeaseState::active) << "never below grace";
    chain.wait(3'000);
    const auto ended = find_lease(chain.state, lease.id);
    EXPECT_EQ(ended->end, LeaseEnd::deadline);
    EXPECT_EQ(ended->state, LeaseState::settled);
    EXPECT_EQ(balance_of(chain.state, system_account(SystemAccount::burned)),
              burned + lease.bond + lease.bond);
    EXPECT_EQ(chain.stake(chain.workers[0], Role::worker).active, active);
    EXPECT_TRUE(chain.stake(chain.workers[0], Role::worker).locked.is_zero());
    EXPECT_TRUE(find_lane(chain.state, chain.job_id, 0)->lease.is_zero())
        << "not matched with the worker that lost it";
    ASSERT_EQ(chain.send(chain.workers[1], chain.offer()), Refusal::none);
    for (int i = 0; i < 40 && find_lane(chain.state, chain.job_id, 0)->lease.is_zero(); ++i) {
        chain.judge(1'000);
        chain.accept(chain.job_id);
    }
    EXPECT_EQ(chain.lease(0).worker, chain.workers[1].id);
}

TEST(ApplyLeaseLeave, GivesTheLaneBackWithoutLoss) {
    Running chain;
    const Lease lease = chain.lease(0);
    EXPECT_EQ(chain.send(chain.workers[1], LeaseLeave{lease.id}), Refusal::lease_not_yours);
    EXPECT_EQ(chain.send(chain.workers[0], LeaseLeave{{filled(1)}}), Refusal::lease_unknown);
    EXPECT_EQ(chain.send(chain.workers[0], LeaseLeave{lease.id}), Refusal::none);
    EXPECT_EQ(chain.send(chain.workers[0], LeaseLeave{lease.id}), Refusal::lease_ended);
    EXPECT_EQ(find_lease(chain.state, lease.id)->state, LeaseState::settled);
    EXPECT_EQ(chain.stake(chain.workers[0], Role::worker).locked, chain.lease(1).lock);
    EXPECT_EQ(chain.job().active_leases, 1U);
}

TEST(ApplyJobCancel, RefundsWhatIsNotCommitted) {
    Running chain;
    const Amount worker = chain.balance(chain.workers[0]);
    EXPECT_EQ(chain.send(chain.stranger, JobCancel{chain.job_id}), Refusal::job_not_yours);
    EXPECT_EQ(chain.send(chain.submitter, JobCancel{{filled(1)}}), Refusal::job_unknown);
    EXPECT_EQ(chain.send(chain.submitter, JobCancel{chain.job_id}), Refusal::none);
    EXPECT_EQ(chain.job().state, JobState::settling);
    EXPECT_EQ(chain.send(chain.submitter, JobCancel{chain.job_id}), Refusal::job_state);
    EXPECT_EQ(chain.send(chain.submitter, JobFund{chain.job_id, {}}), Refusal::amount_zero);
    chain.judge(120'000);
    const Job job = chain.job();
    EXPECT_EQ(job.state, JobState::cancelled);
    EXPECT_TRUE(job.spent.workers.is_zero());
    EXPECT_EQ(chain.balance(chain.workers[0]), worker);
    EXPECT_TRUE(job.hold.total().is_zero());
    EXPECT_EQ(chain.send(chain.submitter, JobCancel{chain.job_id}), Refusal::job_state);
    EXPECT_EQ(chain.send(chain.submitter, JobFund{chain.job_id, Amount::of(1)}),
              Refusal::job_state);
    EXPECT_TRUE(chain.stake(chain.workers[0], Role::worker).locked.is_zero());
}

TEST(ApplyJobFund, AddsToTheAuditPool) {
    Running chain;
    const Job before = chain.job();
    EXPECT_EQ(chain.send(chain.stranger, JobFund{{filled(1)}, Amount::of(5)}),
              Refusal::job_unknown);
    EXPECT_EQ(chain.send(chain.stranger, JobFund{chain.job_id, Amount::of(Amount::kMax)}),
              Refusal::amount_too_large);
    EXPECT_EQ(chain.send(chain.stranger,
                         JobFund{chain.job_id, Amount::of(2 * std::uint64_t{1'000'000'000'000})}),
              Refusal::insufficient_balance);
    EXPECT_EQ(chain.send(chain.stranger, JobFund{chain.job_id, Amount::of(5)}), Refusal::none);
    EXPECT_EQ(chain.job().hold.audits, before.hold.audits + Amount::of(5));
    EXPECT_EQ(chain.job().held, before.held + Amount::of(5));
}

TEST(Pauses, CostFivePerCentAndEndByThemselves) {
    Running chain;
    EXPECT_EQ(chain.send(chain.submitter, JobResume{chain.job_id}), Refusal::job_state);
    EXPECT_EQ(chain.send(chain.stranger, JobPause{chain.job_id}), Refusal::job_not_yours);
    EXPECT_EQ(chain.send(chain.submitter, JobPause{chain.job_id}), Refusal::none);
    EXPECT_EQ(chain.send(chain.submitter, JobPause{chain.job_id}), Refusal::job_state);
    const Amount worker = chain.balance(chain.workers[0]);
    chain.wait(100'000);
    EXPECT_EQ(chain.lease(0).state, LeaseState::active) << "deadlines stand still";
    EXPECT_EQ(chain.send(chain.submitter, JobResume{chain.job_id}), Refusal::none);
    // Two leases, segments of a second at 1,000,000 grains: 5 % of 100 segments each, and of the
    // blocks' few milliseconds.
    const std::uint64_t earned = (chain.balance(chain.workers[0]) - worker).grains();
    EXPECT_GE(earned, 2U * 5'000'000U);
    EXPECT_LT(earned, 2U * 5'010'000U);
    EXPECT_EQ(chain.job().state, JobState::running);
    EXPECT_GT(chain.lease(0).deadline.value, chain.live().value);
}

TEST(Pauses, AfterAnHourWorkersMayLeave) {
    Running chain;
    ASSERT_EQ(chain.send(chain.submitter, JobPause{chain.job_id}), Refusal::none);
    const base::LeaseId lease = chain.lease(0).id;
    chain.wait(3'600'000);
    EXPECT_EQ(chain.send(chain.workers[0], LeaseLeave{lease}), Refusal::none);
    EXPECT_EQ(find_lease(chain.state, lease)->end, LeaseEnd::paused);
    chain.wait(86'400'000 - 3'600'000);
    EXPECT_EQ(chain.job().state, JobState::running);
}

}  // namespace
}  // namespace assay::market
