#include "draws.h"

#include <algorithm>
#include <tuple>

#include "base/merkle.h"
#include "base/vrf.h"
#include "base/wide.h"

namespace assay::evidence {
namespace {

using base::Hash;
using base::Uint128;
using market::ClaimKind;

/// Weights are grains: their sum is an amount.
constexpr std::uint64_t kWeightMax = base::Amount::kMax;

enum class LeafKind : std::uint8_t { part, once, redraw, control, job };

using ClaimKey = std::pair<base::PartId, std::uint32_t>;  ///< subject, segment within the part

/// A commitment that the job may have in an epoch.
struct Name {
    LeafKind kind = LeafKind::part;
    ClaimKey claim;
    base::AuditId audit;  ///< of a control
    std::uint32_t redraw = 0;
    std::set<Hash> roots;  ///< that it may have; empty: its own id
};

struct Place {
    ClaimKind kind = ClaimKind::segment;
    std::uint32_t round = 0, lane = 0, segment = 0;
    auto operator<=>(const Place&) const = default;
};

struct Claimed {
    Place place;
    Hash root;  ///< that auditors prove their cells over
    Rates rates;
    std::vector<Draw> draws;
};

/// An epoch with what its members said.
struct Closed {
    const Epoch* epoch = nullptr;
    std::map<base::AccountId, Hash> y;  ///< of who contributed
    std::uint64_t all_weight = 0;
    bool void_ = false;
};

class Walk {
  public:
    Walk(const Evidence& evidence, const Log& log, const HistoryFacts& history, Sent& sent,
         Facts& facts)
        : evidence_(evidence), log_(log), history_(history), sent_(sent), facts_(facts) {
        for (const auto& [id, part] : sent.parts)
            names_[id] = {LeafKind::part, {id, 0}, {}, 0, {part.message.tree_root}};
        for (const market::RoundMerged& merge : history.merges) {
            const base::PartId id =
                market::merge_commitment_id(log.chain_id, facts.job, merge.round, merge.attempt);
            Name& name = names_[id];
            name.kind = LeafKind::once;
            name.claim = {id, 0};
            name.roots.insert(merge.root);
            open({id, 0}, {{ClaimKind::merge, merge.round, 0, 0}, merge.root, sure({}), {}});
        }
        const base::PartId init = market::init_commitment_id(facts.job);
        names_[init] = {LeafKind::once, {init, 0}, {}, 0, {facts.init_root}};
        open({init, 0}, {{ClaimKind::init, 0, 0, 0}, facts.init_root, sure({}), {}});
        names_[market::job_commitment_id(facts.job)] = {LeafKind::job, {}, {}, 0, {history.hash}};
    }

    std::optional<Failure> epoch(const Epoch& epoch);
    std::optional<Failure> end();

  private:
    static Failure failed(Problem problem, std::string detail) {
        return {problem, std::move(detail)};
    }
    static Failure of_epoch(const Epoch& epoch, const std::string& detail) {
        return {Problem::epochs, "epoch " + std::to_string(epoch.number) + ": " + detail};
    }
    [[nodiscard]] Rates sure(const Rates& rates) const {
        const std::uint32_t least = log_.genesis.parameters.rate_sure_ppm;
        return {std::max(rates.stated_ppm, least), std::max(rates.least_ppm, least)};
    }
    void open(const ClaimKey& key, Claimed claimed) {
        claims_.emplace(key, std::move(claimed));
        names_[market::redraw_commitment_id(key.first, key.second, 1)] = {
            LeafKind::redraw, key, {}, 1, {}};
    }
    void may_be_controlled(const ClaimKey& claim, const base::AuditId& audit, const Hash& digest,
                           std::uint32_t redraw) {
        names_[market::control_commitment_id(audit, redraw)] = {
            LeafKind::control, claim, audit, redraw, {digest}};
    }

    std::optional<Failure> check_log_of(const Epoch& epoch) const;
    static std::optional<Failure> check_barred(const Closed& closed);
    tl::expected<Closed, Failure> close(const Epoch& epoch) const;
    std::optional<Failure> leaf(const Closed& closed, const Commitment& commitment, Name name);
    std::optional<Failure> draw(const Closed& closed, const base::PartId& commitment,
                                const ClaimKey& key, const Rates& rates,
                                const base::AuditId& control);
    std::optional<Failure> verdict_of(const ClaimKey& key, const base::AuditId& audit,
                                      Voice& voice);
    void control_of(const base::AuditId& audit, const base::AuditId& controlled,
                    const base::AccountId& controller);
    std::optional<Failure> add_final(const ClaimKey& key);

    const Evidence& evidence_;
    const Log& log_;
    const HistoryFacts& history_;
    Sent& sent_;
    Facts& facts_;
    std::map<base::PartId, Name> names_;
    std::map<ClaimKey, Claimed> claims_;
    std::map<Place, std::uint32_t> attempts_;
    std::optional<std::uint64_t>
        job_joined_;  ///< size of the log that the contributions to the last epoch sign
};

/// The signed log extends the one before it and is the beginning of the head's.
std::optional<Failure> Walk::check_log_of(const Epoch& epoch) const {
    const SignedRoots& head = evidence_.head;
    if (epoch.log_size > head.log_size) return of_epoch(epoch, "its log is longer than the head's");
    if (epoch.log_size == 0) {
        if (epoch.log_root != base::merkle_root(base::MerkleFamily::sha256, {}))
            return of_epoch(epoch, "an empty log has another root");
        return std::nullopt;
    }
    if (!base::consistency_verify(base::MerkleFamily::sha256, epoch.log_size, epoch.log_root,
                                  head.log_size, head.log_root, epoch.consistency))
        return of_epoch(epoch,
                        "the log that its members signed is not the beginning of the head's");
    return std::nullopt;
}

/// Nobody signs who was barred, so at least the list says nothing that has no meaning.
std::optional<Failure> Walk::check_barred(const Closed& closed) {
    const Epoch& epoch = *closed.epoch;
    std::set<base::PartId> committed;
    for (const Commitment& commitment : epoch.commitments) committed.insert(commitment.id);
    const Barred* before = nullptr;
    for (const Barred& barred : epoch.barred) {
        if (!committed.contains(barred.commitment) || !closed.y.contains(barred.validator))
            return of_epoch(
                epoch, "somebody is barred who did not contribute, or from what was not committed");
        if (before && std::tie(barred.commitment, barred.validator) <=
                          std::tie(before->commitment, before->validator))
            return of_epoch(epoch, "who is barred is out of order");
        before = &barred;
    }
    return std::nullopt;
}

tl::expected<Closed, Failure> Walk::close(const Epoch& epoch) const {
    Closed closed;
    closed.epoch = &epoch;
    Hash members;
    Uint128 weight = epoch.jailed_weight;
    std::map<base::AccountId, std::uint64_t> weights;
    for (const Member& member : epoch.members) {
        members = market::extend_members(members, member.validator, member.weight);
        weight += member.weight;
        if (member.weight == 0 || weight > kWeightMax ||
            !weights.emplace(member.validator, member.weight).second)
            return tl::unexpected(of_epoch(epoch, "a member twice, or with a weight that is none"));
    }
    if (weight > kWeightMax)
        return tl::unexpected(of_epoch(epoch, "more weight than there is money"));
    closed.all_weight = static_cast<std::uint64_t>(weight);
    std::vector<Hash> leaves;
    for (std::size_t i = 0; i < epoch.commitments.size(); ++i) {
        const Commitment& commitment = epoch.commitments[i];
        if (i > 0 && commitment.id <= epoch.commitments[i - 1].id)
            return tl::unexpected(of_epoch(epoch, "its commitments are out of order"));
        leaves.push_back(market::commitment_leaf(commitment.id, commitment.job, commitment.root));
    }
    const Hash root = market::epoch_root(members, epoch.jailed_weight, leaves);
    const base::Bytes alpha = market::contribution_alpha(log_.chain_id, epoch.number, root);
    Uint128 contributed = 0;
    const auto given = sent_.contributions.find(epoch.number);
    if (given != sent_.contributions.end()) {
        for (const auto& [sender, contribution] : given->second) {
            const market::EpochContribute& message = contribution.message;
            const auto member = weights.find(sender);
            if (member == weights.end())
                return tl::unexpected(of_epoch(epoch, "a contribution of nobody who is a member"));
            if (message.commitments_root != root)
                return tl::unexpected(of_epoch(epoch, "a member signed other commitments"));
            if (message.log_size != epoch.log_size || message.log_root != epoch.log_root)
                return tl::unexpected(of_epoch(epoch, "a member signed another log"));
            const auto beta = base::vrf_verify(contribution.vrf, alpha, message.proof);
            if (!beta) return tl::unexpected(of_epoch(epoch, "a contribution is no proof"));
            closed.y.emplace(sender, market::contribution_output(*beta));
            contributed += member->second;
        }
    }
    closed.void_ = 2 * (weight - contributed) > weight;
    if (auto what = check_barred(closed)) return tl::unexpected(*what);
    return closed;
}

std::optional<Failure> Walk::verdict_of(const ClaimKey& key, const base::AuditId& audit,
                                        Voice& voice) {
    const auto found = sent_.reveals.find(audit);
    if (found == sent_.reveals.end()) return std::nullopt;
    Sent::Reveal& reveal = found->second;
    const market::Verdict& verdict = reveal.message.verdict;
    if (reveal.sender != voice.validator)
        return failed(Problem::draws, "a verdict by another than who was drawn");
    reveal.used = true;
    if (verdict.kind == market::VerdictKind::valid) {
        const base::Bytes alpha = market::spot_alpha(audit, claims_.at(key).root);
        if (!reveal.message.proof || !base::vrf_verify(reveal.vrf, alpha, *reveal.message.proof))
            return failed(Problem::draws, "a verdict without the proof that chose its cells");
        may_be_controlled(key, audit, verdict.cells_digest, 0);
    }
    voice.verdict = verdict.kind;
    return std::nullopt;
}

void Walk::control_of(const base::AuditId& audit, const base::AuditId& controlled,
                      const base::AccountId& controller) {
    if (const auto against = sent_.reveals.find(audit);
        against != sent_.reveals.end() && against->second.sender == controller)
        against->second.used = true;
    const auto mine = sent_.cells.find(audit);
    const auto theirs = sent_.cells.find(controlled);
    const auto reveal = sent_.reveals.find(controlled);
    if (mine == sent_.cells.end() || theirs == sent_.cells.end() || reveal == sent_.reveals.end())
        return;
    const market::CellsOpen& shown = theirs->second.second;
    const bool honest = market::cells_digest(shown.salt, shown.cells) ==
                        reveal->second.message.verdict.cells_digest;
    if (mine->second.first == controller && theirs->second.first == reveal->second.sender &&
        honest && mine->second.second.cells == shown.cells)
        ++facts_.controls;
}

std::optional<Failure> Walk::draw(const Closed& closed, const base::PartId& commitment,
                                  const ClaimKey& key, const Rates& rates,
                                  const base::AuditId& control) {
    const Epoch& epoch = *closed.epoch;
    Claimed& claimed = claims_.at(key);
    Draw draw;
    draw.epoch = epoch.number;
    draw.exponent = market::rate_exponent(rates.stated_ppm);
    draw.least_exponent = market::rate_exponent(rates.least_ppm);
    draw.void_ = closed.void_;
    for (const Member& member : epoch.members) {
        const bool barred =
            std::any_of(epoch.barred.begin(), epoch.barred.end(), [&](const Barred& b) {
                return b.commitment == commitment && b.validator == member.validator;
            });
        Voice voice{member.validator,
                    member.weight,
                    closed.y.contains(member.validator) && !barred,
                    false,
                    {}};
        if (voice.present) draw.weight += voice.weight;
        draw.voices.push_back(voice);
    }
    const bool anybody = draw.weight > 0;
    if (closed.void_) draw.weight = closed.all_weight;
    const Place& place = claimed.place;
    market::DrawSubject subject{place.kind, facts_.job,    place.round,
                                place.lane, place.segment, control};
    for (Voice& voice : draw.voices) {
        if (!voice.present || !anybody) continue;
        const std::uint64_t exponent =
            market::member_exponent(draw.exponent, voice.weight, draw.weight);
        voice.drawn =
            market::is_drawn(closed.y.at(voice.validator), subject, market::draw_chance(exponent));
        if (!voice.drawn) continue;
        const base::AuditId audit =
            market::audit_id(commitment, key.second, epoch.number, voice.validator);
        if (!control.is_zero()) {
            control_of(audit, control, voice.validator);
        } else if (auto what = verdict_of(key, audit, voice)) {
            return what;
        }
    }
    if (!control.is_zero()) return std::nullopt;
    ++attempts_[place];
    claimed.draws.push_back(std::move(draw));
    return std::nullopt;
}

std::optional<Failure> Walk::leaf(const Closed& closed, const Commitment& commitment, Name name) {
    const bool right = name.roots.empty() ? commitment.root == commitment.id.hash
                                          : name.roots.contains(commitment.root);
    if (!right) return of_epoch(*closed.epoch, "a commitment of the job has another root");
    switch (name.kind) {
        case LeafKind::part: {
            const CommittedPart& part = sent_.parts.at(commitment.id);
            for (std::uint32_t segment = 0; segment < part.message.segments; ++segment) {
                const Place place{ClaimKind::segment, part.key.round, part.key.lane,
                                  part.first_segment + segment};
                const ClaimKey key{commitment.id, segment};
                if (!claims_.contains(key)) open(key, {place, commitment.root, part.rates, {}});
                if (auto what = draw(closed, commitment.id, key, part.rates, {})) return what;
            }
            return std::nullopt;
        }
        case LeafKind::once:
            claims_.at(name.claim).root = commitment.root;
            return draw(closed, commitment.id, name.claim, claims_.at(name.claim).rates, {});
        case LeafKind::redraw:
            names_[market::redraw_commitment_id(name.claim.first, name.claim.second,
                                                name.redraw + 1)] = {
                LeafKind::redraw, name.claim, {}, name.redraw + 1, {}};
            return draw(closed, commitment.id, name.claim, sure(claims_.at(name.claim).rates), {});
        case LeafKind::control: {
            may_be_controlled(name.claim, name.audit, commitment.root, name.redraw + 1);
            const market::Parameters& parameters = log_.genesis.parameters;
            const std::uint32_t rate =
                name.redraw == 0 ? parameters.control_ppm : parameters.rate_sure_ppm;
            return draw(closed, commitment.id, name.claim, {rate, rate}, name.audit);
        }
        case LeafKind::job:
            job_joined_ = closed.epoch->log_size;
            return std::nullopt;
    }
    return std::nullopt;
}

std::optional<Failure> Walk::epoch(const Epoch& epoch) {
    if (auto what = check_log_of(epoch)) return what;
    const auto closed = close(epoch);
    if (!closed) return closed.error();
    std::set<base::AccountId> contributors;
    for (const auto& [validator, y] : closed->y) contributors.insert(validator);
    facts_.contributors.push_back(std::move(contributors));
    std::vector<const Commitment*> left;
    for (const Commitment& commitment : epoch.commitments) {
        if (commitment.job == facts_.job) left.push_back(&commitment);
    }
    // Two redraws of one epoch may stand in the other order: a name becomes known with the one
    // before it.
    for (bool found = true; found && !left.empty();) {
        found = false;
        for (const Commitment*& commitment : left) {
            const auto name = names_.find(commitment->id);
            if (name == names_.end()) continue;
            found = true;
            if (auto what = leaf(*closed, *commitment, name->second)) return what;
            commitment = nullptr;
        }
        std::erase(left, nullptr);
    }
    if (!left.empty())
        return of_epoch(epoch, "the job committed to something there that is not shown");
    return std::nullopt;
}

/// A claim that the model rests on. Who was drawn and said nothing was replaced by another draw,
/// and so was what a void epoch drew.
std::optional<Failure> Walk::add_final(const ClaimKey& key) {
    const auto found = claims_.find(key);
    if (found == claims_.end() || found->second.draws.empty())
        return failed(Problem::draws, "final work joined no epoch");
    const Claimed& claimed = found->second;
    const Draw& last = claimed.draws.back();
    const bool missed = std::any_of(last.voices.begin(), last.voices.end(),
                                    [](const Voice& v) { return v.drawn && !v.verdict; });
    if (missed || last.void_) return failed(Problem::draws, "final work was drawn, and not judged");
    const Place& place = claimed.place;
    facts_.claims.push_back(
        {place.kind, place.round, place.lane, place.segment, claimed.draws, attempts_.at(place)});
    return std::nullopt;
}

std::optional<Failure> Walk::end() {
    if (!job_joined_) return failed(Problem::epochs, "no epoch holds the job's end");
    for (const SignedMessage& message : log_.messages) {
        const bool later = std::holds_alternative<market::EpochContribute>(message.message) ||
                           std::holds_alternative<market::KeysSet>(message.message);
        if (!later && message.log_index >= *job_joined_)
            return failed(Problem::epochs,
                          "the log that the last epoch signs does not hold the whole job");
    }
    std::set<std::uint64_t> shown;
    for (const Epoch& epoch : evidence_.epochs) shown.insert(epoch.number);
    for (const auto& [number, given] : sent_.contributions) {
        if (!shown.contains(number))
            return failed(Problem::epochs, "contributions to epoch " + std::to_string(number) +
                                               ", which is not shown");
    }
    for (const auto& [audit, reveal] : sent_.reveals) {
        if (!reveal.used)
            return failed(Problem::draws, "a verdict by somebody who was not drawn for it");
    }
    for (const market::PartPassed& part : history_.final_parts) {
        for (std::uint32_t segment = 0; segment < part.leaves.size(); ++segment) {
            if (auto what = add_final({part.part, segment})) return what;
        }
    }
    for (const auto& [round, merge] : history_.final_merges) {
        if (auto what = add_final(
                {market::merge_commitment_id(log_.chain_id, facts_.job, round, merge.attempt), 0}))
            return what;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Failure> check_draws(const Evidence& evidence, const Log& log,
                                   const HistoryFacts& history, Sent& sent, Facts& facts) {
    Walk walk(evidence, log, history, sent, facts);
    const base::PartId init = market::init_commitment_id(facts.job);
    for (std::size_t i = 0; i < evidence.epochs.size(); ++i) {
        const Epoch& epoch = evidence.epochs[i];
        if (i > 0) {
            const std::uint64_t before = evidence.epochs[i - 1].number;
            if (epoch.number <= before)
                return Failure{Problem::epochs, "the epochs are out of order"};
            facts.hidden_epochs += static_cast<std::uint32_t>(
                std::min<std::uint64_t>(epoch.number - before - 1, 1U << 20U));
        } else if (std::none_of(epoch.commitments.begin(), epoch.commitments.end(),
                                [&](const Commitment& c) { return c.id == init; })) {
            return Failure{Problem::epochs, "the first epoch is not the one that the job began in"};
        }
        if (auto what = walk.epoch(epoch)) return what;
    }
    return walk.end();
}

}  // namespace assay::evidence
