#include "evidence/evidence.h"

namespace assay::evidence {
namespace {

using base::Decoder;
using base::Encoder;

constexpr std::size_t kGenesisBytesMax = std::size_t{64} << 20U;
constexpr std::size_t kEntryBytesMax = std::size_t{1} << 20U;
constexpr std::uint32_t kListMax = 1U << 20U;
constexpr std::uint32_t kPathMax = 128;

template <class T, class Write>
void write_list(Encoder& out, const std::vector<T>& list, Write one) {
    out.u32(static_cast<std::uint32_t>(list.size()));
    for (const T& value : list) one(value);
}

template <class T, class Read>
std::vector<T> read_list(Decoder& in, std::uint32_t count_max, Read one) {
    std::vector<T> out;
    const std::uint32_t count = in.length(count_max);
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) out.push_back(one());
    return out;
}

void write_hashes(Encoder& out, const std::vector<base::Hash>& hashes) {
    write_list(out, hashes, [&](const base::Hash& hash) { out.hash(hash); });
}

std::vector<base::Hash> read_hashes(Decoder& in) {
    return read_list<base::Hash>(in, kPathMax, [&] { return in.hash(); });
}

void write_head(Encoder& out, const SignedRoots& head) {
    out.count(head.height)
        .count(head.time)
        .hash(head.state_root)
        .hash(head.log_root)
        .u64(head.log_size);
    out.hash(head.params_id).raw(head.signature.view());
}

SignedRoots read_head(Decoder& in) {
    SignedRoots head;
    head.height = in.count_of<base::Height>();
    head.time = in.count_of<base::TimeMs>();
    head.state_root = in.hash();
    head.log_root = in.hash();
    head.log_size = in.u64();
    head.params_id = in.hash();
    const base::Bytes signature = in.raw(head.signature.bytes.size());
    if (signature.size() == head.signature.bytes.size())
        std::copy(signature.begin(), signature.end(), head.signature.bytes.begin());
    return head;
}

void write_recorded(Encoder& out, const Recorded& recorded) {
    out.bytes(recorded.raw)
        .count(recorded.height)
        .count(recorded.time)
        .u32(recorded.index)
        .amount(recorded.fee)
        .u64(recorded.log_index);
    write_hashes(out, recorded.path);
}

Recorded read_recorded(Decoder& in) {
    Recorded out;
    out.raw = in.bytes(kEntryBytesMax);
    out.height = in.count_of<base::Height>();
    out.time = in.count_of<base::TimeMs>();
    out.index = in.u32();
    out.fee = in.amount();
    out.log_index = in.u64();
    out.path = read_hashes(in);
    return out;
}

void write_epoch(Encoder& out, const Epoch& epoch) {
    out.u64(epoch.number).u64(epoch.log_size).hash(epoch.log_root);
    write_hashes(out, epoch.consistency);
    out.u64(epoch.jailed_weight);
    write_list(out, epoch.members, [&](const Member& m) { out.id(m.validator).u64(m.weight); });
    write_list(out, epoch.commitments,
               [&](const Commitment& c) { out.id(c.id).id(c.job).hash(c.root); });
    write_list(out, epoch.barred, [&](const Barred& b) { out.id(b.commitment).id(b.validator); });
}

Epoch read_epoch(Decoder& in) {
    Epoch out;
    out.number = in.u64();
    out.log_size = in.u64();
    out.log_root = in.hash();
    out.consistency = read_hashes(in);
    out.jailed_weight = in.u64();
    out.members = read_list<Member>(in, kListMax, [&] {
        Member member;
        member.validator = in.id_of<base::AccountId>();
        member.weight = in.u64();
        return member;
    });
    out.commitments = read_list<Commitment>(in, kListMax, [&] {
        Commitment commitment;
        commitment.id = in.id_of<base::PartId>();
        commitment.job = in.id_of<base::JobId>();
        commitment.root = in.hash();
        return commitment;
    });
    out.barred = read_list<Barred>(in, kListMax, [&] {
        Barred barred;
        barred.commitment = in.id_of<base::PartId>();
        barred.validator = in.id_of<base::AccountId>();
        return barred;
    });
    return out;
}

}  // namespace

void write(Encoder& out, const Evidence& evidence) {
    out.bytes(evidence.genesis);
    write_head(out, evidence.head);
    write_list(out, evidence.history, [&](const base::Bytes& entry) { out.bytes(entry); });
    write_list(out, evidence.transactions, [&](const Recorded& r) { write_recorded(out, r); });
    write_list(out, evidence.epochs, [&](const Epoch& e) { write_epoch(out, e); });
    write_list(out, evidence.leases, [&](const Lease& lease) {
        out.u32(lease.lane).u32(lease.number).u32(lease.rate_ppm);
    });
}

Evidence read(Decoder& in) {
    Evidence out;
    out.genesis = in.bytes(kGenesisBytesMax);
    out.head = read_head(in);
    out.history = read_list<base::Bytes>(in, kListMax, [&] { return in.bytes(kEntryBytesMax); });
    out.transactions = read_list<Recorded>(in, kListMax, [&] { return read_recorded(in); });
    out.epochs = read_list<Epoch>(in, kListMax, [&] { return read_epoch(in); });
    out.leases = read_list<Lease>(in, kListMax, [&] {
        Lease lease;
        lease.lane = in.u32();
        lease.number = in.u32();
        lease.rate_ppm = in.u32();
        return lease;
    });
    return out;
}

}  // namespace assay::evidence
