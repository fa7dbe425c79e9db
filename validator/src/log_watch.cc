#include "log_watch.h"

#include "agent/durable_file.h"
#include "base/encoding.h"
#include "base/merkle.h"

namespace assay::validator {

namespace {

constexpr std::uint8_t kVersion = 1;
/// An answer of the node with a state proof is a few KiB.
constexpr std::size_t kShownBytesMax = 256 * 1024;
constexpr std::size_t kFileBytesMax = kShownBytesMax + 1024;

}  // namespace

tl::expected<std::filesystem::path, std::string> Evidence::save(const std::string& name,
                                                                const std::string& first,
                                                                const std::string& second) const {
    const std::filesystem::path file = folder_ / (name + ".json");
    const std::string text = "{\"first\":" + first + ",\"second\":" + second + "}\n";
    if (auto saved = agent::save_durable(file, base::view_of(text)); !saved)
        return tl::unexpected(saved.error());
    return file;
}

bool Evidence::any() const {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        if (entry.path().extension() == ".json") return true;
    }
    return false;
}

base::Bytes encode_log_point(const LogPoint& point) {
    base::Encoder out;
    out.u8(kVersion).u64(point.size).hash(point.root).text(point.shown);
    const base::Hash digest = base::blake2b("assay.log.point", out.view());
    return out.hash(digest).take();
}

std::optional<LogPoint> decode_log_point(base::ByteView bytes) {
    if (bytes.size() < 32) return std::nullopt;
    const base::ByteView content = bytes.first(bytes.size() - 32);
    if (base::hash_from_bytes(bytes.last(32)) != base::blake2b("assay.log.point", content))
        return std::nullopt;
    base::Decoder in(content);
    if (in.u8() != kVersion) return std::nullopt;
    LogPoint point;
    point.size = in.u64();
    point.root = in.hash();
    point.shown = in.text(kShownBytesMax);
    if (!in.finished()) return std::nullopt;
    return point;
}

LogWatch::LogWatch(std::filesystem::path file, const Evidence& evidence)
    : file_(std::move(file)), evidence_(evidence) {
    std::error_code error;
    if (!std::filesystem::exists(file_, error) && !error) return;
    const auto bytes = agent::load_file(file_, kFileBytesMax);
    longest_ = bytes ? decode_log_point(*bytes) : std::nullopt;
    damaged_ = !longest_;
}

LogOutcome LogWatch::fail(LogOutcome outcome, std::string text) {
    trouble_ = std::move(text);
    return outcome;
}

LogOutcome LogWatch::forked(const LogPoint& point) {
    const std::string sizes = std::to_string(longest_->size) + "-" + std::to_string(point.size);
    const auto saved = evidence_.save("log-" + sizes, longest_->shown, point.shown);
    return fail(LogOutcome::forked,
                "the operator signed two receipt logs, of sizes " + sizes +
                    ", of which neither extends the other: " +
                    (saved ? "both heads are in " + saved->string() : saved.error()));
}

LogOutcome LogWatch::see(const LogPoint& point, const ProveLog& prove) {
    if (damaged_)
        return fail(LogOutcome::unknown,
                    file_.string() + " is damaged: it says which log this account has signed");
    if (point.shown.size() > kShownBytesMax)
        return fail(LogOutcome::unknown, "the node's answer is too large to be kept");
    if (longest_ && (longest_->size != point.size || longest_->root != point.root)) {
        const bool longer = point.size > longest_->size;
        const LogPoint& before = longer ? *longest_ : point;
        const LogPoint& after = longer ? point : *longest_;
        std::vector<base::Hash> path;
        if (before.size != 0 && before.size != after.size) {
            auto proof = prove(before.size, after.size);
            if (!proof && proof.error() == NoProof::no_answer)
                return fail(LogOutcome::unknown, "the node does not prove its log");
            if (!proof) return forked(point);
            path = std::move(*proof);
        }
        if (!base::consistency_verify(base::MerkleFamily::sha256, before.size, before.root,
                                      after.size, after.root, path))
            return forked(point);
        if (!longer) return LogOutcome::extends;
    } else if (longest_) {
        return LogOutcome::extends;
    }
    if (auto saved = agent::save_durable(file_, encode_log_point(point)); !saved)
        return fail(LogOutcome::unknown, saved.error());
    longest_ = point;
    return LogOutcome::extends;
}

}  // namespace assay::validator
