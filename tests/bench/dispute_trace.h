#pragma once

namespace assay::dispute {

/// `dispute_bench trace ...`: what traces of one step cost. 0, or 2 where the arguments are wrong.
int run_trace(int argc, char** argv);

}  // namespace assay::dispute
