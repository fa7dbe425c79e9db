#include <algorithm>

#include "base/check.h"
#include "base/merkle.h"
#include "settlement.h"

namespace assay::market {

namespace {

/// Validators looked at for a committee, times its size: some of them are jailed or have young keys.
constexpr std::size_t kCommitteeCandidates = 4;
/// Commitments of an old epoch that one block removes.
constexpr std::size_t kRemovedPerBlock = 256;
/// Table tag and number of the epoch.
constexpr std::size_t kEpochPrefixBytes = 9;

/// Up to committee_max validators by stake that may contribute, ascending by account.
std::vector<EpochMember> committee(const Context& context) {
    std::vector<EpochMember> members;
    const std::size_t size = context.parameters.committee_max;
    for (const base::AccountId& id : validators_by_stake(context.state, size * kCommitteeCandidates)) {
        if (members.size() == size) break;
        const auto stake = find_stake(context.state, id, Role::validator);
        if (!stake || stake->tombstoned || stake->jailed_until.value > context.live.value || stake->active.is_zero()) continue;
        if (!vrf_key_counts(context, id)) continue;
        members.push_back({id, stake->active.grains(), std::nullopt});
    }
    std::sort(members.begin(), members.end(),
              [](const EpochMember& a, const EpochMember& b) { return a.validator < b.validator; });
    return members;
}

void set_epoch_deadline(Context& context, Epoch& epoch, std::uint64_t ms) {
    epoch.deadline = context.in(ms);
    set_timer(context, {epoch.deadline, TimerKind::epoch, {}, epoch.number});
}

void emit_epoch(Context& context, EventKind kind, const Epoch& epoch) {
    std::string members;
    for (const EpochMember& member : epoch.members) members += (members.empty() ? "" : " ") + member.validator.hex();
    emit(context, kind, {{"epoch", std::to_string(epoch.number)}, {"commitments_root", epoch.commitments_root.hex()},
                         {"commitments", std::to_string(epoch.commitments)}, {"members", members}});
}

base::Hash commitments_root(const Context& context, std::uint64_t epoch, std::uint32_t count) {
    std::vector<base::Hash> leaves;
    for (const EpochCommitment& commitment : commitments_of_epoch(context.state, epoch, std::nullopt, count)) {
        leaves.push_back(commitment_leaf(commitment.id, commitment.root));
    }
    return base::merkle_root(base::MerkleFamily::blake2b, leaves);
}

void close_epoch(Context& context, Epoch& epoch) {
    epoch.members = committee(context);
    if (epoch.members.empty()) {
        // Nobody could contribute: the epoch stays open and takes more commitments.
        set_epoch_deadline(context, epoch, std::max(context.parameters.epoch_ms, context.parameters.grace_ms));
        save(context.state, epoch);
        emit_epoch(context, EventKind::epoch_carried, epoch);
        return;
    }
    epoch.commitments_root = commitments_root(context, epoch.number, epoch.commitments);
    epoch.state = EpochState::contributing;
    if (context.chain.epoch_open == epoch.number) context.chain.epoch_open.reset();
    set_epoch_deadline(context, epoch, context.parameters.grace_ms);
    save(context.state, epoch);
    emit_epoch(context, EventKind::epoch_closed, epoch);
}

void begin_draw(Context& context, Epoch& epoch) {
    if (epoch.deadline.value != 0) clear_timer(context, {epoch.deadline, TimerKind::epoch, {}, epoch.number});
    epoch.state = EpochState::drawing;
    epoch.deadline = context.live;
    set_timer(context, {epoch.deadline, TimerKind::draw, {}, epoch.number});
    save(context.state, epoch);
}

/// Contributions are due: who is missing is left out, jailed and fined. With none at all a fresh committee is asked.
void end_contributions(Context& context, Epoch& epoch) {
    const bool none = std::none_of(epoch.members.begin(), epoch.members.end(), [](const EpochMember& m) { return m.y.has_value(); });
    if (none) {
        if (auto members = committee(context); !members.empty()) epoch.members = std::move(members);
        set_epoch_deadline(context, epoch, context.parameters.grace_ms);
        save(context.state, epoch);
        emit_epoch(context, EventKind::epoch_carried, epoch);
        return;
    }
    for (const EpochMember& member : epoch.members) {
        if (member.y) continue;
        punish_miss(context, member.validator, context.parameters.retract_fee);
        jail(context, member.validator, Role::validator);
    }
    begin_draw(context, epoch);
}

/// The first eligible member of the order audits the segment when its contribution draws it.
void draw_segment(Context& context, const Job& job, const Lease& lease, Part& part, const std::vector<DrawMember>& members,
                  std::uint32_t segment) {
    Audit wanted;
    wanted.kind = AuditKind::segment;
    wanted.job = job.id;
    wanted.round = part.key.round;
    wanted.lane = part.key.lane;
    wanted.part = part.id;
    wanted.segment = segment;
    wanted.worker = part.key.worker;
    wanted.lease = part.lease;
    wanted.epoch = part.epoch;
    wanted.price = job.audit_price;
    const auto order = draw_order(members, part.id, segment);
    const base::Amount lock = audit_lock_of(context, job, wanted.price);
    for (std::size_t place = 0; place < order.size(); ++place) {
        const DrawMember& member = members[order[place]];
        if (member.validator == part.key.worker || !may_audit(context, member.validator, job, true, lock)) continue;
        if (!is_drawn(member.y, part.id, segment, lease.rate_ppm)) return;
        const auto audit = assign_audit(context, job, wanted, static_cast<std::uint32_t>(place), {}, false);
        ASSAY_CHECK(audit.has_value());
        part.audits.push_back(audit->id);
        return;
    }
    // Nobody is eligible: the first of the order says whether the segment would have been drawn.
    if (order.empty() || !is_drawn(members[order.front()].y, part.id, segment, lease.rate_ppm)) return;
    part.unaudited.push_back(segment);
    emit(context, EventKind::segment_unaudited,
         {{"job", job.id.hex()}, {"part", part.id.hex()}, {"segment", std::to_string(segment)}});
}

/// Draws segments of one part from the cursor on, as far as the block's bound allows. True when the part is done.
bool draw_part(Context& context, Epoch& epoch, const base::PartId& id) {
    auto part = find_part(context.state, id);
    if (!part || part->state != PartState::committed || part->epoch != epoch.number) return true;
    const auto job = find_job(context.state, part->key.job);
    const auto lease = find_lease(context.state, part->lease);
    ASSAY_CHECK(job && lease);
    const std::vector<DrawMember> members = contributors(epoch);
    while (epoch.draw_segment < part->segments) {
        if (context.segments_drawn >= context.parameters.draws_per_block_max) {
            save(context.state, *part);
            return false;
        }
        ++context.segments_drawn;
        draw_segment(context, *job, *lease, *part, members, epoch.draw_segment);
        ++epoch.draw_segment;
    }
    const bool drawn = !part->audits.empty();
    part->state = drawn ? PartState::drawn : PartState::revealed;
    part->deadline = context.in(context.parameters.grace_ms);
    set_timer(context, {part->deadline, drawn ? TimerKind::delivery : TimerKind::part_close, part->id.hash, 0});
    save(context.state, *part);
    if (!drawn) {
        emit(context, EventKind::part_due_close, {{"part", part->id.hex()}, {"job", job->id.hex()},
                                                  {"worker", part->key.worker.hex()}, {"lease", part->lease.hex()}});
    }
    return true;
}

}  // namespace

std::uint64_t join_epoch(Context& context, EpochCommitment commitment) {
    Epoch epoch;
    if (context.chain.epoch_open) {
        epoch = *find_epoch(context.state, *context.chain.epoch_open);
    } else {
        epoch.number = context.chain.epoch_next++;
        epoch.opened_at = context.live;
        context.chain.epoch_open = epoch.number;
        set_epoch_deadline(context, epoch, context.parameters.epoch_ms);
        emit(context, EventKind::epoch_opened, {{"epoch", std::to_string(epoch.number)}});
    }
    ++epoch.commitments;
    save(context.state, epoch);
    commitment.epoch = epoch.number;
    save(context.state, commitment);
    return epoch.number;
}

Refusal apply_epoch_contribute(Context& context, const EpochContribute& message) {
    auto epoch = find_epoch(context.state, message.epoch);
    if (!epoch) return Refusal::epoch_unknown;
    if (epoch->state == EpochState::open) return Refusal::epoch_open;
    if (epoch->state != EpochState::contributing) return Refusal::epoch_closed;
    const auto member = std::find_if(epoch->members.begin(), epoch->members.end(),
                                     [&](const EpochMember& m) { return m.validator == context.sender; });
    if (member == epoch->members.end()) return Refusal::not_member;
    if (member->y) return Refusal::already_contributed;
    const auto account = find_account(context.state, context.sender);
    if (!account || !account->keys || account->keys->vrf.is_zero()) return Refusal::vrf_key_missing;
    // The committee was asked one grace before the deadline. A key that is not older than that asks for could have been chosen by its outcome.
    const base::TimeMs registered = account->keys->registered_at;
    if (registered.value != 0 && registered.value + 2 * context.parameters.epoch_ms + context.parameters.grace_ms > epoch->deadline.value) {
        return Refusal::vrf_key_missing;
    }
    const base::Bytes alpha = contribution_alpha(context.chain.id, epoch->number, epoch->commitments_root);
    const auto beta = base::vrf_verify(account->keys->vrf, alpha, message.proof);
    if (!beta) return Refusal::proof_invalid;

    member->y = contribution_output(*beta);
    emit(context, EventKind::epoch_contributed,
         {{"epoch", std::to_string(epoch->number)}, {"validator", context.sender.hex()}, {"y", member->y->hex()}});
    const bool all = std::all_of(epoch->members.begin(), epoch->members.end(), [](const EpochMember& m) { return m.y.has_value(); });
    if (all) {
        begin_draw(context, *epoch);
    } else {
        save(context.state, *epoch);
    }
    return Refusal::none;
}

namespace {

/// Nothing refers to the epoch any more: redraws and jurors come long before. Its commitments go first, some in each block.
void remove_epoch(Context& context, Epoch& epoch) {
    base::Bytes prefix = epoch_commitment_key(epoch.number, {});
    prefix.resize(kEpochPrefixBytes);
    if (erase_some(context.state, prefix, kRemovedPerBlock)) {
        set_epoch_deadline(context, epoch, 1);
        save(context.state, epoch);
        return;
    }
    erase(context.state, epoch);
}

}  // namespace

void on_epoch_due(Context& context, const Timer& timer) {
    auto epoch = find_epoch(context.state, timer.number);
    if (!epoch || epoch->deadline != timer.due) return;
    switch (epoch->state) {
        case EpochState::open: close_epoch(context, *epoch); break;
        case EpochState::contributing: end_contributions(context, *epoch); break;
        case EpochState::drawing: break;
        case EpochState::done: remove_epoch(context, *epoch); break;
    }
}

void on_draw_due(Context& context, const Timer& timer) {
    auto epoch = find_epoch(context.state, timer.number);
    if (!epoch || epoch->state != EpochState::drawing || epoch->deadline != timer.due) return;
    while (true) {
        const std::optional<base::PartId> after =
            epoch->draw_after.is_zero() ? std::nullopt : std::optional<base::PartId>(epoch->draw_after);
        const auto next = commitments_of_epoch(context.state, epoch->number, after, 1);
        if (next.empty()) break;
        bool done = context.segments_drawn < context.parameters.draws_per_block_max;
        if (done && next.front().merge) {
            ++context.segments_drawn;
            draw_merge_audit(context, next.front(), *epoch);
        } else if (done) {
            done = draw_part(context, *epoch, next.front().id);
        }
        if (!done) {
            // The next sweep, in the next block: live time is at least one millisecond later then.
            epoch->deadline = context.in(1);
            set_timer(context, {epoch->deadline, TimerKind::draw, {}, epoch->number});
            save(context.state, *epoch);
            return;
        }
        epoch->draw_after = next.front().id;
        epoch->draw_segment = 0;
    }
    epoch->state = EpochState::done;
    set_epoch_deadline(context, *epoch, context.parameters.retention_ms);
    save(context.state, *epoch);
    emit_epoch(context, EventKind::epoch_drawn, *epoch);
}

}  // namespace assay::market
