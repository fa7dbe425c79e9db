#include <algorithm>
#include <cstdlib>
#include <random>

#include "market/rules.h"
#include "schemes.h"

/// Everybody does anything that the rules allow, at any time: books stay right, money is conserved,
/// and every job ends. ASSAY_CHAOS_SEED chooses one seed.
namespace assay::attacks {
namespace {

using Random = std::mt19937_64;

class Anything final : public sim::WorkerConduct {
  public:
    explicit Anything(std::uint64_t seed) : random_(seed) {
        lies_ = chance(50);
        wrong_merges_ = chance(40);
        lazy_ = chance(30);
    }
    sim::SegmentWork train(const World& world, const sim::SegmentPlace& place,
                           const base::Hash& honest_end) override {
        if (!lies_ || !chance(30)) return {honest_end, sim::kWhole, {}};
        return {sim::numbered(world.options.seed, "chaos",
                              place.round * 1000 + place.segment + random_() % 7),
                0,
                {}};
    }
    bool accepts(const World&, const market::Job&, const market::Reservation&) override {
        return !chance(20);
    }
    bool commits(const World&, const market::Job&, const market::Lease&) override {
        return !lazy_ || chance(30);
    }
    Drawn drawn(const World&, const market::Part&) override {
        const auto n = random_() % 100;
        return n < 85   ? Drawn::deliver
               : n < 92 ? Drawn::wait
               : n < 97 ? Drawn::confess
                        : Drawn::retract;
    }
    bool closes(const World&, const market::Part&) override { return !chance(10); }
    base::Hash merge(const World& world, const market::Job& job,
                     const base::Hash& honest_root) override {
        return wrong_merges_ && chance(40)
                   ? sim::numbered(world.options.seed, "chaos merge", job.round)
                   : honest_root;
    }
    sim::Play plays(const World&, const market::Dispute&) override {
        const auto n = random_() % 100;
        return n < 60 ? sim::Play::move : n < 80 ? sim::Play::wait : sim::Play::concede;
    }
    bool answers(const World&, const market::Question&) override { return !chance(10); }

  private:
    bool chance(std::uint64_t percent) { return random_() % 100 < percent; }
    Random random_;
    bool lies_ = false, wrong_merges_ = false, lazy_ = false;
};

class AnyValidator final : public sim::ValidatorConduct {
  public:
    explicit AnyValidator(std::uint64_t seed) : random_(seed) {}
    bool contributes(const World&, const market::Epoch&) override { return !chance(4); }
    bool seals(const World&, const market::Audit&) override { return !chance(10); }
    bool reveals(const World&, const market::Audit&) override { return !chance(8); }
    bool opens_cells(const World&, const market::Audit&) override { return !chance(10); }
    sim::Opinion judge(const World& world, const market::Audit& audit,
                       const std::function<sim::Finding()>& recompute) override {
        const auto n = random_() % 100;
        if (n < 80) return sim::opinion_of(recompute());
        if (n < 90) return sim::guess(world, audit);
        sim::Opinion out;
        out.invalid = sim::numbered(world.options.seed, "chaos verdict", random_() % 3);
        return out;
    }
    sim::Play plays(const World&, const market::Dispute&) override {
        const auto n = random_() % 100;
        return n < 60 ? sim::Play::move : n < 80 ? sim::Play::wait : sim::Play::concede;
    }

  private:
    bool chance(std::uint64_t percent) { return random_() % 100 < percent; }
    Random random_;
};

struct Chaos {
    explicit Chaos(std::uint64_t seed) : random(seed * 7919 + 1) {}
    std::uint64_t below(std::uint64_t n) { return random() % n; }
    void act(Stage& stage, const base::JobId& id) {
        World& world = stage.world;
        const auto job = market::find_job(world.state(), id);
        if (!job || market::is_terminal(job->state)) return;
        const auto parts =
            market::parts_of_job(world.state(), id, std::nullopt, std::nullopt, 1'000);
        // Drawn in this order: one seed tells one story.
        const Person& anybody = world.workers[below(world.workers.size())];
        const std::uint64_t what = below(60);
        if (what <= 4) return submit(world, id, what);
        if (what <= 14 || what == 21) {
            if (parts.empty()) return;
            return about_part(world, id, what, anybody, parts[below(parts.size())]);
        }
        if (what <= 18 && !sealed.empty()) {
            const Seal seal = sealed[below(sealed.size())];
            world.send(*seal.who, market::ChallengeOpen{seal.target, seal.claimed, seal.nonce,
                                                        market::Role::worker});
        }
        if (what == 19 || what == 20) concede(world, id);
        if (what == 22) world.outage(below(40'000));
        if (what == 23 || what == 24) validate(world, what);
    }
    void submit(World& world, const base::JobId& id, std::uint64_t what) {
        if (what == 0) world.send(world.submitter, market::JobPause{id});
        if (what == 1 || what == 2) world.send(world.submitter, market::JobResume{id});
        if (what == 3 && below(12) == 0) world.send(world.submitter, market::JobCancel{id});
        if (what == 4)
            world.send(world.submitter, market::JobFund{id, Amount::of(1 + below(1'000'000))});
    }
    void about_part(World& world, const base::JobId& id, std::uint64_t what, const Person& anybody,
                    const market::Part& part) {
        const Person& worker = world.person(part.key.worker);
        if (what == 5) world.send(worker, market::Confess{part.id});
        if (what == 6 || what == 7) world.send(worker, market::PartRetract{part.id});
        if (what == 8) world.send(worker, market::LeaseLeave{part.lease});
        if (what >= 9 && what <= 11) ask(world, id, anybody, part);
        if (what >= 12 && what <= 14) challenge(world, id, anybody, part);
        if (what != 21) return;
        const auto lease = market::find_lease(world.state(), part.lease);
        if (lease && below(8) == 0)
            world.send(anybody, market::EquivocationReport{
                                    signed_tree(world, worker, *lease, part.key.round, 0),
                                    signed_tree(world, worker, *lease, part.key.round, 1)});
    }
    void ask(World& world, const base::JobId& id, const Person& anybody, const market::Part& part) {
        const auto kind = static_cast<market::StoredKind>(1 + below(6));
        const bool of_job = kind == market::StoredKind::merge || kind == market::StoredKind::init ||
                            kind == market::StoredKind::data;
        const market::StoredTarget target{kind, of_job ? id.hash : part.id.hash,
                                          kind == market::StoredKind::merge   ? part.key.round
                                          : kind == market::StoredKind::start ? 1U
                                                                              : 0U};
        if (below(2) == 0)
            world.send(anybody, market::ChunkAsk{target, below(3)});
        else
            world.send(anybody, market::StateAsk{target});
    }
    void challenge(World& world, const base::JobId& id, const Person& anybody,
                   const market::Part& part) {
        market::ChallengeTarget target;
        target.part = part.id;
        target.segment = static_cast<std::uint32_t>(below(part.segments));
        if (below(2) == 0) {
            const auto merge = market::find_merge(world.state(), id, part.key.round);
            if (merge && !merge->commitment.is_zero())
                target = {market::DisputeTarget::merge, merge->commitment, 0, id, part.key.round};
        }
        const base::Hash claimed =
            base::blake2b("chaos.claim", base::view_of(std::to_string(below(3))));
        const base::Hash nonce = base::blake2b("chaos.nonce", base::view_of("n"));
        sealed.push_back({&anybody, target, claimed, nonce});
        world.send(anybody, market::ChallengeSealPost{
                                market::challenge_digest(anybody.id, target, claimed, nonce)});
    }
    void concede(World& world, const base::JobId& id) {
        const auto games = market::disputes_of_job(world.state(), id, true, std::nullopt, 100);
        if (games.empty()) return;
        const market::Dispute& game = games[below(games.size())];
        world.send(world.person(below(2) == 0 ? game.asserter : game.challenger),
                   market::DisputeConcede{game.id});
    }
    void validate(World& world, std::uint64_t what) {
        const Person& validator = world.validators[below(world.validators.size())];
        if (what == 23)
            world.send(validator,
                       market::ValidatorDeclare{"f32", 1'000'000'000'000,
                                                Amount::of(below(3) == 0 ? 1'000'000'000 : 0),
                                                below(6) == 0});
        else
            world.send(validator,
                       market::StakeUnbond{market::Role::validator,
                                           Amount::of(1'000'000'000 * (1 + below(400)))});
    }
    struct Seal {
        const Person* who;
        market::ChallengeTarget target;
        base::Hash claimed, nonce;
    };
    std::vector<Seal> sealed;
    Random random;
};

TEST(Attack, AnythingAtAnyTimeEnds) {
    std::uint64_t first = 1, last = 6;
    if (const char* given = std::getenv("ASSAY_CHAOS_SEED"))
        first = last = std::strtoull(given, nullptr, 10);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random(seed);
        WorldOptions options = options_of(seed);
        options.workers = 7;
        options.validators = 3 + static_cast<std::uint32_t>(random() % 3);
        options.lanes = 1 + static_cast<std::uint32_t>(random() % 4);
        options.rounds = 1 + static_cast<std::uint32_t>(random() % 6);
        options.part_segments = 1 + static_cast<std::uint32_t>(random() % 2);
        options.round_steps =
            20 * (options.part_segments + static_cast<std::uint32_t>(random() % 4));
        options.audit_lag = options.rounds > 2 ? static_cast<std::uint32_t>(random() % 3) : 0;
        options.rate_ppm = random() % 2 == 0 ? 450'000 : 900'000;
        WorkerSeats workers;
        for (std::size_t i = 0; i < 5; ++i) workers[i] = std::make_unique<Anything>(seed * 100 + i);
        ValidatorSeats validators;
        for (std::size_t i = 0; i + 1 < options.validators; ++i)
            validators[i] = std::make_unique<AnyValidator>(seed * 100 + 50 + i);
        Stage stage(options, std::move(workers), std::move(validators));
        stage.offer({{0, 1000}, {1, 1001}, {2, 1002}, {3, 1003}, {4, 1004}, {5, 1005}, {6, 1006}},
                    3);
        const base::JobId job = stage.post();
        Chaos chaos(seed);
        bool ended = false;
        for (int block = 0; block < 12'000 && !ended; ++block) {
            // After a while only the parties go on.
            if (block < 2'500) chaos.act(stage, job);
            stage.step();
            if (HasFatalFailure()) return;
            ended = market::is_terminal(stage.job(job).state);
        }
        EXPECT_TRUE(ended) << market::to_word(stage.job(job).state);
    }
}

}  // namespace
}  // namespace assay::attacks
