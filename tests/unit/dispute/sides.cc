#include "sides.h"

#include "../runtime/jobs.h"
#include "base/check.h"
#include "base/chunk_tree.h"
#include "base/encoding.h"
#include "base/merkle.h"
#include "market/commitment.h"

namespace assay::dispute::testing {

using market::GameStage;

tl::expected<commit::State, std::string> FixtureData::start_state() {
    return from_stepped_ ? fixture_.stepped.clone() : fixture_.start.clone();
}

tl::expected<commit::State, std::string> FixtureData::round_start_state() {
    return fixture_.start.clone();
}

tl::expected<commit::Payload, std::string> FixtureData::payload(std::size_t member) {
    commit::Payload payload = commit::Payload::zeros(fixture_.program);
    for (std::size_t i = 0; i < payload.tensors.size(); ++i)
        payload.tensors[i] = fixture_.payloads.at(member).tensors[i].clone();
    return payload;
}

market::JobSpec with_data(market::JobSpec spec) {
    base::Encoder encoder;
    for (const std::uint32_t word : runtime::testing::words_for(spec)) encoder.u32(word);
    const base::BlobRoot blob = base::blob_root(encoder.view());
    if (auto* tokens = std::get_if<market::TokenData>(&spec.data)) {
        tokens->blob = blob;
    } else {
        std::get<market::TableData>(spec.data).blob = blob;
    }
    return spec;
}

Arena::Arena(const market::JobSpec& spec, GameStage stage, std::uint32_t steps, bool closes_round,
             bool from_stepped)
    : fixture(with_data(spec)),
      data(fixture, stage == GameStage::segment && from_stepped),
      honest(fixture) {
    const base::Hash opening = commit::state_root(fixture.program, fixture.start, fixture.opening);
    subject.spec = market::encode_spec(with_data(spec));
    subject.program_root = fixture.program_root;
    subject.stage = stage;
    switch (stage) {
        case GameStage::init:
            break;
        case GameStage::segment:
            subject.lane = 1;
            subject.first_step = from_stepped ? 1 : 0;
            subject.steps = steps;
            subject.closes_round = closes_round;
            subject.round_start_root = opening;
            subject.start_root = from_stepped ? commit::state_root(fixture.program, fixture.stepped,
                                                                   fixture.after_step)
                                              : opening;
            break;
        case GameStage::cell:
            break;  // turned to from another
        case GameStage::merge:
            subject.round_start_root = subject.start_root = opening;
            for (const commit::Payload& payload : fixture.payloads)
                subject.payload_roots.push_back(commit::payload_root(fixture.program, payload));
            break;
    }
    truth = history_of(honest);
}

void Arena::turn_to_cell(const base::VrfOutput& spot, std::uint32_t cell) {
    subject.about = subject.stage;
    subject.stage = GameStage::cell;
    subject.spot = spot;
    subject.cell = cell;
    truth = history_of(honest);
}

std::unique_ptr<History> Arena::history_of(Replayer& replayer) const {
    return std::make_unique<History>(terms_of(subject), replayer, data,
                                     HistoryOptions{{}, 8, 10'000});
}

market::GameSubject Arena::asserted_by(History& history) const {
    market::GameSubject asserted = subject;
    if (subject.stage == GameStage::cell) {
        asserted.asserted = *history.cell_hash();
        return asserted;
    }
    PostStatement statement;
    statement.state_root = *history.root_after(terms_of(subject).steps);
    if (subject.closes_round) statement.payload_root = *history.payload_root();
    asserted.asserted = end_of(terms_of(subject), statement);
    return asserted;
}

namespace {

Outcome play_out(market::GameStatus status, Player& asserter, Player& challenger) {
    const LedgerReferee referee;
    Outcome outcome;
    while (!status.winner && outcome.moves.size() < 100) {
        const bool posts = status.turn == Side::asserter;
        auto decision = (posts ? asserter : challenger).next(status.game);
        if (!decision) {
            outcome.failure = std::string(posts ? "asserter: " : "challenger: ") +
                              std::string(name_of(decision.error().error)) + " " +
                              decision.error().detail;
            return outcome;
        }
        (posts ? outcome.asserter : outcome.challenger) = decision->ground;
        auto next = referee.play(status.game, status.turn, encode_move(decision->move));
        outcome.moves.push_back(std::move(decision->move));
        if (!next) {
            outcome.failure = "move " + std::to_string(outcome.moves.back().index()) +
                              " refused: " + std::to_string(int(next.error()));
            return outcome;
        }
        status = std::move(*next);
    }
    outcome.winner = status.winner;
    outcome.traced = status.traced;
    return outcome;
}

}  // namespace

Outcome play_out(const market::GameSubject& subject, Player& asserter, Player& challenger) {
    return play_out(LedgerReferee().open(subject), asserter, challenger);
}

Outcome play_out(const Terms& terms, Player& asserter, Player& challenger) {
    const Game game(terms);
    return play_out(market::GameStatus{encode_game(game), game.turn(), std::nullopt, false},
                    asserter, challenger);
}

base::Hash LeafLiar::root() const { return tree_of(leaves_); }

bool LeafLiar::is_about_leaves(const Game& game) {
    return game.phase() == Phase::leaves || game.phase() == Phase::source ||
           (game.phase() == Phase::children && game.list() == Game::List::leaves);
}

namespace {

struct Known {
    Covered entry;
    bool as_it_was = false;
};

/// Of which tensor a leaf is, as it is or as it was.
std::optional<Known> known_leaf(const base::Hash& leaf, Desk& desk) {
    for (const Covered& entry : desk.covered()) {
        if (entry.root == leaf) return Known{entry, !entry.writer};
        if (!entry.before.is_zero() && entry.before == leaf) return Known{entry, true};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Neighbour> LeafLiar::last_under(const Search& node, Desk& desk) const {
    if (node.count == 0) return std::nullopt;
    const auto known = known_leaf(leaves_[node.first + node.count - 1], desk);
    if (!known) return std::nullopt;
    const ProgramRecords& records = desk.history().records();
    return Neighbour{
        open_record(records, records.frame.tensor_leaf(known->entry.id)),
        desk.tiles_of(known->entry, known->as_it_was),
        base::merkle_prove(base::MerkleFamily::blake2b,
                           std::span(leaves_).subspan(node.first, node.count), node.count - 1)
            .path};
}

std::optional<Move> LeafLiar::move(const Game& game, Desk& desk) const {
    const Search& search = game.search();
    if (game.phase() == Phase::leaves)
        return PostLeaves{static_cast<std::uint32_t>(leaves_.size()),
                          last_under({{}, 0, leaves_.size()}, desk)};
    if (game.phase() == Phase::source) {
        const auto known = known_leaf(leaves_[search.first], desk);
        if (!known) return std::nullopt;
        return PostSource{desk.source_of(known->entry, known->as_it_was),
                          last_under(game.conceded(), desk)};
    }
    PostChildren post;
    std::size_t at = search.first;
    for (const std::uint64_t count : child_counts(search.count, game.terms().fan_out)) {
        post.nodes.push_back(
            base::merkle_root(base::MerkleFamily::blake2b, std::span(leaves_).subspan(at, count)));
        at += count;
    }
    return post;
}

const Arena& arena() {
    static const Arena the_arena(ragged_gpt(), GameStage::segment, kArenaSteps, false, false);
    return the_arena;
}

base::Hash noise(std::uint64_t n) { return base::Hasher("assay.noise").add_u64(n).finish(); }

}  // namespace assay::dispute::testing
