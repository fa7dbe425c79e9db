#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

/// One decoder of bytes that come from outside. `run` must return for every input; it aborts when a
/// decoder breaks its promise (what is accepted is encoded to the same bytes, what claims to be
/// proved is what was proved). Used by fuzz_smoke_test and by libFuzzer.
namespace assay::fuzz {

struct Target {
    std::string_view name;
    std::vector<base::Bytes> (*seeds)();  ///< valid inputs: where mutations begin
    void (*run)(base::ByteView input);
    unsigned rounds = 50'000;  ///< random mutations in the smoke test
};

std::span<const Target> contract_targets();
std::span<const Target> market_targets();
std::span<const Target> file_targets();
std::span<const Target> edge_targets();
std::span<const Target> dispute_targets();

/// All of them.
std::vector<Target> targets();
/// Requires a known name.
const Target& target_of(std::string_view name);

base::Hash filled(std::uint8_t byte);

}  // namespace assay::fuzz
