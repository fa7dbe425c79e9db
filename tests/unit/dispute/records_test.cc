#include "dispute/records.h"

#include <gtest/gtest.h>

#include "../program/tiny_program.h"
#include "base/encoding.h"
#include "fixture.h"
#include "program/record.h"

namespace assay::dispute {
namespace {

using testing::Fixture;

TEST(Records, DecodeToWhatWasEncoded) {
    for (const market::JobSpec& spec : {testing::ragged_gpt(), testing::wide_mlp()}) {
        const Fixture fixture(spec);
        for (const program::Tensor& tensor : fixture.program.tensors) {
            const base::Bytes record = program::tensor_record(tensor);
            const auto decoded = decode_tensor_record(record);
            ASSERT_TRUE(decoded.has_value()) << tensor.name;
            EXPECT_EQ(program::tensor_record(*decoded), record);
        }
        for (const program::Instruction& instruction : fixture.program.instructions) {
            const base::Bytes record = program::instruction_record(instruction);
            const auto decoded = decode_instruction_record(record);
            ASSERT_TRUE(decoded.has_value());
            EXPECT_EQ(program::instruction_record(*decoded), record);
            EXPECT_EQ(decoded->in, instruction.in);
            EXPECT_EQ(decoded->expression, instruction.expression);
        }
    }
}

TEST(Records, RefuseOtherSpellings) {
    const program::Program program = program::TinyProgram::make();
    for (const program::Instruction& instruction : program.instructions) {
        base::Bytes record = program::instruction_record(instruction);
        EXPECT_FALSE(decode_instruction_record(base::ByteView(record).first(record.size() - 1)));
        record.push_back(0);
        EXPECT_FALSE(decode_instruction_record(record));
    }
    base::Bytes record = program::instruction_record(program.instructions[5]);
    record[0] = 8;  // no such kind
    EXPECT_FALSE(decode_instruction_record(record));
    record = program::tensor_record(program.tensors[0]);
    record.back() |= 4U;  // no such flag
    EXPECT_FALSE(decode_tensor_record(record));
    EXPECT_FALSE(decode_tensor_record({}));
    EXPECT_FALSE(decode_contents_record(base::Bytes(35)));
}

TEST(Frame, IsWhatTheProgramSays) {
    for (const market::JobSpec& spec :
         {testing::ragged_gpt(), testing::deep_gpt(), testing::wide_mlp()}) {
        const Fixture fixture(spec);
        const ProgramRecords records(fixture.program);
        const base::Bytes opening = open_frame(records);
        EXPECT_LE(opening.size(), kOpeningBytesMax);
        const auto frame = check_frame(fixture.program_root, opening);
        ASSERT_TRUE(frame.has_value()) << name_of(frame.error());
        EXPECT_EQ(*frame, records.frame);
        EXPECT_EQ(check_frame(base::Hash{}, opening).error(), OpeningError::wrong_record);
    }
}

TEST(Frame, RefusesEveryFlippedByte) {
    const program::Program program = program::TinyProgram::make();
    const base::Hash root = program::program_root(program);
    const base::Bytes honest = open_frame(ProgramRecords(program));
    for (std::size_t i = 0; i < honest.size(); ++i) {
        base::Bytes bytes = honest;
        bytes[i] ^= 1U;
        EXPECT_FALSE(check_frame(root, bytes).has_value()) << i;
    }
    EXPECT_EQ(check_frame(root, base::Bytes(kOpeningBytesMax + 1)).error(),
              OpeningError::too_large);
    EXPECT_EQ(check_frame(root, {}).error(), OpeningError::malformed);
}

}  // namespace
}  // namespace assay::dispute
