#pragma once

#include <cstdint>
#include <string_view>

namespace assay::dispute {

/// Why openings decide nothing. Whoever brought them has not answered.
enum class OpeningError : std::uint8_t {
    too_large,      ///< more than 64 KiB
    malformed,      ///< not the encoding, or a count above its limit
    no_such_claim,  ///< the claim or the facts name a place that does not exist
    wrong_record,   ///< a record is not at its place under the program root
    bad_record,     ///< a record that is no tensor, instruction or contents
    unjudgeable,  ///< an instruction outside the rules of programs, or a tensor of a class without
                  ///< origin
    wrong_tensors,  ///< not the tensors that the instruction names, in their order
    wrong_origin,   ///< a tensor taken from elsewhere than where the instruction reads it
    wrong_root,     ///< a tensor that is not under the root it is said to come from
    wrong_tile,     ///< a tile of another size, or not at its place in its tensor
    missing_tile,   ///< the step reads a tile that is not opened
    wrong_data,     ///< a leaf that is not at its place in the dataset, or is missing
    wrong_state,    ///< a partial state of another size, or not at its place
    unneeded,       ///< something is opened that the step does not read
};
std::string_view name_of(OpeningError error);

}  // namespace assay::dispute
