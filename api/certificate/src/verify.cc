#include "certificate/certificate.h"

#include "commit/checkpoint.h"
#include "commit/model_export.h"
#include "market/transactions.h"
#include "program/builder.h"
#include "runtime/executor.h"

namespace assay::certificate {
namespace {

using base::Bytes;
using base::ByteView;
using base::Hash;

template <class... Text>
tl::unexpected<Failure> refuse(Problem problem, const Text&... text) {
    Failure failure{problem, {}};
    ((failure.detail += text), ...);
    return tl::unexpected(std::move(failure));
}

Problem problem_of(evidence::Problem problem) {
    switch (problem) {
        case evidence::Problem::signature:
            return Problem::signature;
        case evidence::Problem::log:
            return Problem::log;
        case evidence::Problem::keys:
            return Problem::keys;
        case evidence::Problem::job:
            return Problem::job;
        case evidence::Problem::history:
            return Problem::history;
        case evidence::Problem::epochs:
            return Problem::epochs;
        case evidence::Problem::draws:
            return Problem::draws;
    }
    return Problem::malformed;
}

/// The spec of the job that is posted in the log. Whether anybody signed it is checked with
/// everything else.
Result<market::JobSpec> posted_spec(const evidence::Evidence& evidence) {
    for (const evidence::Recorded& recorded : evidence.transactions) {
        const auto transaction = market::decode_transaction(recorded.raw);
        if (!transaction) continue;
        const auto* post = std::get_if<market::JobPost>(&transaction->message);
        if (post == nullptr) continue;
        auto spec = market::decode_spec(post->spec);
        if (!spec)
            return refuse(Problem::job, "the spec is refused: ", spec.error().path, ": ",
                          spec.error().reason);
        return std::move(*spec);
    }
    return refuse(Problem::job, "no job is posted in the log");
}

struct Checked {
    evidence::Facts facts;
    program::Program program;
};

/// Everything but the model.
Result<Checked> check_all(const Certificate& certificate, unsigned threads) {
    auto spec = posted_spec(certificate.evidence);
    if (!spec) return tl::unexpected(spec.error());
    auto program = program::build_program(*spec);
    if (!program)
        return refuse(Problem::program, "the spec compiles to no program: ", program.error().path,
                      ": ", program.error().reason);
    auto facts = evidence::check(certificate.evidence, program::program_root(*program));
    if (!facts)
        return tl::unexpected(Failure{problem_of(facts.error().problem), facts.error().detail});
    commit::State state = commit::State::zeros(*program);
    runtime::ExecutorOptions options;
    options.threads = threads;
    runtime::Executor(*program, options).run_init(state);
    commit::StateDescriptor descriptor;
    descriptor.spec_root = facts->spec_root;
    descriptor.program_root = facts->program_root;
    descriptor.profile = facts->spec.profile;
    descriptor.lane = commit::kOpeningLane;
    if (commit::state_root(*program, state, descriptor, threads) != facts->init_root) {
        return refuse(Problem::init,
                      "the program's init part gives another state than the job started from");
    }
    return Checked{std::move(*facts), std::move(*program)};
}

/// Where the final state stands: the opening after the last final round, or the end of the only
/// lane.
commit::StateDescriptor final_descriptor(const evidence::Facts& facts) {
    commit::StateDescriptor descriptor;
    descriptor.spec_root = facts.spec_root;
    descriptor.program_root = facts.program_root;
    descriptor.profile = facts.spec.profile;
    const std::size_t rounds = facts.final_roots.size();
    descriptor.round_start_root = rounds < 2 ? facts.init_root : facts.final_roots[rounds - 2];
    if (facts.spec.has_merge()) {
        descriptor.round = static_cast<std::uint32_t>(rounds);
        descriptor.lane = commit::kOpeningLane;
    } else {
        descriptor.step = facts.spec.round_steps;
    }
    return descriptor;
}

void count_audited(Report& report) {
    for (const evidence::ClaimFacts& claim : report.facts.claims) {
        if (claim.kind != market::ClaimKind::segment) continue;
        ++report.segments;
        bool valid = false;
        for (const evidence::Draw& draw : claim.draws) {
            for (const evidence::Voice& voice : draw.voices)
                valid = valid || voice.verdict == market::VerdictKind::valid;
        }
        report.audited += valid ? 1U : 0U;
    }
}

std::vector<std::string> limits_of(const Report& report) {
    std::vector<std::string> out;
    if (!report.weighed) {
        out.emplace_back(
            "Anything: the operator introduced the keys of everybody who signed; name keys that "
            "you trust (--trust), or recompute (--replay).");
    }
    if (report.segments > report.audited) {
        out.push_back("That every segment was recomputed: " +
                      std::to_string(report.segments - report.audited) + " of " +
                      std::to_string(report.segments) +
                      " were not drawn, so they are vouched for by the risk their worker took.");
    }
    if (report.facts.left_out > 0) {
        out.push_back("That every lane counted: " + std::to_string(report.facts.left_out) +
                      " were left out of the merges of their rounds.");
    }
    if (report.facts.closed.final_rounds < report.facts.spec.rounds) {
        out.push_back(
            "That the whole job was trained: " + std::to_string(report.facts.closed.final_rounds) +
            " of " + std::to_string(report.facts.spec.rounds) + " rounds are final.");
    }
    if (!report.model_checked) out.emplace_back("That any file is the model: none was given.");
    out.emplace_back(
        "Anything about the quality, origin or rights of the data, or about what the model is good "
        "for.");
    return out;
}

std::optional<Failure> unexpected_party(const evidence::Facts& facts,
                                        const VerifyOptions& options) {
    if (options.chain_id && *options.chain_id != facts.chain_id)
        return Failure{Problem::unexpected, "the certificate is of another chain"};
    if (options.operator_key && *options.operator_key != facts.operator_key) {
        return Failure{Problem::unexpected, "the certificate is of another operator"};
    }
    if (options.job && *options.job != facts.job)
        return Failure{Problem::unexpected, "the certificate is of another job"};
    return std::nullopt;
}

std::optional<Failure> check_model(const Certificate& certificate, const Checked& checked,
                                   const std::filesystem::path& folder, unsigned threads) {
    const auto model_root = commit::model_root(folder);
    if (!model_root) return Failure{Problem::files, model_root.error()};
    if (*model_root != certificate.model_root)
        return Failure{Problem::model, "the files in " + folder.string() + " are another model"};
    const evidence::Facts& facts = checked.facts;
    const auto root =
        commit::state_root_from_model(checked.program, facts.spec, folder, final_descriptor(facts),
                                      certificate.other_tensor_roots, threads);
    if (!root) return Failure{Problem::model, root.error()};
    if (*root != facts.final_roots.back())
        return Failure{Problem::model,
                       "the model's weights are not those of the job's final state"};
    return std::nullopt;
}

}  // namespace

Result<Report> verify(ByteView bytes, const VerifyOptions& options) {
    const auto certificate = decode(bytes);
    if (!certificate) return tl::unexpected(certificate.error());
    auto checked = check_all(*certificate, options.threads);
    if (!checked) return tl::unexpected(checked.error());
    if (auto party = unexpected_party(checked->facts, options))
        return tl::unexpected(std::move(*party));
    Report report;
    if (options.model) {
        if (auto what = check_model(*certificate, *checked, *options.model, options.threads))
            return tl::unexpected(std::move(*what));
        report.model_checked = true;
    }
    report.facts = std::move(checked->facts);
    report.model_root = certificate->model_root;
    count_audited(report);
    if (options.trust) {
        auto weighed = evidence::weigh(report.facts, *options.trust);
        if (!weighed) return refuse(Problem::trust, weighed.error());
        report.statement = weighed->sentence;
        report.weighed = std::move(*weighed);
    } else {
        report.statement = "unproved: " + std::to_string(report.audited) + " of " +
                           std::to_string(report.segments) +
                           " segments carry verdicts, all of keys that the operator introduced";
    }
    report.not_proved = limits_of(report);
    return report;
}

Result<Bytes> make(const evidence::Evidence& evidence,
                   const std::filesystem::path& final_checkpoint,
                   const std::filesystem::path& model_directory, unsigned threads) {
    Certificate certificate;
    certificate.evidence = evidence;
    const auto checked = check_all(certificate, threads);
    if (!checked) return tl::unexpected(checked.error());
    const evidence::Facts& facts = checked->facts;
    const auto state =
        commit::load_state(final_checkpoint, checked->program, final_descriptor(facts),
                           facts.final_roots.back(), threads);
    if (!state)
        return refuse(Problem::files, final_checkpoint.string(), ": ",
                      commit::message_of(state.error()));
    const auto model_root =
        commit::export_model(checked->program, facts.spec, *state, model_directory);
    if (!model_root) return refuse(Problem::files, model_root.error());
    certificate.model_root = *model_root;
    certificate.other_tensor_roots =
        commit::non_weight_tensor_roots(checked->program, *state, threads);
    if (auto what = check_model(certificate, *checked, model_directory, threads))
        return tl::unexpected(std::move(*what));
    return encode(certificate);
}

}  // namespace assay::certificate
