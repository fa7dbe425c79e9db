#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "../unit/commit/fixtures.h"
#include "../unit/program/tiny_program.h"
#include "base/encoding.h"
#include "commit/checkpoint.h"
#include "dispute/answers.h"
#include "dispute/ledger_referee.h"
#include "market/draw.h"
#include "market/genesis.h"
#include "program/cells.h"

namespace assay {
namespace {

base::Hash filled(std::uint8_t byte) {
    base::Hash hash;
    hash.bytes.fill(byte);
    return hash;
}

TEST(FormatPages, Genesis) {
    market::Genesis genesis;
    genesis.chain_name = "example";
    genesis.time = {1'700'000'000'000};
    genesis.operator_key = base::SecretKey::from_seed(filled(1).view()).public_key();
    genesis.parameters = market::demo_parameters();
    market::GenesisAccount account;
    account.cold = base::SecretKey::from_seed(filled(2).view()).public_key();
    account.hot = base::SecretKey::from_seed(filled(3).view()).public_key();
    account.vrf = base::SecretKey::from_seed(filled(4).view()).public_key();
    account.balance = base::Amount::of(5);
    account.validator_stake = base::Amount::of(1'000'000);
    account.validator = market::GenesisValidator{"f32", 7};
    genesis.accounts.push_back(account);
    ASSERT_FALSE(market::check_genesis(genesis).has_value());

    const auto golden = commit::golden_of("genesis.md");
    EXPECT_EQ(golden.at("genesis"), base::to_hex(market::encode_genesis(genesis)));
    EXPECT_EQ(golden.at("chain_id"), market::chain_id(genesis).hex());
    EXPECT_EQ(golden.at("supply"), market::genesis_supply(genesis).decimal());
    const auto bytes = base::from_hex(golden.at("genesis"));
    ASSERT_TRUE(bytes.has_value());
    EXPECT_EQ(market::decode_genesis(*bytes).value(), genesis);
}

TEST(FormatPages, Checkpoint) {
    market::JobSpec spec = commit::small_mlp();
    spec.model = market::MlpModel{{}, market::Activation::relu, 1, 0};
    spec.data = market::TableData{{}, 40, 30, 1, 2};
    const program::Program program = commit::program_of(spec);
    commit::State state = commit::State::zeros(program);
    state.tensors.front().f32()[0] = 1.0F;
    commit::StateDescriptor descriptor;
    descriptor.spec_root = filled(1);
    descriptor.program_root = filled(2);
    descriptor.step = 3;
    descriptor.round_start_root = filled(4);

    const auto golden = commit::golden_of("checkpoint.md");
    const commit::TemporaryFolder folder;
    const auto saved = commit::save_state(folder / "state", program, state, descriptor);
    ASSERT_TRUE(saved.has_value());
    EXPECT_EQ(golden.at("state"), base::to_hex(commit::read_file(folder / "state")));
    EXPECT_EQ(golden.at("state_blob"), saved->blob.hash.hex());
    EXPECT_EQ(golden.at("state_root"), commit::state_root(program, state, descriptor).hex());

    const auto bytes = base::from_hex(golden.at("state"));
    ASSERT_TRUE(bytes.has_value());
    commit::write_file(folder / "page", *bytes);
    EXPECT_TRUE(commit::load_state(folder / "page", program, descriptor,
                                   commit::state_root(program, state, descriptor))
                    .has_value());

    const commit::ResumePoint point{descriptor, filled(5), state.clone()};
    ASSERT_TRUE(commit::save_resume_point(folder / "resume", program, point).has_value());
    EXPECT_EQ(golden.at("resume"), base::to_hex(commit::read_file(folder / "resume")));
}

std::string text_of(const std::vector<program::CellPlace>& places) {
    std::string text;
    for (const program::CellPlace& place : places) {
        if (!text.empty()) text += ' ';
        text += std::to_string(place.step) + '.' + std::to_string(place.unit) + '.' +
                std::to_string(place.instruction) + '.' + std::to_string(place.tile);
    }
    return text;
}

TEST(FormatPages, Cells) {
    using program::CellStage;
    base::VrfOutput spot{};
    for (std::size_t i = 0; i < spot.size(); ++i) spot[i] = static_cast<std::uint8_t>(i);
    const program::Program tiny = program::TinyProgram::make(),
                           gpt = commit::program_of(commit::small_gpt());

    const auto golden = commit::golden_of("cells.md");
    EXPECT_EQ(golden.at("tiny_segment"),
              text_of(program::choose_cells(tiny, {CellStage::segment, 3, false}, spot)));
    EXPECT_EQ(golden.at("gpt_init"),
              text_of(program::choose_cells(gpt, {CellStage::init, 1, false}, spot)));
    EXPECT_EQ(golden.at("gpt_segment"),
              text_of(program::choose_cells(gpt, {CellStage::segment, 20, true}, spot)));
    EXPECT_EQ(golden.at("gpt_merge"),
              text_of(program::choose_cells(gpt, {CellStage::merge, 1, false}, spot)));

    program::Tensor tensor;
    tensor.name = "example";
    tensor.rows = 33;
    tensor.cols = 2;
    std::array<float, 66> elements{};
    for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<float>(i) / 2;
    EXPECT_EQ(
        golden.at("leaf"),
        commit::tile_leaf({&tensor, reinterpret_cast<const std::byte*>(elements.data())}, 1).hex());

    std::vector<base::Hash> cells;
    for (std::uint8_t i = 0; i < program::kCells; ++i)
        cells.push_back(filled(static_cast<std::uint8_t>(i + 2)));
    EXPECT_EQ(golden.at("digest"), market::cells_digest(filled(1), cells).hex());
    std::swap(cells[0], cells[1]);
    EXPECT_NE(golden.at("digest"), market::cells_digest(filled(1), cells).hex());
}

TEST(FormatPages, Questions) {
    market::JobSpec spec = commit::small_mlp();
    spec.model = market::MlpModel{{}, market::Activation::relu, 1, 0};
    spec.data = market::TableData{{}, 40, 30, 1, 2};
    const program::Program program = commit::program_of(spec);
    commit::State state = commit::State::zeros(program);
    state.tensors.front().f32()[0] = 1.0F;
    market::QuestionSubject subject;
    subject.spec = market::encode_spec(spec);
    subject.program_root = filled(2);
    subject.lane = 1;
    subject.step = 3;
    subject.round_start_root = filled(4);
    const auto descriptor = commit::lane_descriptor(
        {market::spec_root(subject.spec), subject.program_root, spec.profile}, 0, 1, 3, filled(4));
    subject.root = commit::state_root(program, state, descriptor);

    const auto golden = commit::golden_of("questions.md");
    const dispute::LedgerReferee referee;
    const auto opened = referee.open_question(subject);
    EXPECT_EQ(golden.at("opened"), base::to_hex(opened.question));
    const auto answer =
        dispute::answer_question(opened.question, dispute::elements_of(state.tensors));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(golden.at("answer"), base::to_hex(*answer));
    const auto shown = referee.answer(opened.question, *answer);
    ASSERT_TRUE(shown.has_value());
    EXPECT_EQ(golden.at("shown"), base::to_hex(shown->question));
    EXPECT_EQ(
        golden.at("front"),
        base::blake2b("assay.test", dispute::TreeLayout::of(dispute::tree_terms(subject))->front())
            .hex());

    market::JobSpec large = commit::small_gpt();
    large.model = market::GptModel{12, 12, 768, 1024, true, market::Activation::gelu_tanh, 0};
    auto& data = std::get<market::TokenData>(large.data);
    data.tokeniser = market::Tokeniser::pretokenised;
    data.characters.clear();
    data.vocabulary = 50'257;
    subject.spec = market::encode_spec(large);
    const auto layout = dispute::TreeLayout::of(dispute::tree_terms(subject));
    ASSERT_TRUE(layout.has_value());
    const dispute::Cut cut = dispute::cut_for_hashes(*layout, layout->root());
    base::Encoder nodes;
    for (const dispute::TreeNode& node : cut.nodes())
        nodes.u32(node.leaf).u32(node.leaves).u64(node.tile).u64(node.tiles);
    EXPECT_EQ(cut.nodes().size(), 2'048U);
    EXPECT_EQ(golden.at("cut"), base::blake2b("assay.test", nodes.view()).hex());
}

}  // namespace
}  // namespace assay
