#include "contributions.h"

#include <algorithm>

#include "agent/log.h"
#include "market/tables.h"

namespace assay::validator {

namespace {

/// Epochs looked at in one go after a long absence; older ones are over.
constexpr std::uint64_t kEpochsBack = 64;
/// Verdicts whose place in the log is remembered as seen; asking again costs two requests.
constexpr std::size_t kWatchedMax = 4096;

}  // namespace

Contributions::Contributions(agent::Party& party, const std::filesystem::path& folder,
                             OperatorIdentity who)
    : party_(party),
      evidence_(folder / "evidence"),
      log_(folder / "log", evidence_),
      book_(folder / "contributions", evidence_),
      node_log_(party.node(), who) {}

void Contributions::alarm(const std::string& text) {
    agent::log(agent::LogLevel::error, "operator.contradicts",
               text +
                   ". This account signs nothing more for this operator; show the files to whoever "
                   "relies on this chain, and delete them only when you "
                   "know better",
               {{"evidence", evidence_.folder().string()}});
}

bool Contributions::trusts_operator() {
    if (!evidence_.any()) {
        left_ = false;
        return true;
    }
    if (!left_) leave();
    return false;
}

/// A member that does not contribute is fined: whoever will not sign is no member.
void Contributions::leave() {
    alarm("the data folder holds evidence against the operator");
    const auto declared = party_.node().validator(party_.identity().account());
    if (!declared) {
        left_ = declared.error().not_found();
        return;
    }
    if (declared->away) {
        left_ = true;
        return;
    }
    const auto sent = party_.send(market::ValidatorDeclare{
        declared->profile, declared->flops_per_second, declared->weight_max, true});
    if (!sent)
        return agent::log(agent::LogLevel::warning, "validator.trouble",
                          "cannot declare to be away: " + sent.error().text());
    left_ = true;
}

/// Whether the log at that point is the one this account knows.
bool Contributions::see(const LogPoint& point) {
    switch (log_.see(point, node_log_.prover())) {
        case LogOutcome::extends:
            return true;
        case LogOutcome::unknown:
            agent::log(agent::LogLevel::warning, "epoch.trouble", log_.trouble());
            return false;
        case LogOutcome::forked:
            alarm(log_.trouble());
            return false;
    }
    return false;
}

void Contributions::watch(const base::TransactionId& id) {
    if (id.is_zero() || watched_.contains(id)) return;
    const auto shown = node_log_.receipt(id);
    if (!shown) {
        agent::log(agent::LogLevel::debug, "log.trouble", shown.error(),
                   {{"transaction", agent::shortened(id.hex())}});
        return;
    }
    if (!see(point_of(shown->head, shown->shown))) return;
    if (watched_.size() >= kWatchedMax) watched_.clear();
    watched_.insert(id);
}

void Contributions::contribute() {
    if (!trusts_operator()) return;
    const auto bytes = party_.node().state_value(market::chain_key());
    const auto chain = bytes ? market::decode<market::Chain>(*bytes) : std::nullopt;
    if (!chain) {
        if (!bytes) agent::log(agent::LogLevel::warning, "node.trouble", bytes.error().text());
        return;
    }
    if (chain->epoch_next > kEpochsBack)
        epoch_from_ = std::max(epoch_from_, chain->epoch_next - kEpochsBack);
    // An operator that went back has epochs to close again: they are looked at, and refused.
    epoch_from_ = std::min(epoch_from_, chain->epoch_next);
    bool all_over = true;
    for (std::uint64_t number = epoch_from_; number < chain->epoch_next; ++number) {
        const auto epoch = party_.node().epoch(number);
        if (!epoch && !epoch.error().not_found()) return;
        const bool over = !epoch || epoch->state == market::EpochState::drawing ||
                          epoch->state == market::EpochState::done;
        all_over = all_over && over;
        if (all_over) epoch_from_ = number + 1;
        if (epoch && epoch->state == market::EpochState::contributing) contribute_to(number);
    }
}

void Contributions::contribute_to(std::uint64_t number) {
    const agent::Identity& identity = party_.identity();
    const agent::LogFields fields = {{"epoch", std::to_string(number)}};
    const auto member = party_.node().epoch_member(number, identity.account());
    if (!member || member->y) return;
    const auto shown = node_log_.epoch(number);
    if (!shown) return agent::log(agent::LogLevel::warning, "epoch.trouble", shown.error(), fields);
    const market::Epoch& epoch = shown->epoch;
    if (epoch.state != market::EpochState::contributing) return;
    if (!see(point_of(shown->head, shown->shown)) ||
        !see({epoch.log_size, epoch.log_root, shown->shown}))
        return;
    const Entry entry =
        book_.enter({number, epoch.commitments_root, epoch.log_size, epoch.log_root, shown->shown});
    if (entry == Entry::other_signed) return alarm(book_.trouble());
    if (entry != Entry::may_be_sent)
        return agent::log(agent::LogLevel::error, "epoch.trouble", book_.trouble(), fields);

    const base::Bytes alpha =
        market::contribution_alpha(identity.chain_id(), number, epoch.commitments_root);
    const auto sent = party_.send(market::EpochContribute{number, epoch.commitments_root,
                                                          epoch.log_size, epoch.log_root,
                                                          base::vrf_prove(identity.vrf(), alpha)});
    if (!sent) {
        const bool late = agent::is_refusal(sent.error(), market::Refusal::already_contributed) ||
                          agent::is_refusal(sent.error(), market::Refusal::epoch_closed);
        if (!late)
            agent::log(agent::LogLevel::warning, "epoch.trouble", sent.error().text(), fields);
        return;
    }
    agent::log(agent::LogLevel::info, "epoch.contributed", "contributed to the draw", fields);
}

}  // namespace assay::validator
