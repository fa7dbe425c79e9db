#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "market_fixture.h"

/// Refusals and side paths of the settlement, driven through whole markets: a message of an honest
/// party is held back, its mutants are refused, and the original still goes through.
namespace assay::sim {
namespace {

using market::Refusal;

/// Runs honest blocks until somebody wants to send a T; that message is held back and given out,
/// all others of the block wait again.
template <class T>
std::optional<std::pair<const Person*, T>> hold_back(Market& market) {
    for (int i = 0; i < 2000; ++i) {
        for (Worker& worker : market.workers) worker.act();
        for (Validator& validator : market.validators) validator.act();
        auto queue = market.world.take_queue();
        const auto found = std::find_if(queue.begin(), queue.end(), [](const auto& entry) {
            return std::holds_alternative<T>(entry.second);
        });
        if (found != queue.end()) return std::pair{found->first, std::get<T>(found->second)};
        for (const auto& [person, message] : queue) market.world.send(*person, message);
        market.world.block();
    }
    return std::nullopt;
}

Refusal answer(World& world, const Person& person, const market::Message& message) {
    world.send(person, message);
    world.block();
    return world.last_refusal();
}

template <class T>
void expect_refused(Market& market, const Person& person, const T& good, Refusal expected,
                    const std::function<void(T&)>& change) {
    T bad = good;
    change(bad);
    const Refusal found = answer(market.world, person, bad);
    EXPECT_EQ(found, expected) << market::to_word(found) << " instead of "
                               << market::to_word(expected);
}

const Person& other_worker(const Market& market, const Person& person) {
    return market.world.workers[0].id == person.id ? market.world.workers[1]
                                                   : market.world.workers[0];
}

TEST(PartCommit, RefusesWhatDoesNotFitTheLease) {
    WorldOptions options = options_with(20);
    options.round_steps = 40;
    Market market(options);
    const auto held = hold_back<market::PartCommit>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    const auto refused = [&](Refusal expected,
                             const std::function<void(market::PartCommit&)>& change) {
        expect_refused<market::PartCommit>(market, *person, good, expected, change);
    };
    EXPECT_EQ(answer(market.world, other_worker(market, *person), good), Refusal::lease_not_yours);
    refused(Refusal::lease_unknown, [](auto& m) { m.lease.hash.bytes[0] ^= 1U; });
    refused(Refusal::round_not_open, [](auto& m) { ++m.round; });
    refused(Refusal::part_out_of_order, [](auto& m) { ++m.part; });
    refused(Refusal::wrong_attempt, [](auto& m) { ++m.attempt; });
    refused(Refusal::wrong_segment_count, [](auto& m) { ++m.segments; });
    refused(Refusal::wrong_start_root, [](auto& m) { m.start_root.bytes[5] ^= 1U; });
    refused(Refusal::receipt_invalid, [](auto& m) { m.end_receipt.bytes += 1; });
    refused(Refusal::receipt_size_wrong,
            [&](auto& m) { m.end_receipt = market.world.receipt(base::Bytes(100)); });
    refused(Refusal::receipt_invalid, [](auto& m) { m.end_receipt.signature.bytes[0] ^= 1U; });
    refused(Refusal::payload_unexpected, [](auto& m) {
        m.payload_root.bytes[0] = 1;
        m.payload_receipt = m.end_receipt;
    });
    EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::key_used);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(PartCommit, TheLastPartOfARoundNeedsItsPayload) {
    Market market(options_with(21));
    const auto held = hold_back<market::PartCommit>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    expect_refused<market::PartCommit>(market, *person, good, Refusal::payload_missing,
                                       [](auto& m) {
                                           m.payload_root = {};
                                           m.payload_receipt.reset();
                                       });
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(PartRetract, LetsTheWorkerCommitAgainUnderTheNextAttempt) {
    Market market(options_with(22));
    const auto held = hold_back<market::PartCommit>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    ASSERT_EQ(answer(market.world, *person, good), Refusal::none);
    const auto lease = market::find_lease(market.world.state(), good.lease);
    const market::PartKey key{market.job, good.round, lease->lane, 0,
                              good.part,  person->id, good.attempt};
    const base::PartId part = market::part_id(market.world.chain_id(), key);
    EXPECT_EQ(answer(market.world, other_worker(market, *person), market::PartRetract{part}),
              Refusal::part_not_yours);
    EXPECT_EQ(answer(market.world, *person, market::PartRetract{part}), Refusal::none);
    EXPECT_EQ(answer(market.world, *person, market::PartRetract{part}), Refusal::part_state);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::key_used);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

TEST(PartRetract, IsRefusedOnceTheEpochIsClosed) {
    Market market(options_with(23));
    const auto held = hold_back<market::PartCommit>(market);
    ASSERT_TRUE(held);
    ASSERT_EQ(answer(market.world, *held->first, held->second), Refusal::none);
    ASSERT_TRUE(hold_back<market::EpochContribute>(market));
    const auto parts =
        market::parts_of_job(market.world.state(), market.job, std::nullopt, std::nullopt, 1);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(answer(market.world, market.world.person(parts[0].key.worker),
                     market::PartRetract{parts[0].id}),
              Refusal::epoch_closed);
}

TEST(EpochContribute, RefusesStrangersRepetitionsAndFalseProofs) {
    Market market(options_with(24));
    const auto held = hold_back<market::EpochContribute>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    EXPECT_EQ(answer(market.world, market.world.workers[0], good), Refusal::not_member);
    expect_refused<market::EpochContribute>(market, *person, good, Refusal::epoch_unknown,
                                            [](auto& m) { m.epoch += 1000; });
    expect_refused<market::EpochContribute>(market, *person, good, Refusal::proof_invalid,
                                            [](auto& m) { m.proof.bytes[40] ^= 1U; });
    expect_refused<market::EpochContribute>(market, *person, good, Refusal::wrong_commitments,
                                            [](auto& m) { m.commitments_root.bytes[0] ^= 1U; });
    expect_refused<market::EpochContribute>(market, *person, good, Refusal::wrong_log,
                                            [](auto& m) { ++m.log_size; });
    expect_refused<market::EpochContribute>(market, *person, good, Refusal::wrong_log,
                                            [](auto& m) { m.log_root.bytes[0] ^= 1U; });
    EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::already_contributed);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(SegmentDeliver, RefusesWhatIsNotInTheTree) {
    WorldOptions options = options_with(25);
    options.round_steps = 60;
    options.part_segments = 3;
    options.rate_ppm = 1'000'000;
    Market market(options);
    const auto held = hold_back<market::SegmentDeliver>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    const auto refused = [&](Refusal expected,
                             const std::function<void(market::SegmentDeliver&)>& change) {
        expect_refused<market::SegmentDeliver>(market, *person, good, expected, change);
    };
    EXPECT_EQ(answer(market.world, other_worker(market, *person), good), Refusal::part_not_yours);
    refused(Refusal::part_unknown, [](auto& m) { m.part.hash.bytes[0] ^= 1U; });
    refused(Refusal::not_drawn, [](auto& m) { m.segment = 7; });
    refused(Refusal::wrong_path, [](auto& m) { m.leaf.end_field.bytes[0] ^= 1U; });
    refused(Refusal::wrong_path, [](auto& m) { m.path.front().bytes[0] ^= 1U; });
    refused(Refusal::wrong_path, [](auto& m) { m.path.push_back({}); });
    refused(Refusal::receipt_invalid, [](auto& m) { m.start_receipt.signature.bytes[9] ^= 1U; });
    EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::already_delivered);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(EpochContribute, CostsAFeeOnlyWhenItFails) {
    Market market(options_with(35));
    const auto held = hold_back<market::EpochContribute>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    const auto balance = [&] { return market::balance_of(market.world.state(), person->id); };
    const base::Amount before = balance();
    expect_refused<market::EpochContribute>(market, *person, good, Refusal::wrong_log,
                                            [](auto& m) { ++m.log_size; });
    const base::Amount after = balance();
    EXPECT_LT(after, before);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
    EXPECT_EQ(balance(), after);
}

TEST(LeaseAccept, IsForWhoIsAskedAndOnce) {
    Market market(options_with(36));
    const auto held = hold_back<market::LeaseAccept>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    EXPECT_EQ(answer(market.world, market.world.workers[2], good), Refusal::not_reserved);
    EXPECT_EQ(answer(market.world, market.world.validators[0], good), Refusal::not_reserved);
    expect_refused<market::LeaseAccept>(market, *person, good, Refusal::job_unknown,
                                        [](auto& m) { m.job.hash.bytes[0] ^= 1U; });
    expect_refused<market::LeaseAccept>(market, *person, good, Refusal::not_reserved,
                                        [](auto& m) { m.lane = 9; });
    EXPECT_EQ(market::find_job(market.world.state(), market.job)->state, market::JobState::open);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
    EXPECT_EQ(market::find_job(market.world.state(), market.job)->state, market::JobState::running);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::not_reserved);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(LeaseAccept, LocksWhatItTakesAndNothingBefore) {
    Market market(options_with(37));
    const auto held = hold_back<market::LeaseAccept>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    const auto locked = [&] {
        return market::find_stake(market.world.state(), person->id, market::Role::worker)->locked;
    };
    EXPECT_EQ(locked(), base::Amount{});
    ASSERT_EQ(answer(market.world, *person, good), Refusal::none);
    const auto lane = market::find_lane(market.world.state(), market.job, good.lane);
    EXPECT_EQ(locked(), market::find_lease(market.world.state(), lane->lease)->lock);
    EXPECT_FALSE(locked().is_zero());
}

TEST(Verdicts, AreSealedBeforeTheyAreRevealed) {
    WorldOptions options = options_with(26);
    options.rate_ppm = 1'000'000;
    Market market(options);
    const auto sealed = hold_back<market::VerdictSeal>(market);
    ASSERT_TRUE(sealed);
    const market::VerdictReveal early{
        sealed->second.audit, {market::VerdictKind::valid, {}, numbered(1, "d")}, {}, {}};
    EXPECT_EQ(answer(market.world, *sealed->first, early), Refusal::audit_state);
    EXPECT_EQ(answer(market.world, market.world.workers[0], sealed->second),
              Refusal::audit_not_yours);
    expect_refused<market::VerdictSeal>(market, *sealed->first, sealed->second,
                                        Refusal::audit_unknown,
                                        [](auto& m) { m.audit.hash.bytes[0] ^= 1U; });
    expect_refused<market::VerdictSeal>(market, *sealed->first, sealed->second, Refusal::wrong_seal,
                                        [](auto& m) { m.seal = {}; });
    const auto held = hold_back<market::VerdictReveal>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    const auto refused = [&](Refusal expected,
                             const std::function<void(market::VerdictReveal&)>& change) {
        expect_refused<market::VerdictReveal>(market, *person, good, expected, change);
    };
    EXPECT_EQ(answer(market.world, market.world.workers[0], good), Refusal::audit_not_yours);
    refused(Refusal::wrong_seal, [](auto& m) { m.nonce.bytes[0] ^= 1U; });
    refused(Refusal::wrong_seal, [](auto& m) { m.verdict.kind = market::VerdictKind::invalid; });
    refused(Refusal::wrong_seal, [](auto& m) { m.verdict.cells_digest.bytes[0] ^= 1U; });
    refused(Refusal::proof_invalid, [](auto& m) { m.proof.reset(); });
    refused(Refusal::proof_invalid, [](auto& m) { m.proof->bytes[40] ^= 1U; });
    EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::audit_state);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(CellsOpen, ShowsWhatWasSealed) {
    WorldOptions options = options_with(34);
    options.rate_ppm = 1'000'000;
    options.tune = [](market::Parameters& p) { p.control_ppm = 500'000; };
    Market market(options);
    for (int i = 0; i < 2; ++i) {
        const auto held = hold_back<market::CellsOpen>(market);
        ASSERT_TRUE(held);
        const auto& [person, good] = *held;
        const auto refused = [&](Refusal expected,
                                 const std::function<void(market::CellsOpen&)>& change) {
            expect_refused<market::CellsOpen>(market, *person, good, expected, change);
        };
        EXPECT_EQ(answer(market.world, market.world.workers[0], good), Refusal::audit_not_yours);
        refused(Refusal::audit_unknown, [](auto& m) { m.audit.hash.bytes[0] ^= 1U; });
        refused(Refusal::wrong_cells, [](auto& m) { m.salt.bytes[0] ^= 1U; });
        refused(Refusal::wrong_cells, [](auto& m) { m.cells[3].bytes[0] ^= 1U; });
        refused(Refusal::malformed, [](auto& m) { m.cells.pop_back(); });
        EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
        EXPECT_EQ(answer(market.world, *person, good), Refusal::audit_state);
    }
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.world.count_events("audit_missed"), 0U);
}

TEST(PartClose, RefusesOtherLeaves) {
    WorldOptions options = options_with(27);
    options.round_steps = 100;
    options.part_segments = 5;
    options.rate_ppm = 1'000'000;
    Market market(options);
    const auto sealed = hold_back<market::VerdictSeal>(market);
    const auto parts =
        market::parts_of_job(market.world.state(), market.job, std::nullopt, std::nullopt, 1);
    ASSERT_TRUE(sealed);
    if (!parts.empty()) {
        EXPECT_EQ(answer(market.world, market.world.person(parts[0].key.worker),
                         market::PartClose{parts[0].id, {}}),
                  Refusal::not_judged);
    }
    const auto held = hold_back<market::PartClose>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    const auto refused = [&](Refusal expected,
                             const std::function<void(market::PartClose&)>& change) {
        expect_refused<market::PartClose>(market, *person, good, expected, change);
    };
    EXPECT_EQ(answer(market.world, other_worker(market, *person), good), Refusal::part_not_yours);
    refused(Refusal::part_unknown, [](auto& m) { m.part.hash.bytes[0] ^= 1U; });
    refused(Refusal::wrong_segment_count, [](auto& m) { m.leaves.pop_back(); });
    refused(Refusal::wrong_leaves, [](auto& m) { m.leaves[1].salt.bytes[0] ^= 1U; });
    refused(Refusal::wrong_leaves, [](auto& m) { std::swap(m.leaves[0], m.leaves[1]); });
    EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::part_state);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(MergePost, OnlyTheOneWhoseTurnItIsPosts) {
    Market market(options_with(28));
    const auto held = hold_back<market::MergePost>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    EXPECT_EQ(answer(market.world, other_worker(market, *person), good), Refusal::not_your_turn);
    EXPECT_EQ(answer(market.world, market.world.validators[0], good), Refusal::not_your_turn);
    expect_refused<market::MergePost>(market, *person, good, Refusal::job_unknown,
                                      [](auto& m) { m.job.hash.bytes[0] ^= 1U; });
    expect_refused<market::MergePost>(market, *person, good, Refusal::merge_not_due,
                                      [](auto& m) { ++m.round; });
    expect_refused<market::MergePost>(market, *person, good, Refusal::merge_unexpected,
                                      [](auto& m) { m.merge_root = {}; });
    expect_refused<market::MergePost>(market, *person, good, Refusal::receipt_invalid,
                                      [](auto& m) { m.receipt.bytes += 1; });
    EXPECT_EQ(answer(market.world, *person, good), Refusal::none);
    EXPECT_EQ(answer(market.world, *person, good), Refusal::merge_known);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
}

TEST(Equivocation, TwoTreesUnderOneKeyCostTheLock) {
    Market market(options_with(29));
    const auto held = hold_back<market::PartCommit>(market);
    ASSERT_TRUE(held);
    const auto& [person, good] = *held;
    market::PartCommit other = good;
    other.tree_root.bytes[0] ^= 1U;
    World& world = market.world;
    const base::Bytes first = world.build(*person, good);
    const base::Bytes second = world.build(*person, other);
    world.take_queue();
    EXPECT_EQ(answer(world, *person, good), Refusal::none);
    EXPECT_EQ(answer(world, world.submitter, market::EquivocationReport{first, first}),
              Refusal::not_equivocation);
    EXPECT_EQ(answer(world, world.submitter, market::EquivocationReport{first, {}}),
              Refusal::not_equivocation);
    market::PartCommit moved = other;
    moved.start_root.bytes[0] ^= 1U;
    EXPECT_EQ(answer(world, world.submitter,
                     market::EquivocationReport{first, world.build(*person, moved)}),
              Refusal::not_equivocation);
    world.take_queue();
    market::PartCommit later = other;
    later.attempt = 1;
    EXPECT_EQ(answer(world, world.submitter,
                     market::EquivocationReport{first, world.build(*person, later)}),
              Refusal::not_equivocation);
    const base::Bytes forged = world.build(other_worker(market, *person), other);
    EXPECT_EQ(answer(world, world.submitter, market::EquivocationReport{first, forged}),
              Refusal::not_equivocation);
    world.take_queue();
    const auto lease = market::find_lease(world.state(), good.lease);
    const base::Amount lock = lease->lock;
    const base::Amount before = market::balance_of(world.state(), world.validators[0].id);
    EXPECT_EQ(answer(world, world.validators[0], market::EquivocationReport{first, second}),
              Refusal::none);
    EXPECT_EQ(world.stake_of(*person, market::Role::worker), kStake - lock);
    const base::Amount after = market::balance_of(world.state(), world.validators[0].id);
    EXPECT_LE(after.grains(), before.grains() + lock.grains() / 10);
    EXPECT_EQ(answer(world, world.validators[0], market::EquivocationReport{second, first}),
              Refusal::evidence_known);
    EXPECT_TRUE(market::find_stake(world.state(), person->id, market::Role::worker)->tombstoned);
    EXPECT_EQ(answer(world, *person, market::StakeBond{market::Role::worker, base::Amount::of(1)}),
              Refusal::tombstoned);
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    market.expect_history_adds_up();
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

/// The double signature of a round that is merged already: what was built on it goes back, whoever
/// made it, and honest lanes are paid for it.
TEST(Equivocation, InAMergedRoundRollsTheJobBackToIt) {
    std::size_t paid = 0;
    for (std::uint64_t seed = 300; seed < 304; ++seed) {
        WorldOptions options = options_with(seed);
        options.rounds = 4;
        Market market(options);
        World& world = market.world;
        std::optional<std::pair<const Person*, market::PartCommit>> signed_in_round_one;
        for (int i = 0; i < 2'000 && market.record().round < 3; ++i) {
            for (Worker& worker : market.workers) worker.act();
            for (Validator& validator : market.validators) validator.act();
            for (const auto& [person, message] : world.take_queue()) {
                if (const auto* commit = std::get_if<market::PartCommit>(&message);
                    commit != nullptr && commit->round == 1)
                    signed_in_round_one = std::pair{person, *commit};
                world.send(*person, message);
            }
            world.block();
        }
        ASSERT_TRUE(signed_in_round_one);
        ASSERT_EQ(market.record().round, 3U);
        ASSERT_LE(market.record().final_rounds, 1U) << "the window of round 1 is still open";
        const auto& [person, commit] = *signed_in_round_one;
        market::PartCommit other = commit;
        other.tree_root.bytes[0] ^= 1U;
        const base::Bytes first = world.build(*person, commit),
                          second = world.build(*person, other);
        world.take_queue();
        const base::Amount stake = world.stake_of(*person, market::Role::worker);
        ASSERT_EQ(answer(world, world.validators[0], market::EquivocationReport{first, second}),
                  Refusal::none);
        EXPECT_LT(world.stake_of(*person, market::Role::worker), stake);
        EXPECT_EQ(world.count_events("round_reopened"), 1U);
        EXPECT_EQ(market.record().round, 1U);
        EXPECT_EQ(market::find_round(world.state(), market.job, 1)->state,
                  market::RoundState::open);
        EXPECT_FALSE(market::find_round(world.state(), market.job, 2)) << "it was built on round 1";
        for (const market::Event& event : world.events()) {
            if (event.kind == "paid" && event.attributes[2].second == "compensation") ++paid;
        }
        ASSERT_TRUE(market.finish()) << seed;
        market.expect_completed();
        market.expect_history_adds_up();
        EXPECT_EQ(market.record().final_root, market.honest_root());
    }
    EXPECT_GT(paid, 0U);
}

TEST(Confess, CostsLessThanBeingConvicted) {
    WorldOptions options = options_with(30);
    options.rate_ppm = 1'000'000;
    Market market(options);
    const auto held = hold_back<market::SegmentDeliver>(market);
    ASSERT_TRUE(held);
    const Person& person = *held->first;
    const base::PartId part = held->second.part;
    const auto lease = market::find_lease(market.world.state(),
                                          market::find_part(market.world.state(), part)->lease);
    EXPECT_EQ(answer(market.world, other_worker(market, person), market::Confess{part}),
              Refusal::part_not_yours);
    EXPECT_EQ(answer(market.world, person, market::Confess{part}), Refusal::none);
    EXPECT_EQ(answer(market.world, person, market::Confess{part}), Refusal::confess_too_late);
    const base::Amount stake = market.world.stake_of(person, market::Role::worker);
    EXPECT_LT(stake, kStake);
    EXPECT_GT(stake, kStake - lease->lock);
    // What is left of the lock is not free before every window that was open has closed: confessing
    // is no way around unbonding.
    const auto left = [&] {
        return market::find_stake(market.world.state(), person.id, market::Role::worker)->locked;
    };
    ASSERT_TRUE(market.finish());
    EXPECT_EQ(left(), lease->lock - (kStake - stake));
    const std::uint64_t held_until =
        market::find_lease(market.world.state(), lease->id)->ended_at.value +
        market::demo_parameters().unbonding_ms;
    while (market.world.live().value < held_until) {
        ASSERT_FALSE(left().is_zero());
        market.world.block();
    }
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
}

TEST(JobCancel, JudgesAndPaysWhatIsCommittedAndReturnsTheRest) {
    WorldOptions options = options_with(31);
    options.rounds = 12;
    options.rate_ppm = 1'000'000;
    for (const std::uint64_t blocks : {1U, 10U, 25U, 40U, 60U, 90U}) {
        Market market(options);
        run(market.world, market.workers, market.validators, market.job, blocks);
        EXPECT_EQ(answer(market.world, market.world.workers[0], market::JobCancel{market.job}),
                  Refusal::job_not_yours);
        EXPECT_EQ(answer(market.world, market.world.submitter, market::JobCancel{market.job}),
                  Refusal::none)
            << blocks;
        EXPECT_EQ(answer(market.world, market.world.submitter, market::JobCancel{market.job}),
                  Refusal::job_state);
        // What is committed is judged first.
        ASSERT_TRUE(market.finish()) << blocks;
        EXPECT_EQ(market.record().state, market::JobState::cancelled);
        EXPECT_EQ(market.record().unproved_segments, 0U);
        EXPECT_EQ(market.world.count_events("slashed"), 0U);
        market.expect_money_settled();
        EXPECT_EQ(answer(market.world, market.world.submitter, market::JobCancel{market.job}),
                  Refusal::job_state);
    }
}

TEST(JobPause, GoesOnWhereItStopped) {
    WorldOptions options = options_with(32);
    options.rounds = 12;
    for (const std::uint64_t blocks : {25U, 40U, 60U, 80U}) {
        Market market(options);
        run(market.world, market.workers, market.validators, market.job, blocks);
        ASSERT_EQ(answer(market.world, market.world.submitter, market::JobPause{market.job}),
                  Refusal::none);
        run(market.world, market.workers, market.validators, market.job, 40);
        ASSERT_EQ(answer(market.world, market.world.submitter, market::JobResume{market.job}),
                  Refusal::none);
        ASSERT_TRUE(market.finish());
        market.expect_completed();
        EXPECT_EQ(market.record().final_root, market.honest_root());
        EXPECT_EQ(market.world.count_events("slashed"), 0U);
    }
}

TEST(LeaseLeave, TheNextWorkerEndsWithTheSameRoot) {
    WorldOptions options = options_with(33);
    options.round_steps = 60;
    Market market(options);
    ASSERT_TRUE(hold_back<market::PartClose>(market));
    run(market.world, market.workers, market.validators, market.job, 3);
    for (const market::Lease& lease :
         market::leases_of_job(market.world.state(), market.job, std::nullopt, 10)) {
        if (lease.open_parts > 0) continue;
        EXPECT_EQ(
            answer(market.world, market.world.person(lease.worker), market::LeaseLeave{lease.id}),
            Refusal::none);
        break;
    }
    ASSERT_TRUE(market.finish());
    market.expect_completed();
    EXPECT_EQ(market.record().final_root, market.honest_root());
    EXPECT_EQ(market.world.count_events("slashed"), 0U);
}

/// Takes its lane and trains nothing.
class Stuck : public WorkerConduct {
  public:
    bool commits(const World&, const market::Job&, const market::Lease&) override { return false; }
};

TEST(LaneDeadline, WaitsForTheQuestionsOfItsWorkerAndNotForEver) {
    WorldOptions options = options_with(61);
    options.lanes = 1;
    options.workers = 1;
    Market market(options);
    market.workers.clear();
    market.workers.emplace_back(market.world, 0, std::make_unique<Stuck>());
    const Person& worker = market.workers.front().person();
    const market::StoredTarget init{market::StoredKind::init, market.job.hash, 0};
    std::uint32_t extensions = 0;
    std::optional<market::Lease> lease;
    for (std::uint64_t i = 0; i < kBlocksMax; ++i) {
        const auto leases =
            market::leases_of_worker(market.world.state(), worker.id, std::nullopt, 1);
        if (!leases.empty()) lease = leases.front();
        if (lease) extensions = std::max(extensions, lease->extensions);
        if (lease && lease->state != market::LeaseState::active) break;
        const Snapshot seen = snapshot(market.world);
        market.workers.front().act(seen);
        for (Validator& validator : market.validators) validator.act(seen);
        const auto question =
            market::find_question(market.world.state(), market::state_question_id(init, worker.id));
        if (lease && !question) market.world.send(worker, market::StateAsk{init});
        if (question) {
            if (const auto answer = market.world.answer_to(*question))
                market.world.send(market.world.submitter, *answer);
        }
        market.world.block();
    }
    ASSERT_TRUE(lease.has_value());
    EXPECT_EQ(lease->end, market::LeaseEnd::deadline) << market::to_word(lease->end);
    EXPECT_EQ(extensions, 8U) << "each of its questions ends, and so do all of them together";
}

}  // namespace
}  // namespace assay::sim
