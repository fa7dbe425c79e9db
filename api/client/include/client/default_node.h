#pragma once

#include <string_view>

namespace assay::client {

/// Where every program looks for a node, and where a node listens, when nothing else is said.
inline constexpr std::string_view kDefaultNodeAddress = "127.0.0.1:8420";
inline constexpr std::string_view kDefaultNodeUrl = "http://127.0.0.1:8420";

}  // namespace assay::client
