#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "market/referee.h"
#include "market_fixture.h"

/// Markets whose disputes are decided by a game that a test plays by hand.
namespace assay::market {

/// A countdown whose moves say what happens: 'n' goes on, 't' goes on and traces, 'w' wins for who
/// plays it, 'l' loses, a digit k is refused as MoveRefusal k, anything else is malformed. Who
/// makes the last of eight moves wins.
class Countdown : public sim::GroundTruth {
  public:
    static constexpr std::uint8_t kMoves = 8;
    Countdown() { set_blob_bytes(sim::kBlobBytes); }

    [[nodiscard]] GameStatus open(const GameSubject& subject) const override {
        EXPECT_FALSE(subject.spec.empty());
        EXPECT_FALSE(subject.asserted.is_zero());
        return {{kMoves}, Side::asserter, std::nullopt, false};
    }

    [[nodiscard]] tl::expected<GameStatus, MoveRefusal> play(base::ByteView game, Side side,
                                                             base::ByteView move) const override {
        EXPECT_EQ(game.size(), 1U);
        const Side other = side == Side::asserter ? Side::challenger : Side::asserter;
        const auto left = static_cast<std::uint8_t>(game[0] - 1);
        GameStatus status{{left}, other, std::nullopt, false};
        if (move.size() != 1) return tl::unexpected(MoveRefusal::malformed);
        const char what = static_cast<char>(move[0]);
        if (what >= '1' && what <= '9') return tl::unexpected(static_cast<MoveRefusal>(what - '0'));
        if (what == 'w') status.winner = side;
        if (what == 'l') status.winner = other;
        if (what == 't') status.traced = true;
        if (what != 'w' && what != 'l' && what != 't' && what != 'n')
            return tl::unexpected(MoveRefusal::malformed);
        if (left == 0 && !status.winner) status.winner = side;
        return status;
    }
};

inline const Countdown kCountdown;

inline sim::WorldOptions duel_options(std::uint64_t seed) {
    sim::WorldOptions options;
    options.seed = seed;
    options.referee = &kCountdown;
    return options;
}

/// A market with its parties, a step at a time.
struct Duel : sim::Market {
    using sim::Market::Market;

    void step() {
        for (sim::Worker& worker : workers) worker.act();
        for (sim::Validator& validator : validators) validator.act();
        world.block();
    }
    bool until(const std::function<bool()>& reached, int blocks = 3'000) {
        for (int i = 0; i < blocks && !reached(); ++i) step();
        return reached();
    }
    Refusal answer(const sim::Person& person, const Message& message) {
        world.send(person, message);
        world.block();
        return world.last_refusal();
    }
    Refusal move(const sim::Person& person, const base::DisputeId& id, char what) {
        return answer(person, DisputeMove{id, {static_cast<std::uint8_t>(what)}});
    }
    /// Nobody but the clock moves.
    void wait(std::uint64_t ms) {
        const std::uint64_t until_ms = world.time().value + ms;
        while (world.time().value < until_ms) world.block();
    }
    [[nodiscard]] std::vector<Dispute> disputes(bool open = true) const {
        return disputes_of_job(world.state(), job, open, std::nullopt, 1'000);
    }
    [[nodiscard]] Dispute dispute(const base::DisputeId& id) const {
        return find_dispute(world.state(), id).value();
    }
    [[nodiscard]] base::Amount stake(const sim::Person& person, Role role) const {
        return world.stake_of(person, role);
    }
    [[nodiscard]] base::Amount balance(const base::AccountId& id) const {
        return balance_of(world.state(), id);
    }
    [[nodiscard]] base::Amount burned() const {
        return balance(system_account(SystemAccount::burned));
    }
    [[nodiscard]] std::optional<Part> first_part(PartState state) const {
        for (const Part& part :
             parts_of_job(world.state(), job, std::nullopt, std::nullopt, 1'000)) {
            if (part.state == state) return part;
        }
        return std::nullopt;
    }
    [[nodiscard]] const sim::Person& person(const base::AccountId& id) const {
        return world.person(id);
    }
    /// Who took no part in the work and may challenge: has stake as worker, but no lease.
    [[nodiscard]] const sim::Person& bystander() const {
        for (const sim::Person& worker : world.workers) {
            if (leases_of_worker(world.state(), worker.id, std::nullopt, 1).empty()) return worker;
        }
        ADD_FAILURE() << "everybody works";
        return world.workers.back();
    }

    ChallengeTarget segment_target(const Part& part) const {
        return {DisputeTarget::segment, part.id, 0, {}, 0};
    }
    Refusal seal(const sim::Person& person, const ChallengeTarget& target,
                 const base::Hash& claimed) {
        return answer(person,
                      ChallengeSealPost{challenge_digest(person.id, target, claimed, nonce())});
    }
    Refusal open(const sim::Person& person, const ChallengeTarget& target,
                 const base::Hash& claimed, Role role = Role::validator) {
        return answer(person, ChallengeOpen{target, claimed, nonce(), role});
    }
    Refusal challenge(const sim::Person& person, const ChallengeTarget& target,
                      const base::Hash& claimed, Role role = Role::validator) {
        const Refusal sealed = seal(person, target, claimed);
        return sealed == Refusal::none ? open(person, target, claimed, role) : sealed;
    }
    static base::Hash root(std::uint64_t n) { return sim::numbered(9, "claimed", n); }
    static base::Hash nonce() { return sim::numbered(9, "nonce"); }
};

}  // namespace assay::market
