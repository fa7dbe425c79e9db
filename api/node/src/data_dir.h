#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

/// Names inside a node's data directory.
namespace assay::node {

inline constexpr const char* kGenesisFile = "genesis.bin";  ///< market::encode_genesis
inline constexpr const char* kLedgerFolder = "ledger";
inline constexpr const char* kBlobFolder = "store";
inline constexpr std::size_t kGenesisJsonBytesMax = std::size_t{64} << 20U;

tl::expected<std::string, std::string> read_text(const std::filesystem::path& file);

}  // namespace assay::node
