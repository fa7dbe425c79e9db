#include <algorithm>

#include "base/wide.h"
#include "evidence/evidence.h"
#include "market/parties.h"

namespace assay::evidence {
namespace {

using base::Uint128;

constexpr std::uint64_t kOne = ~std::uint64_t{0};

/// value * factor, at most 1.
std::uint64_t scaled(std::uint64_t value, std::uint64_t factor) {
    const Uint128 product = static_cast<Uint128>(value) * factor;
    return product > kOne ? kOne : static_cast<std::uint64_t>(product);
}

/// How many ways there are to leave `absent` of `all` out, at most 2^32.
std::uint64_t choices(std::uint64_t all, std::uint64_t absent) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 32U;
    std::uint64_t out = 1;
    for (std::uint64_t i = 0; i < std::min(absent, all - absent); ++i) {
        out = out * (all - i) / (i + 1);
        if (out >= kMost) return kMost;
    }
    return out;
}

/// The chance that a fake passes this draw: (1 - q)^t, t the share of W that trusted keys hold
/// which took part. Who is missing may be missing because of what it drew, so every choice of the
/// missing counts as a try; and where somebody is, q is the least that it can have been: the stated
/// rate may have been chosen with the missing.
std::uint64_t chance_of(const Draw& draw, const std::set<base::AccountId>& trusted) {
    std::uint64_t weight = 0, all = 0, absent = 0;
    for (const Voice& voice : draw.voices) {
        if (!trusted.contains(voice.validator)) continue;
        ++all;
        const bool missed = voice.drawn && !voice.verdict;
        if (voice.present && !missed)
            weight += voice.weight;
        else
            ++absent;
    }
    const std::uint64_t of_rate = absent == 0 ? draw.exponent : draw.least_exponent;
    if (weight == 0 || draw.weight == 0 || of_rate == 0) return kOne;
    // Rounded down, and so the chance up.
    const auto exponent = static_cast<std::uint64_t>(static_cast<Uint128>(of_rate) *
                                                     std::min(weight, draw.weight) / draw.weight);
    if (exponent == 0) return kOne;
    return scaled(market::power_of_half(exponent) + 1, choices(all, absent));
}

/// 1 - (1 - x)^n.
std::uint64_t over_attempts(std::uint64_t x, std::uint64_t n) {
    std::uint64_t passes = kOne, base = kOne - x;
    for (; n > 0; n >>= 1U) {
        if ((n & 1U) != 0)
            passes = static_cast<std::uint64_t>((static_cast<Uint128>(passes) * base) >> 64U);
        base = static_cast<std::uint64_t>((static_cast<Uint128>(base) * base) >> 64U);
    }
    return kOne - passes;
}

/// A fraction of 2^64 with six decimals, rounded up.
std::string decimal(std::uint64_t fraction) {
    constexpr std::uint64_t kMillion = 1'000'000;
    const auto ppm = static_cast<std::uint64_t>((static_cast<Uint128>(fraction) * kMillion + kOne) /
                                                (static_cast<Uint128>(kOne) + 1));
    std::string digits = std::to_string(ppm % kMillion);
    digits.insert(0, 6 - digits.size(), '0');
    return std::to_string(ppm / kMillion) + "." + digits;
}

std::string place_of(const ClaimFacts& claim) {
    if (claim.kind == market::ClaimKind::merge)
        return "the merge of round " + std::to_string(claim.round);
    return "segment " + std::to_string(claim.segment) + " of lane " + std::to_string(claim.lane) +
           " in round " + std::to_string(claim.round);
}

}  // namespace

tl::expected<std::vector<Trusted>, std::string> read_trust(std::string_view text) {
    std::vector<Trusted> out;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        const std::size_t space = line.find(' ');
        const auto chain = base::hash_from_hex(line.substr(0, space));
        const auto bytes =
            space == std::string_view::npos ? std::nullopt : base::from_hex(line.substr(space + 1));
        const auto key = bytes ? base::public_key_from_bytes(*bytes) : std::nullopt;
        if (!chain || !key)
            return tl::unexpected("line " + std::to_string(number) +
                                  " is not: chain-id public-key");
        out.push_back({*chain, *key});
    }
    return out;
}

tl::expected<Weighed, std::string> weigh(const Facts& facts, const std::vector<Trusted>& trust) {
    std::set<base::AccountId> trusted;
    for (const Trusted& line : trust) {
        if (line.chain_id != facts.chain_id) continue;
        const base::AccountId account = market::account_id(facts.chain_id, line.key);
        if (!facts.parties.contains(account)) trusted.insert(account);
    }
    if (trusted.empty())
        return tl::unexpected(
            std::string("the list names no validator of this chain: nothing is proved"));
    Weighed out;
    std::uint64_t silent = 0;
    // Nobody whom the reader trusts has signed what such an epoch closed with: it may hide an
    // attempt.
    for (const auto& contributors : facts.contributors) {
        const bool seen =
            std::any_of(trusted.begin(), trusted.end(),
                        [&](const base::AccountId& id) { return contributors.contains(id); });
        silent += seen ? 0U : 1U;
    }
    for (const ClaimFacts& claim : facts.claims) {
        std::uint64_t best = kOne;
        bool vouched = false;
        for (const Draw& draw : claim.draws) {
            best = std::min(best, chance_of(draw, trusted));
            for (const Voice& voice : draw.voices) {
                if (!voice.verdict || !trusted.contains(voice.validator)) continue;
                if (*voice.verdict == market::VerdictKind::invalid)
                    return tl::unexpected("a key that you trust calls " + place_of(claim) +
                                          " wrong");
                vouched = true;
            }
        }
        if (best == kOne)
            return tl::unexpected("no key that you trust took part in a draw of " +
                                  place_of(claim) + ": nothing is proved");
        out.worst = std::max(out.worst, best);
        out.attempts = std::max<std::uint64_t>(out.attempts, claim.attempts);
        if (claim.kind != market::ClaimKind::segment) continue;
        ++out.segments;
        out.vouched += vouched ? 1U : 0U;
    }
    out.attempts += facts.hidden_epochs + silent;
    out.chance = over_attempts(out.worst, out.attempts);
    if (out.chance == kOne)
        return tl::unexpected(
            std::string("after so many attempts a fake would have passed: nothing is proved"));
    out.sentence = std::to_string(out.vouched) + " of " + std::to_string(out.segments) +
                   " segments carry verdicts of keys you trust; a fake segment would have passed "
                   "with chance " +
                   decimal(out.chance);
    return out;
}

}  // namespace assay::evidence
