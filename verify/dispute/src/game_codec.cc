#include "codec.h"
#include "dispute/game.h"
#include "program/record.h"

namespace assay::dispute {

using base::Decoder;
using base::Encoder;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kProfileBytesMax = 32;
/// More members than a job can have lanes.
constexpr std::uint32_t kMembersMax = 1024;

template <class Enum>
Enum get_enum(Decoder& decoder, Enum first, Enum last) {
    const std::uint8_t value = decoder.u8();
    if (value < static_cast<std::uint8_t>(first) || value > static_cast<std::uint8_t>(last)) {
        decoder.fail();
        return first;
    }
    return static_cast<Enum>(value);
}

void put_terms(Encoder& encoder, const Terms& terms) {
    encoder.hash(terms.job.spec_root).hash(terms.job.program_root).text(terms.job.profile);
    encoder.id(terms.data_root).u64(terms.data_bytes).u64(terms.train_count).u32(terms.row_words);
    encoder.u8(static_cast<std::uint8_t>(terms.stage)).u32(terms.round).u32(terms.lane);
    encoder.u32(terms.first_step).u32(terms.steps);
    encoder.hash(terms.round_start_root).hash(terms.previous_round_root);
    encoder.hash(terms.start_root).hash(terms.asserted).boolean(terms.closes_round);
    put_hashes(encoder, terms.payload_roots);
    encoder.u32(terms.fan_out);
    if (!terms.is_about_cell()) return;
    const DisputedCell& cell = terms.cell;
    encoder.u8(static_cast<std::uint8_t>(terms.about));
    encoder.u8(static_cast<std::uint8_t>(cell.unit.part)).u32(cell.unit.index);
    encoder.u32(cell.steps).u32(cell.instruction).u32(cell.tile);
}

Terms get_terms(Decoder& decoder) {
    Terms terms;
    terms.job.spec_root = decoder.hash();
    terms.job.program_root = decoder.hash();
    terms.job.profile = decoder.text(kProfileBytesMax);
    terms.data_root = decoder.id_of<base::BlobRoot>();
    terms.data_bytes = decoder.u64();
    terms.train_count = decoder.u64();
    terms.row_words = decoder.u32();
    terms.stage = get_enum(decoder, market::GameStage::init, market::GameStage::cell);
    for (std::uint32_t* field : {&terms.round, &terms.lane, &terms.first_step, &terms.steps})
        *field = decoder.u32();
    for (base::Hash* field : {&terms.round_start_root, &terms.previous_round_root,
                              &terms.start_root, &terms.asserted}) {
        *field = decoder.hash();
    }
    terms.closes_round = decoder.boolean();
    terms.payload_roots = get_hashes(decoder, kMembersMax);
    terms.fan_out = decoder.u32();
    if (!terms.is_about_cell()) return terms;
    DisputedCell& cell = terms.cell;
    terms.about = get_enum(decoder, market::GameStage::init, market::GameStage::merge);
    cell.unit.part = get_enum(decoder, program::Part::init, program::Part::merge);
    for (std::uint32_t* field : {&cell.unit.index, &cell.steps, &cell.instruction, &cell.tile})
        *field = decoder.u32();
    return terms;
}

void put_frame(Encoder& encoder, const ProgramFrame& frame) {
    encoder.hash(frame.records_root).u64(frame.seed);
    for (const std::uint32_t field :
         {frame.lanes, frame.rounds, frame.round_steps, frame.batch, frame.sequence_rows,
          frame.tensors, frame.instructions, frame.tables, frame.constants}) {
        encoder.u32(field);
    }
    for (const auto& [first, last] : frame.ranges) encoder.u32(first).u32(last);
}

ProgramFrame get_frame(Decoder& decoder) {
    ProgramFrame frame;
    frame.records_root = decoder.hash();
    frame.seed = decoder.u64();
    for (std::uint32_t* field :
         {&frame.lanes, &frame.rounds, &frame.round_steps, &frame.batch, &frame.sequence_rows,
          &frame.tensors, &frame.instructions, &frame.tables, &frame.constants}) {
        *field = decoder.u32();
    }
    for (auto& [first, last] : frame.ranges) {
        first = decoder.u32();
        last = decoder.u32();
        if (first > last || last > frame.instructions) decoder.fail();
    }
    return frame;
}

void put_search(Encoder& encoder, const Search& search) {
    encoder.hash(search.node).u64(search.first).u64(search.count);
}

Search get_search(Decoder& decoder) {
    Search search;
    search.node = decoder.hash();
    search.first = decoder.u64();
    search.count = decoder.u64();
    return search;
}

}  // namespace

class GameCodec {
  public:
    static void put(Encoder& encoder, const Game& game) {
        encoder.u8(kFormat);
        put_terms(encoder, game.terms_);
        encoder.u8(static_cast<std::uint8_t>(game.phase_));
        encoder.u8(game.winner_ ? static_cast<std::uint8_t>(*game.winner_) : 0);
        encoder.boolean(game.traced_).boolean(game.payload_).hash(game.payload_root_);
        put_frame(encoder, game.facts_.frame);
        encoder.u32(game.low_).u32(game.high_).hash(game.low_root_).hash(game.high_root_);
        put_hashes(encoder, game.posted_);
        encoder.bytes(game.tile_).u8(static_cast<std::uint8_t>(game.list_));
        put_search(encoder, game.search_);
        put_search(encoder, game.left_);
        encoder.hash(game.leaf_).u32(game.gap_first_).u32(game.gap_end_).boolean(game.as_it_was_);
        encoder.hash(game.outputs_).hash(game.accumulators_).boolean(game.in_unit_);
        encoder.u32(game.facts_.unit).hash(game.facts_.stage_root).hash(game.facts_.unit_root);
        const Claim& claim = game.claim_;
        encoder.u32(claim.instruction).u32(claim.tile).u32(claim.item).u32(claim.step);
        encoder.hash(claim.partial_root).boolean(game.output_.has_value());
        if (game.output_) {
            encoder.bytes(program::instruction_record(game.output_->instruction));
            encoder.bytes(program::tensor_record(game.output_->tensor));
        }
    }

    static std::optional<Game> get(Decoder& decoder) {
        if (decoder.u8() != kFormat) return std::nullopt;
        const Terms terms = get_terms(decoder);
        if (!decoder.ok() || !are_sound(terms)) return std::nullopt;
        Game game(terms);
        game.phase_ = get_enum(decoder, Phase::statement, Phase::over);
        const std::uint8_t winner = decoder.u8();
        if (winner > 2 || (winner != 0) != (game.phase_ == Phase::over)) return std::nullopt;
        if (winner != 0) game.winner_ = static_cast<Side>(winner);
        game.traced_ = decoder.boolean();
        game.payload_ = decoder.boolean();
        game.payload_root_ = decoder.hash();
        game.facts_.frame = get_frame(decoder);
        get_place(decoder, game);
        if (!decoder.finished()) return std::nullopt;
        const std::uint32_t end = game.payload_ ? 1 : game.terms_.steps;
        if (game.low_ >= game.high_ || game.high_ > end) return std::nullopt;
        if (game.payload_ && !game.terms_.closes_round) return std::nullopt;
        if (game.phase_ > Phase::half) game.settle_facts();
        if (!stands(game)) return std::nullopt;
        return game;
    }

  private:
    static void get_place(Decoder& decoder, Game& game) {
        game.low_ = decoder.u32();
        game.high_ = decoder.u32();
        game.low_root_ = decoder.hash();
        game.high_root_ = decoder.hash();
        game.posted_ = get_hashes(decoder, kFanOutMax);
        game.tile_ = decoder.bytes(kTileBytesMax);
        game.list_ = get_enum(decoder, Game::List::units, Game::List::leaves);
        game.search_ = get_search(decoder);
        game.left_ = get_search(decoder);
        game.leaf_ = decoder.hash();
        game.gap_first_ = decoder.u32();
        game.gap_end_ = decoder.u32();
        game.as_it_was_ = decoder.boolean();
        game.outputs_ = decoder.hash();
        game.accumulators_ = decoder.hash();
        game.in_unit_ = decoder.boolean();
        game.facts_.unit = decoder.u32();
        game.facts_.stage_root = decoder.hash();
        game.facts_.unit_root = decoder.hash();
        Claim& claim = game.claim_;
        for (std::uint32_t* field : {&claim.instruction, &claim.tile, &claim.item, &claim.step})
            *field = decoder.u32();
        claim.partial_root = decoder.hash();
        if (!decoder.boolean()) return;
        const auto instruction = decode_instruction_record(decoder.bytes(program::kRecordBytesMax));
        const auto tensor = decode_tensor_record(decoder.bytes(program::kRecordBytesMax));
        if (!instruction || !tensor) {
            decoder.fail();
            return;
        }
        game.output_ = Game::Output{*instruction, *tensor};
    }

    /// Whether the next move finds what it is about.
    static bool stands(const Game& game) {
        const bool one_stage = game.high_ - game.low_ == 1;
        const bool settled = game.phase_ > Phase::half && game.phase_ < Phase::over;
        if (settled && game.facts_.unit >= game.facts_.unit_count()) return false;
        const Search& search = game.search_;
        const std::uint64_t places =
            game.list_ == Game::List::units ? game.facts_.unit_count() : UINT32_MAX;
        const bool searching = one_stage && search.count > 1 && search.count <= places &&
                               search.first <= places - search.count;
        switch (game.phase_) {
            case Phase::statement:
                return !game.payload_;
            case Phase::half:
                return !game.payload_ &&
                       (game.terms_.is_about_cell() ? game.terms_.cell_follows_steps()
                                                    : game.terms_.closes_round);
            case Phase::over:
                return true;
            case Phase::roots:
                return !one_stage;
            case Phase::pick_root:
                return !one_stage && game.posted_.size() == game.points().size();
            case Phase::children:
                return searching;
            case Phase::pick_child:
                return searching && game.posted_.size() ==
                                        child_counts(search.count, game.terms_.fan_out).size();
            case Phase::cell:
            case Phase::partial:
                return one_stage && game.output_.has_value();
            case Phase::contest:
                return one_stage && (game.output_.has_value() || game.list_ != Game::List::states);
            case Phase::objection:
                return one_stage && search.count > 0 && search.count <= places && search.first == 0;
            case Phase::source:
                return one_stage && game.left_.first <= places &&
                       game.left_.count == search.first - game.left_.first;
            case Phase::stage:
            case Phase::unit:
            case Phase::tensor:
            case Phase::tile:
            case Phase::openings:
            case Phase::leaves:
            case Phase::reply:
                return one_stage;
            case Phase::spot:
                return one_stage && game.in_cell_unit();
        }
        return false;
    }
};

base::Bytes encode_game(const Game& game) {
    Encoder encoder;
    GameCodec::put(encoder, game);
    return encoder.take();
}

std::optional<Game> decode_game(base::ByteView bytes) {
    if (bytes.size() > market::kGameBytesMax) return std::nullopt;
    Decoder decoder(bytes);
    return GameCodec::get(decoder);
}

}  // namespace assay::dispute
