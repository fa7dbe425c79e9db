#include "fixtures.h"

#include <stdlib.h>

#include <fstream>
#include <iterator>

#include "base/check.h"
#include "base/chunk_tree.h"
#include "program/builder.h"

namespace assay::commit {

TemporaryFolder::TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "assay-test-XXXXXX").string();
    ASSAY_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::map<std::string, std::string> golden_of(const std::string& document) {
    std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/docs/formats/" + document);
    std::map<std::string, std::string> values;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("```")) {
            inside = line == "```golden";
        } else if (inside) {
            const auto space = line.find(' ');
            values[line.substr(0, space)] = line.substr(space + 1);
        }
    }
    return values;
}

market::JobSpec small_gpt(bool bias) {
    market::JobSpec spec;
    spec.model = market::GptModel{2, 2, 32, 16, bias, market::Activation::gelu_tanh, 100'000'000};
    market::TokenData data;
    data.tokens = 2'000;
    data.train_tokens = 1'800;
    data.vocabulary = 24;
    for (std::uint32_t i = 0; i < 24; ++i) data.characters.push_back('a' + i);
    spec.data = data;
    spec.batch = 3;
    spec.seed = 7;
    spec.optimizer.learning_rate_ppb = 3'000'000;
    spec.optimizer.learning_rate_min_ppb = 300'000;
    spec.optimizer.warmup_steps = 2;
    spec.lanes = 2;
    spec.rounds = 3;
    spec.round_steps = 4;
    spec.segment_steps = 2;
    spec.part_segments = 2;
    spec.price_ceiling = base::Amount::of(1'000);
    spec.audit_rate_ppm = 450'000;
    return spec;
}

market::JobSpec small_mlp() {
    market::JobSpec spec = small_gpt();
    spec.model = market::MlpModel{{8, 6}, market::Activation::relu, 4, 0};
    spec.data = market::TableData{{}, 40, 30, 5, 3};
    spec.lanes = 1;
    spec.rounds = 1;
    spec.min_lanes = 1;
    return spec;
}

program::Program program_of(const market::JobSpec& spec) {
    auto program = program::build_program(spec);
    ASSAY_CHECK(program.has_value());
    return std::move(*program);
}

base::Bytes read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return base::Bytes(std::istreambuf_iterator<char>(in), {});
}

void write_file(const std::filesystem::path& file, base::ByteView bytes) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
}

void add_text(market::JobSpec& spec, const std::filesystem::path& blob, std::uint64_t tokens) {
    auto& data = std::get<market::TokenData>(spec.data);
    base::Bytes bytes;
    std::uint32_t previous = 0;
    for (std::uint64_t i = 0; i < tokens; ++i) {
        previous = (previous * 5 + static_cast<std::uint32_t>(i % 7)) % data.vocabulary;
        for (unsigned shift = 0; shift < 32; shift += 8)
            bytes.push_back(static_cast<std::uint8_t>(previous >> shift));
    }
    write_file(blob, bytes);
    data.tokens = tokens;
    data.train_tokens = tokens - tokens / 10;
    data.blob = base::blob_root(bytes);
}

}  // namespace assay::commit
