#include "draw_experiment.h"

#include <vector>

#include "market/draw.h"
#include "world.h"

namespace assay::sim {

namespace {

constexpr std::uint64_t kWeight = 1'000'000'000;

struct Member {
    std::uint64_t weight = 0;
    base::Hash key;
};

/// One try of the coalition: another salt, epoch or key gives another c_e, another job id another subject. A VRF output is a hash that nobody
/// else can compute before it is shown; here it is a hash of what the true one is over.
struct Try {
    base::Hash commitments;
    market::DrawSubject subject;
    [[nodiscard]] base::Hash output(const Member& member) const {
        return base::Hasher("sim.vrf").add(member.key).add(commitments).finish();
    }
};

std::vector<Member> split(std::uint64_t seed, const char* who, std::uint64_t weight, std::uint32_t accounts) {
    std::vector<Member> members;
    std::uint64_t left = weight;
    for (std::uint32_t i = 0; i < accounts && left > 0; ++i) {
        const std::uint64_t own = i + 1 == accounts ? left : left * 2 / 3;
        members.push_back({own, numbered(seed, who, i)});
        left -= own;
    }
    return members;
}

std::uint32_t drawn_of(const Try& made, const Member& member, std::uint64_t all_weight, const DrawSetting& setting) {
    const std::uint64_t exponent = market::member_exponent(market::rate_exponent(setting.rate_ppm), member.weight, all_weight);
    const std::uint64_t chance = market::draw_chance(exponent);
    const base::Hash y = made.output(member);
    std::uint32_t drawn = 0;
    market::DrawSubject subject = made.subject;
    for (subject.segment = 0; subject.segment < setting.segments; ++subject.segment) drawn += market::is_drawn(y, subject, chance) ? 1U : 0U;
    return drawn;
}

std::uint32_t drawn_of(const Try& made, const std::vector<Member>& members, std::uint64_t all_weight, const DrawSetting& setting) {
    std::uint32_t drawn = 0;
    for (const Member& member : members) drawn += drawn_of(made, member, all_weight, setting);
    return drawn;
}

/// The coalition sees its own outputs only, so it keeps the try in which it audits itself most.
Try choose(std::uint64_t trial, const std::vector<Member>& own, const DrawSetting& setting) {
    Try best;
    std::uint32_t most = 0;
    for (std::uint64_t i = 0; i < setting.tries; ++i) {
        const std::uint64_t number = trial * setting.tries + i;
        Try made{numbered(setting.seed, "c_e", number), {}};
        made.subject.job = base::JobId{numbered(setting.seed, "job", number / 2)};
        const std::uint32_t drawn = drawn_of(made, own, kWeight, setting);
        if (i != 0 && drawn <= most) continue;
        most = drawn;
        best = made;
    }
    return best;
}

/// Whether some subset of the coalition lets the part through when only that subset contributes.
bool escapes_by_withholding(const Try& made, const std::vector<Member>& honest, const std::vector<Member>& own, const DrawSetting& setting) {
    std::uint64_t honest_weight = 0;
    for (const Member& member : honest) honest_weight += member.weight;
    for (std::uint32_t given = 0; given < (1U << own.size()); ++given) {
        std::uint64_t all = honest_weight;
        for (std::size_t i = 0; i < own.size(); ++i) all += ((given >> i) & 1U) != 0 ? own[i].weight : 0;
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
        const Try made = choose(trial, own, setting);
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
