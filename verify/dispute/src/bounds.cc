#include "dispute/bounds.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/check.h"
#include "dispute/partial.h"
#include "local.h"
#include "opened.h"
#include "program/record.h"

namespace assay::dispute {

using program::Instruction;
using program::Kind;
using program::Part;
using program::Program;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

namespace {

constexpr std::uint64_t kHash = 32;
constexpr std::uint64_t kDataBytes = kHash + 2 * (4 + 4 + 1024 + 1 + kHash * kPathMax);

/// A path's count and hashes, for a leaf of a tree of `size` leaves.
std::uint64_t path_bytes(std::uint64_t size) {
    return 1 + kHash * static_cast<std::uint64_t>(std::bit_width(size - 1));
}

std::uint64_t record_bytes(std::size_t record, const ProgramFrame& frame) {
    return 4 + 4 + record + path_bytes(frame.records());
}

/// One opened tile; the tensor's largest.
std::uint64_t tile_bytes(const Tensor& tensor) {
    const std::uint64_t elements =
        std::uint64_t{std::min(kTileSide, tensor.rows)} * std::min(kTileSide, tensor.cols);
    return 1 + 4 + 4 + elements * program::size_of(tensor.dtype) + path_bytes(tile_count(tensor));
}

std::uint64_t tiles_under(const Rect& rect) {
    const auto along = [](std::uint64_t first, std::uint64_t count) {
        return (first + count - 1) / kTileSide - first / kTileSide + 1;
    };
    return along(rect.row, rect.rows) * along(rect.col, rect.cols);
}

/// Sizes of a program's records: of each tensor its own, and those that write it in update and in
/// merge (0: none does).
struct RecordSizes {
    std::vector<std::size_t> tensor, update, merge;
    [[nodiscard]] bool writes(Part part, TensorId id) const {
        return (part == Part::merge ? merge : update)[id] != 0;
    }
};

RecordSizes sizes_of(const Program& program) {
    RecordSizes sizes;
    for (const Tensor& tensor : program.tensors)
        sizes.tensor.push_back(program::tensor_record(tensor).size());
    sizes.update.resize(program.tensors.size());
    sizes.merge.resize(program.tensors.size());
    for (const Instruction& instruction : program.instructions) {
        if (instruction.part != Part::update && instruction.part != Part::merge) continue;
        auto& writers = instruction.part == Part::merge ? sizes.merge : sizes.update;
        std::size_t& size = writers[instruction.out.tensor];
        if (size == 0) size = program::instruction_record(instruction).size();
    }
    return sizes;
}

/// Parts that write states: a state tensor is opened with its writer's record.
bool by_writer(const Instruction& instruction) {
    return instruction.part == Part::update || instruction.part == Part::merge;
}

/// The record of the instruction that writes a state tensor in update or merge, or the longest
/// there can be.
std::size_t writer_bytes(const RecordSizes& sizes, Part part, TensorId id) {
    const auto& known = part == Part::merge ? sizes.merge : sizes.update;
    return known[id] == 0 ? program::kRecordBytesMax : known[id];
}

/// Record, extra record, origin and proof of one tensor.
std::uint64_t tensor_bytes(const Program& program, const ProgramFrame& frame,
                           const RecordSizes& sizes, const Instruction& instruction, TensorId id) {
    const Tensor& tensor = program.tensors[id];
    // Every tree that a tensor root stands in has at most as many leaves as the program has
    // records.
    std::uint64_t bytes =
        record_bytes(sizes.tensor[id], frame) + 2 + kHash + 8 + path_bytes(frame.records());
    if (tensor.cls == TensorClass::state && by_writer(instruction))
        bytes += record_bytes(writer_bytes(sizes, instruction.part, id), frame);
    if (tensor.cls == TensorClass::round_start)
        bytes += record_bytes(sizes.tensor[tensor.start_of], frame);
    return bytes;
}

/// Tiles of the first two cells along each dimension of each item: later ones lie like the second.
std::vector<std::uint32_t> telling_tiles(const Instruction& instruction, const Tensor& out,
                                         std::uint32_t item) {
    const std::uint32_t across = (out.cols - 1) / kTileSide + 1;
    const std::uint64_t row = std::uint64_t{item} * instruction.out.item_row_stride;
    const std::uint64_t col = std::uint64_t{item} * instruction.out.item_col_stride;
    std::vector<std::uint32_t> tiles;
    for (const std::uint64_t r : {row / kTileSide, row / kTileSide + 1}) {
        for (const std::uint64_t c : {col / kTileSide, col / kTileSide + 1}) {
            const std::uint64_t tile = r * across + c;
            if (c < across && tile < tile_count(out))
                tiles.push_back(static_cast<std::uint32_t>(tile));
        }
    }
    return tiles;
}

/// What the tiles that one step reads take. A gather's source is counted at its first row: rows are
/// read one at a time, so all lie alike.
std::uint64_t operand_bytes(const Local& local, const exact::Cell& cell, std::uint32_t step) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < local.operands.size(); ++i) {
        const auto rect = read_by(local, i, cell, step, 0, 0);
        if (rect) bytes += tiles_under(*rect) * tile_bytes(local.program.tensors[i + 1]);
    }
    return bytes;
}

std::uint64_t opening_bytes_of(const Program& program, const ProgramFrame& frame,
                               const RecordSizes& sizes, std::uint32_t number) {
    const Instruction& instruction = program.instructions[number];
    const Tensor& out = program.tensors[instruction.out.tensor];
    std::vector<Tensor> tensors = {out};
    for (const program::View& view : operands_of(instruction))
        tensors.push_back(program.tensors[view.tensor]);
    const auto local = localise(frame, instruction, tensors);
    ASSAY_CHECK(local.has_value());

    const std::uint32_t running = state_steps(instruction);
    std::uint64_t most = tile_bytes(out);  // padding
    for (std::uint32_t item = 0; item < instruction.items; ++item) {
        for (const std::uint32_t tile : telling_tiles(instruction, out, item)) {
            const auto cell = cell_of(instruction, out, tile, item);
            if (!cell) continue;
            const std::uint64_t state =
                4 * partial_words(instruction, out.dtype == program::DType::i32, *cell);
            const std::uint32_t last = steps_of(instruction, *cell) - 1;
            for (const std::uint32_t step : {0U, 1U, last}) {
                if (step > last) continue;
                std::uint64_t bytes = operand_bytes(*local, *cell, step);
                if (step >= running) bytes += tile_bytes(out);
                if (running > 0 && step > 0) bytes += 4 + state + path_bytes(running);
                if (step < running) bytes += kHash + path_bytes(running);
                most = std::max(most, bytes);
            }
        }
    }
    std::uint64_t bytes =
        most + record_bytes(program::instruction_record(instruction).size(), frame);
    for (const TensorId id : tensors_of(instruction))
        bytes += tensor_bytes(program, frame, sizes, instruction, id);
    if (instruction.kind == Kind::load) bytes += kDataBytes;
    const std::uint64_t units = std::uint64_t{std::max(frame.batch, frame.lanes)} + 2;
    return bytes + kHash + 2 + 5 + kHash + path_bytes(units);
}

}  // namespace

std::uint64_t opening_bytes_max(const Program& program, const ProgramFrame& frame,
                                std::uint32_t instruction) {
    return opening_bytes_of(program, frame, sizes_of(program), instruction);
}

namespace {

/// Of the records that moves open.
struct MoveSizes {
    std::uint64_t header = 0, tensor = 0, instruction = 0;
};

MoveSizes move_sizes(const Program& program, const ProgramFrame& frame) {
    MoveSizes sizes;
    sizes.header = record_bytes(program::header_record(program).size(), frame);
    for (const Tensor& tensor : program.tensors)
        sizes.tensor =
            std::max(sizes.tensor, record_bytes(program::tensor_record(tensor).size(), frame));
    for (const Instruction& instruction : program.instructions)
        sizes.instruction =
            std::max(sizes.instruction,
                     record_bytes(program::instruction_record(instruction).size(), frame));
    return sizes;
}

std::uint64_t frame_bytes(const MoveSizes& sizes) {
    return kHash + sizes.header + 1 + 2 * program::kParts * sizes.instruction;
}

/// The moves that list nothing of the program's have their size by their form.
template <class M>
std::uint64_t bytes_of(const M& move) {
    return encode_move(move).size();
}

/// `openings`: of the claim that has most.
MoveBytes count_moves(const Program& program, const ProgramFrame& frame, std::uint64_t openings) {
    const MoveSizes sizes = move_sizes(program, frame);
    const std::uint64_t units = std::uint64_t{std::max(frame.batch, frame.lanes)} + 2;
    // Leaves of states, payloads and accumulators are fewer than the program's records.
    const std::uint64_t path = path_bytes(frame.records());
    const std::uint64_t neighbour = 1 + sizes.tensor + kHash + path;
    const std::uint64_t source =
        sizes.tensor + kHash + 1 + sizes.instruction + kHash + path_bytes(units) + 8 + path;
    std::uint64_t tiles = 0;
    for (const Tensor& tensor : program.tensors)
        tiles = std::max<std::uint64_t>(tiles, tile_count(tensor));
    MoveBytes most{};
    const auto set = [&most]<class M>(const M&, std::uint64_t bytes) {
        most[Move(M{}).index()] = bytes;
    };
    const std::vector<base::Hash> children(kFanOutMax);
    set(PostStatement{}, 1 + 4 + frame_bytes(sizes) + 2 * kHash);
    set(PickHalf{}, bytes_of(PickHalf{}));
    set(PostRoots{}, bytes_of(PostRoots{{children.begin() + 1, children.end()}}));
    set(Pick{}, bytes_of(Pick{}));
    set(PostRoot{}, bytes_of(PostRoot{}));
    set(Contest{}, bytes_of(Contest{}));
    set(PostUnit{}, bytes_of(PostUnit{}));
    set(PostTensor{}, 1 + sizes.instruction + sizes.tensor + kHash);
    set(PostChildren{}, bytes_of(PostChildren{children}));
    set(PostTile{}, bytes_of(PostTile{base::Bytes(kTileBytesMax)}));
    set(PickCell{}, bytes_of(PickCell{}));
    set(PostOpenings{}, 1 + 4 + openings);
    set(PostLeaves{}, 1 + 4 + neighbour);
    set(ShowSkipped{}, 1 + sizes.tensor + 1 + sizes.instruction);
    set(PostSource{}, 1 + source + neighbour);
    set(ShowWriter{}, 1 + sizes.instruction);
    set(Resign{}, bytes_of(Resign{}));
    set(PostSpot{}, 1 + sizes.instruction + sizes.tensor + 2 * kHash + path + path_bytes(tiles));
    return most;
}

}  // namespace

MoveBytes move_bytes_max(const Program& program, const ProgramFrame& frame) {
    const RecordSizes sizes = sizes_of(program);
    std::uint64_t openings = 0;
    for (std::uint32_t i = 0; i < program.instructions.size(); ++i)
        openings = std::max(openings, opening_bytes_of(program, frame, sizes, i));
    return count_moves(program, frame, openings);
}

std::optional<std::string> check_judgeable(const Program& program, const ProgramFrame& frame) {
    const RecordSizes sizes = sizes_of(program);
    std::uint64_t openings = 0;
    for (std::uint32_t i = 0; i < program.instructions.size(); ++i) {
        const Instruction& instruction = program.instructions[i];
        const std::string where = "instruction " + std::to_string(i) + ": ";
        for (const program::View& view : instruction.in) {
            const Tensor& tensor = program.tensors[view.tensor];
            if (tensor.cls == TensorClass::frozen || tensor.cls == TensorClass::data)
                return where + tensor.name + " has no root to be opened under";
            if (tensor.cls == TensorClass::state && by_writer(instruction) &&
                !sizes.writes(instruction.part, view.tensor)) {
                return where + tensor.name + " is read in a part that does not write it";
            }
        }
        openings = std::max(openings, opening_bytes_of(program, frame, sizes, i));
        if (openings > kOpeningBytesMax) return where + "openings may be longer than 64 KiB";
    }
    if (frame_bytes(move_sizes(program, frame)) > kOpeningBytesMax)
        return std::string("the frame may be longer than 64 KiB");
    const MoveBytes moves = count_moves(program, frame, openings);
    for (std::size_t i = 0; i < moves.size(); ++i) {
        if (moves[i] > market::kMoveBytesMax)
            return "move " + std::to_string(i + 1) + " may be longer than the rules take";
    }
    return std::nullopt;
}

}  // namespace assay::dispute
