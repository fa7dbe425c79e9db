#include "agent/questions.h"

#include <gtest/gtest.h>

#include "held.h"

namespace assay::agent {
namespace {

using dispute::testing::Held;

base::Bytes opened(const Held& held) {
    return dispute::LedgerReferee().open_question(held.subject).question;
}

TEST(StateAnswer, StandsBeforeTheRules) {
    for (const auto tree : {market::QuestionTree::state, market::QuestionTree::payload}) {
        const Held held(dispute::testing::question_gpt(32), tree);
        const base::Bytes question = opened(held);
        const auto answer = state_answer(question, held.blob, 2);
        ASSERT_TRUE(answer) << answer.error();
        EXPECT_TRUE(dispute::LedgerReferee().answer(question, *answer));
    }
}

TEST(StateAnswer, OfAnotherStateIsNotGiven) {
    const Held held(dispute::testing::question_gpt(32), market::QuestionTree::state);
    const base::Bytes question = opened(held);
    for (const std::size_t from_end : {std::size_t{1}, held.blob.size() / 3}) {
        base::Bytes other = held.blob;
        other[other.size() - from_end] ^= 1U;
        EXPECT_FALSE(state_answer(question, other, 1)) << from_end;
    }
    EXPECT_FALSE(state_answer(question, base::ByteView(held.blob).first(held.blob.size() - 1), 1));
    EXPECT_FALSE(state_answer(question, {}, 1));
    const Held payload(dispute::testing::question_gpt(32), market::QuestionTree::payload);
    EXPECT_FALSE(state_answer(question, payload.blob, 1));
}

TEST(StateAnswer, IsGivenToNothingButAnOpenQuestion) {
    const Held held(dispute::testing::question_gpt(32), market::QuestionTree::state);
    EXPECT_FALSE(state_answer({}, held.blob, 1));
    const base::Bytes question = opened(held);
    EXPECT_FALSE(state_answer(base::ByteView(question).first(question.size() - 1), held.blob, 1));
    const auto answered =
        dispute::LedgerReferee().answer(question, *state_answer(question, held.blob, 1));
    ASSERT_TRUE(answered);
    EXPECT_FALSE(state_answer(answered->question, held.blob, 1)) << "it is the asker's turn";
}

}  // namespace
}  // namespace assay::agent
