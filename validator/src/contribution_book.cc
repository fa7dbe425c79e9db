#include "contribution_book.h"

#include <algorithm>
#include <charconv>

#include "agent/durable_file.h"
#include "base/encoding.h"

namespace assay::validator {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kShownBytesMax = 256 * 1024;
constexpr std::size_t kFileBytesMax = kShownBytesMax + 1024;

std::optional<std::uint64_t> epoch_of(const std::filesystem::path& file) {
    const std::string name = file.filename().string();
    std::uint64_t epoch = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), epoch);
    if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
    return epoch;
}

}  // namespace

base::Bytes encode_signed_contribution(const SignedContribution& contribution) {
    base::Encoder out;
    out.u8(kVersion)
        .u64(contribution.epoch)
        .hash(contribution.commitments_root)
        .u64(contribution.log_size)
        .hash(contribution.log_root);
    out.text(contribution.shown);
    const base::Hash digest = base::blake2b("assay.contrib", out.view());
    return out.hash(digest).take();
}

std::optional<SignedContribution> decode_signed_contribution(base::ByteView bytes) {
    if (bytes.size() < 32) return std::nullopt;
    const base::ByteView content = bytes.first(bytes.size() - 32);
    if (base::hash_from_bytes(bytes.last(32)) != base::blake2b("assay.contrib", content))
        return std::nullopt;
    base::Decoder in(content);
    if (in.u8() != kVersion) return std::nullopt;
    SignedContribution contribution;
    contribution.epoch = in.u64();
    contribution.commitments_root = in.hash();
    contribution.log_size = in.u64();
    contribution.log_root = in.hash();
    contribution.shown = in.text(kShownBytesMax);
    if (!in.finished()) return std::nullopt;
    return contribution;
}

ContributionBook::ContributionBook(std::filesystem::path folder, const Evidence& evidence)
    : folder_(std::move(folder)), evidence_(evidence) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        const auto epoch = epoch_of(entry.path());
        if (epoch) newest_ = std::max(newest_.value_or(0), *epoch);
    }
}

Entry ContributionBook::fail(Entry entry, std::string text) {
    trouble_ = std::move(text);
    return entry;
}

/// Only below the newest ones, so that what is gone is known to be gone.
void ContributionBook::forget_old() {
    std::error_code error, ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        const auto epoch = epoch_of(entry.path());
        if (epoch && *epoch + kKept <= *newest_) std::filesystem::remove(entry.path(), ignored);
    }
}

Entry ContributionBook::enter(const SignedContribution& contribution) {
    const std::string number = std::to_string(contribution.epoch);
    const std::filesystem::path file = folder_ / number;
    std::error_code error;
    const bool there = std::filesystem::exists(file, error);
    if (error) return fail(Entry::not_saved, file.string() + ": " + error.message());
    if (there) {
        const auto bytes = agent::load_file(file, kFileBytesMax);
        const auto before = bytes ? decode_signed_contribution(*bytes) : std::nullopt;
        if (!before || before->epoch != contribution.epoch)
            return fail(Entry::not_saved,
                        file.string() + " is damaged: it says what this account has signed");
        const bool same = before->commitments_root == contribution.commitments_root &&
                          before->log_size == contribution.log_size &&
                          before->log_root == contribution.log_root;
        if (same) return Entry::may_be_sent;
        const auto saved = evidence_.save("epoch-" + number, before->shown, contribution.shown);
        return fail(Entry::other_signed,
                    "the operator closed epoch " + number +
                        " twice, with different commitments or logs: " +
                        (saved ? "both heads are in " + saved->string() : saved.error()));
    }
    if (newest_ && contribution.epoch + kKept <= *newest_)
        return fail(Entry::too_old, "epoch " + number + " is older than what is remembered");
    if (contribution.shown.size() > kShownBytesMax)
        return fail(Entry::not_saved, "the node's answer is too large to be kept");
    if (auto saved = agent::save_durable(file, encode_signed_contribution(contribution)); !saved)
        return fail(Entry::not_saved, saved.error());
    const bool newer = !newest_ || contribution.epoch > *newest_;
    if (newer) newest_ = contribution.epoch;
    constexpr std::uint64_t kForgetEvery = 64;
    if (newer && contribution.epoch % kForgetEvery == 0) forget_old();
    return Entry::may_be_sent;
}

}  // namespace assay::validator
