#include <cmath>
#include <fstream>

#include "commit/dataset.h"
#include "contestants.h"
#include "program/builder.h"
#include "protocol.h"
#include "runtime/segment.h"
#include "shapes.h"

namespace assay::bench {

namespace {

/// What a job plans to need, in bytes; `state_bytes` of weights and both moments are part of it.
Json plan_of(const market::JobSpec& spec, const program::Program& program,
             runtime::Executor& executor, const Options& options) {
    const program::Cost cost = program::cost_of(program);
    return {{"batch", spec.batch},
            {"micro_batch", options.micro_batch},
            {"recompute", options.recompute},
            {"weights", cost.weights},
            {"state_bytes", cost.state_bytes},
            {"sequence_bytes", cost.sequence_bytes},
            {"protocol_peak_bytes",
             cost.peak_bytes(options.micro_batch == 0 ? spec.batch : options.micro_batch)},
            {"planned_bytes", executor.planned_bytes()},
            {"flops_per_step", cost.flops_per_step}};
}

}  // namespace

int run_step(const Options& options) {
    const auto target = runtime::target_from_name(options.target);
    if (!target) return fail("--target: " + options.target + " is not known or not available here");
    const ScratchFolder folder;
    const auto shape = make_shape(options.shape, options.text, folder.path(), options.batch);
    if (!shape) return fail(shape.error());
    const auto job = runtime::Job::open(shape->spec, shape->blob, options.executor(*target));
    if (!job) return fail(job.error());
    commit::State state = (*job)->initial_state();
    std::uint32_t h = 0;
    runtime::StepResult last;
    Json ready = plan_of(shape->spec, (*job)->program(), (*job)->executor(), options);
    ready.update({{"contestant", "exact"},
                  {"shape", options.shape},
                  {"unit", "ms"},
                  {"threads", options.threads},
                  {"target", options.target}});
    const auto measure = [&](const std::string&) {
        const Stopwatch watch;
        last = (*job)->executor().run_step(state, (*job)->data(), 0, 0, h);
        const double took = watch.milliseconds();
        h = (h + 1) % shape->spec.round_steps;
        return took;
    };
    return serve(ready, measure, [&] { return Json{{"loss", last.loss}, {"fault", last.fault}}; });
}

int run_memory(const Options& options) {
    const ScratchFolder folder;
    const auto shape = make_shape(options.shape, options.text, folder.path(), options.batch);
    if (!shape) return fail(shape.error());
    const auto program = program::build_program(shape->spec);
    if (!program) return fail(program.error().path + ": " + program.error().reason);
    runtime::Executor executor(*program, options.executor(runtime::Target::best));
    Json answer = plan_of(shape->spec, *program, executor, options);
    answer["shape"] = options.shape;
    std::puts(answer.dump().c_str());
    return 0;
}

int run_export(const Options& options) {
    std::error_code error;
    std::filesystem::create_directories(options.out, error);
    if (error) return fail(options.out.string() + ": the folder cannot be created");
    const auto shape = make_shape(options.shape, options.text, options.out, options.batch);
    if (!shape) return fail(shape.error());
    const base::Bytes encoded = market::encode_spec(shape->spec);
    const auto file = options.out / "job.spec";
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(encoded.data()),
              static_cast<std::streamsize>(encoded.size()));
    out.close();
    if (!out) return fail(file.string() + ": cannot be written");
    const auto& model = std::get<market::GptModel>(shape->spec.model);
    const auto& data = std::get<market::TokenData>(shape->spec.data);
    const market::Optimizer& optimizer = shape->spec.optimizer;
    const double ppb = 1e-9;
    const Json description{
        {"shape", options.shape},
        {"spec", file.string()},
        {"data", shape->blob.string()},
        {"train_tokens", data.train_tokens},
        {"vocabulary", data.vocabulary},
        {"layers", model.layers},
        {"heads", model.heads},
        {"width", model.width},
        {"context", model.context},
        {"batch", shape->spec.batch},
        {"learning_rate", static_cast<double>(optimizer.learning_rate_ppb) * ppb},
        {"beta1", optimizer.beta1_ppb * ppb},
        {"beta2", optimizer.beta2_ppb * ppb},
        {"epsilon", static_cast<double>(optimizer.epsilon_ppb_of_ppb) * ppb * ppb},
        {"weight_decay", optimizer.weight_decay_ppb * ppb},
        {"clip_norm", static_cast<double>(optimizer.clip_norm_ppb) * ppb}};
    std::ofstream(options.out / "shape.json") << description.dump(2) << "\n";
    std::puts(description.dump().c_str());
    return 0;
}

}  // namespace assay::bench
