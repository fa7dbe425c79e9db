#include "commit/model_export.h"

#include <cstring>

#include "base/check.h"
#include "commit/checkpoint.h"
#include "commit/safetensors.h"
#include "model_layout.h"
#include "tiles.h"

namespace assay::commit {

namespace {

using base::Bytes;
using base::ByteView;
using base::Hash;
using program::Program;
using program::Tensor;
using program::TensorId;

constexpr const char* kTensorsName = "model.safetensors";
constexpr const char* kConfigName = "config.json";
constexpr std::uint64_t kConfigBytesMax = 1U << 20U;
constexpr std::uint64_t kTensorsBytesMax = 1ULL << 40U;

Hash root_of_files(ByteView tensors, ByteView config) {
    base::Hasher hasher("assay.model");
    return hasher.add(base::blake2b("assay.model.st", tensors)).add(base::blake2b("assay.model.cfg", config)).finish();
}

std::string failure(const std::filesystem::path& file, FileError error) { return file.string() + ": " + std::string(message_of(error)); }

/// Weights by tensor id; tensors that are not weights have no data.
using WeightPointers = std::vector<const std::byte*>;

/// The values of one entry, its parts side by side.
Bytes entry_bytes(const Program& program, const ModelEntry& entry, const WeightPointers& weights) {
    std::size_t elements = 1;
    for (const std::uint64_t size : entry.shape) elements *= size;
    Bytes bytes(elements * sizeof(float));
    const std::size_t stride = entry.shape.back() * sizeof(float);
    std::size_t offset = 0;
    for (const TensorId id : entry.parts) {
        const Tensor& tensor = program.tensors[id];
        const std::size_t row = tensor.cols * sizeof(float);
        for (std::size_t r = 0; r < tensor.rows; ++r) {
            auto* to = reinterpret_cast<std::byte*>(bytes.data() + r * stride + offset);
            copy_canonical(tensor.dtype, weights[id] + r * row, to, tensor.cols);
        }
        offset += row;
    }
    return bytes;
}

Bytes tensors_file(const Program& program, const market::JobSpec& spec, const WeightPointers& weights) {
    const std::vector<ModelEntry> layout = model_layout(program, spec);
    std::vector<Bytes> data;
    std::vector<SafetensorsEntry> entries;
    data.reserve(layout.size());
    for (const ModelEntry& entry : layout) {
        data.push_back(entry_bytes(program, entry, weights));
        entries.push_back({entry.name, "F32", entry.shape, data.back()});
    }
    return write_safetensors(entries);
}

/// Takes the parts of one entry out of the file. The whole file is compared with its re-export afterwards, so zeros need no look here.
std::optional<std::string> take_entry(const Program& program, const ModelEntry& entry, const SafetensorsFile& file,
                                      std::vector<Buffer>& by_tensor) {
    const SafeTensor* found = file.find(entry.name);
    if (found == nullptr) return "tensor '" + entry.name + "' is missing";
    if (found->dtype != program::DType::f32 || found->shape != entry.shape) return "tensor '" + entry.name + "' has another type or shape";
    const std::size_t stride = entry.shape.back() * sizeof(float);
    std::size_t offset = 0;
    for (const TensorId id : entry.parts) {
        const Tensor& tensor = program.tensors[id];
        const std::size_t row = tensor.cols * sizeof(float);
        by_tensor[id] = Buffer(byte_size(tensor));
        for (std::size_t r = 0; r < tensor.rows; ++r) {
            std::memcpy(by_tensor[id].data() + r * row, found->data.data() + r * stride + offset, row);
        }
        offset += row;
    }
    return std::nullopt;
}

}  // namespace

tl::expected<Hash, std::string> export_model(const Program& program, const market::JobSpec& spec, const State& state,
                                             const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return tl::unexpected(directory.string() + ": the directory cannot be created");
    const std::vector<TensorId> ids = program.state_tensors();
    ASSAY_CHECK(ids.size() == state.tensors.size());
    WeightPointers weights(program.tensors.size(), nullptr);
    for (std::size_t i = 0; i < ids.size(); ++i) weights[ids[i]] = state.tensors[i].data();
    const Bytes tensors = tensors_file(program, spec, weights);
    const std::string config = model_config(spec);
    if (auto written = write_file_atomically(directory / kTensorsName, tensors); !written) {
        return tl::unexpected(failure(directory / kTensorsName, written.error()));
    }
    if (auto written = write_file_atomically(directory / kConfigName, base::view_of(config)); !written) {
        return tl::unexpected(failure(directory / kConfigName, written.error()));
    }
    return root_of_files(tensors, base::view_of(config));
}

tl::expected<Hash, std::string> model_root(const std::filesystem::path& directory) {
    const auto tensors = read_whole_file(directory / kTensorsName, kTensorsBytesMax);
    if (!tensors) return tl::unexpected(failure(directory / kTensorsName, tensors.error()));
    const auto config = read_whole_file(directory / kConfigName, kConfigBytesMax);
    if (!config) return tl::unexpected(failure(directory / kConfigName, config.error()));
    return root_of_files(*tensors, *config);
}

tl::expected<std::vector<Buffer>, std::string> import_weights(const Program& program, const market::JobSpec& spec,
                                                              const std::filesystem::path& directory) {
    const auto config = read_whole_file(directory / kConfigName, kConfigBytesMax);
    if (!config) return tl::unexpected(failure(directory / kConfigName, config.error()));
    const std::string expected = model_config(spec);
    if (!std::ranges::equal(*config, base::view_of(expected))) return tl::unexpected(std::string("config.json is not that of the job's model"));
    auto bytes = read_whole_file(directory / kTensorsName, kTensorsBytesMax);
    if (!bytes) return tl::unexpected(failure(directory / kTensorsName, bytes.error()));
    const auto file = parse_safetensors(std::move(*bytes));
    if (!file) return tl::unexpected(std::string(kTensorsName) + ": " + file.error());
    std::vector<Buffer> by_tensor(program.tensors.size());
    for (const ModelEntry& entry : model_layout(program, spec)) {
        if (auto problem = take_entry(program, entry, *file, by_tensor)) return tl::unexpected(std::string(kTensorsName) + ": " + *problem);
    }
    WeightPointers pointers;
    for (const Buffer& buffer : by_tensor) pointers.push_back(buffer.data());
    if (tensors_file(program, spec, pointers) != file->bytes) {
        return tl::unexpected(std::string(kTensorsName) + ": is not the canonical file of its weights");
    }
    std::vector<Buffer> weights;
    for (const TensorId id : program.weight_tensors()) weights.push_back(std::move(by_tensor[id]));
    return weights;
}

std::vector<Hash> non_weight_tensor_roots(const Program& program, const State& state, unsigned threads) {
    const std::vector<TensorId> ids = program.state_tensors();
    const std::vector<Hash> all = tensor_roots(program, ids, state.tensors, threads);
    std::vector<Hash> roots;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (!program.tensors[ids[i]].weight) roots.push_back(all[i]);
    }
    return roots;
}

tl::expected<Hash, std::string> state_root_from_model(const Program& program, const market::JobSpec& spec,
                                                      const std::filesystem::path& directory, const StateDescriptor& descriptor,
                                                      std::span<const Hash> non_weight_roots, unsigned threads) {
    const auto weights = import_weights(program, spec, directory);
    if (!weights) return tl::unexpected(weights.error());
    const std::vector<TensorId> weight_ids = program.weight_tensors();
    const std::vector<Hash> weight_roots = tensor_roots(program, weight_ids, *weights, threads);
    const std::vector<TensorId> ids = program.state_tensors();
    if (non_weight_roots.size() + weight_ids.size() != ids.size()) {
        return tl::unexpected(std::string("the number of tensor roots beside the weights is wrong"));
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
