#include "exact/math.h"

namespace assay::exact {

const bool kHardwareFma = machine_has_fma();

}  // namespace assay::exact
