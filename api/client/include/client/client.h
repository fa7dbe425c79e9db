#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/bytes.h"
#include "base/chunk_tree.h"
#include "base/ids.h"
#include "base/signature.h"
#include "market/genesis.h"
#include "market/job_spec.h"
#include "market/objects.h"
#include "market/rules.h"

/// Everything that speaks to a node over REST: workers, validators and the command line use only
/// this.
namespace assay::client {

/// Why a call failed. `status` is the HTTP status, or 0 when no (usable) answer came. `code` is a
/// word of the closed table in docs/api.md (a market refusal, an API code), or one of the client's
/// own: "unreachable", "timeout", "bad_answer", "bad_blob", "file".
struct ClientError {
    int status = 0;
    std::string code;
    std::string detail;
    /// "503 busy: ..." for people.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool not_found() const { return status == 404; }
};

template <class T>
using Result = tl::expected<T, ClientError>;

struct ClientOptions {
    std::chrono::milliseconds connect_timeout{2000};
    std::chrono::milliseconds request_timeout{
        30000};  ///< of one attempt, apart from long polls and blobs
    /// How long a call keeps trying on connection refused or reset, 429 and 503. Zero: one attempt.
    std::chrono::milliseconds retry_for{60000};
    std::chrono::milliseconds backoff_first{50}, backoff_max{2000};
    /// Asked before each wait; true ends the call at once with the last error. For programs that
    /// must stop promptly.
    std::function<bool()> stop;
    /// Told before each wait why the call must be repeated, so that a person knows what the program
    /// waits for.
    std::function<void(const ClientError&)> waiting;
};

/// Height, index of an event. "0:0" is before everything; text form "H:I".
struct Cursor {
    std::uint64_t height = 0;
    std::uint32_t index = 0;
    auto operator<=>(const Cursor&) const = default;
    [[nodiscard]] std::string text() const;
};
std::optional<Cursor> cursor_from_text(std::string_view text);

struct EventRecord {
    Cursor cursor;
    base::TimeMs time;  ///< block time
    market::Event event;
    /// Value of an attribute, or "".
    [[nodiscard]] std::string_view get(std::string_view name) const;
};
struct EventPage {
    std::vector<EventRecord> events;
    Cursor next;  ///< ask again after this one
};

struct ChainInfo {
    base::Hash chain_id;
    base::PublicKey operator_key;
    base::Height height;
    base::Hash app_hash;
    base::TimeMs block_time;
    base::TimeMs live_time;
    base::Amount base_fee;
    std::uint32_t app_version = market::kAppVersion;
    market::Parameters parameters;
};

struct Submitted {
    base::TransactionId id;
    base::Height height;
    base::Amount fee;
    bool repeated = false;  ///< the node had it already
};

struct GameView {
    market::GameSubject subject;
    base::Bytes game;  ///< GameStatus::game
};

/// A blocking connection to one node. One request at a time per client object (calls from several
/// threads take turns); creating one is cheap and connects nothing. Keeps its connection alive
/// between calls. Every call has a deadline.
class Client {
  public:
    /// `url`: http://host:port. Anything else makes every call fail with code "bad_url".
    explicit Client(std::string url, ClientOptions options = {});
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    [[nodiscard]] const std::string& url() const;

    // Raw access.
    Result<nlohmann::json> get_json(std::string_view path);
    Result<nlohmann::json> post_json(std::string_view path, const nlohmann::json& body);
    Result<base::Bytes> get_bytes(std::string_view path,
                                  std::string_view accept = "application/octet-stream");

    // Transactions. Sends the same bytes again until it knows the outcome: the node is idempotent
    // by transaction id.
    Result<Submitted> submit_transaction(base::ByteView raw);

    // Events after a cursor, oldest first. Waits up to `wait` for the first one (long poll); an
    // empty page is a normal result.
    Result<EventPage> events(Cursor after, std::uint32_t limit = 500,
                             std::chrono::milliseconds wait = {});

    // Blobs. put_* give the node's signed receipt; both are idempotent and skip the transfer when
    // the node has the blob.
    Result<market::Receipt> put_blob(base::ByteView bytes);
    Result<market::Receipt> put_blob_file(const std::filesystem::path& file);
    /// The same where the file's root is known: nothing is read when the node has the blob.
    Result<market::Receipt> put_blob_file(const std::filesystem::path& file,
                                          const base::BlobRoot& root);
    Result<market::Receipt> blob_receipt(
        const base::BlobRoot& root);  ///< 404 when the node has not got it
    Result<bool> blob_exists(const base::BlobRoot& root);
    /// Downloads to `file` (first to `file`.part, resumed with Range), verifies the root, then
    /// renames. A present and right file is kept.
    Result<void> get_blob(const base::BlobRoot& root, const std::filesystem::path& file);
    Result<base::Bytes> get_blob_bytes(const base::BlobRoot& root,
                                       std::size_t size_max = 64U << 20U);

    // Typed objects: exact canonical bytes of the state, decoded by contracts/market.
    Result<ChainInfo> chain();
    Result<market::Account> account(const base::AccountId& id);
    Result<std::uint64_t> next_nonce(const base::AccountId& id, std::uint32_t nonce_lane = 0);
    Result<market::Job> job(const base::JobId& id);
    Result<market::JobSpec> job_spec(const base::JobId& id);
    Result<std::vector<market::Job>> jobs(std::string_view state = "");
    Result<std::vector<market::Lane>> lanes(const base::JobId& id);
    Result<market::Round> round(const base::JobId& id, std::uint32_t round);
    Result<std::vector<market::Part>> parts(const base::JobId& id);
    Result<std::vector<market::Audit>> job_audits(const base::JobId& id);
    /// Open questions: of a job, those that an account owes an answer to, those that it asked.
    Result<std::vector<market::Question>> job_questions(const base::JobId& id);
    Result<std::vector<market::Question>> questions_owed(const base::AccountId& obliged);
    Result<std::vector<market::Question>> questions_asked(const base::AccountId& asker);
    Result<market::Question> question(const base::Hash& id);
    /// QuestionStatus::question of an open state question: all that its next move needs.
    Result<base::Bytes> question_state(const base::Hash& id);
    /// 404 when the account has no open question.
    Result<market::QuestionDuty> question_duty(const base::AccountId& account);
    Result<market::Part> part(const base::PartId& id);
    Result<market::Lease> lease(const base::LeaseId& id);
    Result<std::vector<market::Lease>> leases_of(const base::AccountId& worker);
    Result<market::Audit> audit(const base::AuditId& id);
    Result<std::vector<market::Audit>> audits_of(const base::AccountId& validator);
    /// What is judged of a part, merge or initial state (by its commitment id), ascending by
    /// segment.
    Result<std::vector<market::Claim>> claims_of(const base::PartId& subject);
    Result<market::Claim> claim(const base::PartId& subject, std::uint32_t segment);
    /// Audits and controls of one claim, at most 200; of all claims of the subject when no segment
    /// is given.
    Result<std::vector<market::Audit>> audits_of_claim(const base::PartId& subject,
                                                       std::optional<std::uint32_t> segment);
    Result<std::vector<market::Offer>> offers();  ///< the 200 cheapest
    Result<std::vector<market::Offer>> offers_of(const base::AccountId& worker);
    Result<market::Epoch> epoch(std::uint64_t number);
    /// With what each has contributed.
    Result<std::vector<market::EpochMember>> epoch_members(std::uint64_t number);
    Result<market::EpochMember> epoch_member(std::uint64_t number,
                                             const base::AccountId& validator);
    Result<market::MergeRecord> merge(const base::JobId& id, std::uint32_t round);
    Result<market::Dispute> dispute(const base::DisputeId& id);
    /// Open ones that the account plays on that side.
    Result<std::vector<market::Dispute>> disputes_of(const base::AccountId& account,
                                                     market::Side side);
    Result<std::vector<market::Dispute>> disputes_of_job(const base::JobId& id, bool open);
    /// What an open dispute's game is about and where it stands.
    Result<GameView> game(const base::DisputeId& id);
    /// Who challenges a part's segment, a merge or an initial state (segment 0): one pool for each
    /// claimed root, at most 200.
    Result<std::vector<market::Pool>> pools_of(const base::PartId& part,
                                               std::optional<std::uint32_t> segment);
    Result<market::Pool> pool(const base::Hash& id);
    Result<std::vector<market::PoolMember>> pool_members(const base::Hash& id);
    /// 404 when the account plays no game.
    Result<market::GameLoad> game_load(const base::AccountId& account);
    Result<market::Stake> stake(const base::AccountId& id, market::Role role);
    Result<market::Validator> validator(const base::AccountId& id);
    /// 404 when the worker has shown nothing.
    Result<market::WorkRecord> work_record(const base::AccountId& worker);
    /// Encoded entries of a job's history from `first` on, all of them.
    Result<std::vector<base::Bytes>> history(const base::JobId& id, std::uint64_t first = 0);
    /// The encoded value of one key of the state (market/tables.h), as of the head.
    Result<base::Bytes> state_value(base::ByteView key);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace assay::client
