#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "market/job_spec.h"
#include "program/program.h"
#include "program/record.h"
#include "program/rules.h"

namespace assay::program {
namespace {

using Reason = std::optional<std::string>;

/// A set of parts.
class Parts {
  public:
    [[nodiscard]] bool contains(Part part) const { return (bits_ & bit(part)) != 0; }
    [[nodiscard]] bool empty() const { return bits_ == 0; }
    void insert(Part part) { bits_ |= bit(part); }

  private:
    static std::uint32_t bit(Part part) { return 1U << static_cast<std::uint32_t>(part); }
    std::uint32_t bits_ = 0;
};

/// The rules about who may write and read which tensor when. Walks the program once, in order.
class LifeRules {
  public:
    explicit LifeRules(const Program& program)
        : program_(program), writers_(program.tensors.size()) {}

    Reason check(const Instruction& instruction) {
        for (const View& view : instruction.in) {
            if (auto reason = check_read(instruction, view)) return reason;
        }
        return check_write(instruction);
    }

    /// Every state tensor has a writer in init, every value that the program names one writer at
    /// all.
    Reason check_end() const {
        for (TensorId id = 0; id < program_.tensors.size(); ++id) {
            const Tensor& tensor = program_.tensors[id];
            if (tensor.cls == TensorClass::state && !writers_[id].contains(Part::init)) {
                return "state tensor " + tensor.name + " has no writer in init";
            }
        }
        return std::nullopt;
    }

  private:
    Reason check_read(const Instruction& instruction, const View& view) const {
        const Tensor& tensor = program_.tensors[view.tensor];
        const bool own = view.tensor == instruction.out.tensor;
        const bool written_here = writers_[view.tensor].contains(instruction.part);
        switch (tensor.cls) {
            case TensorClass::state:
                if (instruction.part == Part::init && !written_here)
                    return tensor.name + " is read before init wrote it";
                if (own && !(view == instruction.out))
                    return tensor.name + " is rewritten while other elements of it are read";
                return std::nullopt;
            case TensorClass::value:
                if (own) return tensor.name + " is read by its own definition";
                if (!written_here) return tensor.name + " is read before it is defined in its part";
                return std::nullopt;
            case TensorClass::accumulator:
                return check_accumulator_read(instruction, view, own);
            case TensorClass::payload:
                if (instruction.part != Part::merge_lane)
                    return tensor.name + " is read outside merge_lane";
                return std::nullopt;
            case TensorClass::round_start:
                if (instruction.part != Part::payload)
                    return tensor.name + " is read outside payload";
                return std::nullopt;
            case TensorClass::data:
                return tensor.name + " is data, which only loads read";
            case TensorClass::frozen:
            case TensorClass::constant:
            case TensorClass::table:
                return std::nullopt;
        }
        return std::nullopt;
    }

    Reason check_accumulator_read(const Instruction& instruction, const View& view,
                                  bool own) const {
        const Tensor& tensor = program_.tensors[view.tensor];
        if (own) return std::nullopt;  // judged with the write
        const Parts& writers = writers_[view.tensor];
        const bool after_loop =
            (writers.contains(Part::sequence) && instruction.part == Part::update) ||
            (writers.contains(Part::merge_lane) && instruction.part == Part::merge);
        if (!after_loop) return "accumulator " + tensor.name + " is read before its loop has ended";
        return std::nullopt;
    }

    Reason check_write(const Instruction& instruction) {
        const TensorId id = instruction.out.tensor;
        const Tensor& tensor = program_.tensors[id];
        const Part part = instruction.part;
        Parts& writers = writers_[id];
        if (writers.contains(part)) return tensor.name + " has two writers in one part";
        switch (tensor.cls) {
            case TensorClass::state:
                if (part != Part::init && part != Part::update && part != Part::merge) {
                    return "state tensor " + tensor.name +
                           " is written outside init, update and merge";
                }
                if (instruction.kind != Kind::map)
                    return "state tensor " + tensor.name + " is not written by a map";
                break;
            case TensorClass::value:
                if (!writers.empty()) return tensor.name + " is defined in two parts";
                break;
            case TensorClass::accumulator:
                if (!writers.empty())
                    return "accumulator " + tensor.name + " has two contributing instructions";
                if (part != Part::sequence && part != Part::merge_lane) {
                    return "accumulator " + tensor.name + " is written outside a loop";
                }
                if (!is_contribution(instruction))
                    return "accumulator " + tensor.name +
                           " is written by something else than a contribution";
                break;
            case TensorClass::payload:
                if (part != Part::payload) return tensor.name + " is written outside payload";
                if (instruction.kind != Kind::map) return tensor.name + " is not written by a map";
                break;
            case TensorClass::frozen:
            case TensorClass::constant:
            case TensorClass::table:
            case TensorClass::data:
            case TensorClass::round_start:
                return tensor.name + " is read-only";
        }
        writers.insert(part);
        return std::nullopt;
    }

    /// A matmul or scatter_add into the accumulator itself, or the map acc + x.
    static bool is_contribution(const Instruction& instruction) {
        if (instruction.kind == Kind::scatter_add) return true;
        if (instruction.kind == Kind::matmul)
            return instruction.start == MatmulStart::continues && instruction.in.size() == 2;
        if (instruction.kind != Kind::map || instruction.in.size() != 2) return false;
        const Expression sum = {
            {Op::operand, 0, 0, 0, 0}, {Op::operand, 1, 0, 0, 0}, {Op::add, 0, 1, 0, 0}};
        return instruction.expression == sum && instruction.in[0] == instruction.out;
    }

    const Program& program_;
    std::vector<Parts> writers_;
};

Reason check_scalar(const Program& program, TensorId id, TensorClass cls, DType dtype,
                    const char* what) {
    if (id >= program.tensors.size()) return std::string("there is no ") + what;
    const Tensor& tensor = program.tensors[id];
    if (tensor.cls != cls || tensor.dtype != dtype || tensor.rows != 1 || tensor.cols != 1) {
        return std::string(what) + " has the wrong class, type or shape";
    }
    return std::nullopt;
}

Reason check_tensors(const Program& program) {
    std::set<std::string_view> names;
    for (const Tensor& tensor : program.tensors) {
        if (tensor.name.empty() || !names.insert(tensor.name).second)
            return "tensor name '" + tensor.name + "' is empty or used twice";
        if (tensor.rows == 0 || tensor.cols == 0) return tensor.name + " has no elements";
        if (std::uint64_t{tensor.rows} * tensor.cols >= (std::uint64_t{1} << 31U))
            return tensor.name + " has 2^31 elements or more";
        if (size_of(tensor.dtype) == 0) return tensor.name + " has an unknown type";
        if (tensor.cls == TensorClass::table && tensor.dtype != DType::f32)
            return "table " + tensor.name + " is not f32";
        if (tensor_record(tensor).size() > kRecordBytesMax)
            return "the record of " + tensor.name + " is longer than 1 KiB";
        const bool belongs =
            tensor.cls == TensorClass::round_start || tensor.cls == TensorClass::payload;
        if (belongs != (tensor.start_of != kNoTensor))
            return tensor.name + " names, or does not name, a state tensor";
        if (!belongs) continue;
        if (tensor.start_of >= program.tensors.size()) return tensor.name + " belongs to no tensor";
        const Tensor& state = program.tensors[tensor.start_of];
        if (state.cls != TensorClass::state || state.rows != tensor.rows ||
            state.cols != tensor.cols) {
            return tensor.name + " does not have the shape of a state tensor";
        }
    }
    return std::nullopt;
}

/// Every table and constant has its elements, once.
Reason check_contents(const Program& program) {
    std::set<TensorId> filled;
    const auto fill = [&](TensorId id, TensorClass cls, std::size_t elements) -> Reason {
        if (id >= program.tensors.size() || program.tensors[id].cls != cls)
            return "contents of a tensor that is no table or constant";
        const Tensor& tensor = program.tensors[id];
        if (elements != std::size_t{tensor.rows} * tensor.cols)
            return "contents of " + tensor.name + " have the wrong size";
        if (size_of(tensor.dtype) != 4) return tensor.name + " is of a storage type";
        if (!filled.insert(id).second) return tensor.name + " has contents twice";
        return std::nullopt;
    };
    for (const Table& table : program.tables) {
        if (auto reason = fill(table.tensor, TensorClass::table, table.values.size()))
            return reason;
    }
    for (const Constant& constant : program.constants) {
        if (auto reason = fill(constant.tensor, TensorClass::constant, constant.bits.size()))
            return reason;
    }
    for (TensorId id = 0; id < program.tensors.size(); ++id) {
        const TensorClass cls = program.tensors[id].cls;
        if ((cls == TensorClass::table || cls == TensorClass::constant) && !filled.contains(id)) {
            return program.tensors[id].name + " has no contents";
        }
    }
    return std::nullopt;
}

Reason check_groups(const Program& program) {
    std::uint32_t last = 0;
    for (const Group& group : program.groups) {
        if (group.first < last || group.first >= group.last ||
            group.last > program.instructions.size()) {
            return "group " + group.name +
                   " is empty, overlaps another or lies outside the program";
        }
        if (program.instructions[group.first].part != program.instructions[group.last - 1].part) {
            return "group " + group.name + " crosses parts";
        }
        last = group.last;
    }
    return std::nullopt;
}

Reason check_frame(const Program& program) {
    if (!market::builder_knows(program.builder_version)) return "unknown builder version";
    if (program.profile != "f32") return "unknown profile";
    if (program.lanes == 0 || program.rounds == 0 || program.round_steps == 0 ||
        program.batch == 0 || program.sequence_rows == 0) {
        return "a count of the header is 0";
    }
    if (auto reason = check_scalar(program, program.loss, TensorClass::state, DType::f32, "loss"))
        return reason;
    if (auto reason = check_scalar(program, program.norm, TensorClass::state, DType::f32, "norm"))
        return reason;
    if (auto reason = check_scalar(program, program.fault, TensorClass::state, DType::i32, "fault"))
        return reason;
    if (auto reason = check_scalar(program, program.loss_accumulator, TensorClass::accumulator,
                                   DType::f32, "loss accumulator")) {
        return reason;
    }
    const auto [first, last] = program.range(Part::sequence);
    if (program.forward_end <= first || program.forward_end > last)
        return "the forward pass does not end within the sequence part";
    return std::nullopt;
}

}  // namespace

std::optional<std::string> check_program(const Program& program) {
    if (auto reason = check_tensors(program)) return reason;
    if (auto reason = check_contents(program)) return reason;
    LifeRules life(program);
    std::set<std::uint32_t> streams = {0};
    Part part = Part::init;
    for (std::size_t i = 0; i < program.instructions.size(); ++i) {
        const Instruction& instruction = program.instructions[i];
        const std::string where = "instruction " + std::to_string(i) + ": ";
        if (instruction.part < part) return where + "parts are out of order";
        part = instruction.part;
        if (auto reason = check_instruction(program, instruction)) return where + *reason;
        if (auto reason = life.check(instruction)) return where + *reason;
        if (instruction.kind == Kind::random && !streams.insert(instruction.stream).second)
            return where + "a random stream is used twice";
        if (tiles_opened(program, instruction) > kTilesOpenedMax)
            return where + "a cell opens more than 11 tiles";
        if (instruction_record(instruction).size() > kRecordBytesMax)
            return where + "the record is longer than 1 KiB";
    }
    if (auto reason = life.check_end()) return reason;
    if (auto reason = check_frame(program)) return reason;
    return check_groups(program);
}

}  // namespace assay::program
