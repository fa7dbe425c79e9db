#include "held.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "../commit/fixtures.h"
#include "base/check.h"
#include "base/chunk_tree.h"
#include "commit/checkpoint.h"
#include "program/builder.h"

namespace assay::dispute::testing {

namespace {

std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
}

/// Any bits but those of floats that are infinite or no number, whatever one bit is flipped.
void fill(commit::Buffer& buffer, const program::Tensor& tensor, std::uint64_t seed) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(buffer.data());
    for (std::size_t i = 0; i < buffer.size(); i += 8) {
        const std::uint64_t word = mix(seed + i);
        for (std::size_t k = i; k < std::min(i + 8, buffer.size()); ++k)
            bytes[k] = static_cast<std::uint8_t>(word >> (8 * (k - i)));
    }
    const std::size_t element = program::size_of(tensor.dtype);
    const bool floats = tensor.dtype == program::DType::f32 || tensor.dtype == program::DType::bf16;
    for (std::size_t k = element - 1; floats && k < buffer.size(); k += element) bytes[k] &= 0x8fU;
}

void fill_all(std::vector<commit::Buffer>& buffers, const std::vector<program::Tensor>& tensors,
              std::uint64_t seed) {
    ASSAY_CHECK(buffers.size() == tensors.size());
    for (std::size_t i = 0; i < buffers.size(); ++i)
        fill(buffers[i], tensors[i], mix(seed * 1'000'003 + i));
}

market::QuestionSubject subject_of(const market::JobSpec& spec, market::QuestionTree tree) {
    market::QuestionSubject subject;
    subject.spec = market::encode_spec(spec);
    subject.program_root = base::blake2b("assay.test", base::view_of("program"));
    subject.tree = tree;
    if (tree == market::QuestionTree::payload) return subject;
    subject.round = 1;
    subject.lane = 1;
    subject.step = 3;
    subject.round_start_root = base::blake2b("assay.test", base::view_of("start"));
    return subject;
}

}  // namespace

market::JobSpec question_gpt(std::uint32_t width, std::uint32_t layers) {
    market::JobSpec spec = commit::small_gpt();
    auto& model = std::get<market::GptModel>(spec.model);
    model.width = width;
    model.heads = 1;
    model.layers = layers;
    return spec;
}

market::JobSpec question_mlp(std::uint32_t features, std::uint32_t hidden) {
    market::JobSpec spec = commit::small_mlp();
    spec.model = market::MlpModel{{hidden}, market::Activation::relu, 4, 0};
    spec.data = market::TableData{{}, 40, 30, features, 3};
    return spec;
}

Held::Held(const market::JobSpec& spec, market::QuestionTree tree, std::uint64_t seed)
    : subject(subject_of(spec, tree)), layout(*TreeLayout::of(tree_terms(subject))) {
    const commit::TemporaryFolder folder;
    const program::Program program = commit::program_of(spec);
    const program::JobTensors tensors = *program::build_tensors(spec);
    if (tree == market::QuestionTree::state) {
        commit::State state = commit::State::zeros(program);
        fill_all(state.tensors, tensors.state, seed);
        commit::StateDescriptor descriptor = commit::lane_descriptor(
            {market::spec_root(subject.spec), subject.program_root, spec.profile}, subject.round,
            subject.lane, subject.step, subject.round_start_root);
        subject.root = commit::state_root(program, state, descriptor, 2);
        ASSAY_CHECK(commit::save_state(folder / "blob", program, state, descriptor,
                                       commit::Durability::scratch));
    } else {
        commit::Payload payload = commit::Payload::zeros(program);
        fill_all(payload.tensors, tensors.payload, seed);
        subject.root = commit::payload_root(program, payload, 2);
        ASSAY_CHECK(
            commit::save_payload(folder / "blob", program, payload, commit::Durability::scratch));
    }
    blob = commit::read_file(folder / "blob");
}

base::ByteView leaf_of(base::ByteView blob, std::uint64_t leaf) {
    const std::size_t begin = leaf * base::kBlobLeafBytes;
    return blob.subspan(begin, std::min(base::kBlobLeafBytes, blob.size() - begin));
}

Outcome play_question(const market::QuestionSubject& subject, base::ByteView true_blob,
                      base::ByteView committed, std::span<const BlobGap> gaps) {
    const LedgerReferee referee;
    Outcome outcome;
    market::QuestionStatus status = referee.open_question(subject);
    while (true) {
        outcome.question_bytes = std::max(outcome.question_bytes, status.question.size());
        const auto step = next_step(status.question, committed, gaps, 2);
        if (!step) {
            ADD_FAILURE() << "the asker cannot read its own question";
            return outcome;
        }
        outcome.last = *step;
        if (step->move == AskerMove::show) {
            const auto differs = referee.leaf_differs(status.question, step->number,
                                                      leaf_of(committed, step->number));
            EXPECT_TRUE(differs.has_value());
            outcome.convicted = differs.value_or(false);
            return outcome;
        }
        if (step->move == AskerMove::ask) {
            EXPECT_LT(step->number, status.children);
            status = *referee.ask(status.question, static_cast<std::uint32_t>(step->number));
            continue;
        }
        if (step->move != AskerMove::wait) return outcome;
        const auto answer = answer_from_blob(status.question, true_blob, 2);
        if (!answer) {
            ADD_FAILURE() << "the committer cannot read the question";
            return outcome;
        }
        outcome.answer_bytes = std::max(outcome.answer_bytes, answer->size());
        const auto next = referee.answer(status.question, *answer);
        if (!next) {
            EXPECT_EQ(next.error(), market::MoveRefusal::wrong_hash);
            outcome.silent = true;
            return outcome;
        }
        ++outcome.answers;
        status = *next;
    }
}

}  // namespace assay::dispute::testing
