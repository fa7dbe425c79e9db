#include <gtest/gtest.h>

#include "base/merkle.h"
#include "evidence/collect.h"
#include "market_fixture.h"

/// What the real rules leave behind is what a certificate needs: jobs with pretended training, a
/// real log, and the checks of a reader.
namespace assay::sim {
namespace {

using base::Hash;
using base::MerkleFamily;

/// A ledger's records in memory, of a world whose blocks it is told of.
class Ledger : public evidence::Records {
  public:
    WorldOptions::LogSize take(const market::BlockContext& context,
                               const std::vector<base::Bytes>& raws,
                               const std::vector<market::TransactionResult>& results,
                               const std::vector<market::Event>& events) {
        std::vector<ledger::BlockTransaction> block;
        for (std::size_t i = 0; i < raws.size(); ++i) {
            const ledger::Receipt receipt{
                results[i].id,   context.height, context.time,  static_cast<std::uint32_t>(i),
                results[i].code, results[i].fee, leaves_.size()};
            leaves_.push_back(
                base::merkle_leaf(MerkleFamily::sha256, ledger::encode_receipt(receipt)));
            receipts_[results[i].id] = receipt;
            block.push_back({raws[i], results[i].code, results[i].fee});
        }
        blocks_[context.height] = std::move(block);
        for (const market::Event& event : events) {
            const bool same = !events_.empty() && events_.back().cursor.height == context.height;
            events_.push_back({{context.height, same ? events_.back().cursor.index + 1 : 0},
                               context.time,
                               event});
        }
        height_ = context.height;
        time_ = context.time;
        return {leaves_.size(), root()};
    }
    void end(const market::StateReader& state, const base::SecretKey& key, const Hash& chain_id) {
        state_ = &state;
        head_.height = height_;
        head_.time = time_;
        head_.log_root = root();
        head_.log_size = leaves_.size();
        head_.app_hash =
            ledger::app_hash_of(head_.state_root, head_.log_root, head_.log_size, head_.params_id);
        head_.signature = key.sign(ledger::kHeadDomain, chain_id,
                                   ledger::head_message(head_.height, head_.time, head_.app_hash));
    }

    [[nodiscard]] ledger::Head head() const override { return head_; }
    [[nodiscard]] const market::StateReader& state() const override { return *state_; }
    [[nodiscard]] std::vector<ledger::StoredEvent> events(std::optional<ledger::EventCursor> after,
                                                          std::size_t limit) const override {
        std::vector<ledger::StoredEvent> out;
        const auto from =
            after ? std::upper_bound(events_.begin(), events_.end(), *after,
                                     [](const auto& a, const auto& b) { return a < b.cursor; })
                  : events_.begin();
        for (auto event = from; event != events_.end() && out.size() < limit; ++event)
            out.push_back(*event);
        return out;
    }
    [[nodiscard]] std::optional<std::vector<ledger::BlockTransaction>> block(
        base::Height height) const override {
        const auto found = blocks_.find(height);
        return found == blocks_.end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] std::optional<ledger::Receipt> receipt(
        const base::TransactionId& id) const override {
        const auto found = receipts_.find(id);
        return found == receipts_.end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] std::optional<std::vector<Hash>> inclusion(std::uint64_t index) const override {
        return base::merkle_prove(MerkleFamily::sha256, leaves_, index).path;
    }
    [[nodiscard]] std::optional<std::vector<Hash>> consistency(
        std::uint64_t old_size) const override {
        if (old_size == 0) return std::nullopt;
        return base::consistency_prove(MerkleFamily::sha256, leaves_, old_size);
    }

  private:
    [[nodiscard]] Hash root() const { return base::merkle_root(MerkleFamily::sha256, leaves_); }

    std::vector<Hash> leaves_;
    std::map<base::TransactionId, ledger::Receipt> receipts_;
    std::map<base::Height, std::vector<ledger::BlockTransaction>> blocks_;
    std::vector<ledger::StoredEvent> events_;
    const market::StateReader* state_ = nullptr;
    ledger::Head head_;
    base::Height height_;
    base::TimeMs time_;
};

/// Goes on until the epoch that the job's end joined is drawn.
tl::expected<evidence::Evidence, std::string> evidence_of(Ledger& ledger, Market& market) {
    tl::expected<evidence::Evidence, std::string> out = tl::unexpected(std::string("never tried"));
    const base::Bytes genesis = market::encode_genesis(market.world.genesis());
    for (std::uint32_t i = 0; i < 200 && !out; ++i) {
        ledger.end(market.world.state(), market.world.node.key, market.world.chain_id());
        out = evidence::collect(ledger, genesis, market.job);
        const Snapshot now = snapshot(market.world);
        for (Validator& validator : market.validators) validator.act(now);
        market.world.block();
    }
    return out;
}

std::vector<evidence::Trusted> keys_of(const World& world) {
    std::vector<evidence::Trusted> out;
    for (const Person& validator : world.validators)
        out.push_back({world.chain_id(), validator.key.public_key()});
    return out;
}

/// `meddle` may send something before each block; `after` looks at the end.
void expect_proved(const WorldOptions& given, std::vector<WorkerKind> worker_kinds = {},
                   std::vector<ValidatorKind> validator_kinds = {},
                   const std::function<void(Market&)>& meddle = {},
                   const std::function<void(Market&)>& after = {}) {
    SCOPED_TRACE("seed " + std::to_string(given.seed));
    Ledger ledger;
    WorldOptions options = given;
    options.log = [&ledger](const auto& context, const auto& raws, const auto& results,
                            const auto& events) {
        return ledger.take(context, raws, results, events);
    };
    Market market(options, std::move(worker_kinds), std::move(validator_kinds));
    for (std::uint64_t i = 0; i < kBlocksMax && !market::is_terminal(market.record().state); ++i) {
        if (meddle) meddle(market);
        run(market.world, market.workers, market.validators, market.job, 1);
    }
    ASSERT_TRUE(market::is_terminal(market.record().state));
    if (after) after(market);
    const auto evidence = evidence_of(ledger, market);
    ASSERT_TRUE(evidence.has_value()) << evidence.error();
    const auto facts = evidence::check(*evidence, market.record().program_root);
    ASSERT_TRUE(facts.has_value())
        << static_cast<int>(facts.error().problem) << ": " << facts.error().detail;
    EXPECT_EQ(facts->job, market.job);
    EXPECT_EQ(facts->final_roots.back(), market.record().final_root);
    std::vector<evidence::Trusted> trust = keys_of(market.world);
    if (meddle) trust.pop_back();  // who leaves is no witness of what it could not audit any more
    const auto weighed = evidence::weigh(*facts, trust);
    ASSERT_TRUE(weighed.has_value()) << weighed.error();
    EXPECT_EQ(weighed->segments, market.record().final_segments);
    if (!meddle) {
        EXPECT_EQ(weighed->vouched, market.record().audited_segments);
    }
    EXPECT_LT(weighed->chance, ~std::uint64_t{0});
}

TEST(Evidence, OfOneLaneIsWhatTheRulesLeft) {
    WorldOptions options = options_with(3);
    options.lanes = 1;
    options.rounds = 1;
    options.round_steps = 40;
    expect_proved(options);
}

TEST(Evidence, OfMergesIsWhatTheRulesLeft) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) expect_proved(options_with(seed));
}

TEST(Evidence, OfManySegmentsWithControls) {
    WorldOptions options = options_with(2);
    options.round_steps = 50;
    options.segment_steps = 10;
    options.part_segments = 3;
    options.rate_ppm = 1'000'000;
    options.tune = [](market::Parameters& p) { p.control_ppm = 500'000; };
    expect_proved(options);
}

/// What a cheat got through undrawn is certified with its chance: evidence is not truth. Attempts
/// that were void, merges that were refuted and audits that were missed are shown as well.
TEST(Evidence, OfJobsWithCheatsIsWhatTheRulesLeft) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        WorldOptions options = options_with(seed);
        options.workers = 4;
        options.validators = 4;
        const WorkerKind worker =
            seed % 2 == 0 ? WorkerKind::fakes_everything : WorkerKind::silent_after_draw;
        const ValidatorKind validator =
            seed % 3 == 0 ? ValidatorKind::never_seals : ValidatorKind::honest;
        expect_proved(options, {worker}, {validator});
    }
}

/// The part that an epoch is drawing, when its members have been weighed and most of its segments
/// are still ahead.
std::optional<market::EpochCommitment> part_being_drawn(const market::StateReader& state) {
    const std::uint64_t next = market::load_chain(state).epoch_next;
    for (std::uint64_t number = next > 3 ? next - 3 : 0; number < next; ++number) {
        const auto epoch = market::find_epoch(state, number);
        if (!epoch || epoch->state != market::EpochState::drawing ||
            epoch->draw_phase != market::DrawPhase::draw || epoch->draw_segment > 1)
            continue;
        const auto after =
            epoch->draw_after.is_zero() ? std::nullopt : std::optional(epoch->draw_after);
        const auto now = market::commitments_of_epoch(state, number, after, 1);
        if (!now.empty() && now.front().kind == market::CommitmentKind::part) return now.front();
    }
    return std::nullopt;
}

/// F11: W is counted in one block, and the draw goes on in later ones. Who leaves in between is
/// drawn all the same: the reader has nothing else than W and the list of who was barred.
TEST(Evidence, F11_WhoLeavesBetweenWeighingAndDrawingIsDrawnAllTheSame) {
    std::uint32_t drawn = 0;
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        WorldOptions options = options_with(seed);
        options.validators = 6;
        options.round_steps = 120;
        options.segment_steps = 10;
        options.part_segments = 12;
        options.rate_ppm = 990'000;
        options.tune = [](market::Parameters& p) { p.draws_per_block_max = 8; };
        std::optional<market::EpochCommitment> left;
        const auto meddle = [&](Market& market) {
            const Person& leaver = market.world.validators.back();
            const auto stake =
                market::find_stake(market.world.state(), leaver.id, market::Role::validator);
            const auto part = part_being_drawn(market.world.state());
            if (left || !part || !stake->locked.is_zero()) return;
            market.world.send(leaver, market::StakeUnbond{market::Role::validator, stake->active});
            left = part;
        };
        const auto after = [&](Market& market) {
            if (!left) return;
            for (const market::Audit& audit :
                 market::audits_of_job(market.world.state(), market.job, std::nullopt, 10'000)) {
                const bool of_leaver = audit.auditor == market.world.validators.back().id &&
                                       audit.subject == left->subject;
                drawn += of_leaver && audit.epoch == left->epoch && audit.segment > 3 ? 1U : 0U;
            }
        };
        expect_proved(options, {}, {}, meddle, after);
    }
    EXPECT_GT(drawn, 0U);
}

}  // namespace
}  // namespace assay::sim
