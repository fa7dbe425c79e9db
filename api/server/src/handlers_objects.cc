// Chain, accounts, jobs and who works for them.

#include "market/tables.h"
#include "object_answers.h"

namespace assay::server {
namespace {

std::optional<market::JobState> job_state_from_word(std::string_view word) {
    for (std::uint8_t value = static_cast<std::uint8_t>(market::JobState::open);
         value <= static_cast<std::uint8_t>(market::JobState::settling); ++value) {
        const auto state = static_cast<market::JobState>(value);
        if (market::to_word(state) == word) return state;
    }
    return std::nullopt;
}

}  // namespace

Response get_chain(Context& context, const Request&, const PathValues&) {
    const ledger::Snapshot snapshot = context.node.snapshot();
    const ledger::Head& head = snapshot.head();
    const market::Chain chain = market::load_chain(snapshot.state());
    const market::Parameters parameters = market::current_parameters(snapshot.state());
    const base::TimeMs live = market::live_time(chain, base::Height{head.height.value}, head.time,
                                                parameters.live_step_ms_max);
    return json_response({{"chain_id", context.node.chain_id().hex()},
                          {"operator_key", context.node.operator_key().hex()},
                          {"app_version", head.app_version},
                          {"height", std::to_string(head.height.value)},
                          {"block_time_ms", std::to_string(head.time.value)},
                          {"live_time_ms", std::to_string(live.value)},
                          {"app_hash", head.app_hash.hex()},
                          {"state_root", head.state_root.hex()},
                          {"log_root", head.log_root.hex()},
                          {"log_size", std::to_string(head.log_size)},
                          {"params_id", head.params_id.hex()},
                          {"signature", base::to_hex(head.signature.view())},
                          {"base_fee", chain.base_fee.decimal()},
                          {"supply", chain.supply.decimal()},
                          {"total", market::total_supply(snapshot.state()).decimal()},
                          {"system_accounts",
                           {{"burned", market::system_account(market::SystemAccount::burned).hex()},
                            {"fees", market::system_account(market::SystemAccount::fees).hex()},
                            {"dust", market::system_account(market::SystemAccount::dust).hex()}}},
                          {"parameters", client::parameters_to_json(parameters)}});
}

Response get_account(Context& context, const Request& request, const PathValues& values) {
    const auto hash = hash_value(values[0]);
    if (!hash) return bad_id(request);
    const auto nonce_lane = number_query(request, "nonce_lane", 0, UINT32_MAX);
    if (!nonce_lane) return problem_response(nonce_lane.error(), request.id);
    const base::AccountId id{*hash};
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto account = market::find_account(snapshot.state(), id);
    if (!account) return absent(request, "account");
    Json json = json_of(*account);
    json["object"] = "account";
    json["next_nonce"] = std::to_string(
        market::next_nonce(snapshot.state(), id, static_cast<std::uint32_t>(*nonce_lane)));
    json["stakes"] = Json::array();
    json["unbondings"] = Json::array();
    for (const market::Role role : {market::Role::worker, market::Role::validator}) {
        if (const auto stake = market::find_stake(snapshot.state(), id, role))
            json["stakes"].push_back(json_of(*stake));
        for (const auto& entry : market::unbondings_of(snapshot.state(), id, role))
            json["unbondings"].push_back(json_of(entry));
    }
    const auto validator = market::find_validator(snapshot.state(), id);
    json["validator"] = validator ? json_of(*validator) : Json();
    const auto record = market::find_record(snapshot.state(), id);
    json["record"] = record ? json_of(*record) : Json();
    const auto duty = market::find_question_duty(snapshot.state(), id);
    json["questions"] = duty ? json_of(*duty) : Json();
    const auto load = market::find_game_load(snapshot.state(), id);
    json["games"] = load ? json_of(*load) : Json();
    return json_response(json);
}

Response get_jobs(Context& context, const Request& request, const PathValues&) {
    const auto paging = read_paging<base::JobId>(request);
    if (!paging) return problem_response(paging.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto word = request.query.find("state");
    if (word == request.query.end())
        return list_response(request, market::jobs(snapshot.state(), paging->after, paging->limit),
                             paging->limit);
    const auto state = job_state_from_word(word->second);
    if (!state) return problem(request, 400, "bad_query", "state is none of the job states");
    return list_response(
        request, market::jobs_in_state(snapshot.state(), *state, paging->after, paging->limit),
        paging->limit);
}

Response get_job(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return object_response(request, market::find_job(snapshot.state(), base::JobId{*id}), "job");
}

Response get_job_spec(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto bytes = market::find_spec(snapshot.state(), base::JobId{*id});
    if (!bytes) return absent(request, "job");
    if (wants_bytes(request)) return bytes_response(*bytes);
    const auto spec = market::decode_spec(*bytes);
    if (!spec) return problem(request, 500, "internal", "the stored spec does not decode");
    return json_response(client::spec_to_json(*spec));
}

Response get_lanes(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    const auto after = number_query(request, "after", UINT32_MAX, UINT32_MAX);
    if (!limit || !after)
        return problem_response(!limit ? limit.error() : after.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const base::JobId job{*id};
    if (!market::find_job(snapshot.state(), job)) return absent(request, "job");
    std::vector<market::Lane> lanes = market::lanes_of(snapshot.state(), job);
    if (request.query.contains("after"))
        std::erase_if(lanes, [&](const market::Lane& lane) { return lane.lane <= *after; });
    if (lanes.size() > *limit) lanes.resize(static_cast<std::size_t>(*limit));
    return list_response(request, lanes, static_cast<std::size_t>(*limit));
}

Response get_round(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    const auto number = path_number(values[1], UINT32_MAX);
    if (!id || !number) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto round =
        market::find_round(snapshot.state(), base::JobId{*id}, static_cast<std::uint32_t>(*number));
    if (!round || wants_bytes(request)) return object_response(request, round, "round");
    Json json = json_of(*round);
    const auto merge =
        market::find_merge(snapshot.state(), base::JobId{*id}, static_cast<std::uint32_t>(*number));
    json["merge"] = merge ? json_of(*merge) : Json();
    return json_response(json);
}

Response get_job_parts(Context& context, const Request& request, const PathValues& values) {
    return job_list<base::PartId>(context, request, values,
                                  [](const market::StateReader& state, const base::JobId& job,
                                     const Paging<base::PartId>& paging) {
                                      return market::parts_of_job(state, job, std::nullopt,
                                                                  paging.after, paging.limit);
                                  });
}

Response get_job_leases(Context& context, const Request& request, const PathValues& values) {
    return job_list<base::LeaseId>(context, request, values,
                                   [](const market::StateReader& state, const base::JobId& job,
                                      const Paging<base::LeaseId>& paging) {
                                       return market::leases_of_job(state, job, paging.after,
                                                                    paging.limit);
                                   });
}

Response get_job_history(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    const auto first = number_query(request, "first", 0, UINT64_MAX);
    if (!limit || !first)
        return problem_response(!limit ? limit.error() : first.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    if (!market::find_job(snapshot.state(), base::JobId{*id})) return absent(request, "job");
    const auto entries = market::history_of(snapshot.state(), base::JobId{*id}, *first,
                                            static_cast<std::size_t>(*limit));
    if (wants_bytes(request)) {
        base::Encoder out;
        out.u32(static_cast<std::uint32_t>(entries.size()));
        for (const auto& entry : entries) out.bytes(entry);
        return bytes_response(out.view());
    }
    Json data = Json::array();
    for (const auto& bytes : entries) {
        const auto entry = market::decode<market::JobHistoryEntry>(bytes);
        data.push_back(entry ? json_of(*entry) : Json());
    }
    return json_response(
        {{"object", "list"}, {"has_more", entries.size() == *limit}, {"data", std::move(data)}});
}

Response get_leases(Context& context, const Request& request, const PathValues&) {
    const auto worker = id_query<base::AccountId>(request, "worker");
    if (!worker) return problem(request, 400, "bad_query", "worker is required: an account id");
    const auto paging = read_paging<base::LeaseId>(request);
    if (!paging) return problem_response(paging.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return list_response(
        request, market::leases_of_worker(snapshot.state(), *worker, paging->after, paging->limit),
        paging->limit);
}

Response get_lease(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return object_response(request, market::find_lease(snapshot.state(), base::LeaseId{*id}),
                           "lease");
}

Response get_part(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return object_response(request, market::find_part(snapshot.state(), base::PartId{*id}), "part");
}

Response get_offers(Context& context, const Request& request, const PathValues&) {
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    if (!limit) return problem_response(limit.error(), request.id);
    const std::size_t count = static_cast<std::size_t>(*limit);
    const ledger::Snapshot snapshot = context.node.snapshot();
    if (!request.query.contains("worker"))
        return list_response(request, market::offers_by_price(snapshot.state(), count), count);
    const auto worker = id_query<base::AccountId>(request, "worker");
    if (!worker) return problem(request, 400, "bad_query", "worker is an account id");
    return list_response(request, market::offers_of(snapshot.state(), *worker, count), count);
}

Response get_validators(Context& context, const Request& request, const PathValues&) {
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    if (!limit) return problem_response(limit.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    Json data = Json::array();
    for (const auto& id :
         market::validators_by_stake(snapshot.state(), static_cast<std::size_t>(*limit))) {
        const auto validator = market::find_validator(snapshot.state(), id);
        const auto stake = market::find_stake(snapshot.state(), id, market::Role::validator);
        if (!validator || !stake) continue;
        Json json = json_of(*validator);
        json["stake"] = json_of(*stake);
        data.push_back(std::move(json));
    }
    const bool more = data.size() == *limit;
    return json_response({{"object", "list"}, {"has_more", more}, {"data", std::move(data)}});
}

}  // namespace assay::server
