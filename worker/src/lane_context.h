#pragma once

#include <functional>

#include "agent/party.h"
#include "agent/questions.h"
#include "client/client.h"
#include "part_record.h"
#include "replay/job_states.h"
#include "runtime/segment_producer.h"
#include "worker/worker.h"

namespace assay::worker {

/// What the parts of one lane's runner share. One thread.
struct LaneContext {
    const WorkerSettings& settings;
    agent::Party& party;
    const PartStore& parts;
    const agent::BlobKeeper& keeper;
    runtime::SegmentProducer& producer;
    runtime::JobCache& cache;
    std::filesystem::path
        folder;  ///< of this lease: resume point, partial part, files on their way to the node
    /// True when training should stop at the next step: the end was asked for, or the lease is
    /// over.
    std::function<bool()> interrupted;
    base::JobId job_id;
    base::LeaseId lease_id;
    std::uint32_t lane = 0;
    runtime::Job* job = nullptr;  ///< open, never null while a part is trained

    [[nodiscard]] client::Client& node() const { return party.node(); }
};

/// The states a lane has in memory: the one training goes on from, and the one that opened the
/// round (the payload and the merge need it).
struct LaneStates {
    struct Known {
        base::Hash root;
        commit::State state;
    };
    std::optional<Known> current;
    std::optional<Known> opening;
};

/// Everything about a part that is known before it is trained.
struct PartPlan {
    market::PartKey key;
    market::PartSpan span;
    replay::JobStates::Opening opening;  ///< of the round
    base::Hash start_root;
    base::BlobRoot start_blob;
};

}  // namespace assay::worker
