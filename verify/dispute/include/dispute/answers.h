#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "commit/state.h"
#include "dispute/questions.h"

/// What both sides of a state question compute: the answer from a true state, and the next move
/// from the blob that was fetched.
namespace assay::dispute {

/// Where the elements of each tensor of a tree lie, row-major; owns nothing. From memory, or inside
/// a mapped blob, so that nothing is read that a question does not need.
using TreeElements = std::vector<const std::byte*>;
TreeElements elements_of(std::span<const commit::Buffer> buffers);
/// Nothing for another size than the canonical one.
std::optional<TreeElements> elements_in(const TreeLayout& layout, base::ByteView blob);

/// The hash of any node. Spreads tiles over at most `threads`, which cannot change it.
base::Hash node_hash(const TreeLayout& layout, std::span<const std::byte* const> elements,
                     const TreeNode& node, unsigned threads = 1);

/// What is owed to a question by whoever has a state or payload with its root; with any other the
/// answer is refused. `wrong_move` when nothing is asked, `wrong_count` for another number of
/// tensors, `malformed` for bytes that are no question.
tl::expected<base::Bytes, MoveRefusal> answer_question(base::ByteView question,
                                                       std::span<const std::byte* const> elements,
                                                       unsigned threads = 1);
/// The same from a blob.
tl::expected<base::Bytes, MoveRefusal> answer_from_blob(base::ByteView question,
                                                        base::ByteView blob, unsigned threads = 1);

/// What could not be fetched of a blob: bytes [begin, end).
struct BlobGap {
    std::uint64_t begin = 0, end = 0;
};
enum class AskerMove : std::uint8_t {
    wait,     ///< nothing to do before the next answer
    ask,      ///< name child `number`
    show,     ///< show leaf `number` of the blob: it convicts
    sound,    ///< what was fetched is what the root commits to
    missing,  ///< only what was not fetched can differ: fetch it, or challenge its chunk
};
struct AskerStep {
    AskerMove move = AskerMove::wait;
    std::uint64_t number = 0;
    bool operator==(const AskerStep&) const = default;
};
/// The asker's next step from the committed blob as it was fetched. Before the first answer and at
/// it the whole blob is hashed, later only what lies under the node. Requires gaps that ascend and
/// do not overlap; the blob's bytes inside them are not read. `malformed` for bytes that are no
/// question, `wrong_count` for a blob of another size than the canonical one, which no receipt has.
tl::expected<AskerStep, MoveRefusal> next_step(base::ByteView question, base::ByteView blob,
                                               std::span<const BlobGap> gaps = {},
                                               unsigned threads = 1);

}  // namespace assay::dispute
