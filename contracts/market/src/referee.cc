#include "market/referee.h"

#include "base/archive.h"
#include "market/draw.h"
#include "market/job_spec.h"

namespace assay::market {

namespace {

/// Only a game about a cell has what chooses it.
template <class Archive, class Subject>
void visit(Archive archive, Subject& v) {
    archive(v.spec, v.program_root, v.stage, v.round, v.lane, v.first_step, v.steps,
            v.round_start_root, v.previous_round_root, v.start_root, v.asserted, v.closes_round,
            v.payload_roots);
    if (v.stage == GameStage::cell) archive(v.about, v.spot, v.cell);
}

}  // namespace

base::Bytes encode(const GameSubject& subject) {
    base::Encoder out;
    visit(base::Writer(out), subject);
    return out.take();
}

std::optional<GameSubject> decode_subject(base::ByteView bytes) {
    base::Decoder in(bytes);
    GameSubject subject;
    visit(base::Reader(in), subject);
    const bool possible = subject.spec.size() <= kSpecBytesMax &&
                          subject.about != GameStage::cell && subject.cell < kCells;
    if (!in.finished() || !possible) return std::nullopt;
    return subject;
}

}  // namespace assay::market
