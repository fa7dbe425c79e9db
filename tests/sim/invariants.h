#pragma once

#include <string>
#include <vector>

#include "market/objects.h"
#include "market/state.h"
#include "market/tables.h"

namespace assay::sim {

/// All objects of one table, in key order.
template <class T>
std::vector<T> all_of(const market::StateReader& state, market::Table table) {
    std::vector<T> out;
    const base::Bytes prefix = market::table_prefix(table);
    base::Bytes from = prefix;
    while (auto entry = state.seek(from, prefix)) {
        out.push_back(market::decode<T>(entry->second).value());
        from = std::move(entry->first);
        from.push_back(0);
    }
    return out;
}

/// Every count that the rules keep, counted again from the objects: what an object says of others
/// is compared with those others. One line for each difference; empty when the books are right.
/// Reads the whole state.
std::vector<std::string> wrong_books(const market::StateReader& state);

}  // namespace assay::sim
