#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "dispute/bounds.h"
#include "program/cells.h"
#include "sides.h"

/// Games about a cell of a verdict: an auditor that sealed it asserts, a controller that found
/// another challenges. Whoever computed rightly wins, wherever the other went wrong before it.
namespace assay::dispute {
namespace {

using market::GameStage;
using market::GameSubject;
using program::Kind;
using program::Part;
using testing::Arena;
using testing::Fault;
using testing::noise;
using testing::Outcome;
using testing::play_out;
using testing::ScalarReplayer;

constexpr PlayerOptions kUnchecked{false};

/// An arena's stage, but about this cell; `asserted` is right.
struct CellArena {
    CellArena(const Arena& from, const DisputedCell& cell)
        : arena(from), terms(terms_of(from.subject)) {
        terms.about = terms.stage;
        terms.stage = GameStage::cell;
        terms.cell = cell;
        truth = history_of(arena.honest);
        terms.asserted = *truth->cell_hash();
        bounds = move_bytes_max(arena.fixture.program, truth->records().frame);
    }
    [[nodiscard]] std::unique_ptr<History> history_of(Replayer& replayer) const {
        return std::make_unique<History>(terms, replayer, arena.data,
                                         HistoryOptions{{}, 8, 10'000});
    }
    const Arena& arena;
    Terms terms;
    std::unique_ptr<History> truth;
    MoveBytes bounds{};
};

struct Played {
    std::set<Kind> kinds;   ///< of cells
    std::set<Kind> faults;  ///< of instructions that were computed wrongly
    std::map<std::size_t, int> last_moves;
    int games = 0;
};

std::string label_of(const DisputedCell& cell, const Fault& fault) {
    return "cell of part " + std::to_string(int(cell.unit.part)) + " index " +
           std::to_string(cell.unit.index) + " steps " + std::to_string(cell.steps) +
           " instruction " + std::to_string(cell.instruction) + " tile " +
           std::to_string(cell.tile) + ", fault in stage " + std::to_string(int(fault.stage)) +
           " step " + std::to_string(fault.step) + " unit " + std::to_string(fault.unit) +
           " instruction " + std::to_string(fault.instruction);
}

/// Both games. False where the fault does not reach the cell.
bool honest_wins(const CellArena& at, const Fault& fault, Played& played) {
    ScalarReplayer faulty(at.arena.fixture, fault);
    const auto lie = at.history_of(faulty);
    Terms lying = at.terms;
    lying.asserted = *lie->cell_hash();
    if (lying.asserted == at.terms.asserted) return false;
    const std::string label = label_of(at.terms.cell, fault);
    for (const Side honest : {Side::asserter, Side::challenger}) {
        const Terms& terms = honest == Side::asserter ? at.terms : lying;
        Player asserter(terms, Side::asserter, honest == Side::asserter ? *at.truth : *lie,
                        kUnchecked);
        Player challenger(terms, Side::challenger, honest == Side::asserter ? *lie : *at.truth,
                          kUnchecked);
        const Outcome outcome = play_out(terms, asserter, challenger);
        EXPECT_EQ(outcome.failure, "") << label;
        EXPECT_EQ(outcome.winner, honest) << label;
        EXPECT_TRUE(outcome.traced) << label;
        for (const Move& move : outcome.moves)
            EXPECT_LE(encode_move(move).size(), at.bounds[move.index()]) << label;
        ++played.last_moves[outcome.moves.back().index()];
        ++played.games;
    }
    const program::Program& program = at.arena.fixture.program;
    played.kinds.insert(program.instructions[at.terms.cell.instruction].kind);
    played.faults.insert(program.instructions[fault.instruction].kind);
    return true;
}

/// Faults in the instructions of a part, from the one that is asked for backwards, and in the first
/// of every kind.
std::vector<Fault> faults_until(const program::Program& program, Stage stage, std::uint32_t step,
                                std::uint32_t unit, std::uint32_t last, std::uint32_t stride) {
    std::vector<Fault> faults;
    const std::uint32_t first = program.range(program.instructions[last].part).first;
    std::set<Kind> seen;
    for (std::uint32_t i = first; i <= last; ++i) {
        const program::Instruction& instruction = program.instructions[i];
        if (!seen.insert(instruction.kind).second && (last - i) % stride != 0) continue;
        const auto element =
            faults::element_in(instruction, program.tensors[instruction.out.tensor], 0);
        if (element) faults.push_back({stage, step, unit, i, *element});
    }
    return faults;
}

/// For each kind of drawable instruction of a part, the first and the last of them; one-bit faults
/// in the cell itself and in what runs before it in its unit.
void play_part(const Arena& arena, const Unit& unit, std::uint32_t position, std::uint32_t steps,
               std::uint32_t stride, Played& played) {
    const program::Program& program = arena.fixture.program;
    std::map<Kind, std::vector<std::uint32_t>> by_kind;
    for (const std::uint32_t i : program::cell_instructions(program, unit.part))
        by_kind[program.instructions[i].kind].push_back(i);
    for (const auto& [kind, all] : by_kind) {
        for (const std::uint32_t i :
             std::set{all.front(), all[all.size() / 3], all[all.size() * 2 / 3], all.back()}) {
            const program::Tensor& out = program.tensors[program.instructions[i].out.tensor];
            const std::uint32_t tile =
                faults::tile_at(out, i % 2 == 0 ? faults::Position::first : faults::Position::last);
            DisputedCell cell{unit, steps, i, tile};
            const CellArena at(arena, cell);
            const std::uint32_t step = arena.subject.first_step + steps;
            std::vector<Fault> faults =
                faults_until(program, cell.stage(), step, position, i, stride);
            if (const auto own = faults::element_in(program.instructions[i], out, tile))
                faults.push_back({cell.stage(), step, position, i, *own});
            for (const Fault& fault : faults) honest_wins(at, fault, played);
        }
    }
}

market::JobSpec one_layer() {
    market::JobSpec spec = testing::ragged_gpt();
    std::get<market::GptModel>(spec.model).layers = 1;
    return spec;
}

const Arena& segment() {
    static const Arena the_segment(one_layer(), GameStage::segment, 3, true, false);
    return the_segment;
}

TEST(CellGames, HonestWinsAboutCellsOfSequences) {
    Played played;
    for (const auto& [b, steps] : {std::pair{0U, 0U}, {1U, 2U}})
        play_part(segment(), {Part::sequence, b}, b, steps, 23, played);
    EXPECT_GT(played.games, 60);
    EXPECT_EQ(played.kinds, (std::set{Kind::gather, Kind::map, Kind::reduce, Kind::matmul}));
    EXPECT_EQ(played.faults.size(), 6U) << "all but scatter_add, whose output no value reads";
    RecordProperty("games", played.games);
}

TEST(CellGames, HonestWinsAboutCellsOfUpdates) {
    Played played;
    const std::uint32_t batch = segment().fixture.program.batch;
    for (const std::uint32_t steps : {0U, 1U, 2U})
        play_part(segment(), {Part::update, 0}, batch, steps, 17, played);
    EXPECT_GT(played.games, 20);
    EXPECT_TRUE(played.kinds.contains(Kind::map) && played.kinds.contains(Kind::reduce));
}

TEST(CellGames, HonestWinsAboutCellsOfPayloads) {
    Played played;
    play_part(segment(), {Part::payload, 0}, 0, 3, 9, played);
    EXPECT_GE(played.games, 10);
}

TEST(CellGames, HonestWinsAboutCellsOfMerges) {
    const Arena merge(one_layer(), GameStage::merge);
    Played played;
    const auto members = static_cast<std::uint32_t>(merge.subject.payload_roots.size());
    play_part(merge, {Part::merge, 0}, members, 0, 7, played);
    EXPECT_GT(played.games, 10);
}

TEST(CellGames, HonestWinsAboutCellsOfInitialStates) {
    const Arena init(one_layer(), GameStage::init);
    Played played;
    play_part(init, {Part::init, 0}, 0, 0, 3, played);
    EXPECT_GT(played.games, 10);
    EXPECT_TRUE(played.kinds.contains(Kind::random));
}

/// Faults in steps before the cell's, in sequences before an update's, in members before a merge's,
/// in steps before a payload's.
TEST(CellGames, HonestWinsAboutFaultsElsewhere) {
    const Arena& arena = segment();
    const program::Program& program = arena.fixture.program;
    const auto last_cell = [&](Part part) {
        return program::cell_instructions(program, part).back();
    };
    Played played;
    const auto play = [&](const Arena& in, const DisputedCell& cell,
                          const std::vector<Fault>& faults) {
        const CellArena at(in, cell);
        int reached = 0;
        for (const Fault& fault : faults) reached += honest_wins(at, fault, played) ? 1 : 0;
        EXPECT_GT(reached, 0) << label_of(cell, faults.front());
    };
    const auto range = [&](Part part) { return program.range(part); };
    const auto everywhere = [&](Stage stage, std::uint32_t step, std::uint32_t unit, Part part) {
        return faults_until(program, stage, step, unit, range(part).second - 1, 47);
    };
    for (const std::uint32_t step : {0U, 1U}) {
        for (const auto& [unit, part] :
             {std::pair{0U, Part::sequence}, {1U, Part::sequence}, {2U, Part::update}}) {
            const std::vector<Fault> faults = everywhere(Stage::step, step, unit, part);
            play(arena, {{Part::sequence, 1}, 2, last_cell(Part::sequence), 0}, faults);
            play(arena, {{Part::update, 0}, 2, last_cell(Part::update), 0}, faults);
            play(arena, {{Part::payload, 0}, 3, last_cell(Part::payload), 0}, faults);
        }
    }
    std::vector<DisputedCell> updates;
    for (const std::uint32_t i : program::cell_instructions(program, Part::update))
        updates.push_back({{Part::update, 0}, 0, i, 0});
    for (const std::uint32_t unit : {0U, 1U}) {
        for (const std::size_t at : {std::size_t{0}, updates.size() - 1})
            play(arena, updates[at], everywhere(Stage::step, 0, unit, Part::sequence));
    }
    const Arena merge(one_layer(), GameStage::merge);
    for (const std::uint32_t member : {0U, 1U})
        play(merge, {{Part::merge, 0}, 0, last_cell(Part::merge), 0},
             faults_until(program, Stage::merge, 0, member, range(Part::merge_lane).second - 1, 3));
    EXPECT_GT(played.games, 50);
    EXPECT_TRUE(played.last_moves.contains(11)) << "openings";
}

TEST(CellGames, TheOpenedCellDecides) {
    const program::Program& program = segment().fixture.program;
    const std::uint32_t i = program::cell_instructions(program, Part::sequence)[40];
    const CellArena at(segment(), {{Part::sequence, 1}, 1, i, 0});
    const LedgerReferee referee;
    // An auditor that knows everything but made up the cell.
    Terms terms = at.terms;
    terms.asserted = noise(1);
    Player challenger(terms, Side::challenger, *at.truth, kUnchecked);
    market::GameStatus status;
    status.game = encode_game(Game(terms));
    PostSpot spot;
    while (!status.winner) {
        const Game game = *decode_game(status.game);
        std::optional<Move> move;
        if (status.turn == Side::challenger) {
            const auto decision = challenger.next(status.game);
            ASSERT_TRUE(decision.has_value());
            move = decision->move;
        } else if (game.phase() == Phase::statement) {
            move =
                PostStatement{open_frame(at.truth->records()), *at.truth->root_before_cell(), {}};
        } else {
            Desk desk(game, **at.truth->at(place_of(game)));
            auto decision = assert_by_trace(desk);
            ASSERT_TRUE(decision.has_value());
            move = decision->move;
        }
        if (game.phase() == Phase::spot) {
            spot = std::get<PostSpot>(*move);
            PostSpot forged = spot;
            forged.leaf = terms.asserted;
            EXPECT_EQ(referee.play(status.game, Side::asserter, encode_move(forged)).error(),
                      MoveRefusal::wrong_hash);
            forged = spot;
            forged.tree = noise(2);
            EXPECT_EQ(referee.play(status.game, Side::asserter, encode_move(forged)).error(),
                      MoveRefusal::wrong_hash);
            forged = spot;
            std::swap(forged.instruction, forged.tensor);
            EXPECT_EQ(referee.play(status.game, Side::asserter, encode_move(forged)).error(),
                      MoveRefusal::wrong_record);
            forged = spot;
            forged.output.push_back(noise(3));
            EXPECT_EQ(referee.play(status.game, Side::asserter, encode_move(forged)).error(),
                      MoveRefusal::wrong_hash);
            EXPECT_EQ(referee.play(status.game, Side::challenger, encode_move(spot)).error(),
                      MoveRefusal::not_your_turn);
        }
        const auto next = referee.play(status.game, status.turn, encode_move(*move));
        ASSERT_TRUE(next.has_value()) << int(game.phase());
        status = *next;
    }
    EXPECT_EQ(status.winner, Side::challenger);
    EXPECT_EQ(spot.leaf, at.terms.asserted);
}

TEST(CellGames, SidesThatFindTheOthersCellResign) {
    const std::uint32_t i =
        program::cell_instructions(segment().fixture.program, Part::update).front();
    for (const std::uint32_t steps : {0U, 2U}) {
        const CellArena at(segment(), {{Part::update, 0}, steps, i, 0});
        Player asserter(at.terms, Side::asserter, *at.truth, kUnchecked);
        Player mistaken(at.terms, Side::challenger, *at.truth, kUnchecked);
        Outcome outcome = play_out(at.terms, asserter, mistaken);
        EXPECT_EQ(outcome.winner, Side::asserter);
        EXPECT_EQ(outcome.challenger, Ground::own_root);
        Terms lying = at.terms;
        lying.asserted = noise(1);
        Player sorry(lying, Side::asserter, *at.truth, kUnchecked);
        Player challenger(lying, Side::challenger, *at.truth, kUnchecked);
        outcome = play_out(lying, sorry, challenger);
        EXPECT_EQ(outcome.winner, Side::challenger);
        EXPECT_EQ(outcome.asserter, Ground::own_root);
    }
}

/// The subject names the cell by what chose it.
TEST(CellGames, ASubjectChoosesItsCell) {
    const program::Program& program = segment().fixture.program;
    GameSubject subject = segment().subject;
    subject.stage = GameStage::cell;
    subject.about = GameStage::segment;
    for (std::uint8_t byte = 0; byte < 6; ++byte) {
        subject.spot.fill(byte);
        const program::CellScope scope{program::CellStage::segment, subject.steps,
                                       subject.closes_round};
        const auto places = program::choose_cells(program, scope, subject.spot);
        for (subject.cell = 0; subject.cell < program::kCells; ++subject.cell) {
            const Terms terms = terms_of(subject);
            const program::CellPlace& place = places[subject.cell];
            EXPECT_EQ(terms.cell.instruction, place.instruction);
            EXPECT_EQ(terms.cell.tile, place.tile);
            EXPECT_EQ(terms.cell.unit.part, program.instructions[place.instruction].part);
            EXPECT_EQ(terms.cell.steps,
                      place.step + (terms.cell.unit.part == Part::payload ? 1 : 0));
            EXPECT_TRUE(are_sound(terms));
            EXPECT_EQ(decode_game(encode_game(Game(terms)))->terms(), terms);
        }
    }
}

TEST(CellGames, StatementsOfAnotherStartAreRefused) {
    const program::Program& program = segment().fixture.program;
    const std::uint32_t i = program::cell_instructions(program, Part::sequence).front();
    const CellArena at(segment(), {{Part::sequence, 0}, 0, i, 0});
    Game game(at.terms);
    const base::Bytes frame = open_frame(at.truth->records());
    EXPECT_EQ(game.apply(Side::asserter, PostStatement{frame, noise(1), {}}),
              MoveRefusal::wrong_hash);
    EXPECT_EQ(game.apply(Side::asserter, PostStatement{frame, at.terms.start_root, noise(1)}),
              MoveRefusal::wrong_hash);
    EXPECT_EQ(game.apply(Side::asserter, PostStatement{{}, at.terms.start_root, {}}),
              MoveRefusal::wrong_record);
    EXPECT_EQ(game.apply(Side::asserter, PostStatement{frame, at.terms.start_root, {}}),
              std::nullopt);
    EXPECT_EQ(game.phase(), Phase::unit);
    const UnitTrace unit = trace_unit((*at.truth->at({Stage::step, 0}))->inputs(), 0);
    EXPECT_EQ(game.apply(Side::asserter, PostUnit{tree_of(unit.outputs), noise(2)}),
              MoveRefusal::wrong_hash);
    EXPECT_EQ(game.apply(Side::asserter, PostUnit{tree_of(unit.outputs), {}}), std::nullopt);
    EXPECT_EQ(game.phase(), Phase::contest);
    EXPECT_TRUE(game.traced());
}

TEST(CellGames, TermsOfNoCellAreUnsound) {
    const std::uint32_t i =
        program::cell_instructions(segment().fixture.program, Part::sequence).front();
    const CellArena at(segment(), {{Part::sequence, 0}, 1, i, 0});
    const auto unsound = [&](auto change) {
        Terms terms = at.terms;
        change(terms);
        return !are_sound(terms);
    };
    EXPECT_TRUE(unsound([](Terms& t) { t.about = GameStage::cell; }));
    EXPECT_TRUE(unsound([](Terms& t) { t.about = GameStage::init; }));
    EXPECT_TRUE(unsound([](Terms& t) { t.about = GameStage::merge; }));
    EXPECT_TRUE(unsound([](Terms& t) { t.cell.steps = t.steps; }));
    EXPECT_TRUE(unsound([](Terms& t) { t.cell.unit.part = Part::payload; }));
    EXPECT_TRUE(unsound([](Terms& t) { t.cell.unit.part = Part::merge; }));
    EXPECT_TRUE(unsound([](Terms& t) { t.stage = GameStage::segment; }));
    EXPECT_FALSE(unsound([](Terms&) {}));
}

}  // namespace
}  // namespace assay::dispute
