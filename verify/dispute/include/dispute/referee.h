#pragma once

#include <tl/expected.hpp>

#include "base/bytes.h"
#include "dispute/claim.h"
#include "dispute/errors.h"

namespace assay::dispute {

enum class Verdict : std::uint8_t {
    upheld = 1,   ///< what the asserter posted is what the instruction gives
    refuted = 2,  ///< it is not
};

/// Judges one claim from encoded openings. Pure, with the same answer on every machine; reads at
/// most kOpeningBytesMax bytes and takes well under 10 ms, whatever the model and the data. An
/// error says that the openings decide nothing, never who is right.
tl::expected<Verdict, OpeningError> judge(const Facts& facts, const Claim& claim,
                                          base::ByteView openings);

}  // namespace assay::dispute
