#include "games/conduct.h"

namespace assay::games {

std::unique_ptr<dispute::Replayer> Honest::replayer(runtime::Job& job,
                                                    const runtime::ExecutorOptions& options) {
    return std::make_unique<dispute::JobReplayer>(job, options);
}

}  // namespace assay::games
