// The only file that knows protobuf: plain messages <-> bytes. Decoding is strict by construction:
// what was read is written again in canonical form (deterministic, unknown fields dropped) and must
// give the same bytes.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "assay/market/v1/transaction.pb.h"
#include "base/check.h"
#include "market/transactions.h"

namespace assay::market {

namespace {

namespace wire = assay::market::v1;
using base::ByteView;

constexpr std::size_t kProfileMax = 32;
constexpr int kPathMax = 64;
constexpr int kSegmentsMax = 1 << 14;

// ---- Plain to wire ----

template <class Bytes>
std::string blob(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::string text(const base::Hash& hash) { return blob(hash.bytes); }
template <class Kind>
std::string text(const base::Id<Kind>& id) {
    return blob(id.hash.bytes);
}
/// Zeros are absent.
std::string optional_text(const base::Hash& hash) {
    return hash.is_zero() ? std::string() : text(hash);
}

void put(wire::Receipt& out, const Receipt& in) {
    out.set_blob(text(in.blob));
    out.set_bytes(in.bytes);
    out.set_kept_until_ms(in.kept_until_block_time.value);
    out.set_signature(blob(in.signature.bytes));
}

void put(wire::SegmentLeaf& out, const SegmentLeaf& in) {
    out.set_salt(text(in.salt));
    out.set_start_root(text(in.start_root));
    out.set_end_field(text(in.end_field));
}

void put(wire::StoredTarget& out, const StoredTarget& in) {
    out.set_kind(static_cast<wire::StoredKind>(in.kind));
    out.set_subject(text(in.subject));
    out.set_number(in.number);
}

struct ToWire {
    wire::Body& body;

    void operator()(const KeysSet& in) const {
        auto& out = *body.mutable_keys_set();
        out.set_cold(blob(in.cold.bytes));
        out.set_hot(blob(in.hot.bytes));
        if (!in.vrf.is_zero()) out.set_vrf(blob(in.vrf.bytes));
    }
    void operator()(const Transfer& in) const {
        auto& out = *body.mutable_transfer();
        out.set_to(text(in.to));
        out.set_amount(in.amount.grains());
    }
    void operator()(const StakeBond& in) const {
        auto& out = *body.mutable_stake_bond();
        out.set_role(static_cast<wire::Role>(in.role));
        out.set_amount(in.amount.grains());
    }
    void operator()(const StakeUnbond& in) const {
        auto& out = *body.mutable_stake_unbond();
        out.set_role(static_cast<wire::Role>(in.role));
        out.set_amount(in.amount.grains());
    }
    void operator()(const ValidatorDeclare& in) const {
        auto& out = *body.mutable_validator_declare();
        out.set_profile(in.profile);
        out.set_flops_per_second(in.flops_per_second);
        out.set_weight_max(in.weight_max.grains());
        out.set_away(in.away);
    }
    void operator()(const ValidatorReturn&) const { body.mutable_validator_return(); }
    void operator()(const OfferPost& in) const {
        auto& out = *body.mutable_offer_post();
        out.set_price_per_gflop(in.price_per_gflop.grains());
        out.set_segment_ms(in.segment_ms);
        out.set_profile(in.profile);
        out.set_memory_bytes(in.memory_bytes);
        out.set_flops_per_second(in.flops_per_second);
        out.set_slots(in.slots);
        out.set_bond(in.bond.grains());
    }
    void operator()(const OfferWithdraw& in) const {
        body.mutable_offer_withdraw()->set_offer(text(in.offer));
    }
    void operator()(const JobPost& in) const {
        auto& out = *body.mutable_job_post();
        out.set_spec(blob(in.spec));
        out.set_init_root(text(in.init_root));
        put(*out.mutable_init_receipt(), in.init_receipt);
        put(*out.mutable_data_receipt(), in.data_receipt);
        out.set_hold_limit(in.hold_limit.grains());
    }
    void operator()(const JobFund& in) const {
        auto& out = *body.mutable_job_fund();
        out.set_job(text(in.job));
        out.set_amount(in.amount.grains());
    }
    void operator()(const JobCancel& in) const { body.mutable_job_cancel()->set_job(text(in.job)); }
    void operator()(const JobPause& in) const { body.mutable_job_pause()->set_job(text(in.job)); }
    void operator()(const JobResume& in) const { body.mutable_job_resume()->set_job(text(in.job)); }
    void operator()(const LeaseAccept& in) const {
        auto& out = *body.mutable_lease_accept();
        out.set_job(text(in.job));
        out.set_lane(in.lane);
    }
    void operator()(const LeaseLeave& in) const {
        body.mutable_lease_leave()->set_lease(text(in.lease));
    }
    void operator()(const PartCommit& in) const {
        auto& out = *body.mutable_part_commit();
        out.set_lease(text(in.lease));
        out.set_round(in.round);
        out.set_part(in.part);
        out.set_attempt(in.attempt);
        out.set_tree_root(text(in.tree_root));
        out.set_segments(in.segments);
        out.set_start_root(text(in.start_root));
        out.set_end_root(text(in.end_root));
        put(*out.mutable_end_receipt(), in.end_receipt);
        out.set_payload_root(optional_text(in.payload_root));
        if (in.payload_receipt) put(*out.mutable_payload_receipt(), *in.payload_receipt);
        out.set_last_loss_bits(in.last_loss_bits);
    }
    void operator()(const PartRetract& in) const {
        body.mutable_part_retract()->set_part(text(in.part));
    }
    void operator()(const EpochContribute& in) const {
        auto& out = *body.mutable_epoch_contribute();
        out.set_epoch(in.epoch);
        out.set_commitments_root(text(in.commitments_root));
        out.set_log_size(in.log_size);
        out.set_log_root(text(in.log_root));
        out.set_proof(blob(in.proof.bytes));
    }
    void operator()(const SegmentDeliver& in) const {
        auto& out = *body.mutable_segment_deliver();
        out.set_part(text(in.part));
        out.set_segment(in.segment);
        put(*out.mutable_leaf(), in.leaf);
        for (const base::Hash& hash : in.path) out.add_path(text(hash));
        put(*out.mutable_start_receipt(), in.start_receipt);
    }
    void operator()(const VerdictSeal& in) const {
        auto& out = *body.mutable_verdict_seal();
        out.set_audit(text(in.audit));
        out.set_seal(text(in.seal));
    }
    void operator()(const VerdictReveal& in) const {
        auto& out = *body.mutable_verdict_reveal();
        out.set_audit(text(in.audit));
        out.set_kind(static_cast<wire::VerdictKind>(in.verdict.kind));
        out.set_end_root(optional_text(in.verdict.end_root));
        out.set_cells_digest(optional_text(in.verdict.cells_digest));
        out.set_nonce(text(in.nonce));
        if (in.proof) out.set_proof(blob(in.proof->bytes));
    }
    void operator()(const CellsOpen& in) const {
        auto& out = *body.mutable_cells_open();
        out.set_audit(text(in.audit));
        out.set_salt(text(in.salt));
        for (const base::Hash& cell : in.cells) out.add_cells(text(cell));
    }
    void operator()(const PartClose& in) const {
        auto& out = *body.mutable_part_close();
        out.set_part(text(in.part));
        for (const SegmentLeaf& leaf : in.leaves) put(*out.add_leaves(), leaf);
    }
    void operator()(const MergePost& in) const {
        auto& out = *body.mutable_merge_post();
        out.set_job(text(in.job));
        out.set_round(in.round);
        out.set_merge_root(text(in.merge_root));
        put(*out.mutable_receipt(), in.receipt);
    }
    void operator()(const EquivocationReport& in) const {
        auto& out = *body.mutable_equivocation_report();
        out.set_first(blob(in.first));
        out.set_second(blob(in.second));
    }
    void operator()(const Confess& in) const { body.mutable_confess()->set_part(text(in.part)); }
    void operator()(const ChunkAsk& in) const {
        auto& out = *body.mutable_chunk_ask();
        put(*out.mutable_target(), in.target);
        out.set_chunk(in.chunk);
    }
    void operator()(const ChunkAnswer& in) const {
        auto& out = *body.mutable_chunk_answer();
        out.set_question(text(in.question));
        out.set_bytes(blob(in.bytes));
        out.set_tree(text(in.proof.tree));
        for (const base::Hash& hash : in.proof.path) out.add_path(text(hash));
    }
    void operator()(const StateAsk& in) const {
        put(*body.mutable_state_ask()->mutable_target(), in.target);
    }
    void operator()(const StateAnswer& in) const {
        auto& out = *body.mutable_state_answer();
        out.set_question(text(in.question));
        out.set_bytes(blob(in.bytes));
    }
    void operator()(const StateNext& in) const {
        auto& out = *body.mutable_state_next();
        out.set_question(text(in.question));
        out.set_child(in.child);
    }
    void operator()(const StateShow& in) const {
        auto& out = *body.mutable_state_show();
        out.set_question(text(in.question));
        out.set_leaf(in.leaf);
        out.set_bytes(blob(in.bytes));
        out.set_tree(text(in.proof.tree));
        for (const base::Hash& hash : in.proof.path) out.add_path(text(hash));
    }
    void operator()(const ChallengeSealPost& in) const {
        body.mutable_challenge_seal()->set_digest(text(in.digest));
    }
    void operator()(const ChallengeOpen& in) const {
        auto& out = *body.mutable_challenge_open();
        out.set_kind(static_cast<wire::DisputeTarget>(in.target.kind));
        out.set_part(text(in.target.part));
        out.set_segment(in.target.segment);
        out.set_job(optional_text(in.target.job.hash));
        out.set_round(in.target.round);
        out.set_claimed_root(text(in.claimed));
        out.set_nonce(text(in.nonce));
        out.set_role(static_cast<wire::Role>(in.role));
    }
    void operator()(const DisputeMove& in) const {
        auto& out = *body.mutable_dispute_move();
        out.set_dispute(text(in.dispute));
        out.set_move(blob(in.move));
    }
    void operator()(const DisputeConcede& in) const {
        body.mutable_dispute_concede()->set_dispute(text(in.dispute));
    }
};

/// Fields in ascending order, no map, nothing unknown: with these messages that is one encoding.
std::string serialise(const google::protobuf::MessageLite& message) {
    std::string out;
    {
        google::protobuf::io::StringOutputStream stream(&out);
        google::protobuf::io::CodedOutputStream coded(&stream);
        coded.SetSerializationDeterministic(true);
        ASSAY_CHECK(message.SerializeToCodedStream(&coded));
    }
    return out;
}

// ---- Wire to plain: one error flag, as in base::Decoder ----

ByteView view(const std::string& bytes) { return base::view_of(bytes); }

class FromWire {
  public:
    bool ok = true;
    bool weak = false;  ///< a key of the right length is no point that a key may be

    base::Hash hash(const std::string& bytes) {
        const auto value = base::hash_from_bytes(view(bytes));
        if (!value) ok = false;
        return value.value_or(base::Hash{});
    }
    /// Absent: zeros. Zeros written out are another spelling of absent and refused.
    base::Hash optional_hash(const std::string& bytes) {
        if (bytes.empty()) return {};
        const base::Hash value = hash(bytes);
        if (value.is_zero()) ok = false;
        return value;
    }
    template <class IdType>
    IdType id(const std::string& bytes) {
        return IdType{hash(bytes)};
    }
    base::Amount amount(std::uint64_t grains) {
        const auto value = base::Amount::checked(grains);
        if (!value) ok = false;
        return value.value_or(base::Amount{});
    }
    base::PublicKey key(const std::string& bytes) {
        const auto value = base::public_key_from_bytes(view(bytes));
        if (!value && bytes.size() == base::PublicKey{}.bytes.size())
            weak = true;
        else if (!value)
            ok = false;
        return value.value_or(base::PublicKey{});
    }
    base::Signature signature(const std::string& bytes) {
        const auto value = base::signature_from_bytes(view(bytes));
        if (!value) ok = false;
        return value.value_or(base::Signature{});
    }
    base::VrfProof proof(const std::string& bytes) {
        const auto value = base::vrf_proof_from_bytes(view(bytes));
        if (!value) ok = false;
        return value.value_or(base::VrfProof{});
    }
    base::Bytes bytes(const std::string& in) { return {in.begin(), in.end()}; }
    /// 1 to `most` bytes.
    base::Bytes bytes(const std::string& in, std::size_t most) {
        if (in.empty() || in.size() > most) ok = false;
        return bytes(in);
    }
    std::string profile(const std::string& in) {
        if (in.empty() || in.size() > kProfileMax) ok = false;
        return in;
    }
    Role role(wire::Role in) {
        if (in < wire::ROLE_WORKER || in > wire::ROLE_SEQUENCER) {
            ok = false;
            return Role::worker;
        }
        return static_cast<Role>(in);
    }
    VerdictKind verdict(wire::VerdictKind in) {
        if (in < wire::VERDICT_KIND_VALID || in > wire::VERDICT_KIND_INVALID) {
            ok = false;
            return VerdictKind::valid;
        }
        return static_cast<VerdictKind>(in);
    }
    /// Only a round's merge and a segment's start are numbered.
    StoredTarget target(bool present, const wire::StoredTarget& in) {
        if (!present || in.kind() < wire::STORED_KIND_CHECKPOINT ||
            in.kind() > wire::STORED_KIND_START) {
            ok = false;
            return {};
        }
        const StoredTarget out{static_cast<StoredKind>(in.kind()), hash(in.subject()), in.number()};
        const bool numbered = out.kind == StoredKind::merge || out.kind == StoredKind::start;
        if (in.number() != 0 && !numbered) ok = false;
        return out;
    }
    Receipt receipt(bool present, const wire::Receipt& in) {
        if (!present) {
            ok = false;
            return {};
        }
        return {id<base::BlobRoot>(in.blob()),
                in.bytes(),
                {in.kept_until_ms()},
                signature(in.signature())};
    }
    SegmentLeaf leaf(const wire::SegmentLeaf& in) {
        return {hash(in.salt()), hash(in.start_root()), hash(in.end_field())};
    }
    template <class List>
    std::vector<base::Hash> hashes(const List& in, int most) {
        std::vector<base::Hash> out;
        if (in.size() > most) {
            ok = false;
            return out;
        }
        for (const std::string& item : in) out.push_back(hash(item));
        return out;
    }
};

JobPost job_post(FromWire& from, const wire::JobPost& in) {
    JobPost out;
    out.spec = from.bytes(in.spec());
    out.init_root = from.hash(in.init_root());
    out.init_receipt = from.receipt(in.has_init_receipt(), in.init_receipt());
    out.data_receipt = from.receipt(in.has_data_receipt(), in.data_receipt());
    out.hold_limit = from.amount(in.hold_limit());
    return out;
}

PartCommit part_commit(FromWire& from, const wire::PartCommit& in) {
    PartCommit out;
    out.lease = from.id<base::LeaseId>(in.lease());
    out.round = in.round();
    out.part = in.part();
    out.attempt = in.attempt();
    out.tree_root = from.hash(in.tree_root());
    out.segments = in.segments();
    out.start_root = from.hash(in.start_root());
    out.end_root = from.hash(in.end_root());
    out.end_receipt = from.receipt(in.has_end_receipt(), in.end_receipt());
    out.payload_root = from.optional_hash(in.payload_root());
    if (in.has_payload_receipt()) out.payload_receipt = from.receipt(true, in.payload_receipt());
    out.last_loss_bits = in.last_loss_bits();
    return out;
}

PartClose part_close(FromWire& from, const wire::PartClose& in) {
    PartClose out;
    out.part = from.id<base::PartId>(in.part());
    if (in.leaves_size() > kSegmentsMax) {
        from.ok = false;
        return out;
    }
    for (const auto& leaf : in.leaves()) out.leaves.push_back(from.leaf(leaf));
    return out;
}

SegmentDeliver segment_deliver(FromWire& from, const wire::SegmentDeliver& in) {
    if (!in.has_leaf()) from.ok = false;
    SegmentDeliver out;
    out.part = from.id<base::PartId>(in.part());
    out.segment = in.segment();
    out.leaf = from.leaf(in.leaf());
    out.path = from.hashes(in.path(), kPathMax);
    out.start_receipt = from.receipt(in.has_start_receipt(), in.start_receipt());
    return out;
}

CellsOpen cells_open(FromWire& from, const wire::CellsOpen& in) {
    CellsOpen out{from.id<base::AuditId>(in.audit()), from.hash(in.salt()),
                  from.hashes(in.cells(), kCells)};
    if (out.cells.size() != kCells) from.ok = false;
    return out;
}

EpochContribute epoch_contribute(FromWire& from, const wire::EpochContribute& in) {
    return {in.epoch(), from.hash(in.commitments_root()), in.log_size(), from.hash(in.log_root()),
            from.proof(in.proof())};
}

ChunkAnswer chunk_answer(FromWire& from, const wire::ChunkAnswer& in) {
    return {from.hash(in.question()),
            from.bytes(in.bytes(), base::kBlobChunkBytes),
            {from.hash(in.tree()), from.hashes(in.path(), kPathMax)}};
}

StateShow state_show(FromWire& from, const wire::StateShow& in) {
    return {from.hash(in.question()),
            in.leaf(),
            from.bytes(in.bytes(), base::kBlobChunkBytes),
            {from.hash(in.tree()), from.hashes(in.path(), kPathMax)}};
}

KeysSet keys_set(FromWire& from, const wire::KeysSet& in) {
    KeysSet out{from.key(in.cold()), from.key(in.hot()), {}};
    if (!in.vrf().empty()) out.vrf = from.key(in.vrf());
    return out;
}

OfferPost offer_post(FromWire& from, const wire::OfferPost& in) {
    return {from.amount(in.price_per_gflop()),
            in.segment_ms(),
            from.profile(in.profile()),
            in.memory_bytes(),
            in.flops_per_second(),
            in.slots(),
            from.amount(in.bond())};
}

VerdictReveal verdict_reveal(FromWire& from, const wire::VerdictReveal& in) {
    VerdictReveal out{from.id<base::AuditId>(in.audit()),
                      {from.verdict(in.kind()), from.optional_hash(in.end_root()),
                       from.optional_hash(in.cells_digest())},
                      from.hash(in.nonce()),
                      std::nullopt};
    if (!in.proof().empty()) out.proof = from.proof(in.proof());
    return out;
}

ChallengeOpen challenge_open(FromWire& from, const wire::ChallengeOpen& in) {
    ChallengeOpen out;
    if (in.kind() < wire::DISPUTE_TARGET_SEGMENT || in.kind() > wire::DISPUTE_TARGET_INIT) {
        from.ok = false;
        return out;
    }
    out.target.kind = static_cast<DisputeTarget>(in.kind());
    out.target.part = from.id<base::PartId>(in.part());
    out.target.segment = in.segment();
    out.target.job = {from.optional_hash(in.job())};
    out.target.round = in.round();
    out.claimed = from.hash(in.claimed_root());
    out.nonce = from.hash(in.nonce());
    out.role = from.role(in.role());
    return out;
}

DisputeMove dispute_move(FromWire& from, const wire::DisputeMove& in) {
    return {from.id<base::DisputeId>(in.dispute()), from.bytes(in.move(), kMoveBytesMax)};
}

/// Nothing when no message is set.
std::optional<Message> message_of(FromWire& from, const wire::Body& body) {
    switch (body.message_case()) {
        case wire::Body::kKeysSet:
            return keys_set(from, body.keys_set());
        case wire::Body::kTransfer:
            return Transfer{from.id<base::AccountId>(body.transfer().to()),
                            from.amount(body.transfer().amount())};
        case wire::Body::kStakeBond:
            return StakeBond{from.role(body.stake_bond().role()),
                             from.amount(body.stake_bond().amount())};
        case wire::Body::kStakeUnbond:
            return StakeUnbond{from.role(body.stake_unbond().role()),
                               from.amount(body.stake_unbond().amount())};
        case wire::Body::kValidatorDeclare: {
            const auto& in = body.validator_declare();
            return ValidatorDeclare{from.profile(in.profile()), in.flops_per_second(),
                                    from.amount(in.weight_max()), in.away()};
        }
        case wire::Body::kValidatorReturn:
            return ValidatorReturn{};
        case wire::Body::kOfferPost:
            return offer_post(from, body.offer_post());
        case wire::Body::kOfferWithdraw:
            return OfferWithdraw{from.id<base::OfferId>(body.offer_withdraw().offer())};
        case wire::Body::kJobPost:
            return job_post(from, body.job_post());
        case wire::Body::kJobFund:
            return JobFund{from.id<base::JobId>(body.job_fund().job()),
                           from.amount(body.job_fund().amount())};
        case wire::Body::kJobCancel:
            return JobCancel{from.id<base::JobId>(body.job_cancel().job())};
        case wire::Body::kJobPause:
            return JobPause{from.id<base::JobId>(body.job_pause().job())};
        case wire::Body::kJobResume:
            return JobResume{from.id<base::JobId>(body.job_resume().job())};
        case wire::Body::kLeaseAccept:
            return LeaseAccept{from.id<base::JobId>(body.lease_accept().job()),
                               body.lease_accept().lane()};
        case wire::Body::kLeaseLeave:
            return LeaseLeave{from.id<base::LeaseId>(body.lease_leave().lease())};
        case wire::Body::kPartCommit:
            return part_commit(from, body.part_commit());
        case wire::Body::kPartRetract:
            return PartRetract{from.id<base::PartId>(body.part_retract().part())};
        case wire::Body::kEpochContribute:
            return epoch_contribute(from, body.epoch_contribute());
        case wire::Body::kSegmentDeliver:
            return segment_deliver(from, body.segment_deliver());
        case wire::Body::kVerdictSeal:
            return VerdictSeal{from.id<base::AuditId>(body.verdict_seal().audit()),
                               from.hash(body.verdict_seal().seal())};
        case wire::Body::kVerdictReveal:
            return verdict_reveal(from, body.verdict_reveal());
        case wire::Body::kCellsOpen:
            return cells_open(from, body.cells_open());
        case wire::Body::kPartClose:
            return part_close(from, body.part_close());
        case wire::Body::kMergePost: {
            const auto& in = body.merge_post();
            return MergePost{from.id<base::JobId>(in.job()), in.round(), from.hash(in.merge_root()),
                             from.receipt(in.has_receipt(), in.receipt())};
        }
        case wire::Body::kEquivocationReport:
            return EquivocationReport{from.bytes(body.equivocation_report().first()),
                                      from.bytes(body.equivocation_report().second())};
        case wire::Body::kConfess:
            return Confess{from.id<base::PartId>(body.confess().part())};
        case wire::Body::kChunkAsk:
            return ChunkAsk{from.target(body.chunk_ask().has_target(), body.chunk_ask().target()),
                            body.chunk_ask().chunk()};
        case wire::Body::kChunkAnswer:
            return chunk_answer(from, body.chunk_answer());
        case wire::Body::kStateAsk:
            return StateAsk{from.target(body.state_ask().has_target(), body.state_ask().target())};
        case wire::Body::kStateAnswer:
            return StateAnswer{from.hash(body.state_answer().question()),
                               from.bytes(body.state_answer().bytes(), kAnswerBytesMax)};
        case wire::Body::kStateNext:
            return StateNext{from.hash(body.state_next().question()), body.state_next().child()};
        case wire::Body::kStateShow:
            return state_show(from, body.state_show());
        case wire::Body::kChallengeSeal:
            return ChallengeSealPost{from.hash(body.challenge_seal().digest())};
        case wire::Body::kChallengeOpen:
            return challenge_open(from, body.challenge_open());
        case wire::Body::kDisputeMove:
            return dispute_move(from, body.dispute_move());
        case wire::Body::kDisputeConcede:
            return DisputeConcede{from.id<base::DisputeId>(body.dispute_concede().dispute())};
        case wire::Body::MESSAGE_NOT_SET:
            return std::nullopt;
    }
    return std::nullopt;
}

/// Parses `bytes` into `out`; true when they are its one encoding.
template <class M>
bool parse(M& out, ByteView bytes) {
    // protobuf writes a line about text that is not UTF-8; strangers must not be able to fill a
    // log.
    [[maybe_unused]] static const auto loud = google::protobuf::SetLogHandler(nullptr);
    if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
    out.DiscardUnknownFields();
    const std::string again = serialise(out);
    return std::equal(again.begin(), again.end(), bytes.begin(), bytes.end(),
                      [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

}  // namespace

base::Bytes build_transaction(const TransactionHeader& header, const Message& message,
                              const base::SecretKey& key) {
    wire::Body body;
    body.set_chain_id(text(header.chain_id));
    body.set_app_version(header.app_version);
    body.set_account(text(header.account));
    body.set_nonce_lane(header.nonce_lane);
    body.set_nonce(header.nonce);
    body.set_valid_until(header.valid_until.value);
    body.set_fee_limit(header.fee_limit.grains());
    std::visit(ToWire{body}, message);
    wire::SignedTransaction out;
    out.set_body(serialise(body));
    out.set_signature(blob(key.sign(kTransactionDomain, header.chain_id, view(out.body())).bytes));
    const std::string raw = serialise(out);
    return {raw.begin(), raw.end()};
}

tl::expected<Transaction, Refusal> decode_transaction(ByteView raw) {
    if (raw.size() > kTransactionBytesMax) return tl::unexpected(Refusal::oversize);
    wire::SignedTransaction outer;
    if (!parse(outer, raw)) return tl::unexpected(Refusal::malformed);
    wire::Body body;
    if (!parse(body, view(outer.body()))) return tl::unexpected(Refusal::malformed);
    FromWire from;
    Transaction out;
    out.header.chain_id = from.hash(body.chain_id());
    out.header.app_version = body.app_version();
    out.header.account = from.id<base::AccountId>(body.account());
    out.header.nonce_lane = body.nonce_lane();
    out.header.nonce = body.nonce();
    out.header.valid_until = {body.valid_until()};
    out.header.fee_limit = from.amount(body.fee_limit());
    out.signature = from.signature(outer.signature());
    auto message = message_of(from, body);
    if (!message || !from.ok) return tl::unexpected(Refusal::malformed);
    if (from.weak) return tl::unexpected(Refusal::weak_key);
    out.message = std::move(*message);
    out.body = from.bytes(outer.body());
    out.id = {base::sha256(raw)};
    return out;
}

}  // namespace assay::market
