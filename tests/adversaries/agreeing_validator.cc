/// A validator that stands for whatever was committed: of segments and merges it finds the root
/// that its audit is about. The command line is that of `assay-validator`.
#include <algorithm>
#include <string>
#include <vector>

#include "agent/account_meant.h"
#include "agent/party.h"
#include "base/check.h"
#include "validator/validator.h"

namespace {

using namespace assay;
using program::CellPlace;
using runtime::ReplayError;

class Agreeing final : public validator::Recomputer {
  public:
    Agreeing(std::string node_url, client::KeySource key)
        : node_(std::move(node_url), agent::patient_options()), key_(std::move(key)) {}

    tl::expected<runtime::SegmentOutcome, ReplayError> segment(
        runtime::Job& job, commit::State& state, const commit::State* round_start,
        const runtime::SegmentPlace& place, std::span<const CellPlace> places,
        const runtime::Progress& progress) override {
        auto outcome = replays_.segment(job, state, round_start, place, places, progress);
        if (outcome) outcome->end_root = committed_end(place).value_or(outcome->end_root);
        return outcome;
    }
    tl::expected<runtime::StateOutcome, ReplayError> merge(
        runtime::Job& job, commit::State& round_start,
        std::span<const commit::Payload* const> members, std::uint32_t round,
        const base::Hash& round_start_root, std::span<const CellPlace> places) override {
        auto outcome = replays_.merge(job, round_start, members, round, round_start_root, places);
        if (outcome) outcome->root = committed_merge(round).value_or(outcome->root);
        return outcome;
    }
    tl::expected<runtime::StateOutcome, ReplayError> init(
        runtime::Job& job, std::span<const CellPlace> places) override {
        return replays_.init(job, places);
    }

  private:
    std::vector<market::Audit> own_audits(market::ClaimKind claim) {
        // The node may not have been there when the program was started.
        if (account_.is_zero())
            account_ = agent::account_meant({}, key_.file, node_).value_or(base::AccountId());
        auto audits = node_.audits_of(account_);
        if (!audits) return {};
        std::erase_if(*audits, [&](const market::Audit& audit) {
            return audit.claim != claim || audit.state != market::AuditState::open;
        });
        return std::move(*audits);
    }

    std::optional<base::Hash> committed_end(const runtime::SegmentPlace& place) {
        for (const market::Audit& audit : own_audits(market::ClaimKind::segment)) {
            const auto part = audit.round == place.round && audit.lane == place.lane
                                  ? node_.part(audit.subject)
                                  : tl::unexpected(client::ClientError());
            if (!part || part->first_segment + audit.segment != place.segment) continue;
            for (const market::DeliveredSegment& delivered : part->delivered) {
                if (delivered.segment == audit.segment &&
                    delivered.leaf.start_root == place.start_root)
                    return delivered.leaf.end_field;
            }
        }
        return std::nullopt;
    }

    std::optional<base::Hash> committed_merge(std::uint32_t round) {
        for (const market::Audit& audit : own_audits(market::ClaimKind::merge)) {
            const auto merge = node_.merge(audit.job, audit.round);
            if (audit.round == round && merge && merge->commitment == audit.subject)
                return merge->root;
        }
        return std::nullopt;
    }

    client::Client node_;
    const client::KeySource key_;
    base::AccountId account_;
    validator::Replays replays_;
};

std::string value_of(int argc, char** argv, const std::string& name) {
    for (int i = 1; i + 1 < argc; ++i) {
        if (name == argv[i]) return argv[i + 1];
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    Agreeing agreeing(value_of(argc, argv, "--node"), {value_of(argc, argv, "--key"), {}, -1});
    games::Honest conduct;
    return validator::validator_main(argc, argv, agreeing, conduct);
}
