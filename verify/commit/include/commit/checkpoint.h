#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/ids.h"
#include "commit/state.h"

/// States and payloads as files (docs/formats/checkpoint.md). Every file is written to a temporary
/// name, synced, renamed, and its folder synced, so a crash leaves the old file or the new one
/// (scratch files are not synced). Every file is verified against a root while it is read.
namespace assay::commit {

enum class FileError : std::uint8_t {
    missing,           ///< no such file
    unreadable,        ///< the system refused to read
    unwritable,        ///< the system refused to write, sync or rename
    not_a_checkpoint,  ///< another magic, or a header that is not canonical
    unknown_version,
    wrong_kind,        ///< a payload where a state is expected, ...
    wrong_program,     ///< the tensor table is not that of the program
    wrong_descriptor,  ///< another job, round, lane or step than expected
    wrong_size,        ///< truncated, or bytes left over
    wrong_root,        ///< the contents do not have the expected root
};
std::string_view message_of(FileError error);

/// Sizes of the files that save_state and save_payload write: the same for every state, and every
/// payload, of one job.
std::uint64_t state_file_bytes(const program::Program& program);
std::uint64_t payload_file_bytes(const program::Program& program);

struct SavedFile {
    base::BlobRoot blob;  ///< content address of the whole file
    std::uint64_t bytes = 0;
};

enum class Durability : std::uint8_t {
    synced,   ///< survives a crash of the machine
    scratch,  ///< for this process only, as for an upload: does not wait for the disk
};

/// The file covers descriptor and tensors; the same state gives the same bytes.
tl::expected<SavedFile, FileError> save_state(const std::filesystem::path& file,
                                              const program::Program& program, const State& state,
                                              const StateDescriptor& descriptor,
                                              Durability durability = Durability::synced);
/// The expected descriptor and root come from the ledger or from the caller's own replay, never
/// from the file.
tl::expected<State, FileError> load_state(const std::filesystem::path& file,
                                          const program::Program& program,
                                          const StateDescriptor& descriptor,
                                          const base::Hash& expected_root, unsigned threads = 1);

tl::expected<SavedFile, FileError> save_payload(const std::filesystem::path& file,
                                                const program::Program& program,
                                                const Payload& payload,
                                                Durability durability = Durability::synced);
tl::expected<Payload, FileError> load_payload(const std::filesystem::path& file,
                                              const program::Program& program,
                                              const base::Hash& expected_root,
                                              unsigned threads = 1);

/// Everything that such a file has before its elements, from what is expected alone: for those who
/// must not trust a file's own header. The elements follow, tensor by tensor, and nothing after
/// them.
base::Bytes state_front(std::span<const program::Tensor> tensors,
                        const StateDescriptor& descriptor);
base::Bytes payload_front(std::span<const program::Tensor> tensors);

/// The local record from which a killed process goes on in the middle of a segment. It names its
/// own root, so it protects against damage, not against its owner: what is published is recomputed
/// from it and judged by auditors.
struct ResumePoint {
    StateDescriptor descriptor;     ///< step: steps done within the round
    base::Hash segment_start_root;  ///< root at the start of the segment that is being run
    State state;
    /// Root of `state` under `descriptor`. Saving computes it where the caller does not have it;
    /// loading always checks and gives it.
    std::optional<base::Hash> state_root = std::nullopt;
};
tl::expected<void, FileError> save_resume_point(const std::filesystem::path& file,
                                                const program::Program& program,
                                                const ResumePoint& point, unsigned threads = 1);
/// `expected` fixes spec root, program root and profile; round, lane and step are read.
tl::expected<ResumePoint, FileError> load_resume_point(const std::filesystem::path& file,
                                                       const program::Program& program,
                                                       const base::Hash& spec_root,
                                                       const base::Hash& program_root,
                                                       unsigned threads = 1);

/// Writes a whole file with the same durability; for records beside checkpoints.
tl::expected<void, FileError> write_file_atomically(const std::filesystem::path& file,
                                                    base::ByteView bytes);
tl::expected<base::Bytes, FileError> read_whole_file(const std::filesystem::path& file,
                                                     std::uint64_t bytes_max);

}  // namespace assay::commit
