#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/segment_producer.h"

/// Ways of a worker to make up a segment, with real bits. Everything except the segment itself is
/// the product's own worker.
namespace assay::adversaries {

struct StrategyInfo {
    std::string name;         ///< as in --strategy skips_steps
    std::string what;         ///< one line for people
    bool true_roots = false;  ///< what is committed is right: only what is stored is not
};

const std::vector<StrategyInfo>& strategies();
/// Null when there is none of this name.
std::unique_ptr<runtime::SegmentProducer> make_strategy(const std::string& name);

}  // namespace assay::adversaries
