#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/ids.h"
#include "base/signature.h"
#include "evidence/evidence.h"
#include "market/jobs.h"

/// Certificates: everything that is needed to check offline that a model came from a job
/// (docs/formats/certificate.md). No network, no node.
namespace assay::certificate {

struct Certificate {
    evidence::Evidence evidence;
    std::vector<base::Hash> other_tensor_roots;  ///< of the final state's tensors that are not
                                                 ///< weights, in program order
    base::Hash model_root;
    bool operator==(const Certificate&) const = default;
};

/// Why a certificate is refused: the first check that failed.
enum class Problem : std::uint8_t {
    malformed = 1,  ///< not the canonical bytes of a certificate
    unknown_version = 2,
    unexpected = 3,  ///< of another chain, operator or job than the caller asked for
    signature = 4,   ///< the operator of the genesis did not sign the head
    log = 5,         ///< a transaction is not in the signed log
    keys = 6,        ///< a transaction is not signed by a key that leads back to its account
    job = 7,         ///< a history that its parties did not sign
    history = 8,     ///< entries that contradict each other or the end
    epochs = 9,      ///< commitments that are not shown, or that nobody contributed to
    draws = 10,      ///< somebody was drawn and did not judge, or judged and was not drawn
    program = 11,    ///< the spec compiles to no program
    init = 12,       ///< the program's init part gives another state
    model = 13,      ///< the files are not the model of the final state
    trust = 14,      ///< the keys that the reader trusts prove nothing, or speak against it
    files = 15,      ///< something could not be read or written
    replay = 16,     ///< a segment or merge that was recomputed ends elsewhere
};
std::string_view to_word(Problem problem);

struct Failure {
    Problem problem;
    std::string detail;  ///< one sentence for people
};
template <class T>
using Result = tl::expected<T, Failure>;

inline constexpr std::size_t kCertificateBytesMax = std::size_t{256} << 20U;
/// Requires parts within the decoder's limits.
base::Bytes encode(const Certificate& certificate);
Result<Certificate> decode(base::ByteView bytes);

/// What a certificate says whose every check passed.
struct Report {
    evidence::Facts facts;
    /// Segments that the model rests on; of these, those with a `valid` of anybody.
    std::uint64_t segments = 0, audited = 0;
    base::Hash model_root;
    bool model_checked = false;
    /// What the reader's own keys say. Without them nothing is proved: the operator introduced
    /// whoever signed.
    std::optional<evidence::Weighed> weighed;
    std::string statement;                ///< one sentence
    std::vector<std::string> not_proved;  ///< sentences
};

struct VerifyOptions {
    unsigned threads = 1;
    /// What the caller knows from elsewhere.
    std::optional<base::Hash> chain_id;
    std::optional<base::PublicKey> operator_key;
    std::optional<base::JobId> job;
    /// Keys that the caller trusts. With it a certificate is refused that they do not prove.
    std::optional<std::vector<evidence::Trusted>> trust;
    /// Holds model.safetensors and config.json; nothing: the model is not looked at.
    std::optional<std::filesystem::path> model;
};
Result<Report> verify(base::ByteView bytes, const VerifyOptions& options);

/// Reads the final checkpoint, writes the model's two files into `model_directory` and gives the
/// certificate. It has passed `verify`: what a node has said wrongly is found here.
Result<base::Bytes> make(const evidence::Evidence& evidence,
                         const std::filesystem::path& final_checkpoint,
                         const std::filesystem::path& model_directory, unsigned threads = 1);

/// Where checkpoints can be had: writes the blob into the file. False when it is not there.
using Fetch = std::function<bool(const base::BlobRoot& blob, const std::filesystem::path& file)>;
struct ReplayOptions {
    std::filesystem::path dataset;  ///< the job's data blob
    Fetch fetch;
    std::uint64_t segments =
        1;  ///< how many at most; merges in the same proportion, that of the last round always
    base::Hash seed;                ///< chooses them: nobody else may know it before
    std::filesystem::path scratch;  ///< folder for checkpoints
    unsigned threads = 1;
};
struct Replayed {
    std::uint64_t segments = 0,
                  segments_all =
                      0;  ///< recomputed, and as the certificate says; all that the model rests on
    std::uint64_t merges = 0, merges_all = 0;
    std::vector<base::BlobRoot> missing;  ///< checkpoints and payloads of what was chosen that
                                          ///< could not be had; then nothing is shown
};
/// Recomputes segments and merges of a certificate that `verify` accepted: segments from the
/// checkpoints at which their parts start, merges from the round's opening and what its members
/// brought.
Result<Replayed> replay(const evidence::Facts& facts, const ReplayOptions& options);
/// "5 of 8 segments, 2 of 3 merges".
std::string to_text(const Replayed& replayed);

}  // namespace assay::certificate
