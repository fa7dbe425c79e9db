#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/chunk_tree.h"
#include "market/job_spec.h"

/// Small specs in which every option of every model family, of the optimizer and of the merge is
/// on and off, with datasets to train on.
namespace assay::reader {

struct OptionJob {
    std::string name;
    market::JobSpec spec;
    std::vector<std::uint32_t> words;  ///< the dataset
};

class OptionJobs {
  public:
    static std::vector<OptionJob> all() {
        OptionJobs jobs;
        for (std::uint32_t i = 0; i < 16; ++i) jobs.add(gpt(i), i);
        for (std::uint32_t i = 0; i < 12; ++i) jobs.add(mlp(i), i);
        jobs.add_edges();
        return std::move(jobs.all_);
    }

  private:
    static OptionJob gpt(std::uint32_t i) {
        OptionJob job;
        market::GptModel model;
        model.layers = 1 + i % 2;
        model.heads = 1 + (i / 2) % 3;
        model.width = model.heads * (3 + i % 4);
        model.context = i == 7 ? 35 : 4 + i % 5;
        model.bias = (i / 4) % 2 == 0;
        model.activation = static_cast<market::Activation>(1 + i % 4);
        model.dropout_ppb = i % 3 == 0 ? 0 : 50'000'000 * (i % 5 + 1);
        job.name = "gpt" + std::to_string(i);
        market::TokenData data;
        data.tokeniser = market::Tokeniser::pretokenised;
        data.tokens = 90;
        data.train_tokens = 80;
        data.vocabulary = i == 5 ? 40 : 5 + i;
        for (std::uint64_t t = 0; t < data.tokens; ++t)
            job.words.push_back(static_cast<std::uint32_t>((t * t * 7 + t * i) % data.vocabulary));
        job.spec.model = model;
        job.spec.data = data;
        return job;
    }

    static OptionJob mlp(std::uint32_t i) {
        OptionJob job;
        market::MlpModel model;
        const std::vector<std::uint32_t> widths[] = {{9, 6}, {5}, {}, {33, 4, 7}};
        model.hidden = widths[(i / 4 + i) % 4];
        model.rows_per_sequence = 3 + i;
        model.activation = static_cast<market::Activation>(1 + i % 4);
        model.dropout_ppb = i % 3 == 1 ? 250'000'000 : 0;
        job.name = "mlp" + std::to_string(i);
        market::TableData data;
        data.rows = 20;
        data.train_rows = 16;
        data.features = 1 + i % 4;
        data.classes = 2 + i % 3;
        for (std::uint32_t row = 0; row < data.rows; ++row) {
            for (std::uint32_t f = 0; f < data.features; ++f)
                job.words.push_back(0x3f000000U + (row * 2654435761U + f * 40503U) % 0xffffffU);
            // Class 0 is written as -0 in every other row.
            const float label = static_cast<float>((row * 3 + i) % data.classes);
            job.words.push_back(
                label == 0.0F && row % 2 == 0 ? 0x80000000U : std::bit_cast<std::uint32_t>(label));
        }
        job.spec.model = model;
        job.spec.data = data;
        return job;
    }

    /// What small jobs do not reach by themselves: more than one block of k, operands that are
    /// flushed, sums of more than two lanes, a step that finds a fault.
    void add_edges() {
        OptionJob wide = mlp(1);
        wide.name = "wide";
        auto& model = std::get<market::MlpModel>(wide.spec.model);
        model.hidden = {300, 2};
        model.rows_per_sequence = 2;
        constexpr std::uint32_t kWords[] = {0x00000001, 0x80000001, 0x1f7fffff, 0x9f800000,
                                            0x3f8ccccd, 0x80000000, 0x34000001, 0x4b800001};
        const std::uint32_t row_words = std::get<market::TableData>(wide.spec.data).features + 1;
        for (std::size_t i = 0; i < wide.words.size(); ++i) {
            if ((i + 1) % row_words != 0) wide.words[i] = kWords[i * 5 % 8];
        }
        add(std::move(wide), 5);
        OptionJob lanes = gpt(2);
        lanes.name = "lanes";
        add(std::move(lanes), 3, 5);
        OptionJob fault = mlp(0);
        fault.name = "fault";
        auto& steep = std::get<market::MlpModel>(fault.spec.model);
        steep.activation = market::Activation::relu;
        steep.hidden = {6, 6, 6, 6, 6};
        add(std::move(fault), 14, 1, 1'000'000'000'000);
    }

    void add(OptionJob job, std::uint32_t i, std::uint32_t lanes = 0, std::uint64_t rate = 0) {
        market::JobSpec& spec = job.spec;
        spec.seed = 0x9e3779b97f4a7c15U * (i + 1);
        spec.batch = 1 + i % 3;
        spec.round_steps = 2 + i % 2;
        spec.segment_steps = 1;
        spec.lanes = lanes != 0 ? lanes : 1 + (i / 3) % 2;
        spec.rounds = i % 4 == 1 ? 1 : 2;
        spec.merge.moments = i % 5 < 2 ? market::MomentRule::reset : market::MomentRule::average;
        spec.merge.outer_learning_rate_ppb = 500'000'000 + 50'000'000 * i;
        spec.merge.outer_momentum_ppb = i % 6 == 0 ? 0 : 900'000'000;
        market::Optimizer& optimizer = spec.optimizer;
        optimizer.learning_rate_ppb = rate != 0 ? rate : 30'000'000;
        optimizer.learning_rate_min_ppb = i % 2 == 0 ? 3'000'000 : 0;
        optimizer.warmup_steps = i % 4 == 3 ? 100 : i % 3;
        optimizer.weight_decay_ppb = i % 7 == 2 ? 0 : 100'000'000;
        optimizer.clip_norm_ppb = i % 4 == 2 ? 0 : 100'000'000 * (i + 1);
        optimizer.beta1_ppb = i == 4 ? 0 : 900'000'000;
        spec.price_ceiling = base::Amount::of(1);
        base::Bytes bytes;
        for (const std::uint32_t word : job.words) {
            for (int shift = 0; shift < 32; shift += 8)
                bytes.push_back(static_cast<std::uint8_t>(word >> shift));
        }
        const base::BlobRoot root = base::blob_root(bytes);
        std::visit([&](auto& data) { data.blob = root; }, spec.data);
        all_.push_back(std::move(job));
    }

    std::vector<OptionJob> all_;
};

}  // namespace assay::reader
