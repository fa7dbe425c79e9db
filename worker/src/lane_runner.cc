#include "lane_runner.h"

#include <algorithm>

#include "agent/log.h"
#include "agent/stop.h"
#include "lane_files.h"
#include "part_training.h"

namespace assay::worker {

namespace {

using namespace std::chrono_literals;

/// Without an event the ledger is looked at this often: the reconciliation that makes a lost event
/// harmless.
constexpr auto kLookEvery = 2000ms;
/// After this many failures in a row the lease is left to its deadline rather than retried in a
/// tight loop for ever.
constexpr auto kTroubleWaitMax = 10'000ms;

agent::LogFields lane_fields(const base::JobId& job, std::uint32_t lane, std::uint32_t round) {
    return {{"job", agent::shortened(job.hex())},
            {"lane", std::to_string(lane)},
            {"round", std::to_string(round)}};
}

bool is_member(const market::Round& round, const base::LeaseId& lease) {
    return std::any_of(round.members.begin(), round.members.end(),
                       [&](const market::RoundMember& m) { return m.lease == lease; });
}

}  // namespace

bool owes_merge(const market::Job& job, const market::Round& round, const market::Lease& lease) {
    const bool waits = job.state == market::JobState::running && round.round == job.round &&
                       round.state == market::RoundState::closed;
    return waits && lease.state == market::LeaseState::ended && is_member(round, lease.id);
}

LaneRunner::LaneRunner(const WorkerSettings& settings, const agent::Identity& identity,
                       const PartStore& parts, const agent::BlobKeeper& keeper,
                       const base::LeaseId& lease, std::uint32_t nonce_lane,
                       std::unique_ptr<runtime::SegmentProducer> producer)
    : settings_(settings),
      identity_(identity),
      parts_(parts),
      lease_(lease),
      nonce_lane_(nonce_lane),
      folder_(settings.data_folder / "leases" / lease.hex()),
      producer_(std::move(producer)),
      node_(settings.node_url, agent::patient_options()),
      party_(identity_, node_, nonce_lane),
      cache_(folder_ / "jobs", settings.executor, replay::fetch_from(node_), 1),
      context_{settings_,  party_,
               parts_,     keeper,
               *producer_, cache_,
               folder_,    [this] { return abandoned_.load() || agent::stop_requested(); },
               {},         lease,
               0,          nullptr},
      suspicion_(folder_ / "suspected") {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    thread_ = std::thread([this] { run(); });
}

LaneRunner::~LaneRunner() {
    abandon();
    thread_.join();
}

void LaneRunner::wake() {
    {
        const std::lock_guard lock(mutex_);
        wake_ = true;
    }
    woken_.notify_one();
}

void LaneRunner::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, time, [this] { return wake_; });
    wake_ = false;
}

void LaneRunner::trouble(std::string_view event, const std::string& what) {
    ++troubles_;
    agent::log(agent::LogLevel::warning, event, what, {{"lease", agent::shortened(lease_.hex())}});
}

LaneRunner::Next LaneRunner::wait_for(const char* what, const replay::Unavailable& missing) {
    trouble("state.trouble", std::string(what) + ": " + missing.why);
    if (missing.need) suspicion_.missed(party_, *missing.need);
    return Next::wait;
}

void LaneRunner::run() {
    while (!context_.interrupted()) {
        const std::uint32_t before = troubles_;
        const Next next = step();
        if (next == Next::over) break;
        if (troubles_ == before) troubles_ = 0;
        if (next == Next::wait) {
            pause(troubles_ == 0
                      ? kLookEvery
                      : std::min<std::chrono::milliseconds>(troubles_ * 500ms, kTroubleWaitMax));
        }
    }
    // A stopped worker goes on here later; a lease that is over leaves nothing behind.
    if (!agent::stop_requested()) {
        std::error_code error;
        std::filesystem::remove_all(folder_, error);
    }
    finished_.store(true);
}

tl::expected<LaneRunner::Look, client::ClientError> LaneRunner::look() {
    Look seen;
    auto lease = node_.lease(lease_);
    if (!lease) return tl::unexpected(lease.error());
    auto job = node_.job(lease->job);
    if (!job) return tl::unexpected(job.error());
    seen.lease = std::move(*lease);
    seen.job = std::move(*job);
    auto lanes = node_.lanes(seen.job.id);
    if (!lanes) return tl::unexpected(lanes.error());
    for (market::Lane& lane : *lanes) {
        if (lane.lane == seen.lease.lane) seen.lane = std::move(lane);
    }
    if (seen.job.round < seen.job.shape.rounds) {
        auto round = node_.round(seen.job.id, seen.job.round);
        if (!round) return tl::unexpected(round.error());
        seen.opening.round = std::move(*round);
        if (seen.job.round > 0) {
            auto previous = node_.round(seen.job.id, seen.job.round - 1);
            if (!previous) return tl::unexpected(previous.error());
            seen.opening.previous_root = previous->opening_root;
        }
    }
    return seen;
}

LaneRunner::Next LaneRunner::step() {
    const auto seen = look();
    if (!seen) {
        if (seen.error().not_found()) return Next::over;
        trouble("node.trouble", seen.error().text());
        return Next::wait;
    }
    const bool works =
        seen->lease.state == market::LeaseState::active && seen->lane.lease == lease_;
    if (market::is_terminal(seen->job.state) ||
        !(works || owes_merge(seen->job, seen->opening.round, seen->lease))) {
        agent::log(agent::LogLevel::info, "lease.over",
                   "the lease is over: " + std::string(market::to_word(seen->lease.end)),
                   {{"lease", agent::shortened(lease_.hex())}});
        return Next::over;
    }
    if (seen->job.state != market::JobState::running || seen->job.round >= seen->job.shape.rounds)
        return Next::wait;
    if (context_.job == nullptr) {
        if (const auto opened = open_job(seen->job); !opened)
            return no_job(seen->job, opened.error());
        if (context_.job->program_root() != seen->job.program_root) return stop_as_unfit(seen->job);
        if (context_.job->initial_root() != seen->job.init_root) {
            context_.job = nullptr;
            leave("the job's initial state is not that of its spec");
            return Next::wait;
        }
    }
    switch (seen->opening.round.state) {
        case market::RoundState::open:
            return train(*seen);
        case market::RoundState::closed:
            return merge(*seen);
        case market::RoundState::merged:
        case market::RoundState::final:
        case market::RoundState::failed:
            return Next::wait;
    }
    return Next::wait;
}

tl::expected<void, std::string> LaneRunner::open_job(const market::Job& job) {
    auto spec = node_.job_spec(job.id);
    if (!spec) return tl::unexpected(spec.error().text());
    spec_ = std::move(*spec);
    auto opened = cache_.open(job.id, *spec_);
    if (!opened) return tl::unexpected(opened.error());
    context_.job = &opened->get();
    context_.job_id = job.id;
    const auto lease = node_.lease(lease_);
    if (!lease) {
        context_.job = nullptr;
        return tl::unexpected(lease.error().text());
    }
    context_.lane = lease->lane;
    keep_dataset(job);
    agent::log(agent::LogLevel::info, "lease.started", "works a lane",
               lane_fields(job.id, lease->lane, job.round));
    return {};
}

/// The submitter owes the data and may withhold it: who trained on it can still show it, and defend
/// what it made of it, until the job is over.
void LaneRunner::keep_dataset(const market::Job& job) {
    const std::filesystem::path link = folder_ / "dataset.kept";
    std::error_code error;
    std::filesystem::remove(link, error);
    std::filesystem::create_hard_link(cache_.folder_of(job.id) / "dataset", link, error);
    if (error) return trouble("job.trouble", link.string() + ": " + error.message());
    if (auto kept = context_.keeper.keep(job.id, job.shape.rounds, job.data_blob, link); !kept)
        trouble("job.trouble", kept.error());
}

/// The rules computed the program root from the same spec: this build is wrong, and what it would
/// train is worth nothing.
LaneRunner::Next LaneRunner::stop_as_unfit(const market::Job& job) {
    agent::log(agent::LogLevel::error, "build.wrong",
               "this build makes another program of the spec than the chain's rules: stops",
               {{"job", job.id.hex()},
                {"here", context_.job->program_root().hex()},
                {"chain", job.program_root.hex()}});
    context_.job = nullptr;
    agent::request_stop_as_unfit();
    return Next::over;
}

/// Where the data is missing, who owes it is asked, and leaving costs nothing while it is asked
/// for. Data that is there and does not open never will here.
LaneRunner::Next LaneRunner::no_job(const market::Job& job, const std::string& why) {
    trouble("job.trouble", why);
    suspicion_.missed(party_, replay::dataset_need(job));
    const auto there = node_.blob_exists(job.data_blob);
    if (there && *there && suspicion_.misses(job.data_blob) > agent::kMissesBeforeQuestion)
        leave("the job does not open here");
    return Next::wait;
}

/// The part that comes next, under the first attempt that the ledger does not have: what was rolled
/// back or taken back has used its number up.
std::optional<PartPlan> LaneRunner::plan_part(const Look& look) {
    PartPlan plan;
    plan.key.job = look.job.id;
    plan.key.round = look.job.round;
    plan.key.lane = look.lane.lane;
    plan.key.part = look.lane.committed_parts;
    plan.key.worker = identity_.account();
    plan.span = market::part_span(plan.key.part, look.job.shape.segments_per_round(),
                                  look.job.shape.part_segments);
    plan.opening = look.opening;
    plan.start_root = look.lane.next_start_root;
    plan.start_blob = look.lane.next_start_blob;
    constexpr std::uint32_t kAttemptsMax = 64;
    for (; plan.key.attempt < kAttemptsMax; ++plan.key.attempt) {
        const auto part = node_.part(market::part_id(identity_.chain_id(), plan.key));
        if (!part && !part.error().not_found()) {
            trouble("node.trouble", part.error().text());
            return std::nullopt;
        }
        if (!part) return plan;
        const bool used_up =
            part->state == market::PartState::retracted || part->state == market::PartState::void_;
        if (!used_up) return std::nullopt;  // committed meanwhile: look again
    }
    return std::nullopt;
}

/// Gives the lane to somebody else rather than break a rule, or wait for ever. Open parts are
/// judged first: leaving is no way out of an audit.
void LaneRunner::leave(const std::string& why) {
    const auto sent = party_.send(market::LeaseLeave{lease_});
    if (sent) {
        agent::log(agent::LogLevel::warning, "lease.left", why,
                   {{"lease", agent::shortened(lease_.hex())}});
    } else if (!agent::is_refusal(sent.error(), market::Refusal::parts_open)) {
        trouble("lease.trouble", why + ": " + sent.error().text());
    }
}

bool LaneRunner::may_train(const Look& look) {
    const bool may = look.lane.expected != 0;
    const market::LaneWait now = may ? market::LaneWait::none : look.lane.wait;
    const auto clock = std::chrono::steady_clock::now();
    if (now != wait_) {
        agent::LogFields fields = lane_fields(look.job.id, look.lane.lane, look.job.round);
        fields.emplace_back("reason", std::string(market::to_word(now)));
        const bool waits = now != market::LaneWait::none;
        agent::log(agent::LogLevel::info, waits ? "lane.waits" : "lane.goes_on",
                   waits ? "the audits of the next part are not paid for, or cannot be done yet"
                         : "the next part may be trained",
                   fields);
        if (wait_ == market::LaneWait::none) waits_since_ = clock;
        wait_ = now;
    }
    const bool waited =
        now != market::LaneWait::none && clock - waits_since_ >= settings_.leave_waiting_after;
    if (waited) leave("the lane has waited for its audits for too long: leaving costs nothing");
    return may;
}

/// A record for another start was refused when the lane was rolled back: it cannot be committed any
/// more, and two trees under one key are a double signature only where they start from one root. So
/// it makes room.
std::optional<PartRecord> LaneRunner::signed_record(const PartPlan& plan, const base::PartId& id) {
    auto kept = parts_.load(id);
    if (!kept) {
        trouble("record.damaged", kept.error());
        agent::request_stop();
        return std::nullopt;
    }
    if (*kept && (*kept)->start_root != plan.start_root) {
        parts_.remove(id);
        return std::nullopt;
    }
    return std::move(*kept);
}

LaneRunner::Next LaneRunner::train(const Look& look) {
    if (look.lane.committed_parts >= look.job.shape.parts_per_round()) return Next::wait;
    if (!may_train(look)) return Next::wait;
    auto plan = plan_part(look);
    if (!plan) return Next::wait;
    const base::PartId id = market::part_id(identity_.chain_id(), plan->key);
    if (auto kept = signed_record(*plan, id)) {
        // The store keeps for an hour what the ledger does not name yet.
        if (!renew_receipts(*kept))
            trouble("upload.trouble", "what a signed commitment names could not be stored again");
        return commit(*plan, id, std::move(*kept));
    }
    if (context_.interrupted()) return Next::again;

    if (auto got = need_opening(context_, states_, plan->opening); !got)
        return wait_for("opening state", got.error());
    if (auto got = need_start(context_, states_, *plan); !got)
        return wait_for("start state", got.error());
    auto trained = train_part(context_, states_, *plan);
    if (!trained) {
        trouble("training.trouble", trained.error());
        return Next::wait;
    }
    if (!*trained) return Next::again;  // interrupted: the loop sees why
    while (true) {
        const auto uploaded = upload_part(context_, states_, *plan, **trained);
        if (uploaded) break;
        trouble("upload.trouble", uploaded.error());
        if (context_.interrupted()) return Next::again;
        pause(1000ms);
    }
    if (auto saved = parts_.save(id, (*trained)->record); !saved) {
        trouble("record.trouble", saved.error());
        return Next::wait;
    }
    return commit(*plan, id, std::move((*trained)->record));
}

/// Receipts run out, and so does what nobody names: what a worker that was away for long had
/// uploaded is stored again. The tree stays the same, and the record on disk is never written
/// again: what was signed once is there as it was.
bool LaneRunner::renew_receipts(PartRecord& record) {
    const auto renew = [&](market::Receipt& receipt) {
        const auto kept = context_.keeper.find(receipt.blob);
        const auto renewed =
            kept ? node_.put_blob_file(*kept, receipt.blob) : node_.blob_receipt(receipt.blob);
        if (!renewed || renewed->blob != receipt.blob) return false;
        receipt = *renewed;
        return true;
    };
    if (!renew(record.end_receipt)) return false;
    return !record.payload_receipt || renew(*record.payload_receipt);
}

/// The record is on disk. It goes out unchanged but for receipts, however often.
LaneRunner::Next LaneRunner::commit(const PartPlan& plan, const base::PartId& id,
                                    PartRecord record) {
    auto sent = party_.send(record.commit_message());
    if (!sent && agent::is_refusal(sent.error(), market::Refusal::receipt_expires_early) &&
        renew_receipts(record)) {
        sent = party_.send(record.commit_message());
    }
    if (sent) {
        agent::LogFields fields = lane_fields(plan.key.job, plan.key.lane, plan.key.round);
        fields.emplace_back("part", agent::shortened(id.hex()));
        agent::log(agent::LogLevel::info, "part.committed", "committed a part", fields);
        return Next::again;
    }
    if (node_.part(id))
        return Next::again;  // it was there already: the answer to an earlier send was lost
    if (agent::is_refusal(sent.error(), market::Refusal::too_many_attempts))
        leave("this part was rolled back too often");
    if (!agent::is_refusal(sent.error(), market::Refusal::lane_waits))
        trouble("commit.trouble", sent.error().text());
    return Next::wait;
}

LaneRunner::Next LaneRunner::merge(const Look& look) {
    if (!look.job.shape.has_merge() || !is_member(look.opening.round, lease_)) return Next::wait;
    const auto& members = look.opening.round.members;
    // A round that was opened again may close with other members: what was merged before says
    // nothing then.
    base::Hasher hasher("assay.merge.in");
    hasher.add_u32(look.job.round).add(look.job.opening_root);
    for (const market::RoundMember& m : members) hasher.add_u32(m.lane).add(m.payload_root);
    const base::Hash inputs = hasher.finish();
    if (merged_inputs_ == inputs) return post_merge(look, merged_root_);

    if (auto got = need_opening(context_, states_, look.opening); !got)
        return wait_for("opening state", got.error());
    const auto payloads = states_of(context_).payloads(look.opening.round);
    if (!payloads) return wait_for("merge", payloads.error());
    std::vector<const commit::Payload*> pointers;
    for (const commit::Payload& payload : *payloads) pointers.push_back(&payload);
    commit::State state = std::move(states_.opening->state);
    states_.opening.reset();
    states_.current.reset();
    merged_root_ =
        producer_->merge(*context_.job, state, pointers, look.job.round, look.job.opening_root);
    merged_inputs_ = inputs;
    states_.opening = LaneStates::Known{merged_root_, std::move(state)};
    return post_merge(look, merged_root_);
}

/// The ledger says whose turn it is: the first member's, then the next one's after each deadline.
LaneRunner::Next LaneRunner::post_merge(const Look& look, const base::Hash& root) {
    const auto turn = node_.merge(look.job.id, look.job.round);
    if (!turn) {
        if (!turn.error().not_found()) trouble("node.trouble", turn.error().text());
        return Next::wait;
    }
    const bool barred = std::find(turn->barred.begin(), turn->barred.end(), identity_.account()) !=
                        turn->barred.end();
    const bool due = turn->state == market::MergeState::waiting && !barred;
    const auto& members = look.opening.round.members;
    const auto member =
        std::find_if(members.begin(), members.end(),
                     [&](const market::RoundMember& m) { return m.lease == lease_; });
    const bool mine = due && static_cast<std::uint64_t>(member - members.begin()) <= turn->turn;
    if (!mine) return Next::wait;
    if (!states_.opening || states_.opening->root != root) {
        merged_inputs_.reset();
        return Next::again;
    }
    // The next round starts from it.
    auto receipt = upload_state(
        context_, look.job.round + 1, states_.opening->state,
        runtime::opening_descriptor(*context_.job, look.job.round + 1, look.job.opening_root));
    if (!receipt) {
        trouble("merge.trouble", receipt.error());
        return Next::wait;
    }
    const auto sent = party_.send(market::MergePost{look.job.id, look.job.round, root, *receipt});
    if (sent) {
        agent::log(agent::LogLevel::info, "merge.posted", "posted the merge of the round",
                   lane_fields(look.job.id, context_.lane, look.job.round));
        return Next::again;
    }
    const bool not_needed = agent::is_refusal(sent.error(), market::Refusal::merge_known) ||
                            agent::is_refusal(sent.error(), market::Refusal::not_your_turn) ||
                            agent::is_refusal(sent.error(), market::Refusal::merge_not_due);
    if (!not_needed) trouble("merge.trouble", sent.error().text());
    return Next::wait;
}

}  // namespace assay::worker
