#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

#include "base/encoding.h"
#include "market/commitment.h"
#include "parties.h"
#include "random_sides.h"

/// Games as they happen on a node: real transactions in the real rules, judged by the real referee,
/// about segments and merges of real jobs. The honest side is the prover's player; the other one
/// stalls, concedes, sends what the rules refuse, and plays whatever comes to its mind. The honest
/// side wins, and loses neither stake nor bond. ASSAY_DISPUTE_GAMES says how many games are played.
namespace assay::dispute {
namespace {

using market::DisputeTarget;
using market::GameStage;
using market::Refusal;
using market::Role;
using testing::Dice;
using testing::Quarrel;
using testing::Rogue;

constexpr int kGamesDefault = 3000;
constexpr std::uint32_t kLane = 1;
constexpr std::size_t kMany = 1000;
constexpr PlayerOptions kUnchecked{false};
const LedgerReferee kReferee;

/// How a game begins: by an auditor's verdict, by a challenge, or by one that an accomplice of the
/// other side had opened before with the same root.
enum class Route : std::uint8_t { audit, challenge, pool };

market::JobSpec one_round(market::JobSpec spec, std::uint32_t steps) {
    spec.lanes = 2;
    spec.rounds = spec.min_lanes = 1;
    spec.round_steps = spec.segment_steps = steps;
    spec.price_ceiling = base::Amount::of(20'000'000);
    return spec;
}

/// A quarrel about lane 1 of the only round of a job, or about its merge.
struct Field {
    Field(const market::JobSpec& tiny, GameStage stage, std::uint32_t steps, std::size_t lies)
        : spec(testing::with_data(one_round(tiny, steps))),
          quarrel(spec, stage, steps, stage == GameStage::segment, lies, false) {}
    market::JobSpec spec;
    Quarrel quarrel;
};

/// What the parties of a job say.
struct Claims {
    bool merge = false, audited = false;
    base::Hash state_root, payload_root;      ///< of the lane, when a segment is disputed
    std::vector<base::Hash> payload_roots;    ///< of all lanes, when a merge is
    base::Hash merge_root;
    base::Hash accusation;                    ///< what the auditor finds
};

class Trains final : public sim::WorkerConduct {
  public:
    explicit Trains(const Claims& claims) : claims_(claims) {}
    sim::SegmentWork train(const sim::World&, const sim::SegmentPlace& place,
                           const base::Hash& other) override {
        sim::SegmentWork work;
        work.end = other;
        if (claims_.merge) {
            work.payload = claims_.payload_roots.at(place.lane);
        } else if (place.lane == kLane) {
            work.end = claims_.state_root;
            work.payload = claims_.payload_root;
        }
        return work;
    }
    base::Hash merge(const sim::World&, const market::Job&, const base::Hash& other) override {
        return claims_.merge ? claims_.merge_root : other;
    }
    sim::Play plays(const sim::World&, const market::Dispute&) override { return sim::Play::wait; }

  private:
    const Claims& claims_;
};

class Audits final : public sim::ValidatorConduct {
  public:
    explicit Audits(const Claims& claims) : claims_(claims) {}
    sim::Opinion judge(const sim::World& world, const market::Audit& audit,
                       const std::function<market::Verdict()>&) override {
        const bool merge = audit.kind == market::AuditKind::merge;
        const bool here = merge == claims_.merge && (merge || audit.lane == kLane);
        if (here && claims_.audited)
            return {{market::VerdictKind::invalid, claims_.accusation, {}}, 0, {}};
        if (merge) return {{market::VerdictKind::valid, {}, {}}, 0, {}};
        const auto part = *market::find_part(world.state(), audit.part);
        const auto job = *market::find_job(world.state(), audit.job);
        const auto steps = market::opened_steps(audit.y, audit.id, job.shape.segment_steps);
        std::vector<base::Hash> digests;
        for (const std::uint32_t step : steps)
            digests.push_back(sim::trained_digest(part.delivered.at(0).leaf.start_root, step));
        const base::Hash digest = market::opened_steps_digest(steps, digests);
        return {{market::VerdictKind::valid, {}, digest}, 0, {}};
    }
    sim::Play plays(const sim::World&, const market::Dispute&) override { return sim::Play::wait; }

  private:
    const Claims& claims_;
};

/// A market at the moment at which the honest side sits down to a game.
struct Opened {
    explicit Opened(const sim::WorldOptions& options) : world(options) {}
    sim::World world;
    sim::World::Moment moment;                ///< from which each game begins
    base::DisputeId id;
    market::GameSubject subject;
    Side honest = Side::asserter;
    std::size_t lie = 0;
    base::AccountId account;                  ///< the honest side's
    Role role = Role::worker;
    base::Amount stake;                       ///< of the honest side before there was a dispute
};

struct Plan {
    Field* field = nullptr;
    Route route = Route::audit;
    Side honest = Side::asserter;
    std::size_t lie = 0;
};

sim::WorldOptions options_of(const Plan& plan) {
    sim::WorldOptions options;
    options.by_referee = true;
    options.referee = &kReferee;
    options.blob_bytes = 1000;
    options.keep_events = false;
    const std::uint32_t rate = plan.route == Route::audit ? 1'000'000 : 0;
    options.tune = [rate](market::Parameters& p) { p.rate_new_ppm = rate; };
    return options;
}

Claims claims_of(const Plan& plan) {
    Quarrel& quarrel = plan.field->quarrel;
    testing::Lie& lie = quarrel.lies.at(plan.lie);
    const bool honest = plan.honest == Side::asserter;
    Claims claims;
    claims.merge = quarrel.arena.subject.stage == GameStage::merge;
    claims.audited = plan.route == Route::audit;
    claims.payload_roots = quarrel.arena.subject.payload_roots;
    claims.merge_root = (honest ? quarrel.truth : lie.subject).asserted;
    claims.accusation = (honest ? lie.subject : quarrel.truth).asserted;
    if (claims.merge) return claims;
    History& history = honest ? *quarrel.arena.truth : *lie.history;
    claims.state_root = *history.root_after(quarrel.arena.subject.steps);
    claims.payload_root = *history.payload_root();
    return claims;
}

base::Amount stake_of(const sim::World& world, const base::AccountId& account, Role role) {
    return market::find_stake(world.state(), account, role)->active;
}

void expect_no_refusals(const sim::World& world) {
    for (const Refusal refusal : world.last_refusals())
        EXPECT_EQ(refusal, Refusal::none) << market::to_word(refusal);
}

std::vector<market::Dispute> open_disputes(const sim::World& world, const base::JobId& job) {
    return market::disputes_of_job(world.state(), job, true, std::nullopt, kMany);
}

/// Lets the parties work until a dispute is open, or everything is merged and can be challenged.
bool work(sim::World& world, const Claims& claims, const base::JobId& job) {
    constexpr int kBlocksMax = 500;
    std::vector<sim::Worker> workers;
    std::vector<sim::Validator> validators;
    for (std::size_t i = 0; i < 2; ++i) {
        workers.emplace_back(world, i, std::make_unique<Trains>(claims));
        workers.back().offer(1000 + i);
    }
    for (std::size_t i = 0; i < world.validators.size(); ++i)
        validators.emplace_back(world, i, std::make_unique<Audits>(claims));
    for (int i = 0; i < kBlocksMax; ++i) {
        const sim::Snapshot seen = sim::snapshot(world);
        for (sim::Worker& worker : workers) worker.act(seen);
        for (sim::Validator& validator : validators) validator.act(seen);
        const bool quiet = world.quiet();
        world.block();
        expect_no_refusals(world);
        const auto round = market::find_round(world.state(), job, 0);
        if (quiet && !open_disputes(world, job).empty()) return true;
        if (!claims.audited && round && round->window_ends.value != 0) return true;
    }
    return false;
}

market::ChallengeTarget target_of(const sim::World& world, const Claims& claims,
                                  const base::JobId& job) {
    market::ChallengeTarget target;
    if (claims.merge) {
        target.kind = DisputeTarget::merge;
        target.part = market::find_merge(world.state(), job, 0)->commitment;
        target.job = job;
    } else {
        target.part = market::parts_of_lane(world.state(), job, 0, kLane).front().id;
    }
    return target;
}

struct Challenge {
    const sim::Person* person;
    Role role;
};

/// All of them seal, then open in their order.
void challenge(sim::World& world, const Claims& claims, const base::JobId& job,
               const std::vector<Challenge>& challenges) {
    std::vector<market::ChallengeOpen> opens;
    for (const Challenge& one : challenges) {
        market::ChallengeOpen open;
        open.target = target_of(world, claims, job);
        open.claimed = claims.accusation;
        open.nonce = one.person->id.hash;
        open.role = one.role;
        opens.push_back(open);
        world.send(*one.person,
                   market::ChallengeSealPost{market::challenge_digest(
                       one.person->id, open.target, open.claimed, open.nonce)});
    }
    world.block();
    expect_no_refusals(world);
    for (std::size_t i = 0; i < opens.size(); ++i) world.send(*challenges[i].person, opens[i]);
    world.block();
    expect_no_refusals(world);
}

std::unique_ptr<Opened> open(const Plan& plan) {
    auto opened = std::make_unique<Opened>(options_of(plan));
    sim::World& world = opened->world;
    Field& field = *plan.field;
    base::Encoder words;
    for (const std::uint32_t word : field.quarrel.arena.fixture.words) words.u32(word);
    const market::GameSubject& about = field.quarrel.arena.subject;
    const base::JobId job = world.send_job(
        field.spec, about.program_root, about.round_start_root,
        world.receipt(base::Bytes(words.view().begin(), words.view().end())), world.submitter);
    const Claims claims = claims_of(plan);
    if (!work(world, claims, job)) return nullptr;

    opened->honest = plan.honest;
    opened->lie = plan.lie;
    // Without stake of an offer, so that it has nothing to do but to challenge.
    const sim::Person& outsider = world.workers.back();
    if (plan.honest == Side::challenger && plan.route != Route::audit)
        opened->stake = stake_of(world, outsider.id, Role::worker);
    if (plan.route == Route::challenge) challenge(world, claims, job, {{&outsider, Role::worker}});
    if (plan.route == Route::pool)
        challenge(world, claims, job,
                  {{&world.validators[0], Role::validator}, {&outsider, Role::worker}});
    const auto disputes = open_disputes(world, job);
    if (disputes.size() != 1) return nullptr;
    opened->id = disputes[0].id;
    if (plan.route == Route::pool) {
        world.send(world.validators[0], market::DisputeConcede{opened->id});
        world.block();
        expect_no_refusals(world);
    }
    const auto dispute = market::find_dispute(world.state(), opened->id);
    const bool asserts = plan.honest == Side::asserter;
    opened->account = asserts ? dispute->asserter : dispute->challenger;
    opened->role = asserts || plan.route != Route::audit ? Role::worker : Role::validator;
    if (opened->stake.is_zero())
        opened->stake = stake_of(world, opened->account, opened->role);
    opened->subject = *market::game_subject(world.state(), *dispute);
    opened->moment = world.moment();
    return opened;
}

/// What the rules may say to who does not play by them.
bool may_be_said(Refusal refusal) {
    static const std::set<Refusal> all = {
        Refusal::none,           Refusal::malformed,         Refusal::oversize,
        Refusal::dispute_over,   Refusal::dispute_unknown,   Refusal::dispute_not_yours,
        Refusal::not_your_turn,  Refusal::malformed_move,    Refusal::wrong_move,
        Refusal::wrong_count,    Refusal::wrong_hash,        Refusal::wrong_place,
        Refusal::wrong_record,   Refusal::wrong_openings};
    return all.contains(refusal);
}

struct Counts {
    std::map<std::string, int> outcomes, refusals;
    int moves = 0, stalled = 0;
    int openings = 0;                         ///< games that ended with a tile computed again
};

/// One game, from the moment at which a market was kept.
class RulesGame {
  public:
    RulesGame(const Plan& plan, Opened& opened, Dice& dice, Counts& counts)
        : world_(opened.world),
          opened_(opened),
          counts_(counts),
          dice_(dice),
          player_(opened.subject, opened.honest, *plan.field->quarrel.arena.truth, kUnchecked),
          rogue_(plan.field->quarrel, terms_of(opened.subject), other(opened.honest), opened.lie,
                 dice),
          temper_(dice.below(6)) {
        world_.go_back(opened.moment);
        const auto dispute = *market::find_dispute(world_.state(), opened.id);
        honest_ = &world_.person(opened.account);
        rogue_account_ = &world_.person(opened.honest == Side::asserter ? dispute.challenger
                                                                        : dispute.asserter);
    }

    /// Empty when the honest side won, and lost nothing.
    std::string play() {
        constexpr int kTurnsMax = 3000;
        for (int turn = 0; turn < kTurnsMax; ++turn) {
            const auto dispute = market::find_dispute(world_.state(), opened_.id);
            if (!dispute) return "the dispute is gone";
            if (dispute->state != market::DisputeState::open) return judge(*dispute);
            const std::string failure = dispute->turn == opened_.honest ? we() : they(*dispute);
            if (!failure.empty()) return failure;
            if (::testing::Test::HasFailure()) return "a block has failed";
        }
        return "the game does not end";
    }

  private:
    static Side other(Side side) {
        return side == Side::asserter ? Side::challenger : Side::asserter;
    }

    std::string we() {
        const auto decision = player_.next(*market::find_game(world_.state(), opened_.id));
        if (!decision) return "the honest side has no move: " + decision.error().detail;
        if (decision->ground != Ground::plays) return "the honest side resigns";
        if (dice_.one_in(8)) interfere();
        world_.send(*honest_, market::DisputeMove{opened_.id, encode_move(decision->move)});
        const std::string failure = block();
        const Refusal said = world_.last_refusals().back();
        moved(decision->move, said);
        if (failure.empty() && said != Refusal::none)
            return "an honest move is refused: " + std::string(market::to_word(said));
        return failure;
    }

    /// Temper 0 stalls some day, 1 makes each move at the last moment, 2 concedes some day.
    std::string they(const market::Dispute& dispute) {
        if (temper_ == 0 && dice_.one_in(6)) stalls_ = true;
        const bool late = dispute.deadline.value > world_.live().value + kLastMomentMs;
        if (stalls_ || (temper_ == 1 && late)) {
            ++counts_.stalled;
            return block();
        }
        if (temper_ == 2 && dice_.one_in(8)) {
            world_.send(*rogue_account_, market::DisputeConcede{opened_.id});
            return block();
        }
        if (dice_.one_in(12)) {
            interfere();
            return block();
        }
        const auto game = market::find_game(world_.state(), opened_.id);
        const bool tame = refused_ >= kRefusedMax;
        const auto move = rogue_.move(*game, tame);
        // Not even the side with the error knows how to go on.
        if (!move && tame) stalls_ = true;
        if (!move) {
            ++refused_;
            return {};
        }
        world_.send(*rogue_account_, market::DisputeMove{opened_.id, *move});
        const std::string failure = block();
        const Refusal said = world_.last_refusals().back();
        if (const auto known = decode_move(*move)) moved(*known, said);
        if (said == Refusal::none) {
            refused_ = 0;
        } else if (++refused_ > 2 * kRefusedMax) {
            stalls_ = true;
        }
        return failure;
    }

    void moved(const Move& move, Refusal said) {
        if (said != Refusal::none) return;
        ++counts_.moves;
        opened_last_ = std::holds_alternative<PostOpenings>(move);
    }

    /// What nobody may do, or what has no sense.
    void interfere() {
        const auto game = *market::find_game(world_.state(), opened_.id);
        switch (dice_.below(5)) {
            case 0:  // a stranger moves, or gives up for somebody
                world_.send(world_.submitter, market::DisputeConcede{opened_.id});
                return;
            case 1:
                world_.send(*rogue_account_,
                            market::DisputeMove{base::DisputeId{dice_.noise()}, {1}});
                return;
            case 2:
                world_.send(*rogue_account_,
                            market::DisputeMove{
                                opened_.id, base::Bytes(market::kMoveBytesMax + dice_.below(3))});
                return;
            case 3:  // the right move from the wrong person
                if (const auto decision = player_.next(game))
                    world_.send(world_.submitter,
                                market::DisputeMove{opened_.id, encode_move(decision->move)});
                return;
            default:
                world_.send(*rogue_account_,
                            market::DisputeMove{opened_.id, base::Bytes(dice_.below(40), 3)});
        }
    }

    /// Whatever the rules say is on the list; World compares the supply in every block.
    std::string block() {
        world_.block();
        for (const Refusal refusal : world_.last_refusals()) {
            if (!may_be_said(refusal)) return "refused: " + std::string(market::to_word(refusal));
            if (refusal != Refusal::none) ++counts_.refusals[std::string(market::to_word(refusal))];
        }
        for (const market::Event& event : world_.last_events()) {
            if (event.kind != "slashed" && event.kind != "jailed") continue;
            for (const auto& [name, value] : event.attributes) {
                if (value == honest_->id.hex()) return "the honest side is " + event.kind;
            }
        }
        return {};
    }

    std::string judge(const market::Dispute& dispute) {
        const std::string outcome(market::to_word(dispute.state));
        ++counts_.outcomes[outcome];
        counts_.openings += opened_last_ ? 1 : 0;
        const bool won = opened_.honest == Side::asserter
                             ? dispute.state == market::DisputeState::rejected
                             : dispute.state == market::DisputeState::upheld ||
                                   dispute.state == market::DisputeState::conceded;
        if (!won) return "the honest side ended with " + outcome;
        // Both the bond that was taken out of it and what is locked in it.
        const auto stake = market::find_stake(world_.state(), opened_.account, opened_.role);
        if (stake->active < opened_.stake) return "the honest side has lost stake";
        if (stake->tombstoned || stake->jailed_until.value != 0) return "the honest side is barred";
        if (opened_.honest == Side::challenger && !stake->locked.is_zero())
            return "a bond is still locked";
        world_.send(*rogue_account_, market::DisputeConcede{opened_.id});
        const std::string failure = block();
        if (!failure.empty() || world_.last_refusals().back() != Refusal::dispute_over)
            return "the game goes on " + failure;
        return {};
    }

    static constexpr std::uint64_t kLastMomentMs = 6'000;
    static constexpr int kRefusedMax = 4;
    sim::World& world_;
    const Opened& opened_;
    Counts& counts_;
    Dice& dice_;
    Player player_;
    Rogue rogue_;
    const std::uint64_t temper_;
    bool stalls_ = false, opened_last_ = false;
    int refused_ = 0;
    const sim::Person *honest_ = nullptr, *rogue_account_ = nullptr;
};

Plan random_plan(std::vector<std::unique_ptr<Field>>& fields, Dice& dice) {
    Plan plan;
    plan.field = fields[dice.below(fields.size())].get();
    plan.honest = dice.one_in(2) ? Side::asserter : Side::challenger;
    const std::uint64_t routes = plan.honest == Side::challenger ? 3 : 2;
    plan.route = static_cast<Route>(dice.below(routes));
    plan.lie = dice.below(plan.field->quarrel.lies.size());
    return plan;
}

TEST(RulesGames, TheHonestSideWinsAndLosesNothing) {
    const char* given = std::getenv("ASSAY_DISPUTE_GAMES");
    const int games = given != nullptr ? std::atoi(given) : kGamesDefault;
    ASSERT_GT(games, 0);
    std::vector<std::unique_ptr<Field>> fields;
    fields.push_back(std::make_unique<Field>(testing::tiny_mlp(), GameStage::segment, 3, 12));
    fields.push_back(std::make_unique<Field>(testing::tiny_gpt(), GameStage::segment, 2, 8));
    fields.push_back(std::make_unique<Field>(testing::tiny_mlp(), GameStage::merge, 1, 8));
    std::map<std::tuple<Field*, Route, Side, std::size_t>, std::unique_ptr<Opened>> markets;
    Counts counts;
    for (int seed = 0; seed < games; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Dice dice(static_cast<std::uint64_t>(seed) + 1);
        const Plan plan = random_plan(fields, dice);
        auto& opened = markets[{plan.field, plan.route, plan.honest, plan.lie}];
        if (!opened) opened = open(plan);
        ASSERT_TRUE(opened) << "no dispute";
        market::GameSubject asserted = plan.honest == Side::asserter
                                           ? plan.field->quarrel.truth
                                           : plan.field->quarrel.lies[plan.lie].subject;
        ASSERT_EQ(opened->subject, asserted);
        ASSERT_EQ(RulesGame(plan, *opened, dice, counts).play(), "");
    }
    std::cout << games << " games of " << markets.size() << " markets, " << counts.moves
              << " moves, " << counts.stalled << " blocks without the move that was due; "
              << counts.openings << " ended with openings,";
    for (const auto& [word, count] : counts.outcomes) std::cout << " " << word << " " << count;
    std::cout << "; refused:";
    for (const auto& [word, count] : counts.refusals) std::cout << " " << word << " " << count;
    std::cout << "\n";
    EXPECT_GT(counts.outcomes["upheld"], games / 4);
    EXPECT_GT(counts.outcomes["rejected"], games / 4);
    EXPECT_GT(counts.openings, games / 10);
    EXPECT_GE(counts.refusals.size(), 8U);
}

}  // namespace
}  // namespace assay::dispute
