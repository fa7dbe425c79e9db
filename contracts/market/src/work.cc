#include "work.h"

namespace assay::market {

namespace {

/// An index, and a table whose rows it lists.
constexpr std::pair<Table, Table> kIndexes[] = {{Table::validator_by_stake, Table::validator},
                                                {Table::validator_by_stake, Table::stake},
                                                {Table::jailed, Table::stake},
                                                {Table::offer_by_price, Table::offer},
                                                {Table::offer_of_worker, Table::offer},
                                                {Table::job_by_state, Table::job},
                                                {Table::lease_of_worker, Table::lease},
                                                {Table::lease_of_job, Table::lease},
                                                {Table::part_of_job, Table::part},
                                                {Table::audit_of_validator, Table::audit},
                                                {Table::audit_of_job, Table::audit},
                                                {Table::audit_of_claim, Table::audit},
                                                {Table::question_of_job, Table::question},
                                                {Table::question_of_obliged, Table::question},
                                                {Table::question_of_asker, Table::question},
                                                {Table::question_of_subject, Table::question},
                                                {Table::dispute_of_account, Table::dispute},
                                                {Table::dispute_of_job, Table::dispute},
                                                {Table::dispute_of_target, Table::dispute},
                                                {Table::pool_of_target, Table::pool}};

}  // namespace

void Work::write() {
    for (const auto& [key, row] : rows_) row->write(below_);
    forget();
}

void Work::forget() {
    rows_.clear();
    gone_.clear();
}

void Work::write(Table table) const {
    for (auto row = rows_.lower_bound(table_prefix(table));
         row != rows_.end() && row->first[0] == static_cast<std::uint8_t>(table); ++row)
        row->second->write(below_);
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
    const Table table{prefix[0]};
    write(table);
    for (const auto& [index, rows] : kIndexes)
        if (index == table) write(rows);
    return below_.seek(from, prefix);
}

}  // namespace assay::market
