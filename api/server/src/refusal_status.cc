#include "refusal_status.h"

#include <algorithm>
#include <array>

namespace assay::server {
namespace {

using market::Refusal;

constexpr std::array kBytes{Refusal::malformed, Refusal::wrong_chain, Refusal::wrong_version};
constexpr std::array kWho{Refusal::wrong_signature,   Refusal::offer_not_yours,
                          Refusal::job_not_yours,     Refusal::lease_not_yours,
                          Refusal::part_not_yours,    Refusal::audit_not_yours,
                          Refusal::cold_key_required, Refusal::system_account,
                          Refusal::not_member,        Refusal::not_your_turn};
constexpr std::array kWhat{Refusal::unknown_account, Refusal::offer_unknown, Refusal::job_unknown,
                           Refusal::lease_unknown,   Refusal::part_unknown,  Refusal::epoch_unknown,
                           Refusal::audit_unknown,   Refusal::target_unknown, Refusal::challenge_unknown};
constexpr std::array kContent{Refusal::amount_zero,
                              Refusal::amount_too_large,
                              Refusal::transfer_to_self,
                              Refusal::weak_key,
                              Refusal::keys_unchanged,
                              Refusal::role_not_open,
                              Refusal::profile_unknown,
                              Refusal::speed_out_of_range,
                              Refusal::capacity_out_of_range,
                              Refusal::price_out_of_range,
                              Refusal::seconds_out_of_range,
                              Refusal::memory_out_of_range,
                              Refusal::slots_out_of_range,
                              Refusal::spec_invalid,
                              Refusal::spec_unjudgeable,
                              Refusal::init_size_wrong,
                              Refusal::data_size_wrong,
                              Refusal::receipt_size_wrong,
                              Refusal::costs_out_of_range,
                              Refusal::receipt_invalid,
                              Refusal::receipt_expires_early,
                              Refusal::segment_too_small,
                              Refusal::audit_lag_refused,
                              Refusal::nonce_lane_out_of_range,
                              Refusal::valid_until_too_far,
                              Refusal::wrong_segment_count,
                              Refusal::payload_missing,
                              Refusal::payload_unexpected,
                              Refusal::proof_invalid,
                              Refusal::wrong_path,
                              Refusal::wrong_leaf,
                              Refusal::wrong_seal,
                              Refusal::wrong_verdict,
                              Refusal::wrong_leaves,
                              Refusal::roots_not_continuous,
                              Refusal::plant_missing,
                              Refusal::plant_unexpected,
                              Refusal::opening_missing,
                              Refusal::wrong_opening,
                              Refusal::not_equivocation,
                              Refusal::chunk_out_of_range,
                              Refusal::wrong_chunk};

template <std::size_t N>
bool among(const std::array<Refusal, N>& list, Refusal refusal) {
    return std::find(list.begin(), list.end(), refusal) != list.end();
}

}  // namespace

int status_of(Refusal refusal) {
    if (refusal == Refusal::oversize) return 413;
    if (among(kBytes, refusal)) return 400;
    if (among(kWho, refusal)) return 403;
    if (among(kWhat, refusal)) return 404;
    if (among(kContent, refusal)) return 422;
    return 409;
}

std::string_view explain(Refusal refusal) {
    switch (status_of(refusal)) {
        case 400:
            return "the bytes are not a transaction of this chain";
        case 403:
            return "this account may not do that";
        case 404:
            return "the transaction names something that does not exist";
        case 413:
            return "the transaction is too large";
        case 422:
            return "the transaction's content is refused by the market's rules";
        default:
            return "the market's rules refuse this in the present state";
    }
}

}  // namespace assay::server
