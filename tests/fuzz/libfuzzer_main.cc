#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/signature.h"
#include "target.h"

/// Entry of one libFuzzer program; ASSAY_FUZZ_TARGET names the decoder.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const assay::fuzz::Target& target = []() -> const assay::fuzz::Target& {
        ASSAY_CHECK(!assay::base::crypto_self_test().has_value());
        return assay::fuzz::target_of(ASSAY_FUZZ_TARGET);
    }();
    target.run({data, size});
    return 0;
}
