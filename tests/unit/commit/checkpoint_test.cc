#include "commit/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/chunk_tree.h"
#include "fixtures.h"

namespace assay::commit {
namespace {

class Checkpoint : public ::testing::Test {
  protected:
    Checkpoint() : program_(program_of(small_gpt())), state_(State::zeros(program_)) {
        for (Buffer& buffer : state_.tensors) {
            for (std::size_t i = 0; i < buffer.size() / 4; ++i)
                buffer.f32()[i] = static_cast<float>(i % 13);
        }
        descriptor_.spec_root = base::blake2b("assay.test", base::view_of("spec"));
        descriptor_.program_root = base::blake2b("assay.test", base::view_of("program"));
        descriptor_.round = 1;
        descriptor_.step = 2;
        root_ = state_root(program_, state_, descriptor_);
    }
    FileError refusal(const std::filesystem::path& file) {
        const auto loaded = load_state(file, program_, descriptor_, root_);
        EXPECT_FALSE(loaded.has_value());
        return loaded ? FileError::missing : loaded.error();
    }

    TemporaryFolder folder_;
    program::Program program_;
    State state_;
    StateDescriptor descriptor_;
    base::Hash root_;
};

TEST_F(Checkpoint, LoadsWhatItSaved) {
    const auto saved = save_state(folder_ / "s", program_, state_, descriptor_);
    ASSERT_TRUE(saved.has_value());
    EXPECT_EQ(saved->blob, *base::blob_root_of_file(folder_ / "s"));
    EXPECT_EQ(saved->bytes, std::filesystem::file_size(folder_ / "s"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "s.partial"));
    const auto loaded = load_state(folder_ / "s", program_, descriptor_, root_, 2);
    ASSERT_TRUE(loaded.has_value()) << message_of(loaded.error());
    EXPECT_EQ(state_root(program_, *loaded, descriptor_), root_);
    const auto again = save_state(folder_ / "t", program_, *loaded, descriptor_);
    EXPECT_EQ(again->blob, saved->blob);
}

TEST_F(Checkpoint, FrontsAreWhatFilesBeginWith) {
    std::vector<program::Tensor> state, payload;
    for (const program::Tensor& tensor : program_.tensors) {
        if (tensor.cls == program::TensorClass::state) state.push_back(tensor);
        if (tensor.cls == program::TensorClass::payload) payload.push_back(tensor);
    }
    const auto begins = [](const base::Bytes& file, const base::Bytes& front) {
        return file.size() >= front.size() && std::equal(front.begin(), front.end(), file.begin());
    };
    ASSERT_TRUE(save_state(folder_ / "s", program_, state_, descriptor_).has_value());
    const base::Bytes front = state_front(state, descriptor_);
    EXPECT_TRUE(begins(read_file(folder_ / "s"), front));
    std::size_t elements = 0;
    for (const Buffer& buffer : state_.tensors) elements += buffer.size();
    EXPECT_EQ(std::filesystem::file_size(folder_ / "s"), front.size() + elements);
    ASSERT_TRUE(save_payload(folder_ / "p", program_, Payload::zeros(program_)).has_value());
    EXPECT_TRUE(begins(read_file(folder_ / "p"), payload_front(payload)));
    StateDescriptor other = descriptor_;
    other.lane = 1;
    EXPECT_FALSE(begins(read_file(folder_ / "s"), state_front(state, other)));
}

TEST_F(Checkpoint, WritesEveryNanAlike) {
    const auto first = save_state(folder_ / "s", program_, state_, descriptor_);
    const std::uint32_t one = 0xffc00001U, other = 0x7f800001U;
    std::memcpy(state_.tensors[0].data(), &one, 4);
    const auto second = save_state(folder_ / "s", program_, state_, descriptor_);
    std::memcpy(state_.tensors[0].data(), &other, 4);
    const auto third = save_state(folder_ / "s", program_, state_, descriptor_);
    EXPECT_NE(first->blob, second->blob);
    EXPECT_EQ(second->blob, third->blob);
}

TEST_F(Checkpoint, RefusesMissingAndForeignFiles) {
    EXPECT_EQ(refusal(folder_ / "nothing"), FileError::missing);
    EXPECT_EQ(refusal(folder_ / "."), FileError::unreadable);
    write_file(folder_ / "empty", {});
    EXPECT_EQ(refusal(folder_ / "empty"), FileError::not_a_checkpoint);
    write_file(folder_ / "text", base::Bytes(1000, 'x'));
    EXPECT_EQ(refusal(folder_ / "text"), FileError::not_a_checkpoint);
    ASSERT_TRUE(save_payload(folder_ / "p", program_, Payload::zeros(program_)).has_value());
    EXPECT_EQ(refusal(folder_ / "p"), FileError::wrong_kind);
    EXPECT_EQ(save_state(folder_ / "no/such/folder", program_, state_, descriptor_).error(),
              FileError::unwritable);
}

TEST_F(Checkpoint, RefusesAnotherPlaceProgramOrRoot) {
    ASSERT_TRUE(save_state(folder_ / "s", program_, state_, descriptor_).has_value());
    StateDescriptor other = descriptor_;
    other.step = 3;
    EXPECT_EQ(load_state(folder_ / "s", program_, other, root_).error(),
              FileError::wrong_descriptor);
    EXPECT_EQ(load_state(folder_ / "s", program_, descriptor_, base::Hash{}).error(),
              FileError::wrong_root);
    const program::Program without_bias = program_of(small_gpt(false));
    EXPECT_EQ(load_state(folder_ / "s", without_bias, descriptor_, root_).error(),
              FileError::wrong_program);
}

TEST_F(Checkpoint, RefusesEveryTruncationAndFlippedByte) {
    ASSERT_TRUE(save_state(folder_ / "s", program_, state_, descriptor_).has_value());
    const base::Bytes bytes = read_file(folder_ / "s");
    for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 37) {
        write_file(folder_ / "d", base::ByteView(bytes).first(size));
        const FileError error = refusal(folder_ / "d");
        EXPECT_TRUE(error == FileError::not_a_checkpoint || error == FileError::wrong_size) << size;
    }
    for (std::size_t i = 0; i < bytes.size(); i += i < 400 ? 1 : 1 + bytes.size() / 41) {
        base::Bytes changed = bytes;
        changed[i] ^= 0x10U;
        write_file(folder_ / "d", changed);
        refusal(folder_ / "d");
    }
    base::Bytes longer = bytes;
    longer.push_back(0);
    write_file(folder_ / "d", longer);
    EXPECT_EQ(refusal(folder_ / "d"), FileError::wrong_size);
    base::Bytes version = bytes;
    version[8] = 2;
    write_file(folder_ / "d", version);
    EXPECT_EQ(refusal(folder_ / "d"), FileError::unknown_version);
}

TEST_F(Checkpoint, PayloadsAreVerifiedAgainstTheirRoot) {
    Payload payload = Payload::zeros(program_);
    payload.tensors[0].data()[3] = std::byte{5};
    const base::Hash root = payload_root(program_, payload);
    ASSERT_TRUE(save_payload(folder_ / "p", program_, payload).has_value());
    const auto loaded = load_payload(folder_ / "p", program_, root);
    ASSERT_TRUE(loaded.has_value());
    EXPECT_EQ(payload_root(program_, *loaded), root);
    EXPECT_EQ(load_payload(folder_ / "p", program_, root_).error(), FileError::wrong_root);
    base::Bytes bytes = read_file(folder_ / "p");
    bytes.back() ^= 1U;
    write_file(folder_ / "p", bytes);
    EXPECT_FALSE(load_payload(folder_ / "p", program_, root).has_value());
}

TEST_F(Checkpoint, ScratchFilesHaveTheSameBytes) {
    const auto synced = save_state(folder_ / "s", program_, state_, descriptor_);
    const auto scratch =
        save_state(folder_ / "t", program_, state_, descriptor_, Durability::scratch);
    ASSERT_TRUE(synced.has_value() && scratch.has_value());
    EXPECT_EQ(scratch->blob, synced->blob);
    EXPECT_EQ(read_file(folder_ / "t"), read_file(folder_ / "s"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "t.partial"));
}

TEST_F(Checkpoint, ResumePointsKeepTheirPlace) {
    ResumePoint point{descriptor_, root_, state_.clone()};
    ASSERT_TRUE(save_resume_point(folder_ / "r", program_, point).has_value());
    const auto loaded =
        load_resume_point(folder_ / "r", program_, descriptor_.spec_root, descriptor_.program_root);
    ASSERT_TRUE(loaded.has_value()) << message_of(loaded.error());
    EXPECT_EQ(loaded->descriptor, descriptor_);
    EXPECT_EQ(loaded->segment_start_root, root_);
    EXPECT_EQ(state_root(program_, loaded->state, descriptor_), root_);
    EXPECT_EQ(loaded->state_root, root_);
    EXPECT_EQ(load_resume_point(folder_ / "r", program_, {}, descriptor_.program_root).error(),
              FileError::wrong_descriptor);
    EXPECT_EQ(refusal(folder_ / "r"), FileError::wrong_kind);
    const base::Bytes bytes = read_file(folder_ / "r");
    for (std::size_t i = 0; i < bytes.size(); i += i < 400 ? 3 : 1 + bytes.size() / 23) {
        base::Bytes changed = bytes;
        changed[i] ^= 0x80U;
        write_file(folder_ / "r", changed);
        EXPECT_FALSE(load_resume_point(folder_ / "r", program_, descriptor_.spec_root,
                                       descriptor_.program_root)
                         .has_value())
            << i;
    }
}

TEST_F(Checkpoint, ResumePointsTakeAKnownRootAndCheckItWhenLoaded) {
    ResumePoint point{descriptor_, root_, state_.clone()};
    ASSERT_TRUE(save_resume_point(folder_ / "r", program_, point).has_value());
    point.state_root = root_;
    ASSERT_TRUE(save_resume_point(folder_ / "known", program_, point).has_value());
    EXPECT_EQ(read_file(folder_ / "known"), read_file(folder_ / "r"));
    point.state_root->bytes[0] ^= 1U;
    ASSERT_TRUE(save_resume_point(folder_ / "r", program_, point).has_value());
    const auto loaded =
        load_resume_point(folder_ / "r", program_, descriptor_.spec_root, descriptor_.program_root);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error(), FileError::wrong_root);
}

}  // namespace
}  // namespace assay::commit
