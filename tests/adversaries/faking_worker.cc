/// A worker that never trains: it adds a little noise to the weights, makes up losses and step digests from what it then holds, and commits,
/// delivers and closes like an honest one. Everything except the segment itself is the product's own worker.
#include <cmath>

#include "base/merkle.h"
#include "runtime/job_cache.h"
#include "worker/worker.h"

namespace {

using namespace assay;

class Faker final : public worker::SegmentProducer {
  public:
    runtime::SegmentResult produce(runtime::Job& job, commit::State& state, const commit::State* round_start,
                                   const runtime::SegmentPlace& place, const runtime::Progress& progress, std::uint32_t first_step,
                                   std::vector<base::Hash> digests_so_far) override {
        const market::JobSpec& spec = job.spec();
        const std::uint32_t done = (place.segment + 1) * spec.segment_steps;
        runtime::SegmentResult result;
        result.step_digests = std::move(digests_so_far);
        for (std::uint32_t i = first_step; i < spec.segment_steps; ++i) {
            const std::uint32_t h = place.segment * spec.segment_steps + i;
            const runtime::StepResult step = pretend(job, state, place, h);
            result.steps.push_back(step);
            result.step_digests.push_back(commit::step_digest(job.program(), state, job.spec_root(), place.round, place.lane, h));
            if (progress && !progress({place.round, place.lane, h, step, result.step_digests})) {
                result.stopped = true;
                return result;
            }
        }
        result.steps_root = base::merkle_root(base::MerkleFamily::blake2b, result.step_digests);
        result.state_root = commit::state_root(job.program(), state, runtime::state_descriptor(job, place, done));
        result.end_root = result.state_root;
        if (done == spec.round_steps && spec.has_merge()) {
            result.payload = commit::Payload::zeros(job.program());
            job.executor().run_payload(*round_start, state, place.round, *result.payload);
            result.payload_root = commit::payload_root(job.program(), *result.payload);
            result.end_root = commit::end_root(result.state_root, *result.payload_root);
        }
        return result;
    }

  private:
    /// A loss that falls as a training loss would, and weights that have moved a little.
    static runtime::StepResult pretend(const runtime::Job& job, commit::State& state, const runtime::SegmentPlace& place, std::uint32_t h) {
        const program::Program& program = job.program();
        const float progress = static_cast<float>(place.round * job.spec().round_steps + h);
        runtime::StepResult step;
        step.loss = 1.5F + 2.5F / (1.0F + progress / 40.0F);
        step.norm = 0.7F;
        const std::vector<program::TensorId> tensors = program.state_tensors();
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            commit::Buffer& buffer = state.tensors[i];
            if (tensors[i] == program.loss) {
                *buffer.f32() = step.loss;
            } else if (tensors[i] == program.norm) {
                *buffer.f32() = step.norm;
            } else if (program.tensors[tensors[i]].weight) {
                for (std::size_t k = h % 97; k < buffer.size() / sizeof(float); k += 97) {
                    buffer.f32()[k] += 1e-4F * std::sin(static_cast<float>(k + h));
                }
            }
        }
        return step;
    }
};

}  // namespace

int main(int argc, char** argv) {
    return worker::worker_main(argc, argv, [] { return std::make_unique<Faker>(); });
}
