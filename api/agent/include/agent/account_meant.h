#pragma once

#include <filesystem>
#include <string>
#include <tl/expected.hpp>

#include "base/ids.h"
#include "client/client.h"
#include "client/key_file.h"

namespace assay::agent {

/// The account that a person means: by its id in hex when `account` is not empty, else that of the
/// key file, which needs no passphrase.
tl::expected<base::AccountId, std::string> account_meant(const std::string& account,
                                                         const std::filesystem::path& key_file,
                                                         client::Client& node);

}  // namespace assay::agent
