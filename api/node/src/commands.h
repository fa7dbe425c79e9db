#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "client/default_node.h"
#include "client/key_file.h"

/// The subcommands of assayd. Each returns the process's exit code: 0 done, 1 refused or failed, 2
/// wrong usage (CLI11's own).
namespace assay::node {

struct GenesisOptions {
    std::filesystem::path operator_key, out;
    std::string chain_name = "assay-demo";
    bool demo = false;
    std::filesystem::path parameters;  ///< JSON, over the defaults
    /// KEYFILE[,balance=N][,worker=N][,validator=N][,flops=N]
    std::vector<std::string> parties;
};
int make_genesis(const GenesisOptions& options);

int init(const std::filesystem::path& dir, const std::filesystem::path& genesis_json);

struct RunOptions {
    std::filesystem::path dir, port_file;
    std::string listen{client::kDefaultNodeAddress};
    std::vector<std::string> host_names;
    client::KeySource key;
    unsigned threads = 1;
    std::uint64_t job_memory_mib = 4096;
    std::uint64_t drain_ms = 10'000;
    std::uint64_t disk_reserve_mib = 512;
    bool keep_checkpoints = false;
    client::KeySource answer_key;  ///< pays for answers to questions; none: the operator's
};
int run(const RunOptions& options);

int verify(const std::filesystem::path& dir);

}  // namespace assay::node
