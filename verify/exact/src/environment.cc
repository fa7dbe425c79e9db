#include "exact/environment.h"

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace assay::exact {

namespace {

#if defined(__x86_64__)
// Rounding control (13, 14), flush to zero (15), denormals are zero (6). The default word masks all
// exceptions.
constexpr std::uint32_t kDeciding = 0xe040U, kDefault = 0x1f80U;
std::uint64_t read() { return _mm_getcsr(); }
void write(std::uint64_t word) { _mm_setcsr(static_cast<unsigned>(word)); }
#elif defined(__aarch64__)
// Alternative half precision (26), default NaN (25), flush to zero (24), rounding mode (22, 23),
// flush half precision (19).
constexpr std::uint64_t kDeciding = 0x07c80000U, kDefault = 0U;
std::uint64_t read() {
    std::uint64_t word = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
}
void write(std::uint64_t word) { __asm__ volatile("msr fpcr, %0" : : "r"(word)); }
#else
#error "The floating-point environment of this processor is not known."
#endif

}  // namespace

bool float_environment_is_exact() { return (read() & kDeciding) == 0; }

void make_float_environment_exact() {
    write(kDefault);
    ASSAY_CHECK(float_environment_is_exact());
}

FloatEnvironment::FloatEnvironment() : before_(read()) { make_float_environment_exact(); }

FloatEnvironment::~FloatEnvironment() { write(before_); }

}  // namespace assay::exact
