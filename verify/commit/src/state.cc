#include "commit/state.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/check.h"
#include "base/merkle.h"
#include "tiles.h"

namespace assay::commit {

namespace {

using base::Hash;
using base::MerkleFamily;
using program::Program;
using program::Tensor;
using program::TensorClass;
using program::TensorId;

constexpr std::size_t kAlignment = 64;

std::vector<TensorId> payload_tensors(const Program& program) {
    std::vector<TensorId> ids;
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        if (program.tensors[id].cls == TensorClass::payload) ids.push_back(id);
    }
    return ids;
}

std::vector<Buffer> zeroed(const Program& program, const std::vector<TensorId>& ids) {
    std::vector<Buffer> buffers;
    buffers.reserve(ids.size());
    for (const TensorId id : ids) buffers.emplace_back(byte_size(program.tensors[id]));
    return buffers;
}

Hash root_of_buffers(const Program& program, const std::vector<TensorId>& ids,
                     const std::vector<Buffer>& buffers, unsigned threads,
                     std::vector<Hash> leaves) {
    for (const Hash& root : tensor_roots(program, ids, buffers, threads)) leaves.push_back(root);
    return base::merkle_root(MerkleFamily::blake2b, leaves);
}

}  // namespace

void Buffer::Free::operator()(std::byte* p) const { std::free(p); }

Buffer::Buffer(std::size_t bytes) : size_(bytes) {
    const std::size_t allocated =
        std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
    ASSAY_CHECK(allocated >= bytes);
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, allocated));
    ASSAY_CHECK(memory != nullptr);
    std::memset(memory, 0, allocated);
    data_.reset(memory);
}

Buffer Buffer::clone() const {
    Buffer copy(size_);
    if (size_ > 0) std::memcpy(copy.data(), data(), size_);
    return copy;
}

State State::zeros(const Program& program) {
    return State{zeroed(program, program.state_tensors())};
}

State State::clone() const {
    State copy;
    copy.tensors.reserve(tensors.size());
    for (const Buffer& buffer : tensors) copy.tensors.push_back(buffer.clone());
    return copy;
}

Payload Payload::zeros(const Program& program) {
    return Payload{zeroed(program, payload_tensors(program))};
}

StateDescriptor opening_descriptor(const JobIdentity& job, std::uint32_t round,
                                   const Hash& previous_opening) {
    return lane_descriptor(job, round, kOpeningLane, 0, previous_opening);
}

StateDescriptor lane_descriptor(const JobIdentity& job, std::uint32_t round, std::uint32_t lane,
                                std::uint32_t steps, const Hash& round_start_root) {
    StateDescriptor descriptor;
    descriptor.spec_root = job.spec_root;
    descriptor.program_root = job.program_root;
    descriptor.profile = job.profile;
    descriptor.round = round;
    descriptor.lane = lane;
    descriptor.step = steps;
    descriptor.round_start_root = round_start_root;
    return descriptor;
}

Hash descriptor_leaf(const StateDescriptor& descriptor) {
    base::Hasher hasher("assay.descriptor");
    hasher.add(descriptor.spec_root)
        .add(descriptor.program_root)
        .add_sized(base::view_of(descriptor.profile));
    hasher.add_u32(descriptor.round)
        .add_u32(descriptor.lane)
        .add_u32(descriptor.stage)
        .add_u32(descriptor.step);
    return hasher.add(descriptor.round_start_root).finish();
}

Hash state_root_of_tensor_roots(const StateDescriptor& descriptor, std::span<const Hash> roots) {
    std::vector<Hash> leaves{descriptor_leaf(descriptor)};
    leaves.insert(leaves.end(), roots.begin(), roots.end());
    return base::merkle_root(MerkleFamily::blake2b, leaves);
}

Hash state_root(const Program& program, const State& state, const StateDescriptor& descriptor,
                unsigned threads) {
    return root_of_buffers(program, program.state_tensors(), state.tensors, threads,
                           {descriptor_leaf(descriptor)});
}

Hash payload_root(const Program& program, const Payload& payload, unsigned threads) {
    return root_of_buffers(program, payload_tensors(program), payload.tensors, threads, {});
}

Hash end_root(const Hash& state_root, const Hash& payload_root) {
    return base::Hasher("assay.end").add(state_root).add(payload_root).finish();
}

}  // namespace assay::commit
