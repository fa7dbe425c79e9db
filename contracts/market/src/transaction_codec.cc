// The only file that knows protobuf: plain messages <-> bytes, by the fields that each message
// lists: the first is number 1 on the wire, and so on. Decoding is strict by construction: what was
// read is written again in canonical form (deterministic, unknown fields dropped) and must give the
// same bytes.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "assay/market/v1/transaction.pb.h"
#include "base/archive.h"
#include "base/check.h"
#include "market/transactions.h"

namespace assay::market {

namespace {

namespace wire = assay::market::v1;
namespace pb = google::protobuf;
using base::ByteView;

constexpr std::size_t kProfileMax = 32;
constexpr std::size_t kPathMax = 64;
constexpr std::size_t kSegmentsMax = 1U << 14U;
constexpr int kFirstMessage = 16;  ///< field number of the first kind of message in a body

/// Structs whose fields stand among those of the message that has them.
template <class T>
inline constexpr bool kFlat = std::is_same_v<T, Verdict> || std::is_same_v<T, base::ChunkProof> ||
                              std::is_same_v<T, ChallengeTarget>;
/// Keys, signatures and proofs: bytes of a fixed number.
template <class T>
concept Sized = requires(const T& value) {
    value.bytes.size();
    value.view();
}
&&!base::Fielded<T>;

/// Whether zeros in this field are absent. Written out they would be another spelling of absent.
template <class T>
constexpr bool absent_when_zero(std::string_view field) {
    if constexpr (std::is_same_v<T, KeysSet>) return field == "vrf";
    if constexpr (std::is_same_v<T, PartCommit>) return field == "payload_root";
    if constexpr (std::is_same_v<T, Verdict>) return true;
    if constexpr (std::is_same_v<T, ChallengeTarget>) return field == "job";
    return false;
}

// ---- Plain to wire ----

template <class Bytes>
std::string blob(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ToWire {
  public:
    explicit ToWire(pb::Message& out)
        : out_(out), fields_(*out.GetDescriptor()), set_(*out.GetReflection()) {}

    template <base::Fielded T>
    void all(const T& value) {
        std::size_t i = 0;
        std::apply(
            [&](const auto&... field) {
                (one(field, absent_when_zero<T>(base::kNamesOf<T>[i++])), ...);
            },
            value.fields());
    }

  private:
    const pb::FieldDescriptor* next() { return fields_.FindFieldByNumber(++number_); }

    template <class T>
    void one(const T& value, bool absent_zero) {
        if constexpr (kFlat<T>)
            all(value);
        else if constexpr (std::is_same_v<T, bool>)
            set_.SetBool(&out_, next(), value);
        else if constexpr (std::is_same_v<T, std::uint32_t>)
            set_.SetUInt32(&out_, next(), value);
        else if constexpr (std::is_same_v<T, std::uint64_t>)
            set_.SetUInt64(&out_, next(), value);
        else if constexpr (std::is_same_v<T, base::Amount>)
            set_.SetUInt64(&out_, next(), value.grains());
        else if constexpr (base::kIsCount<T>)
            set_.SetUInt64(&out_, next(), value.value);
        else if constexpr (std::is_enum_v<T>)
            set_.SetEnumValue(&out_, next(), static_cast<int>(value));
        else if constexpr (base::Fielded<T>)
            ToWire(*set_.MutableMessage(&out_, next())).all(value);
        else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, base::Bytes>)
            set_.SetString(&out_, next(), blob(value));
        else if constexpr (requires { value.is_zero(); })
            set_.SetString(&out_, next(), absent_zero && value.is_zero() ? "" : blob(value.view()));
        else
            set_.SetString(&out_, next(), blob(value.view()));
    }
    template <class T>
    void one(const std::optional<T>& value, bool) {
        if (value)
            one(*value, false);
        else
            next();
    }
    void one(const std::vector<base::Hash>& list, bool) {
        const auto* field = next();
        for (const base::Hash& item : list) set_.AddString(&out_, field, blob(item.view()));
    }
    void one(const std::vector<SegmentLeaf>& list, bool) {
        const auto* field = next();
        for (const SegmentLeaf& item : list) ToWire(*set_.AddMessage(&out_, field)).all(item);
    }

    pb::Message& out_;
    const pb::Descriptor& fields_;
    const pb::Reflection& set_;
    int number_ = 0;
};

/// Fields in ascending order, no map, nothing unknown: with these messages that is one encoding.
std::string serialise(const pb::MessageLite& message) {
    std::string out;
    {
        pb::io::StringOutputStream stream(&out);
        pb::io::CodedOutputStream coded(&stream);
        coded.SetSerializationDeterministic(true);
        ASSAY_CHECK(message.SerializeToCodedStream(&coded));
    }
    return out;
}

// ---- Wire to plain ----

/// What was wrong so far, as in base::Decoder: one flag for all.
struct Faults {
    bool malformed = false;
    bool weak = false;  ///< a key of the right length is no point that a key may be
};

class FromWire {
  public:
    FromWire(const pb::Message& in, Faults& faults)
        : in_(in), fields_(*in.GetDescriptor()), get_(*in.GetReflection()), faults_(faults) {}

    template <base::Fielded T>
    void all(T& value) {
        std::size_t i = 0;
        std::apply(
            [&](auto&... field) { (one(field, absent_when_zero<T>(base::kNamesOf<T>[i++])), ...); },
            value.fields());
    }

  private:
    const pb::FieldDescriptor* next() { return fields_.FindFieldByNumber(++number_); }

    /// Nothing is a fault.
    template <class T>
    void take(T& value, std::optional<T> read) {
        if (read)
            value = *read;
        else
            faults_.malformed = true;
    }

    template <class T>
    void one(T& value, bool absent_zero) {
        if constexpr (kFlat<T>) {
            all(value);
        } else if constexpr (std::is_same_v<T, bool>) {
            value = get_.GetBool(in_, next());
        } else if constexpr (std::is_same_v<T, std::uint32_t>) {
            value = get_.GetUInt32(in_, next());
        } else if constexpr (std::is_same_v<T, std::uint64_t>) {
            value = get_.GetUInt64(in_, next());
        } else if constexpr (std::is_same_v<T, base::Amount>) {
            take(value, base::Amount::checked(get_.GetUInt64(in_, next())));
        } else if constexpr (base::kIsCount<T>) {
            value = {get_.GetUInt64(in_, next())};
        } else if constexpr (std::is_enum_v<T>) {
            const int number = get_.GetEnumValue(in_, next());
            const bool small = number >= 0 && number <= 0xff;
            take(value,
                 small ? base::enum_from<T>(static_cast<std::uint8_t>(number)) : std::nullopt);
        } else if constexpr (base::Fielded<T>) {
            const auto* field = next();
            if (!get_.HasField(in_, field)) faults_.malformed = true;
            FromWire(get_.GetMessage(in_, field), faults_).all(value);
        } else {
            bytes(value, get_.GetString(in_, next()), absent_zero);
        }
    }
    template <class T>
    void one(std::optional<T>& value, bool) {
        const auto* field = fields_.FindFieldByNumber(number_ + 1);
        const bool present = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE
                                 ? get_.HasField(in_, field)
                                 : !get_.GetString(in_, field).empty();
        if (present)
            one(value.emplace(), false);
        else
            next();
    }
    void one(std::vector<base::Hash>& list, bool) {
        const auto* field = next();
        for (int i = 0; i < get_.FieldSize(in_, field); ++i)
            bytes(list.emplace_back(), get_.GetRepeatedString(in_, field, i), false);
    }
    void one(std::vector<SegmentLeaf>& list, bool) {
        const auto* field = next();
        for (int i = 0; i < get_.FieldSize(in_, field); ++i)
            FromWire(get_.GetRepeatedMessage(in_, field, i), faults_).all(list.emplace_back());
    }

    template <class T>
    void bytes(T& value, const std::string& in, bool absent_zero) {
        const ByteView view = base::view_of(in);
        if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, base::Bytes>) {
            value = {in.begin(), in.end()};
        } else if (absent_zero && in.empty()) {
            value = {};
        } else if constexpr (std::is_same_v<T, base::PublicKey>) {
            const auto key = base::public_key_from_bytes(view);
            if (!key && in.size() == value.bytes.size())
                faults_.weak = true;
            else
                take(value, key);
        } else if constexpr (std::is_same_v<T, base::Signature>) {
            take(value, base::signature_from_bytes(view));
        } else if constexpr (std::is_same_v<T, base::VrfProof>) {
            take(value, base::vrf_proof_from_bytes(view));
        } else {
            const auto hash = base::hash_from_bytes(view);
            if (!hash || (absent_zero && hash->is_zero())) faults_.malformed = true;
            value = {hash.value_or(base::Hash{})};
        }
    }

    const pb::Message& in_;
    const pb::Descriptor& fields_;
    const pb::Reflection& get_;
    Faults& faults_;
    int number_ = 0;
};

// ---- Bounds that the fields' types do not have ----

bool is_profile(const std::string& text) { return !text.empty() && text.size() <= kProfileMax; }
bool holds(const base::Bytes& bytes, std::size_t most) {
    return !bytes.empty() && bytes.size() <= most;
}
/// Only a round's merge and a segment's start are numbered.
bool is_target(const StoredTarget& target) {
    return target.number == 0 || target.kind == StoredKind::merge ||
           target.kind == StoredKind::start;
}

struct WithinBounds {
    bool operator()(const ValidatorDeclare& m) const { return is_profile(m.profile); }
    bool operator()(const OfferPost& m) const { return is_profile(m.profile); }
    bool operator()(const SegmentDeliver& m) const { return m.path.size() <= kPathMax; }
    bool operator()(const CellsOpen& m) const { return m.cells.size() == kCells; }
    bool operator()(const PartClose& m) const { return m.leaves.size() <= kSegmentsMax; }
    bool operator()(const ChunkAsk& m) const { return is_target(m.target); }
    bool operator()(const StateAsk& m) const { return is_target(m.target); }
    bool operator()(const ChunkAnswer& m) const {
        return holds(m.bytes, base::kBlobChunkBytes) && m.proof.path.size() <= kPathMax;
    }
    bool operator()(const StateShow& m) const {
        return holds(m.bytes, base::kBlobChunkBytes) && m.proof.path.size() <= kPathMax;
    }
    bool operator()(const StateAnswer& m) const { return holds(m.bytes, kAnswerBytesMax); }
    bool operator()(const DisputeMove& m) const { return holds(m.move, kMoveBytesMax); }
    /// A cell is never challenged: controls are drawn.
    bool operator()(const ChallengeOpen& m) const { return m.target.kind != DisputeTarget::cell; }
    bool operator()(const auto&) const { return true; }
};

/// Parses `bytes` into `out`; true when they are its one encoding.
template <class M>
bool parse(M& out, ByteView bytes) {
    // protobuf writes a line about text that is not UTF-8; strangers must not be able to fill a
    // log.
    [[maybe_unused]] static const auto loud = pb::SetLogHandler(nullptr);
    if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
    out.DiscardUnknownFields();
    const std::string again = serialise(out);
    return std::equal(again.begin(), again.end(), bytes.begin(), bytes.end(),
                      [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

/// The alternative with this index, its fields as they are by default.
template <std::size_t I = 0>
Message message_at(std::size_t index) {
    if constexpr (I + 1 < std::variant_size_v<Message>)
        if (index != I) return message_at<I + 1>(index);
    return Message{std::in_place_index<I>};
}

}  // namespace

base::Bytes build_transaction(const TransactionHeader& header, const Message& message,
                              const base::SecretKey& key) {
    wire::Body body;
    ToWire(body).all(header);
    const auto* field =
        body.GetDescriptor()->FindFieldByNumber(kFirstMessage + static_cast<int>(message.index()));
    ToWire out_message(*body.GetReflection()->MutableMessage(&body, field));
    std::visit([&](const auto& m) { out_message.all(m); }, message);
    wire::SignedTransaction out;
    out.set_body(serialise(body));
    out.set_signature(
        blob(key.sign(kTransactionDomain, header.chain_id, base::view_of(out.body())).bytes));
    const std::string raw = serialise(out);
    return {raw.begin(), raw.end()};
}

tl::expected<Transaction, Refusal> decode_transaction(ByteView raw) {
    if (raw.size() > kTransactionBytesMax) return tl::unexpected(Refusal::oversize);
    wire::SignedTransaction outer;
    if (!parse(outer, raw)) return tl::unexpected(Refusal::malformed);
    wire::Body body;
    if (!parse(body, base::view_of(outer.body()))) return tl::unexpected(Refusal::malformed);
    const auto* field =
        body.GetReflection()->GetOneofFieldDescriptor(body, body.GetDescriptor()->oneof_decl(0));
    const auto signature = base::signature_from_bytes(base::view_of(outer.signature()));
    if (field == nullptr || !signature) return tl::unexpected(Refusal::malformed);
    Faults faults;
    Transaction out;
    FromWire(body, faults).all(out.header);
    out.message = message_at(static_cast<std::size_t>(field->number() - kFirstMessage));
    FromWire from_message(body.GetReflection()->GetMessage(body, field), faults);
    std::visit([&](auto& m) { from_message.all(m); }, out.message);
    if (faults.malformed || !std::visit(WithinBounds{}, out.message))
        return tl::unexpected(Refusal::malformed);
    if (faults.weak) return tl::unexpected(Refusal::weak_key);
    out.signature = *signature;
    out.body = {outer.body().begin(), outer.body().end()};
    out.id = {base::sha256(raw)};
    return out;
}

}  // namespace assay::market
