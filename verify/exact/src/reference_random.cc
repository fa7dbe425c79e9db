#include <bit>

#include "base/hash.h"
#include "exact/math.h"
#include "exact/philox.h"
#include "reference_access.h"

namespace assay::exact {

using program::Distribution;
using program::Instruction;
using program::LoadSource;

PhiloxKey philox_key(std::uint64_t seed, std::uint32_t stream, std::uint32_t lane) {
    const base::Hash digest =
        base::Hasher("assay.rng").add_u64(seed).add_u32(stream).add_u32(lane).finish();
    const std::uint64_t words = base::first_u64(digest);
    return {static_cast<std::uint32_t>(words), static_cast<std::uint32_t>(words >> 32U)};
}

std::array<float, 2> normal_pair(std::uint32_t word0, std::uint32_t word1) {
    const float u1 = static_cast<float>((word0 >> 8U) + 1U) * 0x1p-24F;
    const float r = sqrt_f32(-2.0F * log_f32(u1));
    const float turns = uniform_of(word1);
    return {r * cos2pi_f32(turns), r * sin2pi_f32(turns)};
}

namespace {

/// The word of one element: Philox words 0 .. 3 serve elements 4j .. 4j + 3.
std::uint32_t word_of(PhiloxKey key, std::uint64_t element, const ReferenceContext& context) {
    return philox_quad(key, element / 4, context.sequence, context.global_step)[element % 4];
}

float normal_of(PhiloxKey key, std::uint64_t element, const ReferenceContext& context) {
    const PhiloxWords words = philox_quad(key, element / 4, context.sequence, context.global_step);
    const std::size_t first = (element % 4) < 2 ? 0 : 2;
    return normal_pair(words[first], words[first + 1])[element % 2];
}

std::uint64_t word_pair(const PhiloxWords& words) {
    return words[0] + (std::uint64_t{words[1]} << 32U);
}

}  // namespace

void reference_random(const program::Program& program, const Instruction& instruction,
                      const ReferenceContext& context, const Region& region) {
    const PhiloxKey key = philox_key(program.seed, instruction.stream, context.lane);
    const ItemView out(instruction.out, region.item, context);
    for (std::uint32_t row = region.row_begin; row < region.row_end; ++row) {
        for (std::uint32_t col = region.col_begin; col < region.col_end; ++col) {
            const std::uint64_t element = out.index(row, col);
            switch (instruction.distribution) {
                case Distribution::uniform:
                    out.put_f32(row, col, uniform_of(word_of(key, element, context)));
                    break;
                case Distribution::normal:
                    out.put_f32(row, col, normal_of(key, element, context));
                    break;
                case Distribution::mask:
                    out.put_i32(
                        row, col,
                        word_of(key, element, context) < keep_threshold(instruction.keep_ppb) ? 1
                                                                                              : 0);
                    break;
            }
        }
    }
}

std::uint64_t window_start(const program::Program& program, std::uint32_t stream,
                           const ReferenceContext& context) {
    if (context.window_start) return *context.window_start;
    ASSAY_CHECK(context.dataset.train_count > program.sequence_rows);
    const PhiloxKey key = philox_key(program.seed, stream, context.lane);
    const std::uint64_t word =
        word_pair(philox_quad(key, 0, context.sequence, context.global_step));
    return base::scale_u64(word, context.dataset.train_count - program.sequence_rows);
}

std::uint64_t drawn_row(const program::Program& program, std::uint32_t stream,
                        const ReferenceContext& context, std::uint32_t row) {
    if (context.window_start) return *context.window_start + row;
    ASSAY_CHECK(context.dataset.train_count > 0);
    const PhiloxKey key = philox_key(program.seed, stream, context.lane);
    return base::scale_u64(word_pair(philox_quad(key, row, context.sequence, context.global_step)),
                           context.dataset.train_count);
}

void reference_load(const program::Program& program, const Instruction& instruction,
                    const ReferenceContext& context) {
    const ItemView out(instruction.out, 0, context);
    const DatasetWords& dataset = context.dataset;
    if (instruction.source == LoadSource::member_count) {
        return out.put_i32(0, 0, static_cast<std::int32_t>(context.members));
    }
    if (instruction.source == LoadSource::tokens) {
        const std::uint64_t start =
            window_start(program, instruction.stream, context) + instruction.row_offset;
        ASSAY_CHECK(start + out.rows() <= dataset.words.size());
        for (std::uint32_t row = 0; row < out.rows(); ++row) {
            out.put_i32(row, 0, static_cast<std::int32_t>(dataset.words[start + row]));
        }
        return;
    }
    const bool labels = instruction.source == LoadSource::table_labels;
    ASSAY_CHECK(labels || instruction.source == LoadSource::table_features);
    for (std::uint32_t row = 0; row < out.rows(); ++row) {
        const std::uint64_t first =
            drawn_row(program, instruction.stream, context, row) * dataset.row_words;
        ASSAY_CHECK(first + dataset.row_words <= dataset.words.size());
        if (labels) {
            out.put_i32(row, 0,
                        to_i32(std::bit_cast<float>(dataset.words[first + dataset.row_words - 1])));
            continue;
        }
        for (std::uint32_t col = 0; col < out.cols(); ++col) {
            out.put_f32(row, col, std::bit_cast<float>(dataset.words[first + col]));
        }
    }
}

}  // namespace assay::exact
