#pragma once

#include <bit>
#include <string>

#include "program/program.h"

namespace assay::program {

/// The smallest whole program: one weight, one token per sequence. Written out in hex in
/// docs/formats/program.md.
///   init      w = 2 ; loss = 0 ; norm = 0 ; fault = 0
///   sequence  token = load ; x = f32(token) * w ; loss_sum += one x
///   update    loss = loss_sum * 0.5 ; w = fma(-rate, loss, w)
class TinyProgram {
  public:
    static Program make() {
        Program p;
        p.seed = 7;
        p.round_steps = 3;
        p.sequence_rows = 1;
        const TensorId w = add(p, "w", TensorClass::state),
                       loss = add(p, "loss", TensorClass::state),
                       norm = add(p, "norm", TensorClass::state),
                       fault = add(p, "fault", TensorClass::state, DType::i32),
                       token = add(p, "token", TensorClass::value, DType::i32),
                       x = add(p, "x", TensorClass::value),
                       sum = add(p, "loss_sum", TensorClass::accumulator),
                       one = add(p, "one", TensorClass::constant),
                       rate = add(p, "rate", TensorClass::table);
        p.tensors[w].weight = true;
        p.tensors[w].decay = true;
        p.tensors[rate].rows = 3;
        p.tables = {{rate, {0.5F, 0.25F, 0.125F}}};
        p.constants = {{one, {std::bit_cast<std::uint32_t>(1.0F)}}};
        p.loss = loss;
        p.norm = norm;
        p.fault = fault;
        p.loss_accumulator = sum;

        map(p, Part::init, w, {}, {real(2.0F)});
        map(p, Part::init, loss, {}, {real(0.0F)});
        map(p, Part::init, norm, {}, {real(0.0F)});
        map(p, Part::init, fault, {}, {{Op::constant_i32, 0, 0, 0, 0}});
        Instruction load;
        load.kind = Kind::load;
        load.out = all(p, token);
        p.instructions.push_back(load);
        map(p, Part::sequence, x, {all(p, token), all(p, w)},
            {operand(0), {Op::to_f32, 0, 0, 0, 0}, operand(1), {Op::mul, 1, 2, 0, 0}});
        Instruction matmul;
        matmul.kind = Kind::matmul;
        matmul.out = all(p, sum);
        matmul.in = {all(p, one), all(p, x)};
        matmul.start = MatmulStart::continues;
        p.instructions.push_back(matmul);
        p.forward_end = 7;
        map(p, Part::update, loss, {all(p, sum)}, {operand(0), real(0.5F), {Op::mul, 0, 1, 0, 0}});
        View row = all(p, rate);
        row.rows = 1;
        row.row_from_step = true;
        map(p, Part::update, w, {row, all(p, loss), all(p, w)},
            {operand(0), {Op::neg, 0, 0, 0, 0}, operand(1), operand(2), {Op::fma, 1, 2, 3, 0}});
        p.groups = {{"step", 7, 9}};
        return p;
    }

    static View all(const Program& p, TensorId id) {
        View view;
        view.tensor = id;
        view.rows = p.tensors[id].rows;
        view.cols = p.tensors[id].cols;
        return view;
    }
    static Node operand(std::uint32_t index) { return {Op::operand, index, 0, 0, 0}; }
    static Node real(float value) {
        return {Op::constant_f32, 0, 0, 0, std::bit_cast<std::uint32_t>(value)};
    }
    static TensorId add(Program& p, std::string name, TensorClass cls, DType dtype = DType::f32) {
        Tensor tensor;
        tensor.name = std::move(name);
        tensor.cls = cls;
        tensor.dtype = dtype;
        tensor.rows = tensor.cols = 1;
        p.tensors.push_back(tensor);
        return static_cast<TensorId>(p.tensors.size() - 1);
    }
    static void map(Program& p, Part part, TensorId out, std::vector<View> in,
                    Expression expression) {
        Instruction instruction;
        instruction.kind = Kind::map;
        instruction.part = part;
        instruction.out = all(p, out);
        instruction.in = std::move(in);
        instruction.expression = std::move(expression);
        p.instructions.push_back(instruction);
    }
};

}  // namespace assay::program
