#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/ids.h"
#include "market/disputes.h"

namespace assay::replay {

/// Something stored that is needed and cannot be used, and by it who has to answer for it.
struct Need {
    market::StoredTarget target;
    base::BlobRoot blob;
    std::uint64_t bytes = 0;
    /// Whether the blob, in this file, is what was committed to. None: nothing but the blob's
    /// address stands behind it (a dataset).
    std::function<bool(const std::filesystem::path&)> is_right;
};

/// "Not now": what was to be replayed cannot be had, so nothing can be said about it. Never a
/// verdict.
struct Unavailable {
    std::string why;  ///< a sentence for people
    std::optional<Need> need = {};
    bool interrupted = false;  ///< a replay under way was told to stop: no trouble at all
};
template <class T>
using Available = tl::expected<T, Unavailable>;

[[nodiscard]] inline tl::unexpected<Unavailable> unavailable(std::string why,
                                                             std::optional<Need> need = {}) {
    return tl::unexpected(Unavailable{std::move(why), std::move(need)});
}
[[nodiscard]] inline tl::unexpected<Unavailable> interrupted() {
    return tl::unexpected(Unavailable{"interrupted", {}, true});
}

}  // namespace assay::replay
