#include "refusal_status.h"

namespace assay::server {

int status_of(market::Refusal refusal) {
    switch (market::class_of(refusal)) {
        case market::RefusalClass::accepted:
            return 200;
        case market::RefusalClass::bytes:
            return 400;
        case market::RefusalClass::who:
            return 403;
        case market::RefusalClass::what:
            return 404;
        case market::RefusalClass::size:
            return 413;
        case market::RefusalClass::content:
            return 422;
        case market::RefusalClass::state:
            return 409;
    }
    return 500;
}

}  // namespace assay::server
