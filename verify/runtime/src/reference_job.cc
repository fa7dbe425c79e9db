#include "reference_job.h"

#include <cstdlib>
#include <fstream>
#include <utility>

#include "base/chunk_tree.h"

namespace assay::runtime {

namespace {

constexpr std::uint32_t kVocabulary = 64;

/// Token i by a fixed rule: no generator whose bits could differ.
std::uint32_t token_at(std::uint64_t i) {
    const std::uint64_t mixed = (i * 0x9e3779b97f4a7c15ULL) ^ (i >> 7U);
    return static_cast<std::uint32_t>((mixed >> 32U) % kVocabulary);
}

base::Bytes token_bytes(std::uint64_t count) {
    base::Bytes bytes(count * 4, 0);
    for (std::uint64_t i = 0; i < count; ++i) bytes[i * 4] = static_cast<std::uint8_t>(token_at(i));
    return bytes;
}

market::JobSpec reference_spec(ReferenceSize size, const base::Bytes& tokens) {
    const bool large = size == ReferenceSize::speed;
    market::TokenData data;
    data.blob = base::blob_root(tokens);
    data.tokens = tokens.size() / 4;
    data.train_tokens = data.tokens * 9 / 10;
    data.vocabulary = kVocabulary;
    data.tokeniser = market::Tokeniser::pretokenised;
    market::GptModel model;
    model.layers = 2;
    model.heads = large ? 4 : 2;
    model.width = large ? 128 : 32;
    model.context = large ? 128 : 32;

    market::JobSpec spec;
    spec.model = model;
    spec.data = data;
    spec.batch = large ? 8 : 2;
    spec.seed = 1;
    spec.optimizer.learning_rate_ppb = 1'000'000;
    spec.optimizer.learning_rate_min_ppb = 100'000;
    spec.optimizer.warmup_steps = 1;
    spec.round_steps = 1000;
    spec.segment_steps = 1000;
    spec.price_ceiling = base::Amount::of(1);
    spec.audit_rate_ppm = 1'000'000;
    return spec;
}

}  // namespace

ReferenceJob::~ReferenceJob() {
    job.reset();
    std::error_code error;
    if (!folder.empty()) std::filesystem::remove_all(folder, error);
}

tl::expected<ReferenceJob, std::string> open_reference_job(const std::filesystem::path& folder,
                                                           ReferenceSize size,
                                                           ExecutorOptions options) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    std::string name = (folder / "check-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        return tl::unexpected("cannot write in " + folder.string());
    ReferenceJob reference;
    reference.folder = name;

    const base::Bytes tokens = token_bytes(40'000);
    const std::filesystem::path blob = reference.folder / "tokens";
    std::ofstream out(blob, std::ios::binary);
    out.write(reinterpret_cast<const char*>(tokens.data()),
              static_cast<std::streamsize>(tokens.size()));
    out.close();
    if (!out) return tl::unexpected("cannot write in " + reference.folder.string());

    auto job = Job::open(reference_spec(size, tokens), blob, options);
    if (!job) return tl::unexpected(job.error());
    reference.job = std::move(*job);
    return reference;
}

}  // namespace assay::runtime
