#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

/// Random histories: short market lives under the real rules, in which every party at every choice
/// picks among honest and dishonest conduct, and some of them belong together. One number decides a
/// history.
namespace assay::sim {

struct HistoryResult {
    std::uint64_t seed = 0;
    std::uint64_t blocks = 0;
    std::vector<std::string> wrong;               ///< what must not be; empty
    std::map<std::string, std::uint64_t> counts;  ///< what happened, by name (incidents.h)
    std::uint64_t digest = 0;  ///< of all of this and of what everybody has at the end
};

struct HistoryOptions {
    std::FILE* out = nullptr;  ///< gets every event and refusal, a line each
    /// The books are compared with the objects in every n-th block that changed something, and in
    /// each that held an incident or an end.
    std::uint32_t books_every = 1;
};

/// Tells one history and checks it: after each block the supply and the books (invariants.h), of
/// every incident what incidents.h says, at the end that the job has ended and every lock is back.
HistoryResult tell_history(std::uint64_t seed, const HistoryOptions& options = {});

}  // namespace assay::sim
