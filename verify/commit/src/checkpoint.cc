#include "commit/checkpoint.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "atomic_file.h"
#include "base/check.h"
#include "base/encoding.h"
#include "tiles.h"

namespace assay::commit {

namespace {

using base::Bytes;
using base::ByteView;
using base::Decoder;
using base::Encoder;
using base::Hash;
using program::Program;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

template <class T>
using Result = tl::expected<T, FileError>;

enum class Kind : std::uint8_t { state = 1, payload = 2, resume = 3 };

constexpr std::string_view kMagic = "ASSAYCKP";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kPreambleBytes = 8 + 4 + 1 + 4;
constexpr std::uint32_t kHeaderBytesMax = 64U << 20U;
constexpr std::uint32_t kProfileBytesMax = 32;
constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;

std::vector<TensorId> tensors_of(const Program& program, Kind kind) {
    if (kind != Kind::payload) return program.state_tensors();
    std::vector<TensorId> ids;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (program.tensors[id].cls == TensorClass::payload) ids.push_back(id);
    }
    return ids;
}

void encode_entry(Encoder& out, const Tensor& tensor) {
    out.text(tensor.name)
        .u8(static_cast<std::uint8_t>(tensor.dtype))
        .u32(tensor.rows)
        .u32(tensor.cols);
}

Bytes encode_table(const Program& program, std::span<const TensorId> ids) {
    Encoder out;
    out.u32(static_cast<std::uint32_t>(ids.size()));
    for (const TensorId id : ids) encode_entry(out, program.tensors[id]);
    return out.take();
}

Bytes encode_table(std::span<const Tensor> tensors) {
    Encoder out;
    out.u32(static_cast<std::uint32_t>(tensors.size()));
    for (const Tensor& tensor : tensors) encode_entry(out, tensor);
    return out.take();
}

void encode_descriptor(Encoder& out, const StateDescriptor& descriptor) {
    out.hash(descriptor.spec_root).hash(descriptor.program_root).text(descriptor.profile);
    out.u32(descriptor.round)
        .u32(descriptor.lane)
        .u32(descriptor.stage)
        .u32(descriptor.step)
        .hash(descriptor.round_start_root);
}

StateDescriptor decode_descriptor(Decoder& in) {
    StateDescriptor descriptor;
    descriptor.spec_root = in.hash();
    descriptor.program_root = in.hash();
    descriptor.profile = in.text(kProfileBytesMax);
    descriptor.round = in.u32();
    descriptor.lane = in.u32();
    descriptor.stage = in.u32();
    descriptor.step = in.u32();
    descriptor.round_start_root = in.hash();
    return descriptor;
}

/// preamble = magic, version, kind, header size; then the header, its hash, and the tensors.
Bytes encode_front(Kind kind, ByteView fields, ByteView table) {
    Encoder out;
    out.raw(base::view_of(kMagic)).u32(kVersion).u8(static_cast<std::uint8_t>(kind));
    out.u32(static_cast<std::uint32_t>(fields.size() + table.size())).raw(fields).raw(table);
    base::Hasher hasher("assay.header");
    hasher.add(out.view());
    const Hash checksum = hasher.finish();
    out.hash(checksum);
    return out.take();
}

std::uint64_t file_bytes(const Program& program, Kind kind, ByteView fields) {
    const std::vector<TensorId> ids = tensors_of(program, kind);
    std::uint64_t bytes =
        kPreambleBytes + fields.size() + encode_table(program, ids).size() + sizeof(Hash);
    for (const TensorId id : ids) bytes += byte_size(program.tensors[id]);
    return bytes;
}

Result<void> write_tensors(HashedFile& file, const Program& program, std::span<const TensorId> ids,
                           std::span<const Buffer> buffers) {
    ASSAY_CHECK(ids.size() == buffers.size());
    std::vector<std::byte> piece(kBufferBytes);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const Tensor& tensor = program.tensors[ids[i]];
        ASSAY_CHECK(buffers[i].size() == byte_size(tensor));
        for (std::size_t done = 0; done < buffers[i].size();) {
            const std::size_t size = std::min(kBufferBytes, buffers[i].size() - done);
            copy_canonical(tensor.dtype, buffers[i].data() + done, piece.data(),
                           size / program::size_of(tensor.dtype));
            if (auto written =
                    file.write({reinterpret_cast<const std::uint8_t*>(piece.data()), size});
                !written)
                return written;
            done += size;
        }
    }
    return {};
}

Result<SavedFile> save(const std::filesystem::path& path, Kind kind, ByteView fields,
                       const Program& program, std::span<const Buffer> buffers,
                       Durability durability) {
    const std::vector<TensorId> ids = tensors_of(program, kind);
    auto file = HashedFile::create(path, durability);
    if (!file) return tl::unexpected(file.error());
    if (auto written = file->write(encode_front(kind, fields, encode_table(program, ids)));
        !written)
        return tl::unexpected(written.error());
    if (auto written = write_tensors(*file, program, ids, buffers); !written)
        return tl::unexpected(written.error());
    return file->publish();
}

struct Front {
    InputFile file;
    Bytes header;  ///< fields and table
};

Result<Front> read_front(const std::filesystem::path& path, Kind kind) {
    auto file = InputFile::open(path);
    if (!file) return tl::unexpected(file.error());
    Bytes bytes(kPreambleBytes);
    if (file->size() < kPreambleBytes) return tl::unexpected(FileError::not_a_checkpoint);
    if (auto got = file->read(bytes.data(), bytes.size()); !got) return tl::unexpected(got.error());
    Decoder in(bytes);
    if (in.raw(kMagic.size()) != Bytes(kMagic.begin(), kMagic.end()))
        return tl::unexpected(FileError::not_a_checkpoint);
    if (in.u32() != kVersion) return tl::unexpected(FileError::unknown_version);
    if (in.u8() != static_cast<std::uint8_t>(kind)) return tl::unexpected(FileError::wrong_kind);
    const std::uint32_t size = in.u32();
    if (size > kHeaderBytesMax) return tl::unexpected(FileError::not_a_checkpoint);
    if (kPreambleBytes + size + sizeof(Hash) > file->size())
        return tl::unexpected(FileError::wrong_size);
    bytes.resize(kPreambleBytes + size);
    if (auto got = file->read(bytes.data() + kPreambleBytes, size); !got)
        return tl::unexpected(got.error());
    Hash checksum;
    if (auto got = file->read(checksum.bytes.data(), checksum.bytes.size()); !got)
        return tl::unexpected(got.error());
    if (checksum != base::blake2b("assay.header", bytes))
        return tl::unexpected(FileError::not_a_checkpoint);
    bytes.erase(bytes.begin(), bytes.begin() + kPreambleBytes);
    return Front{std::move(*file), std::move(bytes)};
}

Result<std::vector<Buffer>> read_tensors(Front& front, const Program& program,
                                         std::span<const TensorId> ids) {
    std::uint64_t expected = kPreambleBytes + front.header.size() + sizeof(Hash);
    for (const TensorId id : ids) expected += byte_size(program.tensors[id]);
    if (front.file.size() != expected) return tl::unexpected(FileError::wrong_size);
    std::vector<Buffer> buffers;
    for (const TensorId id : ids) {
        buffers.emplace_back(byte_size(program.tensors[id]));
        auto got = front.file.read(reinterpret_cast<std::uint8_t*>(buffers.back().data()),
                                   buffers.back().size());
        if (!got) return tl::unexpected(got.error());
    }
    return buffers;
}

bool ends_with(ByteView bytes, ByteView tail) {
    return bytes.size() >= tail.size() &&
           std::equal(tail.begin(), tail.end(),
                      bytes.end() - static_cast<std::ptrdiff_t>(tail.size()));
}

}  // namespace

std::string_view message_of(FileError error) {
    switch (error) {
        case FileError::missing:
            return "the file does not exist";
        case FileError::unreadable:
            return "the file cannot be read";
        case FileError::unwritable:
            return "the file cannot be written";
        case FileError::not_a_checkpoint:
            return "the file is not a checkpoint, or its header is damaged";
        case FileError::unknown_version:
            return "the checkpoint has an unknown version";
        case FileError::wrong_kind:
            return "the checkpoint is of another kind";
        case FileError::wrong_program:
            return "the checkpoint belongs to another program";
        case FileError::wrong_descriptor:
            return "the checkpoint is of another job, round, lane or step";
        case FileError::wrong_size:
            return "the file is truncated or too long";
        case FileError::wrong_root:
            return "the contents do not have the expected root";
    }
    return "unknown";
}

std::uint64_t state_file_bytes(const Program& program) {
    StateDescriptor descriptor;
    descriptor.profile = program.profile;
    Encoder fields;
    encode_descriptor(fields, descriptor);
    return file_bytes(program, Kind::state, fields.view());
}

std::uint64_t payload_file_bytes(const Program& program) {
    return file_bytes(program, Kind::payload, {});
}

Result<SavedFile> save_state(const std::filesystem::path& file, const Program& program,
                             const State& state, const StateDescriptor& descriptor,
                             Durability durability) {
    Encoder fields;
    encode_descriptor(fields, descriptor);
    return save(file, Kind::state, fields.view(), program, state.tensors, durability);
}

Result<State> load_state(const std::filesystem::path& file, const Program& program,
                         const StateDescriptor& descriptor, const Hash& expected_root,
                         unsigned threads) {
    auto front = read_front(file, Kind::state);
    if (!front) return tl::unexpected(front.error());
    const std::vector<TensorId> ids = tensors_of(program, Kind::state);
    Encoder fields;
    encode_descriptor(fields, descriptor);
    const Bytes table = encode_table(program, ids);
    if (!ends_with(front->header, table)) return tl::unexpected(FileError::wrong_program);
    if (!std::ranges::equal(ByteView(front->header).first(front->header.size() - table.size()),
                            fields.view())) {
        return tl::unexpected(FileError::wrong_descriptor);
    }
    auto buffers = read_tensors(*front, program, ids);
    if (!buffers) return tl::unexpected(buffers.error());
    State state{std::move(*buffers)};
    if (state_root(program, state, descriptor, threads) != expected_root)
        return tl::unexpected(FileError::wrong_root);
    return state;
}

Bytes state_front(std::span<const Tensor> tensors, const StateDescriptor& descriptor) {
    Encoder fields;
    encode_descriptor(fields, descriptor);
    return encode_front(Kind::state, fields.view(), encode_table(tensors));
}

Bytes payload_front(std::span<const Tensor> tensors) {
    return encode_front(Kind::payload, {}, encode_table(tensors));
}

Result<SavedFile> save_payload(const std::filesystem::path& file, const Program& program,
                               const Payload& payload, Durability durability) {
    return save(file, Kind::payload, {}, program, payload.tensors, durability);
}

Result<Payload> load_payload(const std::filesystem::path& file, const Program& program,
                             const Hash& expected_root, unsigned threads) {
    auto front = read_front(file, Kind::payload);
    if (!front) return tl::unexpected(front.error());
    const std::vector<TensorId> ids = tensors_of(program, Kind::payload);
    if (front->header != encode_table(program, ids))
        return tl::unexpected(FileError::wrong_program);
    auto buffers = read_tensors(*front, program, ids);
    if (!buffers) return tl::unexpected(buffers.error());
    Payload payload{std::move(*buffers)};
    if (payload_root(program, payload, threads) != expected_root)
        return tl::unexpected(FileError::wrong_root);
    return payload;
}

Result<void> save_resume_point(const std::filesystem::path& file, const Program& program,
                               const ResumePoint& point, unsigned threads) {
    Encoder fields;
    encode_descriptor(fields, point.descriptor);
    fields.hash(point.state_root ? *point.state_root
                                 : state_root(program, point.state, point.descriptor, threads));
    fields.hash(point.segment_start_root);
    const auto saved =
        save(file, Kind::resume, fields.view(), program, point.state.tensors, Durability::synced);
    if (!saved) return tl::unexpected(saved.error());
    return {};
}

Result<ResumePoint> load_resume_point(const std::filesystem::path& file, const Program& program,
                                      const Hash& spec_root, const Hash& program_root,
                                      unsigned threads) {
    auto front = read_front(file, Kind::resume);
    if (!front) return tl::unexpected(front.error());
    Decoder in(front->header);
    ResumePoint point;
    point.descriptor = decode_descriptor(in);
    const Hash root = in.hash();
    point.segment_start_root = in.hash();
    if (!in.ok()) return tl::unexpected(FileError::not_a_checkpoint);
    const StateDescriptor& descriptor = point.descriptor;
    if (descriptor.spec_root != spec_root || descriptor.program_root != program_root ||
        descriptor.profile != program.profile) {
        return tl::unexpected(FileError::wrong_descriptor);
    }
    const std::vector<TensorId> ids = tensors_of(program, Kind::resume);
    if (!std::ranges::equal(in.rest(), encode_table(program, ids)))
        return tl::unexpected(FileError::wrong_program);
    auto buffers = read_tensors(*front, program, ids);
    if (!buffers) return tl::unexpected(buffers.error());
    point.state.tensors = std::move(*buffers);
    if (state_root(program, point.state, descriptor, threads) != root)
        return tl::unexpected(FileError::wrong_root);
    point.state_root = root;
    return point;
}

Result<void> write_file_atomically(const std::filesystem::path& file, ByteView bytes) {
    auto out = HashedFile::create(file);
    if (!out) return tl::unexpected(out.error());
    if (auto written = out->write(bytes); !written) return written;
    const auto saved = out->publish();
    if (!saved) return tl::unexpected(saved.error());
    return {};
}

Result<Bytes> read_whole_file(const std::filesystem::path& file, std::uint64_t bytes_max) {
    auto in = InputFile::open(file);
    if (!in) return tl::unexpected(in.error());
    if (in->size() > bytes_max) return tl::unexpected(FileError::wrong_size);
    Bytes bytes(in->size());
    if (auto got = in->read(bytes.data(), bytes.size()); !got) return tl::unexpected(got.error());
    return bytes;
}

}  // namespace assay::commit
