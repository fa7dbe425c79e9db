#pragma once

#include <cstdint>

namespace assay::exact {

/// True when this thread rounds to nearest and keeps subnormals (no FTZ, no DAZ): the only
/// environment in which profile `f32` holds.
bool float_environment_is_exact();

/// Sets that environment on this thread; threads that it starts later inherit it.
void make_float_environment_exact();

/// Sets that environment on this thread for its lifetime and puts back what was there before. Every
/// thread that computes holds one.
class FloatEnvironment {
  public:
    FloatEnvironment();
    ~FloatEnvironment();
    FloatEnvironment(const FloatEnvironment&) = delete;
    FloatEnvironment& operator=(const FloatEnvironment&) = delete;

  private:
    std::uint64_t before_;
};

}  // namespace assay::exact
