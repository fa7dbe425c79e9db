#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/amount.h"
#include "base/ids.h"
#include "base/schema.h"
#include "market/parties.h"
#include "market/referee.h"

/// Availability, questions about states, and games. Times are live time in ms since genesis.
namespace assay::market {

// ---- Availability

/// What somebody committed to and stored, and so who owes an answer about it.
ASSAY_ENUM(StoredKind,
           checkpoint = 1,  ///< end state of a part: its worker
           payload,         ///< payload of a part: its worker
           merge,           ///< merged state of a round: who posted it
           init,            ///< initial state of a job: the submitter
           data,  ///< dataset of a job: the submitter (chunks only: no root stands behind it but
                  ///< the blob's)
           start  ///< start state of a delivered segment: the part's worker
)

struct StoredTarget {
    StoredKind kind = StoredKind::checkpoint;
    base::Hash subject;        ///< part id, or job id for merge, init and data
    std::uint32_t number = 0;  ///< round of a merge, segment of a start; 0 otherwise
    ASSAY_FIELDS(StoredTarget, kind, subject, number)
};

/// Under this round challenges of a job's own blobs are listed: no round waits for them.
inline constexpr std::uint32_t kNoRound = 0xffffffff;

ASSAY_ENUM(
    QuestionKind,
    chunk = 1,  ///< one chunk of the blob
    state  ///< nodes of the tree that the root is of, down to a tile that the blob has otherwise
)

/// An open question about something stored. Gone when it is answered for good, vain or judged. For
/// a state question the referee's bytes are kept beside it, under the same id.
struct Question {
    base::Hash id;  ///< question_id
    QuestionKind kind = QuestionKind::chunk;
    StoredTarget target;
    std::uint64_t chunk = 0;  ///< which one is asked for
    base::BlobRoot blob;
    std::uint64_t bytes = 0;  ///< size of the blob
    base::Hash root;          ///< state: the root that was committed
    base::JobId job;
    std::uint32_t round = kNoRound;  ///< whose finality waits for it
    base::AccountId obliged;
    base::LeaseId lease;  ///< whose lock answers for it; zeros: the submitter's
    base::AccountId asker;
    base::Amount bond;                 ///< held here; goes to who answered, or back
    bool answered = false;             ///< state: it is the asker's turn
    std::uint32_t rounds = 0;          ///< state: answers so far
    base::AccountId answerer;          ///< of the last answer
    base::TimeMs opened_at, deadline;  ///< deadline of whose turn it is
    ASSAY_FIELDS(Question, id, kind, target, chunk, blob, bytes, root, job, round, obliged, lease,
                 asker, bond, answered, rounds, answerer, opened_at, deadline)
};
/// H("assay.chunk", kind, subject, number, chunk): one open question for one chunk.
base::Hash chunk_question_id(const StoredTarget& target, std::uint64_t chunk);
/// H("assay.question", kind, subject, number, asker): each asker asks for itself.
base::Hash state_question_id(const StoredTarget& target, const base::AccountId& asker);

/// Open questions of one account. Gone when all are zero.
struct QuestionDuty {
    base::AccountId account;
    std::uint32_t raised = 0;   ///< open, by this account
    std::uint32_t owed = 0;     ///< open, that this account is obliged to answer
    std::uint64_t owed_ms = 0;  ///< what answering all of those may take
    ASSAY_FIELDS(QuestionDuty, account, raised, owed, owed_ms)
};

// ---- Games

ASSAY_ENUM(DisputeTarget, segment = 1, merge,
           init,  ///< between an auditor that found the posted root and one that did not
           cell   ///< between an auditor and the one that controls it
)

/// What a challenge disputes. segment: `part` and `segment`, the rest zeros. merge: `part` is the
/// merge's commitment, with job and round.
struct ChallengeTarget {
    DisputeTarget kind = DisputeTarget::segment;
    base::PartId part;
    std::uint32_t segment = 0;  ///< within the part
    base::JobId job;
    std::uint32_t round = 0;
    ASSAY_FIELDS(ChallengeTarget, kind, part, segment, job, round)
};
/// H("assay.challenge", account, kind, part, segment, job, round, claimed root, nonce): binding by
/// the hash, hiding by the 32-byte nonce.
base::Hash challenge_digest(const base::AccountId& account, const ChallengeTarget& target,
                            const base::Hash& claimed, const base::Hash& nonce);

/// A challenge that is announced and not yet opened. Gone when it is opened or its time is over.
struct ChallengeSeal {
    base::AccountId account;
    std::uint64_t number = 0;  ///< among the account's
    base::Hash digest;
    base::Height height;  ///< it may be opened in a later block only
    base::TimeMs deadline;
    ASSAY_FIELDS(ChallengeSeal, account, number, digest, height, deadline)
};

/// Everybody who challenges the same thing with the same root. One plays; when it loses, by
/// whatever, the next 2, 4, 8 … play at once, each from the start: accomplices with the right root
/// who lose on purpose shield nothing, and cannot keep anybody out.
struct Pool {
    base::Hash id;  ///< pool_id
    ChallengeTarget target;
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    base::Hash claimed;
    base::Height opened_height;
    std::uint32_t members = 0;  ///< rows, numbered from 0
    std::uint32_t started = 0;  ///< members that play or have played: [0, started)
    std::uint32_t playing = 0;
    std::uint32_t batch = 1;  ///< how many start next
    ASSAY_FIELDS(Pool, id, target, job, round, lane, claimed, opened_height, members, started,
                 playing, batch)
};
/// H("assay.pool", part, segment, claimed root).
base::Hash pool_id(const ChallengeTarget& target, const base::Hash& claimed);

/// One who challenges with a bond. Key: pool, number.
struct PoolMember {
    base::Hash pool;
    std::uint32_t number = 0;
    base::AccountId account;
    Role role = Role::validator;  ///< whose stake the bond came from and returns to
    base::Amount bond;            ///< held here until it plays, then by its dispute
    base::Height sealed;          ///< who sealed before anything was public shares the bounty
    ASSAY_FIELDS(PoolMember, pool, number, account, role, bond, sealed)
};

ASSAY_ENUM(DisputeState, open = 1,
           upheld,    ///< the challenger won: the work is wrong
           rejected,  ///< the asserter won
           conceded,  ///< the asserter gave the work up before the first traced move
           dropped    ///< what it was about is void, or the job is over
)

/// One game. The bytes of the game are kept beside it, under the same id, while it is open.
struct Dispute {
    base::DisputeId id;
    DisputeTarget target = DisputeTarget::segment;
    DisputeState state = DisputeState::open;
    base::JobId job;
    std::uint32_t round = 0, lane = 0;
    base::PartId part;          ///< or the merge's or initial state's commitment
    std::uint32_t segment = 0;  ///< within the part
    base::LeaseId lease;        ///< of the asserter; zeros between auditors
    base::AccountId asserter;
    base::AccountId challenger;
    base::AuditId audit;          ///< the challenger's, whose lock is its bond; zeros: of a pool
    base::AuditId defended;       ///< init, cell: the asserter's audit, whose lock is its bond
    base::Hash pool;              ///< zeros: an auditor challenges
    Role role = Role::validator;  ///< of a pool: whose stake the bond returns to
    base::Amount bond;            ///< of a pool: held here
    base::Hash asserted;     ///< end field of the leaf, merged or initial root, hash of the cell
    base::Hash claimed;      ///< what the challenger found in its place
    std::uint32_t cell = 0;  ///< which of the cells
    Side turn = Side::asserter;
    bool traced = false;  ///< conceding costs everything from now on
    base::Height opened_height;
    base::TimeMs opened_at;
    base::TimeMs turn_since;
    base::TimeMs deadline;                             ///< of the side to move; 0: over
    std::uint64_t asserter_ms = 0, challenger_ms = 0;  ///< left on each clock when the turn began
    std::uint64_t planned_ms =
        0;  ///< of a replay: what it adds to the clocks of later games of its players
    std::uint32_t moves = 0;
    /// Fees of the moves that the two players of this game made: the winner's return to it.
    base::Amount asserter_spent, challenger_spent;
    ASSAY_FIELDS(Dispute, id, target, state, job, round, lane, part, segment, lease, asserter,
                 challenger, audit, defended, pool, role, bond, asserted, claimed, cell, turn,
                 traced, opened_height, opened_at, turn_since, deadline, asserter_ms, challenger_ms,
                 planned_ms, moves, asserter_spent, challenger_spent)
};
/// H("assay.dispute", cause, number): the cause is an audit, or a pool with the number of its
/// member.
base::DisputeId dispute_id(const base::Hash& cause, std::uint32_t number = 0);

/// What one account has to replay for its open games. Gone when there is none.
struct GameLoad {
    base::AccountId account;
    std::uint32_t games = 0;
    std::uint64_t planned_ms = 0;
    ASSAY_FIELDS(GameLoad, account, games, planned_ms)
};

}  // namespace assay::market
