#include <array>
#include <limits>

#include "exact/math.h"
#include "reference_access.h"

namespace assay::exact {
namespace {

constexpr std::uint32_t kLanes = 32;

/// for s = 16, 8, 4, 2, 1: lane[l] = lane[l] + lane[l + s]
float tree_sum(std::array<float, kLanes> lanes) {
    for (std::uint32_t s = kLanes / 2; s > 0; s /= 2) {
        for (std::uint32_t l = 0; l < s; ++l) lanes[l] = lanes[l] + lanes[l + s];
    }
    return lanes[0];
}

float row_sum(const ItemView& x, std::uint32_t row) {
    std::array<float, kLanes> lanes{};
    for (std::uint32_t col = 0; col < x.cols(); ++col)
        lanes[col % kLanes] = lanes[col % kLanes] + x.f32(row, col);
    return tree_sum(lanes);
}

float row_dot(const ItemView& x, const ItemView& y, std::uint32_t row) {
    std::array<float, kLanes> lanes{};
    for (std::uint32_t col = 0; col < x.cols(); ++col) {
        float& lane = lanes[col % kLanes];
        lane = fma_f32(flush_operand(x.f32(row, col)), flush_operand(y.f32(row, col)), lane);
    }
    return tree_sum(lanes);
}

float row_max(const ItemView& x, std::uint32_t row) {
    float m = -std::numeric_limits<float>::infinity();
    for (std::uint32_t col = 0; col < x.cols(); ++col) {
        const float value = x.f32(row, col);
        m = value > m ? value : m;
    }
    return m + 0.0F;
}

}  // namespace

void reference_reduce(const program::Instruction& instruction, const ReferenceContext& context,
                      const Region& region) {
    const ItemView out(instruction.out, region.item, context),
        x(instruction.in[0], region.item, context);
    for (std::uint32_t row = region.row_begin; row < region.row_end; ++row) {
        switch (instruction.reduce) {
            case program::ReduceOp::sum:
                out.put_f32(row, 0, row_sum(x, row));
                break;
            case program::ReduceOp::dot:
                out.put_f32(row, 0,
                            row_dot(x, ItemView(instruction.in[1], region.item, context), row));
                break;
            case program::ReduceOp::max:
                out.put_f32(row, 0, row_max(x, row));
                break;
        }
    }
}

}  // namespace assay::exact
