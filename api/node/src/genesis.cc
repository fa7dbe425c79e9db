#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "client/json.h"
#include "client/key_file.h"
#include "commands.h"
#include "data_dir.h"

namespace assay::node {
namespace {

int fail(const std::string& text) {
    std::fprintf(stderr, "assayd: %s\n", text.c_str());
    return 1;
}

tl::expected<client::KeyFileInfo, std::string> public_keys(const std::filesystem::path& file) {
    const auto info = client::inspect_key_file(file);
    if (!info)
        return tl::unexpected(file.string() + ": " +
                              std::string(client::key_file_error_text(info.error())));
    return *info;
}

/// One --party text as an account of the genesis JSON, so that its values are checked in one place.
tl::expected<client::Json, std::string> party_json(const std::string& text) {
    std::istringstream fields(text);
    std::string field;
    std::getline(fields, field, ',');
    const auto keys = public_keys(field);
    if (!keys) return tl::unexpected(keys.error());
    client::Json account{{"cold", keys->first_key().hex()},
                         {"hot", keys->hot.hex()},
                         {"vrf", keys->vrf ? keys->vrf->hex() : keys->hot.hex()}};
    std::string flops = "1000000000";
    bool validates = false;
    while (std::getline(fields, field, ',')) {
        const std::size_t equals = field.find('=');
        const std::string name = field.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : field.substr(equals + 1);
        if (value.empty() || value.size() > 19 ||
            value.find_first_not_of("0123456789") != std::string::npos)
            return tl::unexpected("--party: '" + field + "' is not name=number");
        if (name == "balance")
            account["balance"] = value;
        else if (name == "worker")
            account["worker_stake"] = value;
        else if (name == "validator")
            account["validator_stake"] = value, validates = true;
        else if (name == "flops")
            flops = value;
        else
            return tl::unexpected("--party: '" + name +
                                  "' is none of balance, worker, validator, flops");
    }
    if (validates) account["validator"] = {{"flops_per_second", flops}};
    return account;
}

}  // namespace

tl::expected<std::string, std::string> read_text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return tl::unexpected("cannot read " + file.string());
    return std::string(std::istreambuf_iterator<char>(in), {});
}

int make_genesis(const GenesisOptions& options) {
    const auto operator_keys = public_keys(options.operator_key);
    if (!operator_keys) return fail(operator_keys.error());
    market::Parameters defaults = options.demo ? market::demo_parameters() : market::Parameters();
    if (!options.parameters.empty()) {
        const auto text = read_text(options.parameters);
        if (!text) return fail(text.error());
        const auto json = client::parse_json(*text);
        if (!json) return fail(options.parameters.string() + " " + json.error());
        const auto read = client::parameters_from_json(*json, defaults);
        if (!read) return fail(client::spec_error_text(read.error()));
        defaults = *read;
    }
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    client::Json json{{"chain_name", options.chain_name},
                      {"time_ms", std::to_string(now)},
                      {"operator_key", operator_keys->hot.hex()},
                      {"accounts", client::Json::array()},
                      {"parameters", client::parameters_to_json(defaults)}};
    for (const std::string& party : options.parties) {
        auto account = party_json(party);
        if (!account) return fail(account.error());
        json["accounts"].push_back(std::move(*account));
    }
    const auto genesis = client::genesis_from_json(json);
    if (!genesis)
        return fail("the genesis is refused: " + client::spec_error_text(genesis.error()));
    std::ofstream out(options.out, std::ios::binary | std::ios::trunc);
    out << client::genesis_to_json(*genesis).dump(2) << "\n";
    if (!out.flush()) return fail("cannot write " + options.out.string());
    std::printf("chain %s\n", market::chain_id(*genesis).hex().c_str());
    return 0;
}

int init(const std::filesystem::path& dir, const std::filesystem::path& genesis_json) {
    const auto text = read_text(genesis_json);
    if (!text) return fail(text.error());
    const auto json = client::parse_json(*text, kGenesisJsonBytesMax);
    if (!json) return fail(genesis_json.string() + " " + json.error());
    const auto genesis = client::genesis_from_json(*json);
    if (!genesis)
        return fail("the genesis is refused: " + client::spec_error_text(genesis.error()));
    const base::Bytes bytes = market::encode_genesis(*genesis);
    const auto there = read_text(dir / kGenesisFile);
    if (there && base::Bytes(there->begin(), there->end()) != bytes)
        return fail(dir.string() + " holds another chain already");
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    std::ofstream out(dir / kGenesisFile, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    if (error || !out.flush()) return fail("cannot write " + (dir / kGenesisFile).string());
    std::printf("chain %s\n", market::chain_id(*genesis).hex().c_str());
    return 0;
}

}  // namespace assay::node
