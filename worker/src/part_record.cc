#include "part_record.h"

#include <algorithm>

#include "agent/durable_file.h"
#include "base/atomic_file.h"
#include "base/encoding.h"

namespace assay::worker {

namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint32_t kSegmentsMax = 65'536;
constexpr std::size_t kRecordBytesMax = std::size_t{1} << 30U;

void put_receipt(base::Encoder& out, const market::Receipt& receipt) {
    out.bytes(market::encode(receipt));
}

market::Receipt take_receipt(base::Decoder& in) {
    const auto receipt = market::decode<market::Receipt>(in.bytes(1024));
    if (!receipt) in.fail();
    return receipt.value_or(market::Receipt{});
}

SegmentRecord take_segment(base::Decoder& in) {
    SegmentRecord segment;
    segment.leaf = {in.hash(), in.hash(), in.hash()};
    segment.state_root = in.hash();
    return segment;
}

}  // namespace

std::vector<base::Hash> PartRecord::leaf_hashes() const {
    std::vector<base::Hash> hashes;
    for (const SegmentRecord& segment : segments)
        hashes.push_back(market::segment_leaf_hash(segment.leaf));
    return hashes;
}

base::Hash PartRecord::tree_root() const { return market::part_root(leaf_hashes()); }

market::PartCommit PartRecord::commit_message() const {
    market::PartCommit commit;
    commit.lease = lease;
    commit.round = key.round;
    commit.part = key.part;
    commit.attempt = key.attempt;
    commit.tree_root = tree_root();
    commit.segments = static_cast<std::uint32_t>(segments.size());
    commit.start_root = start_root;
    commit.end_root = end_root;
    commit.end_receipt = end_receipt;
    commit.payload_root = payload_root;
    commit.payload_receipt = payload_receipt;
    commit.last_loss_bits = last_loss_bits;
    return commit;
}

base::Bytes encode_part_record(const PartRecord& record) {
    base::Encoder out;
    out.u8(kVersion);
    out.id(record.key.job)
        .u32(record.key.round)
        .u32(record.key.lane)
        .u32(record.key.stage)
        .u32(record.key.part);
    out.id(record.key.worker).u32(record.key.attempt);
    out.id(record.lease).u32(record.first_segment);
    out.hash(record.start_root).hash(record.end_root).id(record.start_blob);
    out.u32(static_cast<std::uint32_t>(record.segments.size()));
    for (const SegmentRecord& segment : record.segments) {
        out.hash(segment.leaf.salt).hash(segment.leaf.start_root).hash(segment.leaf.end_field);
        out.hash(segment.state_root);
    }
    put_receipt(out, record.end_receipt);
    out.hash(record.payload_root).boolean(record.payload_receipt.has_value());
    if (record.payload_receipt) put_receipt(out, *record.payload_receipt);
    out.u32(record.last_loss_bits);
    // Its own digest, so that a damaged record is noticed before it is signed again.
    const base::Hash digest = base::blake2b("assay.part.rec", out.view());
    return out.hash(digest).take();
}

std::optional<PartRecord> decode_part_record(base::ByteView bytes) {
    if (bytes.size() < 32) return std::nullopt;
    const base::ByteView content = bytes.first(bytes.size() - 32);
    if (base::hash_from_bytes(bytes.last(32)) != base::blake2b("assay.part.rec", content))
        return std::nullopt;
    base::Decoder in(content);
    PartRecord record;
    if (in.u8() != kVersion) return std::nullopt;
    record.key.job = in.id_of<base::JobId>();
    record.key.round = in.u32();
    record.key.lane = in.u32();
    record.key.stage = in.u32();
    record.key.part = in.u32();
    record.key.worker = in.id_of<base::AccountId>();
    record.key.attempt = in.u32();
    record.lease = in.id_of<base::LeaseId>();
    record.first_segment = in.u32();
    record.start_root = in.hash();
    record.end_root = in.hash();
    record.start_blob = in.id_of<base::BlobRoot>();
    const std::uint32_t segments = in.length(kSegmentsMax);
    for (std::uint32_t i = 0; i < segments && in.ok(); ++i)
        record.segments.push_back(take_segment(in));
    record.end_receipt = take_receipt(in);
    record.payload_root = in.hash();
    if (in.boolean()) record.payload_receipt = take_receipt(in);
    record.last_loss_bits = in.u32();
    if (!in.finished()) return std::nullopt;
    return record;
}

tl::expected<void, std::string> PartStore::save(const base::PartId& id,
                                                const PartRecord& record) const {
    if (auto saved = agent::save_durable(folder_of(id) / "record", encode_part_record(record));
        !saved)
        return saved;
    // The part's folder is new: without its name on disk the record would be lost in a power cut,
    // and the key could sign a second tree.
    if (!base::sync_folder(folder_)) return tl::unexpected("cannot sync " + folder_.string());
    return {};
}

tl::expected<std::optional<PartRecord>, std::string> PartStore::load(const base::PartId& id) const {
    const std::filesystem::path file = folder_of(id) / "record";
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return std::optional<PartRecord>{};
    const auto bytes = agent::load_file(file, kRecordBytesMax);
    auto record = bytes ? decode_part_record(*bytes) : std::nullopt;
    if (!record) return tl::unexpected("damaged commitment record " + file.string());
    return record;
}

std::vector<base::PartId> PartStore::list() const {
    std::vector<base::PartId> ids;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
        if (const auto id = base::hash_from_hex(entry.path().filename().string()))
            ids.push_back(base::PartId{*id});
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

void PartStore::remove(const base::PartId& id) const {
    std::error_code error;
    std::filesystem::remove_all(folder_of(id), error);
}

std::filesystem::path PartStore::start_file(const base::PartId& id, std::uint32_t index) const {
    std::error_code error;
    std::filesystem::create_directories(folder_of(id), error);
    return folder_of(id) / ("start-" + std::to_string(index));
}

}  // namespace assay::worker
