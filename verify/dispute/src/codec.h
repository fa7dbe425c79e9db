#pragma once

#include "base/encoding.h"
#include "dispute/moves.h"
#include "dispute/openings.h"

/// Pieces that several opened structures share.
namespace assay::dispute {

void put_path(base::Encoder& encoder, const Path& path);
Path get_path(base::Decoder& decoder);
void put_record(base::Encoder& encoder, const RecordOpening& record);
RecordOpening get_record(base::Decoder& decoder);
void put_proof(base::Encoder& encoder, const base::InclusionProof& proof);
base::InclusionProof get_proof(base::Decoder& decoder);
/// A count and so many hashes.
void put_hashes(base::Encoder& encoder, const std::vector<base::Hash>& hashes);
std::vector<base::Hash> get_hashes(base::Decoder& decoder, std::size_t count_max);

}  // namespace assay::dispute
