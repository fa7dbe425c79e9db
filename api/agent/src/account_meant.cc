#include "agent/account_meant.h"

namespace assay::agent {

tl::expected<base::AccountId, std::string> account_meant(const std::string& account,
                                                         const std::filesystem::path& key_file,
                                                         client::Client& node) {
    if (!account.empty()) {
        const auto hash = base::hash_from_hex(account);
        if (!hash)
            return tl::unexpected(std::string("--account: 64 lower-case hexadecimal digits"));
        return base::AccountId{*hash};
    }
    if (key_file.empty()) return tl::unexpected(std::string("--account or --key is needed"));
    const auto info = client::inspect_key_file(key_file);
    if (!info)
        return tl::unexpected(key_file.string() + ": " +
                              std::string(client::key_file_error_text(info.error())));
    const auto chain = node.chain();
    if (!chain) return tl::unexpected(chain.error().text());
    return market::account_id(chain->chain_id, info->first_key());
}

}  // namespace assay::agent
