#pragma once

#include <string_view>

namespace assay::server {

/// api/openapi/openapi.json, compiled in.
std::string_view openapi_document();

}  // namespace assay::server
