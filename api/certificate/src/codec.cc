#include "base/encoding.h"
#include "certificate/certificate.h"

namespace assay::certificate {
namespace {

using base::Bytes;
using base::Decoder;
using base::Encoder;

constexpr std::string_view kMagic = "assay.certificate";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kHistoryMax = 1U << 20U;
constexpr std::size_t kEntryBytesMax = std::size_t{1} << 20U;
constexpr std::size_t kJobBytesMax = 64 * 1024;
constexpr std::uint32_t kSiblingsMax = 256;
constexpr std::uint32_t kTensorsMax = 1U << 20U;

template <class Array>
void read_array(Decoder& in, Array& out) {
    const Bytes raw = in.raw(out.size());
    if (raw.size() == out.size()) std::copy(raw.begin(), raw.end(), out.begin());
}

std::vector<base::Hash> read_hashes(Decoder& in, std::uint32_t count_max) {
    std::vector<base::Hash> out;
    const std::uint32_t count = in.length(count_max);
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) out.push_back(in.hash());
    return out;
}

void write_hashes(Encoder& out, const std::vector<base::Hash>& hashes) {
    out.u32(static_cast<std::uint32_t>(hashes.size()));
    for (const base::Hash& hash : hashes) out.hash(hash);
}

void write_roots(Encoder& out, const SignedRoots& roots) {
    out.count(roots.height).count(roots.time).hash(roots.state_root).hash(roots.log_root).u64(roots.log_size);
    out.hash(roots.params_id).raw(roots.signature.view());
}

SignedRoots read_roots(Decoder& in) {
    SignedRoots roots;
    roots.height = in.count_of<base::Height>();
    roots.time = in.count_of<base::TimeMs>();
    roots.state_root = in.hash();
    roots.log_root = in.hash();
    roots.log_size = in.u64();
    roots.params_id = in.hash();
    read_array(in, roots.signature.bytes);
    return roots;
}

Failure malformed(const char* detail) { return {Problem::malformed, detail}; }

}  // namespace

std::string_view to_word(Problem problem) {
    switch (problem) {
        case Problem::malformed: return "malformed";
        case Problem::unknown_version: return "unknown_version";
        case Problem::unexpected: return "unexpected";
        case Problem::signature: return "signature";
        case Problem::state_proof: return "state_proof";
        case Problem::job: return "job";
        case Problem::history: return "history";
        case Problem::program: return "program";
        case Problem::init: return "init";
        case Problem::model: return "model";
        case Problem::files: return "files";
    }
    return "unknown";
}

Bytes encode(const Certificate& certificate) {
    Encoder out;
    out.raw(base::view_of(kMagic)).u32(kVersion).hash(certificate.chain_id).raw(certificate.operator_key.view());
    out.bytes(certificate.spec).hash(certificate.program_root).hash(certificate.init_root);
    out.u32(static_cast<std::uint32_t>(certificate.history.size()));
    for (const Bytes& entry : certificate.history) out.bytes(entry);
    out.bytes(certificate.job);
    write_hashes(out, certificate.siblings);
    write_roots(out, certificate.signed_roots);
    write_hashes(out, certificate.other_tensor_roots);
    out.hash(certificate.model_root);
    return out.take();
}

Result<Certificate> decode(base::ByteView bytes) {
    if (bytes.size() > kCertificateBytesMax) return tl::unexpected(malformed("the certificate is too long"));
    Decoder in(bytes);
    const Bytes magic = in.raw(kMagic.size());
    if (magic != Bytes(kMagic.begin(), kMagic.end())) return tl::unexpected(malformed("this is no certificate"));
    const std::uint32_t version = in.u32();
    if (in.ok() && version != kVersion) {
        return tl::unexpected(Failure{Problem::unknown_version, "certificates of version " + std::to_string(version) + " are not known"});
    }
    Certificate out;
    out.chain_id = in.hash();
    read_array(in, out.operator_key.bytes);
    out.spec = in.bytes(market::kSpecBytesMax);
    out.program_root = in.hash();
    out.init_root = in.hash();
    const std::uint32_t entries = in.length(kHistoryMax);
    for (std::uint32_t i = 0; i < entries && in.ok(); ++i) out.history.push_back(in.bytes(kEntryBytesMax));
    out.job = in.bytes(kJobBytesMax);
    out.siblings = read_hashes(in, kSiblingsMax);
    out.signed_roots = read_roots(in);
    out.other_tensor_roots = read_hashes(in, kTensorsMax);
    out.model_root = in.hash();
    if (!in.finished()) return tl::unexpected(malformed("the certificate is cut off, has bytes left over, or a length beyond its limit"));
    return out;
}

}  // namespace assay::certificate
