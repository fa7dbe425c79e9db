#include "market/referee.h"

#include <algorithm>

#include "base/encoding.h"
#include "market/draw.h"
#include "market/job_spec.h"

namespace assay::market {

namespace {

/// A round has at most as many members as a job has lanes.
constexpr std::uint32_t kPayloadsMax = 1U << 16U;

/// One of init to `last`.
GameStage stage_from(base::Decoder& in, GameStage last) {
    const std::uint8_t stage = in.u8();
    if (stage < static_cast<std::uint8_t>(GameStage::init) ||
        stage > static_cast<std::uint8_t>(last)) {
        in.fail();
        return GameStage::init;
    }
    return static_cast<GameStage>(stage);
}

}  // namespace

base::Bytes encode(const GameSubject& subject) {
    base::Encoder out;
    out.bytes(subject.spec).hash(subject.program_root).u8(static_cast<std::uint8_t>(subject.stage));
    out.u32(subject.round).u32(subject.lane).u32(subject.first_step).u32(subject.steps);
    out.hash(subject.round_start_root)
        .hash(subject.previous_round_root)
        .hash(subject.start_root)
        .hash(subject.asserted);
    out.boolean(subject.closes_round).u32(static_cast<std::uint32_t>(subject.payload_roots.size()));
    for (const base::Hash& root : subject.payload_roots) out.hash(root);
    if (subject.stage == GameStage::cell)
        out.u8(static_cast<std::uint8_t>(subject.about)).raw(subject.spot).u32(subject.cell);
    return out.take();
}

std::optional<GameSubject> decode_subject(base::ByteView bytes) {
    base::Decoder in(bytes);
    GameSubject subject;
    subject.spec = in.bytes(kSpecBytesMax);
    subject.program_root = in.hash();
    subject.stage = stage_from(in, GameStage::cell);
    subject.round = in.u32();
    subject.lane = in.u32();
    subject.first_step = in.u32();
    subject.steps = in.u32();
    subject.round_start_root = in.hash();
    subject.previous_round_root = in.hash();
    subject.start_root = in.hash();
    subject.asserted = in.hash();
    subject.closes_round = in.boolean();
    const std::uint32_t payloads = in.length(kPayloadsMax);
    for (std::uint32_t i = 0; i < payloads && in.ok(); ++i)
        subject.payload_roots.push_back(in.hash());
    if (subject.stage == GameStage::cell) {
        subject.about = stage_from(in, GameStage::merge);
        const base::Bytes spot = in.raw(subject.spot.size());
        if (spot.size() == subject.spot.size())
            std::copy(spot.begin(), spot.end(), subject.spot.begin());
        subject.cell = in.u32();
        if (subject.cell >= kCells) in.fail();
    }
    if (!in.finished()) return std::nullopt;
    return subject;
}

}  // namespace assay::market
