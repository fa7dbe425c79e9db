#pragma once

#include <functional>
#include <memory>

#include "certificate/certificate.h"
#include "fixtures.h"
#include "runtime/segment.h"

namespace assay::certificate {

/// A small job that was really trained, with the records that an honest ledger would have kept about it. Tests change the records before
/// they are signed to play an operator who lies.
class TrainedJob {
  public:
    TrainedJob(std::uint32_t lanes, std::uint32_t rounds);

    using Entries = std::vector<market::JobHistoryEntry>;
    /// What the node would answer. `change` sees history and record before they are hashed and signed.
    [[nodiscard]] Source source(const std::function<void(Entries&, market::Job&)>& change = {}) const;
    [[nodiscard]] std::filesystem::path checkpoint() const { return folder_ / "final"; }
    [[nodiscard]] std::filesystem::path folder(const std::string& name) const { return folder_ / name; }
    [[nodiscard]] const market::JobSpec& spec() const { return spec_; }
    [[nodiscard]] const Entries& entries() const { return entries_; }
    [[nodiscard]] const market::Job& record() const { return record_; }

    [[nodiscard]] static base::Hash chain_id();
    [[nodiscard]] static base::SecretKey operator_key();

  private:
    void train();
    /// Trains one lane's round; appends its parts; gives its payload (none without merge).
    std::optional<commit::Payload> train_lane(std::uint32_t round, std::uint32_t lane, const commit::State& opening, const base::Hash& opening_root,
                                              market::RoundMember& member);
    void close(const base::Hash& final_root);

    commit::TemporaryFolder folder_;
    market::JobSpec spec_;
    std::unique_ptr<runtime::Job> job_;
    commit::State last_;                     ///< the state that the last lane ended in
    market::Job record_;
    Entries entries_;
};

}  // namespace assay::certificate
