#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "../unit/commit/fixtures.h"
#include "base/check.h"
#include "client/key_file.h"
#include "commit/checkpoint.h"
#include "commit/safetensors.h"
#include "numeric_table.h"
#include "target.h"
#include "training_record.h"

/// Files: checkpoints, models, tables, keys.
namespace assay::fuzz {
namespace {

using base::Bytes;
using base::ByteView;

/// A file in memory that has a path, so that file readers can be fed without a disk.
class MemoryFile {
  public:
    explicit MemoryFile(ByteView bytes) : descriptor_(::memfd_create("assay-fuzz", MFD_CLOEXEC)) {
        ASSAY_CHECK(descriptor_ >= 0);
        ::fchmod(descriptor_, 0600);
        while (!bytes.empty()) {
            const auto written = ::write(descriptor_, bytes.data(), bytes.size());
            ASSAY_CHECK(written > 0);
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    [[nodiscard]] std::filesystem::path path() const {
        return "/proc/self/fd/" + std::to_string(descriptor_);
    }

  private:
    int descriptor_;
};

/// One small state with everything that its readers must be told.
struct Example {
    market::JobSpec spec = commit::small_mlp();
    program::Program program;
    commit::State state;
    commit::Payload payload;
    commit::StateDescriptor descriptor;
    base::Hash state_root, payload_root;
    Bytes state_file, payload_file, resume_file;
};

Example make_example() {
    Example example;
    example.spec.rounds = 2;
    example.program = commit::program_of(example.spec);
    example.state = commit::State::zeros(example.program);
    example.payload = commit::Payload::zeros(example.program);
    example.descriptor.spec_root = market::spec_root(market::encode_spec(example.spec));
    example.descriptor.program_root = program::program_root(example.program);
    example.descriptor.step = 1;
    example.state_root = commit::state_root(example.program, example.state, example.descriptor);
    example.payload_root = commit::payload_root(example.program, example.payload);
    const commit::TemporaryFolder folder;
    ASSAY_CHECK(commit::save_state(folder / "s", example.program, example.state, example.descriptor)
                    .has_value());
    ASSAY_CHECK(commit::save_payload(folder / "p", example.program, example.payload).has_value());
    const commit::ResumePoint point{example.descriptor, filled(1), example.state.clone()};
    ASSAY_CHECK(commit::save_resume_point(folder / "r", example.program, point).has_value());
    example.state_file = commit::read_file(folder / "s");
    example.payload_file = commit::read_file(folder / "p");
    example.resume_file = commit::read_file(folder / "r");
    return example;
}
const Example& example() {
    static const Example one = make_example();
    return one;
}
bool same(ByteView a, const Bytes& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

std::vector<Bytes> checkpoint_seeds() {
    return {example().state_file, example().payload_file, example().resume_file};
}
/// Nothing but the file itself has the expected root.
void run_checkpoint(ByteView input) {
    const Example& e = example();
    const MemoryFile file(input);
    if (commit::load_state(file.path(), e.program, e.descriptor, e.state_root))
        ASSAY_CHECK(same(input, e.state_file));
    if (commit::load_payload(file.path(), e.program, e.payload_root))
        ASSAY_CHECK(same(input, e.payload_file));
    if (commit::load_resume_point(file.path(), e.program, e.descriptor.spec_root,
                                  e.descriptor.program_root)) {
        ASSAY_CHECK(input.size() >= 12);
    }
}

std::vector<Bytes> training_record_seeds() {
    runtime::TrainingRecord record;
    record.opening_roots = {filled(1), filled(2)};
    record.payload_roots[1] = filled(3);
    const commit::TemporaryFolder folder;
    ASSAY_CHECK(runtime::save_record(folder / "r", record).has_value());
    return {commit::read_file(folder / "r")};
}
void run_training_record(ByteView input) {
    static const Bytes seed = training_record_seeds()[0];
    const MemoryFile file(input);
    const auto record = runtime::load_record(file.path());
    // It ends with a hash over itself, which a mutation cannot meet.
    if (record && *record) ASSAY_CHECK(same(input, seed) && (*record)->round() == 1);
}

std::vector<Bytes> safetensors_seeds() {
    const Bytes data(24, 7);
    const commit::SafetensorsEntry entries[] = {{"a", "F32", {2, 2}, ByteView(data).first(16)},
                                                {"b", "I64", {1}, ByteView(data).last(8)}};
    return {commit::write_safetensors(entries), commit::write_safetensors({})};
}
void run_safetensors(ByteView input) {
    const auto file = commit::parse_safetensors(Bytes(input.begin(), input.end()));
    if (!file) return;
    std::size_t covered = 0;
    for (const auto& tensor : file->tensors) {
        ASSAY_CHECK(tensor.data.data() >= file->bytes.data() &&
                    tensor.data.data() + tensor.data.size() <=
                        file->bytes.data() + file->bytes.size());
        ASSAY_CHECK(file->find(tensor.name) == &tensor);
        covered += tensor.data.size();
        if (const auto table = commit::numeric_array(tensor);
            table && table->rows() > 0 && table->cols() > 0) {
            (void)table->at(table->rows() - 1, table->cols() - 1);
        }
    }
    ASSAY_CHECK(covered + 8 <= input.size());
}

Bytes npy(const std::string& header, std::size_t data) {
    std::string text = std::string("\x93NUMPY\x01", 7) + std::string(1, '\0');
    std::string padded = header;
    while ((text.size() + 2 + padded.size() + 1) % 64 != 0) padded += ' ';
    padded += '\n';
    text += static_cast<char>(padded.size() & 0xffU);
    text += static_cast<char>(padded.size() >> 8U);
    text += padded;
    text.append(data, '\0');
    return {text.begin(), text.end()};
}
std::vector<Bytes> npy_seeds() {
    return {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", 24),
            npy("{'descr': '<i8', 'fortran_order': True, 'shape': (2, 2), }", 32),
            npy("{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }", 5)};
}
void run_npy(ByteView input) {
    const auto table = commit::parse_npy(input);
    if (!table || table->rows() == 0 || table->cols() == 0) return;
    (void)table->at(0, 0);
    (void)table->at(table->rows() - 1, table->cols() - 1);
}

std::vector<Bytes> key_file_seeds() {
    const std::filesystem::path golden =
        std::filesystem::path(ASSAY_SOURCE_DIR) / "tests/golden/key_file.hex";
    const Bytes text = commit::read_file(golden);
    const std::string line(text.begin(), std::find(text.begin(), text.end(), '\n'));
    const auto bytes = base::from_hex(line);
    ASSAY_CHECK(bytes.has_value());
    return {*bytes};
}
/// The header only: everything behind it is authenticated with a key whose derivation is slow by
/// design.
void run_key_file(ByteView input) {
    static const commit::TemporaryFolder folder;
    static std::uint64_t number = 0;
    // A new name each time: some file systems flush a file that is truncated and written again.
    const auto file = folder / std::to_string(number++);
    commit::write_file(file, input);
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const auto info = client::inspect_key_file(file);
    std::filesystem::remove(file);
    if (info) ASSAY_CHECK(info->passes <= 16 && info->memory_bytes <= (std::uint64_t{1} << 30U));
}

constexpr Target kTargets[] = {
    {"checkpoint", checkpoint_seeds, run_checkpoint, 5'000},
    {"training_record", training_record_seeds, run_training_record},
    {"safetensors", safetensors_seeds, run_safetensors, 20'000},
    {"npy", npy_seeds, run_npy, 20'000},
    {"key_file", key_file_seeds, run_key_file, 2'000},
};

}  // namespace

std::span<const Target> file_targets() { return kTargets; }

}  // namespace assay::fuzz
