#pragma once

#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "base/merkle.h"
#include "dispute/errors.h"
#include "program/program.h"

/// What a party shows a referee about one claim (docs/formats/openings.md).
namespace assay::dispute {

using Path = std::vector<base::Hash>;  ///< sibling hashes from leaf to root

inline constexpr std::size_t kOpeningBytesMax = 64 * 1024;
inline constexpr std::size_t kPathMax = 40, kTensorsMax = 10, kTilesMax = 16, kDataLeavesMax = 2;
inline constexpr std::size_t kTileBytesMax = 4096, kStateBytesMax = 8192;

/// A record of the program; `leaf` is its number among all records.
struct RecordOpening {
    std::uint32_t leaf = 0;
    base::Bytes record;
    Path path;
    bool operator==(const RecordOpening&) const = default;
};

/// Under which agreed root a tensor's root stands.
enum class Origin : std::uint8_t {
    none = 1,          ///< only its record is opened: it reads as +0, or its elements are not read
    claimed = 2,       ///< the output that is judged
    output = 3,        ///< an earlier output of the same unit
    state = 4,         ///< the state that the stage reads
    round_start = 5,   ///< the state that opened the round
    accumulators = 6,  ///< the unit before, by the stage's trace
    payload = 7,       ///< the member's payload
    table = 8,         ///< a contents record of the program
    constant = 9,
};

struct TensorOpening {
    RecordOpening record;
    Origin origin = Origin::none;
    /// The instruction that writes a state tensor in this part; the state tensor a round start is
    /// of.
    std::optional<RecordOpening> related;
    base::Hash tree;  ///< over its tiles; not for Origin::none
    base::InclusionProof
        proof;  ///< of the tensor root, or contents record, under the origin's root
    bool operator==(const TensorOpening&) const = default;
};

struct TileOpening {
    std::uint8_t tensor = 0;  ///< position in Openings::tensors
    std::uint32_t tile = 0;
    base::Bytes elements;
    Path path;
    bool operator==(const TileOpening&) const = default;
};

struct LoopOpening {
    base::Hash accumulators;  ///< tree over the accumulators' tensor roots
    Path path;                ///< of the loop leaf under the stage root
    bool operator==(const LoopOpening&) const = default;
};

struct DataLeaf {
    std::uint32_t leaf = 0;  ///< 1 KiB each, the last one shorter
    base::Bytes bytes;
    Path path;
    bool operator==(const DataLeaf&) const = default;
};
struct DataOpening {
    base::Hash tree;  ///< under the dataset's address
    std::vector<DataLeaf> leaves;
    bool operator==(const DataOpening&) const = default;
};

struct StateOpening {
    base::Bytes state;
    Path path;
    bool operator==(const StateOpening&) const = default;
};

struct StateLeaf {
    base::Hash leaf;
    Path path;
    bool operator==(const StateLeaf&) const = default;
};

struct Openings {
    RecordOpening instruction;
    base::Hash outputs;  ///< tree over the unit's outputs; zeros when no tensor comes from the unit
    std::vector<TensorOpening>
        tensors;  ///< the output first, then what the instruction reads, in order of first mention
    std::optional<LoopOpening> loop;
    std::vector<TileOpening> tiles;
    std::optional<DataOpening> data;
    std::optional<StateOpening> before;  ///< the partial state that the step starts from
    std::optional<StateLeaf> after;      ///< the partial state that it should reach
    bool operator==(const Openings&) const = default;
};

base::Bytes encode_openings(const Openings& openings);
/// Strict and bounded: lengths are checked before anything is kept.
tl::expected<Openings, OpeningError> decode_openings(base::ByteView bytes);

}  // namespace assay::dispute
