#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "program/program.h"

/// Maps compiled as a whole: expressions that jobs use stand in a list (src/map_shapes.h), and each
/// table of kernels holds straight-line vector code for every one of them. What is not in the list
/// runs node by node (exact/kernels.h), with the same bits.
namespace assay::exact {

/// The structure of a map's expression: constants are arguments of a call, not part of the shape.
struct ShapeNode {
    program::Op op = program::Op::operand;
    std::uint8_t a = 0, b = 0, c = 0;
};
struct MapShape {
    std::uint8_t count = 0;     ///< nodes
    std::uint8_t columns = 0;   ///< bit i: operand i has one column where the result has several
    std::uint8_t integers = 0;  ///< bit i: operand i is i32, else f32
    std::array<ShapeNode, program::kNodesMax> nodes{};
};

/// Rows of one map. Addresses are those of the first row's first element.
struct MapCall {
    std::array<const float*, program::kOperandsMax> in{};
    std::array<std::size_t, program::kOperandsMax>
        stride{};                          ///< to the next row; 0: one row for all
    std::span<const program::Node> nodes;  ///< where constants stand
    float* out = nullptr;  ///< may be an operand's address, if its rows and columns are the same
    std::size_t out_stride = 0;
    std::size_t rows = 0, cols = 0;
    std::uint32_t first_row = 0;  ///< row index of the first row
};
using MapFunction = void (*)(const MapCall& call);

/// Index into Kernels::maps, if the expression is in the list.
std::optional<std::size_t> find_map_shape(std::span<const program::Node> nodes,
                                          std::uint8_t columns, std::uint8_t integers);

}  // namespace assay::exact
