#pragma once

#include "base/encoding.h"
#include "dispute/openings.h"

/// Pieces that several opened structures share.
namespace assay::dispute {

void put_path(base::Encoder& encoder, const Path& path);
Path get_path(base::Decoder& decoder);
void put_record(base::Encoder& encoder, const RecordOpening& record);
RecordOpening get_record(base::Decoder& decoder);

}  // namespace assay::dispute
