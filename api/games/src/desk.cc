#include "games/desk.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/log.h"
#include "agent/stop.h"
#include "dispute/moves.h"
#include "prover/player.h"
#include "replay/job_states.h"

namespace assay::games {

namespace {

using namespace std::chrono_literals;
using market::Side;

/// Beside the lanes of duties, audits and leases.
constexpr std::uint32_t kGamesNonceLane = 60;
constexpr auto kLookEvery = 2000ms;
constexpr auto kLookSoon = 100ms;
/// Of a clock, beside what the longest answer took twice.
constexpr std::chrono::milliseconds kWaitMargin = 30s;
/// States that an open game has in memory: the one that its replay is at, the one that its stage
/// reads, and one that is on its way.
constexpr std::uint64_t kStatesOfAGame = 3;

/// Without another word a quarter of the machine's memory is for games: training and audits go on
/// beside them.
std::uint64_t memory_for_games(const DeskSettings& settings) {
    if (settings.memory_bytes != 0) return settings.memory_bytes;
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
           static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 4;
}

base::TimeMs clock_now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return {static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since).count())};
}

agent::LogFields fields_of(const market::Dispute& dispute, Side side) {
    return {{"dispute", agent::shortened(dispute.id.hex())},
            {"job", agent::shortened(dispute.job.hex())},
            {"round", std::to_string(dispute.round)},
            {"lane", std::to_string(dispute.lane)},
            {"side", std::string(market::to_word(side))},
            {"move", std::to_string(dispute.moves + 1)}};
}

/// Of the scalar definition (docs/performance.md, "Disputes": a step of GPT-2 124M over 64 tokens
/// takes the reference two minutes).
constexpr std::uint64_t kDefinitionFlopsPerMs = 300'000;

/// What is replayed: the stage, or that in which the disputed cell is.
market::GameStage replayed(const market::GameSubject& subject) {
    return subject.stage == market::GameStage::cell ? subject.about : subject.stage;
}

/// What a side needs to run the disputed step, merge or initial state by the scalar definition.
std::uint64_t definition_ms(const market::Job& job, market::GameStage stage) {
    switch (stage) {
        case market::GameStage::init:
            return job.init_flops / kDefinitionFlopsPerMs;
        case market::GameStage::merge:
            return job.costs.merge_flops / kDefinitionFlopsPerMs;
        case market::GameStage::segment:
        case market::GameStage::cell:
            break;
    }
    return job.costs.segment_flops / std::max(1U, job.shape.segment_steps) / kDefinitionFlopsPerMs;
}

/// A game goes on later whatever was missing: its player needs the sentence only.
template <class T>
tl::expected<T, std::string> said(replay::Available<T> found) {
    return std::move(found).map_error([](const replay::Unavailable& error) { return error.why; });
}

/// What a game is about, from the node.
class RemoteData final : public dispute::PublicData {
  public:
    RemoteData(const market::Dispute& dispute, const market::GameSubject& subject,
               client::Client& node, replay::JobStates states)
        : dispute_(dispute),
          stage_(replayed(subject)),
          start_root_(subject.start_root),
          node_(node),
          states_(std::move(states)) {}

    tl::expected<commit::State, std::string> start_state() override {
        if (stage_ == market::GameStage::init)
            return tl::unexpected(std::string("an initial state starts from nothing"));
        if (stage_ == market::GameStage::merge) return round_start_state();
        const auto part = node_.part(dispute_.part);
        if (!part) return tl::unexpected(part.error().text());
        const auto go_on = [](const runtime::StepReport&) { return !agent::stop_requested(); };
        return said(states_.segment_start(*part, dispute_.segment, start_root_, go_on));
    }
    tl::expected<commit::State, std::string> round_start_state() override {
        const auto opening = states_.opening(dispute_.round);
        if (!opening) return tl::unexpected(opening.error().why);
        return said(states_.opening_state(*opening));
    }
    tl::expected<commit::Payload, std::string> payload(std::size_t member) override {
        const auto opening = states_.opening(dispute_.round);
        if (!opening) return tl::unexpected(opening.error().why);
        if (member >= opening->round.members.size())
            return tl::unexpected(std::string("the round has no such member"));
        return said(states_.payload(opening->round.members[member]));
    }

  private:
    const market::Dispute dispute_;
    const market::GameStage stage_;
    const base::Hash start_root_;
    client::Client& node_;
    replay::JobStates states_;
};

}  // namespace

/// A job about which we play, open once for all of its games.
struct Desk::OpenJob {
    OpenJob(const DeskSettings& settings, client::Client& node, const base::JobId& id)
        : cache(settings.folder, settings.executor, replay::fetch_from(node, id, settings.kept),
                1) {}

    runtime::JobCache cache;
    runtime::Job* job = nullptr;
};

/// One game of ours: everything that is computed for it stays until it is over, its states in
/// memory or in a file.
struct Desk::Seat {
    std::shared_ptr<OpenJob> job;
    std::unique_ptr<dispute::Replayer> replayer;
    std::unique_ptr<RemoteData> data;
    std::unique_ptr<dispute::History> history;
    std::unique_ptr<dispute::Player> player;
    std::uint64_t bytes = 0;  ///< of its states in memory
    std::chrono::steady_clock::time_point used;
};

Desk::Desk(DeskSettings settings, const agent::Identity& identity, Conduct& conduct)
    : settings_(std::move(settings)),
      identity_(identity),
      conduct_(conduct),
      memory_(memory_for_games(settings_)),
      node_(settings_.node_url, agent::patient_options()),
      party_(identity_, node_, kGamesNonceLane),
      thread_([this] { run(); }) {}

Desk::~Desk() {
    ending_.store(true);
    wake();
    thread_.join();
}

void Desk::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_one();
}

bool Desk::wait(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return woken_; });
    woken_ = false;
    return !ending_.load() && !agent::stop_requested();
}

void Desk::run() {
    std::chrono::milliseconds time{};
    while (wait(time)) {
        time = kLookEvery;
        while (!ending_.load() && !agent::stop_requested()) {
            const Due due = look();
            if (due.others) time = kLookSoon;
            if (due.turns.empty()) break;
            const market::Dispute& first = due.turns.front().dispute;
            answer(due.turns.front());
            // A game in which no move could be made is tried again at the next interval, after the
            // others.
            const auto after = node_.dispute(first.id);
            if (!after ||
                (after->state == market::DisputeState::open && after->moves == first.moves)) {
                for (std::size_t i = 1; i < due.turns.size(); ++i) answer(due.turns[i]);
                break;
            }
        }
    }
}

/// The open games, and those of them in which it is our turn.
Desk::Due Desk::look() {
    Due due;
    std::vector<base::DisputeId> open;
    for (const Side side : {Side::asserter, Side::challenger}) {
        auto found = node_.disputes_of(identity_.account(), side);
        if (!found) {
            if (!agent::stop_requested())
                agent::log(agent::LogLevel::warning, "node.trouble", found.error().text());
            return {};
        }
        for (market::Dispute& dispute : *found) {
            open.push_back(dispute.id);
            const base::AccountId& player =
                side == Side::asserter ? dispute.asserter : dispute.challenger;
            if (player == identity_.account() && dispute.turn == side)
                due.turns.push_back({std::move(dispute), side});
        }
    }
    keep_seats_of(open);
    due.others = std::erase_if(due.turns, [&](const Turn& turn) {
                     return !conduct_.answers_now(turn.dispute);
                 }) > 0;
    // A game whose states are in memory goes first, as long as the others have the time to wait and
    // to be replayed.
    const std::uint64_t soon =
        clock_now().value + static_cast<std::uint64_t>((kWaitMargin + 2 * longest_).count());
    const auto waits = [&](const Turn& turn) {
        const auto seat = seats_.find(turn.dispute.id);
        const bool awake = seat != seats_.end() && seat->second->history->is_awake();
        return !awake && turn.dispute.deadline.value > soon;
    };
    std::stable_sort(due.turns.begin(), due.turns.end(), [&](const Turn& a, const Turn& b) {
        return std::pair(waits(a), a.dispute.deadline) < std::pair(waits(b), b.dispute.deadline);
    });
    return due;
}

void Desk::keep_seats_of(const std::vector<base::DisputeId>& open) {
    std::error_code ignored;
    std::erase_if(seats_, [&](const auto& entry) {
        if (std::find(open.begin(), open.end(), entry.first) != open.end()) return false;
        std::filesystem::remove(resting_file(entry.first), ignored);
        return true;
    });
    std::erase_if(jobs_, [](const auto& entry) { return entry.second.expired(); });
    // Where no game is open nothing that was fetched for one is of use.
    if (open.empty()) std::filesystem::remove_all(settings_.folder, ignored);
}

std::shared_ptr<Desk::OpenJob> Desk::open_job(const Turn& turn,
                                              const market::GameSubject& subject) {
    const base::JobId& id = turn.dispute.job;
    if (auto open = jobs_[id].lock()) return open;
    const auto spec = market::decode_spec(subject.spec);
    if (!spec) return nullptr;
    auto open = std::make_shared<OpenJob>(settings_, node_, id);
    auto job = open->cache.open(id, *spec);
    if (!job) {
        trouble(turn, job.error());
        return nullptr;
    }
    open->job = &job->get();
    jobs_[id] = open;
    return open;
}

Desk::Seat* Desk::seat_for(const Turn& turn, const market::GameSubject& subject) {
    const market::Dispute& dispute = turn.dispute;
    auto found = seats_.find(dispute.id);
    if (found == seats_.end()) {
        auto seat = std::make_unique<Seat>();
        seat->job = open_job(turn, subject);
        const auto job = node_.job(dispute.job);
        if (!seat->job || !job) return nullptr;
        seat->bytes = kStatesOfAGame * job->init_bytes;
        seat->replayer = conduct_.replayer(*seat->job->job, settings_.executor);
        seat->data = std::make_unique<RemoteData>(
            dispute, subject, node_,
            replay::JobStates(node_, seat->job->cache, dispute.job, *seat->job->job));
        dispute::HistoryOptions options;
        options.progress = [](const dispute::ReplayReport&) { return !agent::stop_requested(); };
        seat->history = std::make_unique<dispute::History>(dispute::terms_of(subject),
                                                           *seat->replayer, *seat->data, options);
        dispute::PlayerOptions player;
        player.scalar_check =
            conduct_.checks_definition() && has_time_for_definition(turn, replayed(subject));
        seat->player =
            std::make_unique<dispute::Player>(subject, turn.side, *seat->history, player);
        found = seats_.emplace(dispute.id, std::move(seat)).first;
    }
    found->second->used = std::chrono::steady_clock::now();
    make_room_for(*found->second);
    return found->second.get();
}

/// Games that were not played for longest rest in files until all that are awake have room.
void Desk::make_room_for(const Seat& seat) {
    std::uint64_t needed = seat.bytes;
    std::vector<std::pair<base::DisputeId, Seat*>> others;
    for (const auto& [id, other] : seats_) {
        if (other.get() == &seat || !other->history->is_awake()) continue;
        others.emplace_back(id, other.get());
        needed += other->bytes;
    }
    std::sort(others.begin(), others.end(),
              [](const auto& a, const auto& b) { return a.second->used < b.second->used; });
    for (const auto& [id, other] : others) {
        if (needed <= memory_) return;
        other->history->rest(resting_file(id));
        needed -= other->bytes;
    }
}

std::filesystem::path Desk::resting_file(const base::DisputeId& id) const {
    return settings_.folder / (id.hex() + ".state");
}

/// Whether the check by the scalar definition leaves three quarters of the clock for the game. A
/// step of a large model takes hours that way: a side that insisted would lose by its clock what it
/// was right about.
bool Desk::has_time_for_definition(const Turn& turn, market::GameStage stage) {
    const market::Dispute& dispute = turn.dispute;
    const auto job = node_.job(dispute.job);
    if (!job) return false;
    const std::uint64_t needed = definition_ms(*job, stage);
    const std::uint64_t left =
        turn.side == Side::asserter ? dispute.asserter_ms : dispute.challenger_ms;
    const bool time = needed <= left / 4;
    agent::LogFields fields = fields_of(dispute, turn.side);
    fields.emplace_back("needs_ms", std::to_string(needed));
    fields.emplace_back("clock_ms", std::to_string(left));
    agent::log(agent::LogLevel::info, "dispute.check",
               time ? "runs the disputed step by the scalar definition before it rests on its trace"
                    : "rests on its kernels: the scalar definition would take more than a quarter "
                      "of the clock",
               fields);
    return time;
}

void Desk::answer(const Turn& turn) {
    const market::Dispute& dispute = turn.dispute;
    const agent::LogFields fields = fields_of(dispute, turn.side);
    const auto view = node_.game(dispute.id);
    if (!view) {
        if (!view.error().not_found()) trouble(turn, view.error().text());
        return;
    }
    Seat* seat = seat_for(turn, view->subject);
    if (seat == nullptr) return;
    const auto begun = std::chrono::steady_clock::now();
    const auto decision = seat->player->next(view->game);
    longest_ = std::max(longest_, std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::steady_clock::now() - begun));
    if (!decision) {
        const bool quiet = decision.error().error == dispute::PlayError::stopped ||
                           decision.error().error == dispute::PlayError::not_our_turn;
        if (!quiet)
            trouble(turn, std::string(dispute::name_of(decision.error().error)) + ": " +
                              decision.error().detail);
        return;
    }
    if (decision->ground != dispute::Ground::plays) {
        concede(turn, dispute::name_of(decision->ground));
        return;
    }
    const auto sent =
        party_.send(market::DisputeMove{dispute.id, dispute::encode_move(decision->move)});
    if (sent) {
        agent::log(agent::LogLevel::info, "dispute.moved", "made a move in a dispute", fields);
        return;
    }
    const bool done = agent::is_refusal(sent.error(), market::Refusal::not_your_turn) ||
                      agent::is_refusal(sent.error(), market::Refusal::dispute_over);
    if (!done) trouble(turn, sent.error().text());
}

/// Gives up at the smallest price: the own work, or what the own replay was thought to show, does
/// not stand.
void Desk::concede(const Turn& turn, std::string_view why) {
    agent::LogFields fields = fields_of(turn.dispute, turn.side);
    fields.emplace_back("reason", std::string(why));
    const auto sent = party_.send(market::DisputeConcede{turn.dispute.id});
    if (sent) {
        agent::log(agent::LogLevel::warning, "dispute.conceded",
                   "gave a dispute up: an own replay does not give what was asserted; look at this "
                   "machine",
                   fields);
    } else if (!agent::is_refusal(sent.error(), market::Refusal::dispute_over)) {
        trouble(turn, sent.error().text());
    }
}

/// The same move is tried again at every look: what stops it is said once.
void Desk::trouble(const Turn& turn, const std::string& text) {
    if (!said_.is_new(turn.dispute.id.hex(), text) || agent::stop_requested()) return;
    agent::log(agent::LogLevel::warning, "dispute.trouble", text,
               fields_of(turn.dispute, turn.side));
}

}  // namespace assay::games
