#include "training_soak.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace assay::soak {

using commit::State;
using equality::TextJob;
using runtime::Executor;
using runtime::Target;

namespace {

/// What a run goes on from: both executors have the same state, or it would not have been saved.
struct Saved {
    std::uint32_t step = 0;
    double first_loss = 0;
    std::uint64_t near_cut = 0, cut = 0;
    State state;
};

std::string header_of(const TextJob& job, const Saved& saved) {
    char text[256];
    std::snprintf(text, sizeof text, "soak 1 %s %u %.9g %llu %llu ", job.name.c_str(), saved.step,
                  saved.first_loss, static_cast<unsigned long long>(saved.near_cut),
                  static_cast<unsigned long long>(saved.cut));
    return text + equality::root_after(job, saved.state, 0, saved.step).hex();
}

tl::expected<void, std::string> save(const TextJob& job, const Saved& saved,
                                     const std::filesystem::path& file) {
    const std::filesystem::path fresh = file.string() + ".new";
    {
        std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
        out << header_of(job, saved) << '\n';
        for (const commit::Buffer& tensor : saved.state.tensors)
            out.write(reinterpret_cast<const char*>(tensor.data()),
                      static_cast<std::streamsize>(tensor.size()));
        out.close();
        if (!out) return tl::unexpected("cannot write " + fresh.string());
    }
    std::error_code error;
    std::filesystem::rename(fresh, file, error);
    if (error) return tl::unexpected("cannot write " + file.string());
    return {};
}

/// The saved state, or the beginning when there is none. A state whose root is not the one in its
/// header is of another job or damaged.
tl::expected<Saved, std::string> load(const TextJob& job, const std::filesystem::path& file) {
    Saved saved;
    saved.state = State::zeros(job.program);
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        Executor(job.program, {1, 1, Target::scalar}).run_init(saved.state);
        return saved;
    }
    std::string header, word, version, name, root;
    std::getline(in, header);
    std::istringstream fields(header);
    fields >> word >> version >> name >> saved.step >> saved.first_loss >> saved.near_cut >>
        saved.cut >> root;
    for (commit::Buffer& tensor : saved.state.tensors)
        in.read(reinterpret_cast<char*>(tensor.data()),
                static_cast<std::streamsize>(tensor.size()));
    if (!in || !fields || word != "soak" || version != "1" ||
        root != equality::root_after(job, saved.state, 0, saved.step).hex()) {
        return tl::unexpected(file.string() +
                              " is damaged or of another job; remove it to begin anew");
    }
    return saved;
}

std::uint64_t count_cut(const TextJob& job, const State& before, const State& after) {
    std::uint64_t count = 0;
    const std::vector<program::TensorId> ids = job.program.state_tensors();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!job.program.tensors[ids[i]].name.starts_with("moment")) continue;
        const std::size_t n = after.tensors[i].size() / sizeof(float);
        for (std::size_t e = 0; e < n; ++e) {
            if (before.tensors[i].f32()[e] != 0.0F && after.tensors[i].f32()[e] == 0.0F) ++count;
        }
    }
    return count;
}

}  // namespace

tl::expected<TrainingReport, std::string> soak_training(const TextJob& job,
                                                        const TrainingSoakOptions& options) {
    std::error_code error;
    std::filesystem::create_directories(options.directory, error);
    const std::filesystem::path file = options.directory / ("training-" + job.name + ".state");
    auto loaded = load(job, file);
    if (!loaded) return tl::unexpected(loaded.error());
    Saved saved = std::move(*loaded);
    TrainingReport report;
    report.job = job.name;
    report.resumed_at = saved.step;
    Executor definition(job.program, {1, 1, Target::scalar});
    Executor fast(job.program, {1, 3, Target::best});
    State& state = saved.state;
    State copy = state.clone();
    while (saved.step < options.steps) {
        const State before = state.clone();
        const std::uint32_t end = std::min(options.steps, saved.step + options.every);
        const auto run = [&](Executor& executor, State& of) {
            for (std::uint32_t step = saved.step; step < end; ++step)
                executor.run_step(of, job.data(), 0, 0, step);
        };
        {
            const std::jthread beside([&] { run(fast, copy); });
            run(definition, state);
        }
        ++report.comparisons;
        const bool equal =
            equality::root_after(job, state, 0, end) == equality::root_after(job, copy, 0, end);
        if (!equal) {
            report.difference = "between steps " + std::to_string(saved.step) + " and " +
                                std::to_string(end) + ": " +
                                equality::first_difference(job.program, state, copy);
            break;
        }
        saved.step = end;
        saved.near_cut = std::max(saved.near_cut, equality::count_moments(job, state).near_cut);
        saved.cut += count_cut(job, before, state);
        report.last_loss = equality::loss_of(job, state);
        if (saved.first_loss == 0) saved.first_loss = report.last_loss;
        const bool go_on = options.progress(end, report.last_loss);
        if (end % options.save_every == 0 || end == options.steps || !go_on) {
            if (const auto written = save(job, saved, file); !written)
                return tl::unexpected(written.error());
        }
        if (!go_on) break;
    }
    report.steps = saved.step;
    report.first_loss = saved.first_loss;
    report.last_loss = equality::loss_of(job, state);
    report.moments_near_cut = saved.near_cut;
    report.moments_cut = saved.cut;
    report.final_root = equality::root_after(job, state, 0, saved.step).hex();
    return report;
}

}  // namespace assay::soak
