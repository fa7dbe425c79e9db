#include "router.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "client/json.h"

namespace assay::server {
namespace {

constexpr Route read(std::string_view pattern, Handler handler,
                     std::array<std::string_view, 5> query = {}) {
    return {Method::get, pattern, handler, nullptr, nullptr, BodyKind::none, query};
}

constexpr std::array kRoutes{
    read("/livez", get_livez),
    read("/readyz", get_readyz),
    read("/version", get_version),
    read("/metrics", get_metrics),
    read("/openapi.json", get_openapi),
    read("/v1/chain", get_chain),
    Route{Method::post,
          "/v1/transactions",
          nullptr,
          post_transaction,
          nullptr,
          BodyKind::transaction,
          {}},
    read("/v1/transactions/{id}", get_transaction),
    Route{Method::post, "/v1/plan", post_plan, nullptr, nullptr, BodyKind::json, {}},
    read("/v1/accounts/{id}", get_account, {"nonce_lane"}),
    read("/v1/jobs", get_jobs, {"state", "after", "limit"}),
    read("/v1/jobs/{id}", get_job),
    read("/v1/jobs/{id}/spec", get_job_spec),
    read("/v1/jobs/{id}/lanes", get_lanes, {"after", "limit"}),
    read("/v1/jobs/{id}/rounds/{round}", get_round),
    read("/v1/jobs/{id}/parts", get_job_parts, {"after", "limit"}),
    read("/v1/jobs/{id}/audits", get_job_audits, {"after", "limit"}),
    read("/v1/jobs/{id}/questions", get_job_questions, {"after", "limit"}),
    read("/v1/jobs/{id}/disputes", get_job_disputes, {"state", "after", "limit"}),
    read("/v1/jobs/{id}/leases", get_job_leases, {"after", "limit"}),
    read("/v1/jobs/{id}/history", get_job_history, {"first", "limit"}),
    read("/v1/leases", get_leases, {"worker", "after", "limit"}),
    read("/v1/leases/{id}", get_lease),
    read("/v1/parts/{id}", get_part),
    read("/v1/audits", get_audits, {"validator", "after", "limit"}),
    read("/v1/audits/{id}", get_audit),
    read("/v1/claims/{subject}", get_claims, {"after", "limit"}),
    read("/v1/claims/{subject}/audits", get_claim_audits, {"segment", "limit"}),
    read("/v1/questions", get_questions, {"obliged", "asker", "after", "limit"}),
    read("/v1/questions/{id}", get_question),
    read("/v1/questions/{id}/state", get_question_state),
    read("/v1/pools", get_pools, {"part", "segment", "limit"}),
    read("/v1/pools/{id}", get_pool),
    read("/v1/pools/{id}/members", get_pool_members, {"after", "limit"}),
    read("/v1/disputes", get_disputes, {"account", "side", "after", "limit"}),
    read("/v1/disputes/{id}", get_dispute),
    read("/v1/disputes/{id}/game", get_game),
    read("/v1/epochs/{number}", get_epoch),
    read("/v1/epochs/{number}/commitments", get_epoch_commitments, {"after", "limit"}),
    read("/v1/epochs/{number}/members", get_epoch_members, {"after", "limit"}),
    read("/v1/offers", get_offers, {"worker", "limit"}),
    read("/v1/validators", get_validators, {"limit"}),
    Route{Method::get,
          "/v1/events",
          nullptr,
          get_events,
          nullptr,
          BodyKind::none,
          {"after", "limit", "wait_ms"}},
    read("/v1/blobs/{root}", get_blob),
    read("/v1/blobs/{root}/receipt", get_blob_receipt),
    Route{Method::put, "/v1/blobs/{root}", nullptr, nullptr, put_blob, BodyKind::blob, {}},
    read("/v1/state/{key}", get_state_value),
    read("/v1/proofs/{key}", get_proof),
    read("/v1/receipts/{transaction}", get_receipt_proof, {"size"}),
    read("/v1/jobs/{id}/evidence", get_job_evidence),
    read("/v1/log/consistency", get_log_consistency, {"from", "to"}),
};

std::vector<std::string_view> split_path(std::string_view path) {
    std::vector<std::string_view> parts;
    path.remove_prefix(1);
    while (true) {
        const std::size_t slash = path.find('/');
        parts.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return parts;
        path.remove_prefix(slash + 1);
    }
}

bool matches(std::span<const std::string_view> pattern, std::span<const std::string_view> path,
             PathValues& values) {
    if (pattern.size() != path.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i].starts_with('{')) {
            if (path[i].empty()) return false;
            values.emplace_back(path[i]);
        } else if (pattern[i] != path[i]) {
            return false;
        }
    }
    return true;
}

tl::unexpected<Problem> refuse(int status, std::string code, std::string detail) {
    return tl::unexpected(Problem{status, std::move(code), std::move(detail)});
}

/// The part of a Content-Type before parameters.
std::string media_type(const Request& request) {
    const std::string_view whole = request.header("content-type");
    std::string_view type = whole.substr(0, whole.find(';'));
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    return std::string(type);
}

tl::expected<std::uint64_t, Problem> body_limit(const Route& route, const Request& request,
                                                const Limits& limits) {
    const std::string type = media_type(request);
    switch (route.body) {
        case BodyKind::none:
            return 0;
        case BodyKind::json:
            if (type != "application/json")
                return refuse(415, "unsupported_media_type", "send application/json");
            return limits.json_bytes_max;
        case BodyKind::transaction:
            if (type != "application/octet-stream")
                return refuse(415, "unsupported_media_type", "send application/octet-stream");
            return limits.transaction_bytes_max;
        case BodyKind::blob:
            if (type != "application/octet-stream")
                return refuse(415, "unsupported_media_type", "send application/octet-stream");
            return limits.blob_bytes_max;
    }
    return 0;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

tl::expected<Match, Problem> match_route(Method method, std::string_view path) {
    const auto parts = split_path(path);
    bool path_known = false;
    for (const Route& route : kRoutes) {
        const auto pattern = split_path(route.pattern);
        Match match{&route, {}};
        if (!matches(pattern, parts, match.values)) continue;
        path_known = true;
        if (route.method == method ||
            (method == Method::head && route.method == Method::get && route.late == nullptr))
            return match;
    }
    if (path_known) return refuse(405, "method_not_allowed", "this path does not take that method");
    return refuse(404, "not_found", "there is no such path");
}

tl::expected<BodyPlan, Problem> Router::plan(const Request& request, std::uint64_t content_length) {
    const auto match = match_route(request.method, request.path);
    if (!match) return tl::unexpected(match.error());
    const Route& route = *match->route;
    for (const auto& [name, value] : request.query) {
        const bool known =
            std::find(route.query.begin(), route.query.end(), name) != route.query.end();
        if (!known) return refuse(400, "bad_query", "the parameter " + name + " is not known here");
    }
    const auto limit = body_limit(route, request, context_.limits);
    if (!limit) return tl::unexpected(limit.error());
    BodyPlan plan;
    plan.bytes_max = *limit;
    if (content_length > *limit)
        return refuse(413, "body_too_large",
                      "the body may have at most " + std::to_string(*limit) + " bytes");
    if (route.upload != nullptr) {
        auto upload = route.upload(context_, request, match->values, content_length);
        if (!upload) return tl::unexpected(upload.error());
        plan.upload = std::move(*upload);
    }
    return plan;
}

void Router::handle(Request request, Deliver deliver) {
    const std::string id = request.id;
    // The pool owns the task, this function only hands it over.
    const bool queued = context_.pool.post([this, request = std::move(request), deliver]() mutable {
        const auto match = match_route(request.method, request.path);
        if (!match) return deliver({problem_response(match.error(), request.id), nullptr});
        if (match->route->late != nullptr)
            return match->route->late(context_, std::move(request), match->values,
                                      std::move(deliver));
        deliver({match->route->handler(context_, request, match->values), nullptr});
    });
    if (!queued)
        deliver({problem_response({503, "busy", "too many requests wait already"}, id), nullptr});
}

void Router::observe(const Request& request, int status, std::uint64_t bytes, double seconds) {
    const auto match = request.path.empty() ? tl::expected<Match, Problem>(refuse(404, "", ""))
                                            : match_route(request.method, request.path);
    const std::string_view route = match ? match->route->pattern : std::string_view("other");
    context_.metrics.request(route, method_name(request.method), status, seconds, bytes);
    spdlog::debug(
        R"({{"event":"request","id":"{}","method":"{}","route":"{}","status":{},"size_b":{},"duration_s":{:.6f}}})",
        request.id, method_name(request.method), route, status, bytes, seconds);
}

std::string Router::next_request_id() { return fmt::format("r{}", ++request_number_); }

// Building answers, reading path and query.

Response json_response(const Json& json, int status) {
    Response response;
    response.status = status;
    response.body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return response;
}

Response problem(const Request& request, int status, std::string code, std::string detail) {
    return problem_response({status, std::move(code), std::move(detail)}, request.id);
}

bool wants_bytes(const Request& request) { return request.accepts("application/octet-stream"); }

Response bytes_response(const base::Bytes& bytes) {
    Response response;
    response.content_type = "application/octet-stream";
    response.body = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return response;
}

std::optional<base::Hash> hash_value(std::string_view text) { return base::hash_from_hex(text); }

tl::expected<std::uint64_t, Problem> number_query(const Request& request, std::string_view name,
                                                  std::uint64_t fallback, std::uint64_t max) {
    const auto found = request.query.find(name);
    if (found == request.query.end()) return fallback;
    const std::string& text = found->second;
    const bool digits =
        !text.empty() && text.size() <= 18 &&
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    const std::uint64_t value = digits ? std::stoull(text) : 0;
    if (!digits || value > max)
        return refuse(400, "bad_query",
                      std::string(name) + " must be a number of at most " + std::to_string(max));
    return value;
}

}  // namespace assay::server
