#include "random_sides.h"

#include <algorithm>

#include "../runtime/jobs.h"
#include "desk.h"

namespace assay::dispute::testing {

using market::GameStage;
using market::GameSubject;

namespace {

constexpr PlayerOptions kUnchecked{false};

Fault random_fault(const Arena& arena, Dice& dice) {
    const program::Program& program = arena.fixture.program;
    std::vector<Stage> stages = {Stage::step};
    if (arena.subject.closes_round) stages.push_back(Stage::payload);
    const GameStage replayed = terms_of(arena.subject).replayed();
    if (replayed == GameStage::init) stages = {Stage::init};
    if (replayed == GameStage::merge) stages = {Stage::merge};
    Fault fault;
    fault.stage = dice.one_of(stages);
    fault.step = arena.subject.first_step +
                 static_cast<std::uint32_t>(dice.below(std::max(1U, arena.subject.steps)));
    const auto units = units_of(program, fault.stage,
                                static_cast<std::uint32_t>(arena.subject.payload_roots.size()));
    fault.unit = static_cast<std::uint32_t>(dice.below(units.size()));
    const auto [first, last] = program.range(units[fault.unit].part);
    fault.instruction = first + static_cast<std::uint32_t>(dice.below(last - first));
    const program::Tensor& out =
        program.tensors[program.instructions[fault.instruction].out.tensor];
    fault.element = dice.below(std::uint64_t{out.rows} * out.cols);
    return fault;
}

/// Moves that fit the phase by their form; some by more.
std::optional<Move> made_up(const Game& game, Desk* desk, Dice& dice) {
    const auto small = [&](std::uint64_t n) { return static_cast<std::uint32_t>(dice.below(n)); };
    const auto noises = [&](std::size_t n) {
        std::vector<base::Hash> all;
        for (std::size_t i = 0; i < n; ++i) all.push_back(dice.noise());
        return all;
    };
    const auto some_source = [&] {
        const std::vector<Covered> all = desk->covered();
        const Covered& entry = dice.one_of(all);
        const bool as_it_was = !entry.writer || (!entry.before.is_zero() && dice.one_in(2));
        return desk->source_of(entry, as_it_was);
    };
    const auto skipped = [&] {
        const ProgramRecords& records = desk->history().records();
        const std::vector<Covered> all = desk->covered();
        const Covered& entry = dice.one_of(all);
        ShowSkipped show{open_record(records, records.frame.tensor_leaf(entry.id)), std::nullopt};
        if (entry.writer && (!game.has_descriptor() || dice.one_in(4)))
            show.writer = open_record(records, records.frame.instruction_leaf(*entry.writer));
        return show;
    };
    switch (game.phase()) {
        case Phase::half:
            return PickHalf{dice.one_in(2)};
        case Phase::spot:
            return std::nullopt;
        case Phase::roots:
            return PostRoots{noises(game.points().size())};
        case Phase::pick_root:
            return Pick{small(game.posted().size() + 2)};
        case Phase::stage:
        case Phase::partial:
            return PostRoot{dice.noise()};
        case Phase::unit:
            return PostUnit{dice.noise(), dice.noise()};
        case Phase::contest:
            return Contest{dice.one_in(2)};
        case Phase::children:
            return PostChildren{
                noises(child_counts(game.search().count, game.terms().fan_out).size())};
        case Phase::pick_child:
            return Pick{small(game.posted().size() + 1)};
        case Phase::tile:
            return PostTile{base::Bytes(dice.below(64), 1)};
        case Phase::cell:
            if (dice.one_in(4)) return PickCell{kPaddingItem, 0};
            return PickCell{small(3), small(4)};
        case Phase::openings:
            return PostOpenings{base::Bytes(dice.below(64), 1)};
        case Phase::leaves:
            if (desk == nullptr) return PostLeaves{1, std::nullopt};
            return PostLeaves{small(40), desk->last_under({{}, 0, dice.below(40)})};
        case Phase::objection:
            if (desk == nullptr || dice.one_in(2)) return Contest{!dice.one_in(4)};
            return skipped();
        case Phase::source:
            if (desk == nullptr) return std::nullopt;
            return PostSource{some_source(), desk->last_under(game.conceded())};
        case Phase::reply:
            if (desk == nullptr) return std::nullopt;
            if (dice.one_in(2)) return skipped();
            return ShowWriter{open_record(desk->history().records(),
                                          small(desk->history().records().records.size()))};
        case Phase::statement:
        case Phase::tensor:
        case Phase::over:
            break;
    }
    return std::nullopt;
}

}  // namespace

market::JobSpec tiny_mlp() {
    market::JobSpec spec = runtime::testing::small_mlp();
    auto& model = std::get<market::MlpModel>(spec.model);
    model.hidden = {3};
    model.rows_per_sequence = 2;
    auto& data = std::get<market::TableData>(spec.data);
    data.features = 35;  // two tiles
    data.classes = 2;
    spec.batch = 2;
    return spec;
}

market::JobSpec tiny_gpt() {
    market::JobSpec spec = runtime::testing::with_dropout(runtime::testing::ragged_gpt());
    auto& model = std::get<market::GptModel>(spec.model);
    model.layers = 1;
    model.heads = 1;
    model.width = 4;
    model.context = 3;
    auto& data = std::get<market::TokenData>(spec.data);
    data.vocabulary = 35;
    spec.batch = 2;
    return spec;
}

Quarrel::Quarrel(const market::JobSpec& spec, GameStage stage, std::uint32_t steps,
                 bool closes_round, std::size_t lies_count, bool from_stepped,
                 const std::optional<std::uint64_t>& cell_seed)
    : arena(spec, stage, steps, closes_round, from_stepped) {
    Dice dice(7);
    if (cell_seed) {
        base::VrfOutput spot{};
        for (std::size_t i = 0; i < 8; ++i)
            spot[i] = static_cast<std::uint8_t>(*cell_seed >> (8 * i));
        arena.turn_to_cell(spot, static_cast<std::uint32_t>(*cell_seed % 8));
    }
    truth = arena.asserted_by(*arena.truth);
    while (lies.size() < lies_count) {
        Lie lie;
        lie.replayer = std::make_unique<ScalarReplayer>(arena.fixture, random_fault(arena, dice));
        lie.history = arena.history_of(*lie.replayer);
        lie.subject = arena.asserted_by(*lie.history);
        if (lie.subject.asserted != truth.asserted) lies.push_back(std::move(lie));
    }
}

Rogue::Rogue(Quarrel& quarrel, const Terms& terms, Side side, std::size_t lie, Dice& dice)
    : quarrel_(quarrel), side_(side), lie_(lie), dice_(dice), terms_(terms) {
    chaos_ = 1 + dice.below(12);
}

std::optional<base::Bytes> Rogue::move(const base::Bytes& bytes, bool tame) {
    if (tame || !dice_.one_in(chaos_)) return of_player(*quarrel_.lies[lie_].history, bytes);
    const Game game = *decode_game(bytes);
    switch (dice_.below(4)) {
        case 0:
            return of_player(*quarrel_.arena.truth, bytes);
        case 1:
            return of_player(*dice_.one_of(histories()), bytes);
        case 2: {
            auto flipped = of_player(*quarrel_.lies[lie_].history, bytes);
            if (flipped)
                (*flipped)[dice_.below(flipped->size())] ^=
                    static_cast<std::uint8_t>(1U << dice_.below(8));
            return flipped;
        }
        default:
            return made_up_bytes(game);
    }
}

std::vector<History*> Rogue::histories() {
    std::vector<History*> all;
    for (const Lie& lie : quarrel_.lies) all.push_back(lie.history.get());
    return all;
}

std::optional<base::Bytes> Rogue::of_player(History& history, const base::Bytes& bytes) {
    const auto decision = Player(terms_, side_, history, kUnchecked).next(bytes);
    if (!decision || std::holds_alternative<Resign>(decision->move)) return std::nullopt;
    return encode_move(decision->move);
}

std::optional<base::Bytes> Rogue::made_up_bytes(const Game& game) {
    std::optional<Desk> desk;
    if (game.phase() >= Phase::leaves && game.phase() <= Phase::reply) {
        History& history = dice_.one_in(2) ? *quarrel_.arena.truth : *quarrel_.lies[lie_].history;
        desk.emplace(game, **history.at(place_of(game)));
    }
    const auto move = made_up(game, desk ? &*desk : nullptr, dice_);
    if (!move) return std::nullopt;
    return encode_move(*move);
}

}  // namespace assay::dispute::testing
