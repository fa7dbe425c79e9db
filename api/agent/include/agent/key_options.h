#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/ids.h"
#include "client/client.h"
#include "client/key_file.h"

namespace assay::agent {

/// Where the secret keys come from: a key file, and its passphrase from a file, a descriptor or the
/// terminal; never from argv or the environment.
struct KeyOptions {
    std::filesystem::path key_file;
    std::optional<std::filesystem::path> passphrase_file;
    std::optional<int> passphrase_descriptor;
};
tl::expected<client::KeySet, std::string> open_keys(const KeyOptions& options);

/// The account that a person means: by its id in hex when `account` is not empty, else that of the
/// key file, which needs no passphrase.
tl::expected<base::AccountId, std::string> account_meant(const std::string& account,
                                                         const std::filesystem::path& key_file,
                                                         client::Client& node);

}  // namespace assay::agent
