#include "dispute/openings.h"

#include "base/check.h"
#include "codec.h"
#include "program/record.h"

namespace assay::dispute {

using base::Decoder;
using base::Encoder;

namespace {

void put_tensor(Encoder& encoder, const TensorOpening& tensor) {
    put_record(encoder, tensor.record);
    encoder.u8(static_cast<std::uint8_t>(tensor.origin)).boolean(tensor.related.has_value());
    if (tensor.related) put_record(encoder, *tensor.related);
    if (tensor.origin == Origin::none) return;
    encoder.hash(tensor.tree);
    put_proof(encoder, tensor.proof);
}

TensorOpening get_tensor(Decoder& decoder) {
    TensorOpening tensor;
    tensor.record = get_record(decoder);
    const std::uint8_t origin = decoder.u8();
    if (origin < static_cast<std::uint8_t>(Origin::none) ||
        origin > static_cast<std::uint8_t>(Origin::constant)) {
        decoder.fail();
        return tensor;
    }
    tensor.origin = static_cast<Origin>(origin);
    if (decoder.boolean()) tensor.related = get_record(decoder);
    if (tensor.origin == Origin::none) return tensor;
    tensor.tree = decoder.hash();
    tensor.proof = get_proof(decoder);
    return tensor;
}

TileOpening get_tile(Decoder& decoder) {
    TileOpening tile;
    tile.tensor = decoder.u8();
    tile.tile = decoder.u32();
    tile.elements = decoder.bytes(kTileBytesMax);
    tile.path = get_path(decoder);
    return tile;
}

DataLeaf get_data(Decoder& decoder) {
    DataLeaf leaf;
    leaf.leaf = decoder.u32();
    leaf.bytes = decoder.bytes(1024);
    leaf.path = get_path(decoder);
    return leaf;
}

}  // namespace

void put_path(Encoder& encoder, const Path& path) {
    ASSAY_CHECK(path.size() <= kPathMax);
    encoder.u8(static_cast<std::uint8_t>(path.size()));
    for (const base::Hash& hash : path) encoder.hash(hash);
}

Path get_path(Decoder& decoder) {
    const std::uint8_t count = decoder.u8();
    if (count > kPathMax) decoder.fail();
    Path path;
    for (std::uint8_t i = 0; decoder.ok() && i < count; ++i) path.push_back(decoder.hash());
    return path;
}

void put_record(Encoder& encoder, const RecordOpening& record) {
    encoder.u32(record.leaf).bytes(record.record);
    put_path(encoder, record.path);
}

RecordOpening get_record(Decoder& decoder) {
    RecordOpening record;
    record.leaf = decoder.u32();
    record.record = decoder.bytes(program::kRecordBytesMax);
    record.path = get_path(decoder);
    return record;
}

void put_proof(Encoder& encoder, const base::InclusionProof& proof) {
    encoder.u32(static_cast<std::uint32_t>(proof.index))
        .u32(static_cast<std::uint32_t>(proof.size));
    put_path(encoder, proof.path);
}

base::InclusionProof get_proof(Decoder& decoder) {
    base::InclusionProof proof;
    proof.index = decoder.u32();
    proof.size = decoder.u32();
    proof.path = get_path(decoder);
    return proof;
}

void put_hashes(Encoder& encoder, const std::vector<base::Hash>& hashes) {
    encoder.u32(static_cast<std::uint32_t>(hashes.size()));
    for (const base::Hash& hash : hashes) encoder.hash(hash);
}

std::vector<base::Hash> get_hashes(Decoder& decoder, std::size_t count_max) {
    const std::uint32_t count = decoder.length(static_cast<std::uint32_t>(count_max));
    std::vector<base::Hash> hashes;
    for (std::uint32_t i = 0; decoder.ok() && i < count; ++i) hashes.push_back(decoder.hash());
    return hashes;
}

base::Bytes encode_openings(const Openings& openings) {
    Encoder encoder;
    put_record(encoder, openings.instruction);
    encoder.hash(openings.outputs);
    encoder.u8(static_cast<std::uint8_t>(openings.tensors.size()));
    for (const TensorOpening& tensor : openings.tensors) put_tensor(encoder, tensor);
    encoder.boolean(openings.loop.has_value());
    if (openings.loop) {
        encoder.hash(openings.loop->accumulators);
        put_path(encoder, openings.loop->path);
    }
    encoder.u8(static_cast<std::uint8_t>(openings.tiles.size()));
    for (const TileOpening& tile : openings.tiles) {
        encoder.u8(tile.tensor).u32(tile.tile).bytes(tile.elements);
        put_path(encoder, tile.path);
    }
    encoder.boolean(openings.data.has_value());
    if (openings.data) {
        encoder.hash(openings.data->tree);
        encoder.u8(static_cast<std::uint8_t>(openings.data->leaves.size()));
        for (const DataLeaf& leaf : openings.data->leaves) {
            encoder.u32(leaf.leaf).bytes(leaf.bytes);
            put_path(encoder, leaf.path);
        }
    }
    encoder.boolean(openings.before.has_value());
    if (openings.before) {
        encoder.bytes(openings.before->state);
        put_path(encoder, openings.before->path);
    }
    encoder.boolean(openings.after.has_value());
    if (openings.after) {
        encoder.hash(openings.after->leaf);
        put_path(encoder, openings.after->path);
    }
    return encoder.take();
}

tl::expected<Openings, OpeningError> decode_openings(base::ByteView bytes) {
    if (bytes.size() > kOpeningBytesMax) return tl::unexpected(OpeningError::too_large);
    Decoder decoder(bytes);
    const auto count = [&decoder](std::size_t most) {
        const std::size_t n = decoder.u8();
        if (n > most) decoder.fail();
        return decoder.ok() ? n : 0;
    };
    Openings openings;
    openings.instruction = get_record(decoder);
    openings.outputs = decoder.hash();
    for (std::size_t n = count(kTensorsMax); decoder.ok() && n > 0; --n)
        openings.tensors.push_back(get_tensor(decoder));
    if (decoder.boolean()) {
        const base::Hash accumulators = decoder.hash();
        openings.loop = LoopOpening{accumulators, get_path(decoder)};
    }
    for (std::size_t n = count(kTilesMax); decoder.ok() && n > 0; --n)
        openings.tiles.push_back(get_tile(decoder));
    if (decoder.boolean()) {
        openings.data = DataOpening{decoder.hash(), {}};
        for (std::size_t n = count(kDataLeavesMax); decoder.ok() && n > 0; --n)
            openings.data->leaves.push_back(get_data(decoder));
    }
    if (decoder.boolean()) {
        base::Bytes state = decoder.bytes(kStateBytesMax);
        openings.before = StateOpening{std::move(state), get_path(decoder)};
    }
    if (decoder.boolean()) {
        const base::Hash leaf = decoder.hash();
        openings.after = StateLeaf{leaf, get_path(decoder)};
    }
    if (!decoder.finished()) return tl::unexpected(OpeningError::malformed);
    return openings;
}

}  // namespace assay::dispute
