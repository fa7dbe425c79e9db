#include "agent/log.h"

#include <gtest/gtest.h>

namespace assay::agent {
namespace {

TEST(SaidBefore, ASubjectIsNewWhenItsTextIsAnother) {
    SaidBefore said;
    EXPECT_TRUE(said.is_new("one", "no state"));
    EXPECT_FALSE(said.is_new("one", "no state"));
    EXPECT_TRUE(said.is_new("two", "no state"));
    EXPECT_TRUE(said.is_new("one", "no blob"));
    EXPECT_TRUE(said.is_new("one", "no state"));
    EXPECT_FALSE(said.is_new("two", "no state"));
}

}  // namespace
}  // namespace assay::agent
