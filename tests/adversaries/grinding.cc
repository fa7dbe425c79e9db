#include "grinding.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "agent/log.h"
#include "agent/party.h"
#include "base/check.h"
#include "base/encoding.h"
#include "market/commitment.h"
#include "market/draw.h"
#include "market/objects.h"
#include "market/tables.h"
#include "strategies.h"

namespace assay::adversaries {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kTriesMax = 1'000'000;
constexpr auto kOpenEpochWait = 20ms;
constexpr std::uint32_t kRubbishNonceLane = 50;
constexpr std::size_t kRubbishBytes = 4096;
constexpr auto kRubbishEvery = 500ms;

base::Hash invented(const base::Hash& about, std::uint64_t number) {
    return base::Hasher("assay.test").add(about).add_u64(number).finish();
}

/// What is known of the epoch that the next commitment opens: its members are those of the last
/// one.
struct NextEpoch {
    std::uint64_t number = 0;
    market::Epoch last;
};

class Grinder final : public runtime::SegmentProducer {
  public:
    explicit Grinder(const GrindSettings& settings)
        : settings_(settings),
          node_(settings.node_url, agent::patient_options()),
          chain_id_(node_.chain().value().chain_id),
          own_(identity(settings.own)) {
        for (const client::KeySource& keys : settings.accomplices)
            accomplices_.push_back(identity(keys));
    }

    runtime::SegmentResult produce(runtime::Job& job, commit::State& state,
                                   const commit::State* round_start,
                                   const runtime::SegmentPlace& place,
                                   const runtime::Progress& progress,
                                   std::uint32_t first_step) override {
        runtime::SegmentResult result =
            fake_->produce(job, state, round_start, place, progress, first_step);
        if (result.stopped) return result;
        const market::JobSpec& spec = job.spec();
        if (place.segment % spec.part_segments == 0) begin_part();
        const bool last = (place.segment + 1) % spec.part_segments == 0 ||
                          place.segment + 1 == spec.segments_per_round();
        if (last && !spec.has_merge()) {
            result.state_root = ground_end(place, spec);
        } else if (settings_.no_states) {
            result.state_root = invented(result.state_root, 0);
        }
        if (!result.payload_root) result.end_root = result.state_root;
        leaves_.push_back(market::segment_leaf_hash(leaf_of(place, result.end_root)));
        return result;
    }

  private:
    [[nodiscard]] agent::Identity identity(const client::KeySource& options) const {
        auto keys = client::open_keys(options);
        ASSAY_CHECK(keys.has_value());
        return {std::move(*keys), chain_id_};
    }

    void begin_part() {
        leaves_.clear();
        const auto leases = node_.leases_of(own_.account());
        ASSAY_CHECK(leases.has_value());
        const auto active = std::find_if(
            leases->begin(), leases->end(),
            [](const market::Lease& l) { return l.state == market::LeaseState::active; });
        ASSAY_CHECK(active != leases->end());
        lease_ = *active;
    }

    market::SegmentLeaf leaf_of(const runtime::SegmentPlace& place, const base::Hash& end) const {
        return {
            market::segment_salt(own_.hot(), lease_.job, place.round, place.lane, place.segment, 0),
            place.start_root.value_or(base::Hash()), end};
    }

    NextEpoch wait_for_epoch() {
        while (true) {
            const auto bytes = node_.state_value(market::chain_key());
            const auto chain = bytes ? market::decode<market::Chain>(*bytes) : std::nullopt;
            if (chain && !chain->epoch_open && chain->epoch_next > 0) {
                if (const auto last = node_.epoch(chain->epoch_next - 1))
                    return {chain->epoch_next, *last};
            }
            std::this_thread::sleep_for(kOpenEpochWait);
        }
    }

    /// Which segments of the part somebody among the accomplices draws, and how many do.
    std::vector<std::size_t> draws(const NextEpoch& epoch, const market::PartKey& key,
                                   std::uint32_t first, const base::Hash& tree) {
        const std::vector<base::Hash> leaves{
            market::commitment_leaf(market::part_id(chain_id_, key), key.job, tree)};
        const base::Hash root =
            market::epoch_root(epoch.last.members_hash, epoch.last.jailed_weight, leaves);
        const base::Bytes alpha = market::contribution_alpha(chain_id_, epoch.number, root);
        std::vector<std::size_t> counts(leaves_.size() + 1, 0);
        for (std::size_t i = 0; i < accomplices_.size(); ++i) {
            const auto beta = base::vrf_verify(accomplices_[i].vrf().public_key(), alpha,
                                               base::vrf_prove(accomplices_[i].vrf(), alpha));
            ASSAY_CHECK(beta.has_value());
            const base::Hash y = market::contribution_output(*beta);
            const std::uint64_t chance = market::draw_chance(market::member_exponent(
                market::rate_exponent(lease_.rate_ppm), weights_.at(i), epoch.last.all_weight()));
            for (std::uint32_t s = 0; s < counts.size(); ++s) {
                counts[s] +=
                    market::is_drawn(
                        y,
                        {market::ClaimKind::segment, key.job, key.round, key.lane, first + s, {}},
                        chance)
                        ? 1
                        : 0;
            }
        }
        return counts;
    }

    [[nodiscard]] bool granted(const std::vector<std::size_t>& draws) const {
        const auto any = [](std::size_t count) { return count > 0; };
        switch (settings_.wish) {
            case Wish::drawn:
                return std::all_of(draws.begin(), draws.end(),
                                   [&](std::size_t count) { return count == accomplices_.size(); });
            case Wish::undrawn:
                return std::none_of(draws.begin(), draws.end(), any);
            case Wish::unforced:
                return draws.front() == 0 && std::any_of(draws.begin() + 1, draws.end(), any);
        }
        return false;
    }

    base::Hash ground_end(const runtime::SegmentPlace& place, const market::JobSpec& spec) {
        const NextEpoch epoch = wait_for_epoch();
        weights_.clear();
        for (const agent::Identity& accomplice : accomplices_) {
            weights_.push_back(
                node_.epoch_member(epoch.last.number, accomplice.account()).value().weight);
        }
        const std::uint32_t first = place.segment / spec.part_segments * spec.part_segments;
        const market::PartKey key{lease_.job,
                                  place.round,
                                  place.lane,
                                  0,
                                  place.segment / spec.part_segments,
                                  own_.account(),
                                  0};
        for (std::uint64_t i = 0; i < kTriesMax; ++i) {
            const base::Hash end = invented(place.round_start_root, i);
            std::vector<base::Hash> leaves = leaves_;
            leaves.push_back(market::segment_leaf_hash(leaf_of(place, end)));
            if (!granted(draws(epoch, key, first, market::part_root(leaves)))) continue;
            agent::log(agent::LogLevel::info, "grinder.found", "the draw is as it was wished for",
                       {{"tries", std::to_string(i + 1)}, {"epoch", std::to_string(epoch.number)}});
            return end;
        }
        agent::log(agent::LogLevel::warning, "grinder.gave_up",
                   "no root gives the draw that was wished for");
        return invented(place.round_start_root, kTriesMax);
    }

    const GrindSettings& settings_;
    client::Client node_;
    const base::Hash chain_id_;
    const agent::Identity own_;
    std::vector<agent::Identity> accomplices_;
    std::unique_ptr<runtime::SegmentProducer> fake_ = make_strategy("fakes_everything");
    market::Lease lease_;
    std::vector<base::Hash> leaves_;      ///< of the part so far
    std::vector<std::uint64_t> weights_;  ///< of the accomplices
};

}  // namespace

std::unique_ptr<runtime::SegmentProducer> make_grinder(const GrindSettings& settings) {
    return std::make_unique<Grinder>(settings);
}

void answer_with_rubbish(const std::stop_token& stop, const GrindSettings& settings) {
    client::Client node(settings.node_url, {});
    auto keys = client::open_keys(settings.own);
    const auto chain = node.chain();
    ASSAY_CHECK(keys.has_value() && chain.has_value());
    const agent::Identity identity(std::move(*keys), chain->chain_id);
    agent::Party party(identity, node, kRubbishNonceLane);
    while (!stop.stop_requested()) {
        const auto owed = node.questions_owed(identity.account());
        for (const market::Question& question : owed ? *owed : std::vector<market::Question>{}) {
            if (question.kind != market::QuestionKind::state || question.answered) continue;
            const auto sent =
                party.send(market::StateAnswer{question.id, base::Bytes(kRubbishBytes, 0x5a)});
            agent::log(agent::LogLevel::info, "rubbish.sent",
                       sent ? "rubbish was taken for an answer"
                            : "rubbish was refused: " + sent.error().text());
        }
        std::this_thread::sleep_for(kRubbishEvery);
    }
}

}  // namespace assay::adversaries
