#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/hash.h"
#include "program/program.h"

namespace assay::commit {

/// One matrix in memory: row-major, 64-byte aligned, zeroed at creation. Movable; copies are
/// explicit.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(std::size_t bytes);
    Buffer(Buffer&&) noexcept = default;
    Buffer& operator=(Buffer&&) noexcept = default;
    [[nodiscard]] Buffer clone() const;
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::byte* data() { return data_.get(); }
    [[nodiscard]] const std::byte* data() const { return data_.get(); }
    [[nodiscard]] float* f32() { return reinterpret_cast<float*>(data_.get()); }
    [[nodiscard]] const float* f32() const { return reinterpret_cast<const float*>(data_.get()); }
    [[nodiscard]] std::int32_t* i32() { return reinterpret_cast<std::int32_t*>(data_.get()); }
    [[nodiscard]] const std::int32_t* i32() const {
        return reinterpret_cast<const std::int32_t*>(data_.get());
    }

  private:
    struct Free {
        void operator()(std::byte* p) const;
    };
    std::unique_ptr<std::byte[], Free> data_;
    std::size_t size_ = 0;
};

/// The state tensors of a program (weights, both moments, outer momentum, loss, norm, fault),
/// indexed like Program::state_tensors().
struct State {
    std::vector<Buffer> tensors;
    static State zeros(const program::Program& program);
    [[nodiscard]] State clone() const;
};

/// The payload tensors of one lane's round, in program order, in storage types (i8 differences,
/// bf16 moments).
struct Payload {
    std::vector<Buffer> tensors;
    static Payload zeros(const program::Program& program);
};

/// Where a state is in the life of a job: the descriptor that every state root covers
/// (docs/formats/state.md).
struct StateDescriptor {
    base::Hash spec_root, program_root;
    std::string profile = "f32";
    std::uint32_t round = 0;
    std::uint32_t lane = 0;  ///< kOpeningLane for init and merge states
    std::uint32_t stage = 0;
    std::uint32_t step = 0;       ///< steps done within the round; 0 for opening states
    base::Hash round_start_root;  ///< the root that opened this round; for an opening state the one
                                  ///< that opened the round before (zeros for init)
    bool operator==(const StateDescriptor&) const = default;
};
inline constexpr std::uint32_t kOpeningLane = 0xffffffffU;

/// What the descriptors of all states of one job share.
struct JobIdentity {
    base::Hash spec_root, program_root;
    std::string profile = "f32";
    bool operator==(const JobIdentity&) const = default;
};
/// Of the state that opens `round`; `previous_opening` is the root that opened the round before
/// (zeros in round 0).
StateDescriptor opening_descriptor(const JobIdentity& job, std::uint32_t round,
                                   const base::Hash& previous_opening);
/// Of a lane's state after `steps` steps of the round.
StateDescriptor lane_descriptor(const JobIdentity& job, std::uint32_t round, std::uint32_t lane,
                                std::uint32_t steps, const base::Hash& round_start_root);

/// Tile-tree root of one tensor: 32x32 tiles row-major, BLAKE2b-256 leaves (NaN hashed as
/// 0x7fc00000), RFC 6962 inner nodes; covers name, dtype and shape.
base::Hash tensor_root(const program::Tensor& tensor, const std::byte* data);
/// A tensor and where its elements lie; owns neither.
struct TensorElements {
    const program::Tensor* tensor = nullptr;
    const std::byte* data = nullptr;
};
/// The leaves of a tensor's tile tree.
std::vector<base::Hash> tensor_leaves(const TensorElements& elements);
/// One of them: what the cells of a verdict are, and where a dispute about an output ends. `tile`
/// is row-major among the 32 x 32 tiles and must exist.
base::Hash tile_leaf(const TensorElements& elements, std::uint64_t tile);
/// The node of a tensor's tile tree over tiles [first, first + count). Requires a range that is a
/// node: it begins at a multiple of the power of two that is `count` or the next above, and ends
/// there or with the tensor. At least one tile, in bounds.
base::Hash tile_node(const TensorElements& elements, std::uint64_t first, std::uint64_t count);
/// Roots of several tensors; tiles are spread over threads, which cannot change bits.
std::vector<base::Hash> tensor_roots(std::span<const TensorElements> tensors, unsigned threads);
/// The same from the root of the tree over the tiles.
base::Hash tensor_root_of_tree(const program::Tensor& tensor, const base::Hash& tree);
/// The first leaf of a state root.
base::Hash descriptor_leaf(const StateDescriptor& descriptor);
base::Hash state_root(const program::Program& program, const State& state,
                      const StateDescriptor& descriptor, unsigned threads = 1);
base::Hash payload_root(const program::Program& program, const Payload& payload,
                        unsigned threads = 1);
/// End root of a round's last segment: H("assay.end", state root, payload root); of any other
/// segment: the state root itself.
base::Hash end_root(const base::Hash& state_root, const base::Hash& payload_root);

}  // namespace assay::commit
