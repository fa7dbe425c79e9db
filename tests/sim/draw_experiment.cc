#include "draw_experiment.h"

#include <algorithm>
#include <vector>

#include "market/draw.h"
#include "own_draws.h"
#include "world.h"

namespace assay::sim {

namespace {

constexpr std::uint64_t kWeight = 1'000'000'000;

struct Member {
    std::uint64_t weight = 0;
    base::Hash key;
};

/// One try of the coalition. A VRF output is a hash that nobody else can compute before it is
/// shown; here it is a hash of what the true one is over. Another salt or epoch gives another c_e,
/// and with it other outputs of everybody, those of the honest unknown; another key of its own
/// other outputs of the coalition alone, which is less; another job id other tickets under the same
/// outputs. Nothing else stands in a ticket, so these are all tries there are.
struct Try {
    base::Hash commitments;
    base::JobId job;
    [[nodiscard]] base::Hash output(const Member& member) const {
        return base::Hasher("sim.vrf").add(member.key).add(commitments).finish();
    }
};

std::vector<Member> split(std::uint64_t seed, const char* who, std::uint64_t weight,
                          std::uint32_t accounts) {
    std::vector<Member> members;
    std::uint64_t left = weight;
    for (std::uint32_t i = 0; i < accounts && left > 0; ++i) {
        const std::uint64_t own = i + 1 == accounts ? left : left * 2 / 3;
        members.push_back({own, numbered(seed, who, i)});
        left -= own;
    }
    return members;
}

std::uint64_t chance_of(const Member& member, std::uint64_t all_weight,
                        const DrawSetting& setting) {
    return market::draw_chance(market::member_exponent(market::rate_exponent(setting.rate_ppm),
                                                       member.weight, all_weight));
}

std::uint32_t drawn_of(const Try& made, const Member& member, std::uint64_t all_weight,
                       const DrawSetting& setting) {
    const std::uint64_t chance = chance_of(member, all_weight, setting);
    const base::Hash y = made.output(member);
    std::uint32_t drawn = 0;
    market::DrawSubject subject;
    subject.job = made.job;
    for (subject.segment = 0; subject.segment < setting.segments; ++subject.segment)
        drawn += market::is_drawn(y, subject, chance) ? 1U : 0U;
    return drawn;
}

std::uint32_t drawn_of(const Try& made, const std::vector<Member>& members,
                       std::uint64_t all_weight, const DrawSetting& setting) {
    std::uint32_t drawn = 0;
    for (const Member& member : members) drawn += drawn_of(made, member, all_weight, setting);
    return drawn;
}

/// Goes through the tries of one part; the coalition sees its own outputs only, so it keeps the
/// first in which it audits itself most.
class Choice {
  public:
    Choice(std::uint64_t trial, const std::vector<Member>& own, const DrawSetting& setting)
        : trial_(trial), own_(own), setting_(setting) {
        for (std::uint32_t i = 0; i < setting.jobs; ++i)
            jobs_.push_back({numbered(setting.seed, "job", trial * setting.jobs + i)});
        for (const Member& member : own_) chances_.push_back(chance_of(member, kWeight, setting));
        best_ = {commitments(0), jobs_.front()};
    }

    Try make() {
        // Who has no draws of its own has nothing to choose by.
        if (own_.empty()) return best_;
        const JobBatches batches(jobs_);
        for (std::uint32_t i = 0; i < setting_.commitments && !perfect(); ++i) {
            const base::Hash c_e = commitments(i);
            if (setting_.by_the_rules)
                look_slowly(c_e);
            else
                look(c_e, batches);
        }
        return best_;
    }

  private:
    [[nodiscard]] base::Hash commitments(std::uint32_t i) const {
        return numbered(setting_.seed, "c_e", trial_ * setting_.commitments + i);
    }
    [[nodiscard]] std::uint32_t draws() const {
        return static_cast<std::uint32_t>(own_.size()) * setting_.segments;
    }
    /// No try can be better.
    [[nodiscard]] bool perfect() const { return most_ == draws(); }

    void keep(const base::Hash& c_e, std::size_t job, std::uint32_t drawn) {
        if (job >= jobs_.size() || drawn <= most_) return;
        most_ = drawn;
        best_ = {c_e, jobs_[job]};
    }

    void look_slowly(const base::Hash& c_e) {
        for (std::size_t i = 0; i < jobs_.size(); ++i)
            keep(c_e, i, drawn_of({c_e, jobs_[i]}, own_, kWeight, setting_));
    }

    void look(const base::Hash& c_e, const JobBatches& batches) {
        std::vector<base::Hash> outputs;
        for (const Member& member : own_) outputs.push_back(Try{c_e, {}}.output(member));
        for (std::size_t batch = 0; batch < batches.count(); ++batch) {
            Tickets drawn{};
            std::uint32_t left = draws();
            // The smallest account first: it is drawn least, and without it most tries are no
            // better than the best one.
            for (; left > 0 && *std::max_element(drawn.begin(), drawn.end()) + left > most_;
                 --left) {
                const std::size_t member = (left - 1) / setting_.segments;
                const Tickets tickets =
                    batches.tickets(batch, outputs[member], (left - 1) % setting_.segments);
                for (std::size_t i = 0; i < kTicketLanes; ++i)
                    drawn[i] += tickets[i] < chances_[member] ? 1U : 0U;
            }
            if (left > 0) continue;
            for (std::size_t i = 0; i < kTicketLanes; ++i)
                keep(c_e, batch * kTicketLanes + i, static_cast<std::uint32_t>(drawn[i]));
        }
    }

    std::uint64_t trial_;
    const std::vector<Member>& own_;
    const DrawSetting& setting_;
    std::vector<base::JobId> jobs_;
    std::vector<std::uint64_t> chances_;
    Try best_;
    std::uint32_t most_ = 0;
};

/// Whether some subset of the coalition lets the part through when only that subset contributes.
bool escapes_by_withholding(const Try& made, const std::vector<Member>& honest,
                            const std::vector<Member>& own, const DrawSetting& setting) {
    std::uint64_t honest_weight = 0;
    for (const Member& member : honest) honest_weight += member.weight;
    for (std::uint32_t given = 0; given < (1U << own.size()); ++given) {
        std::uint64_t all = honest_weight;
        for (std::size_t i = 0; i < own.size(); ++i)
            all += ((given >> i) & 1U) != 0 ? own[i].weight : 0;
        if (drawn_of(made, honest, all, setting) == 0) return true;
    }
    return false;
}

}  // namespace

DrawResult draw_often(const DrawSetting& setting) {
    const std::uint64_t own_weight = kWeight / 1'000'000 * setting.colluding_ppm;
    const std::vector<Member> own = split(setting.seed, "coalition", own_weight, setting.accounts);
    const std::vector<Member> honest = split(setting.seed, "honest", kWeight - own_weight, 5);
    DrawResult result;
    for (std::uint64_t trial = 0; trial < setting.trials; ++trial) {
        const Try made = Choice(trial, own, setting).make();
        const std::uint32_t seen = drawn_of(made, honest, kWeight, setting);
        ++result.trials;
        result.honest_audits += seen;
        result.own_audits += drawn_of(made, own, kWeight, setting);
        result.escaped_all_give += seen == 0 ? 1U : 0U;
        result.escaped_best += escapes_by_withholding(made, honest, own, setting) ? 1U : 0U;
    }
    return result;
}

}  // namespace assay::sim
