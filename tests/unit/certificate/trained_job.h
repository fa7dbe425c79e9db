#pragma once

#include <functional>
#include <memory>

#include "certificate/certificate.h"
#include "fixtures.h"
#include "runtime/segment.h"
#include "signed_chain.h"

namespace assay::certificate {

/// A small job that was really trained, on a chain whose parties really signed. Tests change the
/// history before anybody signs to play an operator whose workers and validators are all its own.
class TrainedJob {
  public:
    TrainedJob(std::uint32_t lanes, std::uint32_t rounds, std::uint32_t audit_rate_ppm = 450'000);

    using Entries = std::vector<market::JobHistoryEntry>;
    [[nodiscard]] evidence::Evidence evidence(
        const std::function<void(Entries&)>& change = {},
        const evidence::SignedChain::Options& options = {}) const;
    [[nodiscard]] std::filesystem::path checkpoint() const { return folder_ / "final"; }
    /// States and payloads under the blob roots that the receipts of this chain name.
    [[nodiscard]] std::filesystem::path blobs() const { return folder_ / "blobs"; }
    [[nodiscard]] std::filesystem::path folder(const std::string& name) const {
        return folder_ / name;
    }
    [[nodiscard]] const market::JobSpec& spec() const { return spec_; }
    [[nodiscard]] const Entries& entries() const { return entries_; }
    [[nodiscard]] evidence::SignedChain& chain() const { return chain_; }
    [[nodiscard]] const base::JobId& id() const { return id_; }
    [[nodiscard]] const base::Hash& final_root() const { return final_root_; }
    [[nodiscard]] base::Hash init_root() const { return job_->initial_root(); }
    [[nodiscard]] base::Hash program_root() const { return job_->program_root(); }

  private:
    void train();
    void keep(const commit::State& state, const base::Hash& root, std::uint32_t round,
              std::uint32_t lane, std::uint32_t step, const base::Hash& round_start_root) const;
    /// Trains one lane's round; appends its parts; gives its payload (none without merge).
    std::optional<commit::Payload> train_lane(std::uint32_t round, std::uint32_t lane,
                                              const commit::State& opening,
                                              const base::Hash& opening_root,
                                              market::RoundMember& member);

    commit::TemporaryFolder folder_;
    market::JobSpec spec_;
    std::unique_ptr<runtime::Job> job_;
    mutable evidence::SignedChain chain_;
    base::JobId id_;
    commit::State last_;  ///< the state that the last lane ended in
    base::Hash final_root_;
    Entries entries_;
};

}  // namespace assay::certificate
