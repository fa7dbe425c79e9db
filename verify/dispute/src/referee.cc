#include "dispute/referee.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/encoding.h"
#include "base/merkle.h"
#include "dispute/openings.h"
#include "dispute/partial.h"
#include "exact/environment.h"
#include "exact/item_view.h"
#include "opened.h"

namespace assay::dispute {

using program::Instruction;
using program::Kind;
using program::LoadSource;

namespace {

using Error = std::optional<OpeningError>;
using Judged = tl::expected<Verdict, OpeningError>;

Verdict verdict_of(bool equal) { return equal ? Verdict::upheld : Verdict::refuted; }

bool facts_make_sense(const Facts& facts) {
    return facts.round < facts.frame.rounds && facts.step < facts.frame.round_steps &&
           facts.members <= facts.frame.lanes && facts.frame.batch > 0 && facts.row_words > 0 &&
           (facts.stage != Stage::merge || facts.members > 0);
}

/// One judgement, from decoded openings to the verdict.
class Judgement {
  public:
    Judgement(const Facts& facts, const Claim& claim, const Unit& unit, const Openings& openings)
        : claim_(claim),
          facts_(facts),
          opened_(facts, claim, unit, openings),
          openings_(openings),
          context_(context_of(facts.stage, unit, facts.round, facts.lane, facts.step,
                              facts.frame.round_steps, facts.members)) {}

    Judged run() {
        if (const Error error = read_program()) return tl::unexpected(*error);
        auto verdict = judge_claim();
        if (!verdict) return verdict;
        if (const Error error = opened_.check_all_used()) return tl::unexpected(*error);
        return verdict;
    }

  private:
    Error read_program() {
        if (const Error error = opened_.read_instruction(instruction_)) return error;
        if (const Error error = opened_.read_tensors(instruction_)) return error;
        operands_ = operands_of(instruction_);
        std::vector<program::Tensor> tensors = {opened_.tensor(instruction_.out.tensor)};
        for (const program::View& view : operands_) tensors.push_back(opened_.tensor(view.tensor));
        auto local = localise(facts_.frame, instruction_, tensors);
        if (!local) return OpeningError::unjudgeable;
        local_ = std::move(*local);
        const auto place = tile_place(out(), claim_.tile);
        if (!place) return OpeningError::no_such_claim;
        place_ = *place;
        return std::nullopt;
    }

    Judged judge_claim() {
        if (claim_.item == kPaddingItem) return judge_padding();
        const auto cell = cell_of(local_.instruction, out(), claim_.tile, claim_.item);
        if (!cell || claim_.step >= steps_of(local_.instruction, *cell))
            return tl::unexpected(OpeningError::no_such_claim);
        cell_ = *cell;
        if (const Error error = read_operands()) return tl::unexpected(*error);
        if (narrows(local_.instruction.kind) && claim_.step < state_steps(local_.instruction))
            return judge_step();
        if (const Error error = opened_.read_claimed(claimed_)) return tl::unexpected(*error);
        recomputed_ = claimed_;
        memory_[0] = {reinterpret_cast<std::byte*>(recomputed_.data()),
                      out().rows,
                      out().cols,
                      out().dtype,
                      place_.row,
                      place_.col,
                      place_.cols};
        context_.tensors = memory_;
        if (const Error error = recompute()) return tl::unexpected(*error);
        base::copy_canonical_words(words_of(out().dtype), recomputed_.data(), recomputed_.data(),
                                   recomputed_.size());
        return verdict_of(recomputed_ == claimed_);
    }

    /// Elements of the tile that no item covers are +0.
    Judged judge_padding() {
        if (claim_.step != 0) return tl::unexpected(OpeningError::no_such_claim);
        if (const Error error = opened_.read_claimed(claimed_)) return tl::unexpected(*error);
        const std::uint32_t stride = local_.instruction.out.item_row_stride;
        const std::size_t row_bytes = place_.cols * program::size_of(out().dtype);
        bool zero = true;
        for (std::uint32_t i = 0; stride != 0 && i < place_.rows; ++i) {
            if ((place_.row + i) % stride < local_.instruction.out.rows) continue;
            for (std::size_t k = 0; k < row_bytes; ++k)
                zero = zero && claimed_[i * row_bytes + k] == 0;
        }
        return verdict_of(zero);
    }

    /// Windows of everything that the step reads. A gather's index first: it says which row of the
    /// source is read.
    Error read_operands() {
        windows_.resize(operands_.size());
        memory_.resize(operands_.size() + 1);
        for (std::size_t i = 0; i < operands_.size(); ++i) {
            const program::Tensor& tensor = local_.program.tensors[i + 1];
            memory_[i + 1] = {nullptr, tensor.rows, tensor.cols, tensor.dtype};
        }
        memory_[0] = {nullptr, out().rows, out().cols, out().dtype};
        context_.tensors = memory_;
        const bool gather = local_.instruction.kind == Kind::gather;
        std::optional<std::uint32_t> source;
        for (std::size_t n = 0; n < operands_.size(); ++n) {
            const std::size_t i = gather ? operands_.size() - 1 - n : n;
            const auto rect = read_by(local_, i, cell_, claim_.step, context_.table_row, source);
            if (!rect) continue;
            if (const Error error = opened_.read_window(operands_[i].tensor, *rect, windows_[i]))
                return error;
            memory_[i + 1] = windows_[i].memory;
            if (gather && i == 1) {
                source = gathered_row(local_, context_, cell_, claim_.step);
                outside_ = !source.has_value();
            }
        }
        return std::nullopt;
    }

    /// The state before, one step, the leaf of the state after.
    Judged judge_step() {
        const std::uint32_t steps = state_steps(local_.instruction);
        PartialState state;
        if (claim_.step == 0) {
            const program::View* start = local_.operands.size() > 2 ? &local_.operands[2] : nullptr;
            state = start_partial(local_.instruction, start, context_, cell_);
        } else {
            if (const Error error = read_before_step(claim_.step - 1, steps, state))
                return tl::unexpected(*error);
        }
        if (const Error error = opened_.read_after(claim_.step, steps))
            return tl::unexpected(*error);
        advance_partial(local_.instruction, context_, cell_, claim_.step, state);
        const base::Hash leaf =
            base::merkle_leaf(base::MerkleFamily::blake2b, encode_partial(state));
        return verdict_of(leaf == openings_.after->leaf);
    }

    Error read_before_step(std::uint32_t step, std::uint32_t steps, PartialState& state) {
        const std::size_t words =
            partial_words(local_.instruction, out().dtype == program::DType::i32, cell_);
        if (const Error error = opened_.read_before(step, steps, words * sizeof(std::uint32_t)))
            return error;
        state = decode_partial(openings_.before->state);
        return std::nullopt;
    }

    /// Writes one row of a direct kind, or the cell that the last state means, into the tile.
    Error recompute() {
        const exact::Cell row = {cell_.item, cell_.row + claim_.step, cell_.col, 1, cell_.cols};
        switch (local_.instruction.kind) {
            case Kind::load:
                return load_row(row);
            case Kind::gather:
                if (outside_) {
                    zero_row(row);
                    return std::nullopt;
                }
                exact::run_reference_cell(local_.program, local_.instruction, context_, row);
                return std::nullopt;
            case Kind::random:
            case Kind::map:
                exact::run_reference_cell(local_.program, local_.instruction, context_, row);
                return std::nullopt;
            case Kind::scatter_add:
            case Kind::reduce:
            case Kind::matmul:
                break;
        }
        const std::uint32_t steps = state_steps(local_.instruction);
        PartialState state;
        if (const Error error = read_before_step(steps - 1, steps, state)) return error;
        finish_partial(local_.instruction, state, context_, cell_);
        return std::nullopt;
    }

    /// An index outside the source reads +0; no tile of the source is opened then.
    void zero_row(const exact::Cell& row) const {
        const exact::ItemView view(local_.instruction.out, row.item, context_);
        for (std::uint32_t col = row.col; col < row.col + row.cols; ++col) {
            if (view.computing() == program::DType::f32) {
                view.put_f32(row.row, col, 0.0F);
            } else {
                view.put_i32(row.row, col, 0);
            }
        }
    }

    /// Row `row` of a load, as exact's reference_load states it, from at most two dataset leaves.
    Error load_row(const exact::Cell& row) {
        const exact::ItemView view(local_.instruction.out, 0, context_);
        const LoadSource source = local_.instruction.source;
        if (source == LoadSource::member_count) {
            view.put_i32(0, 0, static_cast<std::int32_t>(context_.members));
            return std::nullopt;
        }
        context_.dataset.train_count = facts_.train_count;
        context_.dataset.row_words = facts_.row_words;
        std::uint64_t first = 0;
        std::uint32_t count = 1;
        if (source == LoadSource::tokens) {
            if (facts_.train_count <= facts_.frame.sequence_rows)
                return OpeningError::no_such_claim;
            first = exact::window_start(local_.program, local_.instruction.stream, context_) +
                    local_.instruction.row_offset + row.row;
        } else {
            if (facts_.train_count == 0) return OpeningError::no_such_claim;
            first = exact::drawn_row(local_.program, local_.instruction.stream, context_, row.row) *
                    facts_.row_words;
            if (source == LoadSource::table_labels) {
                first += facts_.row_words - 1;
            } else {
                if (view.cols() >= facts_.row_words) return OpeningError::no_such_claim;
                first += row.col;
                count = row.cols;
            }
        }
        if (first + count > facts_.data_bytes / sizeof(std::uint32_t))
            return OpeningError::no_such_claim;
        std::vector<std::uint32_t> words;
        if (const Error error = opened_.read_words(first, count, words)) return error;
        for (std::uint32_t i = 0; i < count; ++i) {
            const float value = std::bit_cast<float>(words[i]);
            if (source == LoadSource::tokens) {
                view.put_i32(row.row, row.col, std::bit_cast<std::int32_t>(words[i]));
            } else if (source == LoadSource::table_labels) {
                view.put_i32(row.row, row.col, exact::to_i32(value));
            } else {
                view.put_f32(row.row, row.col + i, value);
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] const program::Tensor& out() const { return local_.program.tensors[0]; }

    const Claim& claim_;
    const Facts& facts_;
    Opened opened_;
    const Openings& openings_;
    exact::ReferenceContext context_;
    Instruction instruction_;  // as the program numbers tensors
    std::vector<program::View> operands_;
    Local local_;
    TilePlace place_;  // of the claimed tile
    exact::Cell cell_;
    std::vector<Window> windows_;              // by operand
    std::vector<exact::TensorMemory> memory_;  // the output, then operands
    bool outside_ = false;                     // a gather's index lies outside its source
    base::Bytes claimed_, recomputed_;
};

}  // namespace

Judged judge(const Facts& facts, const Claim& claim, base::ByteView bytes) {
    const exact::FloatEnvironment environment;
    const auto openings = decode_openings(bytes);
    if (!openings) return tl::unexpected(openings.error());
    const auto unit = facts.unit_at(facts.unit);
    if (!facts_make_sense(facts) || !unit) return tl::unexpected(OpeningError::no_such_claim);
    const auto [first, last] = facts.frame.range(unit->part);
    if (claim.instruction < first || claim.instruction >= last)
        return tl::unexpected(OpeningError::no_such_claim);
    return Judgement(facts, claim, *unit, *openings).run();
}

}  // namespace assay::dispute
