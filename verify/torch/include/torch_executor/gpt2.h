#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace assay::torch_executor {

/// A GPT-2 read from `model.safetensors` and `config.json` and run by stock libtorch operators
/// (embedding, layer_norm, linear, softmax, gelu). It knows nothing of programs or exact kernels:
/// the submitter's second opinion about the model that was delivered.
class Gpt2 {
  public:
    /// The error names the file and what is wrong with it.
    static tl::expected<Gpt2, std::string> open(const std::filesystem::path& model_dir,
                                                unsigned threads);
    Gpt2(Gpt2&&) noexcept;
    Gpt2& operator=(Gpt2&&) noexcept;
    ~Gpt2();

    [[nodiscard]] std::uint32_t context() const;
    [[nodiscard]] std::uint32_t vocabulary() const;
    /// Mean cross-entropy in nats per token over `windows` consecutive, non-overlapping windows of
    /// `context()` tokens from `first` on. Fewer windows are used when the tokens end before; at
    /// least one must fit.
    [[nodiscard]] tl::expected<double, std::string> loss(std::span<const std::uint32_t> tokens,
                                                         std::uint64_t first,
                                                         std::uint32_t windows);
    /// Continues `prompt` by `count` tokens at the given temperature (0: the most likely token each
    /// time), seeded.
    [[nodiscard]] tl::expected<std::vector<std::uint32_t>, std::string> sample(
        std::vector<std::uint32_t> prompt, std::uint32_t count, double temperature,
        std::uint64_t seed);

  private:
    Gpt2();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::torch_executor
