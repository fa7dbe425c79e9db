#include "dispute/moves.h"

#include <utility>

#include "codec.h"

namespace assay::dispute {

using base::Decoder;
using base::Encoder;

namespace {

void put_source(Encoder& encoder, const Source& source) {
    put_record(encoder, source.tensor);
    encoder.hash(source.tree).boolean(source.writer.has_value());
    if (source.writer) {
        put_record(encoder, *source.writer);
        encoder.hash(source.outputs);
        put_path(encoder, source.unit_path);
    }
    put_proof(encoder, source.proof);
}

Source get_source(Decoder& decoder) {
    Source source;
    source.tensor = get_record(decoder);
    source.tree = decoder.hash();
    if (decoder.boolean()) {
        source.writer = get_record(decoder);
        source.outputs = decoder.hash();
        source.unit_path = get_path(decoder);
    }
    source.proof = get_proof(decoder);
    return source;
}

void put_neighbour(Encoder& encoder, const std::optional<Neighbour>& neighbour) {
    encoder.boolean(neighbour.has_value());
    if (!neighbour) return;
    put_record(encoder, neighbour->tensor);
    encoder.hash(neighbour->tree);
    put_path(encoder, neighbour->path);
}

std::optional<Neighbour> get_neighbour(Decoder& decoder) {
    if (!decoder.boolean()) return std::nullopt;
    Neighbour neighbour;
    neighbour.tensor = get_record(decoder);
    neighbour.tree = decoder.hash();
    neighbour.path = get_path(decoder);
    return neighbour;
}

void put(Encoder& encoder, const PostStatement& move) {
    encoder.bytes(move.frame).hash(move.state_root).hash(move.payload_root);
}
void get(Decoder& decoder, PostStatement& move) {
    move.frame = decoder.bytes(kOpeningBytesMax);
    move.state_root = decoder.hash();
    move.payload_root = decoder.hash();
}

void put(Encoder& encoder, const PickHalf& move) { encoder.boolean(move.second); }
void get(Decoder& decoder, PickHalf& move) { move.second = decoder.boolean(); }

void put(Encoder& encoder, const PostRoots& move) { put_hashes(encoder, move.roots); }
void get(Decoder& decoder, PostRoots& move) { move.roots = get_hashes(decoder, kFanOutMax - 1); }

void put(Encoder& encoder, const Pick& move) { encoder.u32(move.index); }
void get(Decoder& decoder, Pick& move) { move.index = decoder.u32(); }

void put(Encoder& encoder, const PostRoot& move) { encoder.hash(move.root); }
void get(Decoder& decoder, PostRoot& move) { move.root = decoder.hash(); }

void put(Encoder& encoder, const Contest& move) { encoder.boolean(move.list); }
void get(Decoder& decoder, Contest& move) { move.list = decoder.boolean(); }

void put(Encoder& encoder, const PostUnit& move) {
    encoder.hash(move.outputs).hash(move.accumulators);
}
void get(Decoder& decoder, PostUnit& move) {
    move.outputs = decoder.hash();
    move.accumulators = decoder.hash();
}

void put(Encoder& encoder, const PostTensor& move) {
    put_record(encoder, move.instruction);
    put_record(encoder, move.tensor);
    encoder.hash(move.tree);
}
void get(Decoder& decoder, PostTensor& move) {
    move.instruction = get_record(decoder);
    move.tensor = get_record(decoder);
    move.tree = decoder.hash();
}

void put(Encoder& encoder, const PostChildren& move) { put_hashes(encoder, move.nodes); }
void get(Decoder& decoder, PostChildren& move) { move.nodes = get_hashes(decoder, kFanOutMax); }

void put(Encoder& encoder, const PostTile& move) { encoder.bytes(move.elements); }
void get(Decoder& decoder, PostTile& move) { move.elements = decoder.bytes(kTileBytesMax); }

void put(Encoder& encoder, const PickCell& move) { encoder.u32(move.item).u32(move.row); }
void get(Decoder& decoder, PickCell& move) {
    move.item = decoder.u32();
    move.row = decoder.u32();
}

void put(Encoder& encoder, const PostOpenings& move) { encoder.bytes(move.bytes); }
void get(Decoder& decoder, PostOpenings& move) { move.bytes = decoder.bytes(kOpeningBytesMax); }

void put(Encoder& encoder, const PostLeaves& move) {
    encoder.u32(move.count);
    put_neighbour(encoder, move.last);
}
void get(Decoder& decoder, PostLeaves& move) {
    move.count = decoder.u32();
    move.last = get_neighbour(decoder);
}

void put(Encoder& encoder, const ShowSkipped& move) {
    put_record(encoder, move.tensor);
    encoder.boolean(move.writer.has_value());
    if (move.writer) put_record(encoder, *move.writer);
}
void get(Decoder& decoder, ShowSkipped& move) {
    move.tensor = get_record(decoder);
    if (decoder.boolean()) move.writer = get_record(decoder);
}

void put(Encoder& encoder, const PostSource& move) {
    put_source(encoder, move.source);
    put_neighbour(encoder, move.left);
}
void get(Decoder& decoder, PostSource& move) {
    move.source = get_source(decoder);
    move.left = get_neighbour(decoder);
}

void put(Encoder& encoder, const ShowWriter& move) { put_record(encoder, move.instruction); }
void get(Decoder& decoder, ShowWriter& move) { move.instruction = get_record(decoder); }

void put(Encoder&, const Resign&) {}
void get(Decoder&, Resign&) {}

void put(Encoder& encoder, const PostSpot& move) {
    put_record(encoder, move.instruction);
    put_record(encoder, move.tensor);
    encoder.hash(move.tree);
    put_path(encoder, move.output);
    encoder.hash(move.leaf);
    put_path(encoder, move.tile);
}
void get(Decoder& decoder, PostSpot& move) {
    move.instruction = get_record(decoder);
    move.tensor = get_record(decoder);
    move.tree = decoder.hash();
    move.output = get_path(decoder);
    move.leaf = decoder.hash();
    move.tile = get_path(decoder);
}

/// The alternative whose number is in the first byte.
template <std::size_t... Index>
std::optional<Move> get_numbered(Decoder& decoder, std::uint8_t number,
                                 std::index_sequence<Index...>) {
    std::optional<Move> move;
    const auto try_one = [&]<std::size_t I>() {
        if (number != I + 1) return;
        get(decoder, move.emplace().template emplace<I>());
    };
    (try_one.template operator()<Index>(), ...);
    return move;
}

}  // namespace

base::Bytes encode_move(const Move& move) {
    Encoder encoder;
    encoder.u8(static_cast<std::uint8_t>(move.index() + 1));
    std::visit([&encoder](const auto& m) { put(encoder, m); }, move);
    return encoder.take();
}

std::optional<Move> decode_move(base::ByteView bytes) {
    if (bytes.size() > market::kMoveBytesMax) return std::nullopt;
    Decoder decoder(bytes);
    const std::uint8_t number = decoder.u8();
    std::optional<Move> move =
        get_numbered(decoder, number, std::make_index_sequence<std::variant_size_v<Move>>());
    if (!move || !decoder.finished()) return std::nullopt;
    return move;
}

}  // namespace assay::dispute
