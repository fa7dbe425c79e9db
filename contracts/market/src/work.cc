#include "work.h"

namespace assay::market {

void Work::write() {
    for (const auto& [key, row] : rows_) row->write(below_);
    rows_.clear();
    gone_.clear();
}

void Work::erase(base::ByteView key) {
    if (const auto row = rows_.find({key.begin(), key.end()}); row != rows_.end()) {
        gone_.push_back(std::move(row->second));
        rows_.erase(row);
    }
    below_.erase(key);
}

std::optional<base::Bytes> Work::get(base::ByteView key) const {
    if (const auto row = rows_.find({key.begin(), key.end()}); row != rows_.end())
        row->second->write(below_);
    return below_.get(key);
}

std::optional<std::pair<base::Bytes, base::Bytes>> Work::seek(base::ByteView from,
                                                              base::ByteView prefix) const {
    for (const auto& [key, row] : rows_) row->write(below_);
    return below_.seek(from, prefix);
}

}  // namespace assay::market
