#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace assay::base {

void fail_check(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "bug: check failed: %s (%s:%d)\n", condition, file, line);
    std::fflush(stderr);
    std::abort();
}

}  // namespace assay::base
