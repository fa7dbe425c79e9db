#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dispute/answers.h"
#include "dispute/ledger_referee.h"
#include "market/job_spec.h"

/// States and payloads with made-up contents, as their committers hold them, and questions played
/// about their blobs.
namespace assay::dispute::testing {

/// Ragged tiles in every direction, heads, one-row tensors, scalars, an i32; two lanes, so a
/// payload of i8 and bf16. Blobs of about `width`^2 x 200 bytes.
market::JobSpec question_gpt(std::uint32_t width, std::uint32_t layers = 2);
/// Blobs of about (features + 8) x hidden x 12 bytes; no merge.
market::JobSpec question_mlp(std::uint32_t features, std::uint32_t hidden);

/// A true state (payload) and its canonical blob.
struct Held {
    Held(const market::JobSpec& spec, market::QuestionTree tree, std::uint64_t seed = 1);
    market::QuestionSubject subject;  ///< with the true root, as verify/commit computes it
    TreeLayout layout;
    base::Bytes blob;  ///< as verify/commit writes it
    [[nodiscard]] TreeElements elements() const { return *elements_in(layout, blob); }
};

/// What came of a question whose committer answers from `true_blob`, if it has one, while
/// `committed` is what its receipt names.
struct Outcome {
    bool convicted = false, silent = false;  ///< by a leaf; by having no answer
    AskerStep last;
    unsigned answers = 0;
    std::size_t answer_bytes = 0, question_bytes = 0;  ///< the most
};
Outcome play_question(const market::QuestionSubject& subject, base::ByteView true_blob,
                      base::ByteView committed, std::span<const BlobGap> gaps = {});
/// The leaf of a blob.
base::ByteView leaf_of(base::ByteView blob, std::uint64_t leaf);

}  // namespace assay::dispute::testing
