#include "strategies.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "base/check.h"
#include "base/merkle.h"
#include "program/builder.h"
#include "runtime/job_cache.h"

namespace assay::adversaries {

namespace {

using runtime::Job;
using runtime::SegmentPlace;
using runtime::StepResult;

/// The weights among the state's tensors.
template <class Change>
void change_weights(const program::Program& program, commit::State& state, const Change& change) {
    const std::vector<program::TensorId> tensors = program.state_tensors();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!program.tensors[tensors[i]].weight) continue;
        float* values = state.tensors[i].f32();
        for (std::size_t k = 0; k < state.tensors[i].size() / sizeof(float); ++k)
            values[k] = change(i, k, values[k]);
    }
}

void flip_a_bit(const program::Program& program, commit::State& state) {
    bool flipped = false;
    change_weights(program, state, [&](std::size_t, std::size_t, float value) {
        if (std::exchange(flipped, true)) return value;
        return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ 1U);
    });
}

StepResult results_in(const program::Program& program, const commit::State& state) {
    StepResult result;
    const std::vector<program::TensorId> tensors = program.state_tensors();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (tensors[i] == program.loss) result.loss = *state.tensors[i].f32();
        if (tensors[i] == program.norm) result.norm = *state.tensors[i].f32();
    }
    return result;
}

/// Where a false segment differs from an honest one: what a step does to the state, and what is
/// done before and after all of them.
class Cheat : public runtime::SegmentProducer {
  public:
    runtime::SegmentResult produce(Job& job, commit::State& state, const commit::State* round_start,
                                   const SegmentPlace& place, const runtime::Progress& progress,
                                   std::uint32_t first_step) final;

  protected:
    virtual void begin(Job&, const commit::State&) {}
    virtual StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                            std::uint32_t h) = 0;
    /// After step `index` of `count`.
    virtual void after_step(Job&, commit::State&, std::uint32_t, std::uint32_t) {}
    static StepResult honest_step(Job& job, commit::State& state, const SegmentPlace& place,
                                  std::uint32_t h) {
        return job.executor().run_step(state, job.data(), place.round, place.lane, h);
    }
};

runtime::SegmentResult Cheat::produce(Job& job, commit::State& state,
                                      const commit::State* round_start, const SegmentPlace& place,
                                      const runtime::Progress& progress, std::uint32_t first_step) {
    const market::JobSpec& spec = job.spec();
    const std::uint32_t count = spec.segment_steps;
    const std::uint32_t done = (place.segment + 1) * count;
    runtime::SegmentResult result;
    begin(job, state);
    for (std::uint32_t i = first_step; i < count; ++i) {
        const std::uint32_t h = place.segment * count + i;
        const StepResult made = step(job, state, place, h);
        after_step(job, state, i, count);
        result.steps.push_back(made);
        if (progress && !progress({place.round, place.lane, h, made})) {
            result.stopped = true;
            return result;
        }
    }
    result.state_root = commit::state_root(
        job.program(), state, runtime::state_descriptor(job, place, done), job.threads());
    result.end_root = result.state_root;
    if (done == spec.round_steps && spec.has_merge()) {
        result.payload = commit::Payload::zeros(job.program());
        job.executor().run_payload(*round_start, state, place.round, *result.payload);
        result.payload_root = commit::payload_root(job.program(), *result.payload, job.threads());
        result.end_root = commit::end_root(result.state_root, *result.payload_root);
    }
    return result;
}

/// A loss that falls as a training loss would, and weights that have moved a little.
class FakesEverything final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                    std::uint32_t h) override {
        const program::Program& program = job.program();
        const float progress = static_cast<float>(place.round * job.spec().round_steps + h);
        StepResult made;
        made.loss = 1.5F + 2.5F / (1.0F + progress / 40.0F);
        made.norm = 0.7F;
        const std::vector<program::TensorId> tensors = program.state_tensors();
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            if (tensors[i] == program.loss) *state.tensors[i].f32() = made.loss;
            if (tensors[i] == program.norm) *state.tensors[i].f32() = made.norm;
        }
        change_weights(program, state, [h](std::size_t, std::size_t k, float value) {
            return k % 97 == h % 97 ? value + 1e-4F * std::sin(static_cast<float>(k + h)) : value;
        });
        return made;
    }
};

class SkipsSteps final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                    std::uint32_t h) override {
        return h % 2 == 0 ? honest_step(job, state, place, h) : results_in(job.program(), state);
    }
};

/// The same program for half of the batch: same state, half of the work.
class SmallerBatch final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                    std::uint32_t h) override {
        if (!executor_) {
            market::JobSpec spec = job.spec();
            spec.batch = std::max<std::uint32_t>(1, spec.batch / 2);
            auto program = program::build_program(spec);
            ASSAY_CHECK(program.has_value());
            program_ = std::make_unique<program::Program>(std::move(*program));
            executor_ = std::make_unique<runtime::Executor>(*program_, runtime::ExecutorOptions{});
        }
        return executor_->run_step(state, job.data(), place.round, place.lane, h);
    }
    std::unique_ptr<program::Program> program_;
    std::unique_ptr<runtime::Executor> executor_;
};

class StaleCheckpoint final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace&, std::uint32_t) override {
        return results_in(job.program(), state);
    }
};

/// What the lane beside it makes from the same start: bits that somebody has really trained.
class OthersCheckpoint final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                    std::uint32_t h) override {
        return job.executor().run_step(state, job.data(), place.round,
                                       place.lane == 0 ? 1 : place.lane - 1, h);
    }
};

/// Trains the first half of the steps and goes on in the same direction.
class Interpolates final : public Cheat {
    void begin(Job&, const commit::State& state) override { start_ = state.clone(); }
    StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                    std::uint32_t h) override {
        const std::uint32_t count = job.spec().segment_steps;
        const std::uint32_t i = h - place.segment * count;
        if (i == 0 || i < count / 2) {
            const StepResult made = honest_step(job, state, place, h);
            trained_ = i + 1;
            return made;
        }
        const float further = 1.0F / static_cast<float>(trained_);
        change_weights(job.program(), state, [&](std::size_t tensor, std::size_t k, float value) {
            return value + (value - start_.tensors[tensor].f32()[k]) * further;
        });
        return results_in(job.program(), state);
    }
    commit::State start_;
    std::uint32_t trained_ = 1;
};

/// Trains on the dataset read backwards.
class WrongData final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                    std::uint32_t h) override {
        runtime::DataView data = job.data();
        if (words_.empty()) words_.assign(data.words.rbegin(), data.words.rend());
        data.words = words_;
        return job.executor().run_step(state, data, place.round, place.lane, h);
    }
    std::vector<std::uint32_t> words_;
};

/// Keeps the weights in bf16 between steps.
class LowerPrecision final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                    std::uint32_t h) override {
        return honest_step(job, state, place, h);
    }
    void after_step(Job& job, commit::State& state, std::uint32_t, std::uint32_t) override {
        change_weights(job.program(), state, [](std::size_t, std::size_t, float value) {
            return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0xffff0000U);
        });
    }
};

/// Trains, and flips the lowest bit of one weight after the last step.
class OneFlippedBit final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace& place,
                    std::uint32_t h) override {
        return honest_step(job, state, place, h);
    }
    void after_step(Job& job, commit::State& state, std::uint32_t index,
                    std::uint32_t count) override {
        if (index + 1 != count) return;
        flip_a_bit(job.program(), state);
    }
};

class Diverges final : public Cheat {
    StepResult step(Job& job, commit::State& state, const SegmentPlace&, std::uint32_t) override {
        change_weights(job.program(), state, [](std::size_t, std::size_t, float) {
            return std::numeric_limits<float>::quiet_NaN();
        });
        return results_in(job.program(), state);
    }
};

/// A1: the first segment of a round ends in a root that nobody has a state of, and everything after
/// it is invented.
class UnforcedEnd final : public runtime::SegmentProducer {
  public:
    runtime::SegmentResult produce(Job& job, commit::State& state, const commit::State* round_start,
                                   const SegmentPlace& place, const runtime::Progress& progress,
                                   std::uint32_t first_step) override {
        runtime::SegmentResult result =
            fake_.produce(job, state, round_start, place, progress, first_step);
        if (place.segment == 0 && !result.stopped) {
            result.state_root = base::blake2b("assay.test", result.state_root.view());
            result.end_root = result.payload_root
                                  ? commit::end_root(result.state_root, *result.payload_root)
                                  : result.state_root;
        }
        return result;
    }

  private:
    FakesEverything fake_;
};

/// Trains, commits to the true roots and stores other bytes behind them: nobody can go on from
/// there.
class GarbageCheckpoint final : public runtime::SegmentProducer {
  public:
    runtime::SegmentResult produce(Job& job, commit::State& state, const commit::State* round_start,
                                   const SegmentPlace& place, const runtime::Progress& progress,
                                   std::uint32_t first_step) override {
        if (true_ && place.start_root == true_root_) state = true_->clone();
        runtime::SegmentResult result =
            runtime::run_segment(job, state, round_start, place, progress, first_step);
        if (result.stopped) return result;
        true_ = state.clone();
        true_root_ = result.state_root;
        change_weights(job.program(), state, [](std::size_t, std::size_t k, float value) {
            return k == 0 ? value + 1.0F : value;
        });
        return result;
    }

  private:
    std::optional<commit::State> true_;
    base::Hash true_root_;
};

/// Trains rightly and posts merges with one bit of one weight flipped.
class WrongMerge final : public runtime::SegmentProducer {
  public:
    runtime::SegmentResult produce(Job& job, commit::State& state, const commit::State* round_start,
                                   const SegmentPlace& place, const runtime::Progress& progress,
                                   std::uint32_t first_step) override {
        return runtime::run_segment(job, state, round_start, place, progress, first_step);
    }
    base::Hash merge(Job& job, commit::State& round_start,
                     std::span<const commit::Payload* const> members, std::uint32_t round,
                     const base::Hash& round_start_root) override {
        runtime::run_merge(job, round_start, members, round, round_start_root);
        flip_a_bit(job.program(), round_start);
        return job.opening_root(round_start, round + 1, round_start_root);
    }
};

template <class Strategy>
std::unique_ptr<runtime::SegmentProducer> make() {
    return std::make_unique<Strategy>();
}

struct Entry {
    StrategyInfo info;
    std::unique_ptr<runtime::SegmentProducer> (*make)();
};

const std::vector<Entry>& entries() {
    static const std::vector<Entry> all = {
        {{"fakes_everything", "never trains: a little noise on the weights and a made-up loss"},
         make<FakesEverything>},
        {{"skips_steps", "trains every second step"}, make<SkipsSteps>},
        {{"smaller_batch", "trains on half of each batch"}, make<SmallerBatch>},
        {{"stale_checkpoint", "commits the state it was given"}, make<StaleCheckpoint>},
        {{"others_checkpoint", "commits what another lane has trained"}, make<OthersCheckpoint>},
        {{"interpolated_weights", "trains half of the steps and extrapolates the rest"},
         make<Interpolates>},
        {{"wrong_data", "trains on the dataset read backwards"}, make<WrongData>},
        {{"lower_precision", "keeps weights in bf16 between steps"}, make<LowerPrecision>},
        {{"one_flipped_bit", "trains, and flips one bit of one weight"}, make<OneFlippedBit>},
        {{"diverges_on_purpose", "commits weights that are no numbers"}, make<Diverges>},
        {{"unforced_end",
          "ends a segment in a root that nobody has a state of, and invents the rest"},
         make<UnforcedEnd>},
        {{"garbage_checkpoint", "trains, and stores other bytes than those it commits to", true},
         make<GarbageCheckpoint>},
        {{"wrong_merge", "trains, and posts merges with one flipped bit", true}, make<WrongMerge>},
    };
    return all;
}

}  // namespace

const std::vector<StrategyInfo>& strategies() {
    static const std::vector<StrategyInfo> all = [] {
        std::vector<StrategyInfo> infos;
        for (const Entry& entry : entries()) infos.push_back(entry.info);
        return infos;
    }();
    return all;
}

std::unique_ptr<runtime::SegmentProducer> make_strategy(const std::string& name) {
    for (const Entry& entry : entries()) {
        if (entry.info.name == name) return entry.make();
    }
    return nullptr;
}

}  // namespace assay::adversaries
