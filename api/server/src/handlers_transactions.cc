#include <algorithm>

#include "client/json.h"
#include "handlers.h"
#include "market/pricing.h"
#include "market/queries.h"
#include "market/transactions.h"
#include "plan/job_price.h"
#include "post_guard.h"
#include "refusal_status.h"

namespace assay::server {
namespace {

Json receipt_json(const ledger::Receipt& receipt) {
    return {{"object", "transaction"},
            {"id", receipt.id.hex()},
            {"height", std::to_string(receipt.height.value)},
            {"block_time_ms", std::to_string(receipt.time.value)},
            {"index", receipt.index},
            {"code", std::string(market::to_word(receipt.code))},
            {"fee", receipt.fee.decimal()},
            {"log_index", std::to_string(receipt.log_index)}};
}

Response refusal_response(market::Refusal refusal, const std::string& request_id,
                          const base::TransactionId& id,
                          const std::optional<ledger::Receipt>& receipt) {
    Response response = problem_response({status_of(refusal), std::string(market::to_word(refusal)),
                                          std::string(market::explanation_of(refusal))},
                                         request_id);
    Json json = Json::parse(std::get<std::string>(response.body), nullptr, false);
    json["transaction"] = id.hex();
    if (receipt) json["receipt"] = receipt_json(*receipt);
    response.body = json.dump();
    return response;
}

Response outcome_response(const ledger::Outcome& outcome, bool repeated,
                          const std::string& request_id) {
    switch (outcome.status) {
        case ledger::Outcome::Status::in_block:
            if (outcome.receipt && outcome.code == market::Refusal::none) {
                Json json = receipt_json(*outcome.receipt);
                json["repeated"] = repeated;
                return json_response(json, repeated ? 200 : 201);
            }
            return refusal_response(outcome.code, request_id, outcome.id, outcome.receipt);
        case ledger::Outcome::Status::refused:
            return refusal_response(outcome.code, request_id, outcome.id, std::nullopt);
        case ledger::Outcome::Status::busy:
            return problem_response({503, "busy", "the queue of transactions is full"}, request_id);
        case ledger::Outcome::Status::stopped:
            return problem_response({503, "draining", "the node is shutting down"}, request_id);
    }
    return problem_response({500, "internal", ""}, request_id);
}

const Problem kPlansBusy{503, "busy", "too many jobs are being planned"};

/// The edge's own look at a job, with the slot that its guard holds: whoever posts another initial
/// state than the spec implies would only pay for finding out later.
std::optional<Problem> check_job_post(Context& context, const market::JobPost& post) {
    const auto spec = market::decode_spec(post.spec);
    if (!spec) return Problem{422, "spec_invalid", client::spec_error_text(spec.error())};
    const auto facts = context.checker.facts(*spec);
    if (!facts) return Problem{422, "spec_invalid", client::spec_error_text(facts.error())};
    if (facts->init_root != post.init_root)
        return Problem{422, "wrong_init_root",
                       "the spec's initial state has root " + facts->init_root.hex()};
    return std::nullopt;
}

std::uint64_t ceiling_divide(std::uint64_t a, std::uint64_t b) {
    return b == 0 ? 0 : a / b + (a % b == 0 ? 0 : 1);
}

/// Offers that could take the job now, with what they would charge and how long they would take.
Json matching_offers(const market::StateReader& state, const market::JobSpec& spec,
                     const client::JobFacts& facts) {
    Json list = Json::array();
    for (const market::Offer& offer : market::offers_by_price(state, 64)) {
        const auto price = market::protocol_cost(offer.price_per_gflop, facts.costs.segment_flops);
        if (!price || *price > spec.price_ceiling || offer.profile != spec.profile ||
            offer.memory_bytes < facts.costs.memory_bytes || offer.withdrawn)
            continue;
        const std::uint64_t compute_ms = ceiling_divide(
            facts.costs.segment_flops, std::max<std::uint64_t>(1, offer.flops_per_second / 1000));
        list.push_back({{"offer", offer.id.hex()},
                        {"worker", offer.worker.hex()},
                        {"segment_price", price->decimal()},
                        {"segment_ms", std::to_string(std::max(offer.segment_ms, compute_ms))},
                        {"free_slots", offer.slots - std::min(offer.slots, offer.slots_used)}});
    }
    return list;
}

Json cheats_json(const plan::JobPrice& price) {
    Json list = Json::array();
    for (const market::CheatNumbers& numbers : price.cheats) {
        list.push_back({{"share_ppm", numbers.share_ppm},
                        {"caught_per_segment_ppm", numbers.caught_ppm},
                        {"lock_at_ceiling", numbers.lock.decimal()},
                        {"saved_per_segment", numbers.saved_per_segment.decimal()},
                        {"expected_loss_per_segment", numbers.expected_loss_per_segment.decimal()},
                        {"survives_whole_lane_ppb", std::to_string(numbers.survive_job_ppb)},
                        {"deterred", numbers.deterred}});
    }
    return list;
}

Json plan_json(const market::StateReader& state, const market::JobSpec& spec,
               const client::JobFacts& facts) {
    Json json = client::facts_to_json(spec, facts);
    json["object"] = "plan";
    json["offers"] = matching_offers(state, spec, facts);
    const auto price = plan::price_job(state, spec, facts);
    if (!price) return json;
    json["audit_rate"] = static_cast<double>(price->rate_ppm) / 1e6;
    json["protocol_cost_of_segment"] = price->segment_cost.decimal();
    json["hold"] = {{"segment_pay", price->hold.segment_pay.decimal()},
                    {"audits", price->hold.audits.decimal()},
                    {"fees", price->hold.fees.decimal()},
                    {"total", price->hold.total.decimal()}};
    json["expected_audits"] = static_cast<double>(price->hold.expected) / 4294967296.0;
    json["bond"] = price->bond.decimal();
    json["job_worth"] = price->worth.decimal();
    json["cheating"] = cheats_json(*price);
    return json;
}

/// Tries a `job_post` on the state of the next block. A refusal costs no fee, so nobody makes this
/// node build a program without a signed transaction whose account can cover the hold, and then few
/// at a time: others' transactions go through the same threads.
std::optional<Response> refuse_job_post(Context& context, const ledger::Snapshot& snapshot,
                                        const Request& request, const base::TransactionId& id,
                                        const market::Transaction& transaction) {
    const auto& post = std::get<market::JobPost>(transaction.message);
    market::BlockContext next = snapshot.next_block(context.clock.now());
    const auto state = market::begun(snapshot.state(), next);
    const PostGuard guard(*next.referee, *state, transaction.header, post, context.plans,
                          context.limits.plans_max);
    next.referee = &guard;
    const market::Admission admission = market::admit(*state, next, request.body);
    if (guard.busy()) return problem_response(kPlansBusy, request.id);
    const market::Refusal refusal = guard.refusal().value_or(admission.code);
    if (refusal != market::Refusal::none)
        return refusal_response(refusal, request.id, id, std::nullopt);
    if (const auto refused = check_job_post(context, post))
        return problem_response(*refused, request.id);
    return std::nullopt;
}

}  // namespace

void post_transaction(Context& context, Request request, const PathValues&, Deliver deliver) {
    const base::TransactionId id = market::transaction_id(request.body);
    bool repeated = false;
    {
        const ledger::Snapshot snapshot = context.node.snapshot();
        repeated = snapshot.receipt(id).has_value();
        const auto transaction = market::decode_transaction(request.body);
        if (!repeated && transaction &&
            std::holds_alternative<market::JobPost>(transaction->message)) {
            if (auto refused = refuse_job_post(context, snapshot, request, id, *transaction))
                return deliver({std::move(*refused), nullptr});
        }
    }
    context.node.submit(std::move(request.body), [deliver, repeated, request_id = request.id](
                                                     const ledger::Outcome& outcome) {
        deliver({outcome_response(outcome, repeated, request_id), nullptr});
    });
}

Response get_transaction(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id)
        return problem(request, 400, "bad_id",
                       "a transaction id is 64 lower-case hexadecimal digits");
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto receipt = snapshot.receipt(base::TransactionId{*id});
    if (!receipt) return problem(request, 404, "not_found", "no block has that transaction");
    return json_response(receipt_json(*receipt));
}

Response post_plan(Context& context, const Request& request, const PathValues&) {
    const auto json = client::parse_json(
        {reinterpret_cast<const char*>(request.body.data()), request.body.size()},
        context.limits.json_bytes_max);
    if (!json) return problem(request, 400, "bad_json", "the body " + json.error());
    const auto refuse = [&](const market::SpecError& error) {
        Response response = problem(request, 422, "spec_invalid", client::spec_error_text(error));
        Json body = Json::parse(std::get<std::string>(response.body), nullptr, false);
        body["errors"] = Json::array({{{"path", error.path}, {"reason", error.reason}}});
        response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
        return response;
    };
    const auto spec = client::spec_from_json(*json);
    if (!spec) return refuse(spec.error());
    const PlanSlot slot(context.plans, context.limits.plans_max);
    if (!slot.taken()) return problem_response(kPlansBusy, request.id);
    const auto facts = context.checker.facts(*spec);
    if (!facts) return refuse(facts.error());
    const ledger::Snapshot snapshot = context.node.snapshot();
    return json_response(plan_json(snapshot.state(), *spec, *facts));
}

}  // namespace assay::server
