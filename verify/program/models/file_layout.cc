#include "file_layout.h"

#include <optional>

#include "base/check.h"

namespace assay::program {

using market::Activation;

void FileLayout::matrix(const std::string& name, const std::vector<std::string>& sources) {
    ModelEntry entry{name, {}, {0, 0}};
    for (const std::string& source : sources) {
        const TensorId id = need(source);
        entry.parts.push_back(id);
        entry.shape[0] = program_.tensors[id].rows;
        entry.shape[1] += program_.tensors[id].cols;
    }
    entries_.push_back(std::move(entry));
}

void FileLayout::vector(const std::string& name, const std::vector<std::string>& sources) {
    matrix(name, sources);
    ModelEntry& entry = entries_.back();
    ASSAY_CHECK(entry.shape[0] == 1);
    entry.shape.erase(entry.shape.begin());
}

void FileLayout::zeros(const std::string& name, std::uint64_t size) {
    entries_.push_back({name, {}, {size}});
}

void FileLayout::bias(const std::string& name, bool present,
                      const std::vector<std::string>& sources, std::uint64_t size) {
    present ? vector(name, sources) : zeros(name, size);
}

std::vector<ModelEntry> FileLayout::take() {
    std::size_t placed = 0;
    for (const ModelEntry& entry : entries_) placed += entry.parts.size();
    ASSAY_CHECK(placed == program_.weight_tensors().size());
    return std::move(entries_);
}

TensorId FileLayout::need(const std::string& name) const {
    const std::optional<TensorId> id = program_.find(name);
    ASSAY_CHECK(id && program_.tensors[*id].weight &&
                program_.tensors[*id].dtype == program::DType::f32);
    return *id;
}

std::string activation_word(Activation activation) {
    switch (activation) {
        case Activation::gelu_tanh:
            return "gelu_new";
        case Activation::gelu_erf:
            return "gelu";
        case Activation::relu:
            return "relu";
        case Activation::tanh:
            return "tanh";
    }
    return "";
}

std::string decimal(std::uint64_t ppb) {
    constexpr std::uint64_t kBillion = 1'000'000'000;
    std::string digits = std::to_string(ppb % kBillion);
    digits.insert(0, 9 - digits.size(), '0');
    while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
    return std::to_string(ppb / kBillion) + "." + digits;
}

std::string json_object(const std::vector<std::pair<std::string, std::string>>& members) {
    std::string text = "{\n";
    for (std::size_t i = 0; i < members.size(); ++i) {
        text += "  \"" + members[i].first + "\": " + members[i].second +
                (i + 1 < members.size() ? ",\n" : "\n");
    }
    return text + "}\n";
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

}  // namespace assay::program
