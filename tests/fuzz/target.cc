#include "target.h"

#include <algorithm>

#include "base/check.h"

namespace assay::fuzz {

std::vector<Target> targets() {
    std::vector<Target> all;
    for (const auto& some :
         {contract_targets(), market_targets(), file_targets(), edge_targets(), dispute_targets()})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

const Target& target_of(std::string_view name) {
    static const std::vector<Target> all = targets();
    const auto found = std::ranges::find(all, name, &Target::name);
    ASSAY_CHECK(found != all.end());
    return *found;
}

base::Hash filled(std::uint8_t byte) {
    base::Hash hash;
    hash.bytes.fill(byte);
    return hash;
}

}  // namespace assay::fuzz
