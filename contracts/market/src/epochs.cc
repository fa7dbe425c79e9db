// Epochs: commitments, contributions, and the draw, in which every validator draws for itself.

#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "base/wide.h"
#include "market/pricing.h"
#include "market/transactions.h"
#include "settlement.h"

namespace assay::market {

namespace {

using base::Uint128;

/// Members looked at by one block's sweep, and commitments of an old epoch that one block removes.
constexpr std::size_t kSwept = 256;
/// Commitments of one epoch: a full one closes, and the next opens beside it.
constexpr std::uint32_t kCommitmentsMax = 2'048;
/// Table tag and number of the epoch.
constexpr std::size_t kEpochPrefixBytes = 9;
/// Jailed validators that one close looks at.
constexpr std::size_t kJailedMax = 4'096;
constexpr std::uint64_t kMicrosecondsPerMs = 1'000;

void set_epoch_deadline(Context& context, Epoch& epoch, std::uint64_t ms) {
    epoch.deadline = context.in(ms);
    set_timer(context, {epoch.deadline, TimerKind::epoch, {}, epoch.number});
}

void emit_epoch(Context& context, EventKind kind, const Epoch& epoch) {
    emit(context, kind,
         {{"epoch", std::to_string(epoch.number)},
          {"commitments_root", epoch.commitments_root.hex()},
          {"commitments", std::to_string(epoch.commitments)},
          {"members", std::to_string(epoch.members)},
          {"contributed", std::to_string(epoch.contributed)},
          {"log_size", std::to_string(epoch.log_size)},
          {"log_root", epoch.log_root.hex()},
          {"jailed_weight", std::to_string(epoch.jailed_weight)},
          {"void", epoch.void_ ? "1" : "0"}});
}

/// An epoch is at least so long that the contributions to it take a small share of what blocks may
/// hold.
std::uint64_t length_ms(const Context& context, std::uint64_t number) {
    const Parameters& parameters = context.parameters;
    const auto before = number > 0 ? find_epoch(context.state, number - 1) : std::nullopt;
    const std::uint64_t members = before ? before->members : 0;
    const std::uint64_t work_us = members * message_weight(EpochContribute{}, 0);
    const std::uint64_t stretched =
        work_us * kPartsPerMillion / parameters.contribution_share_ppm / kMicrosecondsPerMs;
    return std::max(parameters.epoch_ms, stretched);
}

base::Hash commitments_root(const Context& context, const Epoch& epoch) {
    std::vector<base::Hash> leaves;
    for (const EpochCommitment& commitment :
         commitments_of_epoch(context.state, epoch.number, std::nullopt, epoch.commitments))
        leaves.push_back(commitment_leaf(commitment.id, commitment.job, commitment.root));
    return epoch_root(epoch.members_hash, epoch.jailed_weight, leaves);
}

/// Missing weight is more than half of all: whoever is there alone would decide.
bool is_void(const Epoch& epoch) {
    const Uint128 missing = static_cast<Uint128>(epoch.all_weight()) - epoch.contributed_weight;
    return 2 * missing > epoch.all_weight();
}

/// One block's share of the members: everybody with the stake, a key that is old enough, and not
/// away or in jail. True when all are listed.
bool list_members(Context& context, Epoch& epoch) {
    // From the place that was reached, not from whoever had it: by changing its weight one
    // validator would move the cursor over others.
    const auto after = epoch.member_after.is_zero()
                           ? std::nullopt
                           : std::optional(Rank{epoch.weight_after, epoch.member_after});
    const auto ranks = validators_after(context.state, after, kSwept);
    for (const auto& [rank, id] : ranks) {
        epoch.member_after = id;
        epoch.weight_after = rank;
        const auto stake = find_stake(context.state, id, Role::validator);
        const auto validator = find_validator(context.state, id);
        const auto account = find_account(context.state, id);
        if (!stake || !validator || !account || !account->keys ||
            stake->active < context.parameters.validator_stake_min)
            continue;
        if (!vrf_key_counts(context, *account->keys, epoch.opened_at)) continue;
        // Stakes may change between the blocks of the sweep: nobody is listed twice.
        if (find_epoch_member(context.state, epoch.number, id)) continue;
        EpochMember member;
        member.epoch = epoch.number;
        member.validator = id;
        member.weight = weight_of(*validator, *stake);
        if (member.weight == 0) continue;
        save(context.state, member);
        ++epoch.members;
        epoch.weight += member.weight;
        epoch.members_hash = extend_members(epoch.members_hash, id, member.weight);
        emit(context, EventKind::epoch_member,
             {{"epoch", std::to_string(epoch.number)},
              {"validator", id.hex()},
              {"weight", std::to_string(member.weight)}});
    }
    return ranks.size() < kSwept;
}

base::Bytes prefix_of(const base::Bytes& key) {
    return {key.begin(), key.begin() + kEpochPrefixBytes};
}

/// Nobody could draw, or more than half of all weight is known to be missing: the epoch waits for
/// those in jail to return, or for their weight to age out.
void carry(Context& context, Epoch& epoch) {
    epoch.state = EpochState::open;
    epoch.members = 0;
    epoch.weight = epoch.jailed_weight = 0;
    epoch.members_hash = {};
    epoch.member_after = {};
    epoch.weight_after = 0;
    set_epoch_deadline(context, epoch,
                       std::max(context.parameters.epoch_ms, context.parameters.grace_ms));
    emit_epoch(context, EventKind::epoch_carried, epoch);
}

void close_epoch(Context& context, Epoch& epoch) {
    if (epoch.state == EpochState::open) {
        // Rows of an earlier try, when the epoch was carried.
        if (erase_some(context.state, prefix_of(epoch_member_key(epoch.number, {})), kSwept)) {
            set_epoch_deadline(context, epoch, 1);
            return;
        }
        epoch.state = EpochState::closing;
    }
    if (!list_members(context, epoch)) {
        set_epoch_deadline(context, epoch, 1);
        return;
    }
    const std::uint64_t unbonding = context.parameters.unbonding_ms;
    const base::TimeMs since{context.live.value > unbonding ? context.live.value - unbonding : 1};
    epoch.jailed_weight = jailed_weight(context.state, since, kJailedMax);
    // Who contributes at best is every member.
    if (epoch.members == 0 || static_cast<Uint128>(epoch.jailed_weight) > epoch.weight)
        return carry(context, epoch);
    epoch.commitments_root = commitments_root(context, epoch);
    epoch.log_size = context.block.log_size;
    epoch.log_root = context.block.log_root;
    epoch.member_after = {};
    epoch.state = EpochState::contributing;
    if (context.chain.epoch_open == epoch.number) context.chain.epoch_open.reset();
    set_epoch_deadline(context, epoch, context.parameters.grace_ms);
    emit_epoch(context, EventKind::epoch_closed, epoch);
}

void begin_draw(Context& context, Epoch& epoch) {
    if (epoch.deadline.value != 0)
        clear_timer(context, {epoch.deadline, TimerKind::epoch, {}, epoch.number});
    epoch.void_ = is_void(epoch);
    if (epoch.void_) emit_epoch(context, EventKind::epoch_void, epoch);
    epoch.state = EpochState::drawing;
    epoch.deadline = context.live;
    set_timer(context, {epoch.deadline, TimerKind::draw, {}, epoch.number});
}

/// Contributions are due: who is missing is jailed, and fined unless so many are missing that it
/// cannot be everybody's fault.
void end_contributions(Context& context, Epoch& epoch) {
    const bool fine = !is_void(epoch);
    const std::optional<base::AccountId> after =
        epoch.member_after.is_zero() ? std::nullopt : std::optional(epoch.member_after);
    const auto members = members_of_epoch(context.state, epoch.number, after, kSwept);
    for (const EpochMember& member : members) {
        epoch.member_after = member.validator;
        if (member.y) continue;
        if (fine) {
            const base::Amount taken = take_any_stake(context, member.validator, Role::validator,
                                                      context.parameters.absence_fine);
            burn(context, taken, "absent", member.validator.hash);
            emit(context, EventKind::fined,
                 {{"validator", member.validator.hex()},
                  {"amount", taken.decimal()},
                  {"reason", "absent"}});
        }
        jail(context, member.validator, Role::validator);
    }
    if (members.size() < kSwept) return begin_draw(context, epoch);
    set_epoch_deadline(context, epoch, 1);
}

}  // namespace

std::uint64_t join_epoch(Context& context, EpochCommitment commitment) {
    if (!context.chain.epoch_open) {
        Epoch opened;
        opened.number = context.chain.epoch_next++;
        opened.opened_at = context.live;
        context.chain.epoch_open = opened.number;
        set_epoch_deadline(context, opened, length_ms(context, opened.number));
        save(context.state, opened);
        emit(context, EventKind::epoch_opened, {{"epoch", std::to_string(opened.number)}});
    }
    Epoch& epoch = need_epoch(context, *context.chain.epoch_open);
    ++epoch.commitments;
    if (epoch.commitments == kCommitmentsMax) context.chain.epoch_open.reset();
    commitment.epoch = epoch.number;
    save(context.state, commitment);
    emit(context, EventKind::commitment_joined,
         {{"epoch", std::to_string(epoch.number)},
          {"commitment", commitment.id.hex()},
          {"job", commitment.job.hex()},
          {"root", commitment.root.hex()}});
    return epoch.number;
}

Refusal apply_epoch_contribute(Context& context, const EpochContribute& message) {
    auto* epoch = live_epoch(context, message.epoch);
    if (!epoch) return Refusal::epoch_unknown;
    if (epoch->state == EpochState::open || epoch->state == EpochState::closing)
        return Refusal::epoch_open;
    if (epoch->state != EpochState::contributing || !epoch->member_after.is_zero())
        return Refusal::epoch_closed;
    auto* member = live_epoch_member(context, message.epoch, context.sender);
    if (!member) return Refusal::not_member;
    if (member->y) return Refusal::already_contributed;
    if (message.commitments_root != epoch->commitments_root) return Refusal::wrong_commitments;
    if (message.log_size != epoch->log_size || message.log_root != epoch->log_root)
        return Refusal::wrong_log;
    const auto account = find_account(context.state, context.sender);
    // A key that is younger could have been chosen by its outcome.
    if (!account || !account->keys || !vrf_key_counts(context, *account->keys, epoch->opened_at))
        return Refusal::vrf_key_missing;
    const base::Bytes alpha =
        contribution_alpha(context.chain.id, epoch->number, epoch->commitments_root);
    const auto beta = base::vrf_verify(account->keys->vrf, alpha, message.proof);
    if (!beta) return Refusal::proof_invalid;

    member->y = contribution_output(*beta);
    member->transaction = context.transaction;
    ++epoch->contributed;
    epoch->contributed_weight += member->weight;
    emit(context, EventKind::epoch_contributed,
         {{"epoch", std::to_string(epoch->number)},
          {"validator", context.sender.hex()},
          {"y", member->y->hex()}});
    if (epoch->contributed == epoch->members) begin_draw(context, *epoch);
    return Refusal::none;
}

namespace {

/// Nothing refers to the epoch any more. Its rows go first, some in each block.
void remove_epoch(Context& context, Epoch& epoch) {
    for (const base::Bytes& key :
         {epoch_commitment_key(epoch.number, {}), epoch_member_key(epoch.number, {})}) {
        if (!erase_some(context.state, prefix_of(key), kSwept)) continue;
        set_epoch_deadline(context, epoch, 1);
        return;
    }
    erase(context.state, epoch);
}

}  // namespace

void on_epoch(Context& context, const Timer& timer) {
    auto* epoch = live_epoch(context, timer.number);
    if (!epoch || epoch->deadline != timer.due) return;
    switch (epoch->state) {
        case EpochState::open:
        case EpochState::closing:
            close_epoch(context, *epoch);
            break;
        case EpochState::contributing:
            end_contributions(context, *epoch);
            break;
        case EpochState::drawing:
            break;
        case EpochState::done:
            remove_epoch(context, *epoch);
            break;
    }
}

}  // namespace assay::market
