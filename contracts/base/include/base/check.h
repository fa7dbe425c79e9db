#pragma once

namespace assay::base {

/// Prints the failed condition with its place and aborts. Never returns.
[[noreturn]] void fail_check(const char* condition, const char* file, int line);

}  // namespace assay::base

/// A condition that only a bug in this program can make false. On in every build; never used on
/// outside input.
#define ASSAY_CHECK(condition) \
    ((condition) ? static_cast<void>(0) : ::assay::base::fail_check(#condition, __FILE__, __LINE__))
