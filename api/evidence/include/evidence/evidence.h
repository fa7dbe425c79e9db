#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/encoding.h"
#include "base/ids.h"
#include "base/signature.h"
#include "ledger/block.h"
#include "market/draw.h"
#include "market/genesis.h"
#include "market/history.h"
#include "market/job_spec.h"

/// What the parties of a job have signed, as a certificate carries it
/// (docs/formats/certificate.md). Nothing here is believed because the operator says it, but for
/// the order of what others signed. Pure functions of bytes; no network, no node.
namespace assay::evidence {

/// The head under which everything is included, without what follows from its other fields.
struct SignedRoots {
    base::Height height;
    base::TimeMs time;
    base::Hash state_root, log_root;
    std::uint64_t log_size = 0;
    base::Hash params_id;
    base::Signature signature;  ///< the operator's
    bool operator==(const SignedRoots&) const = default;
};

/// A signed transaction that succeeded, with its place in the receipt log.
struct Recorded {
    base::Bytes raw;
    base::Height height;
    base::TimeMs time;
    std::uint32_t index = 0;  ///< within the block
    base::Amount fee;
    std::uint64_t log_index = 0;
    std::vector<base::Hash> path;  ///< of its receipt under the head's log root
    bool operator==(const Recorded&) const = default;
};

struct Member {
    base::AccountId validator;
    std::uint64_t weight = 0;
    bool operator==(const Member&) const = default;
};
struct Commitment {
    base::PartId id;
    base::JobId job;
    base::Hash root;
    bool operator==(const Commitment&) const = default;
};
/// A member that contributed and could not audit what was committed.
struct Barred {
    base::PartId commitment;
    base::AccountId validator;
    bool operator==(const Barred&) const = default;
};
/// Everything that c_e is over, and the log that its contributions sign.
struct Epoch {
    std::uint64_t number = 0;
    std::uint64_t log_size = 0;
    base::Hash log_root;
    std::vector<base::Hash> consistency;  ///< from that log to the head's
    std::uint64_t jailed_weight = 0;
    std::vector<Member> members;          ///< in the order in which they were listed
    std::vector<Commitment> commitments;  ///< ascending by id: of all jobs
    std::vector<Barred> barred;           ///< about this job's commitments
    bool operator==(const Epoch&) const = default;
};
/// A lease under which parts were committed. Its id is a hash of job, lane and number; the rate is
/// the operator's word, within bounds that follow from the signed spec
/// (docs/formats/certificate.md).
struct Lease {
    std::uint32_t lane = 0, number = 0;
    std::uint32_t rate_ppm = 0;
    bool operator==(const Lease&) const = default;
};

struct Evidence {
    base::Bytes genesis;  ///< market::encode_genesis: the chain id is its hash
    SignedRoots head;
    std::vector<base::Bytes> history;    ///< encoded market::JobHistoryEntry, all of them
    std::vector<Recorded> transactions;  ///< ascending by log index
    std::vector<Epoch> epochs;  ///< ascending: from the job's first to the one that its end joined
    std::vector<Lease> leases;  ///< ascending by lane and number
    bool operator==(const Evidence&) const = default;
};
void write(base::Encoder& out, const Evidence& evidence);
/// Reads within the limits of the format; the caller asks `in.finished()` or `in.ok()`.
Evidence read(base::Decoder& in);

/// One member in one draw.
struct Voice {
    base::AccountId validator;
    std::uint64_t weight = 0;
    bool present = false;  ///< contributed and could audit it
    bool drawn = false;
    std::optional<market::VerdictKind> verdict;  ///< of who was drawn; nothing: missed
};
/// One epoch that drew a segment or merge.
struct Draw {
    std::uint64_t epoch = 0;
    std::uint64_t exponent = 0;        ///< L(q), q as the operator states it
    std::uint64_t least_exponent = 0;  ///< L of the least rate that it can have had
    std::uint64_t weight = 0;          ///< W; 0: nobody could
    bool void_ = false;
    std::vector<Voice> voices;  ///< of all members
};
/// A segment of a final part, or the merge of a final round.
struct ClaimFacts {
    market::ClaimKind kind = market::ClaimKind::segment;
    std::uint32_t round = 0, lane = 0, segment = 0;  ///< segment within the round
    std::vector<Draw> draws;
    std::uint32_t attempts =
        0;  ///< draws of this place, void ones and those of other attempts included
};

/// A part that the model rests on, as whoever recomputes it needs it.
struct FinalPart {
    std::uint32_t round = 0, lane = 0, first_segment = 0;
    base::BlobRoot end_blob;
    base::Hash end_root;
    base::BlobRoot payload_blob;  ///< of the last part of a round of a job with merges
    base::Hash payload_root;
    std::vector<market::SegmentLeaf> leaves;
};

/// What holds if the signatures are those of independent people.
struct Facts {
    base::Hash chain_id;
    base::PublicKey operator_key;
    base::Height height;
    base::TimeMs time;
    base::JobId job;
    base::AccountId submitter;
    base::Bytes spec_bytes;
    market::JobSpec spec;
    base::Hash spec_root, program_root, init_root;
    market::JobClosed closed;
    std::vector<base::Hash> final_roots;  ///< after each final round
    std::uint64_t slashes = 0;
    std::vector<FinalPart> parts;  ///< by round, lane, part
    std::vector<base::BlobRoot>
        opening_blobs;  ///< of the final rounds: the initial state, then merges
    std::vector<std::vector<std::uint32_t>>
        members;  ///< lanes that entered each final round's merge
    std::vector<ClaimFacts> claims;
    std::uint64_t controls = 0;  ///< verdicts whose cells another validator recomputed
    std::uint32_t hidden_epochs =
        0;  ///< numbers between the first and the last epoch that the evidence does not show
    std::vector<std::set<base::AccountId>> contributors;  ///< per epoch shown
    std::set<base::AccountId> parties;  ///< submitter and workers: they may not audit the job
    std::uint32_t left_out = 0;         ///< lanes that a final round closed without
};

enum class Problem : std::uint8_t { signature = 1, log, keys, job, history, epochs, draws };
struct Failure {
    Problem problem;
    std::string detail;  ///< one sentence for people
};

/// `program_root`: what the spec compiles to; the job's id is over it.
tl::expected<Facts, Failure> check(const Evidence& evidence, const base::Hash& program_root);

/// A key that the reader trusts: the first cold key of a validator's account, which the account's
/// id is made of.
struct Trusted {
    base::Hash chain_id;
    base::PublicKey key;
    bool operator==(const Trusted&) const = default;
};
/// Lines `chain-id public-key` in hexadecimal; empty lines and those that begin with # say nothing.
tl::expected<std::vector<Trusted>, std::string> read_trust(std::string_view text);

/// What the trusted keys alone say. Chances are fractions of 2^64, rounded up.
struct Weighed {
    std::uint64_t segments = 0;
    std::uint64_t vouched = 0;   ///< segments with a `valid` of a trusted key
    std::uint64_t worst = 0;     ///< greatest chance that a fake passes one draw
    std::uint64_t attempts = 0;  ///< greatest number of draws of one place, hidden epochs included
    std::uint64_t chance = 0;    ///< 1 - (1 - worst)^attempts
    std::string sentence;
};
/// The error says why the keys prove nothing: none of the chain, none in some draw, or one that
/// calls the work wrong.
tl::expected<Weighed, std::string> weigh(const Facts& facts, const std::vector<Trusted>& trust);

}  // namespace assay::evidence
