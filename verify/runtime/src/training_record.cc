#include "training_record.h"

#include "base/encoding.h"
#include "commit/checkpoint.h"

namespace assay::runtime {

namespace {

constexpr std::string_view kMagic = "ASSAYTRN";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kRoundsMax = 1U << 24U, kLanesMax = 1'024;
constexpr std::uint64_t kRecordBytesMax = 1ULL << 30U;

}  // namespace

tl::expected<void, std::string> save_record(const std::filesystem::path& file,
                                            const TrainingRecord& record) {
    base::Encoder out;
    out.raw(base::view_of(kMagic))
        .u32(kVersion)
        .hash(record.spec_root)
        .hash(record.program_root)
        .hash(record.members_digest);
    out.u32(static_cast<std::uint32_t>(record.opening_roots.size()));
    for (const base::Hash& root : record.opening_roots) out.hash(root);
    out.u32(static_cast<std::uint32_t>(record.payload_roots.size()));
    for (const auto& [lane, root] : record.payload_roots) out.u32(lane).hash(root);
    const base::Hash checksum = base::blake2b("assay.record", out.view());
    out.hash(checksum);
    const auto written = commit::write_file_atomically(file, out.view());
    if (!written)
        return tl::unexpected(file.string() + ": " +
                              std::string(commit::message_of(written.error())));
    return {};
}

tl::expected<std::optional<TrainingRecord>, std::string> load_record(
    const std::filesystem::path& file) {
    const auto bytes = commit::read_whole_file(file, kRecordBytesMax);
    if (!bytes && bytes.error() == commit::FileError::missing)
        return std::optional<TrainingRecord>();
    if (!bytes)
        return tl::unexpected(file.string() + ": " +
                              std::string(commit::message_of(bytes.error())));
    base::Decoder in(*bytes);
    const base::Bytes magic = in.raw(kMagic.size());
    if (!std::equal(magic.begin(), magic.end(), kMagic.begin(), kMagic.end()) ||
        in.u32() != kVersion) {
        return tl::unexpected(file.string() + ": is not a training record");
    }
    TrainingRecord record;
    record.spec_root = in.hash();
    record.program_root = in.hash();
    record.members_digest = in.hash();
    const std::uint32_t openings = in.length(kRoundsMax);
    for (std::uint32_t i = 0; i < openings && in.ok(); ++i)
        record.opening_roots.push_back(in.hash());
    const std::uint32_t payloads = in.length(kLanesMax);
    for (std::uint32_t i = 0; i < payloads && in.ok(); ++i) {
        const std::uint32_t lane = in.u32();
        record.payload_roots[lane] = in.hash();
    }
    const base::Hash checksum = in.hash();
    const bool intact =
        in.finished() &&
        checksum == base::blake2b("assay.record",
                                  base::ByteView(*bytes).first(bytes->size() - sizeof(base::Hash)));
    if (!intact || record.opening_roots.empty())
        return tl::unexpected(file.string() + ": is damaged");
    return record;
}

base::Hash digest_of_members(const std::vector<std::vector<std::uint32_t>>& members) {
    base::Hasher hasher("assay.members");
    hasher.add_u64(members.size());
    for (const auto& round : members) {
        hasher.add_u64(round.size());
        for (const std::uint32_t lane : round) hasher.add_u32(lane);
    }
    return hasher.finish();
}

}  // namespace assay::runtime
