#include "prover/player.h"

#include "desk.h"

namespace assay::dispute {

using base::Hash;

std::string_view name_of(Ground ground) {
    switch (ground) {
        case Ground::plays:
            return "plays";
        case Ground::own_root:
            return "own_root";
        case Ground::scalar:
            return "scalar";
    }
    return "unknown";
}

namespace {

/// One side's decision in one game.
class Turn {
  public:
    Turn(const Game& game, Side side, History& history, const PlayerOptions& options)
        : game_(game), side_(side), history_(history), options_(options) {}

    MoveResult decide() {
        switch (game_.phase()) {
            case Phase::statement:
                return statement();
            case Phase::half:
                return half();
            case Phase::roots:
                return roots();
            case Phase::pick_root:
                return pick_root();
            case Phase::stage:
                return by_trace(true);
            case Phase::contest:
                // Where no earlier move of the challenger led to the stage, its first one is here.
                return by_trace(began_with_a_stage() && is_first_contest());
            case Phase::unit:
                return by_trace(is_first_of_cell());
            case Phase::spot:
            case Phase::tensor:
            case Phase::children:
            case Phase::pick_child:
            case Phase::tile:
            case Phase::cell:
            case Phase::partial:
            case Phase::openings:
            case Phase::leaves:
            case Phase::objection:
            case Phase::source:
            case Phase::reply:
                return by_trace(false);
            case Phase::over:
                break;
        }
        return tl::unexpected(PlayFailure{PlayError::over, ""});
    }

  private:
    [[nodiscard]] bool began_with_a_stage() const {
        const Terms& terms = game_.terms();
        if (terms.is_about_cell()) return game_.in_cell_stage() && !terms.cell_follows_steps();
        return !terms.closes_round && terms.steps == 1;
    }
    [[nodiscard]] bool is_first_of_cell() const {
        return game_.in_cell_unit() && game_.cell_position() == 0;
    }
    [[nodiscard]] bool is_first_contest() const {
        return game_.list() == Game::List::units ||
               (game_.list() == Game::List::outputs && is_first_of_cell());
    }

    MoveResult statement() {
        const Terms& terms = game_.terms();
        PostStatement post;
        if (terms.is_about_cell()) {
            const auto before = history_.root_before_cell();
            if (!before) return tl::unexpected(before.error());
            return plays(PostStatement{open_frame(history_.records()), *before, {}});
        }
        const auto state = history_.root_after(terms.steps);
        if (!state) return tl::unexpected(state.error());
        post.state_root = *state;
        if (terms.closes_round) {
            const auto payload = history_.payload_root();
            if (!payload) return tl::unexpected(payload.error());
            post.payload_root = *payload;
        }
        if (end_of(terms, post) != terms.asserted) return resigns(Ground::own_root);
        post.frame = open_frame(history_.records());
        return plays(std::move(post));
    }

    /// Of the cell only with the right state before it.
    MoveResult half_of_cell() {
        const auto before = history_.root_before_cell();
        if (!before) return tl::unexpected(before.error());
        if (*before != game_.disputed_root()) {
            if (game_.terms().cell.steps > 1) return plays(PickHalf{false});
            return checked({Stage::step, 0}, PickHalf{false});
        }
        const auto cell = history_.cell_hash();
        if (!cell) return tl::unexpected(cell.error());
        if (*cell == game_.terms().asserted) return resigns(Ground::own_root);
        return checked(history_.cell_place(), PickHalf{true});
    }

    MoveResult half() {
        const Terms& terms = game_.terms();
        if (terms.is_about_cell()) return half_of_cell();
        const auto state = history_.root_after(terms.steps);
        if (!state) return tl::unexpected(state.error());
        if (*state != game_.disputed_root()) {
            if (terms.steps > 1) return plays(PickHalf{false});
            return checked({Stage::step, 0}, PickHalf{false});
        }
        const auto payload = history_.payload_root();
        if (!payload) return tl::unexpected(payload.error());
        if (*payload == game_.stated_payload_root()) return resigns(Ground::own_root);
        return checked({Stage::payload, terms.steps}, PickHalf{true});
    }

    MoveResult roots() {
        PostRoots post;
        for (const std::uint32_t point : game_.points()) {
            const auto root = history_.root_after(point);
            if (!root) return tl::unexpected(root.error());
            post.roots.push_back(*root);
        }
        const auto end = history_.root_after(game_.steps().second);
        if (!end) return tl::unexpected(end.error());
        if (*end != game_.disputed_root()) return resigns(Ground::own_root);
        return plays(std::move(post));
    }

    MoveResult pick_root() {
        std::vector<std::uint32_t> at = game_.points();
        std::vector<Hash> posted = game_.posted();
        const auto [low, high] = game_.steps();
        at.push_back(high);
        posted.push_back(game_.disputed_root());
        for (std::uint32_t i = 0; i < at.size(); ++i) {
            const auto root = history_.root_after(at[i]);
            if (!root) return tl::unexpected(root.error());
            if (*root == posted[i]) continue;
            const std::uint32_t from = i == 0 ? low : at[i - 1];
            if (at[i] - from > 1) return plays(Pick{i});
            return checked({Stage::step, from}, Pick{i});
        }
        return resigns(Ground::own_root);
    }

    /// The move, unless the scalar definition disowns what the side computed of the stage.
    MoveResult checked(const Place& place, Move move) {
        if (options_.scalar_check) {
            const auto stage = history_.at(place);
            if (!stage) return tl::unexpected(stage.error());
            if (!(*stage)->scalar_agrees()) return resigns(Ground::scalar);
        }
        return plays(std::move(move));
    }

    /// Whether what the side computed itself is the other's.
    History::Result<bool> is_wrong() {
        if (game_.in_cell_stage()) {
            const auto cell = history_.cell_hash();
            if (!cell) return tl::unexpected(cell.error());
            return (*cell == game_.terms().asserted) != (side_ == Side::asserter);
        }
        const bool payload = game_.facts().stage == Stage::payload;
        const auto end =
            payload ? history_.payload_root() : history_.root_after(game_.steps().second);
        if (!end) return tl::unexpected(end.error());
        return (*end == game_.disputed_root()) != (side_ == Side::asserter);
    }

    MoveResult by_trace(bool first) {
        if (first) {
            const auto wrong = is_wrong();
            if (!wrong) return tl::unexpected(wrong.error());
            if (*wrong) return resigns(Ground::own_root);
        }
        const auto stage = history_.at(place_of(game_));
        if (!stage) return tl::unexpected(stage.error());
        if (first && options_.scalar_check && !(*stage)->scalar_agrees())
            return resigns(Ground::scalar);
        Desk desk(game_, **stage);
        return side_ == Side::asserter ? assert_by_trace(desk) : challenge_by_trace(desk);
    }

    const Game& game_;
    const Side side_;
    History& history_;
    const PlayerOptions& options_;
};

}  // namespace

Player::Player(const Terms& terms, Side side, History& history, PlayerOptions options)
    : terms_(terms), side_(side), history_(history), options_(options) {}

Player::Player(const market::GameSubject& subject, Side side, History& history,
               PlayerOptions options)
    : Player(terms_of(subject), side, history, options) {}

tl::expected<Decision, PlayFailure> Player::next(base::ByteView bytes) {
    const auto game = decode_game(bytes);
    if (!game) return tl::unexpected(PlayFailure{PlayError::not_a_game, ""});
    const base::Hash program_root =
        base::Hasher("assay.program").add(history_.records().frame.records_root).finish();
    if (game->terms() != terms_ || program_root != terms_.job.program_root)
        return tl::unexpected(PlayFailure{PlayError::other_subject, ""});
    if (game->winner()) return tl::unexpected(PlayFailure{PlayError::over, ""});
    if (game->turn() != side_) return tl::unexpected(PlayFailure{PlayError::not_our_turn, ""});
    return Turn(*game, side_, history_, options_).decide();
}

}  // namespace assay::dispute
