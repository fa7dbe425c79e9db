#pragma once

#include <array>
#include <atomic>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "application.h"
#include "base/signature.h"
#include "event_hub.h"
#include "ledger/node.h"
#include "metrics.h"
#include "server/blob_store.h"
#include "server/job_checker.h"
#include "server/limits.h"
#include "worker_pool.h"

/// Handlers: functions from a request and these dependencies to an answer. They know nothing of
/// sockets.
namespace assay::server {

struct Context {
    ledger::Node& node;
    BlobStore& blobs;
    JobChecker& checker;
    const base::SecretKey& receipt_key;  ///< the operator's: signs storage receipts
    const Limits& limits;
    const ledger::Clock& clock;
    WorkerPool& pool;
    EventHub& hub;
    Metrics& metrics;
    std::atomic<bool>& draining;
    std::atomic<unsigned>& plans;  ///< programs being compiled now
};

using Json = nlohmann::json;
/// Values of the `{...}` parts of a route's pattern, in order.
using PathValues = std::vector<std::string>;
/// Runs on a worker thread and answers at once.
using Handler = Response (*)(Context&, const Request&, const PathValues&);
/// Answers later, possibly from another thread.
using LateHandler = void (*)(Context&, Request, const PathValues&, Deliver);
/// Begins receiving a body.
using UploadHandler = tl::expected<std::unique_ptr<Upload>, Problem> (*)(Context&, const Request&,
                                                                         const PathValues&,
                                                                         std::uint64_t bytes);

enum class BodyKind : std::uint8_t { none, json, transaction, blob };

struct Route {
    Method method = Method::get;
    std::string_view pattern;
    Handler handler = nullptr;  // exactly one of the three
    LateHandler late = nullptr;
    UploadHandler upload = nullptr;
    BodyKind body = BodyKind::none;
    std::array<std::string_view, 5> query{};  ///< parameters it knows; any other is refused
};
/// The whole API. docs/api.md and openapi.json describe each entry; a test compares them.
std::span<const Route> routes();

// Building answers.
Response json_response(const Json& json, int status = 200);
Response problem(const Request& request, int status, std::string code, std::string detail);
/// Canonical bytes instead of JSON, for clients that ask with Accept: application/octet-stream.
bool wants_bytes(const Request& request);
Response bytes_response(const base::Bytes& bytes);

// Reading path and query.
std::optional<base::Hash> hash_value(std::string_view text);
tl::expected<std::uint64_t, Problem> number_query(const Request& request, std::string_view name,
                                                  std::uint64_t fallback, std::uint64_t max);

// handlers_operations.cc
Response get_livez(Context&, const Request&, const PathValues&);
Response get_readyz(Context&, const Request&, const PathValues&);
Response get_version(Context&, const Request&, const PathValues&);
Response get_metrics(Context&, const Request&, const PathValues&);
Response get_openapi(Context&, const Request&, const PathValues&);
// handlers_blobs.cc
Response get_blob(Context&, const Request&, const PathValues&);
Response get_blob_receipt(Context&, const Request&, const PathValues&);
tl::expected<std::unique_ptr<Upload>, Problem> put_blob(Context&, const Request&, const PathValues&,
                                                        std::uint64_t);
// handlers_events.cc
void get_events(Context&, Request, const PathValues&, Deliver);
// handlers_transactions.cc
void post_transaction(Context&, Request, const PathValues&, Deliver);
Response get_transaction(Context&, const Request&, const PathValues&);
Response post_plan(Context&, const Request&, const PathValues&);
// handlers_objects.cc
Response get_chain(Context&, const Request&, const PathValues&);
Response get_account(Context&, const Request&, const PathValues&);
Response get_jobs(Context&, const Request&, const PathValues&);
Response get_job(Context&, const Request&, const PathValues&);
Response get_job_spec(Context&, const Request&, const PathValues&);
Response get_lanes(Context&, const Request&, const PathValues&);
Response get_round(Context&, const Request&, const PathValues&);
Response get_job_parts(Context&, const Request&, const PathValues&);
Response get_job_history(Context&, const Request&, const PathValues&);
Response get_job_leases(Context&, const Request&, const PathValues&);
Response get_leases(Context&, const Request&, const PathValues&);
Response get_lease(Context&, const Request&, const PathValues&);
Response get_part(Context&, const Request&, const PathValues&);
Response get_validators(Context&, const Request&, const PathValues&);
Response get_offers(Context&, const Request&, const PathValues&);
// handlers_judgement.cc
Response get_epoch(Context&, const Request&, const PathValues&);
Response get_epoch_commitments(Context&, const Request&, const PathValues&);
Response get_epoch_members(Context&, const Request&, const PathValues&);
Response get_job_audits(Context&, const Request&, const PathValues&);
Response get_audits(Context&, const Request&, const PathValues&);
Response get_audit(Context&, const Request&, const PathValues&);
Response get_claims(Context&, const Request&, const PathValues&);
Response get_claim_audits(Context&, const Request&, const PathValues&);
Response get_job_questions(Context&, const Request&, const PathValues&);
Response get_questions(Context&, const Request&, const PathValues&);
Response get_question(Context&, const Request&, const PathValues&);
Response get_question_state(Context&, const Request&, const PathValues&);
Response get_pools(Context&, const Request&, const PathValues&);
Response get_pool(Context&, const Request&, const PathValues&);
Response get_pool_members(Context&, const Request&, const PathValues&);
Response get_disputes(Context&, const Request&, const PathValues&);
Response get_job_disputes(Context&, const Request&, const PathValues&);
Response get_dispute(Context&, const Request&, const PathValues&);
Response get_game(Context&, const Request&, const PathValues&);
// handlers_proofs.cc
Response get_state_value(Context&, const Request&, const PathValues&);
Response get_proof(Context&, const Request&, const PathValues&);
Response get_receipt_proof(Context&, const Request&, const PathValues&);
Response get_log_consistency(Context&, const Request&, const PathValues&);
Response get_job_evidence(Context&, const Request&, const PathValues&);

}  // namespace assay::server
