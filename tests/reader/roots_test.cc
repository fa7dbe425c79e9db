#include <sstream>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "commit/state.h"
#include "exact/environment.h"
#include "option_specs.h"
#include "pages.h"
#include "program/builder.h"
#include "runtime/executor.h"

namespace assay::reader {
namespace {

constexpr const char* kRoots = "tests/golden/step_roots.txt";

program::Program built(const OptionJob& job) {
    auto program = program::build_program(job.spec);
    if (!program) throw std::runtime_error(job.name + ": " + program.error().path);
    return std::move(*program);
}

/// The job from its first state to its last merge, by the scalar definition: a line per root.
class JobRun {
  public:
    explicit JobRun(const OptionJob& job)
        : job_(job),
          program_(built(job)),
          executor_(program_, {1, 1, runtime::Target::scalar}),
          identity_{market::spec_root(market::encode_spec(job.spec)),
                    program::program_root(program_)} {
        view_.words = job.words;
        if (const auto* tokens = std::get_if<market::TokenData>(&job.spec.data)) {
            view_.train_count = tokens->train_tokens;
        } else {
            const auto& table = std::get<market::TableData>(job.spec.data);
            view_.train_count = table.train_rows;
            view_.row_words = table.features + 1;
        }
    }

    std::string lines() {
        line("spec") << base::to_hex(market::encode_spec(job_.spec));
        base::Encoder words;
        for (const std::uint32_t word : job_.words) words.u32(word);
        line("data") << base::to_hex(words.take());
        line("program") << identity_.program_root.hex();
        commit::State opening = commit::State::zeros(program_);
        executor_.run_init(opening);
        base::Hash before{}, open = root_of(opening, commit::opening_descriptor(identity_, 0, {}));
        line("init") << open.hex();
        for (std::uint32_t round = 0; round < job_.spec.rounds; ++round) {
            std::vector<commit::Payload> payloads;
            for (std::uint32_t lane = 0; lane < job_.spec.lanes; ++lane)
                run_lane(opening, open, round, lane, payloads);
            if (!job_.spec.has_merge()) continue;
            std::vector<const commit::Payload*> members;
            for (const commit::Payload& payload : payloads) members.push_back(&payload);
            executor_.run_merge(opening, members, round);
            before = open;
            open = root_of(opening, commit::opening_descriptor(identity_, round + 1, before));
            line("merge") << round << ' ' << open.hex();
        }
        return text_.str() + "\n";
    }

  private:
    std::ostringstream& line(const char* what) {
        text_ << (text_.tellp() == 0 ? "" : "\n") << what << ' ' << job_.name << ' ';
        return text_;
    }
    base::Hash root_of(const commit::State& state, const commit::StateDescriptor& descriptor) {
        return commit::state_root(program_, state, descriptor);
    }
    void run_lane(const commit::State& opening, const base::Hash& open, std::uint32_t round,
                  std::uint32_t lane, std::vector<commit::Payload>& payloads) {
        commit::State state = opening.clone();
        for (std::uint32_t h = 0; h < job_.spec.round_steps; ++h) {
            executor_.run_step(state, view_, round, lane, h);
            line("step") << round << ' ' << lane << ' ' << h + 1 << ' '
                         << root_of(state,
                                    commit::lane_descriptor(identity_, round, lane, h + 1, open))
                                .hex();
        }
        if (!job_.spec.has_merge()) return;
        payloads.push_back(commit::Payload::zeros(program_));
        executor_.run_payload(opening, state, round, payloads.back());
        line("payload") << round << ' ' << lane << ' '
                        << commit::payload_root(program_, payloads.back()).hex();
    }

    const OptionJob& job_;
    program::Program program_;
    runtime::Executor executor_;
    commit::JobIdentity identity_;
    runtime::DataView view_;
    std::ostringstream text_;
};

TEST(Roots, OfEveryOptionAreGolden) {
    const exact::FloatEnvironment environment;
    std::string text;
    for (const OptionJob& job : OptionJobs::all()) {
        ASSERT_FALSE(market::check_spec(job.spec).has_value())
            << job.name << ": " << market::check_spec(job.spec)->path;
        text += JobRun(job).lines();
    }
    expect_stretch(kRoots, "# begin\n", "", text);
}

}  // namespace
}  // namespace assay::reader
