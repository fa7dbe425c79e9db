#include "opened.h"

#include <algorithm>
#include <cstring>

#include "base/chunk_tree.h"
#include "base/encoding.h"
#include "base/merkle.h"
#include "dispute/trace.h"

namespace assay::dispute {

using base::Hash;
using base::MerkleFamily;
using program::Part;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

namespace {

bool under(const Hash& root, const Hash& leaf, std::uint64_t index, std::uint64_t size,
           const Path& path) {
    return base::merkle_verify(MerkleFamily::blake2b, leaf, {index, size, path}, root);
}

std::uint64_t tiles_along(std::uint32_t elements) {
    return (std::uint64_t{elements} + kTileSide - 1) / kTileSide;
}

}  // namespace

std::optional<TilePlace> tile_place(const Tensor& tensor, std::uint32_t tile) {
    if (tile >= tile_count(tensor)) return std::nullopt;
    const std::uint64_t across = tiles_along(tensor.cols);
    TilePlace place;
    place.row = static_cast<std::uint32_t>(tile / across * kTileSide);
    place.col = static_cast<std::uint32_t>(tile % across * kTileSide);
    place.rows = std::min(kTileSide, tensor.rows - place.row);
    place.cols = std::min(kTileSide, tensor.cols - place.col);
    return place;
}

/// Fewer than 2^31 elements, so fewer tiles.
std::uint32_t tile_count(const Tensor& tensor) {
    return static_cast<std::uint32_t>(tiles_along(tensor.rows) * tiles_along(tensor.cols));
}

base::MessageWords words_of(program::DType dtype) {
    switch (dtype) {
        case program::DType::f32:
            return base::MessageWords::f32;
        case program::DType::f16:
            return base::MessageWords::f16;
        case program::DType::bf16:
            return base::MessageWords::bf16;
        case program::DType::i32:
        case program::DType::i8:
        case program::DType::u16:
            return base::MessageWords::bytes;
    }
    return base::MessageWords::bytes;
}

Opened::Opened(const Facts& facts, const Claim& claim, const Unit& unit, const Openings& openings)
    : facts_(facts),
      claim_(claim),
      unit_(unit),
      openings_(openings),
      slots_used_(openings.tensors.size(), false),
      tiles_used_(openings.tiles.size(), false) {}

std::uint32_t Opened::outputs() const {
    const auto [begin, end] = facts_.frame.range(unit_.part);
    return end - begin;
}

Opened::Error Opened::read_instruction(program::Instruction& instruction) {
    const RecordOpening& record = openings_.instruction;
    if (record.leaf != facts_.frame.instruction_leaf(claim_.instruction) ||
        !stands(facts_.frame, record)) {
        return OpeningError::wrong_record;
    }
    auto decoded = decode_instruction_record(record.record);
    if (!decoded || decoded->part != unit_.part) return OpeningError::bad_record;
    instruction = std::move(*decoded);
    return std::nullopt;
}

Opened::Error Opened::read_tensors(const program::Instruction& instruction) {
    ids_ = tensors_of(instruction);
    if (openings_.tensors.size() != ids_.size()) return OpeningError::wrong_tensors;
    for (std::size_t slot = 0; slot < ids_.size(); ++slot) {
        const RecordOpening& record = openings_.tensors[slot].record;
        if (ids_[slot] >= facts_.frame.tensors ||
            record.leaf != facts_.frame.tensor_leaf(ids_[slot])) {
            return OpeningError::wrong_tensors;
        }
        if (!stands(facts_.frame, record)) return OpeningError::wrong_record;
        auto decoded = decode_tensor_record(record.record);
        if (!decoded) return OpeningError::bad_record;
        tensors_.push_back(std::move(*decoded));
    }
    for (std::size_t i = 1; i < openings_.tiles.size(); ++i) {
        const TileOpening& a = openings_.tiles[i - 1];
        const TileOpening& b = openings_.tiles[i];
        if (std::pair(a.tensor, a.tile) >= std::pair(b.tensor, b.tile))
            return OpeningError::wrong_tile;
    }
    return std::nullopt;
}

const Tensor& Opened::tensor(TensorId id) const {
    return tensors_[static_cast<std::size_t>(std::ranges::find(ids_, id) - ids_.begin())];
}

Opened::Error Opened::check_outputs() {
    outputs_used_ = true;
    if (unit_root(facts_.descriptor, unit_, openings_.outputs) != facts_.unit_root)
        return OpeningError::wrong_root;
    return std::nullopt;
}

Opened::Error Opened::check_loop() {
    loop_used_ = true;
    if (!openings_.loop || facts_.unit == 0) return OpeningError::wrong_origin;
    const auto before = facts_.unit_at(facts_.unit - 1);
    if (!before || !is_loop(before->part)) return OpeningError::wrong_origin;
    const Hash leaf = loop_leaf(facts_.descriptor, *before, openings_.loop->accumulators);
    if (!under(facts_.stage_root, leaf, facts_.unit - 1, facts_.unit_count(), openings_.loop->path))
        return OpeningError::wrong_root;
    return std::nullopt;
}

/// A state tensor is read as the stage found it, or, in the parts that write states, as its one
/// writer left it when that stands before the claimed instruction.
Opened::Error Opened::read_state_slot(const TensorOpening& opening, Origin& origin,
                                      std::optional<std::uint32_t>& writer) {
    origin = unit_.part == Part::init ? Origin::output : Origin::state;
    if (unit_.part != Part::update && unit_.part != Part::merge) return std::nullopt;
    if (!opening.related) return OpeningError::wrong_origin;
    const RecordOpening& related = *opening.related;
    const auto [begin, end] = facts_.frame.range(unit_.part);
    if (related.leaf < facts_.frame.instruction_leaf(begin) ||
        related.leaf >= facts_.frame.instruction_leaf(end) || !stands(facts_.frame, related)) {
        return OpeningError::wrong_record;
    }
    const auto instruction = decode_instruction_record(related.record);
    const TensorId id = static_cast<TensorId>(opening.record.leaf - facts_.frame.tensor_leaf(0));
    if (!instruction) return OpeningError::bad_record;
    if (instruction->out.tensor != id) return OpeningError::wrong_origin;
    const auto number = static_cast<std::uint32_t>(related.leaf - facts_.frame.instruction_leaf(0));
    if (number < claim_.instruction) {
        origin = Origin::output;
        writer = number;
    }
    return std::nullopt;
}

/// Decides where the instruction reads the tensor, and checks that it was taken from there.
Opened::Error Opened::read_slot(std::size_t slot) {
    if (slots_used_[slot]) return std::nullopt;
    slots_used_[slot] = true;
    const TensorOpening& opening = openings_.tensors[slot];
    const Tensor& tensor = tensors_[slot];
    Origin origin = Origin::none;
    bool related = false;
    std::optional<std::uint32_t> writer;
    switch (tensor.cls) {
        case TensorClass::value:
            origin = Origin::output;
            break;
        case TensorClass::accumulator:
            if (!is_loop(unit_.part) || unit_.index > 0) origin = Origin::accumulators;
            break;
        case TensorClass::state:
            if (const Error error = read_state_slot(opening, origin, writer)) return error;
            related = unit_.part == Part::update || unit_.part == Part::merge;
            break;
        case TensorClass::round_start:
            if (facts_.stage != Stage::payload) return OpeningError::unjudgeable;
            origin = Origin::round_start;
            related = true;
            break;
        case TensorClass::payload:
            if (unit_.part != Part::merge_lane) return OpeningError::unjudgeable;
            origin = Origin::payload;
            break;
        case TensorClass::table:
            origin = Origin::table;
            break;
        case TensorClass::constant:
            origin = Origin::constant;
            break;
        case TensorClass::frozen:
        case TensorClass::data:
            return OpeningError::unjudgeable;
    }
    if (opening.origin != origin || opening.related.has_value() != related)
        return OpeningError::wrong_origin;
    return check_root(slot, writer);
}

/// A contents record names its tensor, so any place among the tables or constants will do.
Opened::Error Opened::check_contents(const TensorOpening& opening, TensorId id) {
    const bool table = opening.origin == Origin::table;
    const std::uint64_t begin = facts_.frame.table_leaf(table ? 0 : facts_.frame.tables);
    const std::uint64_t count = table ? facts_.frame.tables : facts_.frame.constants;
    if (opening.proof.index < begin || opening.proof.index >= begin + count ||
        opening.proof.size != facts_.frame.records()) {
        return OpeningError::wrong_root;
    }
    base::Encoder record;
    record.u32(id).hash(opening.tree);
    const Hash leaf = base::merkle_leaf(MerkleFamily::blake2b, record.view());
    return base::merkle_verify(MerkleFamily::blake2b, leaf, opening.proof,
                               facts_.frame.records_root)
               ? Error{}
               : Error{OpeningError::wrong_root};
}

/// A tensor root covers the tensor's name, and names are unique in a program. So wherever it stands
/// under a state, payload or accumulators root, it is that tensor there; and an output left of the
/// claimed one is conceded, hence the one of the instruction that defines the tensor.
Opened::Error Opened::check_root(std::size_t slot, std::optional<std::uint32_t> writer) {
    const TensorOpening& opening = openings_.tensors[slot];
    const Tensor& tensor = tensors_[slot];
    Hash leaf = commit::tensor_root_of_tree(tensor, opening.tree);
    Hash root;
    switch (opening.origin) {
        case Origin::none:
            return std::nullopt;
        case Origin::claimed:
        case Origin::output: {
            if (const Error error = check_outputs()) return error;
            const std::uint32_t own = claim_.instruction - first();
            const bool placed = opening.origin == Origin::claimed ? opening.proof.index == own
                                : writer ? opening.proof.index == *writer - first()
                                         : opening.proof.index < own;
            if (!placed || opening.proof.size != outputs()) return OpeningError::wrong_root;
            root = openings_.outputs;
            break;
        }
        case Origin::state:
            root = facts_.state_root;
            break;
        case Origin::round_start: {
            const RecordOpening& related = *opening.related;
            if (tensor.start_of >= facts_.frame.tensors ||
                related.leaf != facts_.frame.tensor_leaf(tensor.start_of) ||
                !stands(facts_.frame, related)) {
                return OpeningError::wrong_record;
            }
            const auto state = decode_tensor_record(related.record);
            if (!state || state->dtype != tensor.dtype || state->rows != tensor.rows ||
                state->cols != tensor.cols) {
                return OpeningError::bad_record;
            }
            leaf = commit::tensor_root_of_tree(*state, opening.tree);
            root = facts_.round_start_root;
            break;
        }
        case Origin::accumulators:
            if (const Error error = check_loop()) return error;
            root = openings_.loop->accumulators;
            break;
        case Origin::payload:
            root = facts_.payload_root;
            break;
        case Origin::table:
        case Origin::constant:
            return check_contents(opening, ids_[slot]);
    }
    return base::merkle_verify(MerkleFamily::blake2b, leaf, opening.proof, root)
               ? Error{}
               : Error{OpeningError::wrong_root};
}

Opened::Error Opened::read_tile(std::size_t slot, std::uint32_t tile, const TileOpening*& found) {
    const auto place = tile_place(tensors_[slot], tile);
    for (std::size_t i = 0; i < openings_.tiles.size(); ++i) {
        const TileOpening& opening = openings_.tiles[i];
        if (opening.tensor != slot || opening.tile != tile) continue;
        found = &opening;
        if (tiles_used_[i]) return std::nullopt;
        tiles_used_[i] = true;
        const std::size_t size =
            std::size_t{place->rows} * place->cols * program::size_of(tensors_[slot].dtype);
        const bool right = opening.elements.size() == size &&
                           under(openings_.tensors[slot].tree,
                                 base::merkle_leaf(MerkleFamily::blake2b, opening.elements), tile,
                                 tile_count(tensors_[slot]), opening.path);
        return right ? Error{} : Error{OpeningError::wrong_tile};
    }
    return OpeningError::missing_tile;
}

Opened::Error Opened::read_claimed(base::Bytes& elements) {
    slots_used_[0] = true;
    if (openings_.tensors[0].origin != Origin::claimed || openings_.tensors[0].related)
        return OpeningError::wrong_origin;
    if (const Error error = check_root(0, std::nullopt)) return error;
    const TileOpening* tile = nullptr;
    if (const Error error = read_tile(0, claim_.tile, tile)) return error;
    elements = tile->elements;
    return std::nullopt;
}

Opened::Error Opened::read_window(TensorId id, const Rect& rect, Window& window) {
    const auto slot =
        static_cast<std::size_t>(std::find(ids_.begin() + 1, ids_.end(), id) - ids_.begin());
    if (const Error error = read_slot(slot)) return error;
    const Tensor& tensor = tensors_[slot];
    const std::uint64_t row_begin = rect.row / kTileSide, col_begin = rect.col / kTileSide;
    const std::uint64_t row_end = (rect.row + rect.rows - 1) / kTileSide + 1;
    const std::uint64_t col_end = (rect.col + rect.cols - 1) / kTileSide + 1;
    const std::size_t element = program::size_of(tensor.dtype);
    const std::size_t pitch = (col_end - col_begin) * kTileSide * element;
    window.bytes.assign((row_end - row_begin) * kTileSide * pitch, std::byte{0});
    window.memory = {window.bytes.data(),
                     tensor.rows,
                     tensor.cols,
                     tensor.dtype,
                     static_cast<std::uint32_t>(row_begin * kTileSide),
                     static_cast<std::uint32_t>(col_begin * kTileSide),
                     static_cast<std::uint32_t>((col_end - col_begin) * kTileSide)};
    if (openings_.tensors[slot].origin == Origin::none) return std::nullopt;  // +0 everywhere
    for (std::uint64_t r = row_begin; r < row_end; ++r) {
        for (std::uint64_t c = col_begin; c < col_end; ++c) {
            const auto tile = static_cast<std::uint32_t>(r * tiles_along(tensor.cols) + c);
            const TileOpening* opening = nullptr;
            if (const Error error = read_tile(slot, tile, opening)) return error;
            const TilePlace place = *tile_place(tensor, tile);
            const std::size_t bytes = place.cols * element;
            for (std::size_t i = 0; i < place.rows; ++i) {
                std::memcpy(window.bytes.data() + ((r - row_begin) * kTileSide + i) * pitch +
                                (c - col_begin) * kTileSide * element,
                            opening->elements.data() + i * bytes, bytes);
            }
        }
    }
    return std::nullopt;
}

Opened::Error Opened::read_words(std::uint64_t first_word, std::uint32_t count,
                                 std::vector<std::uint32_t>& words) {
    constexpr std::uint64_t kWords = base::kBlobLeafBytes / sizeof(std::uint32_t);
    data_used_ = true;
    const std::uint64_t begin = first_word / kWords, end = (first_word + count - 1) / kWords + 1;
    const std::uint64_t leaves =
        (facts_.data_bytes + base::kBlobLeafBytes - 1) / base::kBlobLeafBytes;
    if (!openings_.data || openings_.data->leaves.size() != end - begin)
        return OpeningError::wrong_data;
    const Hash address =
        base::Hasher("assay.blob").add_u64(facts_.data_bytes).add(openings_.data->tree).finish();
    if (address != facts_.data_root.hash) return OpeningError::wrong_data;
    base::Bytes bytes;
    for (std::uint64_t i = begin; i < end; ++i) {
        const DataLeaf& leaf = openings_.data->leaves[i - begin];
        const std::uint64_t size = std::min<std::uint64_t>(
            base::kBlobLeafBytes, facts_.data_bytes - i * base::kBlobLeafBytes);
        if (leaf.leaf != i || leaf.bytes.size() != size ||
            !under(openings_.data->tree, base::merkle_leaf(MerkleFamily::blake2b, leaf.bytes), i,
                   leaves, leaf.path)) {
            return OpeningError::wrong_data;
        }
        bytes.insert(bytes.end(), leaf.bytes.begin(), leaf.bytes.end());
    }
    base::Decoder decoder(bytes);
    decoder.raw((first_word - begin * kWords) * sizeof(std::uint32_t));
    for (std::uint32_t i = 0; i < count; ++i) words.push_back(decoder.u32());
    return decoder.ok() ? Error{} : Error{OpeningError::wrong_data};
}

Opened::Error Opened::read_before(std::uint32_t step, std::uint32_t steps, std::size_t bytes) {
    before_used_ = true;
    if (!openings_.before || openings_.before->state.size() != bytes)
        return OpeningError::wrong_state;
    const Hash leaf = base::merkle_leaf(MerkleFamily::blake2b, openings_.before->state);
    return under(claim_.partial_root, leaf, step, steps, openings_.before->path)
               ? Error{}
               : Error{OpeningError::wrong_state};
}

Opened::Error Opened::read_after(std::uint32_t step, std::uint32_t steps) {
    after_used_ = true;
    if (!openings_.after) return OpeningError::wrong_state;
    return under(claim_.partial_root, openings_.after->leaf, step, steps, openings_.after->path)
               ? Error{}
               : Error{OpeningError::wrong_state};
}

Opened::Error Opened::check_all_used() const {
    for (std::size_t slot = 0; slot < openings_.tensors.size(); ++slot) {
        const TensorOpening& opening = openings_.tensors[slot];
        if (!slots_used_[slot] && (opening.origin != Origin::none || opening.related))
            return OpeningError::unneeded;
    }
    const bool unused = (!outputs_used_ && !openings_.outputs.is_zero()) ||
                        (!loop_used_ && openings_.loop) || (!data_used_ && openings_.data) ||
                        (!before_used_ && openings_.before) || (!after_used_ && openings_.after) ||
                        std::ranges::find(tiles_used_, false) != tiles_used_.end();
    return unused ? Error{OpeningError::unneeded} : Error{};
}

}  // namespace assay::dispute
