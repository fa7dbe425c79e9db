#include <optional>

#include "base/check.h"
#include "program/builder.h"
#include "runtime/job_cache.h"
#include "runtime/segment.h"

namespace assay::runtime {

struct Job::Impl {
    market::JobSpec spec;
    program::Program program;
    base::Hash spec_root, program_root;
    commit::Dataset dataset;
    DataView data;
    ExecutorOptions options;
    std::unique_ptr<Executor> executor;
    std::optional<base::Hash> initial_root;
};

Job::Job() = default;
Job::~Job() = default;

tl::expected<std::unique_ptr<Job>, std::string> Job::open(const market::JobSpec& spec,
                                                          const std::filesystem::path& dataset_blob,
                                                          ExecutorOptions options) {
    const auto refuse = [](const market::SpecError& error) {
        return tl::unexpected("spec: " + error.path + ": " + error.reason);
    };
    if (const auto error = market::check_spec(spec)) return refuse(*error);
    auto program = program::build_program(spec);
    if (!program) return refuse(program.error());
    auto dataset = commit::Dataset::open(dataset_blob, spec.data);
    if (!dataset) return tl::unexpected(dataset.error());
    const commit::DataExtent extent = commit::extent_of(spec.data);
    const DataView data{dataset->words(), extent.train_count, extent.row_words};
    std::unique_ptr<Job> job(new Job);
    const base::Hash program_root = program::program_root(*program);
    job->impl_.reset(new Impl{spec, std::move(*program),
                              market::spec_root(market::encode_spec(spec)), program_root,
                              std::move(*dataset), data, options, nullptr, std::nullopt});
    job->impl_->executor = std::make_unique<Executor>(job->impl_->program, options);
    return job;
}

const market::JobSpec& Job::spec() const { return impl_->spec; }
const program::Program& Job::program() const { return impl_->program; }
const base::Hash& Job::spec_root() const { return impl_->spec_root; }
const base::Hash& Job::program_root() const { return impl_->program_root; }
Executor& Job::executor() { return *impl_->executor; }
DataView Job::data() const { return impl_->data; }
unsigned Job::threads() const { return impl_->options.threads; }
const ExecutorOptions& Job::options() const { return impl_->options; }

commit::State Job::initial_state() {
    commit::State state = commit::State::zeros(impl_->program);
    impl_->executor->run_init(state);
    return state;
}

base::Hash Job::initial_root() {
    if (!impl_->initial_root) impl_->initial_root = opening_root(initial_state(), 0, base::Hash{});
    return *impl_->initial_root;
}

base::Hash Job::opening_root(const commit::State& state, std::uint32_t round,
                             const base::Hash& previous_opening) {
    return commit::state_root(impl_->program, state,
                              opening_descriptor(*this, round, previous_opening),
                              impl_->options.threads);
}

}  // namespace assay::runtime
