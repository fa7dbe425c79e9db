#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/blob_keeper.h"
#include "agent/party.h"
#include "agent/uploads.h"
#include "part_record.h"

namespace assay::worker {

/// What the worker owes for parts it has committed: a delivery for each drawn segment, the close
/// when all of them are judged. Reads the part from the ledger each time, so that a crash or a
/// resend changes nothing. Checkpoints that may be asked for go to the store in the background,
/// from the commitment on: after a draw there are seconds. One thread.
class Duties {
  public:
    Duties(agent::Party& party, const PartStore& parts, const agent::BlobKeeper& keeper,
           agent::Uploads& uploads)
        : party_(party), parts_(parts), keeper_(keeper), uploads_(uploads) {}
    /// Looks at every part on record once. Returns how many are still open.
    std::size_t look();

  private:
    /// True when the record is of no more use.
    bool serve(const base::PartId& id);
    const PartRecord* record_of(const market::Part& part);
    void deliver(const market::Part& part, const PartRecord& record);
    /// A delivered start checkpoint can be asked for after the part has passed and its record is
    /// gone.
    void keep_start(const market::Part& part, std::uint32_t segment, const base::BlobRoot& blob);
    /// The start checkpoints of all segments that can be drawn; the first one's is in the store
    /// already.
    void store_starts(const base::PartId& id, const PartRecord& record);
    /// Nothing while the store does not have the checkpoint.
    std::optional<market::Receipt> start_receipt(const market::Part& part, const PartRecord& record,
                                                 std::uint32_t segment);
    void deliver_segment(const market::Part& part, const PartRecord& record, std::uint32_t segment);
    void close(const market::Part& part, const PartRecord& record);
    bool lease_is_over(const base::LeaseId& lease);
    void trouble(std::string_view event, const market::Part& part, const std::string& what);

    agent::Party& party_;
    const PartStore& parts_;
    const agent::BlobKeeper& keeper_;
    agent::Uploads& uploads_;
    std::map<base::PartId, PartRecord> records_;  ///< of parts that owed something, read once
};

}  // namespace assay::worker
