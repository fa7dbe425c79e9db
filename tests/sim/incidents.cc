#include "incidents.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace assay::sim {

namespace {

using market::Event;

const std::string& attribute(const Event& event, std::string_view name) {
    static const std::string none;
    for (const auto& [key, value] : event.attributes) {
        if (key == name) return value;
    }
    return none;
}

std::int64_t grains_in(const Event& event, std::string_view name) {
    const std::string& text = attribute(event, name);
    std::int64_t grains = 0;
    std::from_chars(text.data(), text.data() + text.size(), grains);
    return grains;
}

std::int64_t signed_grains(base::Amount amount) {
    return static_cast<std::int64_t>(amount.grains());
}

bool of_incident(const std::string& reason) {
    return reason == "compensation" || reason == "overtaken" || reason == "bounty" ||
           reason == "dispute" || reason == "dispute_fees";
}

base::PartId part_id_in(const std::string& hex) {
    return base::PartId{base::hash_from_hex(hex).value()};
}

}  // namespace

Incidents::Incidents(const World& world, std::vector<Member> members)
    : world_(world), members_(std::move(members)) {
    for (std::size_t i = 0; i < members_.size(); ++i) index_[members_[i].person->id.hex()] = i;
    flows_.resize(members_.size());
    own_.resize(members_.size());
    begin_ = wealth();
}

std::size_t Incidents::index_of(const std::string& account) const {
    const auto found = index_.find(account);
    return found == index_.end() ? members_.size() : found->second;
}

std::vector<Incidents::Grains> Incidents::wealth() const {
    std::map<base::AccountId, std::size_t> place;
    for (std::size_t i = 0; i < members_.size(); ++i) place[members_[i].person->id] = i;
    std::vector<Grains> sum(members_.size());
    const auto add = [&](const base::AccountId& account, base::Amount amount) {
        const auto found = place.find(account);
        if (found != place.end()) sum[found->second] += signed_grains(amount);
    };
    const market::StateReader& state = world_.state();
    using market::Table;
    for (const auto& account : all_of<market::Account>(state, Table::account))
        add(account.id, account.balance);
    for (const auto& stake : all_of<market::Stake>(state, Table::stake))
        add(stake.account, stake.active);
    for (const auto& entry : all_of<market::Unbonding>(state, Table::unbonding))
        add(entry.account, entry.amount);
    for (const auto& offer : all_of<market::Offer>(state, Table::offer))
        add(offer.worker, offer.bond);
    for (const auto& lease : all_of<market::Lease>(state, Table::lease))
        add(lease.worker, lease.bond);
    for (const auto& job : all_of<market::Job>(state, Table::job))
        add(job.submitter, job.hold.total());
    for (const auto& member : all_of<market::PoolMember>(state, Table::pool_member))
        add(member.account, member.bond);
    for (const auto& dispute : all_of<market::Dispute>(state, Table::dispute))
        add(dispute.challenger, dispute.bond);
    for (const auto& question : all_of<market::Question>(state, Table::question))
        add(question.asker, question.bond);
    return sum;
}

void Incidents::note_incident(const std::string& kind, std::size_t offender, Grains loss,
                              const std::vector<Gain>& gains, Grains to_submitter) {
    ++counts_["incidents"];
    ++counts_[kind];
    if (offender >= members_.size()) return complain(kind + ": the offender is nobody");
    const std::uint32_t owner = members_[offender].owner;
    own_[offender] -= loss;
    owners_[owner] -= loss;
    const auto gained = [&](std::size_t who, Grains grains) {
        if (grains == 0 || who >= members_.size()) return;
        if (who == offender) own_[offender] += grains;
        if (members_[who].owner == owner) owners_[owner] += grains;
    };
    for (const Gain& gain : gains) {
        // One account may have been drawn by two epochs and play against itself: it loses what is
        // burned.
        if (gain.to == offender && !kind.starts_with("game_"))
            complain(kind + ": " + members_[offender].person->name +
                     " is paid by its own incident, " + gain.reason);
        gained(gain.to, gain.grains);
    }
    gained(submitter_, to_submitter);
    if (own_[offender] > 0)
        complain(kind + ": " + members_[offender].person->name + " gains by incidents of its own");
    if (owners_[owner] > 0)
        complain(kind + ": the accounts of owner " + std::to_string(owner) +
                 " gain by incidents of their own");
    if (members_[offender].honest)
        complain(kind + ": " + members_[offender].person->name + " is honest and loses " +
                 std::to_string(loss));
}

void Incidents::read_block() {
    for (const auto& [account, fee] : world_.last_fees()) {
        const std::size_t who = index_of(account.hex());
        if (who < members_.size()) flow(who, -signed_grains(fee));
    }
    Block block;
    for (const Event& event : world_.last_events()) {
        ++events_;
        read(event, block);
    }
    for (const Gain& left : block.gains)
        complain("paid outside of any incident: " + left.reason + " " +
                 std::to_string(left.grains));
    // Or its round is trained again because its maker had to merge it, was silent and lost its bond
    // (read_burned).
    const auto silent = [&](const Event* event) {
        const auto lease = market::find_lease(
            world_.state(), base::LeaseId{base::hash_from_hex(attribute(*event, "lease")).value()});
        return lease && lease->end == market::LeaseEnd::deadline;
    };
    if (block.slashed.empty() && !std::all_of(block.voided.begin(), block.voided.end(), silent))
        complain("committed work became void without a conviction or concession");
    check_unproved(block);
    for (auto& [id, game] : games_) {
        auto now = market::find_dispute(world_.state(), base::DisputeId{*base::hash_from_hex(id)});
        if (now) game = std::move(*now);
    }
}

void Incidents::read(const Event& event, Block& block) {
    const std::string& kind = event.kind;
    if (kind == "paid") return read_paid(event, block);
    if (kind == "burned") return read_burned(event, block);
    if (kind == "slashed") return check_slash(event, block);
    if (kind == "dispute_closed") return check_game(event, block);
    if (kind == "dispute_opened") games_.try_emplace(attribute(event, "dispute"));
    if (kind == "question_closed") return read_question(event);
    if (kind == "fined" || kind == "jailed") return read_harm(event);
    if (kind.starts_with("audit_") || kind.starts_with("claim_")) return read_audit(event);
    if (kind == "commitment_joined" || kind == "epoch_drawn") return read_epoch(event);
    if (kind == "job_closed") return read_job_closed(event);
    if (kind == "part_passed") return check_passed(event);
    if (kind == "part_unproved") block.unproved.push_back(&event);
    if (kind == "part_void") block.voided.push_back(&event);
    if (kind == "part_unproved" || kind == "part_void" || kind == "part_committed" ||
        kind == "round_reopened" || kind == "epoch_void" || kind == "epoch_carried" ||
        kind == "part_retracted")
        ++counts_[kind];
    if (kind == "transferred") {
        const Grains grains = grains_in(event, "amount");
        flow(index_of(attribute(event, "from")), -grains);
        flow(index_of(attribute(event, "to")), grains);
    }
    if (kind == "job_funded") {
        const auto job = market::find_job(
            world_.state(), base::JobId{*base::hash_from_hex(attribute(event, "job"))});
        flow(index_of(attribute(event, "account")), -grains_in(event, "amount"));
        flow(index_of(job->submitter.hex()), grains_in(event, "amount"));
    }
    if (kind == "job_posted" && counts_[kind]++ == 0)
        submitter_ = index_of(attribute(event, "submitter"));
}

void Incidents::read_paid(const Event& event, Block& block) {
    const std::string& reason = attribute(event, "reason");
    const std::size_t who = index_of(attribute(event, "account"));
    const Grains grains = grains_in(event, "amount");
    ++counts_["paid_" + reason];
    if (who >= members_.size()) return complain("paid to nobody: " + reason);
    flow(who, grains);
    if (of_incident(reason))
        block.gains.push_back({who, grains, reason, attribute(event, "subject")});
    if (reason == "segments") check_paid_part(attribute(event, "subject"), grains);
    if (reason == "audit" && std::exchange(audits_[attribute(event, "subject")].paid, events_) != 0)
        complain("an audit is paid twice");
    // The submitter pays a pause from its balance first: what the job's books do not say of it is
    // that.
    if (reason != "pause") return;
    const auto job = market::find_job(world_.state(),
                                      base::JobId{*base::hash_from_hex(attribute(event, "job"))});
    flow(index_of(job->submitter.hex()), -grains);
}

void Incidents::read_burned(const Event& event, Block& block) {
    const std::string& reason = attribute(event, "reason");
    const std::string& subject = attribute(event, "subject");
    const Grains grains = grains_in(event, "amount");
    block.burned.push_back({members_.size(), grains, reason, subject});
    if (reason == "retract")
        flow(index_of(market::find_part(world_.state(), part_id_in(subject))->key.worker.hex()),
             -grains);
    if (reason != "bond") return;
    const auto lease =
        market::find_lease(world_.state(), base::LeaseId{base::hash_from_hex(subject).value()});
    const std::size_t who = index_of(lease->worker.hex());
    flow(who, -grains);
    note_incident("bond_burned", who, grains, {}, 0);
}

void Incidents::check_compensation(const Gain& gain, const std::string& offender,
                                   const Block& block) {
    const auto part = market::find_part(world_.state(), part_id_in(gain.subject));
    const auto is_it = [&](const Event* event) {
        return attribute(*event, "part") == gain.subject;
    };
    if (!part || std::none_of(block.voided.begin(), block.voided.end(), is_it))
        return complain("compensation for work that is not void");
    const auto lease = market::find_lease(world_.state(), part->lease);
    if (part->key.worker.hex() == offender || index_of(part->key.worker.hex()) != gain.to)
        complain("compensation to somebody else");
    if (gain.grains > signed_grains(lease->price) * part->segments)
        complain("compensation above the price");
    if (!compensated_.insert(gain.subject).second) complain("compensated twice");
}

void Incidents::check_slash(const Event& event, Block& block) {
    block.slashed.push_back(&event);
    const std::string& evidence = attribute(event, "evidence");
    const std::string& reason = attribute(event, "reason");
    const Grains taken = grains_in(event, "amount");
    std::vector<Gain> gains;
    std::erase_if(block.gains, [&](const Gain& gain) {
        if (gain.subject != evidence && gain.reason != "compensation") return false;
        gains.push_back(gain);
        return true;
    });
    Grains burned = 0, paid = 0;
    std::erase_if(block.burned, [&](const Gain& gain) {
        if (gain.subject != evidence || gain.reason != reason) return false;
        burned += gain.grains;
        return true;
    });
    for (const Gain& gain : gains) {
        paid += gain.grains;
        if (gain.reason == "compensation")
            check_compensation(gain, attribute(event, "worker"), block);
    }
    const std::size_t offender = index_of(attribute(event, "worker"));
    if (offender < members_.size()) flow(offender, -taken);
    if (paid > taken / 2)
        complain("slashed " + reason + ": pays " + std::to_string(paid) + " of " +
                 std::to_string(taken));
    if (burned < taken - taken / 2 || burned + paid > taken)
        complain("slashed " + reason + ": burns " + std::to_string(burned) + " and pays " +
                 std::to_string(paid) + " of " + std::to_string(taken));
    if (taken - burned - paid > 0) ++counts_["returned_to_job"];
    note_incident("slashed_" + reason, offender, taken, gains, taken - burned - paid);
}

/// A game that costs an auditor or a challenger; who loses a game about its work is slashed.
void Incidents::check_game(const Event& event, Block& block) {
    const std::string& id = attribute(event, "dispute");
    const std::string& target = attribute(event, "target");
    const std::string& outcome = attribute(event, "outcome");
    ++counts_["game_" + target + "_" + outcome];
    std::vector<Gain> gains;
    std::erase_if(block.gains, [&](const Gain& gain) {
        if (gain.subject != id) return false;
        gains.push_back(gain);
        return true;
    });
    Grains burned = 0, paid = 0;
    std::erase_if(block.burned, [&](const Gain& gain) {
        if (gain.subject != id || gain.reason != "dispute") return false;
        burned += gain.grains;
        return true;
    });
    const bool auditors = target == "init" || target == "cell";
    const bool challenger_lost = outcome == "rejected",
               asserter_lost = auditors && outcome == "upheld";
    if (!challenger_lost && !asserter_lost) {
        if (!gains.empty() || burned != 0) complain("a game that cost nobody anything pays");
        return;
    }
    const std::size_t offender =
        index_of(attribute(event, challenger_lost ? "challenger" : "asserter"));
    const std::size_t winner =
        index_of(attribute(event, challenger_lost ? "asserter" : "challenger"));
    auto dispute = market::find_dispute(world_.state(), base::DisputeId{*base::hash_from_hex(id)});
    // An accuser of an initial state goes on to the next defender at once, under the same id.
    if (dispute && dispute->state == market::DisputeState::open) dispute = games_.at(id);
    const Grains fees = dispute ? signed_grains(challenger_lost ? dispute->asserter_spent
                                                                : dispute->challenger_spent)
                                : 0;
    for (const Gain& gain : gains) {
        paid += gain.grains;
        if (gain.to != winner) complain("a game pays somebody who has not won it");
    }
    const Grains lost = paid + burned;
    if (2 * paid > lost + fees)
        complain("a game pays " + std::to_string(paid) + " of " + std::to_string(lost) +
                 " and fees of " + std::to_string(fees));
    if (offender < members_.size()) flow(offender, -lost);
    note_incident("game_lost_" + target, offender, lost, gains, 0);
}

void Incidents::read_question(const Event& event) {
    const std::string& outcome = attribute(event, "outcome");
    ++counts_["question_" + attribute(event, "kind") + "_" + outcome];
    if (outcome != "vain" && outcome != "answered") return;
    const std::size_t asker = index_of(attribute(event, "asker")),
                      answerer = index_of(attribute(event, "answerer"));
    const Grains bond = grains_in(event, "bond");
    if (asker >= members_.size() || answerer >= members_.size())
        return complain("a question of nobody");
    flow(asker, -bond);
    flow(answerer, bond);
    // Whoever answers itself has moved its own money; an honest asker has got what it paid for.
    if (asker == answerer || members_[asker].honest) return;
    note_incident("question_paid", asker, bond, {{answerer, bond, "answer", {}}}, 0);
}

void Incidents::read_harm(const Event& event) {
    const bool fined = event.kind == "fined";
    const std::size_t who = index_of(attribute(event, fined ? "validator" : "account"));
    if (who >= members_.size()) return complain("nobody is " + event.kind);
    if (!fined) {
        ++counts_["jailed"];
        if (members_[who].honest) complain("jailed: " + members_[who].person->name + " is honest");
        return;
    }
    flow(who, -grains_in(event, "amount"));
    note_incident("fined_" + attribute(event, "reason"), who, grains_in(event, "amount"), {}, 0);
}

void Incidents::read_audit(const Event& event) {
    const std::string& kind = event.kind;
    if (kind == "claim_redrawn") ++counts_[kind];
    if (kind == "claim_judged")
        claims_[attribute(event, "subject")][attribute(event, "segment")].judged = events_;
    const std::string& id = attribute(event, "audit");
    if (kind == "audit_drawn") {
        AuditSeen& audit = audits_[id];
        audit.auditor = index_of(attribute(event, "validator"));
        audit.control = attribute(event, "kind") == "control";
        audit.drawn = events_;
        audit.controls = attribute(event, "controls");
        claims_[attribute(event, "subject")][attribute(event, "segment")].audits.push_back(id);
        ++counts_[audit.control ? "drawn_control" : "drawn_" + attribute(event, "claim")];
        if (attribute(event, "worker") == attribute(event, "validator"))
            complain("an auditor of its own work is drawn");
        return;
    }
    if (kind == "audit_revealed")
        (attribute(event, "verdict") == "valid" ? audits_[id].valid : audits_[id].invalid) = true;
    if (kind == "audit_missed") audits_[id].missed = true;
    if (kind == "audit_missed" || kind == "audit_settled") {
        audits_[id].ended = true;
        audits_[id].end = events_;
    }
    if (kind == "audit_missed" || kind == "audit_cells_opened") ++counts_[kind];
}

void Incidents::read_epoch(const Event& event) {
    if (event.kind == "epoch_drawn")
        drawn_[attribute(event, "epoch")] = {attribute(event, "void") == "1", events_};
    else
        joined_[attribute(event, "commitment")] = attribute(event, "epoch");
}

/// Nothing passes before the last epoch that its commitment joined has drawn it, and was not void.
void Incidents::check_passed(const Event& event) {
    ++counts_["part_passed"];
    const auto joined = joined_.find(attribute(event, "part"));
    const auto drawn = joined == joined_.end() ? drawn_.end() : drawn_.find(joined->second);
    if (drawn == drawn_.end() || drawn->second.void_)
        complain("a part passes that no epoch has drawn");
}

/// A `valid` that is paid has been offered to a control, in an epoch that was drawn before.
void Incidents::check_controlled(const std::string& what, const std::string& id,
                                 const AuditSeen& audit) {
    if (!audit.valid || audit.missed || audit.paid == 0) return;
    const auto joined = joined_.find(
        market::control_commitment_id(base::AuditId{*base::hash_from_hex(id)}, 0).hex());
    const auto drawn = joined == joined_.end() ? drawn_.end() : drawn_.find(joined->second);
    if (drawn == drawn_.end() || drawn->second.number > audit.paid)
        complain(what + "a `valid` is paid that was not offered to a control");
}

/// All audits that were drawn have ended, each with a `valid` or with a miss, and after the last
/// miss somebody else's `valid` was drawn.
void Incidents::check_judged(const std::string& part, const std::string& segment,
                             const ClaimSeen& claim) {
    std::uint64_t last_miss = 0, last_valid = 0, last_drawn = 0;
    const std::string what = "paid part " + part.substr(0, 12) + " segment " + segment + ": ";
    for (const std::string& id : claim.audits) {
        const AuditSeen& audit = audits_.at(id);
        last_drawn = std::max(last_drawn, audit.drawn);
        if (!audit.ended) complain(what + "an audit is open");
        if (audit.control) {
            const std::uint64_t paid = audits_[audit.controls].paid;
            if (paid != 0 && paid < audit.end) complain(what + "a control has ended after the pay");
            continue;
        }
        check_controlled(what, id, audit);
        if (audit.missed)
            last_miss = std::max(last_miss, audit.drawn);
        else if (audit.valid && !audit.invalid)
            last_valid = std::max(last_valid, audit.drawn);
        else
            complain(what + "an audit has ended without a verdict");
    }
    if (last_miss > last_valid) complain(what + "nobody has judged it after a miss");
    if (claim.judged < last_drawn) complain(what + "it was drawn again and not judged");
}

void Incidents::check_paid_part(const std::string& id, Grains paid) {
    const auto part = market::find_part(world_.state(), part_id_in(id));
    if (!part || part->state != market::PartState::settled)
        return complain("paid for a part that is not settled");
    if (!paid_.insert(id).second) complain("a part is paid twice");
    const auto lease = market::find_lease(world_.state(), part->lease);
    if (paid > signed_grains(lease->price) * part->segments)
        complain("a part is paid above its price");
    const auto claims = claims_.find(id);
    if (claims != claims_.end()) {
        for (const auto& [segment, claim] : claims->second) check_judged(id, segment, claim);
    }
    const auto job = market::find_job(world_.state(), part->key.job);
    for (std::uint32_t i = 0; i < part->segments; ++i) {
        const auto leaf = market::opened_leaf(world_.state(), *part, i);
        if (!leaf) return complain("paid for a segment that was never opened");
        const std::uint32_t first_step = (part->first_segment + i) * job->shape.segment_steps;
        if (world_.truth().knows(leaf->start_root, part->key.round, part->key.lane, first_step,
                                 leaf->end_field))
            continue;
        ++counts_["false_segment_paid"];
        if (claims == claims_.end() || !claims->second.contains(std::to_string(i))) continue;
        for (const std::string& audit : claims->second.at(std::to_string(i)).audits) {
            const AuditSeen& seen = audits_.at(audit);
            if (!seen.control && seen.auditor < members_.size() && members_[seen.auditor].honest)
                complain("a false segment is paid that " + members_[seen.auditor].person->name +
                         " has audited, who is honest");
        }
    }
}

void Incidents::check_unproved(const Block& block) {
    for (const Event* event : block.unproved) {
        const std::string& id = attribute(*event, "part");
        const auto part = market::find_part(world_.state(), part_id_in(id));
        const auto lease = market::find_lease(world_.state(), part->lease);
        Grains burned = 0;
        for (const Gain& gain : block.burned) {
            if (gain.reason == "unproved" && gain.subject == id) burned += gain.grains;
        }
        if (burned != signed_grains(lease->price) * part->segments)
            complain("the price of an unproved part is not burned");
    }
}

void Incidents::read_job_closed(const Event& event) {
    ++counts_["job_" + attribute(event, "state") + "_" + attribute(event, "reason")];
    const base::JobId id{*base::hash_from_hex(attribute(event, "job"))};
    const auto job = market::find_job(world_.state(), id);
    const market::Spent& spent = job->spent;
    // What the hold paid for pauses was taken off with the rest of the pause.
    flow(index_of(job->submitter.hex()),
         -signed_grains(spent.workers + spent.auditors + spent.protocol_fees + spent.unproved));
    for (const market::Part& part :
         market::parts_of_job(world_.state(), id, std::nullopt, std::nullopt, 10'000)) {
        const bool over =
            part.state == market::PartState::settled || part.state == market::PartState::void_ ||
            part.state == market::PartState::retracted || part.state == market::PartState::unproved;
        if (!over)
            complain("a job is over with a part that is " +
                     std::string(market::to_word(part.state)));
        if (part.state == market::PartState::settled && !paid_.contains(part.id.hex()))
            complain("a settled part is not paid");
    }
}

void Incidents::end() {
    const std::vector<Grains> now = wealth();
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (now[i] - begin_[i] == flows_[i]) continue;
        const std::string more = std::to_string(now[i] - begin_[i]);
        complain(members_[i].person->name + " has " + more + " more than it had, events tell of " +
                 std::to_string(flows_[i]));
    }
}

}  // namespace assay::sim
