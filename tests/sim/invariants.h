#pragma once

#include <string>
#include <vector>

#include "market/state.h"

namespace assay::sim {

/// Every count that the rules keep, counted again from the objects: what an object says of others is compared with those others. One line for
/// each difference; empty when the books are right. Reads the whole state.
std::vector<std::string> wrong_books(const market::StateReader& state);

}  // namespace assay::sim
