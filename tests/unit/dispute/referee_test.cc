#include "dispute/referee.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>

#include "../program/tiny_program.h"
#include "base/encoding.h"
#include "base/merkle.h"
#include "dispute/bounds.h"
#include "fixture.h"
#include "program/record.h"
#include "prover/evidence.h"

namespace assay::dispute {
namespace {

using program::Instruction;
using program::Kind;
using program::Tensor;
using testing::Fixture;
using testing::signature;

/// One instruction of one unit, seen by an asserter that may lie.
struct Case {
    Case(const Fixture& f, const ProgramRecords& r, const StageInputs& inputs,
         const StageTrace& stage, const UnitTrace& unit, std::size_t position,
         std::uint32_t instruction_number)
        : fixture(f),
          records(r),
          evidence(collect_evidence(inputs, stage, unit, position, instruction_number,
                                    f.opening_leaf())),
          facts(facts_of(f.program, r, inputs, evidence, f.data_root())),
          instruction(f.program.instructions[instruction_number]),
          out(f.program.tensors[instruction.out.tensor]),
          bound(opening_bytes_max(f.program, r.frame, instruction_number)) {}

    [[nodiscard]] std::string name() const {
        return out.name + " kind " + std::to_string(int(instruction.kind)) + " part " +
               std::to_string(int(instruction.part));
    }
    Openings open(const Claim& claim, const std::vector<PartialState>& states) const {
        return open_claim(fixture.program, records, evidence, facts, claim, states);
    }
    auto judged(const Claim& claim, const std::vector<PartialState>& states) const {
        const base::Bytes bytes = encode_openings(open(claim, states));
        EXPECT_LE(bytes.size(), bound);
        return judge(facts, claim, bytes);
    }
    std::vector<PartialState> states(const exact::Cell& cell) const {
        if (!narrows(instruction.kind)) return {};
        return partial_states(fixture.program, records, evidence, facts, cell);
    }
    /// Flips the lowest bit of one element of the output and commits to it.
    void falsify(std::uint32_t row, std::uint32_t col) {
        const std::size_t size = program::size_of(out.dtype);
        evidence.output.data()[(std::size_t{row} * out.cols + col) * size] ^= std::byte{1};
        const std::uint32_t first = facts.frame.range(instruction.part).first;
        evidence.unit.outputs[evidence.instruction - first] =
            commit::tensor_root(out, evidence.output.data());
        facts.unit_root = evidence.unit.root(facts.descriptor);
    }

    const Fixture& fixture;
    const ProgramRecords& records;
    Evidence evidence;
    Facts facts;
    const Instruction& instruction;
    const Tensor& out;
    const std::uint64_t bound;
};

/// First, last, and the corners between: ragged edges lie there.
std::set<std::uint32_t> corner_tiles(const Tensor& tensor) {
    const std::uint32_t across = (tensor.cols + 31) / 32, down = (tensor.rows + 31) / 32;
    return {0, across - 1, (down - 1) * across, down * across - 1};
}

struct Place {
    Claim claim;
    exact::Cell cell;
};

/// Cells at the corner tiles, of the first and the last item that touch them.
std::vector<Place> places_of(const Case& c) {
    std::vector<Place> places;
    for (const std::uint32_t tile : corner_tiles(c.out)) {
        std::optional<Place> first, last;
        for (std::uint32_t item = 0; item < c.instruction.items; ++item) {
            const auto cell = cell_of(c.instruction, c.out, tile, item);
            if (!cell) continue;
            Claim claim;
            claim.instruction = c.evidence.instruction;
            claim.tile = tile;
            claim.item = item;
            if (!first) first = Place{claim, *cell};
            last = Place{claim, *cell};
        }
        if (first) places.push_back(*first);
        if (last && last->claim.item != first->claim.item) places.push_back(*last);
    }
    return places;
}

std::set<std::uint32_t> some_steps(const Instruction& instruction, const exact::Cell& cell) {
    const std::uint32_t steps = steps_of(instruction, cell);
    return {0, steps / 2, steps >= 2 ? steps - 2 : 0, steps - 1};
}

void expect_honest_is_upheld(const Case& c, Place place) {
    const auto states = c.states(place.cell);
    if (!states.empty()) place.claim.partial_root = partial_root(states);
    for (const std::uint32_t step : some_steps(c.instruction, place.cell)) {
        place.claim.step = step;
        const auto verdict = c.judged(place.claim, states);
        ASSERT_TRUE(verdict.has_value())
            << c.name() << " step " << step << ": " << name_of(verdict.error());
        EXPECT_EQ(*verdict, Verdict::upheld) << c.name() << " tile " << place.claim.tile << " item "
                                             << place.claim.item << " step " << step;
    }
}

/// One bit of the claimed tile, in the first and the last row of the cell.
void expect_a_false_output_is_refuted(Case& c, Place place) {
    const auto states = c.states(place.cell);
    if (!states.empty()) place.claim.partial_root = partial_root(states);
    const program::View& view = c.instruction.out;
    for (const std::uint32_t row : std::set<std::uint32_t>{0, place.cell.rows - 1}) {
        const std::uint32_t at_row =
            view.row + place.claim.item * view.item_row_stride + place.cell.row + row;
        const std::uint32_t at_col = view.col + place.claim.item * view.item_col_stride +
                                     place.cell.col + place.cell.cols - 1;
        c.falsify(at_row, at_col);
        place.claim.step = narrows(c.instruction.kind) ? state_steps(c.instruction) : row;
        const auto verdict = c.judged(place.claim, states);
        c.falsify(at_row, at_col);  // and back
        ASSERT_TRUE(verdict.has_value()) << c.name() << ": " << name_of(verdict.error());
        EXPECT_EQ(*verdict, Verdict::refuted) << c.name() << " row " << row;
    }
}

std::set<std::uint32_t> some_of(std::uint32_t count) { return {0, count / 2, count - 1}; }

/// One bit of the state after a step; the steps before it stand.
void expect_a_false_state_is_refuted(const Case& c, Place place) {
    const auto honest = c.states(place.cell);
    for (const std::uint32_t step : some_of(static_cast<std::uint32_t>(honest.size()))) {
        auto states = honest;
        states[step][states[step].size() / 2] ^= 1U;
        place.claim.partial_root = partial_root(states);
        place.claim.step = step;
        const auto verdict = c.judged(place.claim, states);
        ASSERT_TRUE(verdict.has_value()) << c.name() << ": " << name_of(verdict.error());
        EXPECT_EQ(*verdict, Verdict::refuted) << c.name() << " step " << step;
        if (step == 0) continue;
        place.claim.step = step - 1;
        EXPECT_EQ(c.judged(place.claim, states).value(), Verdict::upheld) << c.name();
    }
}

/// Every opened tile, leaf, record and state with one bit flipped is refused.
void expect_a_false_opening_is_refused(const Case& c, Place place) {
    const auto states = c.states(place.cell);
    if (!states.empty()) place.claim.partial_root = partial_root(states);
    for (const std::uint32_t step : some_steps(c.instruction, place.cell)) {
        place.claim.step = step;
        const Openings honest = c.open(place.claim, states);
        const auto refused = [&](const Openings& openings, OpeningError error, const char* what) {
            const auto verdict = judge(c.facts, place.claim, encode_openings(openings));
            ASSERT_FALSE(verdict.has_value()) << c.name() << ": " << what;
            EXPECT_EQ(verdict.error(), error)
                << c.name() << ": " << what << ": " << name_of(verdict.error());
        };
        for (std::size_t i = 0; i < honest.tiles.size(); ++i) {
            Openings openings = honest;
            openings.tiles[i].elements.back() ^= 0x10U;
            refused(openings, OpeningError::wrong_tile, "tile");
            openings = honest;
            openings.tiles.erase(openings.tiles.begin() + static_cast<std::ptrdiff_t>(i));
            refused(openings, OpeningError::missing_tile, "missing tile");
        }
        for (std::size_t i = 0; honest.data && i < honest.data->leaves.size(); ++i) {
            Openings openings = honest;
            openings.data->leaves[i].bytes[0] ^= 1U;
            refused(openings, OpeningError::wrong_data, "dataset leaf");
        }
        if (honest.before) {
            Openings openings = honest;
            openings.before->state[0] ^= 1U;
            refused(openings, OpeningError::wrong_state, "state before");
        }
        if (honest.after) {
            Openings openings = honest;
            openings.after->leaf.bytes[0] ^= 1U;
            refused(openings, OpeningError::wrong_state, "state after");
        }
        Openings openings = honest;
        openings.instruction.record.back() ^= 1U;
        refused(openings, OpeningError::wrong_record, "instruction");
        openings = honest;
        openings.tensors.back().record.record[5] ^= 1U;
        refused(openings, OpeningError::wrong_record, "tensor record");
        for (std::size_t i = 0; i < honest.tensors.size(); ++i) {
            if (honest.tensors[i].origin == Origin::none) continue;
            openings = honest;
            openings.tensors[i].tree.bytes[0] ^= 1U;
            refused(openings, OpeningError::wrong_root, "tensor root");
        }
    }
}

/// Runs `visit` on one case per signature of a stage's units; the kinds that occurred.
template <class Visit>
std::set<Kind> for_each_kind(const Fixture& fixture, const ProgramRecords& records,
                             const StageInputs& inputs, Visit visit) {
    const StageTrace stage = trace_stage(inputs);
    std::set<Kind> kinds;
    for (std::size_t position = 0; position < stage.units.size(); ++position) {
        const UnitTrace unit = trace_unit(inputs, position);
        std::set<std::string> seen;
        const auto [first, last] = fixture.program.range(unit.unit.part);
        for (std::uint32_t i = first; i < last; ++i) {
            if (!seen.insert(signature(fixture.program, fixture.program.instructions[i])).second)
                continue;
            Case c(fixture, records, inputs, stage, unit, position, i);
            visit(c);
            kinds.insert(c.instruction.kind);
        }
    }
    return kinds;
}

using Kinds = std::set<Kind>;
const Kinds kAllKinds = {Kind::load, Kind::random, Kind::gather, Kind::scatter_add,
                         Kind::map,  Kind::reduce, Kind::matmul};

void dispute_everything(const Fixture& fixture, Stage stage, const Kinds& expected) {
    const ProgramRecords records(fixture.program);
    const Kinds kinds = for_each_kind(fixture, records, fixture.inputs(stage), [&](Case& c) {
        bool first = true;
        for (const Place& place : places_of(c)) {
            expect_honest_is_upheld(c, place);
            expect_a_false_output_is_refuted(c, place);
            if (narrows(c.instruction.kind)) expect_a_false_state_is_refuted(c, place);
            if (first) expect_a_false_opening_is_refused(c, place);
            first = false;
        }
    });
    EXPECT_EQ(kinds, expected);
}

TEST(Judge, EveryKindOfARaggedGptWithDropout) {
    dispute_everything(Fixture(testing::ragged_gpt()), Stage::step, kAllKinds);
}
TEST(Judge, EveryKindOfAGptWithSeveralBlocks) {
    Kinds dry = kAllKinds;
    dry.erase(Kind::random);
    dispute_everything(Fixture(testing::deep_gpt()), Stage::step, dry);
}
TEST(Judge, EveryKindOfAnMlp) {
    dispute_everything(Fixture(testing::wide_mlp()), Stage::step,
                       {Kind::load, Kind::map, Kind::reduce, Kind::matmul});
}
TEST(Judge, InitialStates) {
    dispute_everything(Fixture(testing::ragged_gpt()), Stage::init, {Kind::random, Kind::map});
    dispute_everything(Fixture(testing::wide_mlp()), Stage::init, {Kind::random, Kind::map});
}
TEST(Judge, PayloadsAndMerges) {
    const Fixture fixture(testing::ragged_gpt());
    dispute_everything(fixture, Stage::payload, {Kind::map});
    dispute_everything(fixture, Stage::merge, {Kind::load, Kind::map});
}

std::vector<std::uint32_t> mixed_tokens() {
    std::vector<std::uint32_t> tokens;
    for (std::uint32_t i = 0; i < 700; ++i)
        tokens.push_back(i % 5 == 0 ? i % 40 : 0x80000000U + i * 77);
    return tokens;
}

TEST(Judge, KindsThatNoPresetHas) {
    Kinds kinds = kAllKinds;
    kinds.erase(Kind::scatter_add);
    const Fixture fixture(testing::odd_program(), mixed_tokens(), 600);
    dispute_everything(fixture, Stage::init, {Kind::map});
    dispute_everything(fixture, Stage::step, kinds);
}

/// Weights of subnormals, infinities and NaN: what a hostile job or a diverged one has.
TEST(Judge, UpholdsHonestResultsOfHostileWeights) {
    Fixture fixture(testing::deep_gpt());
    const std::array<float, 6> hostile = {std::numeric_limits<float>::denorm_min(),
                                          0x1.8p-127F,
                                          -0x1p-63F,
                                          std::numeric_limits<float>::infinity(),
                                          std::numeric_limits<float>::quiet_NaN(),
                                          -0.0F};
    std::size_t n = 0;
    for (commit::Buffer& tensor : fixture.stepped.tensors) {
        if (tensor.size() == 4) continue;
        // A few infinities and NaN in a sea of subnormals.
        for (std::size_t i = 0; i < tensor.size() / 4; ++i, ++n)
            tensor.f32()[i] = hostile[n % 97 == 0 ? n / 97 % hostile.size() : n % 3];
    }
    const ProgramRecords records(fixture.program);
    for_each_kind(fixture, records, fixture.inputs(Stage::step), [](const Case& c) {
        for (const Place& place : places_of(c)) expect_honest_is_upheld(c, place);
    });
}

TEST(Judge, RefutesWhatIsNotZeroBetweenItems) {
    const Fixture fixture(testing::odd_program(), mixed_tokens(), 600);
    const ProgramRecords records(fixture.program);
    const StageInputs inputs = fixture.inputs(Stage::step);
    const StageTrace stage = trace_stage(inputs);
    const UnitTrace unit = trace_unit(inputs, 0);
    std::uint32_t number = 0;
    while (fixture.program.tensors[fixture.program.instructions[number].out.tensor].name != "stack")
        ++number;
    Case c(fixture, records, inputs, stage, unit, 0, number);
    Claim claim;
    claim.instruction = number;
    claim.tile = 2;
    claim.item = kPaddingItem;
    EXPECT_EQ(c.judged(claim, {}).value(), Verdict::upheld);
    c.falsify(32 + 5, 7);
    EXPECT_EQ(c.judged(claim, {}).value(), Verdict::refuted);
    claim.tile = 0;
    EXPECT_EQ(c.judged(claim, {}).value(), Verdict::upheld);
    // The item's own cell stands.
    claim.tile = 2;
    claim.item = 1;
    EXPECT_EQ(c.judged(claim, {}).value(), Verdict::upheld);
}

/// A state tensor read after its writer must come from the writer, not from the state before.
TEST(Judge, RefusesAStaleStateTensor) {
    const Fixture fixture(testing::ragged_gpt());
    const ProgramRecords records(fixture.program);
    const StageInputs inputs = fixture.inputs(Stage::step);
    const StageTrace stage = trace_stage(inputs);
    const UnitTrace unit = trace_unit(inputs, 2);
    std::uint32_t number = fixture.program.range(program::Part::update).first;
    while (fixture.program.tensors[fixture.program.instructions[number].out.tensor].name !=
           "wte.weight")
        ++number;
    Case c(fixture, records, inputs, stage, unit, 2, number);
    Claim claim;
    claim.instruction = number;
    const Openings honest = c.open(claim, {});
    EXPECT_EQ(judge(c.facts, claim, encode_openings(honest)).value(), Verdict::upheld);
    bool found = false;
    const auto ids = fixture.program.state_tensors();
    for (std::size_t slot = 1; slot < honest.tensors.size(); ++slot) {
        const auto id = honest.tensors[slot].record.leaf - 1;
        if (fixture.program.tensors[id].name != "moment1.wte.weight") continue;
        found = true;
        EXPECT_EQ(honest.tensors[slot].origin, Origin::output);
        // The same moment as the step found it, correctly opened from the start state.
        const auto rank = static_cast<std::size_t>(std::ranges::find(ids, id) - ids.begin());
        Evidence stale = collect_evidence(inputs, stage, unit, 2, number, {});
        Openings openings = honest;
        openings.tensors[slot].origin = Origin::state;
        openings.tensors[slot].proof =
            base::merkle_prove(base::MerkleFamily::blake2b, stale.state, rank + 1);
        const auto verdict = judge(c.facts, claim, encode_openings(openings));
        EXPECT_EQ(verdict.error(), OpeningError::wrong_origin);
        openings.tensors[slot].related.reset();
        EXPECT_EQ(judge(c.facts, claim, encode_openings(openings)).error(),
                  OpeningError::wrong_origin);
    }
    EXPECT_TRUE(found);
}

/// A map of the first sequence, and honest openings of its first row.
struct Opened {
    Opened() : fixture(testing::ragged_gpt()), records(fixture.program) {
        const StageInputs inputs = fixture.inputs(Stage::step);
        const StageTrace stage = trace_stage(inputs);
        std::uint32_t number = fixture.program.range(program::Part::sequence).first;
        while (fixture.program.instructions[number].kind != Kind::map) ++number;
        c.emplace(fixture, records, inputs, stage, trace_unit(inputs, 0), 0, number);
        claim.instruction = number;
        openings = c->open(claim, {});
    }
    OpeningError error(const Openings& changed) const {
        const auto verdict = judge(c->facts, claim, encode_openings(changed));
        EXPECT_FALSE(verdict.has_value());
        return verdict.has_value() ? OpeningError{} : verdict.error();
    }
    Fixture fixture;
    ProgramRecords records;
    std::optional<Case> c;
    Claim claim;
    Openings openings;
};

TEST(Judge, RefusesPlacesThatDoNotExist) {
    const Opened o;
    const base::Bytes bytes = encode_openings(o.openings);
    const auto error_of = [&](const Facts& facts, const Claim& claim) {
        const auto verdict = judge(facts, claim, bytes);
        EXPECT_FALSE(verdict.has_value());
        return verdict.has_value() ? OpeningError{} : verdict.error();
    };
    Claim claim = o.claim;
    claim.tile = 999;
    EXPECT_EQ(error_of(o.c->facts, claim), OpeningError::no_such_claim);
    claim = o.claim;
    claim.item = 1;
    EXPECT_EQ(error_of(o.c->facts, claim), OpeningError::no_such_claim);
    claim = o.claim;
    claim.step = 32;
    EXPECT_EQ(error_of(o.c->facts, claim), OpeningError::no_such_claim);
    claim = o.claim;
    claim.instruction = 0;
    EXPECT_EQ(error_of(o.c->facts, claim), OpeningError::no_such_claim);
    claim = o.claim;
    claim.instruction += 1;
    EXPECT_EQ(error_of(o.c->facts, claim), OpeningError::wrong_record);
    Facts facts = o.c->facts;
    facts.unit = 3;
    EXPECT_EQ(error_of(facts, o.claim), OpeningError::no_such_claim);
    facts = o.c->facts;
    facts.round = facts.frame.rounds;
    EXPECT_EQ(error_of(facts, o.claim), OpeningError::no_such_claim);
    facts = o.c->facts;
    facts.unit_root = facts.stage_root;
    EXPECT_EQ(error_of(facts, o.claim), OpeningError::wrong_root);
}

TEST(Judge, RefusesWhatTheStepDoesNotRead) {
    const Opened o;
    Openings more = o.openings;
    more.loop = LoopOpening{};
    EXPECT_EQ(o.error(more), OpeningError::unneeded);
    more = o.openings;
    more.after = StateLeaf{};
    EXPECT_EQ(o.error(more), OpeningError::unneeded);
    more = o.openings;
    more.before = StateOpening{};
    EXPECT_EQ(o.error(more), OpeningError::unneeded);
    more = o.openings;
    more.data = DataOpening{};
    EXPECT_EQ(o.error(more), OpeningError::unneeded);
    more = o.openings;
    more.tiles.push_back(more.tiles.back());
    EXPECT_EQ(o.error(more), OpeningError::wrong_tile);
    more.tiles.back().tile += 1;
    EXPECT_EQ(o.error(more), OpeningError::unneeded);
    more = o.openings;
    more.tensors.push_back(more.tensors.back());
    EXPECT_EQ(o.error(more), OpeningError::wrong_tensors);
    more = o.openings;
    more.tensors.pop_back();
    EXPECT_EQ(o.error(more), OpeningError::wrong_tensors);
}

TEST(DecodeOpenings, RefusesOversizeAndMalformedBytes) {
    const Opened o;
    const base::Bytes bytes = encode_openings(o.openings);
    EXPECT_EQ(decode_openings(bytes).value(), o.openings);
    EXPECT_EQ(decode_openings(base::Bytes(kOpeningBytesMax + 1)).error(), OpeningError::too_large);
    EXPECT_EQ(decode_openings({}).error(), OpeningError::malformed);
    for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 40) {
        EXPECT_EQ(decode_openings(base::ByteView(bytes).first(size)).error(),
                  OpeningError::malformed)
            << size;
    }
    base::Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_EQ(decode_openings(longer).error(), OpeningError::malformed);
    Openings large = o.openings;
    large.tiles[0].elements.resize(kTileBytesMax + 1);
    EXPECT_EQ(decode_openings(encode_openings(large)).error(), OpeningError::malformed);
    large = o.openings;
    large.instruction.record.resize(program::kRecordBytesMax + 1);
    EXPECT_EQ(decode_openings(encode_openings(large)).error(), OpeningError::malformed);
    large = o.openings;
    large.tiles.resize(kTilesMax + 1);
    EXPECT_EQ(decode_openings(encode_openings(large)).error(), OpeningError::malformed);
    large = o.openings;
    large.before = StateOpening{base::Bytes(kStateBytesMax + 1), {}};
    EXPECT_EQ(decode_openings(encode_openings(large)).error(), OpeningError::malformed);
}

/// Honest openings moved under another set of records.
Openings under_records(Openings openings, const ProgramRecords& records) {
    const auto reopen = [&records](RecordOpening& record) {
        record = open_record(records, record.leaf);
    };
    reopen(openings.instruction);
    for (TensorOpening& tensor : openings.tensors) {
        reopen(tensor.record);
        if (tensor.related) reopen(*tensor.related);
        if (tensor.origin == Origin::table || tensor.origin == Origin::constant) {
            tensor.proof =
                base::merkle_prove(base::MerkleFamily::blake2b, records.leaves, tensor.proof.index);
        }
    }
    return openings;
}

/// A submitter may post the root of any records. The referee answers; what, does not matter.
TEST(Judge, SurvivesProgramsThatBreakTheRules) {
    const Fixture fixture(testing::odd_program(), mixed_tokens(), 600);
    const ProgramRecords records(fixture.program);
    std::map<std::string_view, int> answers;
    for_each_kind(fixture, records, fixture.inputs(Stage::step), [&](const Case& c) {
        Place place = places_of(c).front();
        const auto states = c.states(place.cell);
        if (!states.empty()) place.claim.partial_root = partial_root(states);
        const Openings honest = c.open(place.claim, states);
        std::vector<std::uint32_t> targets = {honest.instruction.leaf};
        for (const TensorOpening& tensor : honest.tensors) targets.push_back(tensor.record.leaf);
        for (const std::uint32_t target : targets) {
            for (std::size_t byte = 0; byte < records.records[target].size(); ++byte) {
                for (const unsigned bit : {0U, 3U, 5U, 7U}) {
                    ProgramRecords broken = records;
                    broken.records[target][byte] ^= static_cast<std::uint8_t>(1U << bit);
                    broken.leaves[target] =
                        base::merkle_leaf(base::MerkleFamily::blake2b, broken.records[target]);
                    broken.frame.records_root =
                        base::merkle_root(base::MerkleFamily::blake2b, broken.leaves);
                    Facts facts = c.facts;
                    facts.frame = broken.frame;
                    const auto verdict =
                        judge(facts, place.claim, encode_openings(under_records(honest, broken)));
                    ++answers[verdict ? "verdict" : name_of(verdict.error())];
                }
            }
        }
    });
    for (const char* answer :
         {"verdict", "bad_record", "unjudgeable", "wrong_tensors", "wrong_root"})
        EXPECT_GT(answers[answer], 20) << answer;
}

/// The claims of docs/formats/openings.md about the tiny program's step.
TEST(Formats, OpeningsPageShowsWhatTheCodeWrites) {
    const Fixture fixture(program::TinyProgram::make(), {5, 6, 7, 8}, 4);
    const ProgramRecords records(fixture.program);
    StageInputs inputs = fixture.inputs(Stage::step);
    inputs.start = &fixture.start;
    inputs.step = inputs.lane = 0;
    inputs.descriptor = commit::descriptor_leaf(fixture.opening);
    const StageTrace stage = trace_stage(inputs);
    const UnitTrace unit = trace_unit(inputs, 0);
    const auto golden = testing::golden_of("openings.md");
    EXPECT_EQ(golden.at("stage_root"), stage.root().hex());
    const auto digest = [](const base::Bytes& bytes) {
        return base::blake2b("assay.test", bytes).hex();
    };
    EXPECT_EQ(golden.at("frame_digest"), digest(open_frame(records)));
    const auto bytes_of = [&](std::uint32_t instruction, std::uint32_t step,
                              const base::Hash& root) {
        const Case c(fixture, records, inputs, stage, unit, 0, instruction);
        const auto states = c.states({0, 0, 0, 1, 1});
        const Claim claim{instruction, 0, 0, step, states.empty() ? root : partial_root(states)};
        EXPECT_EQ(c.judged(claim, states).value(), Verdict::upheld);
        return encode_openings(c.open(claim, states));
    };
    EXPECT_EQ(golden.at("load"), base::to_hex(bytes_of(4, 0, {})));
    EXPECT_EQ(golden.at("map_digest"), digest(bytes_of(5, 0, {})));
    EXPECT_EQ(golden.at("matmul_step_digest"), digest(bytes_of(6, 0, {})));
    EXPECT_EQ(golden.at("matmul_end_digest"), digest(bytes_of(6, 1, {})));
}

/// Whatever bit of honest openings is flipped: no honest asserter loses by it.
TEST(Judge, NoFlippedBitRefutesAnHonestClaim) {
    const Fixture fixture(testing::ragged_gpt());
    const ProgramRecords records(fixture.program);
    for_each_kind(fixture, records, fixture.inputs(Stage::step), [](const Case& c) {
        Place place = places_of(c).front();
        const auto states = c.states(place.cell);
        if (!states.empty()) place.claim.partial_root = partial_root(states);
        const base::Bytes honest = encode_openings(c.open(place.claim, states));
        for (std::size_t i = 0; i < honest.size(); i += 1 + honest.size() / 61) {
            base::Bytes bytes = honest;
            bytes[i] ^= static_cast<std::uint8_t>(1U << (i % 8));
            const auto verdict = judge(c.facts, place.claim, bytes);
            EXPECT_FALSE(verdict.has_value() && *verdict == Verdict::refuted)
                << c.name() << " byte " << i;
        }
    });
}

}  // namespace
}  // namespace assay::dispute
