#include "market/tables.h"

#include <array>

namespace assay::market {

namespace {

/// Fields of fixed size, integers big-endian.
class Key {
  public:
    explicit Key(Table table) : bytes_{static_cast<std::uint8_t>(table)} { bytes_.reserve(80); }
    Key& u8(std::uint8_t value) {
        bytes_.push_back(value);
        return *this;
    }
    Key& u32(std::uint32_t value) { return big_endian(value, 4); }
    Key& u64(std::uint64_t value) { return big_endian(value, 8); }
    Key& raw(base::ByteView bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    template <class Kind>
    Key& id(const base::Id<Kind>& value) {
        return raw(value.view());
    }
    [[nodiscard]] base::Bytes take() { return std::move(bytes_); }

  private:
    Key& big_endian(std::uint64_t value, unsigned size) {
        for (unsigned i = size; i-- > 0;)
            bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        return *this;
    }
    base::Bytes bytes_;
};

std::uint64_t read_big_endian(base::ByteView bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8U | byte;
    return value;
}

constexpr std::size_t kTimerKeySize = 1 + 8 + 1 + 32 + 8;

}  // namespace

base::Bytes table_prefix(Table table) { return {static_cast<std::uint8_t>(table)}; }

base::Bytes chain_key() { return Key(Table::chain).take(); }
base::Bytes parameters_key(const base::Hash& id) {
    return Key(Table::parameters).raw(id.view()).take();
}

base::Bytes timer_key(const Timer& timer) {
    return Key(Table::timer)
        .u64(timer.due.value)
        .u8(static_cast<std::uint8_t>(timer.kind))
        .raw(timer.subject.view())
        .u64(timer.number)
        .take();
}

std::optional<Timer> timer_from_key(base::ByteView key) {
    if (key.size() != kTimerKeySize || key[0] != static_cast<std::uint8_t>(Table::timer))
        return std::nullopt;
    const std::uint8_t kind = key[9];
    if (kind < static_cast<std::uint8_t>(TimerKind::match) ||
        kind > static_cast<std::uint8_t>(TimerKind::advance))
        return std::nullopt;
    Timer timer;
    timer.due = {read_big_endian(key.subspan(1, 8))};
    timer.kind = static_cast<TimerKind>(kind);
    timer.subject = base::hash_from_bytes(key.subspan(10, 32)).value_or(base::Hash{});
    timer.number = read_big_endian(key.subspan(42, 8));
    return timer;
}

base::Bytes account_key(const base::AccountId& id) { return Key(Table::account).id(id).take(); }
base::Bytes nonce_key(const base::AccountId& id, std::uint32_t lane) {
    return Key(Table::nonce).id(id).u32(lane).take();
}
base::Bytes past_key_key(const base::AccountId& id, const base::PublicKey& key) {
    return Key(Table::past_key).id(id).raw(key.view()).take();
}
base::Bytes stake_key(const base::AccountId& id, Role role) {
    return Key(Table::stake).id(id).u8(static_cast<std::uint8_t>(role)).take();
}
base::Bytes unbonding_key(const base::AccountId& id, Role role, std::uint64_t number) {
    return Key(Table::unbonding).id(id).u8(static_cast<std::uint8_t>(role)).u64(number).take();
}
base::Bytes validator_key(const base::AccountId& id) { return Key(Table::validator).id(id).take(); }
base::Bytes validator_by_stake_key(std::uint64_t weight, const base::AccountId& id) {
    return Key(Table::validator_by_stake).u64(~weight).id(id).take();
}

base::Bytes offer_key(const base::OfferId& id) { return Key(Table::offer).id(id).take(); }
base::Bytes offer_by_price_key(base::Amount price, std::uint64_t arrival, const base::OfferId& id) {
    return Key(Table::offer_by_price).u64(price.grains()).u64(arrival).id(id).take();
}
base::Bytes offer_of_worker_key(const base::AccountId& worker, const base::OfferId& id) {
    return Key(Table::offer_of_worker).id(worker).id(id).take();
}
base::Bytes record_key(const base::AccountId& worker) {
    return Key(Table::record).id(worker).take();
}

base::Bytes job_key(const base::JobId& id) { return Key(Table::job).id(id).take(); }
base::Bytes job_by_state_key(JobState state, const base::JobId& id) {
    return Key(Table::job_by_state).u8(static_cast<std::uint8_t>(state)).id(id).take();
}
base::Bytes spec_key(const base::JobId& id) { return Key(Table::spec).id(id).take(); }
base::Bytes lane_key(const base::JobId& job, std::uint32_t lane) {
    return Key(Table::lane).id(job).u32(lane).take();
}
base::Bytes round_key(const base::JobId& job, std::uint32_t round) {
    return Key(Table::round).id(job).u32(round).take();
}
base::Bytes merge_key(const base::JobId& job, std::uint32_t round) {
    return Key(Table::merge).id(job).u32(round).take();
}
base::Bytes history_key(const base::JobId& job, std::uint64_t index) {
    return Key(Table::history).id(job).u64(index).take();
}

base::Bytes lease_key(const base::LeaseId& id) { return Key(Table::lease).id(id).take(); }
base::Bytes lease_of_worker_key(const base::AccountId& worker, const base::LeaseId& id) {
    return Key(Table::lease_of_worker).id(worker).id(id).take();
}
base::Bytes lease_of_job_key(const base::JobId& job, const base::LeaseId& id) {
    return Key(Table::lease_of_job).id(job).id(id).take();
}

base::Bytes party_key(const base::JobId& job, const base::AccountId& account) {
    return Key(Table::party).id(job).id(account).take();
}

base::Bytes part_key(const base::PartId& id) { return Key(Table::part).id(id).take(); }
base::Bytes part_of_job_key(const PartKey& part, const base::PartId& id) {
    return Key(Table::part_of_job)
        .id(part.job)
        .u32(part.round)
        .u32(part.lane)
        .u32(part.part)
        .id(id)
        .take();
}
base::Bytes epoch_key(std::uint64_t number) { return Key(Table::epoch).u64(number).take(); }
base::Bytes epoch_commitment_key(std::uint64_t epoch, const base::PartId& id) {
    return Key(Table::epoch_commitment).u64(epoch).id(id).take();
}
base::Bytes epoch_member_key(std::uint64_t epoch, const base::AccountId& validator) {
    return Key(Table::epoch_member).u64(epoch).id(validator).take();
}
base::Bytes claim_key(const base::PartId& subject, std::uint32_t segment) {
    return Key(Table::claim).id(subject).u32(segment).take();
}

base::Bytes audit_key(const base::AuditId& id) { return Key(Table::audit).id(id).take(); }
base::Bytes audit_of_validator_key(const base::AccountId& validator, const base::AuditId& id) {
    return Key(Table::audit_of_validator).id(validator).id(id).take();
}
base::Bytes audit_of_job_key(const base::JobId& job, const base::AuditId& id) {
    return Key(Table::audit_of_job).id(job).id(id).take();
}
base::Bytes audit_of_claim_key(const base::PartId& subject, std::uint32_t segment,
                               const base::AuditId& id) {
    return Key(Table::audit_of_claim).id(subject).u32(segment).id(id).take();
}
base::Bytes jailed_key(base::TimeMs since, const base::AccountId& id) {
    return Key(Table::jailed).u64(since.value).id(id).take();
}
base::Bytes evidence_key(const base::Hash& id) {
    return Key(Table::evidence).raw(id.view()).take();
}

base::Bytes question_key(const base::Hash& id) {
    return Key(Table::question).raw(id.view()).take();
}
base::Bytes question_of_job_key(const base::JobId& job, std::uint32_t round, const base::Hash& id) {
    return Key(Table::question_of_job).id(job).u32(round).raw(id.view()).take();
}
base::Bytes question_of_obliged_key(const base::AccountId& obliged, const base::Hash& id) {
    return Key(Table::question_of_obliged).id(obliged).raw(id.view()).take();
}
base::Bytes question_of_subject_key(const base::Hash& subject, const base::Hash& id) {
    return Key(Table::question_of_subject).raw(subject.view()).raw(id.view()).take();
}
base::Bytes question_of_asker_key(const base::AccountId& asker, const base::Hash& id) {
    return Key(Table::question_of_asker).id(asker).raw(id.view()).take();
}
base::Bytes question_duty_key(const base::AccountId& account) {
    return Key(Table::question_duty).id(account).take();
}
base::Bytes question_bytes_key(const base::Hash& id) {
    return Key(Table::question_bytes).raw(id.view()).take();
}

base::Bytes dispute_key(const base::DisputeId& id) { return Key(Table::dispute).id(id).take(); }
base::Bytes dispute_of_account_key(const base::AccountId& account, Side side,
                                   const base::DisputeId& id) {
    return Key(Table::dispute_of_account)
        .id(account)
        .u8(static_cast<std::uint8_t>(side))
        .id(id)
        .take();
}
base::Bytes dispute_of_job_key(const base::JobId& job, bool open, const base::DisputeId& id) {
    return Key(Table::dispute_of_job).id(job).u8(open ? 0 : 1).id(id).take();
}
base::Bytes dispute_of_target_key(const base::PartId& part, std::uint32_t segment,
                                  const base::DisputeId& id) {
    return Key(Table::dispute_of_target).id(part).u32(segment).id(id).take();
}
base::Bytes game_key(const base::DisputeId& id) { return Key(Table::game).id(id).take(); }
base::Bytes pool_key(const base::Hash& id) { return Key(Table::pool).raw(id.view()).take(); }
base::Bytes pool_of_target_key(const base::PartId& part, std::uint32_t segment,
                               const base::Hash& id) {
    return Key(Table::pool_of_target).id(part).u32(segment).raw(id.view()).take();
}
base::Bytes pool_member_key(const base::Hash& pool, std::uint32_t number) {
    return Key(Table::pool_member).raw(pool.view()).u32(number).take();
}
base::Bytes game_load_key(const base::AccountId& account) {
    return Key(Table::game_load).id(account).take();
}
base::Bytes challenge_seal_key(const base::AccountId& account, std::uint64_t number) {
    return Key(Table::challenge_seal).id(account).u64(number).take();
}

}  // namespace assay::market
