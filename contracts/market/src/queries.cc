#include "market/queries.h"

#include <algorithm>
#include <limits>

#include "base/encoding.h"

namespace assay::market {

namespace {

using base::Bytes;
using base::ByteView;

/// For lists that the rules keep short.
constexpr std::size_t kEverything = std::numeric_limits<std::size_t>::max();

/// The weight in a key of validator_by_stake.
std::uint64_t weight_in(ByteView key) {
    std::uint64_t inverted = 0;
    for (const std::uint8_t byte : key.subspan(1, 8)) inverted = inverted << 8U | byte;
    return ~inverted;
}

/// A stored number.
std::uint64_t number_in(const Bytes& value) {
    base::Decoder in(value);
    const std::uint64_t number = in.u64();
    ASSAY_CHECK(in.finished());
    return number;
}

/// Everything that an index lists under a subject, or under one of its segments.
template <class T, class Keys>
std::vector<T> of_segment(const StateReader& state, const Keys& keys, const base::PartId& subject,
                          std::optional<std::uint32_t> segment, std::size_t limit) {
    const Bytes prefix = segment ? keys.prefix(subject, *segment) : keys.prefix(subject);
    return indexed<T>(state, prefix, prefix, limit);
}

}  // namespace

Bytes after_key(Bytes key) {
    key.push_back(0);
    return key;
}

Chain load_chain(const StateReader& state) {
    auto chain = find_chain(state);
    ASSAY_CHECK(chain.has_value());
    return std::move(*chain);
}

Parameters load_parameters(const StateReader& state, const base::Hash& id) {
    const auto bytes = state.get(parameters_key(id));
    ASSAY_CHECK(bytes.has_value());
    const auto parameters = decode_parameters(*bytes);
    ASSAY_CHECK(parameters.has_value());
    return *parameters;
}

Parameters current_parameters(const StateReader& state) {
    return load_parameters(state, load_chain(state).params_id);
}

base::TimeMs live_time(const Chain& chain, base::Height height, base::TimeMs block_time,
                       std::uint64_t live_step_ms_max) {
    const std::uint64_t elapsed = block_time > chain.recorded_block_time
                                      ? block_time.value - chain.recorded_block_time.value
                                      : 0;
    const std::uint64_t blocks =
        height > chain.recorded_height ? height.value - chain.recorded_height.value : 0;
    const std::uint64_t blocks_bound =
        std::numeric_limits<std::uint64_t>::max() / std::max<std::uint64_t>(live_step_ms_max, 1);
    const std::uint64_t most = blocks > blocks_bound ? std::numeric_limits<std::uint64_t>::max()
                                                     : blocks * live_step_ms_max;
    return {chain.recorded_live.value + std::min(elapsed, most)};
}

base::Amount balance_of(const StateReader& state, const base::AccountId& id) {
    const auto account = find_account(state, id);
    return account ? account->balance : base::Amount{};
}

std::uint64_t next_nonce(const StateReader& state, const base::AccountId& id,
                         std::uint32_t nonce_lane) {
    const auto bytes = state.get(nonce_key(id, nonce_lane));
    return bytes ? number_in(*bytes) : 0;
}

std::vector<Unbonding> unbondings_of(const StateReader& state, const base::AccountId& id,
                                     Role role) {
    const Bytes prefix = unbonding_key.prefix(id, role);
    return rows<Unbonding>(state, prefix, prefix, kEverything);
}

std::uint64_t weight_of(const Validator& validator, const Stake& stake) {
    if (validator.weight_max.is_zero()) return stake.active.grains();
    return base::minimum(stake.active, validator.weight_max).grains();
}

std::vector<Rank> validators_after(const StateReader& state, const std::optional<Rank>& after,
                                   std::size_t limit) {
    const Bytes prefix = validator_by_stake_key.prefix();
    Bytes from =
        after ? after_key(validator_by_stake_key(after->weight, after->validator)) : prefix;
    std::vector<Rank> out;
    while (out.size() < limit) {
        auto entry = state.seek(from, prefix);
        if (!entry) break;
        const auto id = base::hash_from_bytes(ByteView(entry->first).last(32));
        ASSAY_CHECK(id.has_value());
        out.push_back({weight_in(entry->first), {*id}});
        from = after_key(std::move(entry->first));
    }
    return out;
}

std::vector<base::AccountId> validators_by_stake(const StateReader& state, std::size_t limit) {
    std::vector<base::AccountId> out;
    for (const Rank& rank : validators_after(state, std::nullopt, limit))
        out.push_back(rank.validator);
    return out;
}

std::vector<Offer> offers_by_price(const StateReader& state, std::size_t limit) {
    const Bytes prefix = offer_by_price_key.prefix();
    return indexed<Offer>(state, prefix, prefix, limit);
}

std::vector<Offer> offers_of(const StateReader& state, const base::AccountId& worker,
                             std::size_t limit) {
    const Bytes prefix = offer_of_worker_key.prefix(worker);
    return indexed<Offer>(state, prefix, prefix, limit);
}

std::optional<Bytes> find_spec(const StateReader& state, const base::JobId& id) {
    return state.get(spec_key(id));
}

std::vector<Lane> lanes_of(const StateReader& state, const base::JobId& job) {
    const Bytes prefix = lane_key.prefix(job);
    return rows<Lane>(state, prefix, prefix, kEverything);
}

std::vector<Bytes> history_of(const StateReader& state, const base::JobId& job, std::uint64_t first,
                              std::size_t limit) {
    const Bytes prefix = history_key.prefix(job);
    Bytes from = history_key(job, first);
    std::vector<Bytes> out;
    while (out.size() < limit) {
        auto entry = state.seek(from, prefix);
        if (!entry) break;
        out.push_back(std::move(entry->second));
        from = after_key(std::move(entry->first));
    }
    return out;
}

std::vector<Part> parts_of_job(const StateReader& state, const base::JobId& job,
                               std::optional<std::uint32_t> round,
                               const std::optional<base::PartId>& after, std::size_t limit) {
    const Bytes prefix = round ? part_of_job_key.prefix(job, *round) : part_of_job_key.prefix(job);
    Bytes from = prefix;
    if (after) {
        const auto part = find_part(state, *after);
        if (!part || part->key.job != job) return {};
        from = after_key(
            part_of_job_key(job, part->key.round, part->key.lane, part->key.part, part->id));
    }
    return indexed<Part>(state, std::move(from), prefix, limit);
}

std::vector<Part> parts_of_lane(const StateReader& state, const base::JobId& job,
                                std::uint32_t round, std::uint32_t lane) {
    const Bytes prefix = part_of_job_key.prefix(job, round, lane);
    return indexed<Part>(state, prefix, prefix, kEverything);
}

std::uint64_t jailed_weight(const StateReader& state, base::TimeMs since, std::size_t limit) {
    const Bytes prefix = jailed_key.prefix();
    Bytes from = jailed_key.prefix(since);
    std::uint64_t weight = 0;
    for (std::size_t seen = 0; seen < limit; ++seen) {
        auto entry = state.seek(from, prefix);
        if (!entry) break;
        weight += number_in(entry->second);
        from = after_key(std::move(entry->first));
    }
    return weight;
}

std::vector<Audit> audits_of_claim(const StateReader& state, const base::PartId& subject,
                                   std::optional<std::uint32_t> segment, std::size_t limit) {
    return of_segment<Audit>(state, audit_of_claim_key, subject, segment, limit);
}

std::vector<Claim> claims_of(const StateReader& state, const base::PartId& subject,
                             std::size_t limit) {
    const Bytes prefix = claim_key.prefix(subject);
    return rows<Claim>(state, prefix, prefix, limit);
}

std::optional<Bytes> find_question_bytes(const StateReader& state, const base::Hash& id) {
    return state.get(question_bytes_key(id));
}

std::vector<Question> questions_of_job(const StateReader& state, const base::JobId& job,
                                       std::optional<std::uint32_t> round,
                                       const std::optional<base::Hash>& after, std::size_t limit) {
    const Bytes prefix =
        round ? question_of_job_key.prefix(job, *round) : question_of_job_key.prefix(job);
    Bytes from = prefix;
    if (after) {
        const auto last = find_question(state, *after);
        if (!last || last->job != job) return {};
        from = after_key(question_of_job_key(job, last->round, last->id));
    }
    return indexed<Question>(state, std::move(from), prefix, limit);
}

std::vector<Pool> pools_of_target(const StateReader& state, const base::PartId& part,
                                  std::optional<std::uint32_t> segment, std::size_t limit) {
    return of_segment<Pool>(state, pool_of_target_key, part, segment, limit);
}

std::optional<Bytes> find_game(const StateReader& state, const base::DisputeId& id) {
    return state.get(game_key(id));
}

std::vector<Dispute> disputes_of_target(const StateReader& state, const base::PartId& part,
                                        std::optional<std::uint32_t> segment, std::size_t limit) {
    return of_segment<Dispute>(state, dispute_of_target_key, part, segment, limit);
}

std::vector<ChallengeSeal> seals_of(const StateReader& state, const base::AccountId& account) {
    const Bytes prefix = challenge_seal_key.prefix(account);
    return rows<ChallengeSeal>(state, prefix, prefix, kEverything);
}

std::vector<Timer> timers(const StateReader& state, std::size_t limit) {
    const Bytes prefix = timer_key.prefix();
    Bytes from = prefix;
    std::vector<Timer> out;
    while (out.size() < limit) {
        auto entry = state.seek(from, prefix);
        if (!entry) break;
        const auto timer = timer_from_key(entry->first);
        ASSAY_CHECK(timer.has_value());
        out.push_back(*timer);
        from = after_key(std::move(entry->first));
    }
    return out;
}

}  // namespace assay::market
