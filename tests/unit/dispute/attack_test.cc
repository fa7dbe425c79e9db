#include <gtest/gtest.h>

#include <functional>

#include "../program/tiny_program.h"
#include "base/merkle.h"
#include "desk.h"
#include "dispute/bounds.h"
#include "program/program.h"
#include "sides.h"

/// What was broken once, by the names of the design's list.
namespace assay::dispute {
namespace {

using base::Hash;
using program::Part;
using program::TensorClass;
using program::TensorId;
using program::TinyProgram;
using testing::FixtureData;
using testing::noise;
using testing::ScalarReplayer;

/// More state leaves than one move had room for: 2,048 hashes.
constexpr std::uint32_t kManyStates = 2'100;

/// The tiny program with many state tensors more; the update writes every other one.
program::Program many_states() {
    program::Program p = TinyProgram::make();
    std::vector<program::Instruction> init(p.instructions.begin(), p.instructions.begin() + 4);
    std::vector<program::Instruction> later(p.instructions.begin() + 4, p.instructions.end());
    std::vector<TensorId> more;
    for (std::uint32_t i = 0; i < kManyStates; ++i)
        more.push_back(TinyProgram::add(p, "s" + std::to_string(i), TensorClass::state));
    p.instructions = std::move(init);
    for (const TensorId id : more)
        TinyProgram::map(p, Part::init, id, {}, {TinyProgram::real(static_cast<float>(id))});
    p.instructions.insert(p.instructions.end(), later.begin(), later.end());
    p.forward_end += kManyStates;
    p.groups.clear();
    for (const TensorId id : more) {
        if (id % 2 != 0) continue;
        TinyProgram::map(
            p, Part::update, id, {TinyProgram::all(p, id)},
            {TinyProgram::operand(0), TinyProgram::real(1.0F), {program::Op::add, 0, 1, 0, 0}});
    }
    return p;
}

/// One step of that program, honestly asserted.
struct ManyStates {
    ManyStates() : fixture(many_states(), {5, 6, 7, 8}, 4), data(fixture, false), honest(fixture) {
        terms.job = {fixture.spec_root, fixture.program_root, "f32"};
        terms.data_root = fixture.data_root();
        terms.data_bytes = fixture.words.size() * sizeof(std::uint32_t);
        terms.train_count = fixture.dataset.train_count;
        terms.round_start_root = terms.start_root =
            commit::state_root(fixture.program, fixture.start, fixture.opening);
        truth = std::make_unique<History>(terms, honest, data, HistoryOptions{{}, 8, 10'000});
        terms.asserted = *truth->root_after(1);
        bounds = move_bytes_max(fixture.program, truth->records().frame);
    }
    testing::Fixture fixture;
    FixtureData data;
    ScalarReplayer honest;
    Terms terms;
    std::unique_ptr<History> truth;
    MoveBytes bounds{};
};

const ManyStates& many() {
    static const ManyStates the_many;
    return the_many;
}

using Reply = std::function<std::optional<Move>(const Game&)>;

/// Plays the honest side by its player against `other`; the side that has no fitting move, if any.
struct Ended {
    std::optional<Side> winner, silent;
};
Ended play_against(const Terms& terms, Side honest, const Reply& other) {
    const LedgerReferee referee;
    Player player(terms, honest, *many().truth, {false});
    market::GameStatus status;
    status.game = encode_game(Game(terms));
    for (int moves = 0; moves < 100 && !status.winner; ++moves) {
        std::optional<Move> move;
        if (status.turn == honest) {
            auto decision = player.next(status.game);
            if (decision && decision->ground == Ground::plays) move = std::move(decision->move);
        } else {
            move = other(*decode_game(status.game));
        }
        if (!move) return {std::nullopt, status.turn};
        const base::Bytes bytes = encode_move(*move);
        EXPECT_LE(bytes.size(), many().bounds[move->index()]);
        auto next = referee.play(status.game, status.turn, bytes);
        if (!next) return {std::nullopt, status.turn};
        status = std::move(*next);
    }
    return {status.winner, std::nullopt};
}

/// The child in which a leaf lies.
std::uint32_t child_towards(const Game& game, std::uint64_t leaf) {
    std::uint64_t end = game.search().first;
    std::uint32_t index = 0;
    for (const std::uint64_t count : child_counts(game.search().count, game.terms().fan_out)) {
        end += count;
        if (leaf < end) break;
        ++index;
    }
    return index;
}

/// The challenger disputes that the right state root follows from the right trace, at each of its
/// leaves. It is the one who falls silent.
TEST(Attack, A7_StateOfManyLeaves) {
    ASSERT_EQ(program::check_program(many().fixture.program), std::nullopt);
    ASSERT_GT(many().fixture.program.state_tensors().size(), 2'048U);
    for (const std::uint32_t wanted : {0U, 1U, 900U, kManyStates + 4}) {
        const Ended ended = play_against(many().terms, Side::asserter,
                                         [&](const Game& game) -> std::optional<Move> {
                                             if (game.phase() == Phase::contest)
                                                 return Contest{false};
                                             if (game.phase() == Phase::objection)
                                                 return Contest{true};
                                             if (game.phase() != Phase::pick_child)
                                                 return std::nullopt;
                                             return Pick{child_towards(game, wanted)};
                                         });
        EXPECT_NE(ended.winner, Side::challenger);
        EXPECT_NE(ended.silent, Side::asserter) << "leaf " << wanted;
    }
}

enum class Twist : std::uint8_t {
    noise,
    as_it_was,
    again,
    swapped,
    without,
    cut,
    more,
    descriptor
};

/// The leaves of the right root but for one lie at `at`.
std::vector<Hash> twisted(Twist twist, std::size_t at) {
    const History::Result<StageHistory*> stage = many().truth->at({Stage::step, 0});
    const std::vector<Hash> before = (*stage)->leaves_before();
    std::vector<Hash> leaves = before;
    const auto roots = many().truth->state_after(1);
    commit::StateDescriptor after =
        commit::lane_descriptor(many().terms.job, 0, 0, 1, many().terms.round_start_root);
    leaves = state_leaves(many().fixture.program, **roots, commit::descriptor_leaf(after), 1);
    const auto here = leaves.begin() + static_cast<std::ptrdiff_t>(at);
    switch (twist) {
        case Twist::noise:
            leaves[at] = noise(1);
            break;
        case Twist::as_it_was:
            leaves[at] = before[at];
            break;
        case Twist::again:
            leaves.insert(here, leaves[at]);
            break;
        case Twist::swapped:
            std::swap(leaves[at], leaves[at - 1]);
            break;
        case Twist::without:
            leaves.erase(here);
            break;
        case Twist::cut:
            leaves.resize(at);
            break;
        case Twist::more:
            leaves.push_back(noise(2));
            break;
        case Twist::descriptor:
            leaves[0] = noise(3);
            break;
    }
    return leaves;
}

/// The other way round: a root over other leaves than those that follow. All but hashes of nothing
/// is shown to be false.
TEST(Attack, A7_FalseStatesOfManyLeavesLose) {
    const std::size_t all = many().fixture.program.state_tensors().size() + 1;
    for (const Twist twist : {Twist::noise, Twist::as_it_was, Twist::again, Twist::swapped,
                              Twist::without, Twist::cut, Twist::more, Twist::descriptor}) {
        for (const std::size_t at : {std::size_t{2}, std::size_t{901}, std::size_t{902}, all - 1}) {
            const testing::LeafLiar liar(twisted(twist, at));
            Terms terms = many().terms;
            terms.asserted = liar.root();
            if (terms.asserted == many().terms.asserted) continue;  // was not written
            const std::string label =
                "twist " + std::to_string(int(twist)) + " at " + std::to_string(at);
            const Ended ended =
                play_against(terms, Side::challenger, [&](const Game& game) -> std::optional<Move> {
                    if (game.phase() == Phase::statement)
                        return PostStatement{open_frame(many().truth->records()), liar.root(), {}};
                    Desk desk(game, **many().truth->at(place_of(game)));
                    if (testing::LeafLiar::is_about_leaves(game)) return liar.move(game, desk);
                    auto decision = assert_by_trace(desk);
                    if (!decision) return std::nullopt;
                    return std::move(decision->move);
                });
            EXPECT_NE(ended.silent, Side::challenger) << label;
            // Of noise there is no source, and a tensor does not stand after itself.
            if (twist == Twist::noise || twist == Twist::more || twist == Twist::again) {
                EXPECT_EQ(ended.silent, Side::asserter) << label;
            } else {
                EXPECT_EQ(ended.winner, Side::challenger) << label;
            }
        }
    }
}

}  // namespace
}  // namespace assay::dispute
