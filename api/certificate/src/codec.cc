#include "base/encoding.h"
#include "certificate/certificate.h"

namespace assay::certificate {
namespace {

constexpr std::string_view kMagic = "assay.certificate";
constexpr std::uint32_t kVersion = 2;
constexpr std::uint32_t kTensorsMax = 1U << 20U;

Failure malformed(const char* detail) { return {Problem::malformed, detail}; }

}  // namespace

std::string_view to_word(Problem problem) {
    switch (problem) {
        case Problem::malformed:
            return "malformed";
        case Problem::unknown_version:
            return "unknown_version";
        case Problem::unexpected:
            return "unexpected";
        case Problem::signature:
            return "signature";
        case Problem::log:
            return "log";
        case Problem::keys:
            return "keys";
        case Problem::job:
            return "job";
        case Problem::history:
            return "history";
        case Problem::epochs:
            return "epochs";
        case Problem::draws:
            return "draws";
        case Problem::program:
            return "program";
        case Problem::init:
            return "init";
        case Problem::model:
            return "model";
        case Problem::trust:
            return "trust";
        case Problem::files:
            return "files";
        case Problem::replay:
            return "replay";
    }
    return "unknown";
}

base::Bytes encode(const Certificate& certificate) {
    base::Encoder out;
    out.raw(base::view_of(kMagic)).u32(kVersion);
    evidence::write(out, certificate.evidence);
    out.u32(static_cast<std::uint32_t>(certificate.other_tensor_roots.size()));
    for (const base::Hash& root : certificate.other_tensor_roots) out.hash(root);
    out.hash(certificate.model_root);
    return out.take();
}

Result<Certificate> decode(base::ByteView bytes) {
    if (bytes.size() > kCertificateBytesMax)
        return tl::unexpected(malformed("the certificate is too long"));
    base::Decoder in(bytes);
    const base::Bytes magic = in.raw(kMagic.size());
    if (magic != base::Bytes(kMagic.begin(), kMagic.end()))
        return tl::unexpected(malformed("this is no certificate"));
    const std::uint32_t version = in.u32();
    if (in.ok() && version != kVersion) {
        return tl::unexpected(
            Failure{Problem::unknown_version,
                    "certificates of version " + std::to_string(version) + " are not known"});
    }
    Certificate out;
    out.evidence = evidence::read(in);
    const std::uint32_t tensors = in.length(kTensorsMax);
    for (std::uint32_t i = 0; i < tensors && in.ok(); ++i)
        out.other_tensor_roots.push_back(in.hash());
    out.model_root = in.hash();
    if (!in.finished())
        return tl::unexpected(malformed(
            "the certificate is cut off, has bytes left over, or a length beyond its limit"));
    return out;
}

}  // namespace assay::certificate
