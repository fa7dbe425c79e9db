#include <bit>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "program/operations.h"
#include "program/program.h"

namespace assay::program {
namespace {

/// Binary constants in hexadecimal, as they are hashed; whole numbers plainly.
std::string text_of(float value) {
    if (value == static_cast<float>(static_cast<int>(value)) && value > -1000.0F &&
        value < 1000.0F && std::bit_cast<std::uint32_t>(value) != 0x80000000U) {
        return std::to_string(static_cast<int>(value));
    }
    if (value - value != 0.0F) return value > 0.0F ? "inf" : (value < 0.0F ? "-inf" : "nan");
    char buffer[64];
    const float magnitude = value < 0.0F ? -value : value;
    const auto end =
        std::to_chars(buffer, buffer + sizeof buffer, magnitude, std::chars_format::hex).ptr;
    return std::string(value < 0.0F ? "-0x" : "0x") + std::string(buffer, end);
}

std::string text_of(const Band& band, const char* left) {
    std::string text;
    if (band.lo) text += std::string(left) + " >= row + " + std::to_string(*band.lo);
    if (band.hi)
        text +=
            std::string(text.empty() ? "" : ", ") + left + " <= row + " + std::to_string(*band.hi);
    return text;
}

class Describer {
  public:
    explicit Describer(const Program& program) : program_(program) {}

    std::string run() {
        for (int part = 1; part <= static_cast<int>(kParts); ++part)
            describe_part(static_cast<Part>(part));
        return std::move(text_);
    }

  private:
    void describe_part(Part part) {
        const auto [first, last] = program_.range(part);
        if (first == last) return;
        text_ += "### " + std::string(base::to_word(part)) + "\n\n```\n";
        for (std::uint32_t i = first; i < last; ++i) {
            for (const Group& group : program_.groups) {
                if (group.first == i) text_ += group.name + ":\n";
            }
            text_ += line_of(i);
            for (const Group& group : program_.groups) {
                if (group.last == i + 1 && i + 1 < last) text_ += "\n";
            }
        }
        text_ += "```\n\n";
    }

    std::string line_of(std::uint32_t index) const {
        const Instruction& instruction = program_.instructions[index];
        const Tensor& out = program_.tensors[instruction.out.tensor];
        std::string line =
            "  " + std::to_string(index) + "  " + out.name + shape_of(instruction.out);
        line += instruction.kind == Kind::scatter_add || is_running(instruction) ? " += " : " = ";
        line += right_side(instruction);
        if (instruction.items > 1) {
            line += "   items " + std::to_string(instruction.items);
        }
        return line + "\n";
    }

    static bool is_running(const Instruction& instruction) {
        return instruction.kind == Kind::matmul && instruction.start == MatmulStart::continues &&
               instruction.in.size() == 2;
    }

    std::string shape_of(const View& view) const {
        const Tensor& tensor = program_.tensors[view.tensor];
        std::string text = " [" + std::to_string(view.rows) + "x" + std::to_string(view.cols);
        if (tensor.dtype != DType::f32) text += " " + std::string(base::to_word(tensor.dtype));
        return text + "]";
    }

    std::string text_of_view(const View& view) const {
        const Tensor& tensor = program_.tensors[view.tensor];
        std::string text = tensor.name;
        if (view.row_from_step) text += "[step, " + std::to_string(view.col) + "]";
        if (view.item_row_stride != 0) text += "[rows of item]";
        if (view.item_col_stride != 0) text += "[columns of item]";
        if (view.transposed) text += "'";
        return text;
    }

    std::string right_side(const Instruction& instruction) const {
        switch (instruction.kind) {
            case Kind::load:
                return load_text(instruction);
            case Kind::random:
                return random_text(instruction);
            case Kind::gather:
                return "gather(" + operands_text(instruction) + ")";
            case Kind::scatter_add:
                return "scatter(" + operands_text(instruction) + ")";
            case Kind::map:
                return map_text(instruction);
            case Kind::reduce:
                return std::string(base::to_word(instruction.reduce)) + "(" +
                       operands_text(instruction) + ")";
            case Kind::matmul:
                return matmul_text(instruction);
        }
        return "";
    }

    static std::string load_text(const Instruction& instruction) {
        switch (instruction.source) {
            case LoadSource::tokens:
                return "load tokens, row offset " + std::to_string(instruction.row_offset);
            case LoadSource::table_features:
                return "load features";
            case LoadSource::table_labels:
                return "load labels";
            case LoadSource::payload:
                return "load payload";
            case LoadSource::member_count:
                return "load member count";
        }
        return "";
    }

    static std::string random_text(const Instruction& instruction) {
        const std::string stream = ", stream " + std::to_string(instruction.stream);
        switch (instruction.distribution) {
            case Distribution::uniform:
                return "random uniform" + stream;
            case Distribution::normal:
                return "random normal" + stream;
            case Distribution::mask:
                return "random mask, keep " + std::to_string(instruction.keep_ppb) + " ppb" +
                       stream;
        }
        return "";
    }

    std::string operands_text(const Instruction& instruction) const {
        std::string text;
        for (const View& view : instruction.in)
            text += (text.empty() ? "" : ", ") + text_of_view(view);
        return text;
    }

    std::string matmul_text(const Instruction& instruction) const {
        std::string text =
            "matmul " + text_of_view(instruction.in[0]) + " " + text_of_view(instruction.in[1]);
        if (instruction.in.size() > 2) {
            text += (instruction.start == MatmulStart::bias ? " + " : " continuing ") +
                    text_of_view(instruction.in[2]);
        }
        if (!instruction.k_band.open()) text += "   k band " + text_of(instruction.k_band, "k");
        if (!instruction.out_band.open())
            text += "   output band " + text_of(instruction.out_band, "col");
        return text;
    }

    /// Infix, every node parenthesised where it is an argument; nodes used more than once are named
    /// before.
    std::string map_text(const Instruction& instruction) const {
        const Expression& nodes = instruction.expression;
        std::vector<int> uses(nodes.size());
        for (const Node& node : nodes) {
            const std::uint32_t arguments[] = {node.a, node.b, node.c};
            for (int i = 0; i < arguments_of(node.op); ++i) ++uses[arguments[i]];
        }
        std::vector<std::string> texts(nodes.size());
        std::string named;
        int next = 1;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            texts[i] = node_text(instruction, nodes[i], texts);
            const bool result = i + 1 == nodes.size();
            if (arguments_of(nodes[i].op) == 0 || result) continue;
            if (uses[i] > 1) {
                const std::string name = std::string("t").append(std::to_string(next++));
                named += name + " = " + texts[i] + " ; ";
                texts[i] = name;
            } else if (is_infix(nodes[i].op)) {
                texts[i] = std::string("(").append(texts[i]).append(")");
            }
        }
        return named + texts.back();
    }

    static bool is_infix(Op op) {
        const std::string_view symbol = facts_of(op).symbol;
        return arguments_of(op) == 2 && symbol.find_first_not_of("+-*/=<") == symbol.npos;
    }

    std::string node_text(const Instruction& instruction, const Node& node,
                          const std::vector<std::string>& texts) const {
        if (node.op == Op::operand) return text_of_view(instruction.in[node.a]);
        if (node.op == Op::constant_f32) return text_of(std::bit_cast<float>(node.bits));
        if (node.op == Op::constant_i32)
            return std::to_string(std::bit_cast<std::int32_t>(node.bits)) + "i";
        const std::string symbol(facts_of(node.op).symbol);
        if (arguments_of(node.op) == 0) return symbol;
        if (is_infix(node.op)) return texts[node.a] + " " + symbol + " " + texts[node.b];
        std::string text = symbol + "(" + texts[node.a];
        if (arguments_of(node.op) > 1) text += ", " + texts[node.b];
        if (arguments_of(node.op) > 2) text += ", " + texts[node.c];
        return text + ")";
    }

    const Program& program_;
    std::string text_;
};

}  // namespace

std::string describe(const Program& program) { return Describer(program).run(); }

}  // namespace assay::program
