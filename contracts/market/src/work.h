#pragma once

#include <map>
#include <memory>
#include <optional>

#include "market/objects.h"
#include "market/queries.h"
#include "market/state.h"
#include "market/tables.h"

namespace assay::market {

/// Typed writes to a state: each keeps the index tables of its row in step. What would say nothing
/// (an empty work record, no duty, no game) leaves the state instead. Of every type of row.
template <class T>
void save(StateWriter& state, const T& value);
/// The same where the caller knows the row as it stands.
template <class T>
void save_over(StateWriter& state, const T& before, const T& value);
/// With its index entries and, of a job, question or dispute, the bytes beside it; the row must
/// exist, and lists under its id go before.
template <class T>
void erase(StateWriter& state, const T& value);

/// The unit of work of one transaction or timer. A row that was asked for with `find` has one live
/// copy: whoever asks for it gets the same, what is read in any other way shows it, and what
/// changed in it is written by itself, before anything else looks and at the end.
class Work : public StateWriter {
  public:
    /// The state outlives it.
    explicit Work(StateWriter& below) : below_(below) {}

    /// The live copy of a row, or null. Good until `write`.
    template <class T>
    T* find(const base::Bytes& key) {
        if (const auto known = rows_.find(key); known != rows_.end())
            return &static_cast<Live<T>&>(*known->second).value;
        auto stored = find_row<T>(below_, key);
        if (!stored) return nullptr;
        auto row = std::make_unique<Live<T>>();
        row->value = row->stored = std::move(*stored);
        T* live = &row->value;
        rows_.emplace(key, std::move(row));
        return live;
    }
    /// A new row, or all of one whose copy somebody changed.
    template <class T>
    void save(const T& value) {
        const auto known = rows_.find(Row<T>::key_of(value));
        if (known == rows_.end()) return market::save(below_, value);
        auto& row = static_cast<Live<T>&>(*known->second);
        if (&row.value != &value) row.value = value;
        row.write(below_);
    }
    template <class T>
    void remove(const T& value) {
        const auto known = rows_.find(Row<T>::key_of(value));
        if (known != rows_.end()) {
            known->second->write(below_);
            gone_.push_back(std::move(known->second));
            rows_.erase(known);
        }
        market::erase(below_, value);
    }
    /// Writes what changed and forgets all copies.
    void write();
    /// Forgets all copies: whoever refuses has changed nothing.
    void forget();

    [[nodiscard]] std::optional<base::Bytes> get(base::ByteView key) const override;
    [[nodiscard]] std::optional<std::pair<base::Bytes, base::Bytes>> seek(
        base::ByteView from, base::ByteView prefix) const override;
    /// Of what is no row.
    void put(base::ByteView key, base::ByteView value) override { below_.put(key, value); }
    void erase(base::ByteView key) override;

  private:
    /// What changed in one table.
    void write(Table table) const;
    struct AnyLive {
        virtual ~AnyLive() = default;
        virtual void write(StateWriter& state) = 0;
    };
    template <class T>
    struct Live : AnyLive {
        T value, stored;
        void write(StateWriter& state) override {
            if (value == stored) return;
            save_over(state, stored, value);
            stored = value;
        }
    };
    StateWriter& below_;
    std::map<base::Bytes, std::unique_ptr<AnyLive>> rows_;
    std::vector<std::unique_ptr<AnyLive>> gone_;  ///< erased rows that somebody may still hold
};

template <class T>
void save(Work& work, const T& value) {
    work.save(value);
}
template <class T>
void erase(Work& work, const T& value) {
    work.remove(value);
}

}  // namespace assay::market
