#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/schema.h"
#include "program/operations.h"

/// A training step as data: a list of instructions of seven kinds over matrices (docs/program.md).
/// Everything else in verify/ reads this.
namespace assay::program {

ASSAY_ENUM(DType, f32 = 1, i32, i8, u16, f16, bf16)
std::size_t size_of(DType type);

ASSAY_ENUM(
    TensorClass,
    state = 1,    ///< checkpointed; instructions write it in place (one writer per part)
    frozen,       ///< root in the spec
    constant,     ///< defined arithmetic (see ConstantRule), covered by the program root
    table,        ///< f32, one row per step (`round x H + h`; in the merge: `round`)
    data,         ///< the dataset (class only of the pseudo tensor `dataset`)
    value,        ///< of one sequence, or of one run of another part
    accumulator,  ///< over sequences (or over members in the merge); zero at the start of its loop
    round_start,  ///< read-only: the state tensor `start_of` as the round opened
    payload       ///< written by the payload part in storage type, read by merge_lane
)

/// The order of a step's life. merge_lane runs once per member lane ascending, then merge once.
ASSAY_ENUM(Part, init = 1, prologue, sequence, update, payload, merge_lane, merge)
inline constexpr std::size_t kParts = base::kWordsOf<Part>.size();

using TensorId = std::uint32_t;
inline constexpr TensorId kNoTensor = 0xffffffffU;

struct Tensor {
    std::string name;
    TensorClass cls = TensorClass::value;
    DType dtype = DType::f32;
    std::uint32_t rows = 0, cols = 0;
    TensorId start_of = kNoTensor;  ///< round_start and payload: the state tensor it belongs to
    bool decay = false;             ///< state: weight decay applies (matrices only)
    bool weight = false;  ///< state: a trained weight (not a moment or scalar); program order
                          ///< decides the norm
};

/// A rectangle of a tensor, per batch item moved by the strides, read transposed or not. rows/cols
/// are those of the stored rectangle.
struct View {
    TensorId tensor = kNoTensor;
    std::uint32_t row = 0, col = 0, rows = 0, cols = 0;
    bool transposed = false;
    std::uint32_t item_row_stride = 0, item_col_stride = 0;
    bool row_from_step = false;  ///< tables: row is added to the table row of the step
    [[nodiscard]] std::uint32_t seen_rows() const { return transposed ? cols : rows; }
    [[nodiscard]] std::uint32_t seen_cols() const { return transposed ? rows : cols; }
    bool operator==(const View&) const = default;
};

ASSAY_ENUM(Kind, load = 1, random, gather, scatter_add, map, reduce, matmul)

/// A node of a map's expression: arguments are indices of earlier nodes; the last node is the
/// result. At most 32 nodes, 8 operands.
struct Node {
    Op op = Op::operand;
    std::uint32_t a = 0, b = 0, c = 0;  ///< operand number or earlier node indices
    std::uint32_t bits = 0;             ///< constants
    bool operator==(const Node&) const = default;
};
using Expression = std::vector<Node>;
inline constexpr std::size_t kNodesMax = 32, kOperandsMax = 8;

ASSAY_ENUM(ReduceOp, sum = 1, dot, max)
/// bias: in[2] is a row; continues: from `out` itself (or in[2]).
ASSAY_ENUM(MatmulStart, zero = 1, bias, continues)
/// mask: i32 1 (keep) or 0.
ASSAY_ENUM(Distribution, uniform = 1, normal, mask)
ASSAY_ENUM(LoadSource, tokens = 1, table_features, table_labels, payload, member_count)

/// lo <= k - row and k - row <= hi where set.
struct Band {
    std::optional<std::int32_t> lo, hi;
    bool operator==(const Band&) const = default;
    [[nodiscard]] bool open() const { return !lo && !hi; }
};

struct Instruction {
    Kind kind = Kind::map;
    Part part = Part::sequence;
    std::uint32_t items = 1;  ///< batched over this many items
    View out;  ///< whole output of item 0; the tensor's elements outside all items are +0
    std::vector<View> in;  ///< map: operands; reduce: 1 or 2; matmul: A, B, [bias or continued];
                           ///< gather: source, index; scatter_add: x, index
    // load
    LoadSource source = LoadSource::tokens;
    std::uint32_t row_offset = 0;  ///< tokens: 0 for inputs, 1 for labels
    // random
    Distribution distribution = Distribution::uniform;
    std::uint32_t stream = 0;    ///< Philox key stream
    std::uint32_t keep_ppb = 0;  ///< mask
    // map
    Expression expression;
    // reduce
    ReduceOp reduce = ReduceOp::sum;
    // matmul
    MatmulStart start = MatmulStart::zero;
    Band k_band;    ///< on k - row
    Band out_band;  ///< on col - row; outside +0
};

/// A hint, outside the root: instructions [first, last) that an executor may run as one kernel.
/// Cannot change bits.
struct Group {
    std::string name;  ///< "layer_norm", "attention_forward", "adamw", ... (docs/layers.md)
    std::uint32_t first = 0, last = 0;
};

struct Table {
    TensorId tensor = kNoTensor;
    std::vector<float> values;
};  ///< rows x cols, row-major
struct Constant {
    TensorId tensor = kNoTensor;
    std::vector<std::uint32_t> bits;
};

struct Program {
    std::uint32_t builder_version = 1;
    std::string profile = "f32";
    std::uint64_t seed = 0;
    std::uint32_t lanes = 1, rounds = 1, round_steps = 1, batch = 1;
    std::uint32_t sequence_rows = 0;        ///< T
    std::vector<Tensor> tensors;            ///< numbered by first use
    std::vector<Instruction> instructions;  ///< sorted by part, in order
    std::vector<Group> groups;
    std::vector<Table> tables;
    std::vector<Constant> constants;
    TensorId loss = kNoTensor, norm = kNoTensor,
             fault = kNoTensor;             ///< state scalars 1x1 (fault: i32)
    TensorId loss_accumulator = kNoTensor;  ///< 1x1, sum of token losses over sequences
    std::uint32_t forward_end = 0;  ///< instructions of Part::sequence before this index are the
                                    ///< forward pass up to the loss

    /// Range of instruction indices of one part.
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> range(Part part) const;
    [[nodiscard]] std::vector<TensorId> state_tensors() const;              ///< in program order
    [[nodiscard]] std::vector<TensorId> tensors_of(TensorClass cls) const;  ///< by number
    [[nodiscard]] std::vector<TensorId> weight_tensors() const;             ///< in program order
    [[nodiscard]] std::optional<TensorId> find(const std::string& name) const;
};

/// Structure rules (shapes agree, SSA, one contributing instruction per accumulator, cells open at
/// most 11 tiles, ...). The reason, if any.
[[nodiscard]] std::optional<std::string> check_program(const Program& program);

/// Merkle root over header, tensor records, instruction records and tile trees of tables and
/// constants (docs/formats/program.md).
base::Hash program_root(const Program& program);

/// The instruction lists as text, the content of docs/layers.md.
std::string describe(const Program& program);

/// Cost of a program (protocol cost counts multiply-adds as 2 FLOPs).
struct Cost {
    std::uint64_t flops_per_step =
        0;  ///< one lane, whole batch, update included; 2^64 - 1 where it would be more
    std::uint64_t flops_per_sequence = 0;
    std::uint64_t init_flops = 0;     ///< of the initial state
    std::uint64_t state_bytes = 0;    ///< elements of a state
    std::uint64_t payload_bytes = 0;  ///< elements of a payload
    std::uint64_t weights = 0;        ///< trained parameters
    /// Planned peak memory in bytes for a micro-batch of m sequences.
    [[nodiscard]] std::uint64_t peak_bytes(std::uint32_t micro_batch) const;
    std::uint64_t fixed_bytes = 0, sequence_bytes = 0;
};
Cost cost_of(const Program& program);
/// FLOPs of one merge: per lane each weight's difference and two moments are scaled and added (2
/// each), then the outer step takes 12 per weight. 2^64 - 1 where it would be more.
std::uint64_t merge_flops(std::uint64_t weights, std::uint32_t lanes);

}  // namespace assay::program
