#include "commit/model_export.h"

#include <algorithm>
#include <cstring>

#include "atomic_file.h"
#include "base/check.h"
#include "commit/checkpoint.h"
#include "commit/safetensors.h"
#include "program/model_files.h"
#include "tiles.h"

namespace assay::commit {

namespace {

using base::Bytes;
using base::ByteView;
using base::Hash;
using program::model_config;
using program::model_layout;
using program::ModelEntry;
using program::Program;
using program::Tensor;
using program::TensorId;

constexpr const char* kTensorsName = "model.safetensors";
constexpr const char* kConfigName = "config.json";
constexpr std::uint64_t kConfigBytesMax = 1U << 20U;
constexpr std::uint64_t kTensorsBytesMax = 1ULL << 40U;

constexpr std::string_view kTensorsTag = "assay.model.st";
constexpr std::size_t kPieceBytes = 1U << 20U;

Hash root_of_files(const Hash& tensors, ByteView config) {
    base::Hasher hasher("assay.model");
    return hasher.add(tensors).add(base::blake2b("assay.model.cfg", config)).finish();
}

std::string failure(const std::filesystem::path& file, FileError error) {
    return file.string() + ": " + std::string(message_of(error));
}

/// Weights by tensor id; tensors that are not weights have no data.
using WeightPointers = std::vector<const std::byte*>;

/// Rows [first, last) of one entry, its parts side by side.
Bytes entry_rows(const Program& program, const ModelEntry& entry, const WeightPointers& weights,
                 std::size_t first, std::size_t last) {
    const std::size_t stride = entry.shape.back() * sizeof(float);
    Bytes bytes((last - first) * stride);
    std::size_t offset = 0;
    for (const TensorId id : entry.parts) {
        const Tensor& tensor = program.tensors[id];
        const std::size_t row = tensor.cols * sizeof(float);
        for (std::size_t r = first; r < last; ++r) {
            auto* to = reinterpret_cast<std::byte*>(bytes.data() + (r - first) * stride + offset);
            copy_canonical(tensor.dtype, weights[id] + r * row, to, tensor.cols);
        }
        offset += row;
    }
    return bytes;
}

/// The bytes of model.safetensors, about a MiB at a time: a large model is never in memory a second
/// time. `take` returns false to stop.
template <class Take>
void tensors_file(const Program& program, const market::JobSpec& spec,
                  const WeightPointers& weights, Take take) {
    const std::vector<ModelEntry> layout = model_layout(program, spec);
    std::vector<SafetensorsShape> tensors;
    for (const ModelEntry& entry : layout) tensors.push_back({entry.name, "F32", entry.shape});
    if (!take(ByteView(safetensors_header(tensors)))) return;
    for (const ModelEntry& entry : layout) {
        std::size_t rows = 1;
        for (std::size_t i = 0; i + 1 < entry.shape.size(); ++i) rows *= entry.shape[i];
        const std::size_t at_once = std::max<std::size_t>(
            1, kPieceBytes / std::max<std::size_t>(1, entry.shape.back() * sizeof(float)));
        for (std::size_t row = 0; row < rows; row += at_once) {
            if (!take(ByteView(
                    entry_rows(program, entry, weights, row, std::min(rows, row + at_once)))))
                return;
        }
    }
}

/// Takes the parts of one entry out of the file. The whole file is compared with its re-export
/// afterwards, so zeros need no look here.
std::optional<std::string> take_entry(const Program& program, const ModelEntry& entry,
                                      const SafetensorsFile& file, std::vector<Buffer>& by_tensor) {
    const SafeTensor* found = file.find(entry.name);
    if (found == nullptr) return "tensor '" + entry.name + "' is missing";
    if (found->dtype != program::DType::f32 || found->shape != entry.shape)
        return "tensor '" + entry.name + "' has another type or shape";
    const std::size_t stride = entry.shape.back() * sizeof(float);
    std::size_t offset = 0;
    for (const TensorId id : entry.parts) {
        const Tensor& tensor = program.tensors[id];
        const std::size_t row = tensor.cols * sizeof(float);
        by_tensor[id] = Buffer(byte_size(tensor));
        for (std::size_t r = 0; r < tensor.rows; ++r) {
            std::memcpy(by_tensor[id].data() + r * row, found->data.data() + r * stride + offset,
                        row);
        }
        offset += row;
    }
    return std::nullopt;
}

}  // namespace

tl::expected<Hash, std::string> export_model(const Program& program, const market::JobSpec& spec,
                                             const State& state,
                                             const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return tl::unexpected(directory.string() + ": the directory cannot be created");
    const std::vector<TensorId> ids = program.state_tensors();
    ASSAY_CHECK(ids.size() == state.tensors.size());
    WeightPointers weights(program.tensors.size(), nullptr);
    for (std::size_t i = 0; i < ids.size(); ++i) weights[ids[i]] = state.tensors[i].data();
    const std::string config = model_config(spec);
    auto file = HashedFile::create(directory / kTensorsName);
    if (!file) return tl::unexpected(failure(directory / kTensorsName, file.error()));
    base::Hasher hasher(kTensorsTag);
    std::optional<FileError> problem;
    tensors_file(program, spec, weights, [&](ByteView piece) {
        hasher.add(piece);
        if (auto written = file->write(piece); !written) problem = written.error();
        return !problem;
    });
    if (!problem) {
        if (auto saved = file->publish(); !saved) problem = saved.error();
    }
    if (problem) return tl::unexpected(failure(directory / kTensorsName, *problem));
    if (auto written = write_file_atomically(directory / kConfigName, base::view_of(config));
        !written) {
        return tl::unexpected(failure(directory / kConfigName, written.error()));
    }
    return root_of_files(hasher.finish(), base::view_of(config));
}

tl::expected<Hash, std::string> model_root(const std::filesystem::path& directory) {
    const auto tensors = read_whole_file(directory / kTensorsName, kTensorsBytesMax);
    if (!tensors) return tl::unexpected(failure(directory / kTensorsName, tensors.error()));
    const auto config = read_whole_file(directory / kConfigName, kConfigBytesMax);
    if (!config) return tl::unexpected(failure(directory / kConfigName, config.error()));
    return root_of_files(base::blake2b(kTensorsTag, *tensors), *config);
}

tl::expected<std::vector<Buffer>, std::string> import_weights(
    const Program& program, const market::JobSpec& spec, const std::filesystem::path& directory) {
    const auto config = read_whole_file(directory / kConfigName, kConfigBytesMax);
    if (!config) return tl::unexpected(failure(directory / kConfigName, config.error()));
    const std::string expected = model_config(spec);
    if (!std::ranges::equal(*config, base::view_of(expected)))
        return tl::unexpected(std::string("config.json is not that of the job's model"));
    auto bytes = read_whole_file(directory / kTensorsName, kTensorsBytesMax);
    if (!bytes) return tl::unexpected(failure(directory / kTensorsName, bytes.error()));
    const auto file = parse_safetensors(std::move(*bytes));
    if (!file) return tl::unexpected(std::string(kTensorsName) + ": " + file.error());
    std::vector<Buffer> by_tensor(program.tensors.size());
    for (const ModelEntry& entry : model_layout(program, spec)) {
        if (auto problem = take_entry(program, entry, *file, by_tensor))
            return tl::unexpected(std::string(kTensorsName) + ": " + *problem);
    }
    WeightPointers pointers;
    for (const Buffer& buffer : by_tensor) pointers.push_back(buffer.data());
    ByteView rest(file->bytes);
    bool same = true;
    tensors_file(program, spec, pointers, [&](ByteView piece) {
        same = rest.size() >= piece.size() && std::ranges::equal(piece, rest.first(piece.size()));
        if (same) rest = rest.subspan(piece.size());
        return same;
    });
    if (!same || !rest.empty()) {
        return tl::unexpected(std::string(kTensorsName) +
                              ": is not the canonical file of its weights");
    }
    std::vector<Buffer> weights;
    for (const TensorId id : program.weight_tensors()) weights.push_back(std::move(by_tensor[id]));
    return weights;
}

std::vector<Hash> non_weight_tensor_roots(const Program& program, const State& state,
                                          unsigned threads) {
    const std::vector<TensorId> ids = program.state_tensors();
    const std::vector<Hash> all = tensor_roots(program, ids, state.tensors, threads);
    std::vector<Hash> roots;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!program.tensors[ids[i]].weight) roots.push_back(all[i]);
    }
    return roots;
}

tl::expected<Hash, std::string> state_root_from_model(
    const Program& program, const market::JobSpec& spec, const std::filesystem::path& directory,
    const StateDescriptor& descriptor, std::span<const Hash> non_weight_roots, unsigned threads) {
    const auto weights = import_weights(program, spec, directory);
    if (!weights) return tl::unexpected(weights.error());
    const std::vector<TensorId> weight_ids = program.weight_tensors();
    const std::vector<Hash> weight_roots = tensor_roots(program, weight_ids, *weights, threads);
    const std::vector<TensorId> ids = program.state_tensors();
    if (non_weight_roots.size() + weight_ids.size() != ids.size()) {
        return tl::unexpected(
            std::string("the number of tensor roots beside the weights is wrong"));
    }
    std::vector<Hash> roots;
    std::size_t next_weight = 0, next_other = 0;
    for (const TensorId id : ids) {
        const bool weight = program.tensors[id].weight;
        ASSAY_CHECK(!weight || weight_ids[next_weight] == id);
        roots.push_back(weight ? weight_roots[next_weight++] : non_weight_roots[next_other++]);
    }
    return state_root_of_tensor_roots(descriptor, roots);
}

}  // namespace assay::commit
