#include <gtest/gtest.h>

#include "market_fixture.h"

/// Several jobs at once, parties of every kind, a node that leaves messages out, cancels, pauses
/// and outages: the books are right after every block, everything ends, and who is honest loses
/// nothing. One seed decides each story.
namespace assay::sim {
namespace {

class Dice {
  public:
    explicit Dice(std::uint64_t seed) : seed_(seed) {}
    std::uint64_t below(std::uint64_t n) {
        return base::scale_u64(base::first_u64(numbered(seed_, "dice", next_++)), n);
    }

  private:
    std::uint64_t seed_, next_ = 0;
};

struct Story {
    explicit Story(std::uint64_t given) : seed(given), dice(given), world(options()) {
        const std::uint64_t bad_validators = dice.below(4);
        for (std::size_t i = 0; i < world.workers.size(); ++i) {
            worker_kinds.push_back(i < 3 ? static_cast<WorkerKind>(dice.below(6))
                                         : WorkerKind::honest);
            workers.emplace_back(world, i, worker_kinds.back());
        }
        for (std::size_t i = 0; i < world.validators.size(); ++i) {
            validator_kinds.push_back(i < bad_validators ? static_cast<ValidatorKind>(dice.below(7))
                                                         : ValidatorKind::honest);
            validators.emplace_back(world, i, validator_kinds.back());
        }
        for (std::size_t i = 0; i < workers.size(); ++i) workers[i].offer(1'000 + i, 3);
        world.block();
    }

    WorldOptions options() {
        WorldOptions out = options_with(seed);
        out.workers = 8;
        out.validators = 7;
        out.round_steps = 40;
        const std::uint64_t backlog = dice.below(3), draws = dice.below(2), control = dice.below(2);
        out.tune = [=](market::Parameters& p) {
            p.open_ms_max = 3'000'000;
            p.backlog_ms_max = backlog == 0 ? 20'000 : 600'000;
            p.draws_per_block_max = draws == 0 ? 5 : 2'000;
            p.control_ppm = control == 0 ? 62'500 : 400'000;
            p.retention_ms = 300'000;
            p.settle_ms_max = 600'000;
        };
        return out;
    }

    void post() {
        WorldOptions shape = world.options;
        shape.lanes = 1 + static_cast<std::uint32_t>(dice.below(3));
        shape.rounds = 1 + static_cast<std::uint32_t>(dice.below(4));
        shape.part_segments = 1 + static_cast<std::uint32_t>(dice.below(2));
        shape.rate_ppm = 100'000 + static_cast<std::uint32_t>(dice.below(850'000));
        shape.audit_lag = static_cast<std::uint32_t>(dice.below(3));
        jobs.push_back(world.send_job(shape));
    }

    void disturb() {
        const base::JobId job = jobs[dice.below(jobs.size())];
        switch (dice.below(400)) {
            case 0:
                world.send(world.submitter, market::JobCancel{job});
                break;
            case 1:
                world.send(world.submitter, market::JobPause{job});
                break;
            case 2:
            case 3:
            case 4:
                world.send(world.submitter, market::JobResume{job});
                break;
            case 5:
                world.outage(3'600'000);
                break;
            case 6:
                world.send(world.submitter, market::JobFund{job, base::Amount::of(1'000'000)});
                break;
            default:
                break;
        }
    }

    /// A node that leaves out a part of what is sent in some blocks.
    void censor() {
        if (dice.below(4) != 0) return;
        for (const auto& [person, message] : world.take_queue()) {
            if (dice.below(3) != 0) world.send(*person, message);
        }
    }

    [[nodiscard]] bool over() const {
        return std::all_of(jobs.begin(), jobs.end(), [&](const base::JobId& id) {
            const auto job = market::find_job(world.state(), id);
            return !job || market::is_terminal(job->state);
        });
    }

    [[nodiscard]] std::string describe(const market::Job& job) const {
        std::string text =
            std::string(market::to_word(job.state)) + " round " + std::to_string(job.round) +
            " of " + std::to_string(job.shape.rounds) + " final " +
            std::to_string(job.final_rounds) + " claims " + std::to_string(job.open_claims) +
            " disputes " + std::to_string(job.open_disputes) + " questions " +
            std::to_string(job.open_questions) + " init " +
            std::to_string(job.init_passed ? 1 : 0) + " live " +
            std::to_string(world.live().value) + " deadline " + std::to_string(job.deadline.value);
        for (const market::Lane& lane : market::lanes_of(world.state(), job.id))
            text += " lane " + std::string(market::to_word(lane.wait)) +
                    (lane.lease.is_zero() ? " vacant " : " leased ") +
                    std::to_string(lane.committed_parts);
        for (const market::Part& part :
             market::parts_of_job(world.state(), job.id, std::nullopt, std::nullopt, 100))
            text += " part " + std::string(market::to_word(part.state)) + " draws " +
                    std::to_string(part.draws) + " claims " + std::to_string(part.open_claims);
        if (const auto round = market::find_round(world.state(), job.id, job.final_rounds))
            text += " round " + std::string(market::to_word(round->state)) + " merge audited " +
                    std::to_string(round->merge_audited ? 1 : 0);
        for (const market::Audit& audit :
             market::audits_of_job(world.state(), job.id, std::nullopt, 1'000)) {
            if (audit.state == market::AuditState::settled ||
                audit.state == market::AuditState::missed)
                continue;
            text += "\n" + std::string(market::to_word(audit.kind)) + " " +
                    std::string(market::to_word(audit.claim)) + " " +
                    std::string(market::to_word(audit.state)) + " due " +
                    std::to_string(audit.deadline.value) + " controls " +
                    std::to_string(audit.controls_open);
        }
        return text;
    }

    void tell() {
        for (int i = 0; i < 3; ++i) post();
        for (std::uint64_t block = 0; block < 40'000 && (block == 0 || !over()); ++block) {
            const Snapshot seen = snapshot(world);
            for (Worker& worker : workers) worker.act(seen);
            for (Validator& validator : validators) validator.act(seen);
            if (block < 1'500) disturb();
            censor();
            world.block();
            if (testing::Test::HasFatalFailure() || testing::Test::HasFailure()) return;
        }
        for (const base::JobId& id : jobs) {
            const auto job = market::find_job(world.state(), id);
            if (job && !market::is_terminal(job->state))
                ADD_FAILURE() << "a job does not end: " << describe(*job);
        }
        for (std::size_t i = 0; i < workers.size(); ++i) {
            if (worker_kinds[i] == WorkerKind::honest) {
                EXPECT_EQ(world.stake_of(world.workers[i], market::Role::worker), kStake) << i;
            }
        }
        for (std::size_t i = 0; i < validators.size(); ++i) {
            if (validator_kinds[i] == ValidatorKind::honest) {
                EXPECT_EQ(world.stake_of(world.validators[i], market::Role::validator), kStake)
                    << i;
            }
        }
    }

    std::uint64_t seed;
    Dice dice;
    World world;
    std::vector<Worker> workers;
    std::vector<Validator> validators;
    std::vector<WorkerKind> worker_kinds;
    std::vector<ValidatorKind> validator_kinds;
    std::vector<base::JobId> jobs;
};

TEST(Mixture, EverythingEndsAndTheHonestLoseNothing) {
    std::vector<std::uint64_t> seeds = {2'093};  // pauses a job whose lanes wait
    for (std::uint64_t seed = 1'000; seed < 1'015; ++seed) seeds.push_back(seed);
    for (const std::uint64_t seed : seeds) {
        SCOPED_TRACE(seed);
        Story(seed).tell();
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace assay::sim
