#include "agent/key_options.h"

namespace assay::agent {

namespace {

tl::expected<client::Passphrase, std::string> passphrase_of(const KeyOptions& options) {
    if (options.passphrase_descriptor) return client::Passphrase::from_descriptor(*options.passphrase_descriptor);
    if (options.passphrase_file) return client::Passphrase::from_file(*options.passphrase_file);
    return client::Passphrase::from_prompt("Passphrase of " + options.key_file.string() + ": ", false);
}

}  // namespace

tl::expected<client::KeySet, std::string> open_keys(const KeyOptions& options) {
    auto passphrase = passphrase_of(options);
    if (!passphrase) return tl::unexpected(passphrase.error());
    auto keys = client::open_key_file(options.key_file, *passphrase);
    if (!keys) return tl::unexpected(options.key_file.string() + ": " + std::string(client::key_file_error_text(keys.error())));
    return std::move(*keys);
}

}  // namespace assay::agent
