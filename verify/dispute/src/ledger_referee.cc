#include "dispute/ledger_referee.h"

#include "base/check.h"
#include "dispute/game.h"
#include "dispute/job_facts.h"
#include "dispute/questions.h"

namespace assay::dispute {

namespace {

market::GameStatus status_of(const Game& game) {
    market::GameStatus status{encode_game(game), game.turn(), game.winner(), game.traced()};
    ASSAY_CHECK(status.game.size() <= market::kGameBytesMax);
    return status;
}

}  // namespace

tl::expected<market::JobFacts, market::SpecError> LedgerReferee::facts(const market::JobSpec& spec,
                                                                       base::ByteView) const {
    auto built = build_job(spec);
    if (!built) return tl::unexpected(std::move(built.error()));
    return built->facts;
}

market::GameStatus LedgerReferee::open(const market::GameSubject& subject) const {
    return status_of(Game(terms_of(subject)));
}

tl::expected<market::GameStatus, MoveRefusal> LedgerReferee::play(base::ByteView game, Side side,
                                                                  base::ByteView move) const {
    auto decoded = decode_game(game);
    ASSAY_CHECK(decoded.has_value());  // the ledger keeps what this class gave it
    const auto decoded_move = decode_move(move);
    if (!decoded_move) return tl::unexpected(MoveRefusal::malformed);
    if (const auto refusal = decoded->apply(side, *decoded_move)) return tl::unexpected(*refusal);
    return status_of(*decoded);
}

market::QuestionStatus LedgerReferee::open_question(const market::QuestionSubject& subject) const {
    return {encode_question(question_about(subject)), 0, false};
}

tl::expected<market::QuestionStatus, MoveRefusal> LedgerReferee::answer(
    base::ByteView question, base::ByteView bytes) const {
    auto opened = OpenedQuestion::read(question);
    if (!opened) return tl::unexpected(MoveRefusal::malformed);
    if (const auto refusal = opened->answer(bytes)) return tl::unexpected(*refusal);
    return opened->status();
}

tl::expected<market::QuestionStatus, MoveRefusal> LedgerReferee::ask(base::ByteView question,
                                                                     std::uint32_t child) const {
    auto opened = OpenedQuestion::read(question);
    if (!opened) return tl::unexpected(MoveRefusal::malformed);
    if (const auto refusal = opened->ask(child)) return tl::unexpected(*refusal);
    return opened->status();
}

tl::expected<bool, MoveRefusal> LedgerReferee::leaf_differs(base::ByteView question,
                                                            std::uint64_t leaf,
                                                            base::ByteView bytes) const {
    const auto opened = OpenedQuestion::read(question);
    if (!opened) return tl::unexpected(MoveRefusal::malformed);
    return opened->leaf_differs(leaf, bytes);
}

std::uint64_t LedgerReferee::blob_bytes(const market::QuestionSubject& subject) const {
    const auto layout = TreeLayout::of(tree_terms(subject));
    ASSAY_CHECK(layout.has_value());
    return layout->blob_bytes();
}

}  // namespace assay::dispute
