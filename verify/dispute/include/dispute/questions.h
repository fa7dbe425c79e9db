#pragma once

#include <cstdint>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "dispute/tree_layout.h"
#include "market/referee.h"

/// State questions: somebody committed to a root, and no state with that root can be found. An
/// asker names nodes of the tree until the bytes of some tiles are known, and then shows that the
/// committed blob has others at their place (docs/formats/questions.md).
namespace assay::dispute {

using market::MoveRefusal;

enum class QuestionPhase : std::uint8_t {
    asked = 1,   ///< the committer owes what lies under the node
    listed = 2,  ///< descendants are known, the asker may name one
    shown = 3,   ///< the bytes of the node's tiles are known
};

/// A question between two calls: a value.
struct Question {
    TreeTerms terms;
    QuestionPhase phase = QuestionPhase::asked;
    TreeNode node;                   ///< what was asked last
    base::Hash known;                ///< its hash; at the root, the root
    std::vector<base::Hash> hashes;  ///< listed: of the cut's nodes
    base::Bytes tiles;               ///< shown: of the node's tiles, one after another
    bool operator==(const Question&) const = default;
};
/// Requires a subject as the rules make them: with a spec that they accepted.
Question question_about(const market::QuestionSubject& subject);
base::Bytes encode_question(const Question& question);

/// A question whose bytes were read and whose node exists.
struct OpenedQuestion {
    Question question;
    TreeLayout layout;

    /// Nothing for bytes that are no question. Strict and bounded: one question has one encoding.
    static std::optional<OpenedQuestion> read(base::ByteView bytes);

    /// What is owed to `asked`: how many bytes an answer has.
    [[nodiscard]] std::size_t answer_bytes() const;
    /// Each changes nothing where it refuses.
    std::optional<MoveRefusal> answer(base::ByteView bytes);
    std::optional<MoveRefusal> ask(std::uint32_t child);
    [[nodiscard]] tl::expected<bool, MoveRefusal> leaf_differs(std::uint64_t leaf,
                                                               base::ByteView bytes) const;
    [[nodiscard]] market::QuestionStatus status() const;

  private:
    [[nodiscard]] bool stands(const base::Hash& own) const;
};

}  // namespace assay::dispute
