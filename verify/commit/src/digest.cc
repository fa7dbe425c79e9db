#include "commit/digest.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "base/check.h"
#include "tiles.h"

namespace assay::commit {

using base::Hash;
using program::Program;
using program::Tensor;
using program::TensorId;

namespace {

std::uint32_t scalar_bits(const State& state, std::span<const TensorId> ids, TensorId id) {
    const auto found = std::find(ids.begin(), ids.end(), id);
    ASSAY_CHECK(found != ids.end());
    const Buffer& buffer = state.tensors.at(static_cast<std::size_t>(found - ids.begin()));
    const float value = *buffer.f32();
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7fffffffU) > 0x7f800000U ? 0x7fc00000U : bits;
}

}  // namespace

Hash digest_of(const DigestParts& parts) {
    base::Hasher digest("assay.digest");
    digest.add_u32(parts.loss_bits).add_u32(parts.norm_bits);
    for (const Hash& leaf : parts.tiles) digest.add(leaf);
    return digest.finish();
}

std::uint64_t digest_tile(const Hash& spec_root, std::uint32_t round, std::uint32_t lane, std::uint32_t step, std::uint32_t j,
                          std::uint64_t tiles) {
    ASSAY_CHECK(tiles > 0);
    base::Hasher choice("assay.tile");
    choice.add(spec_root).add_u32(lane).add_u32(round).add_u32(step).add_u32(j);
    return base::scale_u64(base::first_u64(choice.finish()), tiles);
}

DigestParts digest_parts(const Program& program, const State& state, const Hash& spec_root, std::uint32_t round, std::uint32_t lane,
                         std::uint32_t step) {
    const std::vector<TensorId> ids = program.state_tensors();
    ASSAY_CHECK(ids.size() == state.tensors.size());
    std::uint64_t tiles = 0;
    for (const TensorId id : ids) {
        if (program.tensors[id].weight) tiles += tile_count(program.tensors[id]);
    }
    std::array<TileRef, kDigestTiles> drawn;
    for (std::uint32_t j = 0; j < kDigestTiles; ++j) {
        std::uint64_t tile = digest_tile(spec_root, round, lane, step, j, tiles);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const Tensor& tensor = program.tensors[ids[i]];
            if (!tensor.weight) continue;
            if (tile < tile_count(tensor)) {
                drawn[j] = {&tensor, state.tensors[i].data(), tile};
                break;
            }
            tile -= tile_count(tensor);
        }
    }
    DigestParts parts;
    parts.loss_bits = scalar_bits(state, ids, program.loss);
    parts.norm_bits = scalar_bits(state, ids, program.norm);
    tile_leaves(drawn, parts.tiles);
    return parts;
}

Hash step_digest(const Program& program, const State& state, const Hash& spec_root, std::uint32_t round, std::uint32_t lane,
                 std::uint32_t step) {
    return digest_of(digest_parts(program, state, spec_root, round, lane, step));
}

}  // namespace assay::commit
