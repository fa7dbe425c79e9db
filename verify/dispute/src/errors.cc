#include "dispute/errors.h"

namespace assay::dispute {

std::string_view name_of(OpeningError error) {
    switch (error) {
        case OpeningError::too_large:
            return "too_large";
        case OpeningError::malformed:
            return "malformed";
        case OpeningError::no_such_claim:
            return "no_such_claim";
        case OpeningError::wrong_record:
            return "wrong_record";
        case OpeningError::bad_record:
            return "bad_record";
        case OpeningError::unjudgeable:
            return "unjudgeable";
        case OpeningError::wrong_tensors:
            return "wrong_tensors";
        case OpeningError::wrong_origin:
            return "wrong_origin";
        case OpeningError::wrong_root:
            return "wrong_root";
        case OpeningError::wrong_tile:
            return "wrong_tile";
        case OpeningError::missing_tile:
            return "missing_tile";
        case OpeningError::wrong_data:
            return "wrong_data";
        case OpeningError::wrong_state:
            return "wrong_state";
        case OpeningError::unneeded:
            return "unneeded";
    }
    return "unknown";
}

}  // namespace assay::dispute
