#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "expression.h"
#include "program/program.h"

namespace assay::program {

/// Collects the instructions of a program. Layers call it; nothing outside the builders sees it.
/// Every method appends one instruction to the current part and returns the tensor it defines.
/// Views name tensors by id; ids are renumbered by first use in `finish`.
class Emitter {
  public:
    Emitter(std::uint64_t seed, std::uint32_t lanes, std::uint32_t rounds,
            std::uint32_t round_steps, std::uint32_t batch, std::uint32_t sequence_rows);

    TensorId tensor(std::string name, TensorClass cls, DType dtype, std::uint32_t rows,
                    std::uint32_t cols);
    TensorId value(std::string name, std::uint32_t rows, std::uint32_t cols,
                   DType dtype = DType::f32);
    TensorId accumulator(std::string name, std::uint32_t rows, std::uint32_t cols,
                         DType dtype = DType::f32);
    [[nodiscard]] Tensor& record(TensorId id) { return program_.tensors.at(id); }
    [[nodiscard]] const Tensor& record(TensorId id) const { return program_.tensors.at(id); }
    void add_table(TensorId tensor, std::vector<float> values);
    void add_constant(TensorId tensor, std::vector<std::uint32_t> bits);

    /// The whole tensor as a view.
    [[nodiscard]] View all(TensorId id) const;
    [[nodiscard]] Term term(TensorId id) const { return Term(all(id)); }

    void part(Part part) { part_ = part; }
    /// Instructions emitted between `begin_group` and `end_group` are one group.
    void begin_group(std::string name);
    void end_group();

    void map(const View& out, const Term& term, std::uint32_t items = 1);
    TensorId map(std::string name, std::uint32_t rows, std::uint32_t cols, const Term& term,
                 DType dtype = DType::f32);
    /// In the shape of `like`.
    TensorId map_like(std::string name, TensorId like, const Term& term);
    void reduce(ReduceOp op, const View& out, std::vector<View> in, std::uint32_t items = 1);
    TensorId reduce(ReduceOp op, std::string name, TensorId x);
    TensorId dot(std::string name, TensorId x, TensorId y);

    struct MatmulOptions {
        MatmulStart start = MatmulStart::zero;
        View third;  ///< bias row or continued tensor; none: continues `out` itself
        std::uint32_t items = 1;
        Band k_band, out_band;
    };
    void matmul(const View& out, const View& a, const View& b, const MatmulOptions& options);
    TensorId matmul(std::string name, const View& a, const View& b);
    /// accumulator += a b
    void accumulate(TensorId accumulator, const View& a, const View& b);

    TensorId load(std::string name, LoadSource source, std::uint32_t cols, DType dtype,
                  std::uint32_t row_offset = 0);
    TensorId load_member_count(std::string name);
    /// Elements outside the items (padding rows) are +0.
    TensorId random(std::string name, Distribution distribution, std::uint32_t rows,
                    std::uint32_t cols, std::uint32_t keep_ppb = 0);
    TensorId random_mask_items(std::string name, std::uint32_t items, std::uint32_t stride,
                               std::uint32_t rows, std::uint32_t cols, std::uint32_t keep_ppb);
    TensorId gather(std::string name, TensorId source, TensorId index);
    void scatter_add(TensorId accumulator, TensorId x, TensorId index);

    void mark_forward_end();
    [[nodiscard]] Program& program() { return program_; }
    /// Sorts by part, renumbers tensors by first use and returns the program. The emitter is spent.
    Program finish();

  private:
    Instruction& append(Kind kind);
    struct Emitted {
        Instruction instruction;
        std::uint32_t group = 0;  ///< 1 + index in group_names_, 0: none
        bool ends_forward = false;
    };
    Program program_;
    Part part_ = Part::init;
    std::vector<Emitted> emitted_;
    std::vector<std::string> group_names_;
    std::uint32_t open_group_ = 0;
    std::uint32_t next_stream_ = 1;  ///< 0 is the stream of the data windows
};

[[nodiscard]] View transposed(View view);
/// The `width` columns of item 0 of a tensor whose items are stacked by columns.
[[nodiscard]] View column_items(View view, std::uint32_t width);
/// The `rows` rows of item 0 of a tensor whose items are stacked by rows, `stride` apart.
[[nodiscard]] View row_items(View view, std::uint32_t rows, std::uint32_t stride);
/// One column of a table, in the row of the step.
[[nodiscard]] View table_column(TensorId table, std::uint32_t column);

}  // namespace assay::program
