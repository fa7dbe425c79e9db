// Whatever is played, by whoever, in whatever order and with whatever pauses: nothing is made or
// lost, nothing aborts, everything ends.

#include <rapidcheck.h>

#include "duel.h"

namespace assay::market {
namespace {

/// Reads choices until they run out, then only zeros: shrinking a failure shortens the story.
class Choices {
  public:
    explicit Choices(const std::vector<std::uint32_t>& words) : words_(words) {}
    std::uint32_t below(std::size_t n) {
        return (next_ < words_.size() ? words_[next_++] : 0) % static_cast<std::uint32_t>(n);
    }
    [[nodiscard]] bool over() const { return next_ >= words_.size(); }

  private:
    const std::vector<std::uint32_t>& words_;
    std::size_t next_ = 0;
};

const sim::Person& somebody(Choices& choose, const Duel& duel) {
    const std::uint32_t n = choose.below(duel.world.workers.size() + duel.world.validators.size());
    return n < duel.world.workers.size() ? duel.world.workers[n]
                                         : duel.world.validators[n - duel.world.workers.size()];
}

void challenge_something(Choices& choose, Duel& duel) {
    const auto parts = parts_of_job(duel.world.state(), duel.job, std::nullopt, std::nullopt, 64);
    if (parts.empty()) return;
    ChallengeTarget target = duel.segment_target(parts[choose.below(parts.size())]);
    if (choose.below(3) == 0) {
        const std::uint32_t round = choose.below(3);
        const auto merge = find_merge(duel.world.state(), duel.job, round);
        if (merge) target = {DisputeTarget::merge, merge->commitment, 0, duel.job, round};
    }
    const Role role = choose.below(2) == 0 ? Role::worker : Role::validator;
    duel.challenge(somebody(choose, duel), target, Duel::root(choose.below(3)), role);
}

void play_something(Choices& choose, Duel& duel) {
    const auto open = duel.disputes();
    if (open.empty()) return;
    const Dispute dispute = open[choose.below(open.size())];
    const bool right = choose.below(4) != 0;
    const sim::Person& mover = duel.person(
        right == (dispute.turn == Side::asserter) ? dispute.asserter : dispute.challenger);
    switch (choose.below(12)) {
        case 0:
            duel.answer(mover, DisputeConcede{dispute.id});
            break;
        case 2:
            duel.answer(mover, Confess{dispute.part});
            break;
        default:
            duel.move(mover, dispute.id, "nnnttwl?3"[choose.below(9)]);
            break;
    }
}

void ask_something(Choices& choose, Duel& duel) {
    const auto parts = parts_of_job(duel.world.state(), duel.job, std::nullopt, std::nullopt, 64);
    StoredTarget target{choose.below(2) == 0 ? StoredKind::data : StoredKind::init, duel.job.hash,
                        0};
    if (!parts.empty() && choose.below(4) != 0) {
        const StoredKind kinds[] = {StoredKind::checkpoint, StoredKind::payload, StoredKind::start,
                                    StoredKind::merge};
        target = {kinds[choose.below(4)], parts[choose.below(parts.size())].id.hash,
                  choose.below(3)};
        if (target.kind == StoredKind::merge) target.subject = duel.job.hash;
    }
    const sim::Person& asker = somebody(choose, duel);
    if (choose.below(2) == 0)
        duel.answer(asker, StateAsk{target});
    else
        duel.answer(asker, ChunkAsk{target, choose.below(3)});
}

void tell_story(std::uint64_t seed, const std::vector<std::uint32_t>& words) {
    Choices choose(words);
    sim::WorldOptions options = duel_options(seed);
    options.validators = 4;
    options.segment_steps = 10;
    options.part_segments = 1 + choose.below(2);
    options.rate_ppm = choose.below(2) == 0 ? 900'000 : 300'000;
    options.audit_lag = choose.below(2);
    options.tune = [control = choose.below(2)](Parameters& parameters) {
        parameters.control_ppm = control == 0 ? 62'500 : 500'000;
    };
    // The submitter's blobs are there, what workers store may not be.
    options.workers = 4;
    Duel duel(options, {static_cast<sim::WorkerKind>(choose.below(6))},
              {static_cast<sim::ValidatorKind>(choose.below(7))});
    while (!choose.over() && !is_terminal(duel.record().state)) {
        switch (choose.below(9)) {
            case 0:
            case 1:
                challenge_something(choose, duel);
                break;
            case 2:
            case 3:
                play_something(choose, duel);
                break;
            case 4:
                if (choose.below(12) == 0) duel.wait(30'000 + 1'000 * choose.below(100));
                break;
            case 5:
                if (choose.below(20) == 0) duel.answer(duel.world.submitter, JobPause{duel.job});
                duel.answer(duel.world.submitter, JobResume{duel.job});
                break;
            case 6:
                if (choose.below(60) == 0) duel.answer(duel.world.submitter, JobCancel{duel.job});
                break;
            case 7:
                ask_something(choose, duel);
                break;
            default:
                duel.step();
                break;
        }
        duel.step();
    }
    // Left alone, every game ends by the clock, and the job with it: it is finished, or it fails
    // for want of members, or when nobody has paid for its audits for a day (open_ms_max).
    if (duel.record().state == JobState::paused)
        duel.answer(duel.world.submitter, JobResume{duel.job});
    RC_ASSERT(run(duel.world, duel.workers, duel.validators, duel.job, 120'000));
    RC_ASSERT(duel.disputes().empty());
    duel.wait(demo_parameters().unbonding_ms + 10'000);
    duel.expect_money_settled();
    duel.expect_history_adds_up();
    RC_ASSERT(!::testing::Test::HasFailure());
}

TEST(AnyGames, ConserveSupplyAndEnd) {
    const bool held = rc::check("games end and money is where it belongs", [] {
        const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1'000);
        tell_story(seed, *rc::gen::container<std::vector<std::uint32_t>>(
                             300, rc::gen::arbitrary<std::uint32_t>()));
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace assay::market
