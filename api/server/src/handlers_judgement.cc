// Epochs and draws, audits, questions, challenges and games.

#include "object_answers.h"

namespace assay::server {
namespace {

/// More than a part has segments.
constexpr std::size_t kClaimsMax = 1U << 14U;

std::optional<market::Side> side_from_word(std::string_view word) {
    for (const market::Side side : {market::Side::asserter, market::Side::challenger}) {
        if (market::to_word(side) == word) return side;
    }
    return std::nullopt;
}

/// `after` of lists whose entries have plain hashes for ids.
std::optional<base::Hash> hash_of(const std::optional<base::PartId>& after) {
    return after ? std::optional(after->hash) : std::nullopt;
}

/// A number in the query, or nothing when it is not there.
tl::expected<std::optional<std::uint32_t>, Problem> optional_number(const Request& request,
                                                                    std::string_view name) {
    if (!request.query.contains(std::string(name))) return std::nullopt;
    const auto number = number_query(request, name, 0, UINT32_MAX);
    if (!number) return tl::unexpected(number.error());
    return static_cast<std::uint32_t>(*number);
}

/// What the lists under an epoch have in common.
template <class IdType, class Load>
Response epoch_list(Context& context, const Request& request, const PathValues& values,
                    const Load& load) {
    const auto number = path_number(values[0], UINT64_MAX);
    if (!number) return problem(request, 400, "bad_id", "an epoch is a number");
    const auto paging = read_paging<IdType>(request);
    if (!paging) return problem_response(paging.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    if (!market::find_epoch(snapshot.state(), *number)) return absent(request, "epoch");
    return list_response(request, load(snapshot.state(), *number, *paging), paging->limit);
}

}  // namespace

Response get_epoch(Context& context, const Request& request, const PathValues& values) {
    const auto number = path_number(values[0], UINT64_MAX);
    if (!number) return problem(request, 400, "bad_id", "an epoch is a number");
    const ledger::Snapshot snapshot = context.node.snapshot();
    return object_response(request, market::find_epoch(snapshot.state(), *number), "epoch");
}

Response get_epoch_commitments(Context& context, const Request& request, const PathValues& values) {
    return epoch_list<base::PartId>(
        context, request, values,
        [](const market::StateReader& state, std::uint64_t epoch, const auto& paging) {
            return market::commitments_of_epoch(state, epoch, paging.after, paging.limit);
        });
}

/// With what each has contributed: `y`, and the transaction that gave it.
Response get_epoch_members(Context& context, const Request& request, const PathValues& values) {
    return epoch_list<base::AccountId>(
        context, request, values,
        [](const market::StateReader& state, std::uint64_t epoch, const auto& paging) {
            return market::members_of_epoch(state, epoch, paging.after, paging.limit);
        });
}

Response get_job_audits(Context& context, const Request& request, const PathValues& values) {
    return job_list<base::AuditId>(context, request, values,
                                   [](const market::StateReader& state, const base::JobId& job,
                                      const Paging<base::AuditId>& paging) {
                                       return market::audits_of_job(state, job, paging.after,
                                                                    paging.limit);
                                   });
}

Response get_audits(Context& context, const Request& request, const PathValues&) {
    const auto validator = id_query<base::AccountId>(request, "validator");
    if (!validator)
        return problem(request, 400, "bad_query", "validator is required: an account id");
    const auto paging = read_paging<base::AuditId>(request);
    if (!paging) return problem_response(paging.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return list_response(
        request,
        market::audits_of_validator(snapshot.state(), *validator, paging->after, paging->limit),
        paging->limit);
}

Response get_audit(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return object_response(request, market::find_audit(snapshot.state(), base::AuditId{*id}),
                           "audit");
}

/// The claims of a part, merge or initial state, by its commitment id.
Response get_claims(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    const auto after = optional_number(request, "after");
    if (!limit || !after)
        return problem_response(!limit ? limit.error() : after.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const std::size_t most = static_cast<std::size_t>(std::max<std::uint64_t>(1, *limit));
    std::vector<market::Claim> claims =
        market::claims_of(snapshot.state(), base::PartId{*id}, kClaimsMax);
    if (*after)
        std::erase_if(claims, [&](const market::Claim& claim) { return claim.segment <= **after; });
    if (claims.size() > most) claims.resize(most);
    return list_response(request, claims, most);
}

/// Audits and controls of one claim, or of all claims of the subject.
Response get_claim_audits(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    const auto segment = optional_number(request, "segment");
    if (!limit || !segment)
        return problem_response(!limit ? limit.error() : segment.error(), request.id);
    const std::size_t most = static_cast<std::size_t>(std::max<std::uint64_t>(1, *limit));
    const ledger::Snapshot snapshot = context.node.snapshot();
    return list_response(
        request, market::audits_of_claim(snapshot.state(), base::PartId{*id}, *segment, most),
        most);
}

Response get_job_questions(Context& context, const Request& request, const PathValues& values) {
    return job_list<base::PartId>(
        context, request, values,
        [](const market::StateReader& state, const base::JobId& job, const auto& paging) {
            return market::questions_of_job(state, job, std::nullopt, hash_of(paging.after),
                                            paging.limit);
        });
}

Response get_questions(Context& context, const Request& request, const PathValues&) {
    const auto obliged = id_query<base::AccountId>(request, "obliged");
    const auto asker = id_query<base::AccountId>(request, "asker");
    if (obliged.has_value() == asker.has_value())
        return problem(request, 400, "bad_query",
                       "one of obliged and asker is required: an account id");
    const auto paging = read_paging<base::PartId>(request);
    if (!paging) return problem_response(paging.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto after = hash_of(paging->after);
    return list_response(
        request,
        obliged ? market::questions_owed(snapshot.state(), *obliged, after, paging->limit)
                : market::questions_asked(snapshot.state(), *asker, after, paging->limit),
        paging->limit);
}

Response get_question(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return object_response(request, market::find_question(snapshot.state(), *id), "open question");
}

/// Of an open state question: the referee's bytes, which hold all that the next move needs.
Response get_question_state(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto bytes = market::find_question_bytes(snapshot.state(), *id);
    if (!bytes) return absent(request, "open state question");
    return bytes_response(*bytes);
}

/// Those who challenge one segment, merge or initial state: a pool for each root that somebody
/// claims.
Response get_pools(Context& context, const Request& request, const PathValues&) {
    const auto part = id_query<base::PartId>(request, "part");
    if (!part)
        return problem(request, 400, "bad_query",
                       "part is required: the id of a part or commitment");
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    const auto segment = optional_number(request, "segment");
    if (!limit || !segment)
        return problem_response(!limit ? limit.error() : segment.error(), request.id);
    const std::size_t most = static_cast<std::size_t>(std::max<std::uint64_t>(1, *limit));
    const ledger::Snapshot snapshot = context.node.snapshot();
    return list_response(request, market::pools_of_target(snapshot.state(), *part, *segment, most),
                         most);
}

Response get_pool(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return object_response(request, market::find_pool(snapshot.state(), *id), "pool");
}

/// In the order in which they came, which is the order in which they play.
Response get_pool_members(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const auto limit = number_query(request, "limit", kLimitDefault, kLimitMax);
    const auto after = optional_number(request, "after");
    if (!limit || !after)
        return problem_response(!limit ? limit.error() : after.error(), request.id);
    const std::size_t most = static_cast<std::size_t>(std::max<std::uint64_t>(1, *limit));
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto pool = market::find_pool(snapshot.state(), *id);
    if (!pool) return absent(request, "pool");
    std::vector<market::PoolMember> members;
    for (std::uint64_t number = *after ? std::uint64_t{**after} + 1 : 0;
         number < pool->members && members.size() < most; ++number) {
        auto member =
            market::find_pool_member(snapshot.state(), *id, static_cast<std::uint32_t>(number));
        if (member) members.push_back(std::move(*member));
    }
    return list_response(request, members, most);
}

Response get_disputes(Context& context, const Request& request, const PathValues&) {
    const auto account = id_query<base::AccountId>(request, "account");
    if (!account) return problem(request, 400, "bad_query", "account is required: an account id");
    const auto word = request.query.find("side");
    const auto side = word == request.query.end() ? std::nullopt : side_from_word(word->second);
    if (!side) return problem(request, 400, "bad_query", "side is asserter or challenger");
    const auto paging = read_paging<base::DisputeId>(request);
    if (!paging) return problem_response(paging.error(), request.id);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return list_response(request,
                         market::disputes_of_account(snapshot.state(), *account, *side,
                                                     paging->after, paging->limit),
                         paging->limit);
}

Response get_job_disputes(Context& context, const Request& request, const PathValues& values) {
    const auto state = request.query.find("state");
    const bool over = state != request.query.end() && state->second == "over";
    if (state != request.query.end() && !over && state->second != "open")
        return problem(request, 400, "bad_query", "state is open or over");
    return job_list<base::DisputeId>(
        context, request, values,
        [&](const market::StateReader& reader, const base::JobId& job, const auto& paging) {
            return market::disputes_of_job(reader, job, !over, paging.after, paging.limit);
        });
}

Response get_dispute(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    return object_response(request, market::find_dispute(snapshot.state(), base::DisputeId{*id}),
                           "dispute");
}

/// What a side needs to move: the subject and the game, each with its length.
Response get_game(Context& context, const Request& request, const PathValues& values) {
    const auto id = hash_value(values[0]);
    if (!id) return bad_id(request);
    const ledger::Snapshot snapshot = context.node.snapshot();
    const auto dispute = market::find_dispute(snapshot.state(), base::DisputeId{*id});
    const auto game = market::find_game(snapshot.state(), base::DisputeId{*id});
    const auto subject = dispute ? market::game_subject(snapshot.state(), *dispute) : std::nullopt;
    if (!game || !subject) return absent(request, "open dispute");
    base::Encoder out;
    out.bytes(market::encode(*subject)).bytes(*game);
    return bytes_response(out.view());
}

}  // namespace assay::server
