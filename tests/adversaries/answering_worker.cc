/// A worker that trains, commits to true roots, stores other bytes behind them, and answers
/// questions about them from the true states, which it keeps for itself. The command line is that
/// of `assay-worker`.
#include <filesystem>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "commit/checkpoint.h"
#include "runtime/job_cache.h"
#include "runtime/segment_producer.h"
#include "worker/worker.h"

namespace {

using namespace assay;

/// Files `true/BLOB`: what a stored blob should have been. Whoever puts them where the worker keeps
/// what it owes makes it answer from them.
class Answering final : public runtime::SegmentProducer {
  public:
    explicit Answering(std::filesystem::path folder) : folder_(std::move(folder)) {
        std::filesystem::create_directories(folder_);
    }

    runtime::SegmentResult produce(runtime::Job& job, commit::State& state,
                                   const commit::State* round_start,
                                   const runtime::SegmentPlace& place,
                                   const runtime::Progress& progress,
                                   std::uint32_t first_step) override {
        if (true_ && place.start_root == true_root_) state = true_->clone();
        runtime::SegmentResult result =
            runtime::run_segment(job, state, round_start, place, progress, first_step);
        if (result.stopped) return result;
        true_ = state.clone();
        true_root_ = result.state_root;
        *first_weight(job, state) += 1.0F;
        const auto descriptor =
            runtime::state_descriptor(job, place, (place.segment + 1) * job.spec().segment_steps);
        const std::filesystem::path stored = folder_ / "stored", honest = folder_ / "honest";
        ASSAY_CHECK(commit::save_state(stored, job.program(), state, descriptor,
                                       commit::Durability::scratch)
                        .has_value());
        ASSAY_CHECK(commit::save_state(honest, job.program(), *true_, descriptor,
                                       commit::Durability::scratch)
                        .has_value());
        const auto blob = base::blob_root_of_file(stored);
        ASSAY_CHECK(blob.has_value());
        std::filesystem::rename(honest, folder_ / blob->hex());
        return result;
    }

  private:
    static float* first_weight(runtime::Job& job, commit::State& state) {
        const std::vector<program::TensorId> tensors = job.program().state_tensors();
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            if (job.program().tensors[tensors[i]].weight) return state.tensors[i].f32();
        }
        return nullptr;
    }

    const std::filesystem::path folder_;
    std::optional<commit::State> true_;
    base::Hash true_root_;
};

}  // namespace

int main(int argc, char** argv) {
    std::filesystem::path data;
    for (int i = 1; i + 1 < argc; ++i) {
        if (std::string(argv[i]) == "--data-dir") data = argv[i + 1];
    }
    games::Honest conduct;
    return worker::worker_main(
        argc, argv, [&] { return std::make_unique<Answering>(data / "true"); }, conduct);
}
