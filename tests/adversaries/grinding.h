#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "client/key_file.h"
#include "runtime/segment_producer.h"

/// A worker that makes everything up and chooses, alone and before it commits, what its accomplices
/// among the validators will draw.
namespace assay::adversaries {

/// What the accomplices' draws shall come to in a part.
enum class Wish {
    drawn,     ///< all of them draw every segment
    undrawn,   ///< none of them draws any
    unforced,  ///< none draws the first segment, and somebody a later one
};

struct GrindSettings {
    std::string node_url;
    client::KeySource own;
    std::vector<client::KeySource> accomplices;
    Wish wish = Wish::drawn;
    /// Every segment ends in a root that nobody has a state of; else only a part's last one does,
    /// which is what is tried.
    bool no_states = false;
};

/// Tries end roots of a part's last segment: made up, they are as free as salts. It waits for an
/// epoch that its commitment opens, whose commitments it then knows. For jobs of one lane and one
/// round, whose last segments have no payload.
std::unique_ptr<runtime::SegmentProducer> make_grinder(const GrindSettings& settings);

/// Answers every question about a state that the worker owes with bytes that are none of its tree,
/// until it is told to stop. The rules refuse them.
void answer_with_rubbish(const std::stop_token& stop, const GrindSettings& settings);

}  // namespace assay::adversaries
