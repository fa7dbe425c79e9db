#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/ids.h"
#include "base/signature.h"
#include "base/state_tree.h"
#include "ledger/block.h"
#include "market/job_spec.h"
#include "market/objects.h"

/// Certificates: everything that is needed to check offline that a model came from a job (docs/formats/certificate.md). No network, no node.
namespace assay::certificate {

/// The last head that the operator signed over the job's record, without what follows from its other fields.
struct SignedRoots {
    base::Height height;
    base::TimeMs time;
    base::Hash state_root, log_root;
    std::uint64_t log_size = 0;
    base::Hash params_id;
    base::Signature signature;
    bool operator==(const SignedRoots&) const = default;
};

struct Certificate {
    base::Hash chain_id;
    base::PublicKey operator_key;
    base::Bytes spec;                        ///< market::encode_spec
    base::Hash program_root, init_root;
    std::vector<base::Bytes> history;        ///< encoded market::JobHistoryEntry, all of them
    base::Bytes job;                         ///< encoded market::Job
    std::vector<base::Hash> siblings;        ///< of the job's entry in the state tree, from the root downwards
    SignedRoots signed_roots;
    std::vector<base::Hash> other_tensor_roots;  ///< of the final state's tensors that are not weights, in program order
    base::Hash model_root;
    bool operator==(const Certificate&) const = default;
};

/// Why a certificate is refused: the first check that failed.
enum class Problem : std::uint8_t {
    malformed = 1,       ///< not the canonical bytes of a certificate
    unknown_version = 2,
    unexpected = 3,      ///< of another chain, operator or job than the caller asked for
    signature = 4,       ///< the operator did not sign these roots for this chain
    state_proof = 5,     ///< the job's record is not in the signed state
    job = 6,             ///< the record does not belong to the spec or the roots beside it
    history = 7,         ///< entries are missing, changed, or contradict each other or the record
    program = 8,         ///< the spec compiles to another program root
    init = 9,            ///< the program's init part gives another state
    model = 10,          ///< the files are not the model of the final state
    files = 11,          ///< something could not be read or written
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

/// What a valid certificate says.
struct Report {
    base::Hash chain_id;
    base::PublicKey operator_key;
    base::Height height;
    base::TimeMs time;
    base::JobId job;
    base::AccountId submitter;
    market::JobState state = market::JobState::completed;
    std::uint32_t rounds = 0, final_rounds = 0;
    /// Segments of the members of final rounds: all of them, those that at least one auditor recomputed, and those that were drawn but found
    /// no auditor. The others were not drawn.
    std::uint64_t segments = 0, audited = 0, unaudited = 0;
    std::uint64_t slashes = 0;
    base::Hash spec_root, program_root, init_root, final_root, model_root;
    /// Sentences: what this certificate does not prove.
    std::vector<std::string> not_proved;
};

struct VerifyOptions {
    unsigned threads = 1;
    /// What the caller knows from elsewhere; without them the report says whom the certificate speaks for, and the caller judges.
    std::optional<base::Hash> chain_id;
    std::optional<base::PublicKey> operator_key;
    std::optional<base::JobId> job;
};

/// Checks everything; `model_directory` holds model.safetensors and config.json.
Result<Report> verify(base::ByteView bytes, const std::filesystem::path& model_directory, const VerifyOptions& options = {});

/// What a node says about a finished job, all from one snapshot.
struct Source {
    base::Hash chain_id;
    base::PublicKey operator_key;
    base::Bytes spec;
    base::Bytes job;                         ///< the state entry under market::job_key
    base::StateProof proof;                  ///< of that entry
    ledger::Head head;                       ///< that signs the proof's root
    std::vector<base::Bytes> history;        ///< entries [0, Job::history_count)
};

/// Reads the final checkpoint (blob Job::final_blob), writes the model's two files into `model_directory` and gives the certificate. It has
/// passed `verify`: what a node has said wrongly is found here.
Result<base::Bytes> make(const Source& source, const std::filesystem::path& final_checkpoint, const std::filesystem::path& model_directory,
                         unsigned threads = 1);

}  // namespace assay::certificate
