#include "commit/checkpoint.h"
#include "commit/model_export.h"
#include "history.h"
#include "market/tables.h"
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

/// A certificate whose ledger part holds: decoded and checked against the operator's signature.
struct Ledger {
    market::Job job;
    market::JobSpec spec;
    Hash spec_root;
    HistoryFacts history;
};

Result<market::Job> proved_job(const Certificate& certificate) {
    const SignedRoots& roots = certificate.signed_roots;
    const Hash app_hash = ledger::app_hash_of(roots.state_root, roots.log_root, roots.log_size, roots.params_id);
    const Bytes message = ledger::head_message(roots.height, roots.time, app_hash);
    if (!base::public_key_from_bytes(certificate.operator_key.view())) return refuse(Problem::signature, "the operator key is no key");
    if (!base::verify(certificate.operator_key, roots.signature, ledger::kHeadDomain, certificate.chain_id, message)) {
        return refuse(Problem::signature, "the operator key did not sign this head for this chain");
    }
    const auto job = market::decode<market::Job>(certificate.job);
    if (!job) return refuse(Problem::job, "the job's record is malformed");
    const Bytes key = market::job_key(job->id);
    base::StateProof proof;
    proof.siblings = certificate.siblings;
    proof.leaf = base::StateProof::Leaf{base::state_path(key), base::state_value_hash(certificate.job)};
    if (!base::state_verify(roots.state_root, key, ByteView(certificate.job), proof)) {
        return refuse(Problem::state_proof, "the job's record is not in the signed state");
    }
    return *job;
}

Result<Ledger> check_ledger(const Certificate& certificate) {
    auto job = proved_job(certificate);
    if (!job) return tl::unexpected(job.error());
    Ledger out;
    out.job = std::move(*job);
    out.spec_root = market::spec_root(certificate.spec);
    if (out.spec_root != out.job.spec_root) return refuse(Problem::job, "the spec is not that of the job");
    if (certificate.program_root != out.job.program_root || certificate.init_root != out.job.init_root) {
        return refuse(Problem::job, "program root or init root are not those of the job");
    }
    if (!market::is_terminal(out.job.state)) return refuse(Problem::job, "the job has not ended");
    auto spec = market::decode_spec(certificate.spec);
    if (!spec) return refuse(Problem::job, "the spec is refused: ", spec.error().path, ": ", spec.error().reason);
    out.spec = std::move(*spec);
    auto history = check_history(certificate.chain_id, out.spec, out.job, certificate.history);
    if (!history) return refuse(Problem::history, history.error());
    out.history = std::move(*history);
    return out;
}

/// The spec compiles to the program of the job, and its init part gives the init root.
Result<program::Program> check_program(const Ledger& ledger, unsigned threads) {
    auto program = program::build_program(ledger.spec);
    if (!program) return refuse(Problem::program, "the spec does not compile: ", program.error().path, ": ", program.error().reason);
    if (program::program_root(*program) != ledger.job.program_root) return refuse(Problem::program, "the spec compiles to another program");
    commit::State state = commit::State::zeros(*program);
    runtime::ExecutorOptions options;
    options.threads = threads;
    runtime::Executor(*program, options).run_init(state);
    commit::StateDescriptor descriptor;
    descriptor.spec_root = ledger.spec_root;
    descriptor.program_root = ledger.job.program_root;
    descriptor.profile = ledger.spec.profile;
    descriptor.lane = commit::kOpeningLane;
    if (commit::state_root(*program, state, descriptor, threads) != ledger.job.init_root) {
        return refuse(Problem::init, "the program's init part gives another state than the job started from");
    }
    return std::move(*program);
}

/// Where the final state stands: the opening after the last final round, or the end of the only lane.
commit::StateDescriptor final_descriptor(const Ledger& ledger) {
    commit::StateDescriptor descriptor;
    descriptor.spec_root = ledger.spec_root;
    descriptor.program_root = ledger.job.program_root;
    descriptor.profile = ledger.spec.profile;
    const std::size_t rounds = ledger.history.final_roots.size();
    descriptor.round_start_root = rounds < 2 ? ledger.job.init_root : ledger.history.final_roots[rounds - 2];
    if (ledger.spec.has_merge()) {
        descriptor.round = static_cast<std::uint32_t>(rounds);
        descriptor.lane = commit::kOpeningLane;
    } else {
        descriptor.step = ledger.spec.round_steps;
    }
    return descriptor;
}

std::vector<std::string> limits_of(const Report& report) {
    std::vector<std::string> out;
    out.emplace_back(
        "That the operator has shown the same chain to everybody: it orders transactions alone and is trusted to leave none out; compare "
        "its signed heads.");
    if (report.segments > report.audited) {
        out.push_back("That every segment was recomputed: " + std::to_string(report.segments - report.audited - report.unaudited) + " of " +
                      std::to_string(report.segments) + " were not drawn, so they are vouched for by the risk their worker took.");
    }
    if (report.unaudited > 0) {
        out.push_back("Anything about " + std::to_string(report.unaudited) + " segments that were drawn but found no auditor.");
    }
    if (report.final_rounds < report.rounds) {
        out.push_back("That the whole job was trained: " + std::to_string(report.final_rounds) + " of " + std::to_string(report.rounds) +
                      " rounds are final.");
    }
    out.emplace_back("That auditors and workers are independent people.");
    out.emplace_back("Anything about the quality, origin or rights of the data, or about what the model is good for.");
    return out;
}

Report report_of(const Certificate& certificate, const Ledger& ledger) {
    Report report;
    report.chain_id = certificate.chain_id;
    report.operator_key = certificate.operator_key;
    report.height = certificate.signed_roots.height;
    report.time = certificate.signed_roots.time;
    report.job = ledger.job.id;
    report.submitter = ledger.job.submitter;
    report.state = ledger.job.state;
    report.rounds = ledger.spec.rounds;
    report.final_rounds = ledger.job.final_rounds;
    report.segments = ledger.history.segments;
    report.audited = ledger.history.audited;
    report.unaudited = ledger.history.unaudited;
    report.slashes = ledger.history.slashes;
    report.spec_root = ledger.spec_root;
    report.program_root = ledger.job.program_root;
    report.init_root = ledger.job.init_root;
    report.final_root = ledger.job.final_root;
    report.model_root = certificate.model_root;
    report.not_proved = limits_of(report);
    return report;
}

std::optional<Failure> unexpected_party(const Certificate& certificate, const market::Job& job, const VerifyOptions& options) {
    if (options.chain_id && *options.chain_id != certificate.chain_id) return Failure{Problem::unexpected, "the certificate is of another chain"};
    if (options.operator_key && *options.operator_key != certificate.operator_key) {
        return Failure{Problem::unexpected, "the certificate is of another operator"};
    }
    if (options.job && *options.job != job.id) return Failure{Problem::unexpected, "the certificate is of another job"};
    return std::nullopt;
}

}  // namespace

Result<Report> verify(ByteView bytes, const std::filesystem::path& model_directory, const VerifyOptions& options) {
    const auto certificate = decode(bytes);
    if (!certificate) return tl::unexpected(certificate.error());
    const auto ledger = check_ledger(*certificate);
    if (!ledger) return tl::unexpected(ledger.error());
    if (auto party = unexpected_party(*certificate, ledger->job, options)) return tl::unexpected(std::move(*party));
    const auto model_root = commit::model_root(model_directory);
    if (!model_root) return refuse(Problem::files, model_root.error());
    if (*model_root != certificate->model_root) return refuse(Problem::model, "the files in ", model_directory.string(), " are another model");
    const auto program = check_program(*ledger, options.threads);
    if (!program) return tl::unexpected(program.error());
    const auto root = commit::state_root_from_model(*program, ledger->spec, model_directory, final_descriptor(*ledger),
                                                    certificate->other_tensor_roots, options.threads);
    if (!root) return refuse(Problem::model, root.error());
    if (*root != ledger->job.final_root) return refuse(Problem::model, "the model's weights are not those of the job's final state");
    return report_of(*certificate, *ledger);
}

Result<Bytes> make(const Source& source, const std::filesystem::path& final_checkpoint, const std::filesystem::path& model_directory,
                   unsigned threads) {
    Certificate certificate;
    certificate.chain_id = source.chain_id;
    certificate.operator_key = source.operator_key;
    certificate.spec = source.spec;
    certificate.history = source.history;
    certificate.job = source.job;
    certificate.siblings = source.proof.siblings;
    const ledger::Head& head = source.head;
    certificate.signed_roots = {head.height, head.time, head.state_root, head.log_root, head.log_size, head.params_id, head.signature};
    const auto job = market::decode<market::Job>(source.job);
    if (!job) return refuse(Problem::job, "the job's record is malformed");
    certificate.program_root = job->program_root;
    certificate.init_root = job->init_root;
    const auto ledger = check_ledger(certificate);
    if (!ledger) return tl::unexpected(ledger.error());
    const auto program = check_program(*ledger, threads);
    if (!program) return tl::unexpected(program.error());

    const auto state = commit::load_state(final_checkpoint, *program, final_descriptor(*ledger), ledger->job.final_root, threads);
    if (!state) return refuse(Problem::files, final_checkpoint.string(), ": ", commit::message_of(state.error()));
    const auto model_root = commit::export_model(*program, ledger->spec, *state, model_directory);
    if (!model_root) return refuse(Problem::files, model_root.error());
    certificate.model_root = *model_root;
    certificate.other_tensor_roots = commit::non_weight_tensor_roots(*program, *state, threads);
    Bytes bytes = encode(certificate);
    VerifyOptions options;
    options.threads = threads;
    if (const auto checked = verify(bytes, model_directory, options); !checked) return tl::unexpected(checked.error());
    return bytes;
}

}  // namespace assay::certificate
